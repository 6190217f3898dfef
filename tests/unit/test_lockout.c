/* Wrong passwords: who is locked, for how long, and who waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "admin/lockout.h"

enum { T0 = 1000 * 1000 };

static int
set_up(void **state)
{
	return lockout_create((struct lockout **)state);
}

static int
tear_down(void **state)
{
	lockout_destroy((struct lockout **)state);
	return *state == NULL ? 0 : -1;
}

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), 0);
	return a;
}

static struct lockout_verdict
attempt(struct lockout *l, const char *from, uint64_t now_ms)
{
	const struct addr a = address(from);

	return lockout_attempt(l, &a, now_ms);
}

static void
five_failures_lock_until_the_first_is_five_minutes_old(void **state)
{
	struct lockout_verdict v;

	for (uint32_t i = 0; i < LOCKOUT_FAILURES; i++) {
		v = attempt(*state, "192.0.2.1", T0 + i * 1000);
		assert_false(v.locked);
		assert_int_equal(v.attempts_left, LOCKOUT_FAILURES - 1 - i);
	}
	v = attempt(*state, "192.0.2.1", T0 + 10000);
	assert_true(v.locked);
	assert_int_equal(v.retry_ms, LOCKOUT_WINDOW_MS - 10000);
	v = attempt(*state, "192.0.2.1", T0 + LOCKOUT_WINDOW_MS - 1);
	assert_true(v.locked);
	assert_int_equal(v.retry_ms, 1);
	v = attempt(*state, "192.0.2.1", T0 + LOCKOUT_WINDOW_MS);
	assert_false(v.locked);
	assert_int_equal(v.attempts_left, 0);
	v = attempt(*state, "192.0.2.1", T0 + LOCKOUT_WINDOW_MS);
	assert_true(v.locked); /* four of the first five count still, and that one */
	assert_int_equal(v.retry_ms, 1000);
}

static void
a_lock_is_its_addresss_alone(void **state)
{
	for (int i = 0; i < 10; i++)
		(void)attempt(*state, "192.0.2.1", T0);
	assert_true(attempt(*state, "192.0.2.1", T0).locked);
	assert_false(attempt(*state, "192.0.2.2", T0).locked);
}

static void
the_addresses_of_a_v6_network_are_one(void **state)
{
	char text[64];

	for (int i = 0; i < LOCKOUT_FAILURES; i++) {
		snprintf(text, sizeof(text), "2001:db8::%x", i + 1);
		assert_false(attempt(*state, text, T0).locked);
	}
	assert_true(attempt(*state, "2001:db8::ffff", T0).locked);
	assert_false(attempt(*state, "2001:db8:0:1::1", T0).locked);
}

static void
attempts_at_the_same_time_count_each_until_one_is_right(void **state)
{
	const struct addr a = address("192.0.2.1");

	for (int i = 0; i < LOCKOUT_FAILURES - 1; i++)
		assert_false(attempt(*state, "192.0.2.1", T0).locked);
	lockout_forgive(*state, &a);
	assert_int_equal(
	    attempt(*state, "192.0.2.1", T0).attempts_left, LOCKOUT_FAILURES - 1);
}

static void
many_failures_from_everywhere_make_all_wait_and_lock_nobody(void **state)
{
	char text[64];
	struct lockout_verdict v;
	uint32_t before = 0;

	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i / 200, i % 200);
		v = attempt(*state, text, T0 + i);
		assert_false(v.locked);
		assert_in_range(v.delay_ms, before, LOCKOUT_DELAY_MAX_MS);
		if (i <= LOCKOUT_CALM)
			assert_int_equal(v.delay_ms, 0);
		before = v.delay_ms;
	}
	assert_int_equal(before, LOCKOUT_DELAY_MAX_MS);
	v = attempt(*state, "192.0.2.1", T0 + 2 * LOCKOUT_WINDOW_MS);
	assert_int_equal(v.delay_ms, 0);
}

static void
memory_is_bounded_and_the_oldest_suspect_gives_way(void **state)
{
	char text[64];

	for (int i = 0; i < LOCKOUT_FAILURES; i++)
		(void)attempt(*state, "192.0.2.1", T0);
	for (unsigned i = 0; i < LOCKOUT_ADDRESSES - 1; i++) {
		snprintf(text, sizeof(text), "10.0.%u.%u", i / 200, i % 200);
		(void)attempt(*state, text, T0 + 1);
	}
	assert_true(attempt(*state, "192.0.2.1", T0 + 2).locked);
	(void)attempt(*state, "172.16.0.1", T0 + 3);
	assert_false(attempt(*state, "192.0.2.1", T0 + 4).locked);
}

static void
what_a_lock_turned_away_is_told_once(void **state)
{
	struct lockout_tally t;

	for (int i = 0; i < LOCKOUT_FAILURES + 3; i++) {
		(void)attempt(*state, "192.0.2.1", T0);
		(void)attempt(*state, "192.0.2.2", T0);
	}
	t = lockout_take_tally(*state);
	assert_int_equal(t.attempts, 6);
	assert_int_equal(t.addresses, 2);
	t = lockout_take_tally(*state);
	assert_int_equal(t.attempts, 0);
	(void)attempt(*state, "192.0.2.1", T0);
	t = lockout_take_tally(*state);
	assert_int_equal(t.attempts, 1);
	assert_int_equal(t.addresses, 1);
}

#define LOCKOUT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LOCKOUT(five_failures_lock_until_the_first_is_five_minutes_old),
		LOCKOUT(a_lock_is_its_addresss_alone),
		LOCKOUT(the_addresses_of_a_v6_network_are_one),
		LOCKOUT(attempts_at_the_same_time_count_each_until_one_is_right),
		LOCKOUT(many_failures_from_everywhere_make_all_wait_and_lock_nobody),
		LOCKOUT(memory_is_bounded_and_the_oldest_suspect_gives_way),
		LOCKOUT(what_a_lock_turned_away_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
