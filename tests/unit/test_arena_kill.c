/*
 * Owners of an arena killed with SIGKILL at random moments, and settlers too: what is
 * counted afterwards is what was put, but for the one request whose putting was under
 * way: there it is the value before or the value after. No tolerance.
 *
 * The owner keeps books in memory that it shares with the test: what it is about to
 * put, and what it has put. All of a request's counters are made of one number, so that
 * none can be of another moment than the rest.
 */
#include "tests/unit/arena_case.h"

#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "common/clock.h"

enum {
	OWNER_KILLS = 600,
	SETTLER_KILLS = 200,
	SETTLER_MS = 15000, /* at most */
	CELLS = 12,
	KEYS = 8, /* have cells of their own */
	SLOTS = 256,
	MAX_DELAY_US = 1500,
};

enum stage { STAGE_NONE, STAGE_BEGUN, STAGE_DONE };

struct books {
	_Atomic uint32_t stage;      /* of the process that is to be killed */
	_Atomic uint64_t calls;      /* begun: the test's own statistics */
	_Atomic uint64_t put[CELLS]; /* all that was put for a cell, settled or not */
	/* a put under way: its cell, and put[cell] before and after */
	_Atomic uint32_t doubt;
	_Atomic uint32_t cell;
	_Atomic uint64_t before, after;
};

/* A request of the owner. */
struct request {
	bool open;
	uint32_t cell, slot;
	uint64_t n;
};

static void
begin(struct arena *a, struct request *rq)
{
	char key[16];

	snprintf(key, sizeof(key), "k%d", rand() % KEYS);
	if (!arena_cell_or_other(a, key, "m", "chat", &rq->cell) ||
	    arena_slot_open(a, rq->cell, &rq->slot) != 0)
		abort();
	rq->open = true;
	rq->n = 0;
}

static void
put_more(struct arena *a, struct books *b, struct request *rq)
{
	const uint64_t more = (uint64_t)(1 + rand() % 100000);
	const uint64_t before = atomic_load(&b->put[rq->cell]);
	const struct usage u = usage_of(rq->n + more);

	rq->n += more;
	atomic_store(&b->cell, rq->cell);
	atomic_store(&b->before, before);
	atomic_store(&b->after, before + more);
	atomic_store(&b->doubt, 1);
	arena_slot_put(a, rq->slot, &u);
	atomic_store(&b->put[rq->cell], before + more);
	atomic_store(&b->doubt, 0);
}

/* One random step of one request's life; few ends leave many open. */
static void
step(struct arena *a, struct books *b, struct request *rq, int ends_in)
{
	atomic_fetch_add(&b->calls, 1);
	if (!rq->open) {
		begin(a, rq);
	} else if (rand() % ends_in == 0) {
		arena_slot_settle(a, rq->slot);
		rq->open = false;
	} else {
		put_more(a, b, rq);
	}
}

/* The owner's life: until it is killed. */
static void
own(struct arena *a, struct books *b, unsigned seed)
{
	static struct request requests[SLOTS];
	const int ends_in = seed % 2 ? 3 : 30;
	const int n = seed % 3 ? 8 : SLOTS;

	srand(seed);
	if (arena_adopt(a) != 0)
		abort();
	atomic_store(&b->stage, STAGE_BEGUN);
	for (;;)
		step(a, b, &requests[rand() % n], ends_in);
}

static void
settle(struct arena *a, struct books *b, unsigned seed)
{
	(void)seed;
	atomic_store(&b->stage, STAGE_BEGUN);
	if (arena_settle(a, NULL) != 0)
		abort();
	atomic_store(&b->stage, STAGE_DONE);
	for (;;)
		pause();
}

static void
spin_us(long us)
{
	const uint64_t until_ns = clock_mono_ns() + (uint64_t)us * 1000;

	while (clock_mono_ns() < until_ns) {
	}
}

/* Let life go on in a child until a random moment. Returns the stage it had reached. */
static enum stage
kill_one(void (*life)(struct arena *a, struct books *b, unsigned seed), struct arena *a,
    struct books *b, unsigned seed, long delay_us)
{
	int status = 0;
	pid_t pid;

	atomic_store(&b->stage, STAGE_NONE);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		life(a, b, seed);
	while (atomic_load(&b->stage) == STAGE_NONE) {
		assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
		sched_yield();
	}
	spin_us(delay_us);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return atomic_load(&b->stage);
}

/* Does cell hold what was put? One of two values where a put was cut. */
static void
check_cell(const struct arena *a, struct books *b, uint32_t cell)
{
	const uint64_t put = atomic_load(&b->put[cell]);
	struct arena_cell c;
	uint64_t n;

	assert_int_equal(arena_cell_read(a, cell, &c), 0);
	n = usage_n(&c.usage);
	if (n == put)
		return;
	assert_int_equal(atomic_load(&b->doubt), 1);
	assert_int_equal(atomic_load(&b->cell), cell);
	assert_int_equal(put, atomic_load(&b->before)); /* else it was done */
	assert_int_equal(n, atomic_load(&b->after));
	atomic_store(&b->put[cell], n);
}

static void
check(const struct arena *a, struct books *b)
{
	for (uint32_t cell = 0; cell < arena_cells(a); cell++)
		check_cell(a, b, cell);
	for (uint32_t cell = arena_cells(a); cell < CELLS; cell++)
		assert_int_equal(atomic_load(&b->put[cell]), 0);
	atomic_store(&b->doubt, 0);
}

static void
owners_killed_at_random_lose_nothing_and_count_nothing_twice(void **state)
{
	struct arena *a = case_create(*state, CASE_ID, CELLS, SLOTS);
	struct books *b = case_shared(sizeof(*b));
	uint32_t open = 0;
	int in_doubt = 0;
	uint32_t n;

	case_seed(1);
	for (unsigned i = 0; i < OWNER_KILLS; i++) {
		(void)kill_one(own, a, b, i, rand() % MAX_DELAY_US);
		in_doubt += atomic_load(&b->doubt) == 1;
		assert_int_equal(arena_settle(a, &n), 0);
		open += n;
		check(a, b);
	}
	print_message("%d kills, %d in the middle of a put, %u slots open, %" PRIu64
		      " calls\n",
	    OWNER_KILLS, in_doubt, open, atomic_load(&b->calls));
	assert_true(open > OWNER_KILLS && in_doubt > 0);
	munmap(b, sizeof(*b));
	arena_close(&a);
}

/* The owner is killed, then its settler, the next settler, ... */
static void
settlers_killed_at_random_are_repeated_without_harm(void **state)
{
	struct arena *a = case_create(*state, CASE_ID, CELLS, SLOTS);
	struct books *b = case_shared(sizeof(*b));
	const uint64_t until_ms = clock_mono_ms() + SETTLER_MS;
	int killed = 0;

	case_seed(2);
	for (unsigned i = 0; killed < SETTLER_KILLS && clock_mono_ms() < until_ms; i++) {
		(void)kill_one(own, a, b, 6 * i, MAX_DELAY_US);
		for (int j = 0; j < 4; j++)
			killed += kill_one(settle, a, b, 0, rand() % 12) == STAGE_BEGUN;
		assert_int_equal(arena_settle(a, NULL), 0);
		check(a, b);
	}
	print_message("%d settlers killed at work\n", killed);
	assert_true(killed > 20);
	munmap(b, sizeof(*b));
	arena_close(&a);
}

int
main(void)
{
#define KILL_TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)
	const struct CMUnitTest tests[] = {
		KILL_TEST(owners_killed_at_random_lose_nothing_and_count_nothing_twice),
		KILL_TEST(settlers_killed_at_random_are_repeated_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
