/*
 * Session tickets (RFC 5077, RFC 8446 section 4.6.1) under keys in shared memory:
 * any worker resumes what another one began, and the master rotates the keys
 * without touching anybody.
 */
#ifndef GATEHOUSE_COMMON_TLS_TICKETS_H
#define GATEHOUSE_COMMON_TLS_TICKETS_H

#include <openssl/ssl.h>

#include "common/err.h"
#include "common/shared.h"

/* Fill t with a new first key, the older ones moved back. Returns 0 or ERR_TLS. */
int tls_tickets_rotate(struct ticket_keys *t) MUSTCHECK;

/* Let ctx seal and open its tickets with the keys in published (borrowed for the
 * life of ctx). Returns 0 or ERR_TLS. */
int tls_tickets_attach(SSL_CTX *ctx, const struct published *published) MUSTCHECK;

#endif
