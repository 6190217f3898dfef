/*
 * OpenSSL contexts of the server. The master builds them from files (so that a bad
 * pair refuses the start or the reload) and the workers inherit them over fork.
 * Certificates are chosen by SNI. Ticket keys come from shared memory at each use.
 */
#ifndef GATEHOUSE_COMMON_TLS_H
#define GATEHOUSE_COMMON_TLS_H

#include <stdint.h>
#include <openssl/ssl.h>

#include "common/config.h"
#include "common/err.h"
#include "common/shared.h"

/*
 * Server context for all certificate pairs of cfg; TLS 1.2 (ECDHE, AEAD) and
 * 1.3, server preference, no renegotiation, no compression, no 0-RTT.
 * published  borrowed for the context's life: ticket keys are read from it.
 *            NULL (gatehouse check): no tickets.
 * out        set on 0; free with tls_server_destroy(). Stays NULL when cfg has
 *            no certificate.
 * Returns 0, ERR_INVALID (why names the file) or -ENOMEM.
 */
struct tls_server;
int tls_server_create(const struct config *cfg, const struct published *published,
    struct tls_server **out, struct errmsg *why) MUSTCHECK;
void tls_server_destroy(struct tls_server **s);

/* A new server-side SSL with no BIO set, the caller's; NULL when memory is short. */
SSL *tls_server_new(const struct tls_server *s);

/* The earliest notAfter of all certificates, seconds since 1970. */
int64_t tls_server_expiry(const struct tls_server *s);

/* notAfter of pair i of TLS_CERT_FILE; INT64_MAX behind the last one. */
int64_t tls_server_pair_expiry(const struct tls_server *s, size_t i);

/* A hash over the certificates and keys in use: differs when the files changed. */
uint64_t tls_server_fingerprint(const struct tls_server *s);

#endif
