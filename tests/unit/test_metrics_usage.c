/*
 * What the metrics say of usage: the ledger's and the journal's together, exact, by key or
 * without, and never less than before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/flush.h"
#include "admin/metrics.h"
#include "common/log.h"
#include "tests/unit/journal_bench.h"

static const int64_t now_ms = 1800000000000;

struct bench {
	char dir[64];
	struct config config;
	struct shared shared;
	struct metrics m;
	struct event_base *base;
	struct arena *arena;
	struct evbuffer *out;
};

static void
on_give_up(void *arg)
{
	(void)arg;
	abort();
}

static void
open_ledger(struct bench *b)
{
	const struct flush_options o = { &b->config, 0, FLUSH_RETRY_MS, on_give_up, NULL };

	assert_int_equal(flush_create(b->base, &o, &b->m.flush), 0);
	flush_begin(b->m.flush);
}

static int
up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
	*state = b;
	if (b == NULL || shared_create(16, &b->shared) != 0)
		return -1;
	snprintf(b->dir, sizeof(b->dir), "/tmp/gatehouse-test-metrics-XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		return -1;
	b->config.data_dir = b->dir;
	b->config.metrics_keys = true;
	b->base = event_base_new();
	b->m = (struct metrics){ &b->config, &b->shared, getppid(), 1700000000, NULL };
	b->arena = journal_bench_arena(b->dir, 1, JOURNAL_BENCH_CELLS);
	open_ledger(b);
	return 0;
}

static int
down(void **state)
{
	struct bench *b = *state;

	flush_destroy(&b->m.flush);
	if (b->out != NULL)
		evbuffer_free(b->out);
	arena_close(&b->arena);
	event_base_free(b->base);
	shared_destroy(&b->shared);
	ledger_bench_remove(b->dir);
	free(b);
	return 0;
}

/* The page as text, until the next call. */
static const char *
page(struct bench *b)
{
	if (b->out != NULL)
		evbuffer_free(b->out);
	assert_non_null(b->out = evbuffer_new());
	assert_int_equal(metrics_write(&b->m, now_ms, b->out), 0);
	assert_int_equal(evbuffer_add(b->out, "", 1), 0);
	return (const char *)evbuffer_pullup(b->out, -1);
}

static void
has(struct bench *b, const char *line)
{
	const char *text = page(b);
	char whole[256];

	snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (strstr(text, whole) == NULL)
		fail_msg("no line %s in\n%s", line, text);
}

static void
usage_is_told_whether_flushed_or_not(void **state)
{
	struct bench *b = *state;

	journal_bench_count(b->arena, "a", "m", 10);
	assert_int_equal(journal_scan(flush_journal(b->m.flush)), 0);
	for (int flushed = 0; flushed < 2; flushed++) {
		has(b,
		    "gatehouse_key_requests_total{key_id=\"a\",model=\"m\",endpoint=\"chat\"} "
		    "1");
		has(b,
		    "gatehouse_tokens_total{key_id=\"a\",model=\"m\",kind=\"input\"} 10");
		has(b,
		    "gatehouse_tokens_total{key_id=\"a\",model=\"m\",kind=\"cache_read\"} 20");
		has(b,
		    "gatehouse_tokens_total{key_id=\"a\",model=\"m\",kind=\"cache_write\"} 30");
		has(b,
		    "gatehouse_tokens_total{key_id=\"a\",model=\"m\",kind=\"output\"} 40");
		has(b, "gatehouse_cost_euros_total{key_id=\"a\",model=\"m\"} 0.000000070");
		assert_int_equal(flush_now(b->m.flush), 0);
	}
	flush_destroy(&b->m.flush);
	assert_null(strstr(page(b), "gatehouse_key_requests_total"));
	open_ledger(b);
	has(b, "gatehouse_cost_euros_total{key_id=\"a\",model=\"m\"} 0.000000070");
}

static void
costs_are_exact_to_the_billionth_however_large(void **state)
{
	struct bench *b = *state;

	journal_bench_count(b->arena, "a", "m", UINT64_C(1234567890123456789) / 7);
	journal_bench_count(b->arena, "a", "m", 1);
	assert_int_equal(flush_now(b->m.flush), 0);
	has(b,
	    "gatehouse_cost_euros_total{key_id=\"a\",model=\"m\"} 1234567890.123456791");
}

static void
without_keys_they_are_folded(void **state)
{
	struct bench *b = *state;

	b->config.metrics_keys = false;
	journal_bench_count(b->arena, "a", "m", 1);
	journal_bench_count(b->arena, "b", "m", 2);
	journal_bench_count(b->arena, "b", "n", 4);
	assert_int_equal(flush_now(b->m.flush), 0);
	has(b, "gatehouse_key_requests_total{model=\"m\",endpoint=\"chat\"} 2");
	has(b, "gatehouse_tokens_total{model=\"m\",kind=\"input\"} 3");
	has(b, "gatehouse_cost_euros_total{model=\"n\"} 0.000000028");
	assert_null(strstr(page(b), "key_id"));
}

static void
names_can_not_break_out_of_their_labels(void **state)
{
	struct bench *b = *state;

	journal_bench_count(b->arena, "a\"} 1\nx{y=\"\\", "m\xff", 1);
	assert_int_equal(flush_now(b->m.flush), 0);
	has(b,
	    "gatehouse_tokens_total{key_id=\"a\\\"} "
	    "1\\nx{y=\\\"\\\\\",model=\"m\xef\xbf\xbd\",kind=\"input\"} 1");
}

static void
the_journals_room_and_the_lag_are_told(void **state)
{
	struct bench *b = *state;

	journal_bench_count(b->arena, "a", "m", 1);
	assert_int_equal(flush_now(b->m.flush), 0);
	has(b, "gatehouse_journal_cells{state=\"used\"} 1");
	has(b, "gatehouse_journal_cells{state=\"free\"} 63");
	has(b, "gatehouse_ledger_lag_seconds 0.000");
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(usage_is_told_whether_flushed_or_not),
		BENCH(costs_are_exact_to_the_billionth_however_large),
		BENCH(without_keys_they_are_folded),
		BENCH(names_can_not_break_out_of_their_labels),
		BENCH(the_journals_room_and_the_lag_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
