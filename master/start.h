/*
 * All of a start before the first fork: read, check, lock, map, bind. Whatever
 * stands in the way is one line, and nothing stays behind.
 */
#ifndef GATEHOUSE_MASTER_START_H
#define GATEHOUSE_MASTER_START_H

#include "master/state.h"

/*
 * Fill m, whose config_file and title are set. Returns 0, or a negative code with
 * why set; start_undo() is to be called in both cases, at the end.
 */
int start_up(struct master *m, struct errmsg *why) MUSTCHECK;

/* Close, unlock and free everything that start_up() made. */
void start_undo(struct master *m);

#endif
