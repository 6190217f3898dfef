/* See key_change_audit.h. Reasons name our own files, entries and fields. */
#include "admin/key_change_audit.h"

#include "admin/key_changes.h"

static const char *
target_of(const struct key_edit *e)
{
	if (e->op == KEY_EDIT_CREATE && e->after.id[0] != '\0')
		return e->after.id;
	return e->id[0] != '\0' ? e->id : NULL;
}

static const struct key *
key_or_none(const struct key *k)
{
	return k->id[0] != '\0' ? k : NULL;
}

void
key_change_note(struct audit *a, const struct audit_actor *who, const struct key_edit *e,
    const char *action)
{
	audit_note(a, who, action, target_of(e),
	    key_changes(key_or_none(&e->before), key_or_none(&e->after)));
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
