/*
 * The executable of an upgrade: where it lies, its check as a child, and the moment
 * when the master becomes it.
 */
#ifndef GATEHOUSE_MASTER_UPGRADE_EXEC_H
#define GATEHOUSE_MASTER_UPGRADE_EXEC_H

#include <limits.h>

#include "master/handover.h"

/*
 * The path that this program was started by, absolute and with its links as they are,
 * so that what lies there later is the new one. argv0 is what it was called by; where
 * that leads elsewhere, the path is the kernel's. Returns 0 or -errno.
 */
int upgrade_exec_find(const char *argv0, char out[PATH_MAX]) MUSTCHECK;

/*
 * Start m->exe as `check --upgrade` with a handover. Its standard error comes out of
 * *fd_out, which does not block and is the caller's. Returns the pid or -errno.
 */
pid_t upgrade_exec_check(
    const struct master *m, const struct handover *h, int *fd_out) MUSTCHECK;

/* Become m->exe. Returns only when that is not possible, with -errno, nothing changed. */
int upgrade_exec_become(const struct master *m, const struct handover *h) MUSTCHECK;

#endif
