/*
 * RUN_DIR as master, admin and CLI share it: the locked pid file, the admin
 * socket's name and `status`, a JSON object that is replaced whole by a rename, so
 * that a reader sees one moment. A master is there exactly while its pid file is
 * locked; the kernel drops the lock with the process, however it dies.
 */
#ifndef GATEHOUSE_COMMON_RUNDIR_H
#define GATEHOUSE_COMMON_RUNDIR_H

#include <stdbool.h>
#include <sys/types.h>
#include <jansson.h>

#include "common/err.h"

#define RUNDIR_PID_FILE "gatehouse.pid"
#define RUNDIR_STATUS_FILE "status"
#define RUNDIR_ADMIN_SOCKET "admin.sock"
#define RUNDIR_DATA_LOCK "gatehouse.lock"

/*
 * Lock dir/name for this process (flock, exclusive) and write the own pid into it.
 * The lock belongs to the open file: children must close the descriptor.
 * Returns 0 (*fd_out is the caller's, close-on-exec), -EWOULDBLOCK when another
 * process holds it, or -errno.
 */
int rundir_lock(const char *dir, const char *name, int *fd_out) MUSTCHECK;

/* Remove dir/name and let go of its lock. *fd becomes -1; -1 is accepted. */
void rundir_unlock(const char *dir, const char *name, int *fd);

/*
 * The pid of the master that serves from dir. Takes no lock that could disturb a
 * starting master for longer than it tries again.
 * Returns 0, -ENOENT when none runs there, or -errno (no permission, ...).
 */
int rundir_find_master(const char *dir, pid_t *pid_out) MUSTCHECK;

/* Replace dir/status. status is borrowed. Returns 0 or -errno. */
int rundir_save_status(const char *dir, const json_t *status) MUSTCHECK;

/*
 * Read dir/status. *status_out is set on 0 only: the caller's, json_decref().
 * Returns 0, -errno, or ERR_SYNTAX when it is no JSON object.
 */
int rundir_load_status(const char *dir, json_t **status_out) MUSTCHECK;

/* Remove dir/status, as the master does when it leaves. Returns whether there was one. */
bool rundir_remove_status(const char *dir);

#endif
