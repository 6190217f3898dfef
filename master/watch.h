/*
 * Key file and settings are looked at once a second; what changed is published as
 * by a reload, without one. WATCH=off leaves it to SIGHUP.
 */
#ifndef GATEHOUSE_MASTER_WATCH_H
#define GATEHOUSE_MASTER_WATCH_H

#include "master/state.h"

/* The files as they are now count as read. To be called before they are read. */
void watch_mark(struct master *m, const struct config *cfg);

/* One of them does; to be called before it is read. */
void watch_mark_keys(struct master *m, const struct config *cfg);
void watch_mark_settings(struct master *m, const struct config *cfg);

/* Look, when it is time, and publish what changed. */
void watch_step(struct master *m, uint64_t now_ms);

#endif
