/*
 * Bytes on their way out; see wire_out.h. What is put off lies in one buffer of the worker, in
 * the order in which it came.
 */
#include "worker/wire_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <event2/event.h>

static void
pending_free(struct wire *w)
{
	if (w->pending == NULL)
		return;
	w->io->kept -= w->pending_cap;
	free(w->pending);
	w->pending = NULL;
	w->pending_off = 0;
	w->pending_cap = 0;
}

/* Keep n bytes for later. Returns 0 or -ENOMEM. */
static int
pending_add(struct wire *w, const char *p, size_t n)
{
	if (w->pending_off > 0) {
		memmove(w->pending, w->pending + w->pending_off, w->pending_n);
		w->pending_off = 0;
	}
	if (w->pending_n + n > w->pending_cap) {
		size_t cap = w->pending_n + n;
		char *grown = realloc(w->pending, cap);

		if (grown == NULL)
			return -ENOMEM;
		w->io->kept += cap - w->pending_cap;
		w->pending = grown;
		w->pending_cap = cap;
	}
	memcpy(w->pending + w->pending_n, p, n);
	w->pending_n += n;
	return 0;
}

/* Send an iovec now; what is left over is kept. */
static int
send_or_keep(struct wire *w, struct iovec *iov, int n_iov, enum wire_when when)
{
	const int flags = MSG_NOSIGNAL | (when == WIRE_NOW_MORE ? MSG_MORE : 0);
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)n_iov };
	size_t took = 0;
	ssize_t r;

	if (w->pending_n == 0) {
		do {
			/* one piece is the rule, and send() the cheaper call */
			r = n_iov == 1 ? send(w->fd, iov->iov_base, iov->iov_len, flags)
				       : sendmsg(w->fd, &msg, flags);
		} while (r == -1 && errno == EINTR);
		if (r == -1 && errno != EAGAIN)
			return -errno;
		if (r > 0)
			took = (size_t)r;
		w->sent += took;
	}
	for (int i = 0; i < n_iov; i++) {
		size_t skip = took < iov[i].iov_len ? took : iov[i].iov_len;
		int err;

		took -= skip;
		if (skip == iov[i].iov_len)
			continue;
		err = pending_add(
		    w, (const char *)iov[i].iov_base + skip, iov[i].iov_len - skip);
		if (err != 0)
			return err;
	}
	return 0;
}

/* --- what is put off --- */

/* One entry's bytes. Its owner is told from the loop of what is not well: whoever pushes has
 * other things in hand. An event that is active already can't be added (libevent 2.1), so
 * the owner's handler adds it if it has to wait. */
static void
send_entry(const struct wire_later *e, char *bytes)
{
	struct wire *w = e->wire;
	struct iovec iov = { bytes, e->n };

	w->put_off = false;
	if (w->failed == 0)
		w->failed = send_or_keep(w, &iov, 1, WIRE_NOW);
	if (w->failed != 0 || w->pending_n > 0)
		event_active(w->on_stuck, EV_WRITE, 0);
}

void
wire_io_flush(struct wire_io *io)
{
	size_t at = 0;

	for (size_t i = 0; i < io->n_later; i++) {
		const struct wire_later *e = &io->entry[i];

		if (e->wire != NULL)
			send_entry(e, io->later + at);
		at += e->n;
	}
	io->n_later = 0;
	io->later_n = 0;
}

void
wire_out_push(struct wire *w)
{
	if (w->put_off)
		wire_io_flush(w->io);
}

static void
put_off(struct wire *w, const struct iovec *iov, int n_iov, size_t total)
{
	struct wire_io *io = w->io;
	struct wire_later *e;

	if (io->n_later == WIRE_LATER_MAX || WIRE_LATER_BYTES - io->later_n < total)
		wire_io_flush(io);
	e = io->n_later > 0 ? &io->entry[io->n_later - 1] : NULL;
	if (e == NULL || e->wire != w) {
		e = &io->entry[io->n_later++];
		*e = (struct wire_later){ .wire = w };
	}
	for (int i = 0; i < n_iov; i++) {
		memcpy(io->later + io->later_n, iov[i].iov_base, iov[i].iov_len);
		io->later_n += iov[i].iov_len;
	}
	e->n += total;
	w->put_off = true;
}

int
wire_out_send(struct wire *w, struct iovec *iov, int n_iov, enum wire_when when)
{
	size_t total = 0;

	for (int i = 0; i < n_iov; i++)
		total += iov[i].iov_len;
	if (w->failed == 0 && w->on_stuck != NULL && when == WIRE_LATER &&
	    w->pending_n == 0 && total <= WIRE_LATER_PIECE) {
		put_off(w, iov, n_iov, total);
		return 0;
	}
	wire_out_push(w);
	return w->failed != 0 ? w->failed : send_or_keep(w, iov, n_iov, when);
}

static void
ticket_free(struct wire *w)
{
	free(w->ticket);
	w->ticket = NULL;
	w->ticket_n = 0;
}

int
wire_push_out(struct wire *w, enum wire_when when)
{
	struct iovec iov[2];
	int n = 0;
	int r;

	if (w->io->out_n == 0)
		return 0;
	if (w->ticket != NULL)
		iov[n++] = (struct iovec){ w->ticket, w->ticket_n };
	iov[n++] = (struct iovec){ w->io->out, w->io->out_n };
	w->io->out_n = 0;
	r = wire_out_send(w, iov, n, when);
	ticket_free(w);
	return r;
}

bool
wire_all_taken(struct wire *w)
{
	wire_out_push(w);
	return w->failed == 0 && w->pending_n == 0;
}

int
wire_flush(struct wire *w)
{
	wire_out_push(w);
	if (w->failed != 0)
		return w->failed;
	while (w->pending_n > 0) {
		ssize_t r =
		    send(w->fd, w->pending + w->pending_off, w->pending_n, MSG_NOSIGNAL);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return errno == EAGAIN ? 0 : -errno;
		w->sent += (uint64_t)r;
		w->pending_off += (size_t)r;
		w->pending_n -= (size_t)r;
	}
	pending_free(w);
	return 0;
}

void
wire_out_free(struct wire *w)
{
	struct wire_io *io = w->io;

	for (size_t i = 0; w->put_off && i < io->n_later; i++) {
		if (io->entry[i].wire == w)
			io->entry[i].wire = NULL;
	}
	pending_free(w);
	ticket_free(w);
}
