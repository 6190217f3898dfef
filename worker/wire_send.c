/*
 * What wires send, in as few records and sends as possible. See wire.h.
 */
#include "worker/wire_out.h"
#include "worker/wire_size.h"

#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>

/* Encrypt up to WIRE_RECORD bytes into io->out, sending before where that is full. */
static int
encrypt(struct wire *w, const char *p, size_t n)
{
	if (n == 0)
		return 0;
	if (WIRE_OUT - w->io->out_n < 2 * WIRE_RECORD) {
		int r = wire_push_out(w, WIRE_NOW_MORE);

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
	return wire_push_out(w, when_of(next));
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
