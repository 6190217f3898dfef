/*
 * A connection of the load to a gateway: TLS 1.3, or plain TCP for what is measured
 * without a gateway. Non-blocking but for the TCP connect, which loopback answers at once.
 */
#ifndef GATEHOUSE_TESTS_BENCH_LOAD_CONN_H
#define GATEHOUSE_TESTS_BENCH_LOAD_CONN_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct load_conn {
	int fd;               /* -1: closed */
	SSL *ssl;             /* NULL: plain */
	SSL_SESSION *session; /* the last ticket's; outlives the connection */
	bool wants_out;       /* the last call waits for room to write */
};

/* What a call came to, below a count of bytes. */
enum { LOAD_CONN_AGAIN = -1, LOAD_CONN_END = -2, LOAD_CONN_FAILED = -3 };

/* What all connections share; a certificate is not looked at, for that is no work of the
 * gateway's. Returns NULL on no memory; the caller frees it with SSL_CTX_free(). */
SSL_CTX *load_conn_context(void);

/*
 * Open one to 127.0.0.1.
 * context  NULL: plain
 * resume   with the session of an earlier connection of c, if there is one
 * Returns 0 or a negative errno; c is closed then.
 */
int load_conn_open(struct load_conn *c, uint16_t port, SSL_CTX *context, bool resume);

/* Close it without ceremony; its session is kept. Harmless when closed. */
void load_conn_close(struct load_conn *c);
/* Forget the session, too. */
void load_conn_fini(struct load_conn *c);

/* Go on with the handshake. Returns 0 (done), LOAD_CONN_AGAIN or LOAD_CONN_FAILED. */
int load_conn_handshake(struct load_conn *c);

/* Return how many bytes went, or came; else one of the above. */
ssize_t load_conn_send(struct load_conn *c, const void *p, size_t n);
ssize_t load_conn_recv(struct load_conn *c, void *p, size_t room);

/* Has more been read from the socket than given out, so that no event will tell of it? */
bool load_conn_has_pending(const struct load_conn *c);

/* Did the handshake take an earlier session up? */
bool load_conn_is_resumed(const struct load_conn *c);

#endif
