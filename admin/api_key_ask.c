/* Handlers of keys/ that change something; see api_keys.h. They check what is asked. */
#include "admin/api_keys.h"

#include <string.h>

#include "admin/api_field.h"
#include "admin/api_key_change.h"
#include "admin/key_ref.h"
#include "common/clock.h"
#include "common/keyfile_entry.h"
#include "common/keyfile_time.h"

enum { DAY_MS = 86400000, DAYS_MAX = 36500 };

/* expires_at or expires_in_days. */
static bool
take_expiry(struct api_call *call, struct keyfile_values *v)
{
	const int64_t now_ms = clock_wall_ms();
	struct api_number at, days;

	if (!api_field_time(call, "expires_at", &at) ||
	    !api_field_number(
		call, "expires_in_days", 1, DAYS_MAX, API_NULL_REFUSED, &days))
		return false;
	if (at.given && days.given)
		return api_refuse(call, "expires_in_days",
		    "expires_at and expires_in_days exclude one another.");
	if (!at.given && !days.given)
		return true;
	v->given |= KEYFILE_EXPIRES;
	v->expires_ms = days.given ? now_ms + days.v * DAY_MS : at.v;
	return v->expires_ms <= KEYFILE_TIME_MAX_MS ||
	    api_refuse(call, "expires_in_days", "expires_in_days is too large.");
}

/* The fields that a new key may have and an old one be given. */
static bool
take_values(struct api_call *call, struct key_change *c)
{
	struct keyfile_values *v = &c->edit.values;
	struct api_number limit;
	bool given;

	if (!api_field_text(call, "description", KEY_DESCRIPTION_MAX, &given, c->edit.text))
		return false;
	v->given |= given ? KEYFILE_DESCRIPTION : 0;
	if (!api_field_number(call, "rate_limit", 0, UINT32_MAX, API_NULL_ALLOWED, &limit))
		return false;
	v->given |= limit.given ? KEYFILE_RATE_LIMIT : 0;
	v->rate_limit = limit.null ? KEY_NO_LIMIT : limit.v;
	return take_expiry(call, v);
}

/* The key of the path, which is not this request's fault if there is none. */
static bool
take_ref(struct api_call *call, struct key_change *c)
{
	bool given;

	if (key_ref_parse(call->param[0], c->edit.id) != 0) {
		api_reply_fault(call, 404, "not_found", NULL, "There is no such key.");
		return false;
	}
	return api_field_text(call, "if_revision", sizeof(c->edit.if_revision) - 1,
	    &given, c->edit.if_revision);
}

void
api_keys_create(struct api_call *call)
{
	static const char *const names[] = { "description", "key_id", "rate_limit",
		"expires_at", "expires_in_days", NULL };
	struct key_change c = { .action = "key.create", .status = 201 };
	const char *fault;
	bool given;

	c.edit.op = KEY_EDIT_CREATE;
	if (!api_has_only(call, names) || !take_values(call, &c) ||
	    !api_field_text(call, "key_id", KEY_ID_MAX, &given, c.edit.id))
		return;
	fault = given ? keyfile_entry_check_id(c.edit.id, strlen(c.edit.id)) : NULL;
	if (fault != NULL) {
		(void)api_refuse(call, "key_id", "%s.", fault);
		return;
	}
	if (c.edit.values.expires_ms != 0 && c.edit.values.expires_ms <= clock_wall_ms()) {
		(void)api_refuse(call, "expires_at", "expires_at is in the past.");
		return;
	}
	key_change_submit(call, &c);
}

void
api_keys_patch(struct api_call *call)
{
	static const char *const names[] = { "description", "rate_limit", "expires_at",
		"expires_in_days", "enabled", "if_revision", NULL };
	struct key_change c = { .action = "key.set", .status = 200 };
	bool given;

	c.edit.op = KEY_EDIT_SET;
	if (!api_has_only(call, names) || !take_ref(call, &c) || !take_values(call, &c) ||
	    !api_field_bool(call, "enabled", &given, &c.edit.values.enabled))
		return;
	c.edit.values.given |= given ? KEYFILE_ENABLED : 0;
	if (c.edit.values.given == 0) {
		api_reply_fault(
		    call, 400, "invalid_value", NULL, "Nothing is to be changed.");
		return;
	}
	key_change_submit(call, &c);
}

static void
turn(struct api_call *call, bool on)
{
	static const char *const names[] = { "if_revision", NULL };
	struct key_change c = { .action = on ? "key.enable" : "key.revoke",
		.status = 200 };

	c.edit.op = KEY_EDIT_SET;
	c.edit.values.given = KEYFILE_ENABLED;
	c.edit.values.enabled = on;
	if (api_has_only(call, names) && take_ref(call, &c))
		key_change_submit(call, &c);
}

void
api_keys_revoke(struct api_call *call)
{
	turn(call, false);
}

void
api_keys_enable(struct api_call *call)
{
	turn(call, true);
}

void
api_keys_rotate(struct api_call *call)
{
	static const char *const names[] = { "grace_seconds", "if_revision", NULL };
	struct key_change c = { .action = "key.rotate", .status = 200 };
	struct api_number grace;

	c.edit.op = KEY_EDIT_ROTATE;
	if (!api_has_only(call, names) || !take_ref(call, &c) ||
	    !api_field_number(call, "grace_seconds", 0, INT64_C(86400) * DAYS_MAX,
		API_NULL_REFUSED, &grace))
		return;
	c.edit.grace_ms = grace.v * 1000;
	key_change_submit(call, &c);
}

void
api_keys_delete(struct api_call *call)
{
	struct key_change c = { .action = "key.delete", .status = 204 };

	c.edit.op = KEY_EDIT_DELETE;
	if (!api_param_bool(call, "forget", &c.forget) || !take_ref(call, &c))
		return;
	if (c.forget && flush_ledger(call->env->flush) == NULL) {
		api_reply_fault(call, 503, "ledger", NULL,
		    "The ledger is not open, so no usage can be forgotten; nothing was "
		    "changed.");
		return;
	}
	key_change_submit(call, &c);
}
