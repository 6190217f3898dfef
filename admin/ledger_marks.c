/* Marks lie by arena, then cell, so that an arena's are one run of the table. */
#include "admin/ledger_marks.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "admin/ledger_store.h"

/* A visitor's word that it has seen enough. */
enum { WALK_DONE = 1 };

void
ledger_mark_encode(uint64_t arena, uint32_t cell, uint8_t out[LEDGER_MARK_BYTES])
{
	ledger_put_be(arena, out, LEDGER_ARENA_BYTES);
	ledger_put_be(
	    cell, out + LEDGER_ARENA_BYTES, LEDGER_MARK_BYTES - LEDGER_ARENA_BYTES);
}

struct reading {
	uint64_t arena;
	ledger_mark_fn fn;
	void *arg;
	int answer; /* the reader's, which may be any number */
};

static int
read_mark(struct span key, struct span value, void *arg)
{
	struct reading *reading = arg;
	const uint8_t *b = (const uint8_t *)key.p;
	struct ledger_counters mark;
	uint32_t cell;

	if (key.n != LEDGER_MARK_BYTES)
		return LEDGER_CORRUPT;
	if (ledger_get_be(b, LEDGER_ARENA_BYTES) != reading->arena)
		return WALK_DONE;
	if (ledger_counters_decode(value, &mark) != 0)
		return LEDGER_CORRUPT;
	cell = (uint32_t)ledger_get_be(
	    b + LEDGER_ARENA_BYTES, LEDGER_MARK_BYTES - LEDGER_ARENA_BYTES);
	reading->answer = reading->fn(cell, &mark, reading->arg);
	return reading->answer != 0 ? WALK_DONE : 0;
}

/* Walk the marks from an arena's first on. */
static int
walk_from(struct ledger *l, uint64_t arena, ledger_visit_fn visit, void *arg)
{
	uint8_t b[LEDGER_MARK_BYTES];

	ledger_mark_encode(arena, 0, b);
	return ledger_walk(
	    l, LEDGER_MARKS, (struct span){ (const char *)b, sizeof(b) }, visit, arg);
}

int
ledger_marks_read(struct ledger *l, uint64_t arena, ledger_mark_fn fn, void *arg)
{
	struct reading reading = { arena, fn, arg, 0 };
	int r = walk_from(l, arena, read_mark, &reading);

	return r == WALK_DONE ? reading.answer : r;
}

/* A copy of the first key that a walk finds, for those who then write. */
struct found {
	uint8_t key[LEDGER_MARK_BYTES];
	bool any;
};

static int
find_mark(struct span key, struct span value, void *arg)
{
	struct found *f = arg;

	(void)value;
	if (key.n != sizeof(f->key))
		return LEDGER_CORRUPT;
	memcpy(f->key, key.p, key.n);
	f->any = true;
	return WALK_DONE;
}

int
ledger_marks_next(struct ledger *l, uint64_t from, uint64_t *arena_out)
{
	struct found f = { .any = false };
	int r = walk_from(l, from, find_mark, &f);

	if (r < 0)
		return r;
	if (!f.any)
		return -ENOENT;
	*arena_out = ledger_get_be(f.key, LEDGER_ARENA_BYTES);
	return 0;
}

/* Delete the first mark of the arena, if there is one. */
static int
drop_mark(struct ledger *l, uint64_t arena, bool *any_out)
{
	struct found f = { .any = false };
	int r = walk_from(l, arena, find_mark, &f);

	*any_out = f.any && ledger_get_be(f.key, LEDGER_ARENA_BYTES) == arena;
	if (r < 0 || !*any_out)
		return r < 0 ? r : 0;
	return ledger_del(
	    l, LEDGER_MARKS, (struct span){ (const char *)f.key, sizeof(f.key) });
}

int
ledger_drop_arena(struct ledger *l, uint64_t arena)
{
	bool more = true;
	int r = ledger_begin(l);

	if (r != 0)
		return r;
	while (r == 0 && more)
		r = drop_mark(l, arena, &more);
	return ledger_end(l, r);
}
