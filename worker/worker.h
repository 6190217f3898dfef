/*
 * A worker: one process, one libevent loop, one listener slot. Started by the
 * master through worker_main() after the fork.
 */
#ifndef GATEHOUSE_WORKER_WORKER_H
#define GATEHOUSE_WORKER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/arena.h"
#include "common/config.h"
#include "common/shared.h"
#include "common/tls.h"
#include "common/tls_client.h"

/* A listening socket that the worker inherits. */
struct worker_listener {
	int fd;
	uint32_t slot; /* whose socket it is; all slots' sockets are handed over */
	bool tls;
	bool admin_only; /* an ADMIN_LISTEN address: serves /admin and nothing else */
	bool no_admin;   /* ADMIN_LISTEN is set: /admin is 404 here */
};

/* Everything borrowed for the life of the process. */
struct worker_args {
	const struct config *config;
	const struct shared *shared;
	struct arena *arena; /* settled; adopted, and written to, by this process alone */
	const struct tls_server *tls;          /* NULL: plain HTTP only */
	const struct tls_client *upstream_tls; /* NULL unless the upstream is https */
	const struct worker_listener *listeners;
	size_t n_listeners;
	uint32_t slot;
	uint64_t generation;
	pid_t master_pid;
	const char *admin_socket; /* path of admin's UNIX socket */
};

/*
 * Serve until drained. Signals: SIGTERM drains (stop accepting, finish what is in
 * flight, leave), SIGQUIT leaves at once; SIGHUP, SIGINT, SIGUSR1, SIGUSR2 are
 * ignored. SIGTERM after a successor has taken the slot's sockets leaves them
 * open for it; state->draining tells a drain for good from one for a successor.
 * Returns the exit status.
 */
int worker_main(const struct worker_args *args);

#endif
