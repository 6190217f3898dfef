/*
 * The text of an audit record: a JSON object
 *   {"actor":{"kind","id"},"from","action","target","detail":{}}
 * as it stands in the ledger's chain, and what is shown of it. Used by the admin process
 * and by the CLI; no state.
 */
#ifndef GATEHOUSE_ADMIN_AUDIT_TEXT_H
#define GATEHOUSE_ADMIN_AUDIT_TEXT_H

#include <stddef.h>
#include <sys/types.h>
#include <jansson.h>

#include "admin/ledger_audit.h"
#include "common/err.h"

enum audit_actor_kind {
	AUDIT_NOBODY,
	AUDIT_SESSION,
	AUDIT_TOKEN,
	AUDIT_CLI,
	AUDIT_SYSTEM
};

/* Who; texts are borrowed for the call. */
struct audit_actor {
	enum audit_actor_kind kind;
	const char *id; /* a session's or token's public id, a user's name; NULL: none */
	const char *from; /* the client's address, or "local" */
};

/* Bytes of a field's text; a longer one is cut. */
enum { AUDIT_TEXT_FIELD = 512, AUDIT_USER_BYTES = 64 };

/*
 * Make a record's text. Texts are cut at AUDIT_TEXT_FIELD bytes, a detail that makes the
 * record longer than LEDGER_AUDIT_MAX is replaced by {"cut": true}; what is no UTF-8 becomes
 * U+FFFD.
 * target, detail  NULL: none. detail stays the caller's.
 * out             NUL-terminated, to be freed with free().
 * Returns 0 or -ENOMEM.
 */
int audit_record_text(const struct audit_actor *who, const char *action,
    const char *target, const json_t *detail, char **out, size_t *n_out) MUSTCHECK;

/*
 * A record as the API and `gatehouse audit --json` show it: seq, at (RFC 3339), and what its
 * text has (actor, from, action, target, detail). A text that is no object is given as
 * `text`: it was altered, or is of another version. NULL without memory.
 */
json_t *audit_record_json(const struct ledger_audit_record *r);

/* The name of a user of this machine for the audit: "root", else "uid 1000". */
const char *audit_user(uid_t uid, char out[AUDIT_USER_BYTES]);

#endif
