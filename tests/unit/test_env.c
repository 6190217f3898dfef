/* The time of day of a worker: as the monotonic clock goes on, and as the machine's was set
 * by the last tick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/clock.h"
#include "worker/env.h"

static const int64_t hour_ns = INT64_C(3600) * 1000000000;

static void
a_tick_sets_the_time_of_day(void **state)
{
	struct worker_env env = { .to_wall_ns = -hour_ns };
	const int64_t before_ms = clock_wall_ms();

	(void)state;
	env_now_wall(&env);
	assert_in_range(env_wall_ms(&env), before_ms, clock_wall_ms());
}

static void
between_ticks_it_goes_on_with_the_monotonic_clock(void **state)
{
	struct worker_env env = { 0 };
	int64_t at_tick_ms;

	(void)state;
	env_now_wall(&env);
	at_tick_ms = env_wall_ms(&env);
	env.now_ns += (uint64_t)hour_ns;
	assert_int_equal(env_wall_ms(&env), at_tick_ms + hour_ns / 1000000);
}

static void
a_look_at_the_clock_alone_does_not_follow_one_that_was_set(void **state)
{
	struct worker_env env = { 0 };
	int64_t set_ns;

	(void)state;
	env_now_wall(&env);
	set_ns = env.to_wall_ns -= hour_ns;
	env_now(&env);
	assert_int_equal(env.to_wall_ns, set_ns);
	assert_true(env_wall_ms(&env) < clock_wall_ms() - hour_ns / 2000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tick_sets_the_time_of_day),
		cmocka_unit_test(between_ticks_it_goes_on_with_the_monotonic_clock),
		cmocka_unit_test(
		    a_look_at_the_clock_alone_does_not_follow_one_that_was_set),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
