/*
 * Certificates for one test, in its temporary folder, and configurations that name
 * them.
 */
#ifndef GATEHOUSE_TESTS_TLS_CASE_H
#define GATEHOUSE_TESTS_TLS_CASE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/config.h"
#include "tests/unit/tempdir.h"

struct tls_pair {
	char cert[128], key[128];
};

/* The lists of a configuration point into storage of the test. */
struct tls_files {
	char *certs[4], *keys[4];
};

static inline void
tls_case_san(X509 *cert, const char *names)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, names);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(cert, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static inline X509 *
tls_case_sign(EVP_PKEY *key, const char *names, long days)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	assert_non_null(cert);
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), rand());
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), days * 86400);
	X509_NAME_add_entry_by_txt(
	    subject, "CN", MBSTRING_ASC, (const unsigned char *)"unit", -1, -1, 0);
	X509_set_issuer_name(cert, subject);
	X509_set_pubkey(cert, key);
	tls_case_san(cert, names);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

/* A new self-signed P-256 pair NAME.crt and NAME.key. passphrase NULL: the key is
 * not encrypted. */
static inline struct tls_pair
tls_case_pair(const struct tempdir *dir, const char *name, const char *names, long days,
    const char *passphrase)
{
	struct tls_pair pair;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert;
	FILE *f;

	assert_non_null(key);
	cert = tls_case_sign(key, names, days);
	snprintf(pair.cert, sizeof(pair.cert), "%s/%s.crt", dir->path, name);
	snprintf(pair.key, sizeof(pair.key), "%s/%s.key", dir->path, name);
	f = fopen(pair.cert, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, cert), 1);
	assert_int_equal(fclose(f), 0);
	f = fopen(pair.key, "w");
	assert_non_null(f);
	assert_int_equal(PEM_write_PKCS8PrivateKey(f, key,
			     passphrase != NULL ? EVP_aes_128_cbc() : NULL, passphrase,
			     passphrase != NULL ? (int)strlen(passphrase) : 0, NULL, NULL),
	    1);
	assert_int_equal(fclose(f), 0);
	X509_free(cert);
	EVP_PKEY_free(key);
	return pair;
}

/* A server's configuration with these pairs. */
static inline struct config
tls_case_config(struct tls_files *files, struct tls_pair *pairs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		files->certs[i] = pairs[i].cert;
		files->keys[i] = pairs[i].key;
	}
	return (struct config){
		.tls_cert_files = { .v = files->certs, .n = n },
		.tls_key_files = { .v = files->keys, .n = n },
	};
}

#endif
