/*
 * An answer's way from the socket to the call: heads, interim heads, bodies. A read
 * is delivered whole before the next; a callback may end the call at any point.
 */
#include "worker/upstream_conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	/* An answer's head may be this long; upstream is held to it like a client. */
	ANSWER_HEAD_MAX = 64 * 1024,
	INTERIM_MAX = 32 /* interim answers before the final one */
};

/* Keep part of a head until the rest comes. Returns 0 or -ENOMEM. */
static int
keep_part(struct upstream_conn *conn, struct span s)
{
	char *p = malloc(s.n);

	if (p == NULL)
		return -ENOMEM;
	memcpy(p, s.p, s.n);
	free(conn->in);
	conn->in = p;
	conn->in_n = s.n;
	return 0;
}

/* Put what was kept before fresh: *all_out then points to both. */
static int
join_part(struct upstream_conn *conn, struct wire_bytes fresh, struct wire_bytes *all_out)
{
	char *p;

	if (conn->in == NULL) {
		*all_out = fresh;
		return 0;
	}
	p = realloc(conn->in, conn->in_n + fresh.n);
	if (p == NULL)
		return -ENOMEM;
	memcpy(p + conn->in_n, fresh.p, fresh.n);
	conn->in = p;
	conn->in_n += fresh.n;
	*all_out = (struct wire_bytes){ p, conn->in_n };
	return 0;
}

/*
 * Read one head at the front of s. Returns bytes used, 0 when more is needed, or a
 * negative code.
 */
static ssize_t
deliver_head(struct upstream_conn *conn, struct span s)
{
	struct upstream_call *call = conn->call;
	struct http1_head head;
	enum http1_fault fault;
	bool done;
	int r = http1_read_head(
	    &conn->http, s.p, s.n, ANSWER_HEAD_MAX, call->head_request, &head, &fault);

	if (r == ERR_MORE)
		return 0;
	if (r != 0)
		return r;
	if (head.status < 200) {
		if (++conn->interims > INTERIM_MAX)
			return ERR_SYNTAX;
		call->ops->on_interim(call->arg, &head);
		return (ssize_t)head.bytes;
	}
	conn->in_body = true;
	conn->keep_alive = head.keep_alive && head.framing != HTTP1_UNTIL_CLOSE;
	done = http1_body_done(&conn->http);
	if (done)
		upstream_on_answered(conn, s.n > head.bytes);
	call->ops->on_head(call->arg, &head, done);
	return (ssize_t)head.bytes;
}

/*
 * Decode the body at the front of s. The chunks of one read become one run of data: each
 * is moved to the end of the one before, over the framing between them. Returns bytes
 * used or a negative code.
 */
static ssize_t
deliver_body(struct upstream_conn *conn, struct wire_bytes s)
{
	struct upstream_call *call = conn->call;
	char *data = s.p;
	size_t n = 0, used = 0;
	bool end = false;
	int r = 0;

	while (used < s.n && !end) {
		struct span more = { 0 };
		size_t step = 0;

		if (http1_read_body(
			&conn->http, s.p + used, s.n - used, &step, &more, &end) != 0) {
			r = ERR_SYNTAX; /* what came before it is good */
			break;
		}
		if (n == 0 && more.n > 0)
			data = s.p + (more.p - s.p);
		else if (more.n > 0)
			memmove(data + n, more.p, more.n);
		n += more.n;
		used += step;
	}
	if (end)
		upstream_on_answered(conn, s.n > used);
	if (n > 0 || end)
		call->ops->on_body(call->arg, (struct span){ data, n }, end);
	return r != 0 ? r : (ssize_t)used;
}

/* Deliver all of s. Returns 0 or a negative code; the call may be gone after 0. */
static int
deliver(struct upstream_conn *conn, struct wire_bytes s)
{
	struct upstream_call *call = conn->call;

	while (s.n > 0 && conn->call == call && conn->state == CONN_BUSY) {
		const struct span head = { s.p, s.n };
		ssize_t used =
		    conn->in_body ? deliver_body(conn, s) : deliver_head(conn, head);

		if (used < 0)
			return (int)used;
		if (used == 0)
			return keep_part(conn, head);
		s.p += used;
		s.n -= (size_t)used;
	}
	return 0;
}

/* The connection ended: well, if that is how the body is delimited. */
static void
on_end(struct upstream_conn *conn, int r)
{
	struct upstream_call *call = conn->call;

	if (r == ERR_CLOSED && conn->in_body && http1_eof(&conn->http) == 0) {
		upstream_on_answered(conn, false);
		call->ops->on_body(call->arg, (struct span){ 0 }, true);
		return;
	}
	upstream_on_broken(conn, call->answered ? UPSTREAM_CUT : UPSTREAM_BROKEN);
}

/* More of the answer is to come, as a stream's events do. Packets to say that each has
 * arrived were a sixth of what an event costs. */
static void
expect_more(struct upstream_conn *conn)
{
	if (conn->in_body && !conn->in_parts) {
		conn->in_parts = true;
		wire_delay_acks(conn->wire.fd);
	}
}

/* What was read has been delivered, and the call goes on; r: what came of it. */
static void
go_on(struct upstream_conn *conn, int r)
{
	struct upstream_call *call = conn->call;

	if (r != 0) {
		upstream_on_broken(conn, conn->in_body ? UPSTREAM_CUT : UPSTREAM_BROKEN);
	} else if (wire_has_more(&conn->wire)) {
		on_end(conn, conn->wire.ahead);
	} else {
		expect_more(conn);
		call->ops->on_flush(call->arg);
	}
}

void
conn_read(struct upstream_conn *conn)
{
	struct upstream_call *call = conn->call;
	struct wire_bytes fresh = { 0 }, all = { 0 };
	char *joined;
	int r = wire_read_bytes(&conn->wire, pace_is_fast(&conn->pace), &fresh);

	conn_send_rest(conn);
	if (r == -EAGAIN) {
		if (conn->broken)
			upstream_on_broken(conn, UPSTREAM_BROKEN);
		return;
	}
	if (r != 0) {
		on_end(conn, r);
		return;
	}
	call->answered = true;
	if (conn->in_body) /* heads are short, or nobody wants more of them */
		pace_read(&conn->pace, fresh.n);
	conn_set_timer(conn, conn->up->env->cfg->upstream_idle_timeout_ms);
	r = join_part(conn, fresh, &all);
	joined = conn->in;
	conn->in = NULL; /* deliver may keep a new part; this one lives until the end */
	if (r == 0)
		r = deliver(conn, all);
	if (conn->call == call && conn->state == CONN_BUSY)
		go_on(conn, r);
	free(joined); /* the call may have kept hold of its bytes until here */
}
