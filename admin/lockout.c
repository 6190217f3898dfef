/*
 * Each address has the times of its last failures in a ring; the ring's oldest says when it
 * is free again. Linear search: logins are rare, and 4096 comparisons take some microseconds.
 */
#include "admin/lockout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 10, BUCKET_MS = LOCKOUT_WINDOW_MS / BUCKETS };

struct suspect {
	struct addr unit;
	uint64_t failed_ms[LOCKOUT_FAILURES]; /* a ring; next is the oldest */
	uint32_t next;
	uint32_t n; /* in the ring, forgiven: 0 */
	uint64_t last_ms;
	bool turned_away; /* since the last tally */
};

struct lockout {
	struct suspect v[LOCKOUT_ADDRESSES];
	size_t n;
	struct {
		uint64_t epoch;
		uint64_t failures;
	} everywhere[BUCKETS];
	struct lockout_tally tally;
};

int
lockout_create(struct lockout **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : -ENOMEM;
}

void
lockout_destroy(struct lockout **l)
{
	free(*l);
	*l = NULL;
}

static struct suspect *
find(struct lockout *l, const struct addr *unit)
{
	for (size_t i = 0; i < l->n; i++) {
		if (addr_eq(&l->v[i].unit, unit))
			return &l->v[i];
	}
	return NULL;
}

/* The address's place; the one that failed longest ago gives up its own. */
static struct suspect *
place(struct lockout *l, const struct addr *unit)
{
	struct suspect *s = find(l, unit);
	size_t oldest = 0;

	if (s != NULL)
		return s;
	if (l->n < LOCKOUT_ADDRESSES) {
		s = &l->v[l->n++];
	} else {
		for (size_t i = 1; i < l->n; i++) {
			if (l->v[i].last_ms < l->v[oldest].last_ms)
				oldest = i;
		}
		s = &l->v[oldest];
	}
	*s = (struct suspect){ .unit = *unit };
	return s;
}

/* The i-th failure, 0 the oldest. */
static uint64_t
failure(const struct suspect *s, uint32_t i)
{
	return s->failed_ms[(s->next + LOCKOUT_FAILURES - s->n + i) % LOCKOUT_FAILURES];
}

static void
forget_old(struct suspect *s, uint64_t now_ms)
{
	while (s->n > 0 && failure(s, 0) + LOCKOUT_WINDOW_MS <= now_ms)
		s->n--;
}

static void
fail(struct lockout *l, struct suspect *s, uint64_t now_ms)
{
	const uint64_t epoch = now_ms / BUCKET_MS;
	const size_t at = (size_t)(epoch % BUCKETS);

	s->failed_ms[s->next] = now_ms;
	s->next = (s->next + 1) % LOCKOUT_FAILURES;
	s->n++;
	s->last_ms = now_ms;
	if (l->everywhere[at].epoch != epoch) {
		l->everywhere[at].epoch = epoch;
		l->everywhere[at].failures = 0;
	}
	l->everywhere[at].failures++;
}

static uint32_t
delay_of(const struct lockout *l, uint64_t now_ms)
{
	const uint64_t epoch = now_ms / BUCKET_MS;
	uint64_t n = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		if (l->everywhere[i].epoch + BUCKETS > epoch)
			n += l->everywhere[i].failures;
	}
	if (n <= LOCKOUT_CALM)
		return 0;
	n = (n - LOCKOUT_CALM) * LOCKOUT_STEP_MS;
	return n < LOCKOUT_DELAY_MAX_MS ? (uint32_t)n : LOCKOUT_DELAY_MAX_MS;
}

struct lockout_verdict
lockout_attempt(struct lockout *l, const struct addr *from, uint64_t now_ms)
{
	struct lockout_verdict v = { .locked = false };
	struct addr unit;
	struct suspect *s;

	addr_limit_unit(from, &unit);
	s = place(l, &unit);
	forget_old(s, now_ms);
	if (s->n == LOCKOUT_FAILURES) {
		v.locked = true;
		v.retry_ms = (uint32_t)(failure(s, 0) + LOCKOUT_WINDOW_MS - now_ms);
		l->tally.attempts++;
		l->tally.addresses += !s->turned_away;
		s->turned_away = true;
		return v;
	}
	v.delay_ms = delay_of(l, now_ms);
	fail(l, s, now_ms);
	v.attempts_left = LOCKOUT_FAILURES - s->n;
	return v;
}

void
lockout_forgive(struct lockout *l, const struct addr *from)
{
	struct addr unit;
	struct suspect *s;

	addr_limit_unit(from, &unit);
	if ((s = find(l, &unit)) != NULL)
		s->n = 0;
}

struct lockout_tally
lockout_take_tally(struct lockout *l)
{
	const struct lockout_tally t = l->tally;

	l->tally = (struct lockout_tally){ 0 };
	for (size_t i = 0; t.attempts > 0 && i < l->n; i++)
		l->v[i].turned_away = false;
	return t;
}
