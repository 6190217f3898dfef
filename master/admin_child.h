/*
 * The admin process as the master keeps it: started first, replaced when it dies,
 * started anew when its configuration changes, stopped last.
 */
#ifndef GATEHOUSE_MASTER_ADMIN_CHILD_H
#define GATEHOUSE_MASTER_ADMIN_CHILD_H

#include "master/state.h"

/* Fork it for the first time. */
void admin_child_start(struct master *m, uint64_t now_ms);

/* A child was reaped: was it admin? */
bool admin_child_on_exit(struct master *m, pid_t pid, int status, uint64_t now_ms);

/* Let it finish and leave; while the master does not close, a successor follows. */
void admin_child_dismiss(struct master *m, uint64_t now_ms);

/* Respawns and endings. */
void admin_child_step(struct master *m, uint64_t now_ms);

#endif
