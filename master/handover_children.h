/*
 * Workers, admin and UPSTREAM_COMMAND as a handover has them. Each returns 0, ERR_SYNTAX
 * for what makes no sense, or -errno; what was taken until then is in m all the same.
 */
#ifndef GATEHOUSE_MASTER_HANDOVER_CHILDREN_H
#define GATEHOUSE_MASTER_HANDOVER_CHILDREN_H

#include <jansson.h>

#include "master/state.h"

/* The generations, with their arenas; m->workers and m->current are known. */
int handover_read_generations(struct master *m, const json_t *list) MUSTCHECK;

int handover_read_admin(struct master *m, const json_t *v) MUSTCHECK;

int handover_read_upstream(struct upstream_process *u, json_t *v) MUSTCHECK;

#endif
