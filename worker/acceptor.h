/*
 * The listening sockets of a worker: connections are taken within the caps on them,
 * also for slots that have no worker; accepting pauses when descriptors or memory run
 * out. A connection is then its client's (client.h).
 */
#ifndef GATEHOUSE_WORKER_ACCEPTOR_H
#define GATEHOUSE_WORKER_ACCEPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/client.h"
#include "worker/worker.h"

struct acceptor_port;
struct ipcount;

/* Embedded in the worker; all but clients is acceptor.c's. */
struct acceptor {
	struct worker_env *env;
	const struct worker_args *args;
	struct acceptor_port *ports;
	size_t n_ports;
	struct client_list clients;
	struct ipcount *addresses;
	size_t max_connections; /* this worker's share */
	uint32_t max_per_address;
	int last_fd;       /* a client's descriptor at or over it: few are left */
	uint64_t again_ms; /* not 0: accepting is paused */
	struct log_limit limit;
	bool given_up;
};

/*
 * Take over the listeners of args; acceptor_choose() begins to accept.
 * env, args  borrowed for a's life.
 * Returns 0 or -ENOMEM; acceptor_fini() in both cases.
 */
int acceptor_init(
    struct acceptor *a, struct worker_env *env, const struct worker_args *args) MUSTCHECK;
/* The clients must be gone. */
void acceptor_fini(struct acceptor *a);

/* Accept on our own sockets, and on those whose worker is missing. Once a second. */
void acceptor_choose(struct acceptor *a);

/* Accept no more; the sockets stay as they are. */
void acceptor_stop(struct acceptor *a);

/* No successor: take who is in the queue already, then close the sockets. */
void acceptor_give_up(struct acceptor *a);

#endif
