/*
 * Who is logged in. A session's token is 256 random bits, of which only the SHA-256 is kept;
 * it ends 24 hours after the login, after two hours without a request, at a logout, and with
 * a new ADMIN_PASSWORD. Sessions outlive the process in DATA_DIR/sessions.json; what can't be
 * written there is held in memory alone, with a warning. Runs in the admin process.
 */
#ifndef GATEHOUSE_ADMIN_SESSION_H
#define GATEHOUSE_ADMIN_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define SESSION_FILE "sessions.json"
#define SESSION_LIFE_MS INT64_C(86400000)
#define SESSION_IDLE_MS INT64_C(7200000)

enum {
	SESSION_MAX = 1000, /* the one idle for longest makes room */
	SESSION_ID_BYTES = 12,
	SESSION_TOKEN_BYTES = 43, /* base64url of 256 bits */
	SESSION_CSRF_BYTES = 64,
	SESSION_FROM_BYTES = 64
};

/* A session as others may see it. Times are ms since 1970. */
struct session {
	char id[SESSION_ID_BYTES + 1];
	char from[SESSION_FROM_BYTES]; /* the address of the login */
	int64_t created_ms;
	int64_t seen_ms;
};

struct session_store;

/*
 * Read DATA_DIR/sessions.json, if there is one. Sessions that another password opened are
 * dropped; so is a file that makes no sense, with a warning.
 * password  borrowed for the call.
 * Returns 0, -ENOMEM, -ENAMETOOLONG or ERR_TLS.
 */
int session_store_create(const char *data_dir, const char *password, int64_t now_ms,
    struct session_store **out) MUSTCHECK;

/* Save what has changed, then free. Accepts NULL inside, leaves NULL. */
void session_store_destroy(struct session_store **s);

/*
 * Open a session.
 * token_out  NUL-terminated: to be sent in the cookie and wiped.
 * Returns 0 or ERR_TLS (no randomness).
 */
int session_store_open(struct session_store *s, const char *from, int64_t now_ms,
    char token_out[SESSION_TOKEN_BYTES + 1], struct session *out) MUSTCHECK;

/* The session of a token, which counts as a sign of life. Returns 0 or -ENOENT. */
int session_store_find(struct session_store *s, const char *token, int64_t now_ms,
    struct session *out) MUSTCHECK;

/* End one session, by its id, or all; how many ended. */
size_t session_store_end(struct session_store *s, const char *id);
size_t session_store_end_all(struct session_store *s);

/* The n-th living session, oldest login first. Returns 0 or -ENOENT. */
int session_store_at(
    struct session_store *s, size_t n, int64_t now_ms, struct session *out) MUSTCHECK;

/* Save signs of life, if there are any; to be called now and then. Returns 0 or -errno. */
int session_store_save(struct session_store *s);

/*
 * The CSRF token of a session, in hex: an HMAC under the session's token, so it need not be
 * kept and says nothing of it.
 */
void session_csrf(const char *token, char out[SESSION_CSRF_BYTES + 1]);

#endif
