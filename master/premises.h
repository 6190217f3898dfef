/*
 * What one master holds on disk while it lives: DATA_DIR and RUN_DIR, both locked,
 * and the admin process's UNIX socket. Opened before anything else is shared with
 * the world, so that two masters never meet in one place.
 */
#ifndef GATEHOUSE_MASTER_PREMISES_H
#define GATEHOUSE_MASTER_PREMISES_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/config.h"
#include "common/err.h"
#include "master/identity.h"

enum { PREMISES_LINK_BYTES = 32 };

struct premises {
	char *data_dir; /* as at the start: a reload can't move it */
	char *run_dir;
	bool after_crash; /* the last master here died without leaving in order */
	int data_lock;    /* descriptors; -1: not open */
	int pid_lock;
	int admin_fd;                         /* the UNIX socket, listening */
	int admin_node;                       /* O_PATH on its file */
	char admin_path[PREMISES_LINK_BYTES]; /* what workers connect to */
};

/* Nothing taken yet: what premises_close() accepts. */
struct premises premises_none(void);

/*
 * Make the folders where they are missing (those made here belong to admin's user),
 * lock both. Returns 0, or a negative code with one line in why; nothing stays then.
 */
int premises_open(const struct config *cfg, const struct identity *admin,
    struct premises *out, struct errmsg *why) MUSTCHECK;

/*
 * Make the admin socket; its group, the workers', may connect. A socket file left
 * behind by a dead master is replaced.
 */
int premises_open_socket(
    struct premises *p, const struct identity *worker, struct errmsg *why) MUSTCHECK;

/* Go on with what a predecessor in this process had open: p has its descriptors. Returns
 * 0 or -ENOMEM. */
int premises_resume(
    struct premises *p, const char *data_dir, const char *run_dir) MUSTCHECK;

/* In a child: close the locks, and (worker) the listening socket. */
void premises_leave(struct premises *p, bool keep_admin_socket);

/* At the master's end: remove socket, status and pid file, unlock. */
void premises_close(struct premises *p);

#endif
