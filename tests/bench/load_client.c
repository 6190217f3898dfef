/*
 * Clients of the load; see load_client.h.
 */
#include "tests/bench/load_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct span time_tag = SPAN("\"sent_ns\":\"");
enum { TIME_DIGITS = 19 };

int
load_client_init(struct load_client *c, struct load_shared *shared)
{
	const struct load_options *o = shared->options;
	const int n = snprintf(c->head, sizeof(c->head),
	    "POST %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: load\r\nAccept: */*\r\n"
	    "Content-Type: %s\r\nContent-Length: %zu\r\n%sAuthorization: Bearer %.*s\r\n\r\n",
	    o->target, o->content_type, o->body.n,
	    o->fresh ? "Connection: close\r\n" : "", (int)o->n_secret, o->secrets.p);

	if (n < 0 || (size_t)n >= sizeof(c->head))
		return -EMSGSIZE;
	c->shared = shared;
	c->conn.fd = -1;
	c->n_head = (size_t)n;
	c->key_at = c->n_head - o->n_secret - 4;
	if (o->body.n <= sizeof(c->head) - c->n_head)
		memcpy(c->head + c->n_head, o->body.p, o->body.n);
	return 0;
}

void
load_client_fini(struct load_client *c)
{
	load_conn_fini(&c->conn);
	c->state = LOAD_CLIENT_CLOSED;
}

/* The next key, and all of the request is still to be sent. */
static void
prepare(struct load_client *c)
{
	const struct load_options *o = c->shared->options;
	const size_t i = (size_t)(c->shared->n_keys_used++ % o->n_secrets);
	const bool fits = o->body.n <= sizeof(c->head) - c->n_head;

	memcpy(c->head + c->key_at, o->secrets.p + i * (o->n_secret + 1), o->n_secret);
	c->out[0] = (struct span){ c->head, fits ? c->n_head + o->body.n : c->n_head };
	c->out[1] = fits ? (struct span){ NULL, 0 } : o->body;
	c->answer.state = LOAD_ANSWER_HEAD;
	c->answer.n_line = 0;
	c->n_carry = 0;
}

int
load_client_begin(struct load_client *c, uint64_t begun_ns)
{
	int r;

	c->begun_ns = begun_ns;
	prepare(c);
	if (c->state == LOAD_CLIENT_IDLE) {
		c->state = LOAD_CLIENT_SEND;
		return 0;
	}
	r = load_conn_open(&c->conn, c->shared->options->port, c->shared->context,
	    c->shared->options->resume);
	if (r == 0)
		c->state = LOAD_CLIENT_HANDSHAKE;
	return r;
}

static void
close_now(struct load_client *c)
{
	load_conn_close(&c->conn);
	c->state = LOAD_CLIENT_CLOSED;
}

static void
fail(struct load_client *c)
{
	c->shared->count->errors++;
	close_now(c);
}

/* The events in data: their times are all that is looked at. Returns where the last of
 * them ended, so that what follows may be one that is cut. */
static size_t
time_events(struct load_client *c, struct span data)
{
	const uint64_t now = load_now_ns();
	size_t at = 0;
	const char *tag;

	while ((tag = memmem(data.p + at, data.n - at, time_tag.p, time_tag.n)) != NULL) {
		const size_t digits = (size_t)(tag - data.p) + time_tag.n;

		if (data.n - digits < TIME_DIGITS + 1)
			break;
		load_count_sample(
		    c->shared->count, now - strtoull(data.p + digits, NULL, 10));
		c->shared->count->events++;
		c->served = true;
		at = digits + TIME_DIGITS;
	}
	return at;
}

/* Keep the end of data, in which another event may begin. */
static void
keep_carry(struct load_client *c, struct span data)
{
	c->n_carry = data.n < LOAD_CARRY_MAX ? data.n : LOAD_CARRY_MAX;
	memcpy(c->carry, data.p + data.n - c->n_carry, c->n_carry);
}

static void
on_body(void *arg, struct span body)
{
	struct load_client *c = arg;
	char border[LOAD_CARRY_MAX * 2];
	const size_t head = body.n < LOAD_CARRY_MAX ? body.n : LOAD_CARRY_MAX;
	const size_t n = c->n_carry + head;
	size_t end;

	c->shared->count->bytes_in += body.n;
	if (!c->shared->options->events)
		return;
	/* across the border of two pieces first; then the piece itself */
	memcpy(border, c->carry, c->n_carry);
	memcpy(border + c->n_carry, body.p, head);
	end = time_events(c, (struct span){ border, n });
	if (head == body.n) {
		keep_carry(c, (struct span){ border + end, n - end });
		return;
	}
	end = end > c->n_carry ? end - c->n_carry : 0;
	end += time_events(c, (struct span){ body.p + end, body.n - end });
	keep_carry(c, (struct span){ body.p + end, body.n - end });
}

/* The whole answer is there. */
static void
answered(struct load_client *c)
{
	struct load_count *count = c->shared->count;

	count->requests++;
	count->bytes_out += c->shared->options->body.n;
	if (!c->shared->options->events)
		load_count_sample(count, load_now_ns() - c->begun_ns);
	c->served = true;
	c->state = c->shared->options->fresh ? LOAD_CLIENT_END : LOAD_CLIENT_IDLE;
}

static bool
do_handshake(struct load_client *c)
{
	const int r = load_conn_handshake(&c->conn);

	if (r == LOAD_CONN_FAILED)
		fail(c);
	if (r != 0)
		return r == LOAD_CONN_FAILED;
	c->shared->count->handshakes++;
	if (load_conn_is_resumed(&c->conn))
		c->shared->count->resumed++;
	c->state = LOAD_CLIENT_SEND;
	return true;
}

/* Returns whether something came of it; if not, the socket has to be waited for. */
static bool
do_send(struct load_client *c)
{
	struct span *s = c->out[0].n > 0 ? &c->out[0] : &c->out[1];
	ssize_t n;

	if (s->n == 0) {
		/* there is no answer yet as a rule, and the next event tells */
		c->state = LOAD_CLIENT_READ;
		return load_conn_has_pending(&c->conn);
	}
	n = load_conn_send(&c->conn, s->p, s->n);
	if (n == LOAD_CONN_AGAIN)
		return false;
	if (n <= 0)
		fail(c);
	else
		*s = (struct span){ s->p + n, s->n - (size_t)n };
	return true;
}

/* The connection has ended: just what was waited for, or in the middle of something. */
static void
on_end(struct load_client *c)
{
	if (c->state == LOAD_CLIENT_READ) {
		fail(c);
		return;
	}
	if (c->state == LOAD_CLIENT_IDLE)
		c->shared->count->reopened++;
	close_now(c);
}

static bool
do_read(struct load_client *c)
{
	ssize_t n = load_conn_recv(&c->conn, c->shared->scratch, LOAD_SCRATCH);

	if (n == LOAD_CONN_AGAIN)
		return false;
	if (n <= 0) {
		on_end(c);
		return true;
	}
	if (c->state != LOAD_CLIENT_READ) {
		fail(c); /* bytes that nobody has asked for */
		return true;
	}
	load_answer_feed(
	    &c->answer, (struct span){ c->shared->scratch, (size_t)n }, on_body, c);
	if (c->answer.state == LOAD_ANSWER_BAD)
		fail(c);
	else if (c->answer.state == LOAD_ANSWER_DONE)
		answered(c);
	/* with nothing pending the next event tells, which spares a call that would fail */
	return load_conn_has_pending(&c->conn);
}

void
load_client_pump(struct load_client *c)
{
	bool more = true;

	while (more) {
		switch (c->state) {
		case LOAD_CLIENT_HANDSHAKE: more = do_handshake(c); break;
		case LOAD_CLIENT_SEND: more = do_send(c); break;
		case LOAD_CLIENT_READ:
		case LOAD_CLIENT_END:
		case LOAD_CLIENT_IDLE: more = do_read(c); break;
		case LOAD_CLIENT_CLOSED: return;
		}
	}
}
