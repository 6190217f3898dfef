/*
 * Keys and settings into shared memory: they hold from the next request on, with
 * no worker touched.
 */
#ifndef GATEHOUSE_MASTER_PUBLISH_H
#define GATEHOUSE_MASTER_PUBLISH_H

#include "master/state.h"

/*
 * Publish in's keys and settings, and log what the key file is warned of.
 * Returns 0, or a negative code with why set and nothing changed.
 */
int publish_inputs(
    struct master *m, const struct inputs *in, struct errmsg *why) MUSTCHECK;

/* The keys alone, read from path. The same results. */
int publish_keys(struct master *m, const char *path, const struct keyset *set,
    struct errmsg *why) MUSTCHECK;

/* A new ticket key every hour, the older ones kept for decrypting. */
void publish_step_tickets(struct master *m, uint64_t now_ms);

#endif
