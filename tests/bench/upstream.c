/*
 * The upstream of the benchmarks: the cheapest server that says what a model would, so
 * that the core it shares with the load has time left. HTTP/1.1 on a loopback port, one
 * epoll loop, no TLS; it trusts the gateways in front of it to frame their requests well.
 *
 *   build/release/bench/upstream     prints its port, runs until its stdin ends
 *
 * The query says what the answer is; without one it is a small chat answer:
 *   ?pace_ms=20&content=24   an event now and each 20 ms, until the client leaves
 *   ?mib=8&content=24        some 8 MiB of events, as fast as they are taken
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/upstream_listen.h"
#include "tests/bench/upstream_request.h"
#include "tests/bench/upstream_text.h"

enum {
	HEAD_MAX = 8192,
	SCRATCH = 256 * 1024,
	EVENTS = 256,
	BLOCKS_A_TURN = 8,
	LOW_WATER = 128 * 1024
};

static const uint64_t ns_ms = 1000 * 1000;

/* A connection of a gateway. */
struct conn {
	int fd;
	bool wants_out; /* EPOLLOUT is on */
	size_t n_head;
	char head[HEAD_MAX + 1];
	bool in_body;
	uint64_t body_left; /* of the request */
	int low_water;      /* SO_RCVLOWAT */
	struct span out;    /* what is still to be sent */
	uint64_t blocks;    /* of an unpaced stream, still to come behind out */
	bool endless_over;  /* the end of the stream has been put into out */
	struct upstream_request request;
	uint64_t due_ns;          /* of the next event */
	struct conn *prev, *next; /* by due_ns */
};

struct upstream {
	int epoll;
	int listener;
	struct conn paced; /* the list's ends */
	size_t block_content;
	size_t block_n;
	char *block;
	char scratch[SCRATCH];
};

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 * ns_ms + (uint64_t)t.tv_nsec;
}

static void
pace_remove(struct conn *c)
{
	if (c->next == NULL)
		return;
	c->prev->next = c->next;
	c->next->prev = c->prev;
	c->next = c->prev = NULL;
}

/* Nearly always behind the last one, for most streams have one pace. */
static void
pace_insert(struct upstream *u, struct conn *c)
{
	struct conn *before = u->paced.prev;

	while (before != &u->paced && before->due_ns > c->due_ns)
		before = before->prev;
	c->prev = before;
	c->next = before->next;
	before->next->prev = c;
	before->next = c;
}

static void
conn_close(struct conn *c)
{
	pace_remove(c);
	(void)close(c->fd);
	free(c);
}

static void
want_out(struct upstream *u, struct conn *c, bool on)
{
	struct epoll_event e = { .events = EPOLLIN | (on ? EPOLLOUT : 0U), .data.ptr = c };

	if (c->wants_out == on)
		return;
	c->wants_out = on;
	if (epoll_ctl(u->epoll, EPOLL_CTL_MOD, c->fd, &e) == -1)
		die("epoll_ctl");
}

/* More of an unpaced stream. Returns false at its end. */
static bool
refill(struct upstream *u, struct conn *c)
{
	if (c->blocks > 0) {
		c->blocks--;
		c->out = (struct span){ u->block, u->block_n };
	} else if (!c->endless_over) {
		c->endless_over = true;
		c->out = upstream_stream_end;
	}
	return c->out.n > 0;
}

/* Send what there is. Returns 0, or -1: the connection is of no more use. */
static int
flush(struct upstream *u, struct conn *c)
{
	for (int turn = 0; turn < BLOCKS_A_TURN && (c->out.n > 0 || refill(u, c)); turn++) {
		const ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);

		if (n == -1 && errno != EAGAIN)
			return -1;
		if (n > 0)
			c->out = (struct span){ c->out.p + n, c->out.n - (size_t)n };
		if (c->out.n > 0)
			break;
	}
	want_out(u, c, c->out.n > 0 || c->blocks > 0 || !c->endless_over);
	return 0;
}

/* Send the event that is due. A paced stream whose client reads nothing is given up. */
static int
send_event(struct upstream *u, struct conn *c)
{
	char event[UPSTREAM_EVENT_MAX];
	const size_t n = upstream_event_format(event, c->request.content, now_ns());

	if (n == 0 || send(c->fd, event, n, MSG_NOSIGNAL) != (ssize_t)n)
		return -1;
	c->due_ns += c->request.pace_ms * ns_ms;
	pace_insert(u, c);
	return 0;
}

/* Streams that begin together go on apart, evenly spread over the pace. */
static int
start_paced(struct upstream *u, struct conn *c)
{
	static uint64_t n_started;
	const uint64_t spread = (n_started++ * 7919) % 1000;

	c->due_ns = now_ns() + c->request.pace_ms * ns_ms * spread / 1000;
	if (send(c->fd, upstream_stream_head.p, upstream_stream_head.n, MSG_NOSIGNAL) == -1)
		return -1;
	return send_event(u, c);
}

static int
start_unpaced(struct upstream *u, struct conn *c)
{
	if (u->block == NULL || u->block_content != c->request.content) {
		free(u->block); /* no other content is asked for at the same time */
		u->block = NULL;
		u->block_content = c->request.content;
		if ((u->block_n = upstream_block_create(c->request.content, &u->block)) ==
		    0)
			return -1;
	}
	c->blocks = c->request.mib * 1024 * 1024 / u->block_n;
	c->endless_over = false;
	c->out = upstream_stream_head;
	return flush(u, c);
}

/* The request has come whole. */
static int
answer(struct upstream *u, struct conn *c)
{
	c->in_body = false;
	c->n_head = 0;
	if (c->request.pace_ms > 0)
		return start_paced(u, c);
	if (c->request.mib > 0)
		return start_unpaced(u, c);
	c->out = upstream_chat;
	return flush(u, c);
}

/* The head may be whole. Returns 0, or -1: it is none. */
static int
take_head(struct upstream *u, struct conn *c)
{
	uint64_t rest;
	long n;

	c->head[c->n_head] = '\0';
	if ((n = upstream_request_parse(c->head, &c->request)) == 0)
		return c->n_head == HEAD_MAX ? -1 : 0;
	rest = c->n_head - (uint64_t)n;
	if (n < 0 || rest > c->request.body_bytes)
		return -1; /* the latter is pipelined: no gateway here does */
	c->body_left = c->request.body_bytes - rest;
	c->in_body = true;
	return c->body_left == 0 ? answer(u, c) : 0;
}

/* Of a long body be woken up for LOW_WATER bytes at least (SO_RCVLOWAT, socket(7)), not for each
 * packet; of its end, and of the next head, for any. Returns 0 or -1. */
static int
set_low_water(struct conn *c)
{
	const int low = c->body_left >= LOW_WATER ? LOW_WATER : 1;

	if (c->low_water == low)
		return 0;
	c->low_water = low;
	return setsockopt(c->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
}

static int
on_readable(struct upstream *u, struct conn *c)
{
	char *into = c->in_body ? u->scratch : c->head + c->n_head;
	const size_t room = c->in_body ? SCRATCH : HEAD_MAX - c->n_head;
	/* of a body only the length counts: the kernel throws it away (tcp(7), MSG_TRUNC) */
	const ssize_t n = recv(c->fd, into, room, c->in_body ? MSG_TRUNC : 0);

	if (n <= 0)
		return n == -1 && errno == EAGAIN ? 0 : -1;
	if (!c->in_body) {
		c->n_head += (size_t)n;
		return take_head(u, c);
	}
	if ((uint64_t)n > c->body_left)
		return -1;
	c->body_left -= (uint64_t)n;
	return c->body_left == 0 ? answer(u, c) : 0;
}

static void
accept_all(struct upstream *u)
{
	const int on = 1;
	int fd;

	while (
	    (fd = accept4(u->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1) {
		struct conn *c = calloc(1, sizeof(*c));
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

		if (c == NULL ||
		    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
		    epoll_ctl(u->epoll, EPOLL_CTL_ADD, fd, &e))
			die("accept");
		c->fd = fd;
		c->low_water = 1;
		c->endless_over = true;
	}
}

/* Send all events that are due; returns how long to wait for the next one. */
static struct timespec
pace(struct upstream *u)
{
	const uint64_t now = now_ns();
	uint64_t wait_ns = 1000 * ns_ms;

	while (u->paced.next != &u->paced && u->paced.next->due_ns <= now) {
		struct conn *c = u->paced.next;

		pace_remove(c);
		if (send_event(u, c) != 0)
			conn_close(c);
	}
	if (u->paced.next != &u->paced && u->paced.next->due_ns < now + wait_ns)
		wait_ns = u->paced.next->due_ns > now ? u->paced.next->due_ns - now : 0;
	return (struct timespec){ .tv_sec = (time_t)(wait_ns / (1000 * ns_ms)),
		.tv_nsec = (long)(wait_ns % (1000 * ns_ms)) };
}

/* One of epoll's events; returns false when stdin has ended. */
static bool
on_event(struct upstream *u, const struct epoll_event *e)
{
	struct conn *c = e->data.ptr;
	int r = 0;

	if (c == NULL)
		return false;
	if (e->data.ptr == u) {
		accept_all(u);
		return true;
	}
	if (e->events & EPOLLOUT)
		r = flush(u, c);
	if (r == 0 && (e->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) &&
	    (r = on_readable(u, c)) == 0)
		r = set_low_water(c);
	if (r != 0)
		conn_close(c);
	return true;
}

static void
open_listener(struct upstream *u)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = u };
	struct epoll_event input = { .events = EPOLLIN | EPOLLHUP };
	uint16_t port = 0;

	if ((u->listener = upstream_listen(&port)) < 0) {
		errno = -u->listener;
		die("listen");
	}
	if (epoll_ctl(u->epoll, EPOLL_CTL_ADD, u->listener, &e) == -1 ||
	    epoll_ctl(u->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input) == -1)
		die("epoll_ctl");
	printf("%u\n", (unsigned)port);
	if (fflush(stdout) != 0)
		die("stdout");
}

int
main(void)
{
	static struct upstream u;
	struct epoll_event events[EVENTS];
	bool running = true;

	u.paced.next = u.paced.prev = &u.paced;
	if ((u.epoll = epoll_create1(EPOLL_CLOEXEC)) == -1)
		die("epoll_create1");
	open_listener(&u);
	while (running) {
		const struct timespec wait = pace(&u);
		const int n = epoll_pwait2(u.epoll, events, EVENTS, &wait, NULL);

		if (n == -1 && errno != EINTR)
			die("epoll_pwait2");
		for (int i = 0; i < n && running; i++)
			running = on_event(&u, &events[i]);
	}
	return 0;
}
