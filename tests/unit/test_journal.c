/*
 * The journal's reader: what arenas have over the ledger enters it once, arenas that are
 * retired go when their last count is in, and what can't be read is left alone.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/log.h"
#include "tests/unit/journal_bench.h"

enum { HOUR = 480000 };

struct bench {
	struct ledger_bench *ledger;
	struct journal *journal;
	struct tally *totals;
	struct arena *arena;
};

static int
up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	void *ledger = NULL;

	log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
	if (b == NULL || ledger_bench_up(&ledger) != 0)
		return -1;
	b->ledger = ledger;
	*state = b;
	if (tally_create(TALLY_BY(TALLY_KEY), &b->totals) != 0 ||
	    journal_create(b->ledger->dir, &b->journal) != 0)
		return -1;
	b->arena = journal_bench_arena(b->ledger->dir, 1, JOURNAL_BENCH_CELLS);
	return 0;
}

static int
down(void **state)
{
	struct bench *b = *state;
	void *ledger = b->ledger;

	arena_close(&b->arena);
	journal_destroy(&b->journal);
	tally_destroy(&b->totals);
	free(b);
	return ledger_bench_down(&ledger);
}

/* Scan, learn, flush. Cells that had something new. */
static size_t
flush(struct bench *b)
{
	struct journal_flushed done;

	assert_int_equal(journal_scan(b->journal), 0);
	assert_int_equal(journal_learn(b->journal, b->ledger->ledger), 0);
	assert_int_equal(
	    journal_flush(b->journal, b->ledger->ledger, HOUR, b->totals, &done), 0);
	return done.cells;
}

static struct ledger_sum
sum_of(struct bench *b)
{
	struct ledger_sum s;

	assert_int_equal(ledger_sum_all(b->ledger->ledger, &s), 0);
	return s;
}

static struct ledger_counters
unflushed(struct bench *b)
{
	struct ledger_counters sum;
	struct tally *t = NULL;

	assert_int_equal(tally_create(0, &t), 0);
	assert_int_equal(journal_unflushed(b->journal, HOUR, t), 0);
	tally_total(t, &sum);
	tally_destroy(&t);
	return sum;
}

/* As after a death: another journal on the same files, nothing learnt. */
static void
begin_anew(struct bench *b)
{
	journal_destroy(&b->journal);
	assert_int_equal(journal_create(b->ledger->dir, &b->journal), 0);
}

static bool
file_exists(const struct bench *b, uint64_t id)
{
	char path[128];

	journal_bench_path(b->ledger->dir, id, path, sizeof(path));
	return access(path, F_OK) == 0;
}

static void
each_count_enters_the_ledger_once(void **state)
{
	struct bench *b = *state;
	struct ledger_counters sum;
	struct ledger_sum s;

	journal_bench_count(b->arena, "a", "m", 10);
	journal_bench_count(b->arena, "b", "m", 1);
	assert_int_equal(flush(b), 2);
	assert_int_equal(flush(b), 0);
	journal_bench_count(b->arena, "a", "m", 5);
	assert_int_equal(journal_scan(b->journal), 0);
	assert_true(journal_is_ahead(b->journal));
	sum = unflushed(b);
	assert_true(journal_bench_is(&sum, 1, 5));
	begin_anew(b);
	assert_int_equal(flush(b), 1);
	assert_false(journal_is_ahead(b->journal));
	s = sum_of(b);
	assert_int_equal(s.rows, 2);
	assert_true(journal_bench_is(&s.total, 3, 16));
	tally_total(b->totals, &sum);
	assert_true(journal_bench_is(&sum, 3, 16));
}

static void
what_is_not_learnt_is_not_told(void **state)
{
	struct bench *b = *state;
	struct ledger_counters sum;

	journal_bench_count(b->arena, "a", "m", 10);
	assert_int_equal(flush(b), 1);
	begin_anew(b);
	assert_int_equal(journal_scan(b->journal), 0);
	sum = unflushed(b);
	assert_true(journal_bench_is(&sum, 0, 0));
	assert_true(journal_is_ahead(b->journal)); /* for all that is known */
	assert_int_equal(journal_learn(b->journal, b->ledger->ledger), 0);
	assert_false(journal_is_ahead(b->journal));
	journal_unlearn(b->journal);
	assert_true(journal_is_ahead(b->journal));
	assert_int_equal(flush(b), 0);
}

static void
more_cells_than_a_batch_enter_in_several(void **state)
{
	enum { CELLS = 3000 };
	struct bench *b = *state;
	struct arena *many =
	    journal_bench_arena(b->ledger->dir, 2, CELLS + CELLS / 4 + 64);
	struct ledger_sum s;
	char key[16];

	for (int i = 0; i < CELLS; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		journal_bench_count(many, key, "m", 1);
	}
	journal_bench_count(b->arena, "k0", "m", 1);
	assert_int_equal(flush(b), CELLS + 1);
	assert_int_equal(flush(b), 0);
	s = sum_of(b);
	assert_int_equal(s.rows, CELLS);
	assert_true(journal_bench_is(&s.total, CELLS + 1, CELLS + 1));
	assert_int_equal(tally_count(b->totals), CELLS);
	arena_close(&many);
}

static void
a_retired_arena_goes_with_its_marks_when_its_last_count_is_in(void **state)
{
	struct bench *b = *state;
	struct ledger_sum s;
	uint64_t id;

	journal_bench_count(b->arena, "a", "m", 10);
	assert_int_equal(flush(b), 1);
	assert_true(file_exists(b, 1));
	journal_bench_count(b->arena, "a", "m", 7);
	arena_retire(b->arena);
	assert_int_equal(flush(b), 1);
	assert_false(file_exists(b, 1));
	assert_int_equal(ledger_marks_next(b->ledger->ledger, 0, &id), -ENOENT);
	s = sum_of(b);
	assert_true(journal_bench_is(&s.total, 2, 17));
	assert_int_equal(flush(b), 0);
}

static void
marks_whose_file_has_gone_are_swept_out(void **state)
{
	struct bench *b = *state;
	char path[128];
	uint64_t id;

	journal_bench_count(b->arena, "a", "m", 10);
	assert_int_equal(flush(b), 1);
	journal_bench_path(b->ledger->dir, 1, path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	begin_anew(b);
	assert_int_equal(flush(b), 0);
	assert_int_equal(ledger_marks_next(b->ledger->ledger, 0, &id), -ENOENT);
}

/* Shorten or spoil the file of an arena that is closed. */
static void
spoil(struct bench *b, uint64_t id, off_t bytes)
{
	char path[128];

	journal_bench_path(b->ledger->dir, id, path, sizeof(path));
	assert_int_equal(truncate(path, bytes), 0);
}

static void
an_arena_that_was_cut_short_is_left_alone_and_keeps_its_marks(void **state)
{
	struct arena *other = NULL;
	struct bench *b = *state;
	struct ledger_sum s;
	uint64_t id;

	other = journal_bench_arena(b->ledger->dir, 2, JOURNAL_BENCH_CELLS);
	journal_bench_count(other, "a", "m", 3);
	assert_int_equal(flush(b), 1);
	arena_close(&other);
	journal_destroy(&b->journal);
	spoil(b, 2, 5000);
	assert_int_equal(journal_create(b->ledger->dir, &b->journal), 0);
	journal_bench_count(b->arena, "a", "m", 4);
	assert_int_equal(flush(b), 1);
	assert_int_equal(flush(b), 0);
	assert_true(file_exists(b, 2));
	assert_int_equal(ledger_marks_next(b->ledger->ledger, 2, &id), 0);
	assert_int_equal(id, 2);
	s = sum_of(b);
	assert_true(journal_bench_is(&s.total, 2, 7));
}

static void
what_is_no_arena_is_left_alone(void **state)
{
	struct bench *b = *state;
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/" JOURNAL_DIR "/77" ARENA_SUFFIX, b->ledger->dir);
	assert_non_null(f = fopen(path, "we"));
	assert_true(fputs("not an arena", f) >= 0);
	assert_int_equal(fclose(f), 0);
	journal_bench_count(b->arena, "a", "m", 4);
	assert_int_equal(flush(b), 1);
	assert_int_equal(flush(b), 0);
	assert_true(file_exists(b, 77));
}

static void
without_a_journal_there_is_nothing_to_flush(void **state)
{
	struct bench *b = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/" JOURNAL_DIR, b->ledger->dir);
	ledger_bench_remove(path);
	begin_anew(b);
	assert_int_equal(flush(b), 0);
}

static void
the_figures_tell_of_the_room_there_is(void **state)
{
	struct journal_figures f;
	struct bench *b = *state;

	journal_bench_count(b->arena, "a", "m", 4);
	journal_bench_count(b->arena, "b", "m", 4);
	assert_int_equal(flush(b), 2);
	journal_figures(b->journal, &f);
	assert_int_equal(f.arenas, 1);
	assert_int_equal(f.cells_used, 2);
	assert_int_equal(f.cells_free, JOURNAL_BENCH_CELLS - 2);
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(each_count_enters_the_ledger_once),
		BENCH(what_is_not_learnt_is_not_told),
		BENCH(more_cells_than_a_batch_enter_in_several),
		BENCH(a_retired_arena_goes_with_its_marks_when_its_last_count_is_in),
		BENCH(marks_whose_file_has_gone_are_swept_out),
		BENCH(an_arena_that_was_cut_short_is_left_alone_and_keeps_its_marks),
		BENCH(what_is_no_arena_is_left_alone),
		BENCH(without_a_journal_there_is_nothing_to_flush),
		BENCH(the_figures_tell_of_the_room_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
