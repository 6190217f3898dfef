/*
 * See api_key_change.h. The way of each change: queue the job, and when it has written the
 * file: audit, wait until it is in force, forget the usage if asked to, answer. What fails on
 * that way is said truthfully: what is in the file stays there.
 *
 * The secret is answered once. The buffers here and Jansson's node are wiped; the text of the
 * answer on its way through libevent's buffers is out of reach.
 */
#include "admin/api_key_change.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "admin/api_keys.h"
#include "admin/enforce.h"
#include "admin/key_change_audit.h"
#include "admin/ledger_forget.h"
#include "common/clock.h"

enum { CHANGE_MAGIC = 0x6b636867 };

static void
change_end(struct key_change *c)
{
	api_release(&c->call);
	key_edit_wipe(&c->edit);
	c->magic = 0;
	free(c);
}

/* --- the answer --- */

/* {"key", "secret"} as far as there are any, or the bare key; NULL: no memory. */
static json_t *
key_body(const struct key_change *c, json_t **secret_out)
{
	const struct key_row row = key_row_of(&c->edit.after);
	json_t *key = key_json(&row, clock_wall_ms()), *body = key;

	*secret_out = NULL;
	if (c->edit.secret[0] != '\0') {
		*secret_out = json_string(c->edit.secret);
		body = json_pack("{s:o, s:O}", "key", key, "secret", *secret_out);
	}
	if (body != NULL && c->edit.why.text[0] != '\0')
		(void)json_object_set_new(body, "warning", json_string(c->edit.why.text));
	return body;
}

/* Wipe what Jansson has of a secret, whose last owner this is. */
static void
wipe(json_t *secret)
{
	const char *lent = json_string_value(secret);
	char *text;

	if (lent != NULL) {
		memcpy(&text, &lent, sizeof(text));
		OPENSSL_cleanse(text, json_string_length(secret));
	}
	json_decref(secret);
}

static void
reply_key(struct key_change *c)
{
	json_t *secret, *body;

	if (c->status == 204) {
		api_reply_empty(c->call);
		return;
	}
	body = key_body(c, &secret);
	api_reply(c->call, c->status, body);
	wipe(secret);
}

/* It is in the file and not in force. Who made a secret gets it all the same. */
static void
reply_unforced(struct key_change *c, int status, const char *code, const char *text)
{
	json_t *secret = NULL, *body, *error;

	error = json_pack("{s:s, s:s, s:n, s:s}", "message", text, "type",
	    status == 409 ? "invalid_request_error" : "server_error", "param", "code",
	    code);
	body = c->status == 204 ? json_object() : key_body(c, &secret);
	if (body == NULL || json_object_set_new(body, "error", error) != 0) {
		json_decref(body);
		body = NULL;
	}
	api_reply(c->call, status, body);
	wipe(secret);
}

/* --- after it is in force --- */

/* Fold the deleted key's usage. Returns false when that has been answered. */
static bool
forget(struct key_change *c)
{
	const struct api_env *env = c->call->env;
	const struct audit_actor who = api_actor(c->call);
	size_t rows = 0;
	int r = flush_now(env->flush);

	if (r == 0)
		r = flush_ledger(env->flush) == NULL
		    ? -ENODEV
		    : ledger_forget(flush_ledger(env->flush), c->edit.id, &rows);
	flush_forget_totals(env->flush);
	audit_note(env->audit, &who, r == 0 ? "usage.forget" : "usage.forget.failed",
	    c->edit.id, json_pack("{s:I}", "rows", (json_int_t)rows));
	return r == 0;
}

static void
reply_enforced(
    struct key_change *c, enum enforce_result result, const char *reason, bool forgotten)
{
	struct errmsg text;

	if (result == ENFORCE_REFUSED) {
		errmsg_set(&text,
		    "The key file was changed, but the running gatehouse refuses it: %s",
		    reason);
		reply_unforced(c, 409, "not_in_force", text.text);
	} else if (result != ENFORCE_DONE) {
		reply_unforced(c, 504, "not_confirmed",
		    "The key file was changed, but the master has not said yet that the "
		    "change is in force.");
	} else if (!forgotten) {
		api_reply_fault(c->call, 503, "ledger", NULL,
		    "The key is deleted and refused, but its usage could not be "
		    "forgotten; the log says why.");
	} else {
		reply_key(c);
	}
}

static void
on_enforced(enum enforce_result result, const char *reason, void *arg)
{
	struct key_change *c = arg;
	struct audit_actor who;
	bool forgotten = true;

	if (c->magic != CHANGE_MAGIC)
		abort();
	who = api_actor(c->call);
	if (result != ENFORCE_DONE)
		key_change_note_unforced(
		    c->call->env->audit, &who, &c->edit, c->action, reason);
	else if (c->forget)
		forgotten = forget(c);
	if (api_resume(c->call))
		reply_enforced(c, result, reason, forgotten);
	change_end(c);
}

/* --- after the job --- */

/* Is it the id of one of API_KEYS, as keyfile.c gives them? */
static bool
is_of_environment(const struct key_change *c)
{
	const size_t prefix = sizeof("env_key_") - 1;
	const char *digits = c->edit.id + prefix;
	char again[KEY_ID_MAX + 1];
	unsigned long index;

	if (strncmp(c->edit.id, "env_key_", prefix) != 0)
		return false;
	index = strtoul(digits, NULL, 10);
	(void)snprintf(again, sizeof(again), "%lu", index);
	return strcmp(again, digits) == 0 && index < c->call->env->config->api_keys.n;
}

static void
reply_failed(struct key_change *c)
{
	const struct key_edit *e = &c->edit;

	if (e->result == -ENOENT && e->op != KEY_EDIT_CREATE && is_of_environment(c))
		api_reply_fault(c->call, 409, "environment_key", NULL,
		    "This key is one of API_KEYS: it is changed in that setting.");
	else if (e->result == -ENOENT && e->op != KEY_EDIT_CREATE)
		api_reply_fault(c->call, 404, "not_found", NULL, "There is no such key.");
	else if (e->result == -EEXIST)
		api_reply_fault(
		    c->call, 409, "exists", "key_id", "There is a key with this key_id.");
	else if (e->is_other_revision)
		api_reply_fault(c->call, 409, "changed", "if_revision",
		    "Somebody else has changed this key meanwhile.");
	else
		api_keys_reply_file(c->call, e->result, &e->why);
}

static void
work(void *arg)
{
	struct key_change *c = arg;

	key_edit_run(&c->edit);
}

static void
fail(struct key_change *c, bool cancelled)
{
	const struct audit_actor who = api_actor(c->call);

	if (!cancelled)
		key_change_note_failed(c->call->env->audit, &who, &c->edit, c->action);
	if (api_resume(c->call)) {
		if (cancelled)
			api_reply_fault(c->call, 503, "stopping", NULL,
			    "The admin process is leaving; nothing was changed.");
		else
			reply_failed(c);
	}
	change_end(c);
}

static void
done(void *arg, bool cancelled)
{
	struct key_change *c = arg;
	struct audit_actor who;

	if (c->magic != CHANGE_MAGIC)
		abort();
	if (cancelled || c->edit.result != 0) {
		fail(c, cancelled);
		return;
	}
	who = api_actor(c->call);
	key_change_note(c->call->env->audit, &who, &c->edit, c->action);
	if (enforce_wait(c->call->env->enforce, ENFORCE_KEYS, on_enforced, c) != 0)
		on_enforced(ENFORCE_UNKNOWN, "", c);
}

void
key_change_submit(struct api_call *call, const struct key_change *asked)
{
	const struct config *cfg = call->env->config;
	struct key_change *c = malloc(sizeof(*c));

	if (c == NULL) {
		api_reply_fault(
		    call, 503, "no_memory", NULL, "There is not enough memory.");
		return;
	}
	*c = *asked;
	c->magic = CHANGE_MAGIC;
	c->edit.path = cfg->api_keys_file;
	c->edit.max_keys =
	    cfg->api_keys.n < cfg->max_keys ? cfg->max_keys - cfg->api_keys.n : 0;
	c->edit.now_ms = clock_wall_ms();
	c->call = api_defer(call);
	if (c->call == NULL) {
		free(c);
		return;
	}
	if (job_submit(call->env->jobs, work, done, c) == 0)
		return;
	if (api_resume(c->call))
		api_reply_fault(c->call, 503, "busy", NULL,
		    "Too much is waiting; nothing was changed, try again.");
	change_end(c);
}
