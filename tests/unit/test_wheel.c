/* The timer wheel: when entries fire, and what callbacks may do to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "worker/wheel.h"

#define T0 UINT64_C(1000000)

enum { MANY = 500, STEPS = 20000 };

struct item {
	struct wheel_entry e; /* first */
	struct wheel *w;
	unsigned fired;
	uint64_t now_ms;    /* set by the test before it advances */
	struct item *other; /* what the callback does something to */
	uint64_t again_ms;
};

static void
count(struct wheel_entry *e)
{
	((struct item *)e)->fired++;
}

static void
an_entry_fires_once_at_the_first_tick_that_is_not_early(void **state)
{
	struct wheel w;
	struct item it = { 0 };

	(void)state;
	wheel_init(&w, T0);
	wheel_set(&w, &it.e, T0 + 1001, count);
	assert_int_equal(w.armed, 1);
	for (uint64_t now = T0; now < T0 + 1250; now++)
		wheel_advance(&w, now);
	assert_int_equal(it.fired, 0);
	wheel_advance(&w, T0 + 1250);
	assert_int_equal(it.fired, 1);
	assert_int_equal(w.armed, 0);
	for (uint64_t now = T0; now < T0 + 200000; now += WHEEL_TICK_MS)
		wheel_advance(&w, now);
	assert_int_equal(it.fired, 1);
}

static void
a_deadline_on_a_tick_fires_on_that_tick(void **state)
{
	struct wheel w;
	struct item it = { 0 };

	(void)state;
	wheel_init(&w, T0);
	wheel_set(&w, &it.e, T0 + 4 * (uint64_t)WHEEL_TICK_MS, count);
	wheel_advance(&w, T0 + 4 * (uint64_t)WHEEL_TICK_MS - 1);
	assert_int_equal(it.fired, 0);
	wheel_advance(&w, T0 + 4 * (uint64_t)WHEEL_TICK_MS);
	assert_int_equal(it.fired, 1);
}

static void
a_deadline_in_the_past_fires_at_the_next_tick(void **state)
{
	struct wheel w;
	struct item it = { 0 };

	(void)state;
	wheel_init(&w, T0);
	wheel_set(&w, &it.e, T0 - 5000, count);
	assert_int_equal(it.fired, 0);
	wheel_advance(&w, T0 + WHEEL_TICK_MS);
	assert_int_equal(it.fired, 1);
}

static void
a_deadline_moved_away_or_nearer_holds(void **state)
{
	struct wheel w;
	struct item away = { 0 }, nearer = { 0 };

	(void)state;
	wheel_init(&w, T0);
	wheel_set(&w, &away.e, T0 + 1000, count);
	wheel_set(&w, &away.e, T0 + 90000, count);
	wheel_set(&w, &nearer.e, T0 + 90000, count);
	wheel_set(&w, &nearer.e, T0 + 1000, count);
	assert_int_equal(w.armed, 2);
	wheel_advance(&w, T0 + 1000);
	assert_int_equal(away.fired, 0);
	assert_int_equal(nearer.fired, 1);
	for (uint64_t now = T0 + 1000; now < T0 + 90000; now += 100)
		wheel_advance(&w, now);
	assert_int_equal(away.fired, 0);
	wheel_advance(&w, T0 + 90000);
	assert_int_equal(away.fired, 1);
}

static void
a_cancelled_entry_does_not_fire_and_may_be_cancelled_again(void **state)
{
	struct wheel w;
	struct item it = { 0 };

	(void)state;
	wheel_init(&w, T0);
	wheel_cancel(&w, &it.e);
	wheel_set(&w, &it.e, T0 + 1000, count);
	wheel_cancel(&w, &it.e);
	wheel_cancel(&w, &it.e);
	assert_int_equal(w.armed, 0);
	wheel_advance(&w, T0 + 2000);
	assert_int_equal(it.fired, 0);
}

static void
after_a_long_stop_all_that_is_due_fires_and_nothing_else(void **state)
{
	struct wheel w;
	struct item due[MANY] = { 0 }, later = { 0 };

	(void)state;
	wheel_init(&w, T0);
	for (uint64_t i = 0; i < MANY; i++)
		wheel_set(&w, &due[i].e, T0 + i * 700, count);
	wheel_set(&w, &later.e, T0 + 10000001, count);
	wheel_advance(&w, T0 + 10000000);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(due[i].fired, 1);
	assert_int_equal(later.fired, 0);
	wheel_advance(&w, T0 + 10000250);
	assert_int_equal(later.fired, 1);
}

static void
cancel_other(struct wheel_entry *e)
{
	struct item *it = (struct item *)e;

	it->fired++;
	wheel_cancel(it->w, &it->other->e);
}

static void
a_callback_may_cancel_an_entry_that_is_due_in_the_same_visit(void **state)
{
	struct wheel w;
	struct item a = { 0 }, b = { 0 }, last = { 0 };

	(void)state;
	wheel_init(&w, T0);
	a = (struct item){ .w = &w, .other = &b };
	b = (struct item){ .w = &w, .other = &a };
	wheel_set(&w, &a.e, T0 + 1000, cancel_other);
	wheel_set(&w, &b.e, T0 + 1000, cancel_other);
	wheel_set(&w, &last.e, T0 + 1000, count);
	wheel_advance(&w, T0 + 1000);
	assert_int_equal(a.fired + b.fired, 1);
	assert_int_equal(last.fired, 1);
	assert_int_equal(w.armed, 0);
}

static void
set_again(struct wheel_entry *e)
{
	struct item *it = (struct item *)e;

	it->fired++;
	wheel_set(it->w, e, it->again_ms, set_again);
}

static void
a_callback_may_arm_its_own_entry_again(void **state)
{
	struct wheel w;
	struct item it = { 0 };

	(void)state;
	wheel_init(&w, T0);
	it.w = &w;
	/* a whole turn of the wheel later: the very slot that is being visited */
	it.again_ms = T0 + 1000 + (uint64_t)WHEEL_SLOTS * WHEEL_TICK_MS;
	wheel_set(&w, &it.e, T0 + 1000, set_again);
	wheel_advance(&w, T0 + 1000);
	assert_int_equal(it.fired, 1);
	assert_int_equal(w.armed, 1);
	wheel_advance(&w, it.again_ms - 1);
	assert_int_equal(it.fired, 1);
	wheel_advance(&w, it.again_ms);
	assert_int_equal(it.fired, 2);
	wheel_cancel(&w, &it.e);
}

/* Fires no earlier than due and at most a tick late. */
static void
check_due(struct wheel_entry *e)
{
	struct item *it = (struct item *)e;

	assert_true(it->now_ms >= e->due_ms);
	it->fired++;
}

static void
twenty_thousand_random_steps_agree_with_a_list(void **state)
{
	struct wheel w;
	struct item items[64] = { 0 };
	uint64_t due[64] = { 0 }; /* 0: not armed */
	uint64_t now = T0;

	(void)state;
	wheel_init(&w, now);
	for (int step = 0; step < STEPS; step++) {
		size_t i = (size_t)rand() % 64;
		size_t armed = 0;

		switch (rand() % 4) {
		case 0:
		case 1:
			due[i] = now + (uint64_t)rand() % 100000;
			wheel_set(&w, &items[i].e, due[i], check_due);
			break;
		case 2:
			due[i] = 0;
			wheel_cancel(&w, &items[i].e);
			break;
		default:
			now += (uint64_t)rand() % (rand() % 50 == 0 ? 80000 : 400);
			for (size_t k = 0; k < 64; k++) {
				items[k].now_ms = now;
				items[k].fired = 0;
			}
			wheel_advance(&w, now);
			for (size_t k = 0; k < 64; k++) {
				const uint64_t tick =
				    now / WHEEL_TICK_MS * (uint64_t)WHEEL_TICK_MS;

				if (items[k].fired > 0)
					assert_int_not_equal(due[k], 0);
				if (due[k] != 0 && due[k] + WHEEL_TICK_MS <= tick)
					assert_int_equal(items[k].fired, 1);
				if (items[k].fired > 0)
					due[k] = 0;
			}
			break;
		}
		for (size_t k = 0; k < 64; k++)
			armed += due[k] != 0;
		assert_int_equal(w.armed, armed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_fires_once_at_the_first_tick_that_is_not_early),
		cmocka_unit_test(a_deadline_on_a_tick_fires_on_that_tick),
		cmocka_unit_test(a_deadline_in_the_past_fires_at_the_next_tick),
		cmocka_unit_test(a_deadline_moved_away_or_nearer_holds),
		cmocka_unit_test(
		    a_cancelled_entry_does_not_fire_and_may_be_cancelled_again),
		cmocka_unit_test(after_a_long_stop_all_that_is_due_fires_and_nothing_else),
		cmocka_unit_test(
		    a_callback_may_cancel_an_entry_that_is_due_in_the_same_visit),
		cmocka_unit_test(a_callback_may_arm_its_own_entry_again),
		cmocka_unit_test(twenty_thousand_random_steps_agree_with_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
