/*
 * SIGHUP: everything is read and checked before anything is changed. Keys and
 * settings are then published at once; another configuration or other certificates
 * bring a new generation of workers, which takes over once all of it is ready.
 */
#ifndef GATEHOUSE_MASTER_RELOAD_H
#define GATEHOUSE_MASTER_RELOAD_H

#include "master/state.h"

/* Ask for one. Asked for again before it began, it is still one. */
void reload_request(struct master *m);

/* Begin what was asked for, and go on with what was begun. */
void reload_step(struct master *m, uint64_t now_ms);

/* The master stops: nothing is waited for any more, who waits is told. */
void reload_abandon(struct master *m);

#endif
