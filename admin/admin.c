/*
 * Puts the admin process together: one libevent loop with the HTTP server on the
 * admin socket, the one on METRICS_LISTEN and the resolver. It holds no policy of its
 * own; whoever answers a path stands in the tables below.
 */
#include "admin/admin.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <event2/event.h>

#include "admin/acme.h"
#include "admin/flush.h"
#include "admin/http.h"
#include "admin/metrics.h"
#include "admin/procstat.h"
#include "admin/resolve.h"
#include "admin/room.h"
#include "admin/state_api.h"
#include "admin/usage_api.h"
#include "admin/zone.h"
#include "common/clock.h"
#include "common/leave.h"
#include "common/log.h"
#include "common/sandbox.h"

enum { ADMIN_MAGIC = 0x61646d69, ADMIN_UIDS = 3, ADMIN_LINES = 5 };

struct admin {
	uint32_t magic;
	const struct admin_args *args;
	struct event_base *base;
	struct event *sigterm;
	struct event *sigquit;
	struct http_server *http;
	struct http_server *metrics_http;
	struct resolve *resolve;
	struct flush *flush;
	struct metrics metrics;
	struct room *room;
	uid_t uids[ADMIN_UIDS]; /* who may speak to the admin socket */
	size_t n_uids;
	struct log_limit acme_faults;
	bool given_up; /* the ledger can't be gone on with: leave, and be started anew */
};

/* For arguments that came through a void pointer. */
static struct admin *
admin_of(void *arg)
{
	struct admin *a = arg;

	if (a->magic != ADMIN_MAGIC)
		abort();
	return a;
}

static void
handle_admin(struct http_request *rq, void *arg)
{
	room_handle(rq, admin_of(arg)->room);
}

/* What the world may know: there is such a file, or there is none. */
static void
acme_reply_fault(struct http_request *rq, struct admin *a, int r)
{
	if (r != ERR_SYNTAX && r != -ENOENT)
		log_write_limited(&a->acme_faults, ADMIN_LINES, clock_mono_ms(),
		    LOG_LEVEL_WARN, "acme",
		    "a file under ACME_WEBROOT can't be served: %s", err_text(r));
	http_reply_error(rq, 404, "not_found", "There is no such challenge.");
}

static void
handle_acme(struct http_request *rq, void *arg)
{
	struct admin *a = admin_of(arg);
	const char *webroot = a->args->config->acme_webroot;
	const size_t prefix = sizeof(ACME_PREFIX) - 1;
	struct span token = { rq->path.p + prefix, rq->path.n - prefix };
	struct evbuffer *body = evbuffer_new();
	int r = -ENOENT;

	if (body == NULL)
		r = -ENOMEM;
	else if (webroot != NULL)
		r = acme_read(webroot, token, body);
	if (r == 0)
		http_reply(rq, 200, "application/octet-stream", body);
	else
		acme_reply_fault(rq, a, r);
	if (body != NULL)
		evbuffer_free(body);
}

static void
handle_internal(struct http_request *rq, void *arg)
{
	struct admin *a = admin_of(arg);

	if (span_eq(rq->path, SPAN(STATE_API_PATH)))
		state_api_handle(rq, a->args->shared->state);
	else
		usage_api_handle(rq, a->flush, a->args->config->data_dir);
}

static void
handle_metrics(struct http_request *rq, void *arg)
{
	metrics_handle(rq, &admin_of(arg)->metrics);
}

enum {
	ANY_METHOD = EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
	    EVHTTP_REQ_PATCH | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS
};

/* clang-format off */
static const struct http_route admin_routes[] = {
	{ EVHTTP_REQ_GET, ACME_PREFIX, handle_acme },
	{ ANY_METHOD, "/admin", handle_admin },
	{ ANY_METHOD, "/admin/", handle_admin },
	{ ANY_METHOD, USAGE_API_PREFIX, handle_internal },
};

static const struct http_route metrics_routes[] = {
	{ EVHTTP_REQ_GET, "/metrics", handle_metrics },
};
/* clang-format on */

/* libevent's texts may quote what a peer sent: only how bad it is gets through. */
static void
on_libevent_log(int severity, const char *text)
{
	(void)text;
	if (severity >= EVENT_LOG_ERR)
		log_error("libevent", "libevent reports an error");
	else if (severity == EVENT_LOG_WARN)
		log_warn("libevent", "libevent reports a fault");
}

static void
on_leave(evutil_socket_t signo, short what, void *arg)
{
	struct admin *a = admin_of(arg);

	(void)what;
	log_info("admin_stop", "admin leaves on signal %d", (int)signo);
	event_base_loopbreak(a->base);
}

/*
 * SIGTERM and SIGQUIT end the loop, the master's death sends the first; the others
 * are the master's business. What it had blocked over the fork is opened again.
 */
static int
init_signals(struct admin *a)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGPIPE };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++) {
		if (signal(ignored[i], SIG_IGN) == SIG_ERR)
			return -errno;
	}
	a->sigterm = evsignal_new(a->base, SIGTERM, on_leave, a);
	a->sigquit = evsignal_new(a->base, SIGQUIT, on_leave, a);
	if (a->sigterm == NULL || a->sigquit == NULL ||
	    evsignal_add(a->sigterm, NULL) != 0 || evsignal_add(a->sigquit, NULL) != 0)
		return -ENOMEM;
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL) == -1 ||
	    prctl(PR_SET_PDEATHSIG, SIGTERM) == -1)
		return -errno;
	return 0;
}

/* A master that is not root runs its workers as itself. */
static bool
workers_have_own_user(const struct admin *a)
{
	uid_t uid;

	return procstat_uid(a->args->master_pid, &uid) != 0 || uid == 0;
}

static void
init_uids(struct admin *a)
{
	const struct passwd *pw = NULL;

	a->uids[a->n_uids++] = 0;
	a->uids[a->n_uids++] = geteuid();
	if (!workers_have_own_user(a))
		return;
	if (a->args->config->worker_user != NULL)
		pw = getpwnam(a->args->config->worker_user);
	if (pw == NULL)
		pw = getpwnam("nobody"); /* as the master does (CONTRACT: WORKER_USER) */
	if (pw != NULL)
		a->uids[a->n_uids++] = pw->pw_uid;
}

static int
init_room(struct admin *a)
{
	const struct room_options o = {
		.config = a->args->config,
		.shared = a->args->shared,
		.flush = a->flush,
		.metrics = &a->metrics,
		.master_pid = a->args->master_pid,
		.reload_fd = a->args->reload_fd,
	};

	return room_create(a->base, &o, &a->room);
}

static int
init_http(struct admin *a)
{
	const struct http_options o = {
		.routes = admin_routes,
		.n_routes = sizeof(admin_routes) / sizeof(*admin_routes),
		.arg = a,
		.uids = a->uids,
		.n_uids = a->n_uids,
	};
	int r = http_server_create(a->base, &o, &a->http);

	return r != 0 ? r : http_server_listen(a->http, a->args->socket_fd);
}

static int
init_metrics(struct admin *a)
{
	const struct http_options o = {
		.routes = metrics_routes,
		.n_routes = sizeof(metrics_routes) / sizeof(*metrics_routes),
		.arg = a,
	};
	int r;

	a->metrics = (struct metrics){ .config = a->args->config,
		.shared = a->args->shared,
		.master_pid = a->args->master_pid,
		.flush = a->flush };
	if ((r = procstat_boot(&a->metrics.boot_s)) != 0)
		log_warn("metrics", "the time of the boot is not known: %s", err_text(r));
	if (a->args->n_metrics_fds == 0)
		return 0;
	r = http_server_create(a->base, &o, &a->metrics_http);
	for (size_t i = 0; r == 0 && i < a->args->n_metrics_fds; i++)
		r = http_server_listen(a->metrics_http, a->args->metrics_fds[i]);
	return r;
}

static int
init_resolve(struct admin *a)
{
	const struct resolve_options o = {
		.host = a->args->config->upstream.host,
		.interval_ms = RESOLVE_INTERVAL_MS,
		.retry_ms = RESOLVE_RETRY_MS,
		.lookup = resolve_lookup,
	};

	if (a->args->config->upstream.scheme == UPSTREAM_UNIX)
		return 0;
	return resolve_create(a->base, a->args->shared->state, &o, &a->resolve);
}

static void
on_give_up(void *arg)
{
	struct admin *a = admin_of(arg);

	a->given_up = true;
	event_base_loopbreak(a->base);
}

static int
init_flush(struct admin *a)
{
	const struct flush_options o = {
		.config = a->args->config,
		.min_free_bytes = LEDGER_MIN_FREE,
		.retry_ms = FLUSH_RETRY_MS,
		.give_up = on_give_up,
		.arg = a,
	};

	return flush_create(a->base, &o, &a->flush);
}

static int
admin_init(struct admin *a)
{
	int r;

	a->base = event_base_new();
	if (a->base == NULL)
		return -ENOMEM;
	if ((r = zone_use("UTC")) != 0) /* while there is no other thread */
		return r;
	if ((r = init_signals(a)) != 0)
		return r;
	init_uids(a);
	if ((r = init_resolve(a)) != 0 || (r = init_flush(a)) != 0 ||
	    (r = init_room(a)) != 0 || (r = init_http(a)) != 0 ||
	    (r = init_metrics(a)) != 0)
		return r;
	r = sandbox_enter(SANDBOX_ADMIN, &a->args->shared->state->admin_refused_call);
	if (r != 0)
		return r;
	/* Requests may wait for upstream's name, and not for as long as a large ledger takes. */
	if (a->resolve != NULL)
		resolve_first(a->resolve, RESOLVE_FIRST_MS);
	flush_begin(a->flush);
	return 0;
}

static void
admin_fini(struct admin *a)
{
	resolve_destroy(&a->resolve);
	http_server_destroy(&a->metrics_http);
	http_server_destroy(&a->http);
	room_destroy(&a->room);
	flush_destroy(&a->flush);
	if (a->sigterm != NULL)
		event_free(a->sigterm);
	if (a->sigquit != NULL)
		event_free(a->sigquit);
	if (a->base != NULL)
		event_base_free(a->base);
	a->magic = 0;
}

int
admin_main(const struct admin_args *args)
{
	struct admin a = { .magic = ADMIN_MAGIC, .args = args };
	int r;

	log_init("admin", args->config->log_level, args->config->log_format);
	event_set_log_callback(on_libevent_log);
	r = admin_init(&a);
	if (r != 0) {
		log_error("admin_start", "admin can't start: %s", err_text(r));
	} else if (getppid() ==
	    args->master_pid) { /* else: died before the signal was set */
		log_info("admin_start", "admin serves");
		if (!a.given_up && event_base_dispatch(a.base) != 0)
			r = -EIO;
	}
	if (a.given_up)
		r = -EIO;
	leave_block_signals();
	admin_fini(&a);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
