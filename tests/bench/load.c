/*
 * The load of the benchmarks: clients on one epoll loop, cheap enough to share a core with
 * the upstream. It measures from when all clients have had their first answer (or event)
 * and a warm-up has passed, and prints one line of JSON (load_count.h).
 *
 *   build/release/bench/load --port N --connections N --target PATH --content-type TYPE
 *       --body FILE --keys FILE [--pid N]... [--plain] [--fresh [--resume]] [--rate N]
 *       [--events] [--warm S] [--seconds S] | [--stay]
 *
 * --stay: prints a first line when all have had their first answer, and keeps all open
 * until stdin ends.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/load_client.h"

enum { EVENTS = 256, OPENING_MAX = 32, ERRORS_MAX = 1000 };

static const uint64_t ns_s = 1000 * 1000 * 1000;

/* A client and what the loop knows of it. */
struct seat {
	struct load_client client;
	int fd; /* that epoll knows, -1: none */
	bool wants_out;
	bool opened, is_free;
};

struct load {
	struct load_options options;
	struct load_count count;
	struct load_shared shared;
	int epoll;
	unsigned n_started, n_opened;
	struct seat *seat;
	struct seat **free; /* --rate: a stack of those that wait for a request */
	unsigned n_free;
	uint64_t due_ns; /* --rate: the next request */
	uint64_t opened_ns;
	bool measuring, done;
};

static void
die(const char *what, int r)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(r));
	exit(1);
}

/* Tell epoll what the connection waits for. */
static void
watch(struct load *l, struct seat *s)
{
	const struct load_conn *conn = &s->client.conn;
	struct epoll_event e = { .events = EPOLLIN | (conn->wants_out ? EPOLLOUT : 0U),
		.data.ptr = s };
	const bool is_new = s->fd == -1;

	if (conn->fd == -1 || (!is_new && s->wants_out == conn->wants_out))
		return;
	s->fd = conn->fd;
	s->wants_out = conn->wants_out;
	if (epoll_ctl(l->epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, s->fd, &e) == -1)
		die("epoll_ctl", errno);
}

/* Begin a request, and go on with it until it has to wait. */
static void
begin(struct seat *s, uint64_t due_ns)
{
	int r;

	if (s->client.state == LOAD_CLIENT_CLOSED)
		s->fd = -1; /* closing took it from epoll */
	if ((r = load_client_begin(&s->client, due_ns)) != 0)
		die("connect", -r);
	load_client_pump(&s->client);
}

static bool
is_over(const struct seat *s)
{
	return s->client.state == LOAD_CLIENT_IDLE ||
	    s->client.state == LOAD_CLIENT_CLOSED;
}

/* The client can't go on by itself: what now? */
static void
settle(struct load *l, struct seat *s)
{
	if (!s->opened && s->client.served) {
		s->opened = true;
		l->n_opened++;
	}
	if (l->count.errors > ERRORS_MAX || (l->options.stay && l->count.errors > 0))
		die("too many requests fail", EIO);
	while (is_over(s) && !l->options.stay && l->options.rate == 0) {
		begin(s, load_now_ns());
	}
	if (is_over(s) && !s->is_free && l->options.rate > 0) {
		s->is_free = true;
		l->free[l->n_free++] = s;
	}
	watch(l, s);
}

/* Open further clients, a few at a time. */
static void
open_more(struct load *l)
{
	while (l->n_started < l->options.connections &&
	    l->n_started - l->n_opened < OPENING_MAX) {
		struct seat *s = &l->seat[l->n_started++];

		begin(s, load_now_ns());
		settle(l, s);
	}
}

/* Begin what is due. Lateness counts: each was begun when it was due. */
static void
begin_due(struct load *l, uint64_t now)
{
	while (l->due_ns <= now && l->n_free > 0) {
		struct seat *s = l->free[--l->n_free];

		s->is_free = false;
		begin(s, l->due_ns);
		settle(l, s);
		l->due_ns += ns_s / l->options.rate;
	}
}

static void
say_open(struct load *l)
{
	struct epoll_event input = { .events = EPOLLIN };

	load_count_end(&l->count);
	if (load_count_print(&l->count) != 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) == -1)
		die("stdin or stdout", errno);
}

/* Where are we: opening, warming up, measuring, over? Returns when to look again. */
static uint64_t
advance(struct load *l, uint64_t now)
{
	const uint64_t warm_ns = (uint64_t)(l->options.warm_s * 1e9);
	const uint64_t measure_ns = (uint64_t)(l->options.measure_s * 1e9);

	open_more(l);
	if (l->n_opened < l->options.connections)
		return now + ns_s;
	if (l->opened_ns == 0) {
		l->opened_ns = l->due_ns = now;
		if (l->options.stay)
			say_open(l);
	}
	if (l->options.stay)
		return now + ns_s;
	if (!l->measuring && now >= l->opened_ns + warm_ns) {
		l->measuring = true;
		load_count_begin(&l->count);
	}
	if (l->measuring && now >= l->count.began_ns + measure_ns) {
		load_count_end(&l->count);
		l->done = true;
	}
	if (l->options.rate > 0)
		begin_due(l, now);
	return l->measuring ? l->count.began_ns + measure_ns : l->opened_ns + warm_ns;
}

static void
wait_and_serve(struct load *l, uint64_t until_ns)
{
	struct epoll_event events[EVENTS];
	const uint64_t now = load_now_ns();
	struct timespec wait = { 0 };
	int n;

	if (l->options.rate > 0 && l->n_free > 0 && l->due_ns < until_ns)
		until_ns = l->due_ns;
	if (until_ns > now) {
		wait.tv_sec = (time_t)((until_ns - now) / ns_s);
		wait.tv_nsec = (long)((until_ns - now) % ns_s);
	}
	n = epoll_pwait2(l->epoll, events, EVENTS, &wait, NULL);
	if (n == -1 && errno != EINTR)
		die("epoll_pwait2", errno);
	for (int i = 0; i < n; i++) {
		struct seat *s = events[i].data.ptr;

		if (s == NULL) { /* stdin: --stay is over */
			l->done = true;
			continue;
		}
		load_client_pump(&s->client);
		settle(l, s);
	}
}

static void
prepare(struct load *l)
{
	const unsigned n = l->options.connections;
	struct rlimit files;
	int r;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &files) == -1)
			die("RLIMIT_NOFILE", errno);
	}
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || load_count_init(&l->count) != 0 ||
	    (l->seat = calloc(n, sizeof(*l->seat))) == NULL ||
	    (l->free = calloc(n, sizeof(struct seat *))) == NULL ||
	    (!l->options.plain && (l->shared.context = load_conn_context()) == NULL) ||
	    (l->epoll = epoll_create1(EPOLL_CLOEXEC)) == -1)
		die("preparing", errno);
	l->shared.options = &l->options;
	l->shared.count = &l->count;
	l->count.n_pids = l->options.n_pids;
	memcpy(l->count.pid, l->options.pid, sizeof(l->count.pid));
	for (unsigned i = 0; i < n; i++) {
		l->seat[i].fd = -1;
		if ((r = load_client_init(&l->seat[i].client, &l->shared)) != 0)
			die("request", -r);
	}
}

int
main(int argc, char **argv)
{
	static struct load l;
	int r = 0;

	load_options_parse(&l.options, argc, argv);
	prepare(&l);
	load_count_begin(&l.count);
	while (!l.done)
		wait_and_serve(&l, advance(&l, load_now_ns()));
	r = load_count_print(&l.count);
	for (unsigned i = 0; i < l.options.connections; i++)
		load_client_fini(&l.seat[i].client);
	SSL_CTX_free(l.shared.context);
	load_count_fini(&l.count);
	free(l.free);
	free(l.seat);
	return r == 0 ? 0 : 1;
}
