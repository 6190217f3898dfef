/*
 * What the ledger has of each arena already: its marks, read by those who flush.
 * ledger_flush() moves them.
 */
#ifndef GATEHOUSE_ADMIN_LEDGER_MARKS_H
#define GATEHOUSE_ADMIN_LEDGER_MARKS_H

#include <stddef.h>
#include <stdint.h>

#include "admin/ledger.h"
#include "admin/ledger_row.h"

enum { LEDGER_ARENA_BYTES = 8, LEDGER_MARK_BYTES = 12 };

/* The key of a cell's mark: arena and cell, big-endian, so that an arena's lie together. */
void ledger_mark_encode(uint64_t arena, uint32_t cell, uint8_t out[LEDGER_MARK_BYTES]);

/* Anything but 0 ends the reading and is returned. */
typedef int (*ledger_mark_fn)(
    uint32_t cell, const struct ledger_counters *mark, void *arg);

/* Hand out the marks of one arena, by cell. Returns 0, what fn returned, or a code. */
int ledger_marks_read(
    struct ledger *l, uint64_t arena, ledger_mark_fn fn, void *arg) MUSTCHECK;

/* The first arena with a mark whose id is not less than from. 0, -ENOENT or a code. */
int ledger_marks_next(struct ledger *l, uint64_t from, uint64_t *arena_out) MUSTCHECK;

/* Delete an arena's marks, after its last flush, when its file is gone. */
int ledger_drop_arena(struct ledger *l, uint64_t arena) MUSTCHECK;

#endif
