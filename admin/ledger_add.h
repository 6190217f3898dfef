/*
 * Counters in the ledger's tables, for ledger_*.c alone: read them, write them, add to a
 * row of usage.
 */
#ifndef GATEHOUSE_ADMIN_LEDGER_ADD_H
#define GATEHOUSE_ADMIN_LEDGER_ADD_H

#include "admin/ledger_row.h"
#include "admin/ledger_store.h"

/* Counters of any table, zeros where there is no row. 0 or a code. */
int ledger_counters_get(struct ledger *l, enum ledger_table t, struct span key,
    struct ledger_counters *out) MUSTCHECK;

/* Only within a transaction, as the next one. */
int ledger_counters_put(struct ledger *l, enum ledger_table t, struct span key,
    const struct ledger_counters *c) MUSTCHECK;

/* Add to a row of usage, made if there is none. 0, ERR_TOO_LARGE (a name) or a code. */
int ledger_add_to_row(struct ledger *l, const struct ledger_row_key *where,
    const struct ledger_counters *what) MUSTCHECK;

#endif
