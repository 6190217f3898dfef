/*
 * An owner killed after each of its instructions, and a settler after each of its own:
 * a child is stepped by ptrace through a life of three requests. Whatever it changed in
 * the arena is copied, as if it had been killed there, and settled. Complete where
 * random kills are not: each state of the memory that a kill could leave is seen.
 */
#include "tests/unit/arena_case.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

enum {
	CELLS = 8,
	SLOTS = 4,
	KEYS = 2,
	MAX_STEPS = 5000000,
	SETTLE_EVERY =
	    9, /* a settler is stepped through for each 9th state: it takes long */
	NO_PTRACE = 77
};

/* What the owner has put for each key in all, and will have when its put is done. */
struct books {
	_Atomic uint64_t sure[KEYS];
	_Atomic uint64_t next[KEYS];
};

/* One world: an arena whose changes are watched, and a folder for the copies. */
struct watched {
	const struct tempdir *dir;
	struct arena *arena;
	const uint8_t *now; /* its memory */
	uint8_t *seen;      /* as of the last change */
	size_t bytes;
};

static void
watch_open(struct watched *w, struct tempdir *dir, struct arena *a)
{
	struct stat st;
	char path[96];
	void *mem;
	int fd;

	case_path(dir, CASE_ID, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	mem = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	close(fd);
	*w = (struct watched){ .dir = dir,
		.arena = a,
		.now = mem,
		.seen = malloc((size_t)st.st_size),
		.bytes = (size_t)st.st_size };
	assert_non_null(w->seen);
	memcpy(w->seen, w->now, w->bytes);
}

static void
watch_close(struct watched *w)
{
	munmap((void *)(uintptr_t)w->now, w->bytes);
	free(w->seen);
	arena_close(&w->arena);
}

/* Has it changed since the last time? */
static bool
watch_changed(struct watched *w)
{
	if (memcmp(w->seen, w->now, w->bytes) == 0)
		return false;
	memcpy(w->seen, w->now, w->bytes);
	return true;
}

/* A copy of what was seen, in another folder, as a master would open it. */
static struct arena *
watch_copy(const struct watched *w, const struct tempdir *to)
{
	char path[96];
	int fd;

	case_path(to, CASE_ID, path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pwrite(fd, w->seen, w->bytes, 0), w->bytes);
	close(fd);
	return case_open(to, CASE_ID, true);
}

/* What each key has in a settled arena. */
static void
totals(const struct arena *a, uint64_t out[KEYS])
{
	struct arena_cell c;

	memset(out, 0, KEYS * sizeof(*out));
	for (uint32_t i = 0; i < arena_cells(a); i++) {
		assert_int_equal(arena_cell_read(a, i, &c), 0);
		out[c.key_id[0] - 'a'] += usage_n(&c.usage);
	}
}

/* Settle, twice; close. Also, a successor can work with it. */
static void
settle_and_read(struct arena *a, uint64_t out[KEYS])
{
	uint32_t n = 99;
	uint32_t slot;

	assert_int_equal(arena_settle(a, NULL), 0);
	assert_int_equal(arena_settle(a, &n), 0);
	assert_int_equal(n, 0);
	totals(a, out);
	assert_int_equal(arena_adopt(a), 0);
	assert_int_equal(arena_slot_open(a, case_cell(a, "a"), &slot), 0);
	arena_slot_settle(a, slot);
	arena_close(&a);
}

/* --- stepping --- */

/* Fork a child that stops at once, to be stepped; -1 where ptrace is forbidden. */
static pid_t
trace(void (*body)(struct arena *a, struct books *b), struct arena *a, struct books *b)
{
	const pid_t pid = fork();
	int status = 0;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(NO_PTRACE);
		raise(SIGSTOP);
		body(a, b);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_PTRACE)
		return -1;
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL), 0);
	return pid;
}

/* One instruction of the child. Returns false when it has left, as it should. */
static bool
step(pid_t pid)
{
	int status = 0;

	assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSTOPPED(status)) {
		assert_int_equal(WSTOPSIG(status), SIGTRAP);
		return true;
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return false;
}

/* --- the lives --- */

static void
put(struct arena *a, struct books *b, uint32_t slot, int key, uint64_t from, uint64_t to)
{
	const struct usage u = usage_of(to);

	atomic_store(&b->next[key], atomic_load(&b->sure[key]) + to - from);
	arena_slot_put(a, slot, &u);
	atomic_store(&b->sure[key], atomic_load(&b->next[key]));
}

static uint32_t
open_for(struct arena *a, const char *key)
{
	uint32_t cell;
	uint32_t slot;

	if (arena_cell_for(a, key, "m", "chat", &cell) != 0 ||
	    arena_slot_open(a, cell, &slot) != 0)
		_exit(1);
	return slot;
}

/* Three requests of two keys, interleaved, the last in a slot that was open before. */
static void
owner_life(struct arena *a, struct books *b)
{
	uint32_t one;
	uint32_t two;
	uint32_t three;

	if (arena_adopt(a) != 0)
		_exit(1);
	one = open_for(a, "a");
	put(a, b, one, 0, 0, 5);
	put(a, b, one, 0, 5, 9);
	two = open_for(a, "b");
	put(a, b, two, 1, 0, 100);
	put(a, b, one, 0, 9, 12);
	arena_slot_settle(a, one);
	three = open_for(a, "a");
	put(a, b, two, 1, 100, 1000);
	put(a, b, three, 0, 0, 3);
	arena_slot_settle(a, two);
	put(a, b, three, 0, 3, 4);
	arena_slot_settle(a, three);
}

static void
settler_life(struct arena *a, struct books *b)
{
	(void)b;
	if (arena_settle(a, NULL) != 0)
		_exit(1);
}

/* --- what is seen --- */

struct sums {
	uint64_t steps, states;  /* of the owner */
	uint64_t before, after;  /* a put was cut, and its value is ... */
	uint64_t settler_states; /* of the settlers, all together */
};

/* The owner was killed here: is each key's total allowed? */
static void
check_owner(const uint64_t got[KEYS], struct books *b, struct sums *sums)
{
	for (int key = 0; key < KEYS; key++) {
		const uint64_t sure = atomic_load(&b->sure[key]);
		const uint64_t next = atomic_load(&b->next[key]);

		if (got[key] != sure && got[key] != next)
			fail_msg("step %" PRIu64 ": key %d has %" PRIu64 ", not %" PRIu64
				 " or %" PRIu64,
			    sums->steps, key, got[key], sure, next);
		if (sure == next)
			continue;
		sums->before += got[key] == sure;
		sums->after += got[key] == next;
	}
}

/* Kill the settler of what w has seen after each of its instructions; the next one must
 * come to the same. */
static void
check_settlers(const struct watched *w, struct tempdir *first, struct tempdir *second,
    const uint64_t expected[KEYS], struct sums *sums)
{
	struct watched v;
	uint64_t got[KEYS];
	pid_t pid;

	watch_open(&v, first, watch_copy(w, first));
	pid = trace(settler_life, v.arena, NULL);
	assert_int_not_equal(pid, -1);
	while (step(pid)) {
		if (!watch_changed(&v))
			continue;
		sums->settler_states++;
		settle_and_read(watch_copy(&v, second), got);
		assert_memory_equal(got, expected, sizeof(got));
	}
	watch_close(&v);
}

static void
watch_owner(struct watched *w, pid_t pid, struct books *b, struct tempdir *copies[2],
    bool settlers)
{
	struct sums sums = { 0 };
	uint64_t got[KEYS];

	while (step(pid)) {
		assert_true(++sums.steps < MAX_STEPS);
		if (!watch_changed(w))
			continue;
		sums.states++;
		settle_and_read(watch_copy(w, copies[0]), got);
		check_owner(got, b, &sums);
		if (settlers && sums.states % SETTLE_EVERY == 0)
			check_settlers(w, copies[0], copies[1], got, &sums);
	}
	print_message("%" PRIu64 " instructions, %" PRIu64 " states; puts cut: %" PRIu64
		      " before, %" PRIu64 " after; settlers: %" PRIu64 " states\n",
	    sums.steps, sums.states, sums.before, sums.after, sums.settler_states);
	assert_true(sums.states > 100 && sums.before > 0 && sums.after > 0);
	assert_true(!settlers || sums.settler_states > 200);
	totals(w->arena, got);
	assert_int_equal(got[0], 16);
	assert_int_equal(got[1], 1000);
}

static void
run(void **state, bool settlers)
{
	struct arena *a = case_create(*state, CASE_ID, CELLS, SLOTS);
	struct books *b = case_shared(sizeof(*b));
	struct tempdir *copies[2];
	struct watched w;
	void *copy = NULL;
	pid_t pid;

	for (size_t i = 0; i < 2; i++) {
		if (tempdir_make(&copy) != 0 || copy == NULL)
			abort();
		copies[i] = copy;
	}
	watch_open(&w, *state, a);
	pid = trace(owner_life, a, b);
	if (pid != -1)
		watch_owner(&w, pid, b, copies, settlers);
	watch_close(&w);
	for (size_t i = 0; i < 2; i++) {
		copy = copies[i];
		assert_int_equal(tempdir_remove(&copy), 0);
	}
	munmap(b, sizeof(*b));
	if (pid == -1) {
		print_message("skipped: ptrace is forbidden here\n");
		skip();
	}
}

static void
an_owner_killed_after_any_instruction_is_settled_exactly(void **state)
{
	run(state, false);
}

static void
a_settler_killed_after_any_instruction_is_repeated_exactly(void **state)
{
	run(state, true);
}

int
main(void)
{
#define STEP_TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)
	const struct CMUnitTest tests[] = {
		STEP_TEST(an_owner_killed_after_any_instruction_is_settled_exactly),
		STEP_TEST(a_settler_killed_after_any_instruction_is_repeated_exactly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
