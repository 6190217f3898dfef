/*
 * A journal that fills up: when the arena of a worker is three quarters full, a
 * generation with new arenas takes over. Configuration and certificates stay those in
 * force; nothing is read, and no reload is counted.
 */
#ifndef GATEHOUSE_MASTER_ROLL_H
#define GATEHOUSE_MASTER_ROLL_H

#include "master/state.h"

/* Begin one when it is due, and go on with what was begun. */
void roll_step(struct master *m, uint64_t now_ms);

/* The master stops. */
void roll_abandon(struct master *m);

#endif
