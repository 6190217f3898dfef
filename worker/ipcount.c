/*
 * Open addressing with linear probing, at most half full; removal shifts the rest
 * of the run back, so there are no tombstones.
 */
#include "worker/ipcount.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	uint64_t hi, lo; /* the limit unit's 16 bytes */
	uint32_t n;      /* 0: free */
};

struct ipcount {
	uint64_t seed;
	uint32_t mask;
	uint32_t used;
	struct slot slots[];
};

int
ipcount_create(uint32_t max, uint64_t seed, struct ipcount **out)
{
	uint32_t size = 64;
	struct ipcount *t;

	while (size < 2 * (uint64_t)max && size < (UINT32_C(1) << 30))
		size *= 2;
	t = calloc(1, sizeof(*t) + size * sizeof(struct slot));
	if (t == NULL)
		return -ENOMEM;
	t->seed = seed | 1;
	t->mask = size - 1;
	*out = t;
	return 0;
}

void
ipcount_destroy(struct ipcount **t)
{
	free(*t);
	*t = NULL;
}

/* Multiply and fold with a secret odd factor, twice. */
static uint32_t
home(const struct ipcount *t, uint64_t hi, uint64_t lo)
{
	uint64_t h = (hi ^ t->seed) * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ (h >> 32) ^ lo) * t->seed;
	h = (h ^ (h >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(h >> 32) & t->mask;
}

/* The slot of a's unit, or the free one where it belongs. */
static struct slot *
find(struct ipcount *t, const struct addr *a, uint64_t *hi_out, uint64_t *lo_out)
{
	struct addr unit;
	uint32_t i;

	addr_limit_unit(a, &unit);
	memcpy(hi_out, unit.b, 8);
	memcpy(lo_out, unit.b + 8, 8);
	i = home(t, *hi_out, *lo_out);
	while (t->slots[i].n != 0 &&
	    (t->slots[i].hi != *hi_out || t->slots[i].lo != *lo_out))
		i = (i + 1) & t->mask;
	return &t->slots[i];
}

uint32_t
ipcount_add(struct ipcount *t, const struct addr *a)
{
	uint64_t hi, lo;
	struct slot *s = find(t, a, &hi, &lo);

	if (s->n == 0) {
		if (t->used > t->mask / 2)
			return 0;
		t->used++;
		s->hi = hi;
		s->lo = lo;
	}
	return ++s->n;
}

/* Close the gap at i: move back what would not be found any more. */
static void
close_gap(struct ipcount *t, uint32_t gap)
{
	for (uint32_t i = (gap + 1) & t->mask; t->slots[i].n != 0; i = (i + 1) & t->mask) {
		uint32_t want = home(t, t->slots[i].hi, t->slots[i].lo);

		if (((i - want) & t->mask) < ((i - gap) & t->mask))
			continue;
		t->slots[gap] = t->slots[i];
		t->slots[i].n = 0;
		gap = i;
	}
}

void
ipcount_remove(struct ipcount *t, const struct addr *a)
{
	uint64_t hi, lo;
	struct slot *s = find(t, a, &hi, &lo);

	if (s->n == 0 || --s->n > 0)
		return;
	t->used--;
	close_gap(t, (uint32_t)(s - t->slots));
}
