/* backoff: the pace of respawns, in exact numbers. */
#include "master/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
the_first_death_is_answered_at_once_and_the_next_ever_later(void **state)
{
	const uint64_t expected[] = { 0, 250, 500, 1000, 2000, 4000, 8000, 16000, 30000,
		30000 };
	struct backoff b = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(backoff_next(&b, 0), expected[i]);
}

static void
it_never_waits_longer_however_often_a_child_dies(void **state)
{
	struct backoff b = { .failures = UINT32_MAX - 1 };

	(void)state;
	assert_int_equal(backoff_next(&b, 10), BACKOFF_MAX_MS);
}

static void
a_minute_of_health_begins_anew(void **state)
{
	struct backoff b = { 0 };

	(void)state;
	for (int i = 0; i < 5; i++)
		(void)backoff_next(&b, 0);
	assert_int_equal(backoff_next(&b, BACKOFF_HEALTHY_MS - 1), 8000 - 4000);
	assert_int_equal(backoff_next(&b, BACKOFF_HEALTHY_MS), 0);
	assert_int_equal(backoff_next(&b, 1), 250);
}

static void
one_that_waits_from_the_beginning_waits_twice_as_long_each_time(void **state)
{
	const uint64_t expected[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
	struct backoff b = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(backoff_next_from(&b, 0, 1000), expected[i]);
	assert_int_equal(backoff_next_from(&b, BACKOFF_HEALTHY_MS, 1000), 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_first_death_is_answered_at_once_and_the_next_ever_later),
		cmocka_unit_test(
		    one_that_waits_from_the_beginning_waits_twice_as_long_each_time),
		cmocka_unit_test(it_never_waits_longer_however_often_a_child_dies),
		cmocka_unit_test(a_minute_of_health_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
