/*
 * Arenas for tests of those who read them: made in DATA_DIR/journal of a ledger_bench, as
 * the master makes them, and counted into as a worker does.
 */
#ifndef GATEHOUSE_TESTS_JOURNAL_BENCH_H
#define GATEHOUSE_TESTS_JOURNAL_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "admin/journal.h"
#include "common/arena.h"
#include "tests/unit/ledger_bench.h"

enum { JOURNAL_BENCH_CELLS = 64, JOURNAL_BENCH_SLOTS = 16 };

static inline void
journal_bench_path(const char *data_dir, uint64_t id, char *out, size_t cap)
{
	snprintf(out, cap, "%s/" JOURNAL_DIR "/%llu" ARENA_SUFFIX, data_dir,
	    (unsigned long long)id);
}

/* A new arena, adopted. */
static inline struct arena *
journal_bench_arena(const char *data_dir, uint64_t id, uint32_t cells)
{
	struct arena *a = NULL;
	char dir[128];

	snprintf(dir, sizeof(dir), "%s/" JOURNAL_DIR, data_dir);
	(void)mkdir(dir, 0700);
	if (arena_create(dir, id, cells, JOURNAL_BENCH_SLOTS, &a) != 0 ||
	    arena_adopt(a) != 0)
		abort();
	return a;
}

/* A request that has come to its end: 1 request, n, 2n, 3n, ... of all else but cut ones. */
static inline void
journal_bench_count(struct arena *a, const char *key_id, const char *model, uint64_t n)
{
	struct usage u = { { 0 } };
	uint32_t cell, slot;

	u.v[USAGE_REQUESTS] = 1;
	for (uint64_t i = USAGE_INPUT; i < USAGE_COUNTERS; i++)
		u.v[i] = n * (i - USAGE_INPUT + 1);
	if (arena_cell_for(a, key_id, model, "chat", &cell) != 0 ||
	    arena_slot_open(a, cell, &slot) != 0)
		abort();
	arena_slot_put(a, slot, &u);
	arena_slot_settle(a, slot);
}

/* Do the counters say so many requests, and n, 2n, 3n, ... of all else? */
static inline bool
journal_bench_is(const struct ledger_counters *c, int64_t requests, int64_t n)
{
	if (c->v[LEDGER_REQUESTS] != requests || c->v[LEDGER_REQUESTS_CUT] != 0)
		return false;
	for (int64_t i = LEDGER_INPUT_TOKENS; i < LEDGER_COUNTERS; i++)
		if (c->v[i] != n * (i - LEDGER_INPUT_TOKENS + 1))
			return false;
	return true;
}

#endif
