/* What the tests of arenas share: a folder, one arena in it, usage that shows tearing. */
#ifndef GATEHOUSE_TESTS_ARENA_CASE_H
#define GATEHOUSE_TESTS_ARENA_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/arena.h"
#include "tests/unit/tempdir.h"

#define CASE_ID UINT64_C(7)

/* Usage that is wholly determined by n: any mixture of two shows. */
static inline struct usage
usage_of(uint64_t n)
{
	struct usage u;

	for (size_t i = 0; i < USAGE_COUNTERS; i++)
		u.v[i] = n * (2 * i + 1);
	return u;
}

/* The n of which u is made. */
static inline uint64_t
usage_n(const struct usage *u)
{
	for (size_t i = 0; i < USAGE_COUNTERS; i++)
		if (u->v[i] != u->v[0] * (2 * i + 1))
			fail_msg("counter %zu is torn: %" PRIu64 " and %" PRIu64, i,
			    u->v[0], u->v[i]);
	return u->v[0];
}

static inline void
case_path(const struct tempdir *t, uint64_t id, char path[96])
{
	snprintf(path, 96, "%s/%" PRIu64 ARENA_SUFFIX, t->path, id);
}

static inline struct arena *
case_create(const struct tempdir *t, uint64_t id, uint32_t n_cells, uint32_t n_slots)
{
	struct arena *a = NULL;

	assert_int_equal(arena_create(t->path, id, n_cells, n_slots, &a), 0);
	return a;
}

/* A new arena, adopted by the test itself. */
static inline struct arena *
case_owned(const struct tempdir *t, uint32_t n_cells, uint32_t n_slots)
{
	struct arena *a = case_create(t, CASE_ID, n_cells, n_slots);

	assert_int_equal(arena_adopt(a), 0);
	return a;
}

static inline struct arena *
case_open(const struct tempdir *t, uint64_t id, bool writable)
{
	struct arena *a = NULL;
	char path[96];

	case_path(t, id, path);
	assert_int_equal(arena_open(path, writable, &a), 0);
	return a;
}

static inline uint32_t
case_cell(struct arena *a, const char *key_id)
{
	uint32_t cell = UINT32_MAX;

	assert_int_equal(arena_cell_for(a, key_id, "m", "chat", &cell), 0);
	return cell;
}

/* The same numbers in every run. */
static inline void
case_seed(unsigned seed)
{
	srand(seed);
}

/* Memory that the test's children share with it. */
static inline void *
case_shared(size_t bytes)
{
	void *p =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

#endif
