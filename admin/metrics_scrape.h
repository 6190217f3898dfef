/*
 * What one answer of the metrics is made from, for admin/metrics*.c alone, and the few
 * steps that their families share.
 */
#ifndef GATEHOUSE_ADMIN_METRICS_SCRAPE_H
#define GATEHOUSE_ADMIN_METRICS_SCRAPE_H

#include <stdatomic.h>
#include <stdint.h>

#include "admin/metrics.h"
#include "admin/procstat.h"
#include "admin/prom.h"
#include "admin/tally.h"

enum { METRICS_ROWS = SHARED_MAX_GENERATIONS * SHARED_WORKER_SLOTS };

enum metrics_role_name { METRICS_MASTER, METRICS_WORKER, METRICS_ADMIN, METRICS_ROLES };

/* A role's processes, added up. */
struct metrics_role {
	unsigned processes;
	struct procstat sum; /* started_ms: of the last one looked at */
};

struct scrape {
	const struct metrics *m;
	int64_t now_ms;
	struct metrics_role roles[METRICS_ROLES];
	/* all usage ever, by key (unless METRICS_KEYS is off), model and endpoint, in this
	 * order; NULL: it can't be had */
	struct tally *usage;
};

static inline struct prom_value
metrics_whole(uint64_t v)
{
	return (struct prom_value){ .v = v };
}

static inline struct prom_value
metrics_milli(uint64_t v)
{
	return (struct prom_value){ .v = v, .decimals = 3 };
}

static inline uint64_t
metrics_load(const _Atomic uint64_t *p)
{
	return atomic_load_explicit(p, memory_order_relaxed);
}

static inline enum worker_phase
metrics_phase(const struct scoreboard_row *row)
{
	return (enum worker_phase)atomic_load_explicit(&row->phase, memory_order_acquire);
}

#endif
