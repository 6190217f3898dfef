/*
 * The metrics page: what it says of a scoreboard and keys that the test has made, and
 * who may read it. The workers of the scoreboard are this very process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/metrics.h"
#include "admin/procstat.h"

static const int64_t now_ms = 1800000000000;

struct bench {
	struct config config;
	struct shared shared;
	struct metrics m;
	struct evbuffer *out;
};

static int
set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	if (b == NULL || shared_create(64, &b->shared) != 0)
		return -1;
	b->m = (struct metrics){ &b->config, &b->shared, getppid(), 1700000000, NULL };
	*state = b;
	return 0;
}

static int
tear_down(void **state)
{
	struct bench *b = *state;

	if (b->out != NULL)
		evbuffer_free(b->out);
	shared_destroy(&b->shared);
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

/* The value behind a sample's name and labels; -1: there is none. */
static double
value(const char *text, const char *sample)
{
	size_t n = strlen(sample);

	for (const char *p = strstr(text, sample); p != NULL; p = strstr(p + 1, sample)) {
		if (p[n] == ' ' && (p == text || p[-1] == '\n'))
			return strtod(p + n, NULL);
	}
	return -1;
}

static void
put_worker(struct bench *b, uint64_t generation, uint32_t slot, enum worker_phase phase,
    uint64_t connections, uint64_t busy)
{
	struct scoreboard_row *row = shared_row(b->shared.state, generation, slot);

	row->connections = connections;
	row->requests_in_flight = busy;
	row->pid = (uint32_t)getpid();
	row->phase = phase;
}

static void
workers_and_connections_are_told_by_slot(void **state)
{
	struct bench *b = *state;
	const char *text;

	put_worker(b, 1, 0, WORKER_DRAINING, 3, 3);
	put_worker(b, 2, 0, WORKER_READY, 10, 4);
	put_worker(b, 2, 1, WORKER_READY, 5, 0);
	put_worker(b, 2, 2, WORKER_STARTING, 0, 0);
	put_worker(b, 2, 3, WORKER_EMPTY, 77, 7);
	text = page(b);
	assert_true(value(text, "gatehouse_workers") == 2);
	assert_true(
	    value(text, "gatehouse_connections{worker=\"0\",state=\"active\"}") == 7);
	assert_true(
	    value(text, "gatehouse_connections{worker=\"0\",state=\"idle\"}") == 6);
	assert_true(
	    value(text, "gatehouse_connections{worker=\"1\",state=\"active\"}") == 0);
	assert_true(
	    value(text, "gatehouse_connections{worker=\"1\",state=\"idle\"}") == 5);
	assert_true(
	    value(text, "gatehouse_connections{worker=\"2\",state=\"idle\"}") == 0);
	assert_null(strstr(text, "worker=\"3\""));
}

static void
upstream_is_as_the_newest_outcome_says(void **state)
{
	struct bench *b = *state;
	struct scoreboard_row *rows = shared_row(b->shared.state, 0, 0);
	struct upstream_addrs a = { .tries = 1 };

	put_worker(b, 0, 0, WORKER_READY, 0, 0);
	put_worker(b, 0, 1, WORKER_READY, 0, 0);
	assert_true(value(page(b), "gatehouse_upstream_up") == -1);
	rows[0].upstream_ok_ms = 100;
	assert_true(value(page(b), "gatehouse_upstream_up") == 1);
	rows[1].upstream_fail_ms = 101;
	assert_true(value(page(b), "gatehouse_upstream_up") == 0);
	rows[0].upstream_ok_ms = 101;
	assert_true(value(page(b), "gatehouse_upstream_up") == 1);
	shared_put_upstream(b->shared.state, &a);
	assert_true(value(page(b), "gatehouse_upstream_up") == 0);
	b->config.upstream.scheme = UPSTREAM_UNIX;
	assert_true(value(page(b), "gatehouse_upstream_up") == 1);
}

static void
keys_are_counted_by_state(void **state)
{
	struct key v[6] = { { .id = "a" }, { .id = "b" }, { .id = "c" }, { .id = "d" },
		{ .id = "e" }, { .id = "f" } };
	struct keyset set = { .v = v, .n = 6 };
	struct bench *b = *state;
	const char *text;

	for (uint8_t i = 0; i < 6; i++) {
		v[i].hash[0] = i;
		v[i].enabled = true;
		v[i].rate_limit = KEY_NO_LIMIT;
	}
	v[1].expires_ms = now_ms;
	v[2].expires_ms = now_ms + 1;
	v[3].enabled = false;
	v[3].expires_ms = 1;
	v[4].rate_limit = 0;
	assert_int_equal(
	    keyring_publish(shared_keyring_mutable(b->shared.published), &set), 0);
	text = page(b);
	assert_true(value(text, "gatehouse_keys{state=\"active\"}") == 3);
	assert_true(value(text, "gatehouse_keys{state=\"expired\"}") == 1);
	assert_true(value(text, "gatehouse_keys{state=\"disabled\"}") == 1);
	assert_true(value(text, "gatehouse_keys{state=\"blocked\"}") == 1);
}

static void
processes_are_told_by_role(void **state)
{
	struct bench *b = *state;
	const char *text = page(b);
	struct procstat self;

	assert_null(strstr(text, "process_resident_memory_bytes{role=\"worker\"}"));
	put_worker(b, 0, 0, WORKER_READY, 0, 0);
	text = page(b);
	assert_int_equal(procstat_read(getpid(), &self), 0);
	assert_true(value(text, "process_resident_memory_bytes{role=\"worker\"}") >= 4096);
	assert_true(value(text, "process_virtual_memory_bytes{role=\"master\"}") >= 4096);
	assert_true(value(text, "process_virtual_memory_bytes{role=\"admin\"}") ==
	    (double)self.virtual_bytes);
	assert_true(
	    value(text, "process_start_time_seconds{role=\"admin\"}") > 1700000000);
	assert_true(value(text, "process_start_time_seconds{role=\"worker\"}") == -1);
	assert_true(value(text, "process_open_fds{role=\"admin\"}") >= 3);
	assert_true(value(text, "process_cpu_seconds_total{role=\"admin\"}") >= 0);
}

/* A child that has used CPU time; waits until it has ended, not reaped yet. */
static pid_t
burn(void)
{
	siginfo_t info;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		struct procstat p = { 0 };

		while (procstat_read(getpid(), &p) == 0 && p.cpu_ms < 60)
			;
		_exit(0);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	return pid;
}

static void
cpu_time_of_workers_outlives_them(void **state)
{
	static const char name[] = "process_cpu_seconds_total{role=\"worker\"}";
	struct bench *b = *state;
	struct scoreboard_row *row = shared_row(b->shared.state, 0, 0);
	pid_t pid = burn();
	double living;

	b->m.master_pid = getpid();
	put_worker(b, 0, 0, WORKER_READY, 0, 0);
	row->pid = (uint32_t)pid;
	living = value(page(b), name);
	assert_true(living >= 0.06);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	row->phase = WORKER_EMPTY;
	assert_true(value(page(b), name) >= living);
}

static void
the_token_opens_when_one_is_set(void **state)
{
	char token[] = "metrics-token";
	struct config open = { 0 };
	struct config closed = { .metrics_token = token };

	(void)state;
	assert_true(metrics_authorized(&open, NULL));
	assert_true(metrics_authorized(&closed, "Bearer metrics-token"));
	assert_true(metrics_authorized(&closed, "bearer  metrics-token"));
	assert_false(metrics_authorized(&closed, NULL));
	assert_false(metrics_authorized(&closed, ""));
	assert_false(metrics_authorized(&closed, "Bearer"));
	assert_false(metrics_authorized(&closed, "Bearer "));
	assert_false(metrics_authorized(&closed, "Bearer metrics-toke"));
	assert_false(metrics_authorized(&closed, "Bearer metrics-tokens"));
	assert_false(metrics_authorized(&closed, "Basic metrics-token"));
}

static void
statistics_are_summed_over_all_rows_the_dead_ones_too(void **state)
{
	struct bench *b = *state;
	struct stats *one = &shared_row(b->shared.state, 1, 0)->stats;
	struct stats *two = &shared_row(b->shared.state, 2, 3)->stats;
	const size_t ok = stats_code_index(200);
	const char *text;

	put_worker(b, 2, 3, WORKER_READY, 1, 1);
	stats_add(&one->requests[ENDPOINT_CHAT][ok], 3);
	stats_add(&two->requests[ENDPOINT_CHAT][ok], 4);
	stats_add(&two->requests[ENDPOINT_NONE][STATS_CODES - 1], 1);
	stats_add(&one->refused[STATS_REFUSED_KEY], 2);
	stats_add(&two->upstream[stats_code_index(503)], 5);
	stats_add(&one->streams, 9); /* it was killed with these */
	stats_add(&two->streams, 2);
	text = page(b);
	assert_true(
	    value(text, "gatehouse_requests_total{endpoint=\"chat\",code=\"200\"}") == 7);
	assert_true(
	    value(text, "gatehouse_requests_total{endpoint=\"none\",code=\"other\"}") == 1);
	assert_null(strstr(text, "code=\"404\""));
	assert_true(value(text, "gatehouse_refused_total{reason=\"key\"}") == 2);
	assert_null(strstr(text, "reason=\"rate\""));
	assert_true(value(text, "gatehouse_upstream_responses_total{code=\"503\"}") == 5);
	assert_true(value(text, "gatehouse_streams") == 2);
}

static void
histograms_are_cumulative_and_end_in_all(void **state)
{
	struct bench *b = *state;
	struct stats *one = &shared_row(b->shared.state, 1, 0)->stats;
	struct stats *two = &shared_row(b->shared.state, 1, 1)->stats;
	const char *text;

	stats_observe(&one->duration[ENDPOINT_CHAT], stats_bounds_us, 5000);
	stats_observe(&two->duration[ENDPOINT_CHAT], stats_bounds_us, 5001);
	stats_observe(&two->duration[ENDPOINT_CHAT], stats_bounds_us, 700000000);
	stats_observe(&one->overhead, stats_overhead_bounds_us, 42);
	text = page(b);
#define DURATION(le)                                                                     \
	value(text,                                                                      \
	    "gatehouse_request_duration_seconds_bucket{endpoint=\"chat\",le=\"" le "\"}")
	assert_true(DURATION("0.005") == 1);
	assert_true(DURATION("0.01") == 2);
	assert_true(DURATION("1") == 2);
	assert_true(DURATION("600") == 2);
	assert_true(DURATION("+Inf") == 3);
	assert_non_null(strstr(text,
	    "\ngatehouse_request_duration_seconds_sum{endpoint=\"chat\"} 700.010001\n"));
	assert_true(
	    value(text, "gatehouse_request_duration_seconds_count{endpoint=\"chat\"}") ==
	    3);
	assert_true(value(text, "gatehouse_overhead_seconds_bucket{le=\"0.00003\"}") == 0);
	assert_true(value(text, "gatehouse_overhead_seconds_bucket{le=\"0.00005\"}") == 1);
	assert_true(value(text, "gatehouse_overhead_seconds_count") == 1);
	assert_null(strstr(text, "gatehouse_time_to_first_byte_seconds"));
}

static void
the_masters_figures_are_told(void **state)
{
	struct bench *b = *state;
	struct master_figures *f = &b->shared.state->figures;
	const char *text = page(b);

	assert_null(strstr(text, "gatehouse_tls_certificate_expiry_seconds"));
	assert_null(strstr(text, "gatehouse_last_reload_timestamp_seconds"));
	f->worker_restarts = 3;
	f->reloads_ok = 2;
	f->reloads_refused = 1;
	f->last_reload_ok = 1;
	f->last_reload_ms = 1800000000123;
	f->certificate_expiry_s = 1900000000;
	text = page(b);
	assert_true(value(text, "gatehouse_worker_restarts_total") == 3);
	assert_true(value(text, "gatehouse_reloads_total{result=\"ok\"}") == 2);
	assert_true(value(text, "gatehouse_reloads_total{result=\"refused\"}") == 1);
	assert_true(value(text, "gatehouse_reloads_total{result=\"failed\"}") == 0);
	assert_true(value(text, "gatehouse_last_reload_successful") == 1);
	assert_non_null(
	    strstr(text, "\ngatehouse_last_reload_timestamp_seconds 1800000000.123\n"));
	assert_true(value(text, "gatehouse_tls_certificate_expiry_seconds") == 1900000000);
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(workers_and_connections_are_told_by_slot),
		BENCH(upstream_is_as_the_newest_outcome_says),
		BENCH(keys_are_counted_by_state),
		BENCH(processes_are_told_by_role),
		BENCH(cpu_time_of_workers_outlives_them),
		BENCH(statistics_are_summed_over_all_rows_the_dead_ones_too),
		BENCH(histograms_are_cumulative_and_end_in_all),
		BENCH(the_masters_figures_are_told),
		cmocka_unit_test(the_token_opens_when_one_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
