/* session and sessions: who is logged in. See api.h. */
#include <string.h>

#include <openssl/crypto.h>

#include "admin/access.h"
#include "admin/api.h"
#include "admin/login.h"
#include "admin/session.h"
#include "common/clock.h"
#include "common/keyfile_time.h"

static void
show(struct api_call *call)
{
	char cookie[ACCESS_COOKIE_BYTES];

	if (call->caller.kind == AUDIT_NOBODY) {
		api_reply_fault(call, 401, "no_session", NULL, "Nobody is logged in.");
		return;
	}
	if (call->caller.kind == AUDIT_TOKEN) {
		api_reply(call, 200, login_json(call->env, &call->caller, NULL));
		return;
	}
	access_cookie(call->rq, cookie);
	api_reply(call, 200, login_json(call->env, &call->caller, cookie));
	OPENSSL_cleanse(cookie, sizeof(cookie));
}

static void
clear_cookie(struct api_call *call)
{
	http_add_header(call->rq, "Set-Cookie",
	    access_is_https(call->rq) ? ACCESS_COOKIE
		"=; Path=/admin; HttpOnly; SameSite=Strict; Max-Age=0; Secure"
				      : ACCESS_COOKIE
		"=; Path=/admin; HttpOnly; SameSite=Strict; Max-Age=0");
}

static void
log_out(struct api_call *call)
{
	const struct audit_actor who = api_actor(call);

	if (call->caller.kind != AUDIT_SESSION) {
		api_reply_fault(call, 409, "no_session", NULL,
		    "An admin token has no session to end; it can be revoked.");
		return;
	}
	(void)session_store_end(call->env->sessions, call->caller.id);
	audit_note(call->env->audit, &who, "session.logout", call->caller.id, NULL);
	clear_cookie(call);
	api_reply_empty(call);
}

static json_t *
session_json(const struct session *s, const struct api_caller *caller)
{
	char created[KEYFILE_TIME_TEXT_BYTES], seen[KEYFILE_TIME_TEXT_BYTES];

	keyfile_time_format(s->created_ms, created);
	keyfile_time_format(s->seen_ms, seen);
	return json_pack("{s:s, s:s, s:s, s:s, s:b}", "id", s->id, "created_at", created,
	    "last_seen_at", seen, "from", s->from, "current",
	    caller->kind == AUDIT_SESSION && strcmp(caller->id, s->id) == 0);
}

static void
list(struct api_call *call)
{
	json_t *v = json_array();
	struct session s;

	for (size_t i = 0; v != NULL &&
	     session_store_at(call->env->sessions, i, clock_wall_ms(), &s) == 0;
	     i++) {
		if (json_array_append_new(v, session_json(&s, &call->caller)) != 0) {
			json_decref(v);
			v = NULL;
		}
	}
	api_reply(call, 200, json_pack("{s:o}", "sessions", v));
}

static void
log_out_all(struct api_call *call)
{
	const struct audit_actor who = api_actor(call);
	const size_t n = session_store_end_all(call->env->sessions);

	audit_note(call->env->audit, &who, "session.logout_all", NULL,
	    json_pack("{s:I}", "sessions", (json_int_t)n));
	clear_cookie(call);
	api_reply_empty(call);
}

/* clang-format off */
const struct api_route api_session_routes[] = {
	{ EVHTTP_REQ_GET, "session", 0, show },
	{ EVHTTP_REQ_POST, "session", 0, login_handle },
	{ EVHTTP_REQ_DELETE, "session", API_SCOPE_METRICS, log_out },
	{ EVHTTP_REQ_GET, "sessions", API_SCOPE_ADMIN, list },
	{ EVHTTP_REQ_DELETE, "sessions", API_SCOPE_ADMIN, log_out_all },
};
/* clang-format on */
const size_t api_session_n_routes =
    sizeof(api_session_routes) / sizeof(api_session_routes[0]);
