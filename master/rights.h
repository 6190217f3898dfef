/*
 * Rights of the processes: what the master keeps of root's, and that its children keep
 * nothing.
 */
#ifndef GATEHOUSE_MASTER_RIGHTS_H
#define GATEHOUSE_MASTER_RIGHTS_H

#include "common/err.h"
#include "master/state.h"

/*
 * In the master, first of all: limits raised, then every capability given up that is not
 * needed later, no new privileges, not dumpable. An exec in place keeps these but for
 * the last, which its program takes anew. Returns 0 or -errno.
 */
int rights_take(void) MUSTCHECK;

/* Say in one line what the master would have dropped or locked, and could not. */
void rights_report(const struct house *h);

/* Lock the secrets that have come to the heap. Where that is not allowed,
 * rights_report() has said so. In the master after each load, and in a child. */
void rights_lock(void);

/*
 * In a child: become that user, without any capability, and tie the own life to the
 * master's, whose end sends the signal. Returns 0 or -errno (the process must not go on);
 * -ESRCH: the master is gone.
 */
int rights_drop(const struct identity *id, pid_t master, int signal_at_end) MUSTCHECK;

#endif
