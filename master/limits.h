/*
 * Limits on resources (getrlimit(2)) of the master and its children.
 */
#ifndef GATEHOUSE_MASTER_LIMITS_H
#define GATEHOUSE_MASTER_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/config.h"
#include "common/err.h"

/*
 * At the master's start, before it gives up CAP_SYS_RESOURCE: no core files; as many
 * descriptors and as much locked memory as its children may come to need, or as the
 * system allows. Returns 0 or -errno (the core files can't be forbidden).
 */
int limits_take(void) MUSTCHECK;

/* Warn when a worker of cfg could run out of descriptors before it is full. */
void limits_check(const struct config *cfg, size_t n_listeners);

/*
 * In a child that is about to begin its role, with the locks on its memory taken: what
 * it may need at most. A worker starts no process or thread. Returns 0 or -errno.
 */
int limits_apply_worker(const struct config *cfg, size_t n_listeners) MUSTCHECK;
int limits_apply_admin(void) MUSTCHECK;

#endif
