/*
 * X-Gatehouse-Client and -Proto are believed: only workers and users of this machine who may
 * do everything anyway can connect (SO_PEERCRED), and workers set them themselves.
 */
#include "admin/access.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "admin/session.h"
#include "admin/token.h"
#include "common/clock.h"
#include "common/span.h"

/* What a scope brings with it. */
static unsigned
scopes_of(unsigned scopes)
{
	if (scopes & API_SCOPE_ADMIN)
		scopes |= API_SCOPE_READ;
	if (scopes & API_SCOPE_READ)
		scopes |= API_SCOPE_METRICS;
	return scopes;
}

/* The token of `Bearer TOKEN`; an empty span for another scheme. */
static struct span
bearer_of(const char *value)
{
	const struct span scheme = SPAN("Bearer ");
	const struct span s = span_of(value);

	if (s.n <= scheme.n || !span_eq_nocase((struct span){ s.p, scheme.n }, scheme))
		return (struct span){ "", 0 };
	return span_trim((struct span){ s.p + scheme.n, s.n - scheme.n });
}

void
access_cookie(const struct http_request *rq, char out[ACCESS_COOKIE_BYTES])
{
	const struct span name = SPAN(ACCESS_COOKIE "=");
	struct span rest = span_of(http_header(rq, "Cookie"));

	out[0] = '\0';
	while (rest.n > 0) {
		const char *end = memchr(rest.p, ';', rest.n);
		const size_t n = end != NULL ? (size_t)(end - rest.p) : rest.n;
		const struct span pair = span_trim((struct span){ rest.p, n });

		if (span_starts(pair, name) && pair.n - name.n == ACCESS_COOKIE_BYTES - 1) {
			memcpy(out, pair.p + name.n, ACCESS_COOKIE_BYTES - 1);
			out[ACCESS_COOKIE_BYTES - 1] = '\0';
			return;
		}
		rest.p += n + (end != NULL);
		rest.n -= n + (end != NULL);
	}
}

bool
access_is_https(const struct http_request *rq)
{
	const char *proto = http_header(rq, "X-Gatehouse-Proto");

	return proto != NULL && strcmp(proto, "https") == 0;
}

static struct access_refusal
identify_token(struct token_store *tokens, struct span secret, struct api_caller *out)
{
	static const struct access_refusal none = { 401, "invalid_token",
		"This admin token is wrong, expired or revoked." };
	struct token t;

	if (token_store_find(tokens, secret, clock_wall_ms(), &t) != 0)
		return none;
	out->kind = AUDIT_TOKEN;
	(void)snprintf(out->id, sizeof(out->id), "%s", t.id);
	out->scopes = scopes_of(t.scopes);
	return (struct access_refusal){ 0 };
}

static void
identify_session(
    struct session_store *sessions, const struct http_request *rq, struct api_caller *out)
{
	char cookie[ACCESS_COOKIE_BYTES];
	struct session s;

	access_cookie(rq, cookie);
	if (session_store_find(sessions, cookie, clock_wall_ms(), &s) == 0) {
		out->kind = AUDIT_SESSION;
		(void)snprintf(out->id, sizeof(out->id), "%s", s.id);
		out->scopes = scopes_of(API_SCOPE_ADMIN);
	}
	OPENSSL_cleanse(cookie, sizeof(cookie));
}

struct access_refusal
access_identify(
    const struct api_env *env, const struct http_request *rq, struct api_caller *out)
{
	const char *from = http_header(rq, "X-Gatehouse-Client");
	const char *authorization = http_header(rq, "Authorization");

	*out = (struct api_caller){ .kind = AUDIT_NOBODY };
	(void)snprintf(out->from, sizeof(out->from), "%s", from != NULL ? from : "local");
	if (authorization != NULL)
		return identify_token(env->tokens, bearer_of(authorization), out);
	identify_session(env->sessions, rq, out);
	return (struct access_refusal){ 0 };
}

/* Is origin, `https://host:port`, the one that the request went to? */
static bool
is_own_origin(const struct http_request *rq, const char *origin)
{
	const struct span scheme =
	    access_is_https(rq) ? SPAN("https://") : SPAN("http://");
	const struct span s = span_of(origin);

	return span_starts(s, scheme) &&
	    span_eq_nocase((struct span){ s.p + scheme.n, s.n - scheme.n },
		span_of(http_header(rq, "Host")));
}

/* Does it come from a page of ours, as far as the browser tells? */
static bool
is_own_page(const struct http_request *rq)
{
	const char *origin = http_header(rq, "Origin");
	const char *site = http_header(rq, "Sec-Fetch-Site");

	if (site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
		return false;
	return origin == NULL || is_own_origin(rq, origin);
}

static bool
has_csrf_token(const struct http_request *rq)
{
	const char *sent = http_header(rq, "X-CSRF-Token");
	char cookie[ACCESS_COOKIE_BYTES], wanted[SESSION_CSRF_BYTES + 1];
	bool same;

	access_cookie(rq, cookie);
	session_csrf(cookie, wanted);
	same = sent != NULL && strlen(sent) == SESSION_CSRF_BYTES &&
	    CRYPTO_memcmp(sent, wanted, SESSION_CSRF_BYTES) == 0;
	OPENSSL_cleanse(cookie, sizeof(cookie));
	OPENSSL_cleanse(wanted, sizeof(wanted));
	return same;
}

struct access_refusal
access_judge(const struct http_request *rq, const struct api_caller *caller,
    unsigned scope, bool is_change)
{
	if (is_change && caller->kind != AUDIT_TOKEN && !is_own_page(rq))
		return (struct access_refusal){ 403, "origin",
			"A page of another origin may not do this." };
	if (scope == 0)
		return (struct access_refusal){ 0 };
	if (caller->kind == AUDIT_NOBODY)
		return (struct access_refusal){ 401, "no_session",
			"Log in, or send an admin token as Authorization: Bearer." };
	if ((caller->scopes & scope) == 0)
		return (struct access_refusal){ 403, "scope",
			"This admin token's scopes do not allow this." };
	if (is_change && caller->kind == AUDIT_SESSION && !has_csrf_token(rq))
		return (struct access_refusal){ 403, "csrf",
			"The X-CSRF-Token header is missing or not this session's." };
	return (struct access_refusal){ 0 };
}
