/*
 * The resolver: what it finds, when it tries again, what stays after a failure, and
 * that a look-up that hangs holds nobody up.
 */
#include <netdb.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/resolve.h"
#include "common/clock.h"

enum { PATIENCE_MS = 10000, INTERVAL_MS = 40, RETRY_MS = 10 };

/* The look-ups below have no argument of their own; the thread writes, the test reads. */
static _Atomic int lookups;
static int gate[2] = { -1, -1 };

static void
fill(struct upstream_addrs *out, uint8_t last)
{
	out->n = 1;
	out->v[0].family = AF_INET;
	out->v[0].addr.b[15] = last;
}

/* Found at the third attempt, and again from the fifth on, with another address. */
static int
lookup_flapping(const char *host, struct upstream_addrs *out)
{
	int n = ++lookups;

	if (strcmp(host, "upstream.test") != 0 || n < 3 || n == 4)
		return EAI_AGAIN;
	fill(out, n < 4 ? 3 : 5);
	return 0;
}

static int
lookup_always(const char *host, struct upstream_addrs *out)
{
	(void)host;
	fill(out, (uint8_t)++lookups);
	return 0;
}

/* Waits until the test closes the gate. */
static int
lookup_hanging(const char *host, struct upstream_addrs *out)
{
	struct pollfd p = { .fd = gate[0], .events = POLLIN };

	(void)host;
	(void)out;
	lookups++;
	while (poll(&p, 1, -1) != 1)
		;
	lookups++;
	return EAI_FAIL;
}

struct bench {
	struct event_base *base;
	struct state *state;
	struct resolve *resolve;
};

static int
set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	*state = b;
	if (b == NULL)
		return -1;
	b->base = event_base_new();
	b->state = aligned_alloc(64, sizeof(*b->state));
	if (b->base == NULL || b->state == NULL)
		return -1;
	memset(b->state, 0, sizeof(*b->state));
	lookups = 0;
	return 0;
}

static int
tear_down(void **state)
{
	struct bench *b = *state;

	resolve_destroy(&b->resolve);
	event_base_free(b->base);
	free(b->state);
	free(b);
	return 0;
}

static void
start_every(struct bench *b, const char *host, resolve_lookup_fn lookup, uint32_t ms)
{
	const struct resolve_options o = { host, ms, RETRY_MS, lookup };

	assert_int_equal(resolve_create(b->base, b->state, &o, &b->resolve), 0);
}

static void
start(struct bench *b, const char *host, resolve_lookup_fn lookup)
{
	start_every(b, host, lookup, INTERVAL_MS);
}

/* Run the loop until `tries` attempts are published. */
static struct upstream_addrs
run_until(struct bench *b, uint64_t tries)
{
	uint64_t end = clock_mono_ms() + PATIENCE_MS;
	struct upstream_addrs a = { 0 };

	assert_int_equal(shared_get_upstream(b->state, &a, NULL), 0);
	while (a.tries < tries && clock_mono_ms() < end) {
		assert_int_equal(event_base_loop(b->base, EVLOOP_ONCE), 0);
		assert_int_equal(shared_get_upstream(b->state, &a, NULL), 0);
	}
	assert_int_equal(a.tries, tries);
	return a;
}

static void
failures_are_counted_and_leave_the_addresses(void **state)
{
	struct bench *b = *state;
	struct upstream_addrs a;

	start(b, "upstream.test", lookup_flapping);
	a = run_until(b, 2);
	assert_int_equal(a.ok, 0);
	assert_int_equal(a.n, 0);
	a = run_until(b, 3);
	assert_int_equal(a.ok, 1);
	assert_int_equal(a.v[0].addr.b[15], 3);
	a = run_until(b, 4);
	assert_int_equal(a.ok, 1);
	assert_int_equal(a.n, 1);
	assert_int_equal(a.v[0].addr.b[15], 3);
	a = run_until(b, 5);
	assert_int_equal(a.ok, 2);
	assert_int_equal(a.v[0].addr.b[15], 5);
}

static void
success_is_looked_at_again_after_the_interval(void **state)
{
	struct bench *b = *state;
	uint64_t before;

	start(b, "upstream.test", lookup_always);
	run_until(b, 1);
	before = clock_mono_ms();
	assert_int_equal(run_until(b, 2).v[0].addr.b[15], 2);
	assert_in_range(clock_mono_ms() - before, INTERVAL_MS - 10, PATIENCE_MS);
}

static void
a_successor_goes_on_with_what_was_published(void **state)
{
	struct bench *b = *state;
	struct upstream_addrs a = { .host = "upstream.test", .tries = 7, .ok = 4 };

	fill(&a, 9);
	shared_put_upstream(b->state, &a);
	start(b, "upstream.test", lookup_flapping);
	a = run_until(b, 8);
	assert_int_equal(a.ok, 4);
	assert_int_equal(a.v[0].addr.b[15], 9);
}

static void
of_another_host_nothing_is_kept(void **state)
{
	struct bench *b = *state;
	struct upstream_addrs a = { .host = "upstream.test", .ok = 4 };

	fill(&a, 9);
	shared_put_upstream(b->state, &a);
	start(b, "upstream.test.example", lookup_flapping);
	assert_int_equal(shared_get_upstream(b->state, &a, NULL), 0);
	assert_int_equal(a.n, 0); /* at once */
	a = run_until(b, 1);
	assert_int_equal(a.ok, 0);
	assert_int_equal(a.n, 0);
	assert_true(shared_is_upstream_of(&a, "upstream.test.example"));
	assert_false(shared_is_upstream_of(&a, "upstream.test"));
}

static void
a_predecessor_that_died_while_writing_is_healed(void **state)
{
	struct bench *b = *state;

	atomic_store(&b->state->upstream.seq, 1);
	start(b, "upstream.test", lookup_always);
	for (int i = 0; i < 10 && atomic_load(&b->state->upstream.seq) < 2; i++)
		assert_int_equal(event_base_loop(b->base, EVLOOP_ONCE), 0);
	assert_int_equal(run_until(b, 1).ok, 1);
}

static void
the_first_attempt_needs_no_loop(void **state)
{
	struct bench *b = *state;
	struct upstream_addrs a;

	/* far more than a machine stands still */
	start_every(b, "upstream.test", lookup_always, 10 * PATIENCE_MS);
	resolve_first(b->resolve, PATIENCE_MS);
	assert_int_equal(shared_get_upstream(b->state, &a, NULL), 0);
	assert_int_equal(a.ok, 1);
	assert_int_equal(event_base_loop(b->base, EVLOOP_NONBLOCK), 0);
	assert_int_equal(lookups, 1); /* not again before the interval */
}

static void
a_first_attempt_that_hangs_goes_on_in_the_loop(void **state)
{
	struct bench *b = *state;
	struct upstream_addrs a;

	assert_int_equal(pipe(gate), 0);
	start(b, "upstream.test", lookup_hanging);
	resolve_first(b->resolve, 1);
	assert_int_equal(shared_get_upstream(b->state, &a, NULL), 0);
	assert_int_equal(a.tries, 0);
	close(gate[1]);
	assert_int_equal(run_until(b, 1).tries, 1);
	assert_int_equal(lookups, 2);
}

static void
a_hanging_lookup_holds_up_neither_the_loop_nor_the_end(void **state)
{
	struct bench *b = *state;
	uint64_t end = clock_mono_ms() + PATIENCE_MS;

	assert_int_equal(pipe(gate), 0);
	start(b, "upstream.test", lookup_hanging);
	while (lookups < 1 && clock_mono_ms() < end)
		assert_int_not_equal(event_base_loop(b->base, EVLOOP_NONBLOCK), -1);
	resolve_destroy(&b->resolve);
	assert_int_equal(lookups, 1);
	close(gate[1]); /* lets the thread go: its pipe has no reader any more */
	while (lookups < 2 && clock_mono_ms() < end)
		assert_int_equal(poll(NULL, 0, 1), 0);
	assert_int_equal(lookups, 2);
}

static bool
has(const struct upstream_addrs *a, const char *literal, uint64_t family)
{
	struct addr want;

	assert_int_equal(addr_parse(span_of(literal), &want), 0);
	for (uint64_t i = 0; i < a->n; i++) {
		if (a->v[i].family == family && addr_eq(&a->v[i].addr, &want))
			return true;
	}
	return false;
}

static void
literals_and_localhost_are_found(void **state)
{
	struct upstream_addrs a = { 0 };

	(void)state;
	assert_int_equal(resolve_lookup("192.0.2.7", &a), 0);
	assert_int_equal(a.n, 1);
	assert_true(has(&a, "192.0.2.7", AF_INET));
	assert_int_equal(resolve_lookup("2001:db8::7", &a), 0);
	assert_int_equal(a.n, 1);
	assert_true(has(&a, "2001:db8::7", AF_INET6));
	assert_int_equal(resolve_lookup("localhost", &a), 0);
	assert_true(has(&a, "127.0.0.1", AF_INET));
	for (uint64_t i = 0; i < a.n; i++) {
		for (uint64_t j = 0; j < i; j++)
			assert_false(addr_eq(&a.v[i].addr, &a.v[j].addr));
	}
}

static void
what_is_no_name_is_a_failure(void **state)
{
	struct upstream_addrs a = { .n = 3 };

	(void)state;
	assert_int_not_equal(resolve_lookup("no such name", &a), 0);
	assert_int_equal(a.n, 0);
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(failures_are_counted_and_leave_the_addresses),
		BENCH(success_is_looked_at_again_after_the_interval),
		BENCH(a_successor_goes_on_with_what_was_published),
		BENCH(of_another_host_nothing_is_kept),
		BENCH(the_first_attempt_needs_no_loop),
		BENCH(a_first_attempt_that_hangs_goes_on_in_the_loop),
		BENCH(a_predecessor_that_died_while_writing_is_healed),
		BENCH(a_hanging_lookup_holds_up_neither_the_loop_nor_the_end),
		cmocka_unit_test(literals_and_localhost_are_found),
		cmocka_unit_test(what_is_no_name_is_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
