/*
 * Acting on a running master: signal it, watch RUN_DIR, tell the outcome. Each
 * returns the command's exit status: 0 it happened, 1 refused, 3 no master to reach.
 */
#ifndef GATEHOUSE_MASTER_CTL_H
#define GATEHOUSE_MASTER_CTL_H

#include <stdbool.h>
#include <stdio.h>

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHED = 3 };

/* Ask for a reload, wait until it is finished, print its result and reason. */
int ctl_reload(const char *run_dir, FILE *out, FILE *err);

/* The same for an upgrade. */
int ctl_upgrade(const char *run_dir, FILE *out, FILE *err);

/* Ask the master to stop, wait until it is gone. */
int ctl_stop(const char *run_dir, FILE *out, FILE *err);

/* Print what the master says of itself; json: as it stands in RUN_DIR. */
int ctl_status(const char *run_dir, bool json, FILE *out, FILE *err);

#endif
