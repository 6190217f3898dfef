/* ending: which signal is due when; time is an argument. */
#include "master/ending.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { T0 = 1000, PATIENCE = 30000 };

static void
nothing_is_due_before_it_has_begun(void **state)
{
	struct ending e = { 0 };

	(void)state;
	assert_int_equal(ending_due(&e, UINT64_MAX - 1), 0);
	assert_true(ending_next_ms(&e) == UINT64_MAX);
}

static void
each_signal_is_due_once_and_in_its_time(void **state)
{
	struct ending e = { 0 };

	(void)state;
	ending_begin(&e, T0, PATIENCE);
	assert_int_equal(ending_next_ms(&e), T0);
	assert_int_equal(ending_due(&e, T0), SIGTERM);
	assert_int_equal(ending_due(&e, T0 + PATIENCE - 1), 0);
	assert_int_equal(ending_due(&e, T0 + PATIENCE), SIGQUIT);
	assert_int_equal(ending_due(&e, T0 + PATIENCE + ENDING_GRACE_MS - 1), 0);
	assert_int_equal(ending_due(&e, T0 + PATIENCE + ENDING_GRACE_MS), SIGKILL);
	assert_int_equal(ending_due(&e, UINT64_MAX - 1), 0);
}

static void
hurrying_leaves_out_what_patience_is_left(void **state)
{
	struct ending e = { 0 };

	(void)state;
	ending_begin(&e, T0, PATIENCE);
	assert_int_equal(ending_due(&e, T0), SIGTERM);
	ending_hurry(&e, T0 + 5);
	assert_int_equal(ending_due(&e, T0 + 5), SIGQUIT);
	ending_hurry(&e, T0 + 6);
	assert_int_equal(ending_due(&e, T0 + 6), 0); /* it has been told */
	assert_int_equal(ending_next_ms(&e), T0 + 5 + ENDING_GRACE_MS);
}

static void
hurrying_what_has_not_begun_begins_with_the_firm_signal(void **state)
{
	struct ending e = { 0 };

	(void)state;
	ending_hurry(&e, T0);
	assert_int_equal(ending_due(&e, T0), SIGQUIT);
}

static void
a_second_beginning_can_only_shorten_the_patience(void **state)
{
	struct ending e = { 0 };

	(void)state;
	ending_begin(&e, T0, PATIENCE);
	assert_int_equal(ending_due(&e, T0), SIGTERM);
	ending_begin(&e, T0 + 100, PATIENCE * 100);
	assert_int_equal(ending_next_ms(&e), T0 + PATIENCE);
	ending_begin(&e, T0 + 100, 50);
	assert_int_equal(ending_due(&e, T0 + 149), 0);
	assert_int_equal(ending_due(&e, T0 + 150), SIGQUIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_due_before_it_has_begun),
		cmocka_unit_test(each_signal_is_due_once_and_in_its_time),
		cmocka_unit_test(hurrying_leaves_out_what_patience_is_left),
		cmocka_unit_test(hurrying_what_has_not_begun_begins_with_the_firm_signal),
		cmocka_unit_test(a_second_beginning_can_only_shorten_the_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
