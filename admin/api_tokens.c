/*
 * tokens: admin tokens, created and revoked. The file's lock may make that wait, so it is
 * done in the job thread. See api.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "admin/api.h"
#include "admin/token.h"
#include "common/clock.h"
#include "common/keyfile_time.h"

enum { DAY_MS = 24 * 3600 * 1000, DAYS_MAX = 36500 };

_Static_assert(API_SCOPE_ADMIN == 1 && API_SCOPE_READ == 2 && API_SCOPE_METRICS == 4,
    "token_entry.c has the same numbers");

/* A creation or revocation on its way through the thread. */
struct token_job {
	struct api_call *call;
	const char *data_dir;
	bool revokes;
	char id[TOKEN_ID_BYTES + 1]; /* to be revoked */
	struct token token;
	char secret[TOKEN_SECRET_BYTES + 1];
	struct errmsg why;
	int r;
};

static void
work(void *arg)
{
	struct token_job *j = arg;

	j->r = j->revokes ? token_file_revoke(j->data_dir, j->id, &j->token, &j->why)
			  : token_file_create(j->data_dir, &j->token, j->secret, &j->why);
}

static void
note(const struct token_job *j)
{
	const struct audit_actor who = api_actor(j->call);
	json_t *shown = token_json(&j->token, clock_wall_ms());
	json_t *detail = json_pack("{s:s, s:O, s:O}", "name", j->token.name, "scopes",
	    json_object_get(shown, "scopes"), "expires_at",
	    json_object_get(shown, "expires_at"));

	json_decref(shown);
	audit_note(j->call->env->audit, &who,
	    j->revokes ? "token.revoke" : "token.create", j->token.id, detail);
}

static void
reply(struct token_job *j)
{
	if (j->r == -ENOENT)
		api_reply_fault(
		    j->call, 404, "not_found", NULL, "There is no such admin token.");
	else if (j->r == ERR_FULL)
		api_reply_fault(j->call, 409, "full", NULL, "%s", j->why.text);
	else if (j->r != 0)
		api_reply_fault(j->call, 503, "not_saved", NULL, "%s", j->why.text);
	else if (j->revokes)
		api_reply_empty(j->call);
	else
		api_reply(j->call, 201,
		    json_pack("{s:o, s:s}", "token",
			token_json(&j->token, clock_wall_ms()), "secret", j->secret));
}

static void
done(void *arg, bool cancelled)
{
	struct token_job *j = arg;

	if (!cancelled && j->r == 0)
		note(j);
	if (!cancelled && api_resume(j->call))
		reply(j);
	api_release(&j->call);
	OPENSSL_clear_free(j, sizeof(*j));
}

/* Hand the job to the thread; j is taken over. */
static void
submit(struct api_call *call, struct token_job *j)
{
	j->data_dir = call->env->config->data_dir;
	j->call = api_defer(call);
	if (j->call != NULL && job_submit(call->env->jobs, work, done, j) == 0)
		return;
	api_release(&j->call); /* which answers */
	free(j);
}

static void
list(struct api_call *call)
{
	const int64_t now_ms = clock_wall_ms();
	const struct token *v = NULL;
	json_t *tokens = json_array();
	size_t n = 0;

	if (token_store_list(call->env->tokens, &v, &n) != 0) {
		json_decref(tokens);
		api_reply_fault(call, 503, "unreadable", NULL,
		    "The file of admin tokens can't be read; the log says why.");
		return;
	}
	for (size_t i = 0; tokens != NULL && i < n; i++) {
		if (json_array_append_new(tokens, token_json(&v[i], now_ms)) != 0) {
			json_decref(tokens);
			tokens = NULL;
		}
	}
	api_reply(call, 200, json_pack("{s:o}", "tokens", tokens));
}

/* --- what a token is created with; false: it has been answered --- */

static bool
get_name(struct api_call *call, struct token *t)
{
	const json_t *v = json_object_get(call->body, "name");
	const char *name = json_string_value(v);

	if (name == NULL || json_string_length(v) > TOKEN_NAME_MAX || name[0] == '\0') {
		api_reply_fault(call, 400, "invalid", "name",
		    "The name must be a text of 1 to %d bytes.", TOKEN_NAME_MAX);
		return false;
	}
	for (const char *p = name; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			api_reply_fault(call, 400, "invalid", "name",
			    "The name must not have control characters.");
			return false;
		}
	}
	(void)snprintf(t->name, sizeof(t->name), "%s", name);
	return true;
}

static bool
get_scopes(struct api_call *call, struct token *t)
{
	const json_t *v = json_object_get(call->body, "scopes");
	bool ok = json_array_size(v) > 0;

	for (size_t i = 0; ok && i < json_array_size(v); i++) {
		const char *name = json_string_value(json_array_get(v, i));
		const unsigned scope = token_scope(span_of(name));

		t->scopes |= scope;
		ok = scope != 0;
	}
	if (!ok)
		api_reply_fault(call, 400, "invalid", "scopes",
		    "The scopes must be a list of admin, read and metrics.");
	return ok;
}

static bool
get_expiry(struct api_call *call, int64_t now_ms, struct token *t)
{
	const json_t *days = json_object_get(call->body, "expires_in_days");
	const json_t *at = json_object_get(call->body, "expires_at");
	const char *param = days != NULL ? "expires_in_days" : "expires_at";
	bool ok = days == NULL || at == NULL;

	if (ok && days != NULL && !json_is_null(days)) {
		const json_int_t n = json_integer_value(days);

		ok = n >= 1 && n <= DAYS_MAX;
		t->expires_ms = ok ? now_ms + n * DAY_MS : 0;
	} else if (ok && at != NULL && !json_is_null(at)) {
		ok = json_is_string(at) &&
		    keyfile_time_parse(
			(struct span){ json_string_value(at), json_string_length(at) },
			&t->expires_ms) == 0 &&
		    t->expires_ms > now_ms;
	}
	if (!ok)
		api_reply_fault(call, 400, "invalid", param,
		    "Give expires_in_days (1 to %d), or expires_at, a time to come.",
		    DAYS_MAX);
	return ok;
}

static void
create(struct api_call *call)
{
	static const char *const fields[] = { "name", "scopes", "expires_in_days",
		"expires_at", NULL };
	const int64_t now_ms = clock_wall_ms();
	struct token t = { .created_ms = now_ms };
	struct token_job *j;

	if (!api_has_only(call, fields) || !get_name(call, &t) || !get_scopes(call, &t) ||
	    !get_expiry(call, now_ms, &t))
		return;
	(void)snprintf(t.created_by, sizeof(t.created_by), "%s %s",
	    call->caller.kind == AUDIT_TOKEN ? "token" : "session", call->caller.id);
	j = calloc(1, sizeof(*j));
	if (j == NULL) {
		api_reply_fault(call, 503, "overloaded", NULL, "There is no memory left.");
		return;
	}
	j->token = t;
	submit(call, j);
}

static void
revoke(struct api_call *call)
{
	struct token_job *j;

	if (strlen(call->param[0]) != TOKEN_ID_BYTES) { /* a name will not do here */
		api_reply_fault(
		    call, 404, "not_found", NULL, "There is no such admin token.");
		return;
	}
	j = calloc(1, sizeof(*j));
	if (j == NULL) {
		api_reply_fault(call, 503, "overloaded", NULL, "There is no memory left.");
		return;
	}
	j->revokes = true;
	memcpy(j->id, call->param[0], TOKEN_ID_BYTES + 1);
	submit(call, j);
}

/* clang-format off */
const struct api_route api_tokens_routes[] = {
	{ EVHTTP_REQ_GET, "tokens", API_SCOPE_ADMIN, list },
	{ EVHTTP_REQ_POST, "tokens", API_SCOPE_ADMIN, create },
	{ EVHTTP_REQ_DELETE, "tokens/{id}", API_SCOPE_ADMIN, revoke },
};
/* clang-format on */
const size_t api_tokens_n_routes =
    sizeof(api_tokens_routes) / sizeof(api_tokens_routes[0]);
