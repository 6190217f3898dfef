/*
 * Wires made and ended, and what OpenSSL reads from and writes to; see wire.h: a BIO whose reads
 * are served from the last recv and whose writes are collected for the next send.
 */
#include "worker/wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/bio.h>
#include <openssl/err.h>

#include "worker/wire_out.h"
#include "worker/wire_size.h"

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
