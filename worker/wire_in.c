/*
 * What wires read: bytes as they are, or decrypted, and the handshake before them. See wire.h.
 */
#include "worker/wire_out.h"
#include "worker/wire_size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <openssl/err.h>

enum {
	/* what fills packets on the other side: in records, with a chunk's framing around it */
	WIRE_CHUNK_FRAMING = 16,
	WIRE_RECV_PLAIN = WIRE_PACKET - 4 * WIRE_RECORD_OVERHEAD - WIRE_CHUNK_FRAMING,
	WIRE_RECV_PLAIN_LONG =
	    8 * WIRE_PACKET - 32 * WIRE_RECORD_OVERHEAD - WIRE_CHUNK_FRAMING,
	WIRE_RECV_FULL = 4 * 1024, /* while more is kept than may be */
	/* with so much unread, TLS itself answers nothing more (key updates): answers of
	 * ours never amount to it, for their senders wait */
	WIRE_UNREAD_MAX = 960 * 1024
};

/* Of TLS a recv's worth and one record that OpenSSL still held. */
_Static_assert(
    (int)WIRE_RECV_TLS_LONG + 17 * 1024 <= (int)WIRE_PLAIN, "a read has no room");

/* One recv of up to n bytes, fewer while memory is short. Returns bytes, 0 at FIN, or
 * -errno. */
static ssize_t
recv_some(const struct wire *w, char *buf, size_t n)
{
	const size_t room = wire_io_full(w->io) ? WIRE_RECV_FULL : n;
	ssize_t r;

	do {
		r = recv(w->fd, buf, room, 0);
	} while (r == -1 && errno == EINTR);
	return r == -1 ? -errno : r;
}

/* What an OpenSSL call that returned r means to our caller. */
static int
ssl_result(struct wire *w, int r)
{
	switch (SSL_get_error(w->ssl, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE: return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN: return ERR_CLOSED;
	default: ERR_clear_error(); return ERR_TLS;
	}
}

/* All that a server of TLS 1.3 has to say at the end is a ticket (RFC 8446 section 4.6.1),
 * which nobody waits for: it goes in the same send as the first answer. */
static int
end_handshake(struct wire *w)
{
	struct wire_io *io = w->io;

	w->handshaken = true;
	if (!w->server || io->out_n == 0 || SSL_version(w->ssl) != TLS1_3_VERSION)
		return wire_push_out(w, WIRE_NOW);
	w->ticket = malloc(io->out_n);
	if (w->ticket == NULL)
		return wire_push_out(w, WIRE_NOW);
	memcpy(w->ticket, io->out, io->out_n);
	w->ticket_n = io->out_n;
	io->out_n = 0;
	return 0;
}

/* Go on with the handshake on what io->in holds; send what it wants said. */
static int
handshake_step(struct wire *w)
{
	int pushed;
	int r;

	/* a handshake takes as long as a dozen answers, and none of those waits for it */
	wire_io_flush(w->io);
	r = SSL_do_handshake(w->ssl);
	if (r == 1)
		return end_handshake(w);
	r = ssl_result(w, r);
	/* Also after a failure: the alert tells the peer why. */
	pushed = wire_push_out(w, WIRE_NOW);
	return r != 0 ? r : pushed;
}

int
wire_start_handshake(struct wire *w)
{
	int r;

	w->io->in_n = 0;
	r = handshake_step(w);
	return r == -EAGAIN ? 0 : r;
}

/* Does the first record look like plain HTTP instead of a ClientHello? */
static bool
looks_like_http(const struct wire *w)
{
	return w->server && !w->handshaken && w->io->in_n > 0 && w->io->in[0] >= 'A' &&
	    w->io->in[0] <= 'Z' && SSL_get_state(w->ssl) == TLS_ST_BEFORE;
}

/* Decrypt all of io->in into io->plain. n_out may be set with an error, too: what
 * came before the end still counts. */
static int
decrypt(struct wire *w, size_t *n_out)
{
	struct wire_io *io = w->io;
	size_t n = 0;
	int r = 1;

	while (n < WIRE_PLAIN) {
		r = SSL_read(w->ssl, io->plain + n, (int)(WIRE_PLAIN - n));
		if (r <= 0)
			break;
		n += (size_t)r;
		if (io->in_n == 0 && SSL_pending(w->ssl) == 0)
			break; /* OpenSSL could only say that it wants more */
	}
	*n_out = n;
	return r > 0 ? 0 : ssl_result(w, r);
}

/* The TLS half of wire_read. */
static int
read_tls(struct wire *w, bool much, struct wire_bytes *data_out)
{
	struct wire_io *io = w->io;
	ssize_t got = recv_some(w, io->cipher, much ? WIRE_RECV_TLS_LONG : WIRE_RECV_TLS);
	size_t n = 0;
	int r;

	if (got < 0)
		return (int)got;
	if (got == 0) {
		w->fin = true;
		return w->handshaken ? ERR_TLS : ERR_CLOSED; /* no close_notify: cut */
	}
	io->in = io->cipher;
	io->in_n = (size_t)got;
	io->key_updates = 0;
	if (!w->handshaken) {
		if (looks_like_http(w))
			return ERR_SYNTAX;
		r = handshake_step(w);
		if (r != 0)
			return r;
	}
	r = decrypt(w, &n);
	if (io->key_updates > WIRE_KEY_UPDATES_MAX)
		r = ERR_TLS; /* it is only kept busy */
	if (io->out_n > 0) { /* a key update's answer, an alert */
		int pushed =
		    w->pending_n > WIRE_UNREAD_MAX ? ERR_TLS : wire_push_out(w, WIRE_NOW);

		io->out_n = 0;
		if (pushed != 0)
			return pushed;
	}
	if (n == 0)
		return r == 0 ? -EAGAIN : r;
	if (r != -EAGAIN)
		w->ahead = r;
	*data_out = (struct wire_bytes){ io->plain, n };
	return 0;
}

int
wire_read_bytes(struct wire *w, bool much, struct wire_bytes *data_out)
{
	ssize_t got;

	if (w->ahead != 0)
		return w->ahead;
	wire_out_push(w); /* an answer is read when its request has been sent */
	if (w->ssl != NULL) {
		int r = read_tls(w, much, data_out);

		w->io->in_n = 0;
		return r;
	}
	got = recv_some(w, w->io->plain, much ? WIRE_RECV_PLAIN_LONG : WIRE_RECV_PLAIN);
	if (got < 0)
		return (int)got;
	if (got == 0) {
		w->fin = true;
		return ERR_CLOSED;
	}
	*data_out = (struct wire_bytes){ w->io->plain, (size_t)got };
	return 0;
}

int
wire_read(struct wire *w, struct span *data_out)
{
	struct wire_bytes bytes = { 0 };
	int r = wire_read_bytes(w, false, &bytes);

	if (r == 0)
		*data_out = (struct span){ bytes.p, bytes.n };
	return r;
}
