/*
 * A number that differs when certificates do, so that a reload sees whether files have
 * another content. No proof against anybody who tries: the files are our own.
 */
#ifndef GATEHOUSE_COMMON_TLS_FINGERPRINT_H
#define GATEHOUSE_COMMON_TLS_FINGERPRINT_H

#include <stdint.h>
#include <openssl/x509.h>

#include "common/err.h"

/* Of no certificate. */
#define TLS_FINGERPRINT_EMPTY UINT64_C(0xcbf29ce484222325)

/* Fold one certificate into *h (FNV-1a over its SHA-256). Returns 0 or ERR_TLS. */
int tls_fingerprint_add(uint64_t *h, const X509 *cert) MUSTCHECK;

#endif
