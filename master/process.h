/*
 * The master's own process: its signals, its limits, and a struct master that holds
 * nothing yet. For a start and for one that goes on after an upgrade.
 */
#ifndef GATEHOUSE_MASTER_PROCESS_H
#define GATEHOUSE_MASTER_PROCESS_H

#include "master/state.h"

/* m, which is zeroed but for config_file, exe and title, has no descriptor. */
void process_blank(struct master *m);

/*
 * No core files, as many descriptors as the system allows, signals from a descriptor of
 * their own. Those that were pending, or come in between, are not lost.
 * Returns 0, or a negative code with why set.
 */
int process_take(struct house *h, struct errmsg *why) MUSTCHECK;

/* Close *fd, unless it is -1, which it is then. */
void process_close(int *fd);

#endif
