/*
 * METRICS_LISTEN's answer: what shared memory, journal, ledger and /proc say, as
 * Prometheus text.
 * CONTRACT section 7 has the names; each family is a row of a table in metrics.c.
 * Runs in the admin process; reads, never writes, what it reports.
 */
#ifndef GATEHOUSE_ADMIN_METRICS_H
#define GATEHOUSE_ADMIN_METRICS_H

#include <stdint.h>

#include <event2/buffer.h>

#include "admin/http.h"
#include "common/config.h"
#include "common/shared.h"

struct flush;

/* Where the figures come from; all borrowed. */
struct metrics {
	const struct config *config; /* token, scheme of upstream */
	const struct shared *shared;
	pid_t master_pid;
	uint64_t boot_s;     /* procstat_boot(); 0 when unknown */
	struct flush *flush; /* journal and ledger; NULL: neither */
};

/* Append the whole page. now_ms: wall clock, for the keys' expiry. 0 or -ENOMEM (out is cut). */
int metrics_write(const struct metrics *m, int64_t now_ms, struct evbuffer *out) MUSTCHECK;

/* Does the Authorization header's value (may be NULL) carry METRICS_TOKEN? In time that
 * tells nothing of the token. Always true when none is set. */
bool metrics_authorized(const struct config *config, const char *authorization);

/* Answer with the page, to whom it may concern. */
void metrics_reply(struct http_request *rq, const struct metrics *m);

/* The handler of GET /metrics: the page for who has METRICS_TOKEN. */
void metrics_handle(struct http_request *rq, const struct metrics *m);

#endif
