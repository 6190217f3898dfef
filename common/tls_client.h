/*
 * The OpenSSL context of connections to an https upstream. The master builds it, so
 * that roots that can't be read refuse the start, and the workers inherit it.
 */
#ifndef GATEHOUSE_COMMON_TLS_CLIENT_H
#define GATEHOUSE_COMMON_TLS_CLIENT_H

#include <stdint.h>
#include <openssl/ssl.h>

#include "common/config.h"
#include "common/err.h"

/*
 * Client context for an https upstream: verifies against UPSTREAM_CA_FILE or the
 * system's roots, and the host name. out stays NULL for other schemes.
 */
struct tls_client;
int tls_client_create(
    const struct config *cfg, struct tls_client **out, struct errmsg *why) MUSTCHECK;
void tls_client_destroy(struct tls_client **c);

/* A hash over the certificates that it trusts: differs when their file has changed. */
uint64_t tls_client_fingerprint(const struct tls_client *c);

/* A new client-side SSL for the configured host (SNI, verification); caller's. */
SSL *tls_client_new(const struct tls_client *c);

#endif
