/*
 * Resolves UPSTREAM_URL's host name for the workers, who can't: at once, then every
 * interval, each time in a thread of its own, since getaddrinfo() may hang for
 * long. The thread hands its result to the loop through a pipe and touches
 * nothing else. Runs in the admin process, the only writer of shared memory's
 * upstream addresses.
 */
#ifndef GATEHOUSE_ADMIN_RESOLVE_H
#define GATEHOUSE_ADMIN_RESOLVE_H

#include <stdint.h>

#include <event2/event.h>

#include "common/err.h"
#include "common/shared.h"

enum { RESOLVE_INTERVAL_MS = 30000, RESOLVE_RETRY_MS = 1000, RESOLVE_FIRST_MS = 1000 };

struct resolve;

/*
 * Find the addresses of host, in the order in which they should be tried, each
 * once; no more than SHARED_ADDRESSES. Fills n and v of out only. May block.
 * Returns 0 or an EAI_ code of getaddrinfo(3).
 */
typedef int (*resolve_lookup_fn)(const char *host, struct upstream_addrs *out);

/* By getaddrinfo(). localhost is found without a hosts file too (RFC 6761 section 6.3). */
int resolve_lookup(const char *host, struct upstream_addrs *out) MUSTCHECK;

struct resolve_options {
	const char *host; /* a name or a literal; copied */
	uint32_t interval_ms;
	uint32_t retry_ms; /* while the last attempt failed */
	resolve_lookup_fn lookup;
};

/*
 * Start with an attempt as soon as the loop runs. Addresses and counts that a predecessor
 * published of the same host stay until there are newer ones, those of another one are
 * taken back; a failed attempt only counts.
 * Returns 0 or -ENOMEM.
 */
int resolve_create(struct event_base *base, struct state *state,
    const struct resolve_options *o, struct resolve **out) MUSTCHECK;

/* The first attempt, before the loop runs: workers may wait for it. Waits up to ms; what
 * takes longer goes on in the loop. */
void resolve_first(struct resolve *r, uint32_t ms);

/* Stop; a thread that still waits for an answer is left to end by itself. */
void resolve_destroy(struct resolve **r);

#endif
