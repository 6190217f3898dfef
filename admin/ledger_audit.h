/*
 * The audit: who changed what, in records that form a chain of SHA-256 hashes, so that a
 * record which is altered, taken out or put in shows. The ledger's meta table has the
 * chain's end, and its beginning once old records were removed.
 */
#ifndef GATEHOUSE_ADMIN_LEDGER_AUDIT_H
#define GATEHOUSE_ADMIN_LEDGER_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "admin/ledger.h"
#include "common/span.h"

enum {
	LEDGER_HASH_BYTES = 32,
	LEDGER_AUDIT_MAX = 16 * 1024 /* bytes of a record's text */
};

struct ledger_audit_record {
	uint64_t seq;     /* 1, 2, ... */
	int64_t at_ms;    /* since 1970 */
	struct span text; /* valid during the call */
	uint8_t hash[LEDGER_HASH_BYTES];
};

/*
 * Append a record; it is on disk when this returns 0. text carries no secret.
 * seq_out may be NULL. Returns 0, ERR_TOO_LARGE or a code.
 */
int ledger_audit_append(
    struct ledger *l, int64_t at_ms, struct span text, uint64_t *seq_out) MUSTCHECK;

/* Anything but 0 ends the reading and is returned. */
typedef int (*ledger_audit_fn)(const struct ledger_audit_record *record, void *arg);

/* Hand out the records from from_seq on, oldest first. Returns 0, what fn returned, or a code. */
int ledger_audit_read(
    struct ledger *l, uint64_t from_seq, ledger_audit_fn fn, void *arg) MUSTCHECK;

/* The number of the last record, 0: none. Returns 0 or a code. */
int ledger_audit_last(struct ledger *l, uint64_t *seq_out) MUSTCHECK;

struct ledger_audit_state {
	uint64_t records;   /* whole ones */
	uint64_t last_seq;  /* of the last whole record, 0: none */
	uint64_t first_bad; /* the sequence number at which the chain breaks, 0: nowhere */
};

/* Is the chain whole? Returns 0, LEDGER_CHAIN (out says where), or a code. */
int ledger_audit_verify(struct ledger *l, struct ledger_audit_state *out) MUSTCHECK;

/*
 * AUDIT_RETENTION: remove records older than before_ms from the front, max at a time, in one
 * transaction; the chain then begins behind them. removed_out below max: all is done.
 */
int ledger_audit_retain(
    struct ledger *l, int64_t before_ms, size_t max, size_t *removed_out) MUSTCHECK;

#endif
