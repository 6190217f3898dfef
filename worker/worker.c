/*
 * The worker's loop: listeners, signals, the tick, draining. See worker.h.
 */
#include "worker/worker.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/leave.h"
#include "common/log.h"
#include "common/sandbox.h"
#include "worker/acceptor.h"
#include "worker/account.h"
#include "worker/env.h"
#include "worker/trim.h"
#include "worker/upstream.h"

enum {
	PROBE_MS = 15000,       /* silence after which upstream is tried */
	RELOAD_GRACE_MS = 5000, /* idle connections may still speak once after a reload */
	SECOND_MS = 1000
};

struct worker {
	struct worker_env env;
	const struct worker_args *args;
	struct acceptor acceptor;
	struct trim trim;
	struct event *tick, *sigterm, *sigquit;
	uint64_t second_ms; /* when the last once-a-second work was done */
};

/* --- draining --- */

static void
leave_if_done(struct worker *w)
{
	if (w->env.draining && w->acceptor.clients.n == 0)
		event_base_loopbreak(w->env.base);
}

static void
drain(struct worker *w)
{
	bool for_good = atomic_load_explicit(
			    &w->args->shared->state->draining, memory_order_relaxed) != 0;

	if (!w->env.draining) {
		w->env.draining = true;
		acceptor_stop(&w->acceptor);
		atomic_store_explicit(
		    &w->env.row->since_ms, w->env.now_ms, memory_order_relaxed);
		/* from here on the master says that its successors are alone */
		atomic_store_explicit(
		    &w->env.row->phase, WORKER_DRAINING, memory_order_release);
		upstream_drain(w->env.api);
		upstream_drain(w->env.admin);
	}
	if (for_good)
		acceptor_give_up(&w->acceptor);
	w->env.grace_ms = for_good ? 0 : RELOAD_GRACE_MS;
	client_list_drain(&w->acceptor.clients);
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
	struct client_list *clients = &w->acceptor.clients;

	w->second_ms = w->env.now_ms;
	acceptor_choose(&w->acceptor);
	if (!w->env.draining)
		upstream_probe(w->env.api, PROBE_MS);
	if (trim_is_due(&w->trim, clients->peak, clients->n)) {
		wire_io_flush(&w->env.io); /* nobody waits for the next */
		(void)malloc_trim(0); /* says whether there was anything to give back */
	}
	clients->peak = clients->n;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	env_now_wall(&w->env);
	wheel_advance(&w->env.wheel, w->env.now_ms);
	if (w->env.now_ms - w->second_ms >= SECOND_MS)
		every_second(w);
	leave_if_done(w);
}

/* --- start and end --- */

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
	if ((r = arena_adopt(args->arena)) != 0 || (r = env_init(&w->env)) != 0 ||
	    (r = upstream_create(&w->env, cfg->upstream.unix_path, true, &w->env.api)) !=
		0 ||
	    (r = upstream_create(&w->env, args->admin_socket, false, &w->env.admin)) != 0 ||
	    (r = accounts_create(args->arena, args->shared, &w->env.accounts)) != 0 ||
	    (r = acceptor_init(&w->acceptor, &w->env, args)) != 0)
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
	client_list_close(&w->acceptor.clients);
	upstream_destroy(&w->env.api);
	upstream_destroy(&w->env.admin);
	acceptor_fini(&w->acceptor);
	free_event(w->tick);
	free_event(w->sigterm);
	free_event(w->sigquit);
	env_fini(&w->env);
	accounts_destroy(&w->env.accounts);
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

/* Turn by turn, and at the end of each what has been put off goes out. Returns false if the
 * loop fails. */
static bool
run_loop(struct worker *w)
{
	int r;

	do {
		r = event_base_loop(w->env.base, EVLOOP_ONCE);
		wire_io_flush(&w->env.io);
	} while (r == 0 && !event_base_got_break(w->env.base));
	return r == 0;
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
	tzset(); /* or the first look at the clock would read a file */
	r = sandbox_enter(SANDBOX_WORKER, &w->env.row->refused_call);
	if (r != 0) {
		log_error("worker_start", "the filter of system calls can't be set: %s",
		    err_text(r));
		goto out;
	}
	atomic_store_explicit(&w->env.row->since_ms, w->env.now_ms, memory_order_relaxed);
	atomic_store_explicit(&w->env.row->phase, WORKER_READY, memory_order_release);
	if (run_loop(w))
		status = EXIT_SUCCESS;
out:
	leave_block_signals();
	if (w != NULL)
		worker_fini(w);
	free(w);
	return status;
}
