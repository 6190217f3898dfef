/*
 * A client's connection; see client.h. Reads are registered once, level-triggered;
 * the write event exists only while something is pending. Freed through the
 * graveyard, so every function may still look at c->state after a callback.
 */
#include "worker/client_state.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENT_MAGIC = 0x636c6e74 };

static void on_timer(struct wheel_entry *e);
static void on_ready(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

static struct client *
client_check(void *arg)
{
	struct client *c = arg;

	if (c->magic != CLIENT_MAGIC)
		abort();
	return c;
}

static void
client_free(struct env_grave *g)
{
	struct client *c = (struct client *)g;

	c->magic = 0;
	free(c);
}

void
client_free_in(struct client *c)
{
	if (c->in == NULL)
		return;
	env_release(c->env, c->in_cap);
	free(c->in);
	c->in = NULL;
	c->in_n = 0;
	c->in_cap = 0;
}

/* Would a plain end hide that the last bytes of an answer are thrown away? What delimits
 * it is not known here any more, so each is taken for one that ends with its connection.
 */
static bool
cuts_the_end(const struct client *c)
{
	return c->state == CLIENT_CLOSING && wire_pending(&c->wire) > 0;
}

void
client_destroy(struct client *c)
{
	bool reset;

	if (c->state == CLIENT_DEAD)
		return;
	/* what has been said goes out first; who has gone already does not hear it */
	(void)wire_all_taken(&c->wire);
	reset = c->reset || cuts_the_end(c);
	c->state = CLIENT_DEAD;
	event_del(&c->read_event);
	event_del(&c->write_event);
	wheel_cancel(&c->env->wheel, &c->timer);
	wire_fini(&c->wire, reset);
	client_free_in(c);
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		c->list->first = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->list->n--;
	c->on_closed(c->on_closed_arg, &c->addr);
	env_bury(c->env, &c->grave, client_free);
}

void
client_lost(struct client *c)
{
	if (c->request != NULL) {
		c->reset = c->ops->on_gone(c) || c->reset;
		c->request = NULL;
	}
	client_destroy(c);
}

/* Nothing is in flight: say good-bye (close_notify under TLS) and close. */
static void
close_idle(struct client *c)
{
	/* Best effort: who has gone already does not hear it. */
	(void)(wire_write_last(&c->wire, (struct span){ 0 }, (struct span){ 0 }) == 0);
	client_destroy(c);
}

void
client_doom(struct client *c)
{
	c->doomed = true;
	event_active(&c->read_event, EV_READ, 0);
}

void
client_set_timer(struct client *c, uint64_t ms)
{
	wheel_set(&c->env->wheel, &c->timer, c->env->now_ms + ms, on_timer);
}

void
client_set_idle_timer(struct client *c)
{
	uint64_t last_ms = c->env->grace_ms > 0 ? c->env->grace_ms : CLIENT_LAST_MS;
	bool last = c->env->draining && wire_pending(&c->wire) == 0;

	client_set_timer(c, last ? last_ms : c->env->cfg->idle_timeout_ms);
}

/* While bytes wait to be read by it, the client's time to do so runs, and no other. */
void
client_set_body_timer(struct client *c)
{
	if (wire_pending(&c->wire) > 0)
		return;
	if (c->state == CLIENT_BODY && !c->paused && !c->answering)
		client_set_timer(c, c->env->cfg->body_timeout_ms);
	else
		wheel_cancel(&c->env->wheel, &c->timer);
}

void
client_answering(struct client *c)
{
	c->answering = true;
	client_set_body_timer(c);
}

/* Make both events, level- or edge-triggered; the loop wants them of one kind. */
static void
assign_events(struct client *c, short kind)
{
	struct event_base *base = c->env->base;

	event_assign(&c->read_event, base, c->wire.fd,
	    (short)(EV_READ | kind | EV_PERSIST), on_ready, c);
	event_assign(&c->write_event, base, c->wire.fd,
	    (short)(EV_WRITE | (kind & EV_ET) | EV_PERSIST), on_writable, c);
}

/*
 * Who is not to be read is watched edge-triggered, for both ways to leave: a FIN is
 * EV_CLOSED, but a reset comes as EV_READ, and data that lies unread must not wake the
 * loop again and again. on_writable always goes on until EAGAIN, so edges suffice it.
 */
void
client_watch(struct client *c, bool data)
{
	bool writing;

	if (c->reading == data || c->state == CLIENT_DEAD || c->doomed)
		return;
	writing = event_pending(&c->write_event, EV_WRITE, NULL) != 0;
	event_del(&c->read_event);
	event_del(&c->write_event);
	assign_events(c, data ? 0 : EV_CLOSED | EV_ET);
	c->reading = data;
	if (event_add(&c->read_event, NULL) != 0 ||
	    (writing && event_add(&c->write_event, NULL) != 0))
		client_doom(c);
}

/* Has the client of a connection that is not read left? One that waits for the last
 * bytes may have closed its own direction. */
static bool
has_left(const struct client *c)
{
	const short ends = c->state == CLIENT_CLOSING ? 0 : POLLRDHUP;
	struct pollfd p = { .fd = c->wire.fd, .events = ends };

	return poll(&p, 1, 0) == 1 && (p.revents & (ends | POLLHUP | POLLERR)) != 0;
}

void
client_pause(struct client *c)
{
	if (c->state != CLIENT_BODY || c->paused)
		return;
	c->paused = true;
	c->pace = (struct pace){ 0 }; /* upstream is near, and seldom slow for long */
	if (!c->pumping)
		client_watch(c, false);
	client_set_body_timer(c); /* we are the slow one now */
}

void
client_resume(struct client *c)
{
	if (c->state != CLIENT_BODY || !c->paused)
		return;
	c->paused = false;
	client_set_body_timer(c);
	if (!c->pumping) {
		client_watch(c, true);
		client_pump(c, (struct span){ 0 });
	}
}

/* What the client sends after we have said all is thrown away unread. */
static void
linger_read(struct client *c)
{
	ssize_t n = recv(c->wire.fd, c->env->io.cipher, 16384, 0);

	if (n > 0)
		c->discarded += (uint64_t)n;
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR) ||
	    c->discarded > c->env->cfg->max_body)
		client_destroy(c);
}

static void
read_some(struct client *c)
{
	const bool much = c->state == CLIENT_BODY && pace_is_fast(&c->pace);
	struct wire_bytes data = { 0 };
	int r = wire_read_bytes(&c->wire, much, &data);

	/* TLS may have had something to say that the kernel did not take. */
	if (wire_pending(&c->wire) > 0 && event_add(&c->write_event, NULL) != 0) {
		client_lost(c);
		return;
	}
	if (r == -EAGAIN)
		return;
	if (r == ERR_SYNTAX) {
		wire_make_plain(&c->wire);
		client_fault(c, CLIENT_HTTP_ON_TLS, HTTP1_OK);
		return;
	}
	if (r != 0) {
		client_lost(c);
		return;
	}
	client_pump(c, (struct span){ data.p, data.n });
	if (c->state == CLIENT_BODY && !c->paused)
		pace_read(&c->pace, data.n);
	if (c->state != CLIENT_DEAD && c->state != CLIENT_LINGER &&
	    c->state != CLIENT_CLOSING && wire_has_more(&c->wire))
		client_lost(c);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = client_check(arg);

	(void)fd;
	(void)what;
	env_now(c->env);
	if (c->state == CLIENT_DEAD)
		return;
	if (c->doomed || (!c->reading && has_left(c)))
		client_lost(c);
	else if (c->state == CLIENT_LINGER)
		linger_read(c);
	else if (c->reading)
		read_some(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = client_check(arg);

	(void)fd;
	(void)what;
	env_now(c->env);
	if (c->state == CLIENT_DEAD)
		return;
	if (wire_flush(&c->wire) != 0) {
		client_lost(c);
		return;
	}
	if (wire_pending(&c->wire) > 0) {
		client_await_writable(c);
		return;
	}
	event_del(&c->write_event);
	if (c->state == CLIENT_CLOSING) {
		client_finish_closing(c);
		return;
	}
	if (c->state == CLIENT_ANSWER || c->state == CLIENT_BODY)
		client_set_body_timer(c);
	if (c->state == CLIENT_DISCARD)
		client_set_timer(c, CLIENT_DISCARD_MS);
	if (c->state == CLIENT_HEAD)
		client_next_head(c);
	else if (c->request != NULL)
		c->ops->on_drained(c);
}

static void
on_timer(struct wheel_entry *e)
{
	struct client *c = client_check((char *)e - offsetof(struct client, timer));

	if (wire_pending(&c->wire) > 0) { /* it does not read what we send */
		client_lost(c);
		return;
	}
	switch ((enum client_state)c->state) {
	case CLIENT_HEAD:
		if (c->in_n > 0)
			client_fault(c, CLIENT_HEAD_TIMEOUT, HTTP1_OK);
		else
			close_idle(c);
		return;
	case CLIENT_BODY: client_fault(c, CLIENT_BODY_TIMEOUT, HTTP1_OK); return;
	case CLIENT_ANSWER: return; /* upstream's time-outs decide */
	case CLIENT_DISCARD:
	case CLIENT_CLOSING:
	case CLIENT_LINGER: client_lost(c); return;
	case CLIENT_DEAD: return;
	}
}

/* Make the events and the wire. Returns 0 or -ENOMEM; the socket is c's then. */
static int
client_attach(struct client *c, int fd)
{
	SSL *ssl = NULL;

	if (c->port->tls && (ssl = tls_server_new(c->env->tls)) == NULL) {
		close(fd);
		return -ENOMEM;
	}
	if (wire_init(&c->wire, &c->env->io, fd, ssl) != 0)
		return -ENOMEM;
	c->wire.on_stuck = &c->write_event;
	c->reading = true;
	assign_events(c, 0);
	if (event_add(&c->read_event, NULL) == 0)
		return 0;
	wire_fini(&c->wire, false);
	return -ENOMEM;
}

int
client_open(struct worker_env *env, struct client_list *list,
    const struct client_port *port, const struct client_ops *ops, int fd,
    const struct addr *addr, void (*on_closed)(void *arg, const struct addr *addr),
    void *arg)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return -ENOMEM;
	}
	c->magic = CLIENT_MAGIC;
	c->env = env;
	c->list = list;
	c->port = port;
	c->ops = ops;
	c->addr = *addr;
	c->on_closed = on_closed;
	c->on_closed_arg = arg;
	http1_init(&c->http, HTTP1_REQUEST);
	if (client_attach(c, fd) != 0) {
		free(c);
		return -ENOMEM;
	}
	c->next = list->first;
	if (c->next != NULL)
		c->next->prev = c;
	list->first = c;
	if (++list->n > list->peak)
		list->peak = list->n;
	client_set_timer(c, env->cfg->header_timeout_ms);
	return 0;
}

void
client_set_request(struct client *c, void *request)
{
	c->request = request;
}

void *
client_request(const struct client *c)
{
	return c->request;
}

struct worker_env *
client_env(const struct client *c)
{
	return c->env;
}

const struct addr *
client_addr(const struct client *c)
{
	return &c->addr;
}

const struct client_port *
client_port(const struct client *c)
{
	return c->port;
}

/* Nothing of the client is under way: no answer to it, no byte from it. */
static bool
is_idle(struct client *c)
{
	char byte;

	return c->state == CLIENT_HEAD && c->in_n == 0 && c->wire.handshaken &&
	    wire_all_taken(&c->wire) &&
	    recv(c->wire.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

void
client_list_drain(struct client_list *list)
{
	struct client *next;

	for (struct client *c = list->first; c != NULL; c = next) {
		next = c->next;
		if (!is_idle(c))
			continue;
		if (c->env->grace_ms == 0)
			close_idle(c);
		else
			client_set_idle_timer(c);
	}
}

void
client_list_close(struct client_list *list)
{
	struct client *next;

	for (struct client *c = list->first; c != NULL; c = next) {
		next = c->next;
		client_lost(c);
	}
}
