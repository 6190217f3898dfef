/*
 * Usage added up by what is asked for: hour, key, model, endpoint, or any of them. For the
 * metrics' totals, `gatehouse usage` and the UI. In memory only; pure.
 */
#ifndef GATEHOUSE_ADMIN_TALLY_H
#define GATEHOUSE_ADMIN_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "admin/ledger_row.h"
#include "common/err.h"

enum tally_field { TALLY_HOUR, TALLY_KEY, TALLY_MODEL, TALLY_ENDPOINT, TALLY_FIELDS };

/* A mask of fields. */
#define TALLY_BY(field) (1u << (field))

struct tally;

/* Fields that are not asked for are 0 or "". Borrowed from the tally. */
struct tally_row {
	struct ledger_row_key key;
	struct ledger_counters counters;
};

/* by: a mask of TALLY_BY(); 0 adds all up into one row. Returns 0 or -ENOMEM. */
int tally_create(unsigned by, struct tally **out) MUSTCHECK;
/* Accepts NULL inside, leaves NULL. */
void tally_destroy(struct tally **t);

/* Add to the row that key belongs to. Returns 0 or -ENOMEM (nothing was added). */
int tally_add(struct tally *t, const struct ledger_row_key *key,
    const struct ledger_counters *c) MUSTCHECK;
/* Add all rows of another tally. Returns 0 or -ENOMEM (some may have been added). */
int tally_add_all(struct tally *t, const struct tally *from) MUSTCHECK;

/* Sort the rows by these fields, the first one first; names by their bytes. */
void tally_sort(struct tally *t, const enum tally_field *fields, size_t n);

size_t tally_count(const struct tally *t);
/* Row i below tally_count(). */
const struct tally_row *tally_at(const struct tally *t, size_t i);

/* All rows together. */
void tally_total(const struct tally *t, struct ledger_counters *out);

#endif
