/*
 * The admin process: the only one that opens Berkeley DB, resolves upstream's
 * name and serves /admin and /metrics. Started by the master through
 * admin_main() after the fork.
 */
#ifndef GATEHOUSE_ADMIN_ADMIN_H
#define GATEHOUSE_ADMIN_ADMIN_H

#include <sys/types.h>

#include "common/config.h"
#include "common/shared.h"

/* Everything borrowed for the life of the process. */
struct admin_args {
	const struct config *config;
	const struct shared *shared;
	pid_t master_pid;
	int socket_fd;          /* listening UNIX socket, made by the master in RUN_DIR */
	const int *metrics_fds; /* listening TCP sockets of METRICS_LISTEN */
	size_t n_metrics_fds;
	int reload_fd; /* write end of a pipe to the master: a byte of enum admin_wish */
};

/* What a byte on reload_fd asks the master for; any other is taken for the first. */
enum admin_wish {
	ADMIN_WISH_RELOAD = 'r',
	ADMIN_WISH_ENACT = 'e', /* publish keys and settings now (master/enact.h) */
};

/*
 * Serve until SIGTERM or SIGQUIT. Returns the exit status.
 */
int admin_main(const struct admin_args *args);

#endif
