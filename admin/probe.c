/*
 * See probe.h. A probe has one socket at a time and one event on it, which is its time-out,
 * too. Its end is told from the loop, never from within probe_start().
 */
#include "admin/probe.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/err.h>

#include "common/clock.h"

enum { PROBE_MAGIC = 0x70726f62 };

struct probe {
	uint32_t magic;
	struct probe_room *room;
	struct probe *next;
	struct upstream_addrs addrs;
	size_t index; /* of the address that is tried */
	int fd;
	SSL *ssl; /* NULL: connecting, or plain */
	struct event *event;
	uint64_t since_ns, deadline_ms;
	enum probe_fault fault; /* of the last address */
	probe_fn done;
	void *arg;
};

struct probe_room {
	struct event_base *base;
	struct probe_options o;
	struct tls_client *tls;
	struct probe *probes;
	size_t n;
};

static void try_next(struct probe *p);

static const char *const fault_names[] = {
	[PROBE_FINE] = NULL,
	[PROBE_RESOLVE] = "resolve",
	[PROBE_REFUSED] = "refused",
	[PROBE_UNREACHABLE] = "unreachable",
	[PROBE_TIMEOUT] = "timeout",
	[PROBE_TLS] = "tls",
	[PROBE_CANCELLED] = "cancelled",
};

const char *
probe_fault_name(enum probe_fault f)
{
	return fault_names[f];
}

static bool
is_tls(const struct probe *p)
{
	return p->room->o.url->scheme == UPSTREAM_HTTPS;
}

/* Let go of the address that was tried. */
static void
leave_address(struct probe *p)
{
	if (p->event != NULL)
		event_free(p->event);
	p->event = NULL;
	SSL_free(p->ssl);
	p->ssl = NULL;
	if (p->fd != -1)
		close(p->fd);
	p->fd = -1;
}

/* Tell the result; p is gone afterwards. */
static void
finish(struct probe *p, enum probe_fault fault)
{
	const struct probe_result result = { fault, is_tls(p),
		(double)(clock_mono_ns() - p->since_ns) / 1e6 };
	struct probe **at = &p->room->probes;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->room->n--;
	leave_address(p);
	p->magic = 0;
	p->done(&result, p->arg);
	free(p);
}

/* This address is no good: the next one. */
static void
give_up(struct probe *p, enum probe_fault fault)
{
	p->fault = fault;
	leave_address(p);
	p->index++;
	try_next(p);
}

static enum probe_fault
fault_of(int err)
{
	if (err == ECONNREFUSED || err == ENOENT || err == ECONNRESET)
		return PROBE_REFUSED;
	return err == ETIMEDOUT || err == EAGAIN ? PROBE_TIMEOUT : PROBE_UNREACHABLE;
}

/* --- waiting --- */

static void on_event(evutil_socket_t fd, short what, void *arg);

/* Wait for the socket (what: EV_READ, EV_WRITE or 0) until the deadline. */
static void
await(struct probe *p, short what)
{
	const uint64_t now_ms = clock_mono_ms();
	const uint64_t left_ms = p->deadline_ms > now_ms ? p->deadline_ms - now_ms : 0;
	const struct timeval left = { .tv_sec = (time_t)(left_ms / 1000),
		.tv_usec = (suseconds_t)(left_ms % 1000 * 1000) };

	if (p->event != NULL)
		event_free(p->event);
	p->event =
	    event_new(p->room->base, p->fd, (short)(what | EV_TIMEOUT), on_event, p);
	if (p->event == NULL || event_add(p->event, &left) != 0)
		abort(); /* a few hundred bytes: the loop would not go on, either */
}

/* --- TLS --- */

static void
shake_hands(struct probe *p)
{
	int r, error;

	ERR_clear_error();
	r = SSL_do_handshake(p->ssl);
	error = SSL_get_error(p->ssl, r);
	ERR_clear_error();
	if (r == 1)
		finish(p, PROBE_FINE);
	else if (error == SSL_ERROR_WANT_READ)
		await(p, EV_READ);
	else if (error == SSL_ERROR_WANT_WRITE)
		await(p, EV_WRITE);
	else
		give_up(p, PROBE_TLS);
}

static void
begin_tls(struct probe *p)
{
	p->ssl = p->room->tls != NULL ? tls_client_new(p->room->tls) : NULL;
	if (p->ssl == NULL || SSL_set_fd(p->ssl, p->fd) != 1)
		give_up(p, PROBE_TLS);
	else
		shake_hands(p);
}

/* --- connecting --- */

static void
on_connected(struct probe *p)
{
	int err = 0;
	socklen_t n = sizeof(err);

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &err, &n) == -1)
		err = errno;
	if (err != 0)
		give_up(p, fault_of(err));
	else if (is_tls(p))
		begin_tls(p);
	else
		finish(p, PROBE_FINE);
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	struct probe *p = arg;

	(void)fd;
	if (p->magic != PROBE_MAGIC)
		abort();
	if (p->fd == -1)
		try_next(p); /* the beginning */
	else if (what & EV_TIMEOUT)
		give_up(p, PROBE_TIMEOUT);
	else if (p->ssl != NULL)
		shake_hands(p);
	else
		on_connected(p);
}

/* The socket address of the try; false: there are no more. */
static bool
target(const struct probe *p, struct sockaddr_storage *ss, socklen_t *len_out)
{
	const struct upstream_url *url = p->room->o.url;
	struct sockaddr_un *un = (struct sockaddr_un *)ss;
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	const struct upstream_addr *a = &p->addrs.v[p->index % SHARED_ADDRESSES];

	memset(ss, 0, sizeof(*ss));
	if (url->scheme == UPSTREAM_UNIX) {
		un->sun_family = AF_UNIX;
		strncpy(un->sun_path, url->unix_path, sizeof(un->sun_path) - 1);
		*len_out = sizeof(*un);
		return p->index == 0;
	}
	if (p->index >= p->addrs.n || p->addrs.n > SHARED_ADDRESSES)
		return false;
	if (a->family == AF_INET) {
		in->sin_family = AF_INET;
		in->sin_port = htons(url->port);
		memcpy(&in->sin_addr, &a->addr.b[12], sizeof(in->sin_addr));
		*len_out = sizeof(*in);
	} else {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(url->port);
		memcpy(&in6->sin6_addr, a->addr.b, sizeof(in6->sin6_addr));
		*len_out = sizeof(*in6);
	}
	return true;
}

/* Begin with an address. Returns 0, or an errno. */
static int
begin_connect(struct probe *p, const struct sockaddr_storage *ss, socklen_t len)
{
	p->fd = socket(ss->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd == -1)
		return errno;
	if (connect(p->fd, (const struct sockaddr *)ss, len) == -1 && errno != EINPROGRESS)
		return errno;
	return 0;
}

static void
try_next(struct probe *p)
{
	struct sockaddr_storage ss;
	socklen_t len;

	for (; target(p, &ss, &len); p->index++) {
		int err;

		p->since_ns = clock_mono_ns();
		p->deadline_ms = clock_mono_ms() + p->room->o.timeout_ms;
		err = begin_connect(p, &ss, len);
		if (err == 0) {
			await(p, EV_WRITE);
			return;
		}
		p->fault = fault_of(err);
		leave_address(p);
	}
	finish(p, p->fault);
}

/* --- for others --- */

int
probe_room_create(
    struct event_base *base, const struct probe_options *o, struct probe_room **out)
{
	struct probe_room *room = calloc(1, sizeof(*room));

	if (room == NULL)
		return -ENOMEM;
	room->base = base;
	room->o = *o;
	*out = room;
	return 0;
}

void
probe_room_destroy(struct probe_room **rp)
{
	struct probe_room *room = *rp;

	if (room == NULL)
		return;
	for (struct probe *p = room->probes, *next; p != NULL; p = next) {
		next = p->next;
		finish(p, PROBE_CANCELLED);
	}
	tls_client_destroy(&room->tls);
	free(room);
	*rp = NULL;
}

void
probe_room_give_tls(struct probe_room *room, struct tls_client *tls)
{
	tls_client_destroy(&room->tls); /* those under way hold a reference of their own */
	room->tls = tls;
}

bool
probe_room_wants_tls(const struct probe_room *room)
{
	return room->o.url->scheme == UPSTREAM_HTTPS && room->tls == NULL;
}

int
probe_start(struct probe_room *room, probe_fn done, void *arg)
{
	struct probe *p;

	if (room->n >= PROBES_MAX)
		return ERR_FULL;
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return -ENOMEM;
	*p = (struct probe){ .magic = PROBE_MAGIC,
		.room = room,
		.next = room->probes,
		.fd = -1,
		.fault = PROBE_RESOLVE,
		.since_ns = clock_mono_ns(),
		.done = done,
		.arg = arg };
	if (room->o.url->scheme != UPSTREAM_UNIX &&
	    (shared_get_upstream(room->o.state, &p->addrs, NULL) != 0 ||
		!shared_is_upstream_of(&p->addrs, room->o.url->host)))
		p->addrs.n = 0;
	room->probes = p;
	room->n++;
	p->deadline_ms = 0;
	await(p, 0);
	return 0;
}
