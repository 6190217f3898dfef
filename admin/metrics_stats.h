/*
 * The families that come from the workers' statistics: requests, refusals, upstream's
 * answers, streams and times. Each is the sum over all rows of the scoreboard, those of
 * ended workers too, so that nothing goes back.
 */
#ifndef GATEHOUSE_ADMIN_METRICS_STATS_H
#define GATEHOUSE_ADMIN_METRICS_STATS_H

#include "admin/metrics_scrape.h"

void metrics_write_requests(const struct scrape *s, struct prom *p);
void metrics_write_refused(const struct scrape *s, struct prom *p);
void metrics_write_upstream_responses(const struct scrape *s, struct prom *p);
void metrics_write_streams(const struct scrape *s, struct prom *p);
void metrics_write_duration(const struct scrape *s, struct prom *p);
void metrics_write_first_byte(const struct scrape *s, struct prom *p);
void metrics_write_overhead(const struct scrape *s, struct prom *p);

#endif
