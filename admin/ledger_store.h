/*
 * The ledger's inside, for ledger_*.c alone: tables of bytes, ordered by key, and one
 * transaction at a time. Implemented by ledger.c, the only file that knows Berkeley DB.
 */
#ifndef GATEHOUSE_ADMIN_LEDGER_STORE_H
#define GATEHOUSE_ADMIN_LEDGER_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "admin/ledger.h"
#include "common/span.h"

enum ledger_table {
	LEDGER_USAGE,   /* hour, key, model, endpoint -> counters */
	LEDGER_MARKS,   /* arena, cell -> counters that are in usage already */
	LEDGER_AUDIT,   /* sequence -> record */
	LEDGER_IMPORTS, /* record id -> nothing */
	LEDGER_META,    /* name -> value */
	LEDGER_TABLES
};

/* Begin a transaction; there must be none. 0, LEDGER_DISK_LOW, LEDGER_RECOVER or -errno. */
int ledger_begin(struct ledger *l) MUSTCHECK;

/*
 * End the transaction: commit if r is 0, else take everything back. Returns r, or why
 * the commit failed; the transaction is then taken back as well.
 */
int ledger_end(struct ledger *l, int r) MUSTCHECK;

/* A checkpoint, if enough has been written since the last one. */
int ledger_checkpoint_due(struct ledger *l) MUSTCHECK;

/*
 * Read a key's value into cap bytes at value; n_out: its size. Returns 0, -ENOENT,
 * ERR_TOO_LARGE (over cap) or a code as above.
 */
int ledger_get(struct ledger *l, enum ledger_table t, struct span key, void *value,
    size_t cap, size_t *n_out) MUSTCHECK;

/* As ledger_get, but any size but n is LEDGER_CORRUPT. */
int ledger_get_exact(struct ledger *l, enum ledger_table t, struct span key, void *value,
    size_t n) MUSTCHECK;

/* Only within a transaction. */
int ledger_put(
    struct ledger *l, enum ledger_table t, struct span key, struct span value) MUSTCHECK;
int ledger_del(struct ledger *l, enum ledger_table t, struct span key) MUSTCHECK;

/* Both spans are valid during the call. Anything but 0 ends the walk. */
typedef int (*ledger_visit_fn)(struct span key, struct span value, void *arg);

/*
 * Visit all pairs from the first whose key is not less than from. The visitor must not
 * write. Returns 0, what the visitor returned, or a code as above.
 */
int ledger_walk(struct ledger *l, enum ledger_table t, struct span from,
    ledger_visit_fn visit, void *arg) MUSTCHECK;

/*
 * Name each file that a copy needs, in the order in which a running ledger may be
 * copied: tables, logs, FORMAT. Names are relative to the directory. Returns as ledger_walk.
 */
typedef int (*ledger_file_fn)(const char *name, void *arg);
int ledger_files(struct ledger *l, ledger_file_fn visit, void *arg) MUSTCHECK;

/* Where the files are; borrowed. */
const char *ledger_dir(const struct ledger *l);

#endif
