/*
 * The worker's loop: listeners, signals, the tick, draining. See worker.h.
 */
#include "worker/worker.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/account.h"
#include "worker/client.h"
#include "worker/env.h"
#include "worker/exchange.h"
#include "worker/ipcount.h"
#include "worker/peer.h"
#include "worker/upstream.h"

enum {
	ACCEPT_BATCH = 32, /* connections taken per wake-up, so that others get a turn */
	ORPHAN_MS = 1000,  /* a slot empty this long is served by its neighbours */
	ACCEPT_PAUSE_MS = 500,  /* after running out of descriptors */
	RESERVE_MAX = 256,      /* descriptors kept for connections to upstream */
	PROBE_MS = 15000,       /* silence after which upstream is tried */
	RELOAD_GRACE_MS = 5000, /* idle connections may still speak once after a reload */
	SECOND_MS = 1000
};

struct worker;

struct port {
	struct worker *worker;
	struct event *accept_event;
	struct client_port kind;
	uint32_t slot;
	int fd;
	bool accepting;
};

struct worker {
	struct worker_env env;
	const struct worker_args *args;
	struct port *ports;
	size_t n_ports;
	struct client_list clients;
	struct ipcount *addresses;
	size_t max_connections; /* this worker's share */
	uint32_t max_per_address;
	int last_fd; /* a client's descriptor at or over it: few are left */
	struct event *tick, *sigterm, *sigquit;
	uint64_t second_ms;       /* when the last once-a-second work was done */
	uint64_t accept_again_ms; /* not 0: accepting is paused */
	struct log_limit accept_limit;
	bool sockets_given_up;
};

/* --- accepting --- */

static void
on_client_closed(void *arg, const struct addr *addr)
{
	struct worker *w = arg;

	ipcount_remove(w->addresses, addr);
	atomic_store_explicit(
	    &w->env.row->connections, w->clients.n, memory_order_relaxed);
}

/* Is there room for one more of this address? Counts it if so. */
static bool
may_connect(struct worker *w, const struct addr *addr)
{
	uint32_t n;

	if (w->clients.n >= w->max_connections)
		return false;
	n = ipcount_add(w->addresses, addr);
	if (n == 0)
		return false;
	if (n > w->max_per_address && !peer_is_proxy(w->env.cfg, addr)) {
		ipcount_remove(w->addresses, addr);
		return false;
	}
	return true;
}

static void
take_connection(struct worker *w, const struct port *p, int fd, const struct sockaddr *sa)
{
	struct addr addr;

	addr_from_sockaddr(sa, &addr);
	if (!may_connect(w, &addr)) {
		close(fd);
		log_write_limited(&w->accept_limit, 1, w->env.now_ms, LOG_LEVEL_WARN,
		    "connection_refused",
		    "too many connections, in all or of one address");
		return;
	}
	if (client_open(&w->env, &w->clients, &p->kind, &exchange_client_ops, fd, &addr,
		on_client_closed, w) != 0) {
		ipcount_remove(w->addresses, &addr);
		log_write_limited(&w->accept_limit, 1, w->env.now_ms, LOG_LEVEL_ERROR,
		    "connection_refused", "no memory for a connection");
		return;
	}
	atomic_store_explicit(
	    &w->env.row->connections, w->clients.n, memory_order_relaxed);
}

static void
set_accepting(struct port *p, bool on)
{
	if (p->accepting == on || p->accept_event == NULL)
		return;
	if (on ? event_add(p->accept_event, NULL) != 0 : event_del(p->accept_event) != 0)
		return; /* the tick tries again */
	p->accepting = on;
}

/* Out of descriptors or memory: let the backlog wait until some are free again. */
static void
pause_accepting(struct worker *w, int err)
{
	w->accept_again_ms = w->env.now_ms + ACCEPT_PAUSE_MS;
	for (size_t i = 0; i < w->n_ports; i++)
		set_accepting(&w->ports[i], false);
	log_write_limited(&w->accept_limit, 1, w->env.now_ms, LOG_LEVEL_WARN,
	    "accept_paused", "accepting pauses: %s", strerror(err));
}

/* Take up to n waiting connections. Returns false when there are no more. */
static bool
accept_some(struct worker *w, struct port *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		int fd = accept4(
		    p->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd != -1) {
			take_connection(w, p, fd, (const struct sockaddr *)&ss);
			if (fd < w->last_fd)
				continue;
			/* the lowest free one is given out: the rest is for upstream */
			pause_accepting(w, EMFILE);
			return false;
		}
		switch (errno) {
		case EINTR:
		case ECONNABORTED: continue;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM: pause_accepting(w, errno); return false;
		default: return false; /* EAGAIN: another was faster, or none is left */
		}
	}
	return true;
}

static void
on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct port *p = arg;

	(void)fd;
	(void)what;
	env_now(&p->worker->env);
	(void)accept_some(p->worker, p, ACCEPT_BATCH);
}

/* --- listening for slots that have no worker --- */

/* Has the slot been without a worker for a while? */
static bool
is_orphan(struct worker *w, uint32_t slot)
{
	const struct scoreboard_row *row =
	    shared_row(w->args->shared->state, w->args->generation, slot);
	uint64_t since = atomic_load_explicit(&row->since_ms, memory_order_relaxed);

	return atomic_load_explicit(&row->phase, memory_order_relaxed) == WORKER_EMPTY &&
	    w->env.now_ms - since > ORPHAN_MS && since <= w->env.now_ms;
}

/* Accept on our own sockets, and on those whose worker is missing. */
static void
choose_sockets(struct worker *w)
{
	if (w->env.draining || w->accept_again_ms > w->env.now_ms)
		return;
	w->accept_again_ms = 0;
	for (size_t i = 0; i < w->n_ports; i++) {
		struct port *p = &w->ports[i];

		set_accepting(p, p->slot == w->args->slot || is_orphan(w, p->slot));
	}
}

/* --- draining --- */

/* No successor: take who is in the queue already, then close the sockets. */
static void
give_up_sockets(struct worker *w)
{
	if (w->sockets_given_up)
		return;
	w->sockets_given_up = true;
	for (size_t i = 0; i < w->n_ports; i++) {
		struct port *p = &w->ports[i];

		set_accepting(p, false);
		if (p->slot == w->args->slot) {
			while (accept_some(w, p, ACCEPT_BATCH)) {
			}
		}
		event_free(p->accept_event);
		p->accept_event = NULL;
		close(p->fd);
		p->fd = -1;
	}
}

static void
leave_if_done(struct worker *w)
{
	if (w->env.draining && w->clients.n == 0)
		event_base_loopbreak(w->env.base);
}

static void
drain(struct worker *w)
{
	bool for_good = atomic_load_explicit(
			    &w->args->shared->state->draining, memory_order_relaxed) != 0;

	if (!w->env.draining) {
		w->env.draining = true;
		atomic_store_explicit(
		    &w->env.row->since_ms, w->env.now_ms, memory_order_relaxed);
		atomic_store_explicit(
		    &w->env.row->phase, WORKER_DRAINING, memory_order_release);
		for (size_t i = 0; i < w->n_ports; i++)
			set_accepting(&w->ports[i], false);
		upstream_drain(w->env.api);
		upstream_drain(w->env.admin);
	}
	if (for_good)
		give_up_sockets(w);
	client_list_drain(&w->clients, for_good ? 0 : RELOAD_GRACE_MS);
	leave_if_done(w);
}

static void
on_sigterm(evutil_socket_t sig, short what, void *arg)
{
	struct worker *w = arg;

	(void)sig;
	(void)what;
	env_now(&w->env);
	drain(w);
}

static void
on_sigquit(evutil_socket_t sig, short what, void *arg)
{
	struct worker *w = arg;

	(void)sig;
	(void)what;
	event_base_loopbreak(w->env.base);
}

/* --- the tick --- */

static void
every_second(struct worker *w)
{
	w->second_ms = w->env.now_ms;
	choose_sockets(w);
	if (!w->env.draining)
		upstream_probe(w->env.api, PROBE_MS);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	env_now(&w->env);
	wheel_advance(&w->env.wheel, w->env.now_ms);
	if (w->env.now_ms - w->second_ms >= SECOND_MS)
		every_second(w);
	leave_if_done(w);
}

/* --- start and end --- */

static int
open_ports(struct worker *w)
{
	const struct worker_args *a = w->args;

	w->ports = calloc(a->n_listeners, sizeof(*w->ports));
	if (w->ports == NULL)
		return -ENOMEM;
	w->n_ports = a->n_listeners;
	for (size_t i = 0; i < w->n_ports; i++) {
		struct port *p = &w->ports[i];

		p->worker = w;
		p->fd = a->listeners[i].fd;
		p->slot = a->listeners[i].slot;
		p->kind = (struct client_port){ .tls = a->listeners[i].tls,
			.admin_only = a->listeners[i].admin_only,
			.no_admin = a->listeners[i].no_admin };
		wire_tune_tcp(p->fd);
		p->accept_event =
		    event_new(w->env.base, p->fd, EV_READ | EV_PERSIST, on_accept, p);
		if (p->accept_event == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int
open_timers(struct worker *w)
{
	const struct timeval period = { .tv_usec = WHEEL_TICK_MS * 1000 };

	w->tick = event_new(w->env.base, -1, EV_PERSIST, on_tick, w);
	w->sigterm = evsignal_new(w->env.base, SIGTERM, on_sigterm, w);
	w->sigquit = evsignal_new(w->env.base, SIGQUIT, on_sigquit, w);
	if (w->tick == NULL || w->sigterm == NULL || w->sigquit == NULL ||
	    event_add(w->tick, &period) != 0 || event_add(w->sigterm, NULL) != 0 ||
	    event_add(w->sigquit, NULL) != 0)
		return -ENOMEM;
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

static int
worker_init(struct worker *w, const struct worker_args *args)
{
	const struct config *cfg = args->config;
	int r;

	w->args = args;
	w->env.cfg = cfg;
	w->env.shared = args->shared;
	w->env.tls = args->tls;
	w->env.upstream_tls = args->upstream_tls;
	w->env.row = shared_row(args->shared->state, args->generation, args->slot);
	w->last_fd = last_client_fd();
	w->max_connections = share(cfg->max_connections, cfg->workers);
	w->max_per_address = (uint32_t)share(cfg->max_connections_per_ip, cfg->workers);
	if ((r = arena_adopt(args->arena)) != 0 || (r = env_init(&w->env)) != 0 ||
	    (r = upstream_create(&w->env, cfg->upstream.unix_path, true, &w->env.api)) !=
		0 ||
	    (r = upstream_create(&w->env, args->admin_socket, false, &w->env.admin)) != 0 ||
	    (r = ipcount_create((uint32_t)w->max_connections, w->env.request_seed,
		 &w->addresses)) != 0 ||
	    (r = accounts_create(args->arena, args->shared, &w->env.accounts)) != 0 ||
	    (r = open_ports(w)) != 0)
		return r;
	return open_timers(w);
}

static void
free_event(struct event *e)
{
	if (e != NULL)
		event_free(e);
}

static void
worker_fini(struct worker *w)
{
	client_list_close(&w->clients);
	upstream_destroy(&w->env.api);
	upstream_destroy(&w->env.admin);
	for (size_t i = 0; i < w->n_ports; i++)
		free_event(w->ports[i].accept_event);
	free(w->ports);
	free_event(w->tick);
	free_event(w->sigterm);
	free_event(w->sigquit);
	env_fini(&w->env);
	accounts_destroy(&w->env.accounts);
	ipcount_destroy(&w->addresses);
}

static void
ignore_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGPIPE, SIGUSR1, SIGUSR2 };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		(void)signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

int
worker_main(const struct worker_args *args)
{
	struct worker *w = calloc(1, sizeof(*w));
	int status = EXIT_FAILURE;
	int r = -ENOMEM;

	if (w != NULL)
		r = worker_init(w, args);
	if (r != 0) {
		log_error("worker_start", "the worker can't start: %s", err_text(r));
		goto out;
	}
	ignore_signals(); /* SIGTERM and SIGQUIT have their handlers by now */
	every_second(w);
	atomic_store_explicit(&w->env.row->since_ms, w->env.now_ms, memory_order_relaxed);
	atomic_store_explicit(&w->env.row->phase, WORKER_READY, memory_order_release);
	if (event_base_dispatch(w->env.base) == 0)
		status = EXIT_SUCCESS;
out:
	if (w != NULL)
		worker_fini(w);
	free(w);
	return status;
}
