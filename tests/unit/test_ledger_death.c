/*
 * What the ledger survives: being killed at any moment, a full disk, damaged files. The
 * arena is a file of counters, mapped shared, that the test counts up meanwhile: in the
 * end the ledger must say exactly what it counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "admin/ledger_audit.h"
#include "admin/ledger_backup.h"
#include "admin/ledger_store.h"
#include "common/clock.h"
#include "tests/unit/ledger_bench.h"

enum {
	HOUR = 480000,
	CELLS = 12,
	ROUNDS = 240,      /* kills */
	ARENA_ROUNDS = 24, /* then it is retired and another begins */
	KILL_US = 30000,
	DAMAGES = 140,
	DISK_BYTES = 24 * 1024 * 1024,
	PATIENCE_S = 60
};

struct arena {
	_Atomic uint64_t id;
	_Atomic int unlinked;     /* its file is gone: never flush it again */
	_Atomic uint64_t commits; /* flushes that have returned 0 */
	_Atomic int64_t cell[CELLS][LEDGER_COUNTERS]; /* the test alone writes */
};

static const char *const key_ids[] = { "team-a", "team-b", "-" };

static void
read_cells(struct arena *a, struct ledger_cell cells[CELLS])
{
	for (uint32_t i = 0; i < CELLS; i++) {
		cells[i] = (struct ledger_cell){ atomic_load(&a->id), i, key_ids[i % 3],
			"model", i % 2 ? "chat" : "embeddings", { { 0 } } };
		for (size_t c = 0; c < LEDGER_COUNTERS; c++)
			cells[i].counters.v[c] = atomic_load(&a->cell[i][c]);
	}
}

static int
flush_once(struct ledger *l, struct arena *a)
{
	struct ledger_cell cells[CELLS];

	read_cells(a, cells);
	return ledger_flush(l, HOUR, cells, CELLS, NULL);
}

/* In a child: flush until killed. */
static void
flush_for_ever(const char *dir, struct arena *a)
{
	struct ledger *l = NULL;

	if (ledger_bench_open_at(dir, 0, &l, NULL) != 0)
		_exit(1);
	for (;;) {
		if (flush_once(l, a) != 0)
			_exit(2);
		atomic_fetch_add(&a->commits, 1);
	}
}

/* In a child: what becomes of a drained arena, from wherever a killed one left it. */
static void
retire(const char *dir, struct arena *a)
{
	struct ledger *l = NULL;

	if (ledger_bench_open_at(dir, 0, &l, NULL) != 0)
		_exit(1);
	if (!atomic_load(&a->unlinked) && flush_once(l, a) != 0)
		_exit(2);
	atomic_store(&a->unlinked, 1);
	if (ledger_drop_arena(l, atomic_load(&a->id)) != 0)
		_exit(3);
	_exit(0);
}

static void
count_up(struct arena *a)
{
	long which = random();

	atomic_fetch_add(
	    &a->cell[which % CELLS][which / CELLS % LEDGER_COUNTERS], which % 100);
}

/*
 * Let pid live for a random time, counting meanwhile if asked to, and kill it: at any moment
 * of its opening, or in a later commit once it has made as many as the test waits for. Its status.
 */
static int
kill_at_random(pid_t pid, struct arena *a, uint64_t commits, bool count)
{
	uint64_t patience = clock_mono_ns() + PATIENCE_S * 1000000000ULL;
	uint64_t end;
	int status;

	while (atomic_load(&a->commits) < commits && clock_mono_ns() < patience)
		count_up(a);
	end = clock_mono_ns() + (uint64_t)(random() % KILL_US) * 1000;
	while (clock_mono_ns() < end) {
		if (count)
			count_up(a);
	}
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Retire the arena, killed at first, then to the end; add its counts to total. */
static void
retire_arena(const char *dir, struct arena *a, struct ledger_counters *total)
{
	int status = 0;

	for (int i = 0; i < 4 && !(WIFEXITED(status) && i > 0); i++) {
		pid_t pid = fork();

		assert_int_not_equal(pid, -1);
		if (pid == 0)
			retire(dir, a);
		if (i < 3)
			status = kill_at_random(pid, a, 0, false);
		else
			assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	}
	assert_true(WIFEXITED(status));
	for (uint32_t i = 0; i < CELLS; i++) {
		for (size_t c = 0; c < LEDGER_COUNTERS; c++)
			total->v[c] += atomic_exchange(&a->cell[i][c], 0);
	}
	atomic_store(&a->unlinked, 0);
	atomic_fetch_add(&a->id, 1);
}

static struct arena *
map_arena(const char *dir)
{
	char path[128];
	void *p;
	int fd;

	snprintf(path, sizeof(path), "%s/1.arena", dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(posix_fallocate(fd, 0, sizeof(struct arena)), 0);
	p = mmap(NULL, sizeof(struct arena), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(p != MAP_FAILED);
	close(fd);
	return p;
}

static void
killed_at_any_moment_each_count_is_in_it_once(void **state)
{
	struct ledger_bench *b = *state;
	struct arena *a = map_arena(b->dir);
	struct ledger_counters total = { { 0 } };
	struct ledger_sum sum;

	ledger_close(&b->ledger);
	srandom(20000);
	atomic_store(&a->id, 77);
	for (int round = 1; round <= ROUNDS; round++) {
		uint64_t before = atomic_load(&a->commits);
		pid_t pid = fork();

		assert_int_not_equal(pid, -1);
		if (pid == 0)
			flush_for_ever(b->dir, a);
		assert_true(WIFSIGNALED(
		    kill_at_random(pid, a, round % 3 == 0 ? 0 : before + 1, true)));
		if (round % ARENA_ROUNDS == 0)
			retire_arena(b->dir, a, &total);
	}
	print_message("%d kills, %lu commits between them\n", ROUNDS,
	    (unsigned long)atomic_load(&a->commits));
	assert_true(atomic_load(&a->commits) >= ROUNDS / 3 * 2);
	assert_int_equal(ledger_bench_open_at(b->dir, 0, &b->ledger, &b->why), 0);
	assert_int_equal(ledger_sum_all(b->ledger, &sum), 0);
	assert_int_equal(sum.rows, 6);
	assert_memory_equal(&sum.total, &total, sizeof(total));
	munmap(a, sizeof(*a));
}

/* Audit records are appended by a child that is killed; the chain must stay whole. */
static void
killed_while_auditing_the_chain_stays_whole(void **state)
{
	struct ledger_bench *b = *state;
	struct ledger_audit_state audit;
	struct arena *a = map_arena(b->dir);

	ledger_close(&b->ledger);
	srandom(7);
	for (uint64_t round = 0; round < 30; round++) {
		pid_t pid = fork();

		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			struct ledger *l = NULL;

			if (ledger_bench_open_at(b->dir, 0, &l, NULL) != 0)
				_exit(1);
			while (ledger_audit_append(l, 1, SPAN("{}"), NULL) == 0)
				atomic_fetch_add(&a->commits, 1);
			_exit(2);
		}
		assert_true(WIFSIGNALED(kill_at_random(pid, a, round, false)));
	}
	assert_int_equal(ledger_bench_open_at(b->dir, 0, &b->ledger, &b->why), 0);
	assert_int_equal(ledger_audit_verify(b->ledger, &audit), 0);
	assert_true(audit.records >= atomic_load(&a->commits));
	munmap(a, sizeof(*a));
}

/* A DATA_DIR on a disk of its own, DISK_BYTES large, that nobody else sees and that goes with us. */
static int
small_disk_up(void **state)
{
	struct ledger_bench *b = calloc(1, sizeof(*b));
	char options[64];

	*state = b;
	if (b == NULL)
		return -1;
	snprintf(b->dir, sizeof(b->dir), "/tmp/gatehouse-test-ledger-XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		return -1;
	snprintf(options, sizeof(options), "size=%d", DISK_BYTES);
	if (unshare(CLONE_NEWNS) == -1 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("tmpfs", b->dir, "tmpfs", 0, options) == -1) {
		print_message(
		    "can't mount a small disk (not root): %s\n", strerror(errno));
		return 0;
	}
	return ledger_bench_open_at(b->dir, 0, &b->ledger, &b->why);
}

static int
small_disk_down(void **state)
{
	struct ledger_bench *b = *state;

	if (b->ledger != NULL) {
		ledger_close(&b->ledger);
		if (umount(b->dir) == -1)
			return -1;
	}
	rmdir(b->dir);
	free(b);
	return 0;
}

/* Write a file that leaves `left` bytes of the disk free. */
static void
fill_disk(const struct ledger_bench *b, const char *name, uint64_t left)
{
	static char block[4096];
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	while (write(fd, block, sizeof(block)) == sizeof(block))
		;
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(ftruncate(fd,
			     lseek(fd, 0, SEEK_END) > (off_t)left
				 ? lseek(fd, 0, SEEK_END) - (off_t)left
				 : 0),
	    0);
	close(fd);
}

static void
free_disk(const struct ledger_bench *b, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	assert_int_equal(unlink(path), 0);
}

enum { WIDE = 400 };

/* All cells of a wide arena at n; long model names, so that tables grow. */
static int
flush_wide(struct ledger *l, uint32_t hour, int64_t n)
{
	static char model[LEDGER_NAME_MAX + 1];
	struct ledger_cell cells[WIDE];

	memset(model, 'm', LEDGER_NAME_MAX);
	for (uint32_t i = 0; i < WIDE; i++) {
		cells[i] = ledger_cell_of(5, i, i % 2 ? "a" : "b", n);
		cells[i].model = model + i % LEDGER_NAME_MAX;
	}
	return ledger_flush(l, hour, cells, WIDE, NULL);
}

static void
a_full_disk_fails_a_flush_and_heals_on_the_same_handle(void **state)
{
	struct ledger_bench *b = *state;
	struct ledger_sum sum;
	int64_t n = 0;

	if (b->ledger == NULL)
		skip();
	for (int cycle = 0; cycle < 4; cycle++) {
		int r = 0;

		fill_disk(b, "filler", (uint64_t)cycle * 97 * 1024);
		for (int i = 0; r == 0 && i < 2000; i++)
			r = flush_wide(
			    b->ledger, HOUR + (uint32_t)(cycle * 2000 + i), ++n);
		assert_int_equal(r, -ENOSPC);
		free_disk(b, "filler");
		assert_int_equal(flush_wide(b->ledger, HOUR + 9000, ++n), 0);
		assert_int_equal(ledger_sum_all(b->ledger, &sum), 0);
		assert_true(ledger_counters_are(&sum.total, n * WIDE));
	}
	assert_int_equal(ledger_bench_again(b), 0);
	assert_int_equal(ledger_sum_all(b->ledger, &sum), 0);
	assert_true(ledger_counters_are(&sum.total, n * WIDE));
}

static void
below_the_limit_nothing_is_written_but_all_is_read(void **state)
{
	struct ledger_bench *b = *state;
	const uint64_t limit = 4 * 1024 * 1024;
	struct ledger_sum sum;

	if (b->ledger == NULL)
		skip();
	ledger_close(&b->ledger);
	assert_int_equal(ledger_bench_open_at(b->dir, limit, &b->ledger, &b->why), 0);
	assert_int_equal(flush_wide(b->ledger, HOUR, 1), 0);
	fill_disk(b, "filler", limit / 2);
	assert_int_equal(flush_wide(b->ledger, HOUR, 2), LEDGER_DISK_LOW);
	assert_int_equal(ledger_drop_arena(b->ledger, 5), LEDGER_DISK_LOW);
	assert_int_equal(
	    ledger_audit_append(b->ledger, 1, SPAN("x"), NULL), LEDGER_DISK_LOW);
	assert_int_equal(ledger_checkpoint(b->ledger), LEDGER_DISK_LOW);
	assert_int_equal(ledger_sum_all(b->ledger, &sum), 0);
	assert_true(ledger_counters_are(&sum.total, WIDE));
	free_disk(b, "filler");
	assert_int_equal(flush_wide(b->ledger, HOUR, 2), 0);
	assert_int_equal(ledger_sum_all(b->ledger, &sum), 0);
	assert_true(ledger_counters_are(&sum.total, 2 * WIDE));
}

enum { DAMAGED_FILES = 7 };

static const char *const damaged_files[DAMAGED_FILES] = { "usage.db", "marks.db",
	"audit.db", "imports.db", "meta.db", "log.0000000001", "FORMAT" };

/* Some bytes, a page of noise, a cut end, nothing left, or no file at all. */
static void
damage(const char *dir, int i)
{
	const char *name = damaged_files[i % DAMAGED_FILES];
	char noise[4096];
	struct stat st;
	int fd, file, way = i / DAMAGED_FILES % 5;

	for (size_t n = 0; n < sizeof(noise); n++)
		noise[n] = (char)random();
	fd = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	file = openat(fd, name, O_RDWR | O_CLOEXEC);
	assert_int_not_equal(file, -1);
	assert_int_equal(fstat(file, &st), 0);
	if (way == 0)
		assert_int_equal(pwrite(file, noise, 16, random() % st.st_size), 16);
	else if (way == 1)
		assert_int_equal(
		    pwrite(file, noise, 4096, random() % st.st_size / 4096 * 4096), 4096);
	else if (way == 4)
		assert_int_equal(unlinkat(fd, name, 0), 0);
	else
		assert_int_equal(ftruncate(file, way == 2 ? random() % st.st_size : 0), 0);
	close(file);
	close(fd);
}

/* One of the codes that a ledger may give; anything else is a fault of ours. */
static bool
is_code(int r)
{
	return r == 0 || r == LEDGER_CORRUPT || r == LEDGER_RECOVER ||
	    r == LEDGER_CHAIN || r == -ENOSPC || r == -EIO || r == -ENOMEM;
}

/*
 * In a child: use all of it. Exits 0: it is whole; 1: some code said that it is not; 2: a code
 * that nobody expects; 3: all codes said 0, but something is missing.
 */
static void
use_damaged(const char *dir)
{
	struct ledger_audit_state audit;
	struct ledger *l = NULL;
	struct ledger_sum sum;
	struct errmsg why;
	bool whole = true, well = true;
	int r[6] = { 0 };
	size_t n;

	alarm(PATIENCE_S);
	r[0] = ledger_bench_open_at(dir, 0, &l, &why);
	if (r[0] == 0) {
		r[1] = ledger_sum_all(l, &sum);
		r[2] = flush_wide(l, HOUR + 3, 9);
		r[3] = ledger_audit_verify(l, &audit);
		r[4] = ledger_retain(l, HOUR + 1000, 1, 1000, &n);
		r[5] = ledger_checkpoint(l);
		whole = sum.rows == 2 * WIDE &&
		    ledger_counters_are(&sum.total, 2 * WIDE) && audit.records == 50;
	}
	for (size_t i = 0; i < 6; i++) {
		if (!is_code(r[i]))
			_exit(2);
		well = well && r[i] == 0;
	}
	ledger_close(&l);
	_exit(!well ? 1 : whole ? 0 : 3);
}

/* Use a copy of the ledger, damaged in the i-th way or (-1) not at all. The child's exit. */
static int
use_copy(const struct ledger_bench *b, int i)
{
	char dir[96], inner[128];
	int status;
	pid_t pid;

	snprintf(dir, sizeof(dir), "%s/copy", b->dir);
	snprintf(inner, sizeof(inner), "%s/ledger", dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(ledger_backup(b->ledger, dir), 0);
	if (i >= 0)
		damage(inner, i);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		use_damaged(dir);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ledger_bench_remove(dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
damaged_files_give_a_code_and_no_crash(void **state)
{
	struct ledger_bench *b = *state;
	int found = 0;

	srandom(3);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(flush_wide(b->ledger, HOUR + i, i + 1), 0);
	for (int i = 0; i < 50; i++)
		assert_int_equal(
		    ledger_audit_append(b->ledger, i, SPAN("{\"a\":1}"), NULL), 0);
	assert_int_equal(use_copy(b, -1), 0);
	for (int i = 0; i < DAMAGES; i++) {
		int r = use_copy(b, i);

		if (r != 0 && r != 1)
			fail_msg("damage %d to %s ended with %d", i,
			    damaged_files[i % DAMAGED_FILES], r);
		found += r;
	}
	print_message("%d of %d damages were found\n", found, DAMAGES);
	assert_true(found > DAMAGES / 4);
}

/* Pages then know more than the logs: what is written now could not be recovered. */
static void
without_its_logs_nothing_is_written(void **state)
{
	struct ledger_bench *b = *state;
	char path[128];
	int r;

	assert_int_equal(flush_wide(b->ledger, HOUR, 5), 0);
	ledger_close(&b->ledger);
	snprintf(path, sizeof(path), "%s/ledger/log.0000000001", b->dir);
	assert_int_equal(unlink(path), 0);
	r = ledger_bench_open_at(b->dir, 0, &b->ledger, &b->why);
	if (r == 0)
		r = flush_wide(b->ledger, HOUR, 6);
	assert_int_equal(r, LEDGER_CORRUPT);
}

#define BENCH(test)                                                                      \
	cmocka_unit_test_setup_teardown(test, ledger_bench_up, ledger_bench_down)
#define SMALL(test) cmocka_unit_test_setup_teardown(test, small_disk_up, small_disk_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(killed_at_any_moment_each_count_is_in_it_once),
		BENCH(killed_while_auditing_the_chain_stays_whole),
		SMALL(a_full_disk_fails_a_flush_and_heals_on_the_same_handle),
		SMALL(below_the_limit_nothing_is_written_but_all_is_read),
		BENCH(damaged_files_give_a_code_and_no_crash),
		BENCH(without_its_logs_nothing_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
