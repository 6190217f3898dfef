/* See key_change_audit.h. Reasons name our own files, entries and fields. */
#include "admin/key_change_audit.h"

#include <string.h>

#include "admin/key_json.h"

static const char *
target_of(const struct key_edit *e)
{
	if (e->op == KEY_EDIT_CREATE && e->after.id[0] != '\0')
		return e->after.id;
	return e->id[0] != '\0' ? e->id : NULL;
}

/* "name": [old, new]; takes both. Returns 0 or -1. */
static int
put_pair(json_t *to, const char *name, json_t *was, json_t *is)
{
	return json_object_set_new(to, name, json_pack("[o, o]", was, is));
}

/* The fields in which two keys differ; a key that is not there has null in all. */
static int
put_differences(json_t *to, const struct key *was, const struct key *is)
{
	const bool had = was->id[0] != '\0', has = is->id[0] != '\0';
	int r = 0;

	if (had != has || strcmp(was->description, is->description) != 0)
		r |= put_pair(to, "description",
		    had ? json_string(was->description) : json_null(),
		    has ? json_string(is->description) : json_null());
	if (had != has || was->rate_limit != is->rate_limit)
		r |= put_pair(to, "rate_limit",
		    had ? key_limit_json(was->rate_limit) : json_null(),
		    has ? key_limit_json(is->rate_limit) : json_null());
	if (had != has || was->expires_ms != is->expires_ms)
		r |= put_pair(to, "expires_at",
		    had ? key_time_json(was->expires_ms) : json_null(),
		    has ? key_time_json(is->expires_ms) : json_null());
	if (had != has || was->enabled != is->enabled)
		r |= put_pair(to, "enabled",
		    had ? json_boolean(was->enabled) : json_null(),
		    has ? json_boolean(is->enabled) : json_null());
	return r;
}

json_t *
key_change_json(const struct key_edit *e)
{
	json_t *detail = json_object();
	int r = put_differences(detail, &e->before, &e->after);

	if (e->op == KEY_EDIT_ROTATE)
		r |= json_object_set_new(
		    detail, "grace_seconds", json_integer(e->grace_ms / 1000));
	if (r == 0)
		return detail;
	json_decref(detail);
	return NULL;
}

void
key_change_note(struct audit *a, const struct audit_actor *who, const struct key_edit *e,
    const char *action)
{
	audit_note(a, who, action, target_of(e), key_change_json(e));
}

/* ACTION.HOW, and why. */
static void
note_why(struct audit *a, const struct audit_actor *who, const struct key_edit *e,
    const struct errmsg *action, const char *why)
{
	audit_note(a, who, action->text, target_of(e),
	    json_pack("{s:s*}", "why", why[0] != '\0' ? why : NULL));
}

void
key_change_note_failed(struct audit *a, const struct audit_actor *who,
    const struct key_edit *e, const char *action)
{
	struct errmsg name;

	errmsg_set(&name, "%s.refused", action);
	note_why(a, who, e, &name, e->why.text);
}

void
key_change_note_unforced(struct audit *a, const struct audit_actor *who,
    const struct key_edit *e, const char *action, const char *reason)
{
	struct errmsg name;

	errmsg_set(&name, "%s.not_in_force", action);
	note_why(a, who, e, &name, reason);
}
