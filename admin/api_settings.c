/*
 * settings, and the table with upstream/check in it. Files are read and written in the job thread; a change of the
 * limits is noted in the audit as soon as it is in the file, and answered when it is in force.
 */
#include "admin/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/api_check.h"
#include "admin/api_field.h"
#include "admin/cert_list.h"
#include "admin/enforce.h"
#include "admin/settings_json.h"
#include "common/clock.h"
#include "common/log.h"

enum { TASK_MAGIC = 0x7365746a };

/* Showing the settings, changing them before or not. */
struct task {
	uint32_t magic;
	struct api_call *call;
	const struct config *cfg;
	bool changes;
	struct settings_change change;
	struct settings_values before, file;
	int result;
	struct errmsg why;
	struct strlist warnings; /* of what admin finds on disk */
	json_t *certs;
};

static void
task_end(struct task *t)
{
	api_release(&t->call);
	json_decref(t->certs);
	strlist_free(&t->warnings);
	t->magic = 0;
	free(t);
}

/* A warning more, if there is memory for it. */
static void
warn(struct task *t, const struct errmsg *text)
{
	if (text->text[0] != '\0' && strlist_add(&t->warnings, text->text) != 0)
		log_warn("settings", "no memory for a warning");
}

/* May admin replace this file? Its user is not that of a master which runs as root. */
static void
look_at_folder(struct task *t, const char *setting, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL
	    ? strdup(".")
	    : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	struct errmsg text = { "" };

	if (folder != NULL && access(folder, W_OK | X_OK) == -1)
		errmsg_set(&text,
		    "%s can't be changed here: ADMIN_USER may not write to its folder %s",
		    setting, folder);
	warn(t, &text);
	free(folder);
}

static void
work(void *arg)
{
	struct task *t = arg;

	look_at_folder(t, "API_KEYS_FILE", t->cfg->api_keys_file);
	look_at_folder(t, "SETTINGS_FILE", t->cfg->settings_file);
	if (t->changes)
		t->result =
		    settings_save(t->cfg, &t->change, &t->before, &t->file, &t->why);
	else /* its reason is a warning on the page, no more */
		t->result = settings_peek(t->cfg->settings_file, &t->file, &t->why);
	warn(t, &t->why);
	t->certs = cert_list_json(&t->cfg->tls_cert_files, clock_wall_ms());
}

/* --- the audit --- */

static json_t *
value_json(uint32_t v)
{
	return v != 0 ? json_integer(v) : json_null();
}

/* Old and new of what was asked for; null is the configuration's. */
static void
note(const struct task *t, const char *action, const char *reason)
{
	const struct audit_actor who = api_actor(t->call);
	json_t *detail = json_object();
	struct settings_field f;

	for (size_t i = 0; settings_field(i, &f); i++)
		if (t->change.given[i])
			(void)json_object_set_new(detail, f.name,
			    json_pack("[o, o]", value_json(t->before.value[i]),
				value_json(t->change.value[i])));
	if (reason[0] != '\0')
		(void)json_object_set_new(detail, "why", json_string(reason));
	audit_note(t->call->env->audit, &who, action, NULL, detail);
}

/* --- answers --- */

static void
reply_settings(struct task *t)
{
	json_t *body = settings_json(t->call->env, &t->file, &t->warnings, t->certs);

	t->certs = NULL;
	api_reply(t->call, 200, body);
}

static void
reply_failed(struct task *t)
{
	const int r = t->result;

	if (r == -ENOMEM)
		api_reply_fault(
		    t->call, 503, "no_memory", NULL, "There is not enough memory.");
	else if (r == -EWOULDBLOCK)
		api_reply_fault(t->call, 503, "settings_file_locked", NULL,
		    "Somebody else has been editing the settings file for 5 s.");
	else if (r == ERR_CHANGED)
		api_reply_fault(t->call, 409, "changed", NULL, "%s", t->why.text);
	else
		api_reply_fault(t->call, r == ERR_INVALID || r == ERR_SYNTAX ? 409 : 500,
		    "settings_file", NULL, "%s", t->why.text);
}

static void
reply_enforced(struct task *t, enum enforce_result result, const char *reason)
{
	if (result == ENFORCE_DONE)
		reply_settings(t);
	else if (result == ENFORCE_REFUSED)
		api_reply_fault(t->call, 409, "not_in_force", NULL,
		    "The settings file was changed, but the running gatehouse refuses it: "
		    "%s",
		    reason);
	else
		api_reply_fault(t->call, 504, "not_confirmed", NULL,
		    "The settings file was changed, but the master has not said yet that "
		    "the change is in force.");
}

static void
on_enforced(enum enforce_result result, const char *reason, void *arg)
{
	struct task *t = arg;

	if (t->magic != TASK_MAGIC)
		abort();
	if (result != ENFORCE_DONE)
		note(t, "settings.set.not_in_force", reason);
	if (api_resume(t->call))
		reply_enforced(t, result, reason);
	task_end(t);
}

static void
done(void *arg, bool cancelled)
{
	struct task *t = arg;

	if (t->magic != TASK_MAGIC)
		abort();
	if (!cancelled && t->changes && t->result == 0) {
		note(t, "settings.set", "");
		if (enforce_wait(
			t->call->env->enforce, ENFORCE_SETTINGS, on_enforced, t) != 0)
			on_enforced(ENFORCE_UNKNOWN, "", t);
		return;
	}
	if (!cancelled && t->changes)
		note(t, "settings.set.refused", t->why.text);
	if (!api_resume(t->call)) {
		task_end(t);
		return;
	}
	if (cancelled)
		api_reply_fault(
		    t->call, 503, "stopping", NULL, "The admin process is leaving.");
	else if (t->changes)
		reply_failed(t);
	else
		reply_settings(t);
	task_end(t);
}

static void
submit(struct api_call *call, const struct settings_change *change)
{
	struct task *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		api_reply_fault(
		    call, 503, "no_memory", NULL, "There is not enough memory.");
		return;
	}
	t->magic = TASK_MAGIC;
	t->cfg = call->env->config;
	t->changes = change != NULL;
	if (change != NULL)
		t->change = *change;
	t->call = api_defer(call);
	if (t->call == NULL) {
		free(t);
		return;
	}
	if (job_submit(call->env->jobs, work, done, t) == 0)
		return;
	if (api_resume(t->call))
		api_reply_fault(t->call, 503, "busy", NULL,
		    "Too much is waiting; nothing was changed, try again.");
	task_end(t);
}

static void
show_settings(struct api_call *call)
{
	submit(call, NULL);
}

static void
change_settings(struct api_call *call)
{
	const char *names[SETTINGS_FIELDS + 1] = { NULL };
	struct settings_change change = { { false }, { 0 } };
	struct settings_field f;
	bool any = false;

	for (size_t i = 0; settings_field(i, &f); i++)
		names[i] = f.name;
	if (!api_has_only(call, names))
		return;
	for (size_t i = 0; settings_field(i, &f); i++) {
		struct api_number n;

		if (!api_field_number(call, f.name, 1, f.max, API_NULL_ALLOWED, &n))
			return;
		change.given[i] = n.given;
		change.value[i] = n.null ? 0 : (uint32_t)n.v;
		any = any || n.given;
	}
	if (any)
		submit(call, &change);
	else
		api_reply_fault(
		    call, 400, "invalid_value", NULL, "Nothing is to be changed.");
}

/* clang-format off */
const struct api_route api_settings_routes[] = {
	{ EVHTTP_REQ_GET,   "settings",       API_SCOPE_READ,  show_settings },
	{ EVHTTP_REQ_PATCH, "settings",       API_SCOPE_ADMIN, change_settings },
	{ EVHTTP_REQ_POST,  "upstream/check", API_SCOPE_READ,  api_check_upstream },
};
/* clang-format on */

const size_t api_settings_n_routes =
    sizeof(api_settings_routes) / sizeof(api_settings_routes[0]);
