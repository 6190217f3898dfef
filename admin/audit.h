/*
 * What is written to the audit: who did what to what, when, from where, as a JSON object in
 * the ledger's hash chain (ledger_audit.h). Never a secret, never a hash of one. While the
 * ledger is not open, records wait in memory (a bounded number; what is lost is counted and
 * logged), for turning a leaked key off must not wait for a disk. Runs in the admin process.
 */
#ifndef GATEHOUSE_ADMIN_AUDIT_H
#define GATEHOUSE_ADMIN_AUDIT_H

#include <event2/event.h>
#include <jansson.h>

#include "admin/audit_text.h"
#include "admin/flush.h"
#include "common/err.h"

struct audit;

/* Records that could not be written are tried again each second. Returns 0 or -ENOMEM. */
int audit_create(
    struct event_base *base, struct flush *flush, struct audit **out) MUSTCHECK;

/* A last try, then free. Accepts NULL inside, leaves NULL. */
void audit_destroy(struct audit **a);

/*
 * Note something that was done or refused.
 * action  "key.create", "session.login", "session.refused", "settings.set", ...
 * target  what it was done to: a key's or token's id; NULL: nothing in particular.
 * detail  an object with what changed, {"rate_limit": [null, 10]}: old and new; taken over,
 *         NULL: nothing to say.
 * Each is cut where it is too long for a record, and says so.
 */
void audit_note(struct audit *a, const struct audit_actor *who, const char *action,
    const char *target, json_t *detail);

#endif
