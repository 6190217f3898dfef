/*
 * Bytes in and out; see wire.h. OpenSSL talks to a BIO whose reads are served from
 * the last recv and whose writes are collected for the next send.
 */
#include "worker/wire_out.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <openssl/bio.h>
#include <openssl/err.h>

enum {
	WIRE_RECORD = 16 * 1024,
	/* TLS 1.3: header, type of content, tag (RFC 8446 section 5.2) */
	WIRE_RECORD_OVERHEAD = 5 + 1 + 16,
	/* TCP over Ethernet sends so much as one packet, which the network card cuts: as many
	 * segments of 1448 bytes as 64 KiB hold, less some room for headers. (The loopback
	 * takes a little more.) The few bytes that are left over would cost another one. */
	WIRE_PACKET = 45 * 1448,
	/* four whole records, or sixteen, where the peer sends full ones */
	WIRE_RECV_TLS = 4 * (WIRE_RECORD + WIRE_RECORD_OVERHEAD),
	WIRE_RECV_TLS_LONG = 4 * WIRE_RECV_TLS,
	/* what fills packets on the other side: in records, with a chunk's framing around it */
	WIRE_CHUNK_FRAMING = 16,
	WIRE_RECV_PLAIN = WIRE_PACKET - 4 * WIRE_RECORD_OVERHEAD - WIRE_CHUNK_FRAMING,
	WIRE_RECV_PLAIN_LONG =
	    8 * WIRE_PACKET - 32 * WIRE_RECORD_OVERHEAD - WIRE_CHUNK_FRAMING,
	WIRE_RECV_FULL = 4 * 1024,    /* while more is kept than may be */
	WIRE_PLAIN = 8 * WIRE_PACKET, /* a recv's worth */
	/* the largest write in one go, encrypted: what one read brought, and heads */
	WIRE_OUT = 8 * WIRE_PACKET + 4 * WIRE_RECORD,
	/* of one read: each has keys derived, and who means well sends one in 2^24 records
	 * (RFC 8446 section 5.5) */
	WIRE_KEY_UPDATES_MAX = 32,
	/* with so much unread, TLS itself answers nothing more (key updates): answers of
	 * ours never amount to it, for their senders wait */
	WIRE_UNREAD_MAX = 960 * 1024
};

/* Of TLS a recv's worth and one record that OpenSSL still held. */
_Static_assert(
    (int)WIRE_RECV_TLS_LONG + 17 * 1024 <= (int)WIRE_PLAIN, "a read has no room");

static int
bio_read(BIO *bio, char *buf, int n)
{
	struct wire_io *io = BIO_get_data(bio);
	size_t take = io->in_n < (size_t)n ? io->in_n : (size_t)n;

	BIO_clear_retry_flags(bio);
	if (take == 0 || io->key_updates > WIRE_KEY_UPDATES_MAX) {
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(buf, io->in, take);
	io->in += take;
	io->in_n -= take;
	return (int)take;
}

static int
bio_write(BIO *bio, const char *buf, int n)
{
	struct wire_io *io = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (n <= 0 || (size_t)n > WIRE_OUT - io->out_n)
		return -1; /* callers leave room; a broken promise ends the connection */
	memcpy(io->out + io->out_n, buf, (size_t)n);
	io->out_n += (size_t)n;
	return n;
}

static long
bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	(void)bio;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

static int
bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

int
wire_io_init(struct wire_io *io, size_t kept_max)
{
	*io = (struct wire_io){ .kept_max = kept_max,
		.plain = malloc(WIRE_PLAIN),
		.cipher = malloc(WIRE_RECV_TLS_LONG),
		.out = malloc(WIRE_OUT),
		.record = malloc(WIRE_RECORD),
		.later = malloc(WIRE_LATER_BYTES),
		.bio = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire") };
	if (io->plain == NULL || io->cipher == NULL || io->out == NULL ||
	    io->record == NULL || io->later == NULL || io->bio == NULL ||
	    BIO_meth_set_read(io->bio, bio_read) != 1 ||
	    BIO_meth_set_write(io->bio, bio_write) != 1 ||
	    BIO_meth_set_ctrl(io->bio, bio_ctrl) != 1 ||
	    BIO_meth_set_create(io->bio, bio_create) != 1) {
		wire_io_fini(io);
		return -ENOMEM;
	}
	return 0;
}

void
wire_io_fini(struct wire_io *io)
{
	free(io->plain);
	free(io->cipher);
	free(io->out);
	free(io->record);
	free(io->later);
	BIO_meth_free(io->bio);
	*io = (struct wire_io){ 0 };
}

/* OpenSSL has read or written a message. */
static void
on_message(
    int written, int version, int type, const void *p, size_t n, SSL *ssl, void *arg)
{
	struct wire_io *io = arg;

	(void)version;
	(void)ssl;
	if (!written && type == SSL3_RT_HANDSHAKE && n > 0 &&
	    *(const unsigned char *)p == SSL3_MT_KEY_UPDATE)
		io->key_updates++;
}

int
wire_init(struct wire *w, struct wire_io *io, int fd, SSL *ssl)
{
	BIO *bio;

	*w = (struct wire){ .fd = fd, .io = io, .ssl = ssl };
	if (ssl == NULL) {
		w->handshaken = true;
		return 0;
	}
	w->server = SSL_is_server(ssl) == 1;
	bio = BIO_new(io->bio);
	if (bio == NULL) {
		ERR_clear_error();
		wire_fini(w, false);
		return -ENOMEM;
	}
	BIO_set_data(bio, io);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_msg_callback(ssl, on_message);
	SSL_set_msg_callback_arg(ssl, io);
	return 0;
}

static void
ticket_free(struct wire *w)
{
	free(w->ticket);
	w->ticket = NULL;
	w->ticket_n = 0;
}

void
wire_fini(struct wire *w, bool abort)
{
	if (w->fd != -1) {
		if (abort) {
			const struct linger now = { .l_onoff = 1, .l_linger = 0 };

			/* A failure only makes it an ordinary close. */
			(void)setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		}
		close(w->fd);
	}
	SSL_free(w->ssl);
	ticket_free(w);
	wire_out_free(w);
	*w = (struct wire){ .fd = -1 };
}

void
wire_tune_tcp(int fd)
{
	const int on = 1, idle_s = 60;

	/* Only comfort: a socket without them still works. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
}

void
wire_delay_acks(int fd)
{
	const int off = 0;

	/* Only fewer packets: what does not know it acknowledges as ever. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
}

void
wire_make_plain(struct wire *w)
{
	SSL_free(w->ssl);
	w->ssl = NULL;
	w->handshaken = true;
	w->io->out_n = 0;
}

/* Send what OpenSSL has put out, behind the ticket that it put out before. */
static int
push_out(struct wire *w, enum wire_when when)
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
		return push_out(w, WIRE_NOW);
	w->ticket = malloc(io->out_n);
	if (w->ticket == NULL)
		return push_out(w, WIRE_NOW);
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
	pushed = push_out(w, WIRE_NOW);
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
		    w->pending_n > WIRE_UNREAD_MAX ? ERR_TLS : push_out(w, WIRE_NOW);

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

/* Encrypt up to WIRE_RECORD bytes into io->out, sending before where that is full. */
static int
encrypt(struct wire *w, const char *p, size_t n)
{
	if (n == 0)
		return 0;
	if (WIRE_OUT - w->io->out_n < 2 * WIRE_RECORD) {
		int r = push_out(w, WIRE_NOW_MORE);

		if (r != 0)
			return r;
	}
	/* more than one record where the peer wants short ones (RFC 6066 section 4); of
	 * 512 bytes each their overhead still has room */
	while (n > 0) {
		const int r = SSL_write(w->ssl, p, (int)n);

		if (r <= 0) {
			ERR_clear_error();
			return ERR_TLS;
		}
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

/* Encrypt a piece; of io->record *used bytes wait for what follows. */
static int
encrypt_piece(struct wire *w, struct span rest, bool last, size_t *used)
{
	int r = 0;

	while (rest.n > 0 && r == 0) {
		const size_t room = WIRE_RECORD - *used;
		const size_t part = rest.n < room ? rest.n : room;

		if (*used == 0 && (part == WIRE_RECORD || last)) {
			r = encrypt(w, rest.p, part);
		} else {
			memcpy(w->io->record + *used, rest.p, part);
			*used += part;
		}
		if (*used == WIRE_RECORD) {
			r = encrypt(w, w->io->record, WIRE_RECORD);
			*used = 0;
		}
		rest.p += part;
		rest.n -= part;
	}
	return r;
}

/* Encrypt the pieces as one run of bytes. What fills a record is encrypted from where it
 * lies; what does not is put together with its neighbours. */
static int
encrypt_pieces(struct wire *w, const struct span *pieces, size_t n)
{
	size_t used = 0;
	int r = 0;

	while (n > 0 && pieces[n - 1].n == 0)
		n--;
	for (size_t i = 0; i < n && r == 0; i++)
		r = encrypt_piece(w, pieces[i], i == n - 1, &used);
	return r == 0 ? encrypt(w, w->io->record, used) : r;
}

static enum wire_when
when_of(enum wire_next next)
{
	switch (next) {
	case WIRE_OPEN: return WIRE_LATER;
	case WIRE_MORE: return WIRE_NOW_MORE;
	case WIRE_LAST: break;
	}
	return WIRE_NOW;
}

/* The TLS half of wire_send. */
static int
send_tls(struct wire *w, const struct span *pieces, size_t n, enum wire_next next)
{
	const int r = encrypt_pieces(w, pieces, n);

	if (r != 0) {
		w->io->out_n = 0; /* nothing of this wire may go out on another */
		return r;
	}
	if (next == WIRE_LAST && w->handshaken && SSL_shutdown(w->ssl) < 0)
		ERR_clear_error();
	return push_out(w, when_of(next));
}

/* The plain half of wire_send. */
static int
send_plain(struct wire *w, const struct span *pieces, size_t n, enum wire_next next)
{
	struct iovec iov[WIRE_PIECES_MAX];
	int n_iov = 0;

	for (size_t i = 0; i < n; i++) {
		union {
			const char *in;
			void *out;
		} piece = { .in = pieces[i].p };

		if (pieces[i].n > 0)
			iov[n_iov++] = (struct iovec){ piece.out, pieces[i].n };
	}
	return n_iov == 0 ? 0 : wire_out_send(w, iov, n_iov, when_of(next));
}

int
wire_send(struct wire *w, const struct span *pieces, size_t n, enum wire_next next)
{
	if (n > WIRE_PIECES_MAX)
		abort(); /* what does not fit would be left out */
	if (next == WIRE_LAST)
		wire_out_push(w); /* there may be nothing more to send behind it */
	if (w->failed != 0)
		return w->failed;
	if (next != WIRE_LAST && span_total(pieces, n) == 0)
		return 0;
	return w->ssl != NULL ? send_tls(w, pieces, n, next)
			      : send_plain(w, pieces, n, next);
}
