/*
 * How many connections each address has in this worker (IPv6: each /64), in the
 * worker's own memory: a shared counter would leak with each killed worker.
 */
#ifndef GATEHOUSE_WORKER_IPCOUNT_H
#define GATEHOUSE_WORKER_IPCOUNT_H

#include <stdint.h>

#include "common/addr.h"
#include "common/err.h"

struct ipcount;

/* A table for up to max connections. seed: random, so that nobody can choose
 * addresses that collide. Returns 0 or -ENOMEM. */
int ipcount_create(uint32_t max, uint64_t seed, struct ipcount **out) MUSTCHECK;
void ipcount_destroy(struct ipcount **t);

/* One more connection of a. Returns how many it has now; 0: the table is full. */
uint32_t ipcount_add(struct ipcount *t, const struct addr *a);

/* One less. */
void ipcount_remove(struct ipcount *t, const struct addr *a);

#endif
