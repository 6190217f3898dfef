/*
 * The audit on its way to the CLI, from admin or from the ledger itself: a JSON object a
 * line, oldest first.
 */
#ifndef GATEHOUSE_ADMIN_AUDIT_WIRE_H
#define GATEHOUSE_ADMIN_AUDIT_WIRE_H

#include <stdint.h>
#include <jansson.h>

#include "admin/ledger_audit.h"

/* Takes over an object; anything but 0 ends the reading and is returned. */
typedef int (*audit_wire_fn)(json_t *record, void *arg);

/*
 * Hand out the records of [since_ms, until_ms) as objects: seq, at (RFC 3339), and what
 * their text has (actor, from, action, target, detail). A text that is no object is given
 * as `text`: it was altered, or is of another version.
 * Returns 0, what fn returned, -ENOMEM or a ledger's code.
 */
int audit_wire_read(struct ledger *l, int64_t since_ms, int64_t until_ms,
    audit_wire_fn fn, void *arg) MUSTCHECK;

/*
 * Append what a command did: {"actor":{"kind":"cli","id"},"from":"local","action","target",
 * "detail"}.
 * note  {"id", "action", "target", "detail"}: who (a user's name), what, to what (may be
 *       null), and what changed; borrowed.
 * Returns 0, ERR_INVALID (not of that form), -ENOMEM or a ledger's code.
 */
int audit_wire_append(struct ledger *l, json_t *note) MUSTCHECK;

/* {"whole", "records", "last_seq", "first_bad"}. out is the caller's. Returns 0 or a code. */
int audit_wire_verify(struct ledger *l, json_t **out) MUSTCHECK;

#endif
