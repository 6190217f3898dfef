/*
 * The families `process_*`, by role: master, workers, admin.
 */
#ifndef GATEHOUSE_ADMIN_METRICS_ROLES_H
#define GATEHOUSE_ADMIN_METRICS_ROLES_H

#include "admin/metrics_scrape.h"

/* Look at the processes of each role. */
void metrics_gather_roles(struct scrape *s);

void metrics_write_cpu(const struct scrape *s, struct prom *p);
void metrics_write_resident(const struct scrape *s, struct prom *p);
void metrics_write_virtual(const struct scrape *s, struct prom *p);
void metrics_write_start_time(const struct scrape *s, struct prom *p);
void metrics_write_open_fds(const struct scrape *s, struct prom *p);
void metrics_write_max_fds(const struct scrape *s, struct prom *p);

#endif
