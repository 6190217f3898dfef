/*
 * UPSTREAM_COMMAND, kept running: started before the workers, again after its end with
 * a pause that grows from 1 s to 30 s, stopped by SIGINT once the workers have left. It
 * runs in a process group of its own and outlives upgrades.
 */
#ifndef GATEHOUSE_MASTER_UPSTREAM_PROCESS_H
#define GATEHOUSE_MASTER_UPSTREAM_PROCESS_H

#include "master/state.h"

enum {
	UPSTREAM_FIRST_MS = 1000,  /* pause before the first restart */
	UPSTREAM_LEAVE_MS = 10000, /* between SIGINT and SIGKILL */
	UPSTREAM_HURRY_MS = 1000   /* the same, when nothing is waited for */
};

/* A child was reaped: was it this one? What is left of its group is killed. */
bool upstream_process_on_exit(struct master *m, pid_t pid, int status, uint64_t now_ms);

/*
 * Start what the configuration in force wants and what does not run, stop what it does
 * not want any more, or not so: the program, started with another command, is started
 * anew.
 */
void upstream_process_step(struct master *m, uint64_t now_ms);

/* The master stops at once: less patience, from the moment when it is stopped. */
void upstream_process_hurry(struct master *m, uint64_t now_ms);

/* "running", "waiting" (until its next start), "stopping" or "off". */
const char *upstream_process_state(const struct master *m);

/* Free what it remembers. The process is no business of this. */
void upstream_process_fini(struct master *m);

#endif
