/*
 * Usage in the ledger: counts from the arenas enter exactly once, are read by range and
 * folded into days when old.
 */
#ifndef GATEHOUSE_ADMIN_LEDGER_USAGE_H
#define GATEHOUSE_ADMIN_LEDGER_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/ledger.h"
#include "admin/ledger_row.h"

/* One cell of an arena as it was read: counters since the arena began. */
struct ledger_cell {
	uint64_t arena;
	uint32_t cell;
	const char *key_id; /* the same for the cell's whole life */
	const char *model;
	const char *endpoint;
	struct ledger_counters counters;
};

struct ledger_flush_stats {
	size_t changed; /* cells that had something new */
	size_t went_back; /* cells with a counter below its mark (power was lost): the rest counts */
};

/*
 * Bring usage up to the cells, in one transaction: add what a cell has over its mark to the
 * rows of hour, and move the marks. Counters that are below their mark add nothing and take
 * the mark down with them.
 * stats  may be NULL; set on 0.
 * Returns 0; ERR_TOO_LARGE (a name); LEDGER_DISK_LOW, -ENOSPC and other codes. Calling it again
 * after any code is safe: nothing counts twice.
 */
int ledger_flush(struct ledger *l, uint32_t hour, const struct ledger_cell *cells,
    size_t n, struct ledger_flush_stats *stats) MUSTCHECK;

struct ledger_row {
	struct ledger_row_key key; /* names are valid during the call */
	struct ledger_counters counters;
};

/* Anything but 0 ends the reading and is returned. */
typedef int (*ledger_row_fn)(const struct ledger_row *row, void *arg);

/* Hand out all rows with from_hour <= hour < to_hour, by hour, key, model, endpoint.
 * Returns 0, what fn returned, or a code. */
int ledger_read(struct ledger *l, uint32_t from_hour, uint32_t to_hour, ledger_row_fn fn,
    void *arg) MUSTCHECK;

/*
 * USAGE_RETENTION: add rows of days that ended more than days before now_hour's to the row of
 * their day's first hour (UTC). At most max_rows at a time, in one transaction; folded_out
 * below max_rows says that all is done. days 0: for ever.
 */
int ledger_retain(struct ledger *l, uint32_t now_hour, uint32_t days, size_t max_rows,
    size_t *folded_out) MUSTCHECK;

#endif
