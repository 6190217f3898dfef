/*
 * The families that come from the ledger and the journal: what each key has used since the
 * ledger began, and how the two stand. They never go back, not even over restarts; while
 * the ledger can't be read they are left out.
 */
#ifndef GATEHOUSE_ADMIN_METRICS_USAGE_H
#define GATEHOUSE_ADMIN_METRICS_USAGE_H

#include "admin/metrics_scrape.h"

/* Add up s->usage; it stays NULL when it can't be had. The caller's, tally_destroy(). */
void metrics_gather_usage(struct scrape *s);

void metrics_write_key_requests(const struct scrape *s, struct prom *p);
void metrics_write_tokens(const struct scrape *s, struct prom *p);
void metrics_write_cost(const struct scrape *s, struct prom *p);
void metrics_write_journal_cells(const struct scrape *s, struct prom *p);
void metrics_write_ledger_lag(const struct scrape *s, struct prom *p);

#endif
