/*
 * The JSON API under /admin/api/v1/: who asks (session cookie with its CSRF token, or a
 * bearer admin token), may they, which resource, in a table of routes (api.c); a file api_*.c
 * for each resource. The page talks to nothing else. Runs in the admin process.
 *
 * A handler answers through api_reply_*() exactly once: before it returns, or later after
 * api_defer(). Request and answer bodies are JSON objects; openapi.json has their shapes.
 */
#ifndef GATEHOUSE_ADMIN_API_H
#define GATEHOUSE_ADMIN_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "admin/audit.h"
#include "admin/flush.h"
#include "admin/http.h"
#include "admin/job.h"
#include "common/config.h"
#include "common/shared.h"

#define API_PREFIX "/admin/api/v1/"

enum {
	API_PARAMS_MAX = 2,
	API_ID_BYTES = 32,      /* of a session's or token's public id */
	API_ADDRESS_BYTES = 64, /* a client's address as text */
	API_PARAM_BYTES = 512   /* of one parameter, decoded */
};

/* What an admin token may do. Each includes those after it but metrics. */
enum api_scope {
	API_SCOPE_ADMIN = 1,
	API_SCOPE_READ = 2,
	API_SCOPE_METRICS = 4,
};

struct enforce;
struct key_cache;
struct key_census;
struct probe_room;
struct lockout;
struct login_queue;
struct query;
struct session_store;
struct token_store;

/* All that handlers work with; borrowed for the process's life. */
struct api_env {
	struct event_base *base;
	const struct config *config;
	const struct shared *shared;
	struct flush *flush;
	struct audit *audit;
	struct job_queue *jobs;
	struct enforce *enforce;
	struct key_cache *keys;    /* the job thread's */
	struct probe_room *probes; /* upstream/check */
	struct key_census *census;
	struct session_store *sessions;
	struct token_store *tokens;
	struct lockout *lockout;
	struct login_queue *logins;
	int reload_fd; /* one byte asks the master for a reload */
	pid_t master_pid;
	struct http_server *http;
};

/* Who asks, once that is known. */
struct api_caller {
	enum audit_actor_kind kind;   /* AUDIT_SESSION, AUDIT_TOKEN, or AUDIT_NOBODY */
	char id[API_ID_BYTES + 1];    /* public id, for the audit */
	char from[API_ADDRESS_BYTES]; /* the client's address */
	unsigned scopes;              /* enum api_scope, or-ed */
};

/* One request to the API, while its handler runs or, deferred, until it is answered. */
struct api_call {
	const struct api_env *env;
	struct http_request *rq;
	struct api_caller caller;
	char param[API_PARAMS_MAX][API_PARAM_BYTES]; /* {..} of the path, decoded, UTF-8, in order */
	json_t *body; /* an object; NULL where the method has none. The call's */

	/* of api.c alone: */
	struct query *query;
	bool answered;
	bool deferred;
};

typedef void (*api_handler)(struct api_call *call);

/* One resource and method. */
struct api_route {
	unsigned method; /* EVHTTP_REQ_* */
	const char *path; /* behind API_PREFIX, {name} stands for one segment: "keys/{id}/rotate" */
	unsigned scope; /* that the caller needs; 0: everybody */
	api_handler handle;
};

/* --- for handlers --- */

/* The value of a query parameter, decoded; NULL if there is none. Borrowed for the call. */
const char *api_query(struct api_call *call, const char *name);

/*
 * Has the body none but these fields (NULL ends the list)? Else it is answered with 400
 * `unknown_field`, and the handler is done.
 */
bool api_has_only(struct api_call *call, const char *const *names) MUSTCHECK;

/* Answer with JSON; body is taken over, NULL (no memory) becomes a 500. */
void api_reply(struct api_call *call, int status, json_t *body);

/* Answer 200 with a text of another type (CSV). */
void api_reply_text(struct api_call *call, const char *type, struct span text);

/* Answer 204. */
void api_reply_empty(struct api_call *call);

/* Answer {"error":{"message","type","param","code"}}; param names the field, may be NULL. */
void api_reply_fault(struct api_call *call, int status, const char *code,
    const char *param, const char *fmt, ...) PRINTF_LIKE(5, 6);

/*
 * Keep the call beyond the handler: the copy is the caller's, body moves with it. NULL
 * without memory; the call is answered 503 then.
 */
struct api_call *api_defer(struct api_call *call) MUSTCHECK;

/*
 * Take a deferred call up again, in the loop: answer it if this says true (false: the client
 * has gone; audit and the like are to be done all the same), then api_release() it.
 */
bool api_resume(struct api_call *call) MUSTCHECK;
void api_release(struct api_call **call);

/* Who asks, for audit_note(). Points into call. */
struct audit_actor api_actor(const struct api_call *call);

/* --- for room.c and api.c --- */

/* Let go of what a call holds. */
void api_fini(struct api_call *call);

/* Answer a request whose path begins with API_PREFIX. */
void api_handle(struct http_request *rq, const struct api_env *env);

/* --- resources: a table of routes each, their number beside it --- */
extern const struct api_route api_keys_routes[];
extern const size_t api_keys_n_routes;
extern const struct api_route api_settings_routes[]; /* settings, upstream/check */
extern const size_t api_settings_n_routes;
extern const struct api_route api_usage_routes[]; /* usage, models */
extern const size_t api_usage_n_routes;
extern const struct api_route api_status_routes[];
extern const size_t api_status_n_routes;
extern const struct api_route api_session_routes[]; /* session, sessions */
extern const size_t api_session_n_routes;
extern const struct api_route api_tokens_routes[];
extern const size_t api_tokens_n_routes;
extern const struct api_route api_audit_routes[]; /* audit, audit/verify, openapi.json */
extern const size_t api_audit_n_routes;

#endif
