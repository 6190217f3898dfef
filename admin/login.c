/* See login.h. A password is compared by its SHA-256 in constant time, and never kept. */
#include "admin/login.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <openssl/crypto.h>

#include "admin/access.h"
#include "admin/lockout.h"
#include "admin/session.h"
#include "admin/time_json.h"
#include "admin/token.h"
#include "common/addr.h"
#include "common/clock.h"
#include "common/keyfile.h"

enum { LOGIN_MAGIC = 0x6c6f6769, PASSWORD_SHORT = 12, COOKIE_BYTES = 192 };

struct waiting {
	LIST_ENTRY(waiting) link;
	uint32_t magic;
	struct login_queue *queue;
	struct api_call *call;
	struct event *timer;
	struct lockout_verdict verdict;
};

struct login_queue {
	struct event_base *base;
	LIST_HEAD(waiting_list, waiting) waiting;
	size_t n;
};

int
login_queue_create(struct event_base *base, struct login_queue **out)
{
	struct login_queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return -ENOMEM;
	q->base = base;
	LIST_INIT(&q->waiting);
	*out = q;
	return 0;
}

/* Free one that is in the list no more. */
static void
waiting_destroy(struct waiting *w)
{
	w->queue->n--;
	event_free(w->timer);
	api_release(&w->call);
	w->magic = 0;
	free(w);
}

void
login_queue_destroy(struct login_queue **qp)
{
	struct login_queue *q = *qp;
	struct waiting *w;

	if (q == NULL)
		return;
	while ((w = LIST_FIRST(&q->waiting)) != NULL) {
		LIST_REMOVE(w, link);
		waiting_destroy(w);
	}
	free(q);
	*qp = NULL;
}

/* --- what is answered --- */

/* What is wrong with the password itself, for who is logged in. */
static const char *
password_warning(const struct config *cfg)
{
	size_t n = 0;

	for (const char *p = cfg->admin_password; *p != '\0'; p++)
		n += ((unsigned char)*p & 0xC0u) != 0x80u;
	return n < PASSWORD_SHORT ? "ADMIN_PASSWORD has fewer than 12 characters." : NULL;
}

struct life {
	int64_t created_ms, expires_ms, idle_ms; /* 0: none */
};

static struct life
life_of_session(const struct api_env *env, const char *id)
{
	struct session s;

	for (size_t i = 0; session_store_at(env->sessions, i, clock_wall_ms(), &s) == 0;
	     i++) {
		if (strcmp(s.id, id) == 0)
			return (struct life){ s.created_ms, s.created_ms + SESSION_LIFE_MS,
				s.seen_ms + SESSION_IDLE_MS };
	}
	return (struct life){ 0 };
}

static struct life
life_of_token(const struct api_env *env, const char *id)
{
	const struct token *v = NULL;
	size_t n = 0;

	if (token_store_list(env->tokens, &v, &n) != 0)
		return (struct life){ 0 };
	for (size_t i = 0; i < n; i++) {
		if (strcmp(v[i].id, id) == 0)
			return (struct life){ v[i].created_ms, v[i].expires_ms, 0 };
	}
	return (struct life){ 0 };
}

json_t *
login_json(const struct api_env *env, const struct api_caller *caller, const char *token)
{
	const bool by_session = token != NULL;
	const struct life life = by_session ? life_of_session(env, caller->id)
					    : life_of_token(env, caller->id);
	char csrf[SESSION_CSRF_BYTES + 1] = "";
	json_t *o;

	if (by_session)
		session_csrf(token, csrf);
	o = json_pack("{s:b, s:s, s:s, s:o, s:s?, s:o, s:o, s:o, s:s?}", "authenticated",
	    1, "kind", by_session ? "session" : "token", "id", caller->id, "scopes",
	    by_session ? json_pack("[s]", "admin") : token_scopes_json(caller->scopes),
	    "csrf_token", by_session ? csrf : NULL, "created_at",
	    time_json(life.created_ms), "expires_at", time_json(life.expires_ms),
	    "idle_expires_at", time_json(life.idle_ms), "password_warning",
	    password_warning(env->config));
	OPENSSL_cleanse(csrf, sizeof(csrf));
	return o;
}

static void
reply_locked(struct api_call *call, uint32_t retry_ms)
{
	char seconds[16];

	(void)snprintf(seconds, sizeof(seconds), "%u", (retry_ms + 999) / 1000);
	http_add_header(call->rq, "Retry-After", seconds);
	api_reply_fault(call, 429, "locked", NULL,
	    "Too many wrong passwords from this address. Try again in %s seconds.",
	    seconds);
}

static void
reply_wrong(struct api_call *call, const struct lockout_verdict *v)
{
	api_reply(call, 401,
	    json_pack("{s:{s:s, s:s, s:s, s:s, s:i}}", "error", "message",
		"The password is wrong.", "type", "authentication_error", "param",
		"password", "code", "invalid_password", "attempts_left",
		(int)v->attempts_left));
}

static void
reply_in(struct api_call *call, const char *token)
{
	char cookie[COOKIE_BYTES];

	(void)snprintf(cookie, sizeof(cookie),
	    ACCESS_COOKIE "=%s; Path=/admin; HttpOnly; SameSite=Strict; Max-Age=%d%s",
	    token, (int)(SESSION_LIFE_MS / 1000),
	    access_is_https(call->rq) ? "; Secure" : "");
	http_add_header(call->rq, "Set-Cookie", cookie);
	OPENSSL_cleanse(cookie, sizeof(cookie));
	api_reply(call, 200, login_json(call->env, &call->caller, token));
}

/* --- the attempt --- */

static struct addr
address_of(const struct api_call *call)
{
	struct addr a;

	if (addr_parse(span_of(call->caller.from), &a) != 0)
		a = (struct addr){ .b = { [15] = 1 } }; /* of this machine */
	return a;
}

static void
let_in(struct api_call *call)
{
	const struct addr from = address_of(call);
	char token[SESSION_TOKEN_BYTES + 1];
	struct audit_actor who;
	struct session s;

	if (call->caller.kind == AUDIT_SESSION)
		(void)session_store_end(call->env->sessions, call->caller.id);
	if (session_store_open(call->env->sessions, call->caller.from, clock_wall_ms(),
		token, &s) != 0) {
		api_reply_fault(
		    call, 503, "overloaded", NULL, "There is no randomness left.");
		return;
	}
	lockout_forgive(call->env->lockout, &from);
	call->caller.kind = AUDIT_SESSION;
	(void)snprintf(call->caller.id, sizeof(call->caller.id), "%s", s.id);
	who = api_actor(call);
	audit_note(call->env->audit, &who, "session.login", s.id, NULL);
	reply_in(call, token);
	OPENSSL_cleanse(token, sizeof(token));
}

static void
judge(struct api_call *call, const struct lockout_verdict *v)
{
	const char *given = json_string_value(json_object_get(call->body, "password"));
	const struct audit_actor nobody = { AUDIT_NOBODY, NULL, call->caller.from };

	if (key_secret_eq(span_of(given), span_of(call->env->config->admin_password))) {
		let_in(call);
		return;
	}
	audit_note(call->env->audit, &nobody, "session.refused", NULL,
	    json_pack("{s:s, s:i}", "reason", "password", "attempts_left",
		(int)v->attempts_left));
	reply_wrong(call, v);
}

static void
on_waited(evutil_socket_t none, short what, void *arg)
{
	struct waiting *w = arg;

	(void)none;
	(void)what;
	if (w->magic != LOGIN_MAGIC)
		abort();
	if (api_resume(w->call))
		judge(w->call, &w->verdict);
	LIST_REMOVE(w, link);
	waiting_destroy(w);
}

/* Put the attempt off; without a place or memory it is answered at once. */
static void
wait(struct api_call *call, const struct lockout_verdict *v)
{
	const struct timeval delay = { .tv_sec = v->delay_ms / 1000,
		.tv_usec = (suseconds_t)(v->delay_ms % 1000) * 1000 };
	struct login_queue *q = call->env->logins;
	struct waiting *w = q->n < LOGIN_WAITING_MAX ? calloc(1, sizeof(*w)) : NULL;

	if (w != NULL)
		w->timer = evtimer_new(q->base, on_waited, w);
	if (w == NULL || w->timer == NULL || evtimer_add(w->timer, &delay) != 0) {
		if (w != NULL && w->timer != NULL)
			event_free(w->timer);
		free(w);
		http_add_header(call->rq, "Retry-After", "1");
		api_reply_fault(call, 503, "overloaded", NULL,
		    "Too many logins wait for their turn. Try again.");
		return;
	}
	w->call = api_defer(call);
	if (w->call == NULL) {
		event_free(w->timer);
		free(w);
		return;
	}
	w->magic = LOGIN_MAGIC;
	w->queue = q;
	w->verdict = *v;
	LIST_INSERT_HEAD(&q->waiting, w, link);
	q->n++;
}

void
login_handle(struct api_call *call)
{
	static const char *const fields[] = { "password", NULL };
	const json_t *given = json_object_get(call->body, "password");
	const struct addr from = address_of(call);
	struct lockout_verdict v;

	if (!api_has_only(call, fields))
		return;
	if (!json_is_string(given) || json_string_length(given) > LOGIN_PASSWORD_MAX) {
		api_reply_fault(
		    call, 400, "invalid", "password", "The password must be a text.");
		return;
	}
	v = lockout_attempt(call->env->lockout, &from, clock_mono_ms());
	if (v.locked)
		reply_locked(call, v.retry_ms);
	else if (v.delay_ms > 0)
		wait(call, &v);
	else
		judge(call, &v);
}

void
login_note_locked(const struct api_env *env)
{
	const struct lockout_tally t = lockout_take_tally(env->lockout);
	const struct audit_actor nobody = { AUDIT_NOBODY, NULL, NULL };

	if (t.attempts > 0)
		audit_note(env->audit, &nobody, "session.refused", NULL,
		    json_pack("{s:s, s:I, s:I}", "reason", "locked", "attempts",
			(json_int_t)t.attempts, "addresses", (json_int_t)t.addresses));
}
