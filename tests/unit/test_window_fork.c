/* Eight processes on one mapping of windows, on the real clock, some killed at random:
 * never one too many, and the limit is used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/window.h"

#define MS UINT64_C(1000000)

enum { CHILDREN = 8, MAX_RECORDS = 1 << 20, ROUNDS = 300 };

struct arena {
	struct window window[2];
	struct window round[ROUNDS];
	_Atomic uint32_t arrived[ROUNDS];
	_Atomic uint32_t admitted[ROUNDS];
	_Atomic uint64_t refused;
	_Atomic uint64_t n_records;
	_Atomic uint64_t record[MAX_RECORDS]; /* times of admission */
};

static uint64_t
mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* The real clock; what it last said is an admission's time. */
static uint64_t
noted(void *arg)
{
	return *(uint64_t *)arg = mono_ns();
}

static struct arena *
arena_create(void)
{
	struct arena *a = mmap(
	    NULL, sizeof(*a), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(a, MAP_FAILED);
	return a;
}

static pid_t
start(void (*body)(struct arena *, unsigned), struct arena *a, unsigned seed)
{
	const pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		body(a, seed);
		_exit(0);
	}
	return pid;
}

static void
wait_for(pid_t pid, int signal)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (signal != 0 && WIFSIGNALED(status))
		assert_int_equal(WTERMSIG(status), signal);
	else
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int
ascending(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* A pause of random length, by spinning: sleeping would put all in step with the timer.
 */
static void
dawdle(unsigned *seed)
{
	const int turns = rand_r(seed) % 400;

	for (volatile int i = 0; i < turns; i++)
		;
}

static const struct window_rule hammer_rule = { .limit = 50, .window_ms = 160 };

enum { HAMMER_MS = 3000, KILLS = 250, KILLS_MS = 60000 };

static void
hammer_for(struct arena *a, unsigned seed, uint64_t ms)
{
	const uint64_t end = mono_ns() + ms * MS;
	struct window_state st;
	uint64_t at;

	do {
		const int r = window_admit(a->window, &hammer_rule, noted, &at, &st);

		if (r == 0) {
			const uint64_t i = atomic_fetch_add(&a->n_records, 1);

			if (i < MAX_RECORDS)
				atomic_store(&a->record[i], at);
		} else if (r == -EAGAIN) {
			atomic_fetch_add(&a->refused, 1);
		} else {
			_exit(1);
		}
		dawdle(&seed);
	} while (mono_ns() < end);
}

static void
hammer(struct arena *a, unsigned seed)
{
	hammer_for(a, seed, HAMMER_MS);
}

static void
hammer_until_killed(struct arena *a, unsigned seed)
{
	hammer_for(a, seed, 2 * KILLS_MS);
}

/* Slide over the admissions that were written down. Returns how many there were. */
static uint64_t
check_records(struct arena *a)
{
	const uint64_t n = atomic_load(&a->n_records);
	const uint64_t window = hammer_rule.window_ms * MS;
	uint64_t *at = calloc(n, sizeof(*at));
	uint64_t used = 0;

	assert_true(n <= MAX_RECORDS);
	assert_non_null(at);
	for (uint64_t i = 0; i < n; i++)
		if (atomic_load(&a->record[i]) != 0) /* 0: killed before writing it */
			at[used++] = atomic_load(&a->record[i]);
	qsort(at, used, sizeof(*at), ascending);
	for (uint64_t i = hammer_rule.limit; i < used; i++)
		if (at[i] - at[i - hammer_rule.limit] < window)
			fail_msg("%u + 1 admissions within %lu ns", hammer_rule.limit,
			    (unsigned long)(at[i] - at[i - hammer_rule.limit]));
	free(at);
	return used;
}

static void
eight_processes_together_admit_the_limit_and_never_more(void **state)
{
	struct arena *a = arena_create();
	pid_t pid[CHILDREN];
	uint64_t used;

	(void)state;
	for (unsigned i = 0; i < CHILDREN; i++)
		pid[i] = start(hammer, a, i + 1);
	for (unsigned i = 0; i < CHILDREN; i++)
		wait_for(pid[i], 0);
	used = check_records(a);
	/* the limit in each window and a sixteenth of the time */
	assert_in_range(used, hammer_rule.limit * (HAMMER_MS / 170 - 1),
	    hammer_rule.limit * (HAMMER_MS / 160 + 2));
	assert_true(atomic_load(&a->refused) > used);
	munmap(a, sizeof(*a));
}

static void
killed_processes_leave_no_lock_and_no_gap(void **state)
{
	struct arena *a = arena_create();
	pid_t pid[CHILDREN];
	const uint64_t begin = mono_ns();
	unsigned seed = 77, kills = 0;
	uint64_t windows;

	(void)state;
	for (unsigned i = 0; i < CHILDREN; i++)
		pid[i] = start(hammer_until_killed, a, i + 1);
	while (kills < KILLS) {
		const struct timespec pause = { 0, (long)(rand_r(&seed) % 10000000) };
		const unsigned i = (unsigned)rand_r(&seed) % CHILDREN;

		nanosleep(&pause, NULL); /* the kill has to fall at a random moment */
		assert_int_equal(kill(pid[i], SIGKILL), 0);
		wait_for(pid[i], SIGKILL);
		pid[i] = start(hammer_until_killed, a, 1000 + kills++);
		assert_true(mono_ns() - begin < KILLS_MS * MS);
	}
	windows = (mono_ns() - begin) / (170 * MS);
	for (unsigned i = 0; i < CHILDREN; i++) {
		assert_int_equal(kill(pid[i], SIGKILL), 0);
		wait_for(pid[i], SIGKILL);
	}
	assert_true(windows > 2);
	/* each kill costs a place for one window at most */
	assert_true(check_records(a) + kills >= hammer_rule.limit * (windows - 1));
	munmap(a, sizeof(*a));
}

/* All begin a round together and ask until they are refused twenty times running. */
static void
burst(struct arena *a, unsigned seed)
{
	const struct window_rule r = { .limit = 30, .window_ms = 600000 };
	struct window_state st;
	uint64_t at;

	for (int i = 0; i < ROUNDS; i++) {
		atomic_fetch_add(&a->arrived[i], 1);
		while (atomic_load(&a->arrived[i]) < CHILDREN)
			sched_yield();
		for (int refused = 0; refused < 20;) {
			if (window_admit(&a->round[i], &r, noted, &at, &st) == 0) {
				atomic_fetch_add(&a->admitted[i], 1);
				refused = 0;
			} else {
				refused++;
			}
			dawdle(&seed);
		}
	}
}

static void
a_burst_from_all_sides_admits_exactly_the_limit(void **state)
{
	struct arena *a = arena_create();
	pid_t pid[CHILDREN];

	(void)state;
	for (unsigned i = 0; i < CHILDREN; i++)
		pid[i] = start(burst, a, i + 1);
	for (unsigned i = 0; i < CHILDREN; i++)
		wait_for(pid[i], 0);
	for (int i = 0; i < ROUNDS; i++)
		assert_int_equal(atomic_load(&a->admitted[i]), 30);
	munmap(a, sizeof(*a));
}

/* Ask two windows at once, where the second has far less room; on a new version in turn.
 */
static void
pair_up(struct arena *a, unsigned seed)
{
	for (uint32_t version = 0; version < ROUNDS; version++) {
		const uint32_t tag = window_tag(0, version);

		atomic_fetch_add(&a->arrived[version], 1);
		while (atomic_load(&a->arrived[version]) < CHILDREN)
			sched_yield();
		for (int i = 0; i < 10; i++) {
			struct window_use use[2] = {
				{ .window = &a->window[0], .rule = { 1000, 600000, tag } },
				{ .window = &a->window[1], .rule = { 7, 600000, tag } },
			};
			uint64_t at;
			size_t which;

			if (window_admit_all(use, 2, noted, &at, &which) == 0)
				atomic_fetch_add(&a->admitted[version], 1);
			else if (which != 1)
				_exit(1);
			dawdle(&seed);
		}
		/* none may go on to the next version while others still ask under this
		 * one */
		atomic_fetch_add(&a->refused, 1);
		while (atomic_load(&a->refused) < (version + 1) * (uint64_t)CHILDREN)
			sched_yield();
	}
}

static void
windows_taken_together_agree_and_restart_with_each_version(void **state)
{
	struct arena *a = arena_create();
	const struct window_rule last = { 1000, 600000, window_tag(0, ROUNDS - 1) };
	struct window_state st;
	pid_t pid[CHILDREN];
	uint64_t at;

	(void)state;
	for (unsigned i = 0; i < CHILDREN; i++)
		pid[i] = start(pair_up, a, i + 1);
	for (unsigned i = 0; i < CHILDREN; i++)
		wait_for(pid[i], 0);
	for (int i = 0; i < ROUNDS; i++)
		assert_int_equal(atomic_load(&a->admitted[i]), 7);
	assert_int_equal(window_peek(&a->window[0], &last, noted, &at, &st), 0);
	assert_int_equal(st.remaining, 1000 - 7);
	munmap(a, sizeof(*a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eight_processes_together_admit_the_limit_and_never_more),
		cmocka_unit_test(killed_processes_leave_no_lock_and_no_gap),
		cmocka_unit_test(a_burst_from_all_sides_admits_exactly_the_limit),
		cmocka_unit_test(
		    windows_taken_together_agree_and_restart_with_each_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
