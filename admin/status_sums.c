/* See status_sums.h. */
#include "admin/status_sums.h"

#include <string.h>

static uint64_t
load(const _Atomic uint64_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

const struct scoreboard_row *
status_row(const struct state *state, uint32_t workers, size_t i)
{
	const size_t generation = i / (workers > 0 ? workers : 1);

	if (workers > SHARED_WORKER_SLOTS || generation >= SHARED_MAX_GENERATIONS ||
	    workers == 0)
		return NULL;
	return &state->rows[generation * SHARED_WORKER_SLOTS + i % workers];
}

static void
add_requests(struct status_sums *s, const struct stats *from)
{
	for (enum endpoint e = 0; e < ENDPOINT_COUNT; e++) {
		for (size_t i = 0; i < STATS_CODES; i++) {
			const uint64_t n = load(&from->requests[e][i]);
			const unsigned digit = stats_code(i) / 100;

			if (e == ENDPOINT_NONE) {
				s->local += n;
				continue;
			}
			s->requests += n;
			s->by_class[digit > 0 ? digit - 1 : 0] += n;
		}
	}
}

/* As they are in the buckets; status_sum() makes them cumulative. */
static void
add_times(struct status_times *t, const struct stats_histogram *h)
{
	for (size_t i = 0; i <= STATS_BOUNDS; i++)
		t->counts[i] += load(&h->bucket[i]);
	t->sum_us += load(&h->sum_us);
}

static void
cumulate(struct status_times *t)
{
	for (size_t i = 1; i <= STATS_BOUNDS; i++)
		t->counts[i] += t->counts[i - 1];
}

static void
add_row(struct status_sums *s, const struct scoreboard_row *row)
{
	add_requests(s, &row->stats);
	for (unsigned r = 0; r < STATS_REFUSALS; r++)
		s->refused[r] += load(&row->stats.refused[r]);
	for (unsigned e = 0; e < ENDPOINT_NONE; e++) {
		add_times(&s->latency, &row->stats.duration[e]);
		add_times(&s->ttfb, &row->stats.first_byte[e]);
	}
	add_times(&s->overhead, &row->stats.overhead);
	if (atomic_load(&row->phase) == WORKER_EMPTY)
		return; /* who was killed has nothing open any more */
	s->connections += load(&row->connections);
	s->streams += load(&row->stats.streams);
}

void
status_sum(const struct state *state, uint32_t workers, struct status_sums *out)
{
	const struct scoreboard_row *row;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; (row = status_row(state, workers, i)) != NULL; i++)
		add_row(out, row);
	cumulate(&out->latency);
	cumulate(&out->ttfb);
	cumulate(&out->overhead);
}

struct status_upstream
status_upstream(const struct state *state, uint32_t workers)
{
	struct status_upstream u = { 0 };
	const struct scoreboard_row *row;
	struct upstream_addrs a;

	for (size_t i = 0; (row = status_row(state, workers, i)) != NULL; i++) {
		const uint64_t ok_ms = load(&row->upstream_ok_ms);
		const uint64_t fail_ms = load(&row->upstream_fail_ms);

		if (atomic_load(&row->phase) == WORKER_EMPTY)
			continue;
		u.ok_ms = ok_ms > u.ok_ms ? ok_ms : u.ok_ms;
		u.fail_ms = fail_ms > u.fail_ms ? fail_ms : u.fail_ms;
	}
	u.unknown = shared_get_upstream(state, &a, NULL) == 0 && a.tries > 0 && a.ok == 0;
	return u;
}
