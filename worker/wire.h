/*
 * The bytes of one connection, plain or TLS, to a client or to upstream. Reads
 * take some 64 KiB with one recv into buffers that the whole worker shares, up to 512 KiB
 * where that is asked for; TLS is fed from memory, so OpenSSL itself makes no system call.
 * Writes go out with one send; what the kernel does not take is kept here until
 * wire_flush(). Small ones wait for the end of the loop's turn where the owner can be told
 * of what becomes of them: many sends in a row find the kernel's code in the caches, and
 * wake a peer up once. Knows nothing of time-outs or HTTP.
 */
#ifndef GATEHOUSE_WORKER_WIRE_H
#define GATEHOUSE_WORKER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <openssl/ssl.h>

#include "common/err.h"
#include "common/span.h"

enum {
	WIRE_LATER_MAX = 16,         /* so many sends are put off, at most */
	WIRE_LATER_PIECE = 4 * 1024, /* none of them larger */
	WIRE_LATER_BYTES = 32 * 1024
};

struct event;
struct wire;

/* One send that was put off. */
struct wire_later {
	struct wire *wire; /* NULL: gone meanwhile */
	size_t n;          /* bytes */
};

/* Shared by all connections of a worker; but for what is put off, used only within one
 * call. */
struct wire_io {
	char *plain;  /* what wire_read gives out */
	char *cipher; /* what recv took, before decryption */
	char *out;    /* what OpenSSL wants sent */
	char *record; /* small pieces put together into one record */
	size_t out_n;
	const char *in; /* ciphertext that OpenSSL has still to take */
	size_t in_n;
	unsigned key_updates; /* in what OpenSSL has taken of this read */
	BIO_METHOD *bio;
	char *later; /* what is put off, in the order of entries */
	size_t later_n, n_later;
	struct wire_later entry[WIRE_LATER_MAX];
	/* Bytes that connections keep between events (bodies, unread answers), and from
	 * how many on reads are small, so that each connection adds little. */
	size_t kept, kept_max;
};

struct wire {
	int fd; /* -1: none */
	bool handshaken;
	bool server;
	bool fin;           /* the peer's FIN has been read */
	bool put_off;       /* some of it waits in io->later */
	struct wire_io *io; /* borrowed */
	SSL *ssl;           /* owned; NULL: plain */
	char *pending;      /* owned: bytes the kernel has not taken */
	size_t pending_off, pending_n, pending_cap;
	char *ticket; /* owned: a server's, encrypted; goes out ahead of its first output */
	size_t ticket_n;
	uint64_t sent; /* bytes the kernel took, ever */
	int ahead;     /* not 0: the result of the next wire_read, known already */
	int failed;    /* not 0: -errno of a send that had been put off */
	/* Borrowed; set by an owner who lets sends be put off: is made active with EV_WRITE
	 * when such a send failed or the kernel took not all. Then call wire_flush(). */
	struct event *on_stuck;
};

/* What has been read. */
struct wire_bytes {
	char *p;
	size_t n;
};

/* Allocate the shared buffers. kept_max: bytes. Returns 0 or -ENOMEM. */
int wire_io_init(struct wire_io *io, size_t kept_max) MUSTCHECK;
void wire_io_fini(struct wire_io *io);

/*
 * Take over a connected (or connecting) non-blocking socket.
 * ssl  taken over; NULL for plain. On failure (-ENOMEM) both are released.
 */
int wire_init(struct wire *w, struct wire_io *io, int fd, SSL *ssl) MUSTCHECK;

/* Send what was put off. Call it at the end of each turn of the loop. */
void wire_io_flush(struct wire_io *io);

/* Close the socket and free everything. With abort a TCP reset is sent. What was put off is
 * not sent any more: whoever wants it sent calls wire_flush() before. */
void wire_fini(struct wire *w, bool abort);

/* Is as much kept as may be? */
static inline bool
wire_io_full(const struct wire_io *io)
{
	return io->kept >= io->kept_max;
}

/*
 * Read what is there, once. Goes on with a TLS handshake first; its output is sent, but
 * for a server's ticket, which goes ahead of what is sent next.
 * much      what is read goes on as fast as it comes: take up to 512 KiB, 256 KiB with TLS
 * data_out  on 0: at least one byte, the caller's to change, valid until the next read
 *           on any wire of this worker.
 * Returns 0, -EAGAIN (nothing, or the handshake goes on), ERR_CLOSED (clean end:
 * FIN, or close_notify under TLS), ERR_SYNTAX (plain HTTP where a TLS handshake
 * was expected), ERR_TLS, -errno.
 */
int wire_read_bytes(struct wire *w, bool much, struct wire_bytes *data_out) MUSTCHECK;
/* The same for who changes nothing. */
int wire_read(struct wire *w, struct span *data_out) MUSTCHECK;

/* Is there a result to be had without the socket becoming readable? Then call
 * wire_read again once the data given out has been dealt with. */
static inline bool
wire_has_more(const struct wire *w)
{
	return w->ahead != 0;
}

/* A client's side: start the TLS handshake. Returns 0, ERR_TLS or -errno. */
int wire_start_handshake(struct wire *w) MUSTCHECK;

enum { WIRE_PIECES_MAX = 3 };

/* What comes behind the bytes that are sent. */
enum wire_next {
	WIRE_OPEN, /* something or nothing, nobody knows when */
	/* More, and soon: what does not fill a packet may be kept by the kernel, up to 200 ms
	 * (MSG_MORE, send(2); TCP_CORK, tcp(7)). */
	WIRE_MORE,
	/* Nothing: good-bye is said in the same send, close_notify under TLS. The socket stays
	 * open for reading. It is not put off. */
	WIRE_LAST,
};

/*
 * Send up to WIRE_PIECES_MAX pieces as one (any may be empty), as few records and sends
 * as possible. Everything is taken: what the kernel does not accept is kept. With
 * on_stuck up to WIRE_LATER_PIECE bytes may be put off; they go out ahead of whatever
 * follows, and before the next read.
 * Returns 0, -ENOMEM, ERR_TLS or -errno (EPIPE, ECONNRESET): the wire is dead then.
 */
int wire_send(
    struct wire *w, const struct span *pieces, size_t n, enum wire_next next) MUSTCHECK;

static inline MUSTCHECK int
wire_write(struct wire *w, struct span head, struct span body)
{
	return wire_send(w, (struct span[]){ head, body }, 2, WIRE_OPEN);
}

/* Send what was put off, and try to send what is pending. Returns 0 (look at wire_pending),
 * -ENOMEM or -errno. */
int wire_flush(struct wire *w) MUSTCHECK;

/* Has the kernel taken all? What was put off is sent now, to know. */
bool wire_all_taken(struct wire *w);

/* Bytes kept because the kernel has not taken them; none that are put off. */
static inline size_t
wire_pending(const struct wire *w)
{
	return w->pending_n;
}

static inline MUSTCHECK int
wire_write_last(struct wire *w, struct span head, struct span body)
{
	return wire_send(w, (struct span[]){ head, body }, 2, WIRE_LAST);
}

/* Options that every TCP socket gets: no delay, keep-alive after 60 s (some networks
 * forget flows that are silent for 4 min). Accepted sockets inherit a listener's. */
void wire_tune_tcp(int fd);

/* The peer will send little by little, and be sent nothing: let the kernel acknowledge
 * several packets at once (TCP_QUICKACK off, tcp(7); RFC 9293 section 3.8.6.3), where it
 * would have a packet of its own for each read. The kernel goes back to that by itself
 * once 40 ms pass without another packet: so long, and once, waits a peer that sends
 * nothing small before the last has been acknowledged (RFC 9293 section 3.7.4). */
void wire_delay_acks(int fd);

/* After ERR_SYNTAX of wire_read: go on in plain text, to say so. */
void wire_make_plain(struct wire *w);

#endif
