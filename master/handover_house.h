/*
 * Folders, regions, sockets and the journal as a handover has them. Each returns 0,
 * ERR_SYNTAX for what makes no sense, or -errno; what was taken until then is in m all
 * the same.
 */
#ifndef GATEHOUSE_MASTER_HANDOVER_HOUSE_H
#define GATEHOUSE_MASTER_HANDOVER_HOUSE_H

#include <jansson.h>

#include "master/state.h"

/* Folders, locks, the pipe and the regions; stale ones go to m->resumed. */
int handover_read_house(struct master *m, json_t *v) MUSTCHECK;

/* As many sockets as running has slots and addresses. */
int handover_read_listeners(
    const json_t *v, struct listeners *l, const struct config *running) MUSTCHECK;

int handover_read_journal(struct journal *j, json_t *v, uint32_t workers) MUSTCHECK;

#endif
