/* status_sums: what is summed, over which rows, and that the dead keep what they counted. */
#include "admin/status_sums.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static int
set_up(void **state)
{
	*state = calloc(1, sizeof(struct state));
	return *state != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	free(*state);
	return 0;
}

static struct scoreboard_row *
row(struct state *s, uint64_t generation, uint32_t slot, enum worker_phase phase)
{
	struct scoreboard_row *r = shared_row(s, generation, slot);

	atomic_store(&r->phase, phase);
	return r;
}

static void
requests_are_summed_by_class_and_the_page_itself_is_none(void **state)
{
	struct scoreboard_row *a = row(*state, 1, 0, WORKER_READY);
	struct scoreboard_row *b = row(*state, 2, 1, WORKER_EMPTY);
	struct status_sums s;

	stats_add(&a->stats.requests[ENDPOINT_CHAT][stats_code_index(200)], 5);
	stats_add(&b->stats.requests[ENDPOINT_OTHER][stats_code_index(404)], 2);
	stats_add(&b->stats.requests[ENDPOINT_CHAT][stats_code_index(502)], 1);
	stats_add(&a->stats.requests[ENDPOINT_NONE][stats_code_index(200)], 9);
	stats_add(&b->stats.refused[STATS_REFUSED_RATE], 4);
	status_sum(*state, 2, &s);
	assert_int_equal(s.requests, 8);
	assert_int_equal(s.local, 9);
	assert_int_equal(s.by_class[1], 5);
	assert_int_equal(s.by_class[3], 2);
	assert_int_equal(s.by_class[4], 1);
	assert_int_equal(s.refused[STATS_REFUSED_RATE], 4);
	status_sum(*state, 1, &s); /* slot 1 is none of them */
	assert_int_equal(s.requests, 5);
}

static void
what_is_open_is_that_of_the_living(void **state)
{
	struct scoreboard_row *a = row(*state, 1, 0, WORKER_DRAINING);
	struct scoreboard_row *b = row(*state, 2, 0, WORKER_EMPTY);
	struct status_sums s;

	atomic_store(&a->connections, 3);
	atomic_store(&a->stats.streams, 2);
	atomic_store(&b->connections, 30);
	atomic_store(&b->stats.streams, 20);
	status_sum(*state, 1, &s);
	assert_int_equal(s.connections, 3);
	assert_int_equal(s.streams, 2);
}

static void
times_are_cumulative(void **state)
{
	struct scoreboard_row *a = row(*state, 1, 0, WORKER_READY);
	struct status_sums s;

	stats_observe(&a->stats.duration[ENDPOINT_CHAT], stats_bounds_us, 1);
	stats_observe(&a->stats.duration[ENDPOINT_MODELS], stats_bounds_us, 6000);
	stats_observe(&a->stats.duration[ENDPOINT_CHAT], stats_bounds_us, UINT32_MAX);
	stats_observe(&a->stats.duration[ENDPOINT_NONE], stats_bounds_us, 1);
	status_sum(*state, 1, &s);
	assert_int_equal(s.latency.counts[0], 1);
	assert_int_equal(s.latency.counts[1], 2);
	assert_int_equal(s.latency.counts[STATS_BOUNDS - 1], 2);
	assert_int_equal(s.latency.counts[STATS_BOUNDS], 3);
	assert_int_equal(s.latency.sum_us, 6001 + (uint64_t)UINT32_MAX);
	assert_int_equal(s.ttfb.counts[STATS_BOUNDS], 0);
}

static void
rows_end_where_the_slots_do(void **state)
{
	size_t n = 0;

	while (status_row(*state, 3, n) != NULL)
		n++;
	assert_int_equal(n, 3 * SHARED_MAX_GENERATIONS);
	assert_null(status_row(*state, 0, 0));
	assert_null(status_row(*state, SHARED_WORKER_SLOTS + 1, 0));
	assert_non_null(
	    status_row(*state, SHARED_WORKER_SLOTS, SHARED_WORKER_SLOTS * 4 - 1));
}

static void
upstream_is_what_the_living_saw_last(void **state)
{
	const struct upstream_addrs none = { .tries = 2 },
				    some = { .tries = 3, .ok = 1, .n = 1 };
	struct scoreboard_row *a = row(*state, 1, 0, WORKER_READY);
	struct scoreboard_row *b = row(*state, 1, 1, WORKER_EMPTY);
	struct status_upstream u;

	atomic_store(&a->upstream_ok_ms, 5);
	atomic_store(&b->upstream_fail_ms, 9);
	u = status_upstream(*state, 2);
	assert_int_equal(u.ok_ms, 5);
	assert_int_equal(u.fail_ms, 0);
	assert_false(u.unknown);
	shared_put_upstream(*state, &none);
	assert_true(status_upstream(*state, 2).unknown);
	shared_put_upstream(*state, &some);
	assert_false(status_upstream(*state, 2).unknown);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_summed_by_class_and_the_page_itself_is_none),
		TEST(what_is_open_is_that_of_the_living),
		TEST(times_are_cumulative),
		TEST(rows_end_where_the_slots_do),
		TEST(upstream_is_what_the_living_saw_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
