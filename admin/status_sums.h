/*
 * Sums over the scoreboard for the status: of all workers there ever were, so that what is
 * counted never goes back. Only rows of slots that exist are looked at. Pure; reads shared
 * memory.
 */
#ifndef GATEHOUSE_ADMIN_STATUS_SUMS_H
#define GATEHOUSE_ADMIN_STATUS_SUMS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/shared.h"

enum { STATUS_CLASSES = 5 }; /* 1xx (and unknown) to 5xx */

/* Of one kind of time; counts are cumulative, the last is for all. */
struct status_times {
	uint64_t counts[STATS_BOUNDS + 1];
	uint64_t sum_us;
};

struct status_sums {
	uint64_t requests; /* to the API, whatever was answered */
	uint64_t local;    /* answered here: health, key-info, the admin page */
	uint64_t by_class[STATUS_CLASSES]; /* of requests, by the first digit less one */
	uint64_t refused[STATS_REFUSALS];
	struct status_times latency, ttfb, overhead;
	uint64_t connections, streams; /* open now */
};

/* What upstream has last been seen to do; monotonic ms, 0: never. */
struct status_upstream {
	uint64_t ok_ms, fail_ms;
	bool unknown; /* its name was looked for and never found */
};

/* workers: WORKERS. */
void status_sum(const struct state *state, uint32_t workers, struct status_sums *out);

struct status_upstream status_upstream(const struct state *state, uint32_t workers);

/* Row number i of those that there are; NULL behind the last. */
const struct scoreboard_row *status_row(
    const struct state *state, uint32_t workers, size_t i);

#endif
