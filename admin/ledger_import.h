/*
 * Records of another program's usage in the ledger: each enters once, however often it is
 * read again. The table of imports remembers them by their ids.
 */
#ifndef GATEHOUSE_ADMIN_LEDGER_IMPORT_H
#define GATEHOUSE_ADMIN_LEDGER_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/ledger.h"
#include "admin/ledger_row.h"
#include "common/span.h"

enum { LEDGER_IMPORT_ID_MAX = 255 };

struct ledger_import {
	struct span id; /* the same whenever the record is read again; 1 to 255 bytes */
	struct ledger_row_key key;
	struct ledger_counters counters;
	bool grows; /* a running total: what it has more than the last time is added */
};

/*
 * Add the records that are not in yet, each once and for all, and of running totals what is
 * new, in one transaction.
 * new_out: how many had something new. Returns 0; ERR_INVALID (an id or a counter),
 * ERR_TOO_LARGE (a name) and other codes: then nothing was added.
 */
int ledger_import_records(
    struct ledger *l, const struct ledger_import *v, size_t n, size_t *new_out) MUSTCHECK;

/* How far the first import into a new ledger (USAGE_FILE) has come. */
enum ledger_first {
	LEDGER_FIRST_NONE,  /* nobody has said yet */
	LEDGER_FIRST_BEGUN, /* the ledger was empty; some may be in, each once */
	LEDGER_FIRST_DONE,
};

/* Returns 0 or a code. */
int ledger_first_get(struct ledger *l, enum ledger_first *out) MUSTCHECK;
int ledger_first_put(struct ledger *l, enum ledger_first first) MUSTCHECK;

/* Has the ledger a row of usage? Returns 0 or a code. */
int ledger_is_used(struct ledger *l, bool *used_out) MUSTCHECK;

#endif
