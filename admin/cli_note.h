/*
 * How commands add to the audit: in the name of the user who runs them.
 */
#ifndef GATEHOUSE_ADMIN_CLI_NOTE_H
#define GATEHOUSE_ADMIN_CLI_NOTE_H

#include <jansson.h>

#include "admin/cli_admin.h"

/*
 * Note what a command did. A failure is told on s->err and is no other: what was done is
 * done.
 * action  "key.create", ...
 * target  what it was done to; NULL: nothing in particular.
 * detail  an object with what changed, taken over; NULL: none.
 */
void cli_note(
    const struct cli_service *s, const char *action, const char *target, json_t *detail);

#endif
