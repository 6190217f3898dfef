/*
 * The start of a master that goes on where another program in the same process has
 * stopped (DESIGN: Upgrade), and the check of whether it could. Nothing is bound, locked
 * or made that was handed over; configuration, keys and certificates are read anew, and
 * settings that need a restart stay as they are in force.
 */
#ifndef GATEHOUSE_MASTER_RESUME_H
#define GATEHOUSE_MASTER_RESUME_H

#include "master/state.h"

/*
 * Fill m, whose config_file, exe and title are set, from the handover behind fd, which is
 * closed. A file that is just being rewritten is waited for. Returns 0, or a negative
 * code with why set: then nobody serves any more. start_undo() in both cases.
 */
int resume_up(struct master *m, int fd, struct errmsg *why) MUSTCHECK;

/*
 * Could resume_up() go on with what is behind fd, as of now? in holds all that is read;
 * the caller's, inputs_fini(). Returns 0, or a negative code with faults filled.
 */
int resume_check(
    const char *config_file, int fd, struct inputs *in, struct strlist *faults) MUSTCHECK;

#endif
