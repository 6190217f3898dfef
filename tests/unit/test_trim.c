/* When memory is given back: after a crowd has left, and not again and again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "worker/trim.h"

/* Look at each number in turn. Returns how often memory was due, and how many connections
 * there were the last time. */
static unsigned
look(struct trim *t, const size_t *numbers, size_t n, size_t *at_out)
{
	unsigned times = 0;

	for (size_t i = 0; i < n; i++)
		if (trim_is_due(t, numbers[i], numbers[i])) {
			times++;
			*at_out = numbers[i];
		}
	return times;
}

#define LOOK(t, at, ...)                                                                 \
	look(t, (const size_t[]){ __VA_ARGS__ },                                         \
	    sizeof((const size_t[]){ __VA_ARGS__ }) / sizeof(size_t), at)

static void
a_crowd_that_left_at_once_is_one_time(void **state)
{
	struct trim t = { 0 };
	size_t at = 1;

	(void)state;
	assert_int_equal(LOOK(&t, &at, 0, 5000, 5000, 0, 0, 0), 1);
	assert_int_equal(at, 0);
}

static void
a_crowd_that_is_leaving_is_waited_for(void **state)
{
	struct trim t = { 0 };
	size_t at = 0;

	(void)state;
	assert_int_equal(LOOK(&t, &at, 5000, 4500, 4000, 3500, 3500, 3500), 1);
	assert_int_equal(at, 3500);
}

static void
half_of_it_is_enough_while_more_are_leaving(void **state)
{
	struct trim t = { 0 };
	size_t at = 0;

	(void)state;
	assert_int_equal(LOOK(&t, &at, 5000, 4000, 3000, 2400, 2300, 2200), 1);
	assert_int_equal(at, 2400);
}

/* However few they are: they belong to a crowd. */
static void
those_who_leave_behind_the_half_count_when_all_have_left(void **state)
{
	struct trim t = { 0 };
	size_t at = 1;

	(void)state;
	assert_int_equal(LOOK(&t, &at, 600, 600, 200, 0, 0, 0), 2);
	assert_int_equal(at, 0);
	/* one who leaves later is no crowd */
	assert_int_equal(LOOK(&t, &at, 100, 99, 99, 0, 0), 0);
	/* and where nobody left behind the half there is nothing to give back */
	assert_int_equal(LOOK(&t, &at, 600, 200, 200, 199, 199), 1);
}

static void
some_that_come_and_go_are_none(void **state)
{
	struct trim t = { 0 };
	size_t at;

	(void)state;
	assert_int_equal(LOOK(&t, &at, 1000, 800, 1000, 900, 745, 745, 1000, 0 + 745), 0);
}

static void
a_crowd_that_came_and_left_between_two_looks_counts(void **state)
{
	struct trim t = { 0 };

	(void)state;
	assert_false(trim_is_due(&t, 10, 10));
	assert_true(trim_is_due(&t, 600, 10));
	assert_false(trim_is_due(&t, 10, 10));
}

static void
the_next_crowd_counts_anew(void **state)
{
	struct trim t = { 0 };
	size_t at;

	(void)state;
	assert_int_equal(LOOK(&t, &at, 5000, 10, 10, 200, 10, 300, 10, 10), 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crowd_that_left_at_once_is_one_time),
		cmocka_unit_test(a_crowd_that_is_leaving_is_waited_for),
		cmocka_unit_test(half_of_it_is_enough_while_more_are_leaving),
		cmocka_unit_test(those_who_leave_behind_the_half_count_when_all_have_left),
		cmocka_unit_test(some_that_come_and_go_are_none),
		cmocka_unit_test(a_crowd_that_came_and_left_between_two_looks_counts),
		cmocka_unit_test(the_next_crowd_counts_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
