/*
 * What the audit is told of a change of a key: old and new values, never a secret or a
 * hash. Runs in the admin process, in its loop.
 */
#ifndef GATEHOUSE_ADMIN_KEY_CHANGE_AUDIT_H
#define GATEHOUSE_ADMIN_KEY_CHANGE_AUDIT_H

#include "admin/audit.h"
#include "admin/key_edit.h"

/* It is in the file: ACTION with what has changed, {"rate_limit": [null, 10]}. */
void key_change_note(struct audit *a, const struct audit_actor *who,
    const struct key_edit *e, const char *action);

/* It could not be written: ACTION.refused with the reason. */
void key_change_note_failed(struct audit *a, const struct audit_actor *who,
    const struct key_edit *e, const char *action);

/* It is in the file and not known to be in force: ACTION.not_in_force with the reason. */
void key_change_note_unforced(struct audit *a, const struct audit_actor *who,
    const struct key_edit *e, const char *action, const char *reason);

#endif
