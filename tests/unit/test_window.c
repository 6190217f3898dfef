/* Windows with injected time: exact numbers, waiting times, tags, and other processes
 * that get in between. What eight real processes do to them is in test_window_fork. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/window.h"

#define MS UINT64_C(1000000)
#define T0 (UINT64_C(1000) * 1000 * MS) /* a moment, at the start of a sixteenth */

/* A clock that stands where it is put. */
static uint64_t
stopped(void *arg)
{
	return *(const uint64_t *)arg;
}

static int
admit(struct window *w, const struct window_rule *r, uint64_t now_ns)
{
	struct window_state st;

	return window_admit(w, r, stopped, &now_ns, &st);
}

static struct window_state
peek(struct window *w, const struct window_rule *r, uint64_t now_ns, int wanted)
{
	struct window_state st;

	memset(&st, 0x5a, sizeof(st));
	assert_int_equal(window_peek(w, r, stopped, &now_ns, &st), wanted);
	return st;
}

static void
admits_the_limit_and_then_says_how_long_to_wait(void **state)
{
	const struct window_rule r = { .limit = 3, .window_ms = 16000 };
	struct window w = { 0 };
	struct window_state st;
	uint64_t now = T0;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(window_admit(&w, &r, stopped, &now, &st), 0);
		assert_int_equal(st.limit, 3);
		assert_int_equal(st.remaining, 2 - i);
		assert_int_equal(st.retry_after_ms, 0);
		assert_int_equal(st.reset_ms, 17000 - (now - T0) / MS % 1000);
		now += 1500 * MS;
	}
	/* counted in the sixteenths 0, 1 and 3; now is 4.5 */
	assert_int_equal(window_admit(&w, &r, stopped, &now, &st), -EAGAIN);
	assert_int_equal(st.remaining, 0);
	assert_int_equal(st.retry_after_ms, 17000 - 4500);
	assert_int_equal(st.reset_ms, 20000 - 4500);
	assert_int_equal(admit(&w, &r, T0 + 17000 * MS - 1), -EAGAIN);
	assert_int_equal(admit(&w, &r, now + st.retry_after_ms * MS), 0);
	assert_int_equal(admit(&w, &r, now + st.retry_after_ms * MS), -EAGAIN);
	peek(&w, &r, T0 + 18000 * MS - 1, -EAGAIN);
	peek(&w, &r, T0 + 18000 * MS, 0);
}

static void
looking_counts_nothing(void **state)
{
	const struct window_rule r = { .limit = 2, .window_ms = 1000 };
	struct window w = { 0 };
	struct window_state st;

	(void)state;
	for (int i = 0; i < 10; i++) {
		st = peek(&w, &r, T0, 0);
		assert_int_equal(st.remaining, 2);
		assert_int_equal(st.reset_ms, 0);
	}
	assert_int_equal(admit(&w, &r, T0), 0);
	st = peek(&w, &r, T0 + MS, 0);
	assert_int_equal(st.remaining, 1);
	assert_int_equal(st.reset_ms, 1062); /* 17 of 62.5 ms, less 1, rounded up */
	assert_int_equal(admit(&w, &r, T0), 0);
	st = peek(&w, &r, T0, -EAGAIN);
	assert_int_equal(st.retry_after_ms, 1063);
}

/* Every admission against all before it; every refusal had a reason. */
static void
slide_over(uint32_t limit, uint32_t window_ms, uint32_t mean_us, unsigned seed)
{
	enum { N = 20000 };
	static uint64_t at[N];
	const struct window_rule r = { limit, window_ms, window_tag(1, 1) };
	const uint64_t window = window_ms * MS;
	struct window w = { 0 };
	uint64_t now = T0 + seed;
	size_t n = 0;

	srand(seed);
	for (int i = 0; i < N; i++) {
		struct window_state st;
		int got;

		now += (uint64_t)rand() % (2 * mean_us) * 1000;
		if (rand() % 1000 == 0)
			now += window / 2 + (uint64_t)rand() % window;
		got = window_admit(&w, &r, stopped, &now, &st);
		if (got == 0) {
			at[n++] = now;
			if (n > limit && at[n - 1] - at[n - 1 - limit] < window)
				fail_msg("%u + 1 in a window, seed %u", limit, seed);
		} else {
			assert_int_equal(got, -EAGAIN);
			/* the limit was used up within a window and a sixteenth */
			if (n < limit || now - at[n - limit] > window + window / 16)
				fail_msg("refused with room, seed %u", seed);
			/* and who waits as told finds room */
			peek(&w, &r, now + st.retry_after_ms * MS, 0);
			if (st.retry_after_ms > 1)
				peek(&w, &r, now + (st.retry_after_ms - 1) * MS, -EAGAIN);
		}
	}
	assert_true(n > limit);
}

static void
no_window_of_the_length_ever_holds_one_too_many(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 8; seed++) {
		slide_over(1, 1000, 300000, seed);
		slide_over(10, 1000, 40000, seed);
		slide_over(100, 60000, 200000, seed);
		slide_over(7, 1001, 9000, seed);
		slide_over(1000, 1000, 700, seed);
	}
}

static void
a_limit_of_none_admits_none_and_one_too_high_is_held_down(void **state)
{
	struct window_rule r = { .limit = 0, .window_ms = 60000 };
	struct window w = { 0 };
	struct window_state st;

	(void)state;
	st = peek(&w, &r, T0, -EAGAIN);
	assert_int_equal(st.retry_after_ms, 60000);
	assert_int_equal(st.remaining, 0);
	assert_int_equal(admit(&w, &r, T0), -EAGAIN);
	r.limit = UINT32_MAX;
	st = peek(&w, &r, T0, 0);
	assert_int_equal(st.limit, WINDOW_MAX_LIMIT);
	assert_int_equal(st.remaining, WINDOW_MAX_LIMIT);
	r.window_ms = 0;
	assert_int_equal(admit(&w, &r, T0), -EINVAL);
	r.window_ms = 1000;
	r.tag = UINT32_MAX;
	assert_int_equal(admit(&w, &r, T0), -EINVAL);
}

static void
a_full_million_is_counted(void **state)
{
	const struct window_rule r = { .limit = 1000000, .window_ms = 1000 };
	struct window w = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 1000000; i++)
		if (admit(&w, &r, T0) != 0)
			fail_msg("refused number %u", i);
	assert_int_equal(admit(&w, &r, T0), -EAGAIN);
	assert_int_equal(peek(&w, &r, T0, -EAGAIN).retry_after_ms, 1063);
}

static void
a_new_limit_holds_at_once(void **state)
{
	struct window_rule r = { .limit = 5, .window_ms = 16000 };
	struct window w = { 0 };
	struct window_state st;

	(void)state;
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(admit(&w, &r, T0 + i * 1000 * MS), 0);
	r.limit = 2;
	st = peek(&w, &r, T0 + 5000 * MS, -EAGAIN);
	assert_int_equal(st.retry_after_ms, 20000 - 5000); /* four have to leave */
	r.limit = 6;
	assert_int_equal(admit(&w, &r, T0 + 5000 * MS), 0);
	assert_int_equal(admit(&w, &r, T0 + 5000 * MS), -EAGAIN);
}

static void
another_length_or_another_owner_starts_anew(void **state)
{
	struct window_rule r = { 1, 60000, window_tag(7, 3) };
	struct window w = { 0 };

	(void)state;
	assert_int_equal(admit(&w, &r, T0), 0);
	assert_int_equal(admit(&w, &r, T0), -EAGAIN);
	r.window_ms = 1000;
	r.tag = window_tag(7, 4);
	assert_int_equal(admit(&w, &r, T0), 0);
	assert_int_equal(admit(&w, &r, T0), -EAGAIN);
	r.window_ms = 3600000;
	r.tag = window_tag(7, 5);
	assert_int_equal(admit(&w, &r, T0), 0);
	assert_int_equal(admit(&w, &r, T0), -EAGAIN);
	r.tag = window_tag(8, 5);
	assert_int_equal(admit(&w, &r, T0), 0);
	assert_int_equal(admit(&w, &r, T0), -EAGAIN);
}

static void
numbers_that_come_round_are_still_newer(void **state)
{
	struct window w = { 0 };

	(void)state;
	for (uint32_t generation = 0; generation < 300; generation++)
		for (uint32_t version = 0; version < 40; version += 3) {
			const struct window_rule r = { 1, 1000,
				window_tag(generation, version) };

			assert_int_equal(admit(&w, &r, T0), 0);
			assert_int_equal(admit(&w, &r, T0), -EAGAIN);
		}
}

static void
who_was_held_up_with_an_old_rule_wipes_out_nothing(void **state)
{
	const struct window_rule old = { 5, 60000, window_tag(1, 1) };
	const struct window_rule rule = { 2, 60000, window_tag(1, 2) };
	struct window w = { 0 };
	struct window_state st;
	uint64_t now = T0;

	(void)state;
	assert_int_equal(admit(&w, &rule, T0), 0);
	assert_int_equal(window_admit(&w, &old, stopped, &now, &st), ERR_CHANGED);
	window_heal(&w, &rule, &st); /* the rule has indeed changed: nothing is emptied */
	assert_int_equal(peek(&w, &rule, T0, 0).remaining, 1);
	assert_int_equal(window_peek(&w, &old, stopped, &now, &st), ERR_CHANGED);
	assert_int_equal(admit(&w, &rule, T0), 0);
	assert_int_equal(admit(&w, &rule, T0), -EAGAIN);
}

static void
counts_so_old_that_they_look_newer_are_healed_away(void **state)
{
	const struct window_rule old = { 5, 60000, window_tag(1, 1) };
	const struct window_rule rule = { 2, 60000, window_tag(60 + 1, 1) };
	const struct window_rule later = { 2, 60000, window_tag(120 + 1, 1) };
	struct window w = { 0 };
	struct window_state st;
	uint64_t now = T0;
	int tries = 0;

	(void)state;
	for (uint64_t i = 0; i < WINDOW_CELLS; i++)
		assert_int_equal(admit(&w, &old, T0 + i * 3750 * MS), i < 5 ? 0 : -EAGAIN);
	assert_int_equal(admit(&w, &rule, T0), 0); /* one cell taken over, four left */
	while (window_admit(&w, &later, stopped, &now, &st) == ERR_CHANGED) {
		window_heal(&w, &later, &st);
		assert_true(++tries < 17);
	}
	assert_int_equal(tries, 4);
	assert_int_equal(peek(&w, &later, T0, 0).remaining, 1);
}

static void
a_new_owner_sweeps_out_the_old_ones_counts_only(void **state)
{
	const struct window_rule old = { 9, 16000, window_tag(1, 1) };
	const struct window_rule rule = { 9, 16000, window_tag(2, 1) };
	const struct window_rule later = { 9, 16000, window_tag(3, 1) };
	struct window w = { 0 };

	(void)state;
	assert_int_equal(admit(&w, &old, T0), 0);
	assert_int_equal(admit(&w, &rule, T0 + 1000 * MS), 0);
	assert_int_equal(admit(&w, &later, T0 + 2000 * MS), 0);
	window_sweep(&w, rule.tag);
	assert_int_equal(w.cell[T0 / (1000 * MS) % WINDOW_CELLS], 0);
	assert_int_not_equal(w.cell[(T0 / (1000 * MS) + 1) % WINDOW_CELLS], 0);
	assert_int_equal(peek(&w, &later, T0 + 2000 * MS, 0).remaining, 8);
}

static void
an_epoch_that_came_round_neither_blocks_nor_admits_too_many(void **state)
{
	const struct window_rule r = { .limit = 1, .window_ms = 1000 };
	const uint64_t cell = 1000 * MS / 16;
	const uint64_t round = cell << 28; /* 194 days */

	(void)state;
	for (uint64_t i = 1; i <= 64; i++) {
		struct window w = { 0 };
		const uint64_t later = T0 + round / 64 * i + i % 17 * cell;

		assert_int_equal(admit(&w, &r, T0), 0);
		/* a whole round later the old count may stand in the way, for a window at
		 * most */
		if (admit(&w, &r, later) != 0) {
			assert_true(later - T0 >= round && later - T0 - round < 17 * cell);
			assert_int_equal(admit(&w, &r, later + 17 * cell), 0);
		} else {
			assert_int_equal(admit(&w, &r, later), -EAGAIN);
			assert_int_equal(admit(&w, &r, later + 17 * cell), 0);
		}
	}
}

static void
what_is_taken_back_is_free_again(void **state)
{
	const struct window_rule r = { .limit = 1, .window_ms = 1000 };
	struct window w = { 0 };
	struct window_state st, again;
	uint64_t now = T0;

	(void)state;
	assert_int_equal(window_admit(&w, &r, stopped, &now, &st), 0);
	assert_int_equal(admit(&w, &r, T0), -EAGAIN);
	window_take_back(&w, &st);
	assert_int_equal(window_admit(&w, &r, stopped, &now, &again), 0);
	/* a cell that has gone on to another epoch is left alone */
	now += 17 * 62500000;
	assert_int_equal(admit(&w, &r, now), 0);
	window_take_back(&w, &again);
	assert_int_equal(admit(&w, &r, now), -EAGAIN);
}

/* A clock at which, on each reading in turn, somebody else gets in between. */
struct busy_clock {
	struct window *w;
	const struct window_rule *rule;
	uint64_t now_ns[4];  /* what is read */
	uint64_t else_ns[4]; /* when the other is admitted just after that; 0: not */
	size_t reads;
};

static uint64_t
busy(void *arg)
{
	struct busy_clock *c = arg;
	const size_t i = c->reads++;

	assert_true(i < 4);
	if (c->else_ns[i] != 0)
		assert_int_equal(admit(c->w, c->rule, c->else_ns[i]), 0);
	return c->now_ns[i];
}

static void
who_finds_the_cells_gone_on_looks_at_the_clock_again(void **state)
{
	const struct window_rule r = { .limit = 2, .window_ms = 1600 };
	struct window w = { 0 };
	struct busy_clock c = { &w, &r, { T0, T0 + 1700 * MS }, { T0 + 1700 * MS }, 0 };
	struct window_state st;

	(void)state;
	/* held up after the first reading, while another counted 17 epochs on, in the
	 * very cell that this one would have used */
	assert_int_equal(window_admit(&w, &r, busy, &c, &st), 0);
	assert_int_equal(c.reads, 2);
	assert_int_equal(st.remaining, 0);
	assert_int_equal(admit(&w, &r, T0 + 1700 * MS), -EAGAIN);
	assert_int_equal(peek(&w, &r, T0 + 3399 * MS, -EAGAIN).retry_after_ms, 1);
	peek(&w, &r, T0 + 3400 * MS, 0);
}

static void
a_request_takes_from_all_its_windows_or_from_none(void **state)
{
	struct window all = { 0 }, one = { 0 }, two = { 0 };
	struct window_use first[2] = { { .window = &all, .rule = { 3, 1000, 0 } },
		{ .window = &one, .rule = { 1, 1000, 0 } } };
	struct window_use second[2] = { { .window = &all, .rule = { 3, 1000, 0 } },
		{ .window = &two, .rule = { 9, 1000, 0 } } };
	uint64_t now = T0;
	size_t which = 9;

	(void)state;
	assert_int_equal(window_admit_all(first, 2, stopped, &now, &which), 0);
	assert_int_equal(first[0].state.remaining, 2);
	assert_int_equal(first[1].state.remaining, 0);
	for (int i = 0; i < 10; i++) { /* over its own limit: costs the others nothing */
		assert_int_equal(
		    window_admit_all(first, 2, stopped, &now, &which), -EAGAIN);
		assert_int_equal(which, 1);
		assert_true(first[1].state.retry_after_ms > 0);
	}
	assert_int_equal(window_admit_all(second, 2, stopped, &now, &which), 0);
	assert_int_equal(window_admit_all(second, 2, stopped, &now, &which), 0);
	assert_int_equal(second[0].state.remaining, 0);
	assert_int_equal(window_admit_all(second, 2, stopped, &now, &which), -EAGAIN);
	assert_int_equal(which, 0);
	assert_int_equal(peek(&two, &second[1].rule, now, 0).remaining, 7);
	assert_int_equal(window_admit_all(second + 1, 1, stopped, &now, &which), 0);
}

static void
a_late_refusal_gives_back_what_went_before(void **state)
{
	struct window all = { 0 }, one = { 0 };
	const struct window_rule r = { 1, 1000, 0 };
	struct window_use use[2] = { { .window = &all, .rule = { 5, 1000, 0 } },
		{ .window = &one, .rule = r } };
	/* both are looked at, then added to; the other comes between */
	struct busy_clock c = { &one, &r, { T0, T0 }, { 0, T0 }, 0 };
	size_t which = 9;

	(void)state;
	assert_int_equal(window_admit_all(use, 2, busy, &c, &which), -EAGAIN);
	assert_int_equal(c.reads, 2);
	assert_int_equal(which, 1);
	assert_int_equal(peek(&all, &use[0].rule, T0, 0).remaining, 5);
}

/* A clock whose reader is held up at one of its calls: others fill the window an epoch
 * later, then it goes on with the time that it had read. */
struct held_clock {
	struct window *window; /* that they fill */
	struct window_rule rule;
	uint64_t early_ns, late_ns;
	int at; /* which call, from 0 */
};

static uint64_t
held(void *arg)
{
	struct held_clock *c = arg;
	struct window_state st;

	if (c->at-- > 0)
		return c->early_ns;
	for (uint32_t i = 0; c->at == -1 && i < c->rule.limit; i++)
		assert_int_equal(
		    window_admit(c->window, &c->rule, stopped, &c->late_ns, &st), 0);
	return c->at == -1 ? c->early_ns : c->late_ns;
}

static void
what_was_counted_while_one_was_held_behind_its_clock_is_seen(void **state)
{
	const struct window_rule rule = { 3, 16000, window_tag(1, 1) };
	const uint64_t early_ns = UINT64_C(100) * 1000000000,
		       late_ns = early_ns + 1000000000;
	struct window_state st;
	size_t which = 9;

	(void)state;
	for (int at = 0; at < 5; at++) {
		struct window w[2] = { 0 };
		struct window_use use[2] = { { .window = &w[0], .rule = rule },
			{ .window = &w[1], .rule = rule } };
		/* both are looked at with reading 0 and counted in with reading 1, and
		 * either is filled meanwhile; the last is alone */
		const int fills = at % 2;
		struct held_clock c = { &w[fills], rule, early_ns, late_ns, at / 2 % 2 };
		uint64_t now_ns = late_ns;

		if (at == 4) {
			assert_int_equal(
			    window_admit(&w[0], &rule, held, &c, &st), -EAGAIN);
		} else {
			assert_int_equal(
			    window_admit_all(use, 2, held, &c, &which), -EAGAIN);
			assert_int_equal(which, fills);
		}
		assert_int_equal(window_peek(&w[!fills], &rule, stopped, &now_ns, &st), 0);
		assert_int_equal(st.remaining, 3);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(admits_the_limit_and_then_says_how_long_to_wait),
		cmocka_unit_test(looking_counts_nothing),
		cmocka_unit_test(no_window_of_the_length_ever_holds_one_too_many),
		cmocka_unit_test(a_limit_of_none_admits_none_and_one_too_high_is_held_down),
		cmocka_unit_test(a_full_million_is_counted),
		cmocka_unit_test(a_new_limit_holds_at_once),
		cmocka_unit_test(another_length_or_another_owner_starts_anew),
		cmocka_unit_test(numbers_that_come_round_are_still_newer),
		cmocka_unit_test(who_was_held_up_with_an_old_rule_wipes_out_nothing),
		cmocka_unit_test(counts_so_old_that_they_look_newer_are_healed_away),
		cmocka_unit_test(a_new_owner_sweeps_out_the_old_ones_counts_only),
		cmocka_unit_test(
		    an_epoch_that_came_round_neither_blocks_nor_admits_too_many),
		cmocka_unit_test(what_is_taken_back_is_free_again),
		cmocka_unit_test(who_finds_the_cells_gone_on_looks_at_the_clock_again),
		cmocka_unit_test(a_request_takes_from_all_its_windows_or_from_none),
		cmocka_unit_test(a_late_refusal_gives_back_what_went_before),
		cmocka_unit_test(
		    what_was_counted_while_one_was_held_behind_its_clock_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
