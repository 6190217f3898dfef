/*
 * Windows, interrupted at each access to memory in turn: a process asks, is held up
 * before its k-th access, and meanwhile time goes on and others ask; or two ask at once
 * and change places in every way of three changes. The module is compiled into this test
 * with its accesses counted. What must hold however it falls: never one too many, and no
 * refusal without a reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <ucontext.h>

static void on_access(void);

static inline uint64_t
counted_load(_Atomic uint64_t *p)
{
	on_access();
	return atomic_load(p);
}

static inline bool
counted_swap(_Atomic uint64_t *p, uint64_t *old, uint64_t next)
{
	on_access();
	return atomic_compare_exchange_strong(p, old, next);
}

#undef atomic_load
#undef atomic_compare_exchange_weak
#undef atomic_compare_exchange_strong
#define atomic_load counted_load
#define atomic_compare_exchange_weak counted_swap
#define atomic_compare_exchange_strong counted_swap
#include "common/window.c"

#define SIXTEENTH_NS UINT64_C(100000000)
#define WINDOW_NS (16 * SIXTEENTH_NS)
#define T0 (UINT64_C(5000) * SIXTEENTH_NS)

enum { MAX_ADMITTED = 4096, ACCESSES = 60 };

/* One world: the window, the time, and who was admitted when. */
static struct world {
	struct window window;
	struct window_rule rule;
	uint64_t now_ns;
	uint64_t at[MAX_ADMITTED];
	size_t n;
	unsigned accesses;    /* of who is held up, so far */
	unsigned held_before; /* its access; 0: not any more */
	bool waiting;         /* somebody is being held up */
	void (*meanwhile)(void);
} world;

static uint64_t
world_clock(void *arg)
{
	*(uint64_t *)arg = world.now_ns;
	return world.now_ns;
}

/* One of two who ask at once: it runs for some accesses, then the other does. */
struct asker {
	ucontext_t context;
	char stack[128 * 1024];
	uint64_t now_ns;
	unsigned left; /* accesses until it has to stand aside */
	int result;
	uint64_t at;
	bool done;
};

static struct asker askers[2];
static struct asker *running;
static ucontext_t scheduler;

static void
on_access(void)
{
	struct asker *self = running;

	if (self != NULL) {
		while (self->left == 0)
			swapcontext(&self->context, &scheduler);
		self->left--;
		return;
	}
	if (world.held_before == 0 || ++world.accesses != world.held_before)
		return;
	world.held_before = 0;
	world.waiting = true;
	world.meanwhile();
	world.waiting = false;
}

/* No window of the length, whichever admission it ends with, holds more than the limit.
 */
static void
check_limit(void)
{
	for (size_t i = 0; i < world.n; i++) {
		uint64_t held = 0;

		for (size_t j = 0; j < world.n; j++)
			held += world.at[j] <= world.at[i] &&
			    world.at[i] - world.at[j] < WINDOW_NS;
		if (held > world.rule.limit)
			fail_msg("%lu in a window, limit %u, held up before access %u",
			    (unsigned long)held, world.rule.limit, world.accesses);
	}
}

/*
 * Was the limit used up when the refused one looked at the clock, within a window and
 * the sixteenth before it? Others may have come since, in the same sixteenth; who is
 * held up may hold a place.
 */
static void
check_refusal(uint64_t looked)
{
	uint64_t held = world.waiting;

	for (size_t i = 0; i < world.n; i++)
		held += world.at[i] < looked + SIXTEENTH_NS &&
		    looked < world.at[i] + WINDOW_NS + SIXTEENTH_NS;
	if (held < world.rule.limit)
		fail_msg("refused with room, held up before access %u", world.accesses);
}

static void
ask_once(void)
{
	struct window_state st;
	uint64_t at = 0;
	const int r = window_admit(&world.window, &world.rule, world_clock, &at, &st);

	if (r == 0) {
		assert_true(world.n < MAX_ADMITTED);
		world.at[world.n++] = at;
		check_limit();
	} else {
		assert_int_equal(r, -EAGAIN);
		check_refusal(at);
	}
}

static void
others_ask_while_time_goes_on(void)
{
	const int n = rand() % 8;

	for (int i = 0; i < n; i++) {
		if (rand() % 2)
			world.now_ns +=
			    (uint64_t)rand() % (SIXTEENTH_NS * (rand() % 2 ? 2 : 20));
		ask_once();
	}
}

static void
world_begin(unsigned seed, uint32_t limit)
{
	srand(seed);
	world = (struct world){ .rule = { limit, WINDOW_NS / 1000000, window_tag(1, 1) },
		.now_ns = T0 + (uint64_t)rand() % SIXTEENTH_NS };
}

static void
held_up_anywhere_a_process_neither_takes_nor_loses_a_place(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 300; seed++)
		for (unsigned k = 1; k <= ACCESSES; k++) {
			world_begin(seed * 1000 + k, 1 + seed % 4);
			world.meanwhile = others_ask_while_time_goes_on;
			others_ask_while_time_goes_on();
			world.accesses = 0;
			world.held_before = k;
			ask_once();
			world.held_before = 0;
			/* what it left behind must fit what it was told */
			for (int i = 0; i < 6; i++)
				others_ask_while_time_goes_on();
		}
}

/* Meanwhile the window's length is given another version, and the new one is used up. */
static void
others_use_up_the_next_version(void)
{
	world.rule.tag = window_tag(1, 2);
	world.n = 0;
	for (uint32_t i = 0; i < world.rule.limit + 1; i++)
		ask_once();
	assert_int_equal(world.n, world.rule.limit);
}

static void
held_up_with_an_old_rule_a_process_wipes_out_no_count_of_the_new(void **state)
{
	unsigned told = 0;

	(void)state;
	for (unsigned k = 1; k <= ACCESSES; k++) {
		struct window_rule old;
		struct window_state st;
		uint64_t at;
		int r;

		world_begin(k, 3);
		world.meanwhile = others_use_up_the_next_version;
		old = world.rule;
		world.held_before = k;
		r = window_admit(&world.window, &old, world_clock, &at, &st);
		assert_true(r == 0 || r == ERR_CHANGED);
		told += r == ERR_CHANGED;
		if (world.held_before == 0)
			ask_once(); /* still used up: check_limit fails if it is let in */
		world.held_before = 0;
	}
	assert_true(told > 17);
}

/* Meanwhile another takes the last place, in the same sixteenth. */
static void
another_takes_the_place(void)
{
	ask_once();
}

static void
of_two_who_want_the_last_place_one_gets_it(void **state)
{
	(void)state;
	for (unsigned k = 1; k <= ACCESSES; k++) {
		world_begin(k, 1);
		world.meanwhile = another_takes_the_place;
		world.held_before = k;
		ask_once();
		world.held_before = 0;
		assert_int_equal(world.n, 1);
		world.now_ns += 17 * SIXTEENTH_NS;
		ask_once();
		assert_int_equal(world.n, 2);
	}
}

static uint64_t
asker_clock(void *arg)
{
	struct asker *a = arg;

	return a->at = a->now_ns;
}

static void
asker_body(int which)
{
	struct asker *a = &askers[which];
	struct window_state st;

	a->result = window_admit(&world.window, &world.rule, asker_clock, a, &st);
	a->done = true;
}

static void
asker_begin(int which, uint64_t now_ns)
{
	struct asker *a = &askers[which];

	a->done = false;
	a->left = 0;
	a->now_ns = now_ns;
	getcontext(&a->context);
	a->context.uc_stack.ss_sp = a->stack;
	a->context.uc_stack.ss_size = sizeof(a->stack);
	a->context.uc_link = &scheduler;
	makecontext(&a->context, (void (*)(void))asker_body, 1, which);
}

static void
run(int which, unsigned accesses)
{
	if (askers[which].done)
		return;
	running = &askers[which];
	running->left = accesses;
	swapcontext(&scheduler, &running->context);
	running = NULL;
}

/* Both ask: the first for a accesses, the second for b, the first for c, and so to the
 * end. Returns how many were admitted. */
static unsigned
two_ask(const unsigned turn[3], uint64_t later_ns)
{
	world_begin(1, 1);
	asker_begin(0, world.now_ns);
	asker_begin(1, world.now_ns + later_ns);
	run(0, turn[0]);
	askers[0].now_ns += later_ns; /* the time that it will find when it looks again */
	run(1, turn[1]);
	run(0, turn[2]);
	run(1, 10 * ACCESSES);
	run(0, 10 * ACCESSES);
	assert_true(askers[0].done && askers[1].done);
	for (int i = 0; i < 2; i++) {
		assert_true(askers[i].result == 0 || askers[i].result == -EAGAIN);
		if (askers[i].result == 0)
			world.at[world.n++] = askers[i].at;
	}
	check_limit();
	return (unsigned)world.n;
}

static void
whoever_is_faster_one_of_two_gets_the_last_place(void **state)
{
	unsigned turn[3];

	(void)state;
	for (turn[0] = 0; turn[0] < 40; turn[0]++)
		for (turn[1] = 0; turn[1] < 40; turn[1]++)
			for (turn[2] = 0; turn[2] < 40; turn[2]++)
				if (two_ask(turn, 0) != 1)
					fail_msg("%lu admitted after %u, %u, %u accesses",
					    (unsigned long)world.n, turn[0], turn[1],
					    turn[2]);
}

static void
with_sixteenths_between_them_two_never_both_get_the_last_place(void **state)
{
	unsigned turn[3], both = 0;

	(void)state;
	for (unsigned later = 1; later <= 18; later++)
		for (turn[0] = 0; turn[0] < 40; turn[0] += 3)
			for (turn[1] = 0; turn[1] < 40; turn[1]++)
				for (turn[2] = 0; turn[2] < 40; turn[2] += 3)
					both += two_ask(turn, later * SIXTEENTH_NS) == 2;
	assert_true(both > 0); /* a whole window apart they may */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    held_up_anywhere_a_process_neither_takes_nor_loses_a_place),
		cmocka_unit_test(
		    held_up_with_an_old_rule_a_process_wipes_out_no_count_of_the_new),
		cmocka_unit_test(of_two_who_want_the_last_place_one_gets_it),
		cmocka_unit_test(whoever_is_faster_one_of_two_gets_the_last_place),
		cmocka_unit_test(
		    with_sixteenths_between_them_two_never_both_get_the_last_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
