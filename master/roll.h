/*
 * A journal that fills up: when the arena of a worker is three quarters full, a
 * generation with new arenas takes over. Configuration and certificates stay those in
 * force; nothing is read, and no reload is counted.
 */
#ifndef GATEHOUSE_MASTER_ROLL_H
#define GATEHOUSE_MASTER_ROLL_H

#include "master/state.h"

/* Fork the next generation with the current one's inputs; its place is free. Returns 0, or
 * a negative code with why set. m->roll.rising then tells whether it still rises. */
int roll_begin(struct master *m, uint64_t now_ms, struct errmsg *why) MUSTCHECK;

/* Begin one when it is due, and go on with what was begun. */
void roll_step(struct master *m, uint64_t now_ms);

/* The master stops. */
void roll_abandon(struct master *m);

#endif
