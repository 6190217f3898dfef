/*
 * The answer's side of a client connection: writing, ending a request, closing. See
 * client_state.h.
 */
#include "worker/client_state.h"

#include <sys/socket.h>

void
client_finish_closing(struct client *c)
{
	if (c->no_linger || c->reset) {
		client_destroy(c);
		return;
	}
	c->state = CLIENT_LINGER;
	(void)shutdown(c->wire.fd, SHUT_WR); /* fails only when it is gone anyway */
	client_watch(c, true);
	client_set_timer(c,
	    c->env->draining && http1_body_done(&c->http) ? CLIENT_LAST_MS
							  : CLIENT_DISCARD_MS);
}

void
client_await_writable(struct client *c)
{
	if (event_add(&c->write_event, NULL) != 0) {
		c->reset = true;
		client_doom(c);
	}
	client_set_timer(c, c->env->cfg->idle_timeout_ms);
}

/* After a write: wait for the kernel if it did not take all. */
static void
after_write(struct client *c, int r)
{
	if (r != 0) {
		c->reset = true; /* a plain end could look like that of the answer */
		client_doom(c);
		return;
	}
	if (wire_pending(&c->wire) > 0)
		client_await_writable(c);
}

static int
send_bytes(struct client *c, const struct client_bytes *bytes, enum wire_next next)
{
	const struct span pieces[] = { bytes->head, bytes->body, bytes->tail };

	return wire_send(&c->wire, pieces, sizeof(pieces) / sizeof(pieces[0]), next);
}

void
client_write(struct client *c, const struct client_bytes *bytes)
{
	if (c->doomed || c->state == CLIENT_DEAD)
		return;
	after_write(c, send_bytes(c, bytes, WIRE_OPEN));
}

/* The request is over and its connection goes on: to the rest of its body, or to
 * the next head. */
static void
next_request(struct client *c)
{
	c->answering = false;
	if (c->state == CLIENT_BODY) {
		c->state = CLIENT_DISCARD;
		c->keep = true;
		c->discarded = 0;
		client_set_timer(c, CLIENT_DISCARD_MS);
	} else {
		c->state = CLIENT_HEAD;
		client_set_idle_timer(c);
	}
	c->paused = false;
	if (!c->pumping) {
		client_watch(c, true);
		client_pump(c, (struct span){ 0 });
	}
}

/* The request is over and so is the connection, once all is sent. */
static void
close_after(struct client *c, bool unread)
{
	c->state = CLIENT_CLOSING;
	c->no_linger = !unread;
	c->paused = false;
	if (c->doomed)
		return;
	if (wire_pending(&c->wire) == 0)
		client_finish_closing(c);
	else
		client_watch(c, false);
}

void
client_end(struct client *c, const struct client_bytes *bytes, bool keep)
{
	/* With a head at fault nobody knows what else is coming; and who is closed on for
	 * a drain may have sent the next request already. */
	bool unread = c->state == CLIENT_BODY || c->state == CLIENT_HEAD || c->in_n > 0 ||
	    c->env->draining;

	if (c->state == CLIENT_DEAD)
		return;
	c->request = NULL;
	if (c->doomed)
		return;
	keep = keep && (!c->env->draining || c->env->grace_ms > 0);
	after_write(c, send_bytes(c, bytes, keep ? WIRE_OPEN : WIRE_LAST));
	if (c->doomed)
		return;
	if (keep)
		next_request(c);
	else
		close_after(c, unread);
}

void
client_abort(struct client *c, struct span tail, bool reset)
{
	int r;

	if (c->state == CLIENT_DEAD)
		return;
	c->request = NULL;
	if (c->doomed)
		return;
	r = wire_write(&c->wire, tail, (struct span){ 0 });
	after_write(c, r != 0 ? r : wire_flush(&c->wire));
	if (c->doomed)
		return;
	c->reset = reset;
	close_after(c, c->state == CLIENT_BODY);
}

size_t
client_pending(const struct client *c)
{
	return c->state == CLIENT_DEAD ? 0 : wire_pending(&c->wire);
}

void
client_send_continue(struct client *c)
{
	static const struct client_bytes go_on = {
		.head = { "HTTP/1.1 100 Continue\r\n\r\n", 25 }
	};

	if (c->state == CLIENT_BODY && !c->body_here)
		client_write(c, &go_on);
}
