/* See ctl_figures.h. Counters are summed over all rows, for dead workers have counted too. */
#include "master/ctl_figures.h"

#include <inttypes.h>
#include <stdbool.h>

#include "common/keyfile_time.h"

enum { ROWS = SHARED_MAX_GENERATIONS * SHARED_WORKER_SLOTS, CLASSES = 6, DAY_S = 86400 };

/* What the rows say together. */
struct sums {
	uint64_t by_class[CLASSES]; /* answers 1xx to 5xx; [0]: of another status */
	uint64_t refused;
	uint64_t streams, connections; /* of the living */
	uint64_t upstream_ok_ms, upstream_fail_ms;
};

static uint64_t
load(const _Atomic uint64_t *v)
{
	return atomic_load_explicit(v, memory_order_relaxed);
}

static void
add_stats(struct sums *s, const struct stats *stats)
{
	for (size_t code = 0; code < STATS_CODES; code++) {
		const unsigned class = stats_code(code) / 100;

		for (size_t e = 0; e < ENDPOINT_COUNT; e++)
			s->by_class[class < CLASSES ? class : 0] +=
			    load(&stats->requests[e][code]);
	}
	for (size_t r = 0; r < STATS_REFUSALS; r++)
		s->refused += load(&stats->refused[r]);
}

static void
add_living(struct sums *s, const struct scoreboard_row *row)
{
	const uint64_t ok = load(&row->upstream_ok_ms),
		       fail = load(&row->upstream_fail_ms);

	s->streams += load(&row->stats.streams);
	s->connections += load(&row->connections);
	if (ok > s->upstream_ok_ms)
		s->upstream_ok_ms = ok;
	if (fail > s->upstream_fail_ms)
		s->upstream_fail_ms = fail;
}

static void
print_upstream(const struct sums *s, FILE *out)
{
	const char *state = "not tried yet";

	if (s->upstream_ok_ms != 0 || s->upstream_fail_ms != 0)
		state = s->upstream_ok_ms >= s->upstream_fail_ms ? "up" : "down";
	fprintf(out, "%-15s%s\n", "upstream", state);
}

static void
print_traffic(const struct sums *s, FILE *out)
{
	uint64_t answers = 0;

	for (size_t i = 0; i < CLASSES; i++)
		answers += s->by_class[i];
	fprintf(out,
	    "%-15s%" PRIu64 " answers (2xx %" PRIu64 ", 4xx %" PRIu64 ", 5xx %" PRIu64
	    "), %" PRIu64 " refused here\n",
	    "since start", answers, s->by_class[2], s->by_class[4], s->by_class[5],
	    s->refused);
	fprintf(out, "%-15s%" PRIu64 " connections, %" PRIu64 " streams\n", "open",
	    s->connections, s->streams);
}

static void
print_certificate(uint64_t expiry_s, int64_t now_ms, FILE *out)
{
	char text[KEYFILE_TIME_TEXT_BYTES];
	const int64_t left_s = (int64_t)expiry_s - now_ms / 1000;

	if (expiry_s == 0 || expiry_s > KEYFILE_TIME_MAX_MS / 1000)
		return; /* no TLS */
	keyfile_time_format((int64_t)expiry_s * 1000, text);
	if (left_s <= 0)
		fprintf(out, "%-15sEXPIRED on %s\n", "certificate", text);
	else
		fprintf(out, "%-15suntil %s, %" PRId64 " days\n", "certificate", text,
		    left_s / DAY_S);
}

void
ctl_figures_print(struct state *state, int64_t now_ms, FILE *out)
{
	struct sums s = { .refused = 0 };

	for (size_t i = 0; i < ROWS; i++) {
		const struct scoreboard_row *row = &state->rows[i];

		add_stats(&s, &row->stats);
		if (atomic_load_explicit(&row->phase, memory_order_relaxed) != WORKER_EMPTY)
			add_living(&s, row);
	}
	print_upstream(&s, out);
	print_certificate(load(&state->figures.certificate_expiry_s), now_ms, out);
	print_traffic(&s, out);
}
