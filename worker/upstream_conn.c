/*
 * The life of a connection to a target; see upstream_conn.h. All addresses of the
 * name are tried in turn, the one that worked last first.
 */
#include "worker/upstream_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	CONN_MAGIC = 0x7570636e,
	QUEUE_FULL_MS = 10, /* until a UNIX socket whose queue was full is tried again */
	NOT_LOOKED_UP_MS = 50 /* until a name's addresses are looked for again */
};

static void on_ready(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_try_again(evutil_socket_t fd, short what, void *arg);
static void on_timer(struct wheel_entry *e);

static struct upstream_conn *
conn_check(void *arg)
{
	struct upstream_conn *conn = arg;

	if (conn->magic != CONN_MAGIC)
		abort();
	return conn;
}

static void
conn_free(struct env_grave *g)
{
	struct upstream_conn *conn = (struct upstream_conn *)g;

	conn->magic = 0;
	free(conn);
}

void
conn_destroy(struct upstream_conn *conn)
{
	struct upstream *up = conn->up;

	if (conn->state == CONN_DEAD)
		return;
	conn->state = CONN_DEAD;
	event_del(&conn->read_event);
	event_del(&conn->write_event);
	wheel_cancel(&up->env->wheel, &conn->timer);
	wire_fini(&conn->wire, false);
	free(conn->in);
	conn->in = NULL;
	if (conn->prev != NULL)
		conn->prev->next = conn->next;
	else
		up->conns = conn->next;
	if (conn->next != NULL)
		conn->next->prev = conn->prev;
	env_bury(up->env, &conn->grave, conn_free);
}

void
conn_set_timer(struct upstream_conn *conn, uint64_t ms)
{
	struct worker_env *env = conn->up->env;

	wheel_set(&env->wheel, &conn->timer, env->now_ms + ms, on_timer);
}

void
conn_set_silence_timer(struct upstream_conn *conn)
{
	if (conn->call == NULL || !conn->call->paused)
		conn_set_timer(conn, conn->up->env->cfg->upstream_idle_timeout_ms);
}

void
conn_break(struct upstream_conn *conn, enum upstream_failure why)
{
	conn->broken = true;
	conn->why = why;
	wheel_cancel(&conn->up->env->wheel, &conn->timer); /* it has nothing left to end */
	event_del(&conn->write_event); /* a broken socket is always writable */
	event_active(&conn->read_event, EV_READ, 0);
}

void
conn_watch(struct upstream_conn *conn, bool on)
{
	if (conn->reading == on || conn->state == CONN_DEAD)
		return;
	conn->reading = on;
	if (!on)
		event_del(&conn->read_event);
	else if (event_add(&conn->read_event, NULL) != 0)
		conn_break(conn, UPSTREAM_BROKEN);
}

void
conn_send_rest(struct upstream_conn *conn)
{
	if (wire_pending(&conn->wire) > 0 && !conn->broken &&
	    event_add(&conn->write_event, NULL) != 0)
		conn_break(conn, UPSTREAM_BROKEN);
}

void
conn_write(
    struct upstream_conn *conn, const struct span *pieces, size_t n, enum wire_next next)
{
	if (conn->broken || conn->state == CONN_DEAD)
		return;
	if (wire_send(&conn->wire, pieces, n, next) != 0) {
		/* An answer may already wait to be read (413, say): conn_read looks
		 * first. */
		conn_break(conn, UPSTREAM_BROKEN);
		return;
	}
	if (wire_pending(&conn->wire) == 0)
		return;
	conn_send_rest(conn);
	conn_set_silence_timer(conn);
}

/* Take over what admin has found for our host. What is published may be another's, whom
 * nothing of ours must reach: the last one's, soon after a reload, or the next one's, of which
 * a worker that drains has heard. */
static void
take_addresses(struct upstream *up)
{
	struct upstream_addrs found;

	if (!up->literal &&
	    shared_get_upstream(up->env->shared->state, &found, NULL) == 0 &&
	    found.n <= SHARED_ADDRESSES &&
	    shared_is_upstream_of(&found, up->env->cfg->upstream.host) &&
	    (found.n > 0 || up->addrs.n == 0))
		up->addrs = found;
}

/* The socket address of try number `index`; false: there are no more. */
static bool
target_address(struct upstream *up, size_t first, size_t index,
    struct sockaddr_storage *ss, socklen_t *len_out, enum upstream_failure *why)
{
	const struct upstream_addr *a;

	*why = UPSTREAM_NO_CONNECTION;
	memset(ss, 0, sizeof(*ss));
	if (up->unix_path != NULL) {
		struct sockaddr_un *un = (struct sockaddr_un *)ss;

		un->sun_family = AF_UNIX;
		strncpy(un->sun_path, up->unix_path, sizeof(un->sun_path) - 1);
		*len_out = sizeof(*un);
		return index == 0;
	}
	take_addresses(up);
	if (up->addrs.n == 0) {
		*why = UPSTREAM_NO_ADDRESS;
		return false;
	}
	if (index >= up->addrs.n)
		return false;
	a = &up->addrs.v[(first + index) % up->addrs.n];
	if (a->family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)ss;

		in->sin_family = AF_INET;
		in->sin_port = htons(up->port);
		memcpy(&in->sin_addr, &a->addr.b[12], 4);
		*len_out = sizeof(*in);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(up->port);
		memcpy(&in6->sin6_addr, a->addr.b, 16);
		*len_out = sizeof(*in6);
	}
	return true;
}

/* Start connecting to one address. Returns the socket or -errno. */
static int
start_connect(const struct sockaddr_storage *ss, socklen_t len)
{
	int fd = socket(ss->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -errno;
	if (ss->ss_family != AF_UNIX)
		wire_tune_tcp(fd);
	if (connect(fd, (const struct sockaddr *)ss, len) == -1 && errno != EINPROGRESS) {
		const int err = errno;

		close(fd);
		return -err;
	}
	return fd;
}

/* Put a connecting socket under the connection. Returns 0 or -ENOMEM. */
static int
conn_attach(struct upstream_conn *conn, int fd)
{
	struct upstream *up = conn->up;
	SSL *ssl = NULL;

	if (up->tls != NULL && (ssl = tls_client_new(up->tls)) == NULL) {
		close(fd);
		return -ENOMEM;
	}
	if (wire_init(&conn->wire, &up->env->io, fd, ssl) != 0)
		return -ENOMEM;
	event_assign(
	    &conn->read_event, up->env->base, fd, EV_READ | EV_PERSIST, on_ready, conn);
	event_assign(&conn->write_event, up->env->base, fd, EV_WRITE | EV_PERSIST,
	    on_writable, conn);
	conn->wire.on_stuck = &conn->write_event;
	if (event_add(&conn->write_event, NULL) != 0)
		return -ENOMEM;
	conn->state = CONN_CONNECTING;
	conn_set_timer(conn, up->env->cfg->upstream_connect_timeout_ms);
	return 0;
}

/* The queue of a UNIX socket was full (there is no EINPROGRESS for those), or nobody has
 * looked up the host yet: try again until the connection's time is over. Returns 0 or
 * -ENOMEM. */
static int
await_turn(struct upstream_conn *conn, uint32_t pause_ms)
{
	const struct timeval pause = { .tv_usec = pause_ms * 1000L };

	evtimer_assign(&conn->write_event, conn->up->env->base, on_try_again, conn);
	if (event_add(&conn->write_event, &pause) != 0)
		return -ENOMEM;
	conn->state = CONN_CONNECTING;
	if (conn->timer.next == NULL)
		conn_set_timer(conn, conn->up->env->cfg->upstream_connect_timeout_ms);
	return 0;
}

/* Try the next address; when there is none, the connection is broken. */
static void
try_next(struct upstream_conn *conn)
{
	struct sockaddr_storage ss;
	enum upstream_failure why;
	socklen_t len = 0;

	while (target_address(conn->up, conn->first, conn->tried, &ss, &len, &why)) {
		int fd = start_connect(&ss, len);

		if (fd == -EAGAIN && ss.ss_family == AF_UNIX &&
		    await_turn(conn, QUEUE_FULL_MS) == 0)
			return;
		conn->tried++;
		if (fd < 0)
			continue;
		if (conn_attach(conn, fd) == 0)
			return;
		why = UPSTREAM_NO_CONNECTION;
		break;
	}
	if (why == UPSTREAM_NO_ADDRESS && conn->up->addrs.tries == 0 &&
	    conn->why != UPSTREAM_CONNECT_TIMEOUT &&
	    await_turn(conn, NOT_LOOKED_UP_MS) == 0)
		return;
	/* A time-out of an earlier address says more than the last one's refusal. */
	conn_break(conn,
	    conn->why == UPSTREAM_CONNECT_TIMEOUT && why != UPSTREAM_NO_ADDRESS ? conn->why
										: why);
}

static void
on_try_again(evutil_socket_t fd, short what, void *arg)
{
	struct upstream_conn *conn = conn_check(arg);

	(void)fd;
	(void)what;
	env_now(conn->up->env);
	if (conn->state == CONN_CONNECTING)
		try_next(conn);
}

/* This address did not work: the next one. */
static void
connect_failed(struct upstream_conn *conn, enum upstream_failure why)
{
	conn->why = why;
	if (conn->wire.fd == -1 && conn->up->unix_path != NULL)
		conn->tried++; /* its queue was full all the time */
	event_del(&conn->write_event);
	event_del(&conn->read_event);
	conn->reading = false;
	wheel_cancel(&conn->up->env->wheel, &conn->timer);
	wire_fini(&conn->wire, false);
	event_assign(
	    &conn->read_event, conn->up->env->base, -1, EV_PERSIST, on_ready, conn);
	try_next(conn);
}

static void
connect_succeeded(struct upstream_conn *conn)
{
	struct upstream *up = conn->up;

	up->preferred = conn->first + conn->tried - 1;
	conn->state = CONN_BUSY;
	if (wire_pending(&conn->wire) == 0)
		event_del(&conn->write_event);
	upstream_on_connected(conn);
}

/* TCP stands: go on with TLS or be done. */
static void
on_tcp_connected(struct upstream_conn *conn)
{
	int err = 0;
	socklen_t n = sizeof(err);

	if (getsockopt(conn->wire.fd, SOL_SOCKET, SO_ERROR, &err, &n) == -1 || err != 0) {
		connect_failed(conn, UPSTREAM_NO_CONNECTION);
		return;
	}
	conn_watch(conn, true);
	if (conn->wire.ssl == NULL) {
		connect_succeeded(conn);
		return;
	}
	conn->state = CONN_HANDSHAKE;
	if (wire_start_handshake(&conn->wire) != 0)
		connect_failed(conn, UPSTREAM_NO_CONNECTION);
	else if (wire_pending(&conn->wire) == 0)
		event_del(&conn->write_event);
}

/* The TLS handshake goes on. A certificate that does not verify ends here. */
static void
on_handshake(struct upstream_conn *conn)
{
	struct span early = { 0 };
	int r = wire_read(&conn->wire, &early);

	conn_send_rest(conn);
	if (r != 0 && r != -EAGAIN)
		connect_failed(conn, UPSTREAM_NO_CONNECTION);
	else if (r == 0) /* an answer before the request */
		connect_failed(conn, UPSTREAM_NO_CONNECTION);
	else if (conn->wire.handshaken)
		connect_succeeded(conn);
}

/* Nothing is expected of a connection in the pool but session tickets of TLS. */
static void
on_idle(struct upstream_conn *conn)
{
	struct span unasked = { 0 };

	if (conn->wire.ssl == NULL || wire_read(&conn->wire, &unasked) != -EAGAIN)
		upstream_on_broken(conn, UPSTREAM_BROKEN);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct upstream_conn *conn = conn_check(arg);

	(void)fd;
	(void)what;
	env_now(conn->up->env);
	if (conn->state == CONN_DEAD)
		return;
	if (conn->broken && conn->state != CONN_BUSY) {
		upstream_on_broken(conn, conn->why);
		return;
	}
	switch ((enum conn_state)conn->state) {
	case CONN_CONNECTING: return;
	case CONN_HANDSHAKE: on_handshake(conn); return;
	case CONN_BUSY: conn_read(conn); return;
	case CONN_IDLE: on_idle(conn); return;
	case CONN_DEAD: return;
	}
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct upstream_conn *conn = conn_check(arg);

	(void)fd;
	(void)what;
	env_now(conn->up->env);
	if (conn->state == CONN_DEAD || conn->broken)
		return;
	if (conn->state == CONN_CONNECTING) {
		on_tcp_connected(conn);
		return;
	}
	if (wire_flush(&conn->wire) != 0) {
		conn_break(conn, UPSTREAM_BROKEN);
		return;
	}
	if (wire_pending(&conn->wire) > 0) {
		conn_send_rest(conn);
		conn_set_silence_timer(conn);
		return;
	}
	event_del(&conn->write_event);
	if (conn->state == CONN_BUSY && conn->call != NULL)
		upstream_on_sent(conn);
}

static void
on_timer(struct wheel_entry *e)
{
	struct upstream_conn *conn =
	    conn_check((char *)e - offsetof(struct upstream_conn, timer));

	switch ((enum conn_state)conn->state) {
	case CONN_CONNECTING:
	case CONN_HANDSHAKE: connect_failed(conn, UPSTREAM_CONNECT_TIMEOUT); return;
	case CONN_BUSY: upstream_on_broken(conn, UPSTREAM_TIMEOUT); return;
	case CONN_IDLE: upstream_on_broken(conn, UPSTREAM_BROKEN); return;
	case CONN_DEAD: return;
	}
}

struct upstream_conn *
conn_open(struct upstream *up, struct upstream_call *call)
{
	struct upstream_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL)
		return NULL;
	conn->magic = CONN_MAGIC;
	conn->up = up;
	conn->call = call;
	conn->why = UPSTREAM_NO_CONNECTION;
	conn->first = up->preferred;
	conn->wire.fd = -1;
	http1_init(&conn->http, HTTP1_RESPONSE);
	event_assign(&conn->read_event, up->env->base, -1, EV_PERSIST, on_ready, conn);
	event_assign(&conn->write_event, up->env->base, -1, EV_PERSIST, on_writable, conn);
	conn->next = up->conns;
	if (conn->next != NULL)
		conn->next->prev = conn;
	up->conns = conn;
	try_next(conn);
	return conn;
}
