/*
 * Calls and the pool; see upstream.h. Who may be sent twice is decided here, in
 * upstream_on_broken(), and nowhere else.
 */
#include "worker/upstream.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/addr.h"
#include "worker/upstream_conn.h"

enum {
	POOL_MAX = 256,       /* idle connections of a worker */
	POOL_IDLE_MS = 60000, /* how long one waits to be used again */
	PROBE_DOWN_MS = 500   /* silence that is enough while the target is down */
};

/* An address needs nobody to look it up: a worker has its own, however long admin takes
 * after a start or a reload. */
static void
take_literal(struct upstream *up, struct span host)
{
	struct upstream_addr *a = &up->addrs.v[0];

	if (addr_parse(host, &a->addr) != 0)
		return;
	a->family = addr_is_v4(&a->addr) ? AF_INET : AF_INET6;
	up->addrs.n = 1;
	up->literal = true;
}

int
upstream_create(
    struct worker_env *env, const char *unix_path, bool probe, struct upstream **out)
{
	struct upstream *up = calloc(1, sizeof(*up));

	if (up == NULL)
		return -ENOMEM;
	up->env = env;
	up->unix_path = unix_path;
	up->probes = probe;
	up->port = env->cfg->upstream.port;
	up->tls = unix_path == NULL ? env->upstream_tls : NULL;
	if (unix_path == NULL)
		take_literal(up, span_of(env->cfg->upstream.host));
	*out = up;
	return 0;
}

void
upstream_destroy(struct upstream **up)
{
	if (*up == NULL)
		return;
	while ((*up)->conns != NULL)
		conn_destroy((*up)->conns);
	free(*up);
	*up = NULL;
}

static void
pool_remove(struct upstream_conn *conn)
{
	struct upstream *up = conn->up;

	if (conn->idle_prev != NULL)
		conn->idle_prev->idle_next = conn->idle_next;
	else
		up->idle = conn->idle_next;
	if (conn->idle_next != NULL)
		conn->idle_next->idle_prev = conn->idle_prev;
	conn->idle_next = NULL;
	conn->idle_prev = NULL;
	up->n_idle--;
}

static void
pool_add(struct upstream_conn *conn)
{
	struct upstream *up = conn->up;

	conn->state = CONN_IDLE;
	conn->idle_next = up->idle;
	if (up->idle != NULL)
		up->idle->idle_prev = conn;
	up->idle = conn;
	up->n_idle++;
	conn_watch(conn, true);
	conn_set_timer(conn, POOL_IDLE_MS);
}

void
upstream_drain(struct upstream *up)
{
	while (up->idle != NULL) {
		struct upstream_conn *conn = up->idle;

		pool_remove(conn);
		conn_destroy(conn);
	}
}

/* Note how the target does, for /health/ready and the metrics. */
static void
note_health(struct upstream *up, bool ok)
{
	struct scoreboard_row *row = up->env->row;

	up->heard_ms = up->env->now_ms;
	if (!up->probes)
		return;
	atomic_store_explicit(ok ? &row->upstream_ok_ms : &row->upstream_fail_ms,
	    up->env->now_ms, memory_order_relaxed);
}

/* Drop the request's bytes, which are not needed any more. */
static void
call_release(struct upstream_call *call)
{
	if (call->held == NULL)
		return;
	env_release(call->up->env, call->held_n);
	free(call->held);
	call->held = NULL;
	call->held_n = 0;
	call->whole = false;
}

/* Send what is held; from then on more may follow. */
static void
call_send_held(struct upstream_call *call)
{
	struct upstream_conn *conn = call->conn;

	conn->sent_before = conn->wire.sent;
	conn->in_body = false;
	conn->in_parts = false;
	conn->interims = 0;
	conn->pace = (struct pace){ 0 };
	conn_write(conn, &(struct span){ call->held, call->held_n }, 1, WIRE_OPEN);
	if (!call->whole) {
		call_release(call); /* more follows: it can't be sent again whole */
		/* Nor is it put off, lest the connection end meanwhile (is_quiet). What
		 * becomes of it, on_writable hears. */
		(void)wire_all_taken(&conn->wire);
	}
	if (call->complete)
		conn_set_timer(conn, conn->up->env->cfg->upstream_timeout_ms);
	else if (wire_pending(&conn->wire) == 0)
		wheel_cancel(&conn->up->env->wheel, &conn->timer);
}

/* Has nothing come on an idle connection, no end either, of which the loop will tell
 * only later? What can't be sent once more is not risked on another one. */
static bool
is_quiet(const struct upstream_conn *conn)
{
	char byte;

	return recv(conn->wire.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
	    errno == EAGAIN;
}

/* Put the call on a connection: one from the pool unless fresh is set. */
static int
call_begin(struct upstream_call *call, bool fresh)
{
	struct upstream *up = call->up;

	while (up->idle != NULL && !fresh) {
		struct upstream_conn *conn = up->idle;

		pool_remove(conn);
		if (!call->whole && !is_quiet(conn)) {
			conn_destroy(conn);
			continue;
		}
		conn->state = CONN_BUSY;
		conn->reused = true;
		conn->call = call;
		call->conn = conn;
		call_send_held(call);
		return 0;
	}
	call->conn = conn_open(up, call);
	return call->conn != NULL ? 0 : -ENOMEM;
}

int
upstream_start(struct upstream *up, struct upstream_call *call,
    const struct upstream_ops *ops, void *arg, enum http_method method, char *held,
    size_t held_n, bool complete)
{
	*call = (struct upstream_call){ .up = up,
		.ops = ops,
		.arg = arg,
		.held = held,
		.held_n = held_n,
		.complete = complete,
		.whole = complete,
		.idempotent = method == HTTP_GET || method == HTTP_HEAD,
		.head_request = method == HTTP_HEAD };
	if (call_begin(call, false) == 0)
		return 0;
	call_release(call);
	return -ENOMEM;
}

void
upstream_on_connected(struct upstream_conn *conn)
{
	struct upstream *up = conn->up;
	struct upstream_call *call = conn->call;

	note_health(up, true);
	if (call == NULL) {
		up->probing = false;
		conn_destroy(conn);
		return;
	}
	call_send_held(call);
	if (!upstream_congested(call))
		upstream_on_sent(conn);
}

void
upstream_on_sent(struct upstream_conn *conn)
{
	struct upstream_call *call = conn->call;

	if (conn->in_body)
		conn_set_silence_timer(conn);
	else if (!call->complete)
		wheel_cancel(&conn->up->env->wheel, &conn->timer); /* the client's turn */
	else if (!call->answered)
		conn_set_timer(conn, conn->up->env->cfg->upstream_timeout_ms);
	if (!call->complete)
		call->ops->on_writable(call->arg);
}

/*
 * Did upstream's kernel take anything of the request? When in doubt, yes. Only a FIN
 * tells: it was sent when the peer closed, and acknowledges what had come until then.
 * After a reset there is no knowing, for the acknowledgement may have been delayed
 * (RFC 9293 section 3.8.6.3) while the process read the request.
 */
static bool
anything_taken(const struct upstream_conn *conn)
{
	struct tcp_info info;
	socklen_t n = sizeof(info);

	if (conn->wire.sent == conn->sent_before)
		return false; /* not even our own kernel took it */
	if (conn->up->unix_path != NULL || conn->wire.fd == -1 || !conn->wire.fin)
		return true;
	memset(&info, 0, sizeof(info));
	if (getsockopt(conn->wire.fd, IPPROTO_TCP, TCP_INFO, &info, &n) == -1 ||
	    n < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked))
		return true;
	/* The SYN counts as one byte (RFC 9293 section 3.4). */
	return info.tcpi_bytes_acked > conn->sent_before + 1;
}

/* What a break means to the call, from how far it had come. */
static enum upstream_failure
failure_for(const struct upstream_conn *conn, enum upstream_failure why)
{
	if (conn->state != CONN_BUSY || why == UPSTREAM_TIMEOUT)
		return conn->in_body ? UPSTREAM_CUT : why;
	if (conn->call->answered)
		return conn->in_body ? UPSTREAM_CUT : UPSTREAM_BROKEN;
	return anything_taken(conn) ? UPSTREAM_BROKEN : UPSTREAM_UNSENT;
}

/* May the request of a stale connection be sent once more? */
static bool
may_retry(const struct upstream_conn *conn, enum upstream_failure f)
{
	const struct upstream_call *call = conn->call;

	return conn->reused && conn->state == CONN_BUSY && !call->retried &&
	    !call->answered && call->whole &&
	    (f == UPSTREAM_UNSENT || (f == UPSTREAM_BROKEN && call->idempotent));
}

void
upstream_on_broken(struct upstream_conn *conn, enum upstream_failure why)
{
	struct upstream *up = conn->up;
	struct upstream_call *call = conn->call;
	enum upstream_failure f;
	bool again;

	if (conn->state == CONN_IDLE)
		pool_remove(conn);
	if (call == NULL) {
		if (conn->state == CONN_CONNECTING || conn->state == CONN_HANDSHAKE) {
			up->probing = false;
			note_health(up, false);
		}
		conn_destroy(conn);
		return;
	}
	f = failure_for(conn, why);
	again = may_retry(conn, f);
	if (!again && f != UPSTREAM_NO_MEMORY)
		note_health(up, false);
	conn->call = NULL;
	call->conn = NULL;
	conn_destroy(conn);
	if (again) {
		call->retried = true;
		again = call_begin(call, true) == 0;
	}
	if (again)
		return;
	call_release(call);
	call->ops->on_fail(call->arg, f);
}

void
upstream_on_answered(struct upstream_conn *conn, bool leftover)
{
	struct upstream_call *call = conn->call;
	bool reusable = conn->keep_alive && call->complete && !leftover &&
	    wire_all_taken(&conn->wire) && !conn->broken && !wire_has_more(&conn->wire);

	note_health(conn->up, true);
	conn->call = NULL;
	call->conn = NULL;
	call_release(call);
	if (reusable && conn->up->n_idle < POOL_MAX && !conn->up->env->draining)
		pool_add(conn);
	else
		conn_destroy(conn);
}

/* The connection does not stand yet: what is sent waits behind the head. Returns 0 or
 * -ENOMEM with nothing added. */
static int
held_add(struct upstream_call *call, const struct span *pieces, size_t n)
{
	const size_t total = span_total(pieces, n);
	char *p;

	if (total == 0)
		return 0;
	p = realloc(call->held, call->held_n + total);
	if (p == NULL)
		return -ENOMEM;
	env_hold(call->up->env, total);
	call->held = p;
	for (size_t i = 0; i < n; i++) {
		if (pieces[i].n > 0)
			memcpy(p + call->held_n, pieces[i].p, pieces[i].n);
		call->held_n += pieces[i].n;
	}
	return 0;
}

void
upstream_send(struct upstream_call *call, const struct span *pieces, size_t n, bool last)
{
	/* Of who sends so much at once more has come already. All others' bytes go on as they
	 * come. */
	const bool more = !last && span_total(pieces, n) >= PACE_FULL;

	if (call->conn == NULL)
		return;
	if (call->conn->state != CONN_BUSY) {
		/* with a hole in it the body must not go on: the call ends */
		if (!call->conn->broken && held_add(call, pieces, n) != 0)
			conn_break(call->conn, UPSTREAM_NO_MEMORY);
		call->complete = last;
		return;
	}
	conn_write(call->conn, pieces, n, more ? WIRE_MORE : WIRE_OPEN);
	call->complete = last;
	if (call->conn->in_body)
		conn_set_silence_timer(call->conn);
	else if (last)
		conn_set_timer(call->conn, call->up->env->cfg->upstream_timeout_ms);
}

bool
upstream_congested(const struct upstream_call *call)
{
	return call->conn == NULL || call->conn->state != CONN_BUSY ||
	    wire_pending(&call->conn->wire) > 0;
}

void
upstream_pause(struct upstream_call *call)
{
	if (call->conn == NULL || call->paused)
		return;
	call->paused = true;
	pace_stall(&call->conn->pace);
	conn_watch(call->conn, false);
	wheel_cancel(&call->up->env->wheel, &call->conn->timer);
}

void
upstream_resume(struct upstream_call *call)
{
	if (call->conn == NULL || !call->paused)
		return;
	call->paused = false;
	conn_watch(call->conn, true);
	conn_set_silence_timer(call->conn);
}

void
upstream_cancel(struct upstream_call *call)
{
	struct upstream_conn *conn = call->conn;

	if (call->up == NULL)
		return;
	call->conn = NULL;
	if (conn != NULL) {
		conn->call = NULL;
		conn_destroy(conn);
	}
	call_release(call);
}

void
upstream_probe(struct upstream *up, uint64_t ms)
{
	const struct scoreboard_row *row = up->env->row;

	if (atomic_load_explicit(&row->upstream_fail_ms, memory_order_relaxed) >
		atomic_load_explicit(&row->upstream_ok_ms, memory_order_relaxed) &&
	    ms > PROBE_DOWN_MS)
		ms = PROBE_DOWN_MS;
	if (up->probing || up->env->now_ms - up->heard_ms < ms)
		return;
	up->probing = conn_open(up, NULL) != NULL;
}
