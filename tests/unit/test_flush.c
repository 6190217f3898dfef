/*
 * The keeper of the ledger: counts get in whoever is killed when, totals never go back, a
 * ledger that can't be opened or written keeps nobody from living, and the Python proxy's
 * file is taken over once.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "admin/flush.h"
#include "admin/ledger_audit.h"
#include "common/clock.h"
#include "common/log.h"
#include "tests/unit/journal_bench.h"

enum { KILLS = 120, KILL_US = 20000, RETRY_MS = 200, PATIENCE_MS = 20000 };

struct bench {
	char dir[64];
	char usage_file[96];
	struct config config;
	struct event_base *base;
	struct flush *flush;
	struct arena *arena;
	unsigned given_up;
};

static void
on_give_up(void *arg)
{
	struct bench *b = arg;

	b->given_up++;
}

static int
up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
	*state = b;
	if (b == NULL)
		return -1;
	snprintf(b->dir, sizeof(b->dir), "/tmp/gatehouse-test-flush-XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		return -1;
	snprintf(b->usage_file, sizeof(b->usage_file), "%s/usage.json", b->dir);
	b->config.data_dir = b->dir;
	b->config.usage_file = b->usage_file;
	b->base = event_base_new();
	b->arena = journal_bench_arena(b->dir, 1, JOURNAL_BENCH_CELLS);
	return b->base != NULL ? 0 : -1;
}

static int
down(void **state)
{
	struct bench *b = *state;

	flush_destroy(&b->flush);
	arena_close(&b->arena);
	event_base_free(b->base);
	ledger_bench_remove(b->dir);
	free(b);
	return 0;
}

static void
begin(struct bench *b)
{
	const struct flush_options o = { &b->config, 0, RETRY_MS, on_give_up, b };

	assert_int_equal(flush_create(b->base, &o, &b->flush), 0);
	flush_begin(b->flush);
}

static struct ledger_counters
totals(struct bench *b)
{
	struct ledger_counters sum;
	struct tally *t = NULL;

	assert_int_equal(flush_totals(b->flush, &t), 0);
	tally_total(t, &sum);
	tally_destroy(&t);
	return sum;
}

/* What is in the ledger, opened by itself. */
static struct ledger_sum
ledger_says(struct bench *b)
{
	struct ledger *l = NULL;
	struct ledger_sum s;

	assert_int_equal(ledger_bench_open_at(b->dir, 0, &l, NULL), 0);
	assert_int_equal(ledger_sum_all(l, &s), 0);
	ledger_close(&l);
	return s;
}

static void
run_loop_once(struct bench *b)
{
	assert_true(event_base_loop(b->base, EVLOOP_ONCE) >= 0);
}

static void
the_last_flush_comes_with_the_end(void **state)
{
	struct bench *b = *state;
	struct ledger_counters sum;
	struct ledger_sum s;

	begin(b);
	journal_bench_count(b->arena, "a", "m", 10);
	sum = totals(b);
	assert_true(journal_bench_is(&sum, 1, 10)); /* not flushed, and told all the same */
	flush_destroy(&b->flush);
	s = ledger_says(b);
	assert_true(journal_bench_is(&s.total, 1, 10));
}

static void
a_second_brings_what_has_changed_into_the_ledger(void **state)
{
	const uint64_t deadline = clock_mono_ms() + PATIENCE_MS;
	struct ledger_sum s = { 0, { { 0 } } };
	struct bench *b = *state;

	begin(b);
	journal_bench_count(b->arena, "a", "m", 10);
	while (s.rows == 0 && clock_mono_ms() < deadline) {
		run_loop_once(b);
		assert_int_equal(ledger_sum_all(flush_ledger(b->flush), &s), 0);
	}
	assert_true(journal_bench_is(&s.total, 1, 10));
	assert_int_equal(flush_lag_ms(b->flush), 0);
}

static void
totals_are_the_same_before_and_after_flushes_and_lives(void **state)
{
	struct bench *b = *state;
	struct ledger_counters sum;

	for (int64_t life = 1; life <= 5; life++) {
		begin(b);
		sum = totals(b);
		assert_true(journal_bench_is(&sum, 3 * (life - 1), 3 * (life - 1)));
		for (int i = 0; i < 3; i++) {
			journal_bench_count(b->arena, "a", "m", 1);
			if (i == 1)
				assert_int_equal(flush_now(b->flush), 0);
		}
		sum = totals(b);
		assert_true(journal_bench_is(&sum, 3 * life, 3 * life));
		flush_destroy(&b->flush);
	}
}

/* In a child: flush until killed. */
static void
flush_for_ever(struct bench *b, _Atomic uint64_t *flushes)
{
	begin(b);
	for (;;) {
		if (flush_now(b->flush) != 0)
			_exit(1);
		atomic_fetch_add(flushes, 1);
	}
}

/* Memory that a child shares. */
static void *
shared_memory(void)
{
	void *mem = mmap(NULL, sizeof(_Atomic uint64_t), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	return mem;
}

static void
killed_at_any_moment_nothing_is_lost_and_nothing_counts_twice(void **state)
{
	struct bench *b = *state;
	void *memory = shared_memory();
	_Atomic uint64_t *flushes = memory;
	int64_t counted = 0;
	struct ledger_sum s;

	srandom(20260101);
	for (int i = 0; i < KILLS; i++) {
		const uint64_t wanted = atomic_load(flushes) + (uint64_t)(random() % 3);
		const uint64_t patience = clock_mono_ms() + PATIENCE_MS;
		const uint64_t spare_ns = (uint64_t)(random() % KILL_US) * 1000;
		const pid_t pid = fork();
		uint64_t end_ns = 0;
		int status;

		assert_int_not_equal(pid, -1);
		if (pid == 0)
			flush_for_ever(b, flushes);
		do { /* it is killed while it opens, or in a flush behind some others */
			journal_bench_count(b->arena, counted % 3 ? "a" : "b", "m", 1);
			counted++;
			if (end_ns == 0 && atomic_load(flushes) >= wanted)
				end_ns = clock_mono_ns() + spare_ns;
		} while ((end_ns == 0 || clock_mono_ns() < end_ns) &&
		    clock_mono_ms() < patience);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		if (i % 20 == 19) { /* the worker has gone too: another arena */
			arena_retire(b->arena);
			arena_close(&b->arena);
			b->arena =
			    journal_bench_arena(b->dir, (uint64_t)i, JOURNAL_BENCH_CELLS);
		}
	}
	begin(b);
	flush_destroy(&b->flush);
	s = ledger_says(b);
	assert_true(journal_bench_is(&s.total, counted, counted));
	assert_true(atomic_load(flushes) > KILLS / 2);
	assert_int_equal(munmap(memory, sizeof(*flushes)), 0);
}

static void
a_ledger_that_is_locked_is_tried_again(void **state)
{
	const uint64_t deadline = clock_mono_ms() + PATIENCE_MS;
	struct bench *b = *state;
	struct ledger *l = NULL;
	struct tally *t = NULL;
	struct ledger_counters sum;

	assert_int_equal(ledger_bench_open_at(b->dir, 0, &l, NULL), 0);
	begin(b);
	journal_bench_count(b->arena, "a", "m", 2);
	assert_null(flush_ledger(b->flush));
	assert_int_equal(flush_totals(b->flush, &t), -ENODEV);
	assert_int_equal(flush_now(b->flush), -ENODEV);
	while (flush_lag_ms(b->flush) == 0 && clock_mono_ms() < deadline)
		run_loop_once(b);
	assert_true(flush_lag_ms(b->flush) > 0);
	ledger_close(&l);
	while (flush_ledger(b->flush) == NULL && clock_mono_ms() < deadline)
		run_loop_once(b);
	assert_int_equal(flush_now(b->flush), 0);
	sum = totals(b);
	assert_true(journal_bench_is(&sum, 1, 2));
	assert_int_equal(flush_lag_ms(b->flush), 0);
	assert_int_equal(b->given_up, 0);
}

static void
with_too_little_disk_counts_wait_in_the_journal(void **state)
{
	const struct flush_options no_room = { NULL, UINT64_MAX, RETRY_MS, on_give_up,
		NULL };
	struct flush_options o = no_room;
	struct bench *b = *state;
	struct ledger_sum s;

	begin(b); /* makes the ledger */
	flush_destroy(&b->flush);
	o.config = &b->config;
	o.arg = b;
	assert_int_equal(flush_create(b->base, &o, &b->flush), 0);
	flush_begin(b->flush);
	journal_bench_count(b->arena, "a", "m", 2);
	assert_null(flush_ledger(b->flush));
	flush_destroy(&b->flush);
	begin(b);
	flush_destroy(&b->flush);
	s = ledger_says(b);
	assert_true(journal_bench_is(&s.total, 1, 2));
	assert_int_equal(b->given_up, 0);
}

static void
what_can_not_be_written_waits_and_goes_in_on_the_same_handle(void **state)
{
	struct rlimit before, none;
	struct bench *b = *state;
	struct ledger_counters sum;

	begin(b);
	journal_bench_count(b->arena, "a", "m", 2);
	assert_int_equal(flush_now(b->flush), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	journal_bench_count(b->arena, "a", "m", 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(flush_now(b->flush), -EFBIG);
	sum = totals(b);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(journal_bench_is(&sum, 2, 5));
	assert_int_equal(flush_now(b->flush), 0);
	sum = totals(b);
	assert_true(journal_bench_is(&sum, 2, 5));
	assert_int_equal(b->given_up, 0);
}

enum { PAGE = 4096, MANY_ROWS = 2000, DAMAGED_PAGE = 7 };

/* Exchange a page of usage.db with what is in `page`. */
static void
swap_page(struct bench *b, char page[PAGE])
{
	char path[128], old[PAGE];
	int fd;

	snprintf(path, sizeof(path), "%s/ledger/usage.db", b->dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	assert_int_equal(pread(fd, old, PAGE, (off_t)DAMAGED_PAGE * PAGE), PAGE);
	assert_int_equal(pwrite(fd, page, PAGE, (off_t)DAMAGED_PAGE * PAGE), PAGE);
	close(fd);
	memcpy(page, old, PAGE);
}

/* Live with a damaged page, then with the page put back. Returns the step that failed. */
static int
live_with_a_damaged_page(struct bench *b)
{
	const uint64_t deadline = clock_mono_ms() + PATIENCE_MS;
	char page[PAGE] = "not what it was";
	struct ledger_counters sum;

	swap_page(b, page);
	begin(b);
	if (flush_ledger(b->flush) != NULL)
		return 1;
	journal_bench_count(b->arena, "a", "m", 1);
	if (flush_now(b->flush) != -ENODEV || b->given_up != 0)
		return 2;
	swap_page(b, page);
	while (flush_ledger(b->flush) == NULL && clock_mono_ms() < deadline)
		run_loop_once(b);
	sum = totals(b);
	if (!journal_bench_is(&sum, MANY_ROWS + 1, MANY_ROWS + 1))
		return 3;
	flush_destroy(&b->flush);
	return 0;
}

/* In a child, for Berkeley DB never gives back what it had when a page was damaged. */
static void
a_ledger_with_a_damaged_page_is_gone_without_until_it_is_put_right(void **state)
{
	struct bench *b = *state;
	struct arena *many = journal_bench_arena(b->dir, 2, 2 * MANY_ROWS);
	char key[16];
	int status;
	pid_t pid;

	for (int i = 0; i < MANY_ROWS; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		journal_bench_count(many, key, "m", 1);
	}
	arena_close(&many);
	begin(b);
	flush_destroy(&b->flush);
	pid = fork();
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(live_with_a_damaged_page(b));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

enum { WIDE_ROWS = 40000, WIDE_PAGES = 2000 }; /* more than Berkeley DB's cache holds */

/* Spoil every page of usage.db but the first ones, which are always in the cache. */
static void
spoil_pages(struct bench *b)
{
	const char junk[64] = "not what it was";
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/ledger/usage.db", b->dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_not_equal(fd, -1);
	for (int page = 2; page < WIDE_PAGES; page++)
		assert_int_equal(pwrite(fd, junk, sizeof(junk), (off_t)page * PAGE + 512),
		    sizeof(junk));
	close(fd);
}

static void
count_wide(struct arena *a)
{
	char key[KEY_ID_MAX + 1];

	for (int i = 0; i < WIDE_ROWS; i++) {
		snprintf(key, sizeof(key), "%0110d", i);
		journal_bench_count(a, key, "a-model-with-a-name-that-is-rather-long", 1);
	}
}

/* Returns the step that failed. */
static int
live_until_recovery_is_needed(struct bench *b)
{
	struct arena *wide = journal_bench_arena(b->dir, 2, 2 * WIDE_ROWS);

	count_wide(wide);
	begin(b);
	if (flush_ledger(b->flush) == NULL || b->given_up != 0)
		return 1;
	spoil_pages(b);
	count_wide(wide);
	if (flush_now(b->flush) != LEDGER_RECOVER)
		return 2;
	if (b->given_up != 1 || flush_ledger(b->flush) != NULL)
		return 3;
	if (flush_now(b->flush) != LEDGER_RECOVER || b->given_up != 1)
		return 4;
	flush_destroy(&b->flush);
	return 0;
}

static void
a_ledger_that_needs_recovery_while_it_is_used_is_given_up_once(void **state)
{
	struct bench *b = *state;
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0)
		_exit(live_until_recovery_is_needed(b));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
put_usage_file(struct bench *b, const char *text)
{
	FILE *f = fopen(b->usage_file, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

#define RECORD(key, tokens)                                                              \
	"{\"timestamp\": 1700000000.25, \"key_id\": \"" key "\", \"model\": \"m\","      \
	" \"endpoint\": \"chat\", \"prompt_tokens\": " tokens ", \"cost_eur\": 5e-06}"

static void
the_proxys_file_is_imported_once_into_a_new_ledger(void **state)
{
	struct bench *b = *state;
	struct ledger_sum s;

	put_usage_file(b, "{\"records\": [" RECORD("a", "7") ", " RECORD("b", "8") "]}");
	begin(b);
	assert_int_equal(totals(b).v[LEDGER_INPUT_TOKENS], 15);
	flush_destroy(&b->flush);
	put_usage_file(b, "{\"records\": [" RECORD("c", "7") "]}");
	begin(b);
	flush_destroy(&b->flush);
	s = ledger_says(b);
	assert_int_equal(s.total.v[LEDGER_REQUESTS], 2);
	assert_int_equal(s.total.v[LEDGER_INPUT_TOKENS], 15);
	assert_int_equal(s.total.v[LEDGER_COST_NEUR], 10000);
}

static void
a_faulty_file_is_imported_when_it_is_put_right(void **state)
{
	struct bench *b = *state;

	put_usage_file(b, "{\"records\": [" RECORD("a", "\"seven\"") "]}");
	begin(b);
	journal_bench_count(b->arena, "a", "m", 2);
	flush_destroy(&b->flush);
	put_usage_file(b, "{\"records\": [" RECORD("a", "7") "]}");
	begin(b);
	assert_int_equal(totals(b).v[LEDGER_INPUT_TOKENS], 9);
	assert_int_equal(totals(b).v[LEDGER_REQUESTS], 2);
}

static void
a_used_ledger_imports_nothing_by_itself(void **state)
{
	struct bench *b = *state;

	begin(b);
	journal_bench_count(b->arena, "a", "m", 2);
	flush_destroy(&b->flush);
	put_usage_file(b, "{\"records\": [" RECORD("a", "7") "]}");
	begin(b);
	assert_int_equal(totals(b).v[LEDGER_INPUT_TOKENS], 2);
}

static void
old_rows_are_folded_and_old_audit_goes(void **state)
{
	struct ledger_cell old = ledger_cell_of(99, 0, "a", 1);
	const uint64_t deadline = clock_mono_ms() + PATIENCE_MS;
	struct ledger_audit_state audit = { .records = 1 };
	struct bench *b = *state;
	struct ledger_sum s = { .rows = 2 };
	struct ledger *l = NULL;

	assert_int_equal(ledger_bench_open_at(b->dir, 0, &l, NULL), 0);
	assert_int_equal(ledger_flush(l, 480001, &old, 1, NULL), 0);
	old.cell++;
	assert_int_equal(ledger_flush(l, 480002, &old, 1, NULL), 0);
	assert_int_equal(ledger_audit_append(l, 1700000000000, SPAN("old"), NULL), 0);
	ledger_close(&l);
	b->config.usage_retention_days = 30;
	b->config.audit_retention_days = 30;
	begin(b);
	while ((s.rows > 1 || audit.records > 0) && clock_mono_ms() < deadline) {
		run_loop_once(b);
		assert_int_equal(ledger_sum_all(flush_ledger(b->flush), &s), 0);
		assert_int_equal(ledger_audit_verify(flush_ledger(b->flush), &audit), 0);
	}
	assert_int_equal(s.rows, 1);
	assert_int_equal(audit.records, 0);
	assert_true(ledger_counters_are(&s.total, 2));
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(the_last_flush_comes_with_the_end),
		BENCH(a_second_brings_what_has_changed_into_the_ledger),
		BENCH(totals_are_the_same_before_and_after_flushes_and_lives),
		BENCH(killed_at_any_moment_nothing_is_lost_and_nothing_counts_twice),
		BENCH(a_ledger_that_is_locked_is_tried_again),
		BENCH(with_too_little_disk_counts_wait_in_the_journal),
		BENCH(what_can_not_be_written_waits_and_goes_in_on_the_same_handle),
		BENCH(a_ledger_with_a_damaged_page_is_gone_without_until_it_is_put_right),
		BENCH(a_ledger_that_needs_recovery_while_it_is_used_is_given_up_once),
		BENCH(the_proxys_file_is_imported_once_into_a_new_ledger),
		BENCH(a_faulty_file_is_imported_when_it_is_put_right),
		BENCH(a_used_ledger_imports_nothing_by_itself),
		BENCH(old_rows_are_folded_and_old_audit_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
