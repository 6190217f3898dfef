/*
 * Who asks for something under /admin, and may they? A session's cookie, with its CSRF token
 * on what changes things, or a bearer admin token, which wins when both are there. Runs in
 * the admin process.
 */
#ifndef GATEHOUSE_ADMIN_ACCESS_H
#define GATEHOUSE_ADMIN_ACCESS_H

#include "admin/api.h"

#define ACCESS_COOKIE "gatehouse_session"

enum { ACCESS_COOKIE_BYTES = 44 }; /* a session token and a NUL */

/* A refusal: what to answer. */
struct access_refusal {
	int status; /* 0: none */
	const char *code;
	const char *message;
};

/*
 * Find out who asks. Nobody in particular is no fault: out->kind is AUDIT_NOBODY then, with
 * no scope. Returns a refusal for a bearer token that is none.
 */
struct access_refusal access_identify(
    const struct api_env *env, const struct http_request *rq, struct api_caller *out);

/*
 * May the caller do that?
 * scope  enum api_scope; 0: everybody may.
 * A change without a bearer token must come from our own page: Origin and Sec-Fetch-Site,
 * where they are sent; and, of a session that needs a scope, with its X-CSRF-Token.
 */
struct access_refusal access_judge(const struct http_request *rq,
    const struct api_caller *caller, unsigned scope, bool is_change);

/* The session token that the request carries, out[0] '\0' if none. Wipe it. */
void access_cookie(const struct http_request *rq, char out[ACCESS_COOKIE_BYTES]);

/* Was the request made over TLS? */
bool access_is_https(const struct http_request *rq);

#endif
