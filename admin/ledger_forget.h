/*
 * Forgetting a key: its rows of usage become rows of nobody's, so that the totals stay.
 */
#ifndef GATEHOUSE_ADMIN_LEDGER_FORGET_H
#define GATEHOUSE_ADMIN_LEDGER_FORGET_H

#include <stddef.h>

#include "admin/ledger.h"

#define LEDGER_FORGOTTEN "forgotten" /* the key id of those rows */

/*
 * Fold all rows of key_id into LEDGER_FORGOTTEN, hour by hour, in transactions of some
 * hundred rows: killed in the middle, it is to be called again.
 * folded_out: how many rows there were. Returns 0, ERR_INVALID (LEDGER_FORGOTTEN itself) or
 * a code.
 */
int ledger_forget(struct ledger *l, const char *key_id, size_t *folded_out) MUSTCHECK;

#endif
