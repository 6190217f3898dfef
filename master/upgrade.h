/*
 * SIGUSR2: the master becomes the executable on disk. The executable first checks
 * itself, the configuration and what it would be handed, in a process of its own; what
 * it does not like changes nothing. Then it is executed in the master's process, with
 * the same pid, children and sockets; it forks a generation of its own workers, and the
 * old ones drain.
 *
 * One at a time, and none while a reload or a new journal is under way: who comes second
 * waits. A stop ends it.
 */
#ifndef GATEHOUSE_MASTER_UPGRADE_H
#define GATEHOUSE_MASTER_UPGRADE_H

#include "master/state.h"

/* Ask for one. Asked for again before it began, it is still one. */
void upgrade_request(struct master *m);

/* Begin what was asked for, and go on with what was begun. Does not return when the
 * time has come to execute the new program. */
void upgrade_step(struct master *m, uint64_t now_ms);

/* A child was reaped: was it the check? */
bool upgrade_on_exit(struct master *m, pid_t pid, int status);

/* The master stops: nothing is waited for any more, who waits is told. */
void upgrade_abandon(struct master *m);

/* Is one under way? */
static inline bool
upgrade_is_busy(const struct master *m)
{
	return m->upgrade.step != UPGRADE_IDLE;
}

/* In the new program: what was handed over is taken, now its workers take over. */
void upgrade_resume(struct master *m);

#endif
