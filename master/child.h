/*
 * Forking a worker or the admin process, and all that a child does before its role
 * begins: signals, descriptors, title, ids, the tie to the master's life.
 */
#ifndef GATEHOUSE_MASTER_CHILD_H
#define GATEHOUSE_MASTER_CHILD_H

#include "master/state.h"

/*
 * Fork the worker of a slot of g. Returns its pid or -errno. In the child it does
 * not return.
 */
pid_t child_fork_worker(struct master *m, struct generation *g, uint32_t slot) MUSTCHECK;

/* Fork the admin process. Returns its pid or -errno. */
pid_t child_fork_admin(struct master *m) MUSTCHECK;

/* How a child ended, for people: "exit status 1", "signal SIGSEGV". */
struct errmsg child_end_text(int status);

/*
 * The same of a worker or admin.
 * refused  the system call that it noted in shared memory (0: none), to be named if that
 *          was its end.
 */
struct errmsg child_role_end_text(int status, uint64_t refused);

#endif
