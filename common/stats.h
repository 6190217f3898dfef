/*
 * What the metrics show of requests: counters and histograms, one set for each row of
 * the scoreboard. The worker of a row is its only writer; admin sums over all rows.
 * A row's next worker goes on counting where the last one stopped, so that nothing
 * ever goes back while a master lives.
 */
#ifndef GATEHOUSE_COMMON_STATS_H
#define GATEHOUSE_COMMON_STATS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/endpoint.h"

enum {
	STATS_CODES =
	    40, /* statuses that have a counter of their own; the last: all others */
	STATS_BOUNDS = 16, /* upper bounds of a histogram's buckets; +Inf besides */
};

/* Why a request was refused here (gatehouse_refused_total{reason}). */
enum stats_refusal {
	STATS_REFUSED_KEY,         /* missing, wrong, expired, disabled */
	STATS_REFUSED_ADDRESS,     /* the address's window */
	STATS_REFUSED_RATE,        /* the key's window, or that of all keys */
	STATS_REFUSED_MALFORMED,   /* framing, target, head */
	STATS_REFUSED_TOO_LARGE,   /* head, target, body */
	STATS_REFUSED_TIMEOUT,     /* the client was too slow */
	STATS_REFUSED_TRANSPORT,   /* plain where TLS is wanted */
	STATS_REFUSED_CONNECTIONS, /* too many, in all or of one address */
	STATS_REFUSALS
};

struct stats_histogram {
	_Atomic uint64_t bucket[STATS_BOUNDS + 1]; /* not cumulative */
	_Atomic uint64_t sum_us;
};

struct stats {
	_Alignas(64) _Atomic uint64_t requests[ENDPOINT_COUNT][STATS_CODES];
	_Atomic uint64_t upstream[STATS_CODES]; /* answers by upstream's status */
	_Atomic uint64_t refused[STATS_REFUSALS];
	_Atomic uint64_t streams;                        /* open now */
	struct stats_histogram duration[ENDPOINT_COUNT]; /* request's head to answer's end */
	struct stats_histogram first_byte[ENDPOINT_COUNT]; /* to the answer's first byte */
	struct stats_histogram overhead; /* spent here: all but waiting for client or upstream */
};

/* The status that index stands for; 0: all others. */
unsigned stats_code(size_t index);
size_t stats_code_index(unsigned status);
/* "key", "address", ...: the label. */
const char *stats_refusal_name(enum stats_refusal r);
/* Upper bounds in microseconds, ascending. Durations; overhead. */
extern const uint64_t stats_bounds_us[STATS_BOUNDS];
extern const uint64_t stats_overhead_bounds_us[STATS_BOUNDS];

/* Add n; the row's worker only. */
static inline void
stats_add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_store_explicit(
	    c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Note one duration in a histogram with these bounds. */
void stats_observe(
    struct stats_histogram *h, const uint64_t bounds_us[STATS_BOUNDS], uint64_t us);

#endif
