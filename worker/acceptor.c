/*
 * The listening sockets; see acceptor.h.
 */
#include "worker/acceptor.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/exchange.h"
#include "worker/ipcount.h"
#include "worker/peer.h"

enum {
	ACCEPT_BATCH = 32, /* connections taken per wake-up, so that others get a turn */
	ORPHAN_MS = 1000,  /* a slot empty this long is served by its neighbours */
	ACCEPT_PAUSE_MS = 500, /* after running out of descriptors */
	RESERVE_MAX = 256      /* descriptors kept for connections to upstream */
};

struct acceptor_port {
	struct acceptor *acceptor;
	struct event *accept_event;
	struct client_port kind;
	uint32_t slot;
	int fd;
	bool accepting;
};

static void
on_client_closed(void *arg, const struct addr *addr)
{
	struct acceptor *a = arg;

	ipcount_remove(a->addresses, addr);
	atomic_store_explicit(
	    &a->env->row->connections, a->clients.n, memory_order_relaxed);
}

/* Is there room for one more of this address? Counts it if so. */
static bool
may_connect(struct acceptor *a, const struct addr *addr)
{
	uint32_t n;

	if (a->clients.n >= a->max_connections)
		return false;
	n = ipcount_add(a->addresses, addr);
	if (n == 0)
		return false;
	if (n > a->max_per_address && !peer_is_proxy(a->env->cfg, addr)) {
		ipcount_remove(a->addresses, addr);
		return false;
	}
	return true;
}

static void
take_connection(
    struct acceptor *a, const struct acceptor_port *p, int fd, const struct sockaddr *sa)
{
	struct addr addr;

	addr_from_sockaddr(sa, &addr);
	if (!may_connect(a, &addr)) {
		close(fd);
		log_write_limited(&a->limit, 1, a->env->now_ms, LOG_LEVEL_WARN,
		    "connection_refused",
		    "too many connections, in all or of one address");
		return;
	}
	if (client_open(a->env, &a->clients, &p->kind, &exchange_client_ops, fd, &addr,
		on_client_closed, a) != 0) {
		ipcount_remove(a->addresses, &addr);
		log_write_limited(&a->limit, 1, a->env->now_ms, LOG_LEVEL_ERROR,
		    "connection_refused", "no memory for a connection");
		return;
	}
	atomic_store_explicit(
	    &a->env->row->connections, a->clients.n, memory_order_relaxed);
}

static void
set_accepting(struct acceptor_port *p, bool on)
{
	if (p->accepting == on || p->accept_event == NULL)
		return;
	if (on ? event_add(p->accept_event, NULL) != 0 : event_del(p->accept_event) != 0)
		return; /* the tick tries again */
	p->accepting = on;
}

/* Out of descriptors or memory: let the backlog wait until some are free again. */
static void
pause_accepting(struct acceptor *a, int err)
{
	a->again_ms = a->env->now_ms + ACCEPT_PAUSE_MS;
	for (size_t i = 0; i < a->n_ports; i++)
		set_accepting(&a->ports[i], false);
	log_write_limited(&a->limit, 1, a->env->now_ms, LOG_LEVEL_WARN, "accept_paused",
	    "accepting pauses: %s", strerror(err));
}

/* Take up to n waiting connections. Returns false when there are no more. */
static bool
accept_some(struct acceptor *a, struct acceptor_port *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		int fd = accept4(
		    p->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd != -1) {
			take_connection(a, p, fd, (const struct sockaddr *)&ss);
			if (fd < a->last_fd)
				continue;
			/* the lowest free one is given out: the rest is for upstream */
			pause_accepting(a, EMFILE);
			return false;
		}
		switch (errno) {
		case EINTR:
		case ECONNABORTED: continue;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM: pause_accepting(a, errno); return false;
		default: return false; /* EAGAIN: another was faster, or none is left */
		}
	}
	return true;
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct acceptor_port *p = arg;

	(void)fd;
	(void)what;
	env_now(p->acceptor->env);
	(void)accept_some(p->acceptor, p, ACCEPT_BATCH);
}

/* --- listening for slots that have no worker --- */

/* Has the slot been without a worker for a while? */
static bool
is_orphan(struct acceptor *a, uint32_t slot)
{
	const struct scoreboard_row *row =
	    shared_row(a->args->shared->state, a->args->generation, slot);
	uint64_t since = atomic_load_explicit(&row->since_ms, memory_order_relaxed);

	return atomic_load_explicit(&row->phase, memory_order_relaxed) == WORKER_EMPTY &&
	    a->env->now_ms - since > ORPHAN_MS && since <= a->env->now_ms;
}

void
acceptor_choose(struct acceptor *a)
{
	if (a->env->draining || a->again_ms > a->env->now_ms)
		return;
	a->again_ms = 0;
	for (size_t i = 0; i < a->n_ports; i++) {
		struct acceptor_port *p = &a->ports[i];

		set_accepting(p, p->slot == a->args->slot || is_orphan(a, p->slot));
	}
}

void
acceptor_give_up(struct acceptor *a)
{
	if (a->given_up)
		return;
	a->given_up = true;
	for (size_t i = 0; i < a->n_ports; i++) {
		struct acceptor_port *p = &a->ports[i];

		set_accepting(p, false);
		if (p->slot == a->args->slot) {
			while (accept_some(a, p, ACCEPT_BATCH)) {
			}
		}
		event_free(p->accept_event);
		p->accept_event = NULL;
		close(p->fd);
		p->fd = -1;
	}
}

void
acceptor_stop(struct acceptor *a)
{
	for (size_t i = 0; i < a->n_ports; i++)
		set_accepting(&a->ports[i], false);
}

/* --- start and end --- */

static int
open_ports(struct acceptor *a)
{
	const struct worker_args *args = a->args;

	a->ports = calloc(args->n_listeners, sizeof(*a->ports));
	if (a->ports == NULL)
		return -ENOMEM;
	a->n_ports = args->n_listeners;
	for (size_t i = 0; i < a->n_ports; i++) {
		struct acceptor_port *p = &a->ports[i];

		p->acceptor = a;
		p->fd = args->listeners[i].fd;
		p->slot = args->listeners[i].slot;
		p->kind = (struct client_port){ .tls = args->listeners[i].tls,
			.admin_only = args->listeners[i].admin_only,
			.no_admin = args->listeners[i].no_admin };
		wire_tune_tcp(p->fd);
		p->accept_event =
		    event_new(a->env->base, p->fd, EV_READ | EV_PERSIST, on_accept, p);
		if (p->accept_event == NULL)
			return -ENOMEM;
	}
	return 0;
}

/* A share of what holds for all workers together, rounded up. */
static uint64_t
share(uint64_t all, uint32_t workers)
{
	return (all + workers - 1) / workers;
}

/* From which descriptor on no more clients are taken, so that those who are here can
 * still be served: an eighth of what may be open, but no more than RESERVE_MAX, is left. */
static int
last_client_fd(void)
{
	struct rlimit l;
	rlim_t n;

	if (getrlimit(RLIMIT_NOFILE, &l) == -1 || l.rlim_cur > INT_MAX)
		return INT_MAX;
	n = l.rlim_cur / 8 < RESERVE_MAX ? l.rlim_cur / 8 : RESERVE_MAX;
	return (int)(l.rlim_cur - n);
}

int
acceptor_init(struct acceptor *a, struct worker_env *env, const struct worker_args *args)
{
	const struct config *cfg = args->config;
	int r;

	*a = (struct acceptor){ .env = env, .args = args, .last_fd = last_client_fd() };
	a->max_connections = share(cfg->max_connections, cfg->workers);
	a->max_per_address = (uint32_t)share(cfg->max_connections_per_ip, cfg->workers);
	r = ipcount_create((uint32_t)a->max_connections, env->request_seed, &a->addresses);
	return r != 0 ? r : open_ports(a);
}

void
acceptor_fini(struct acceptor *a)
{
	for (size_t i = 0; i < a->n_ports; i++) {
		if (a->ports[i].accept_event != NULL)
			event_free(a->ports[i].accept_event);
	}
	free(a->ports);
	ipcount_destroy(&a->addresses);
}
