/*
 * Process titles ("gatehouse: worker 1") and the environment's secrets. On Linux
 * argv and environ lie one behind the other on the stack, and the kernel shows
 * both in /proc/PID/cmdline and /proc/PID/environ. The environment is moved to
 * the heap, its old place wiped, and the whole area serves as room for the title.
 */
#ifndef GATEHOUSE_COMMON_PROCTITLE_H
#define GATEHOUSE_COMMON_PROCTITLE_H

#include <stddef.h>

#include "common/err.h"

struct proctitle {
	char *area; /* argv[0]; NULL: no title can be set */
	size_t bytes;
	char **env; /* the environment's copy: what environ points to */
};

/*
 * Copy the environment to the heap (environ then points to the copy) and wipe the
 * bytes that the process was started with. argv's own strings are overwritten by
 * the first title: what is needed of them must be copied before.
 * Returns 0 or -ENOMEM (nothing changed).
 */
int proctitle_init(struct proctitle *t, int argc, char **argv) MUSTCHECK;

/* Set the title, cut to the room there is, and the process's short name. */
void proctitle_set(struct proctitle *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Take name out of the copy of the environment, wiped. */
void proctitle_unset_env(struct proctitle *t, const char *name);

/* Wipe and free the copy of the environment; environ is then empty. */
void proctitle_wipe_env(struct proctitle *t);

#endif
