/*
 * Connections to an https upstream; see tls_client.h. All files are read here, in the
 * master or in `gatehouse check`; nothing is opened later. No OpenSSL error text goes
 * out but its constant reason strings.
 */
#include "common/tls_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "common/tls_fingerprint.h"
#include "common/tls_reason.h"

struct tls_client {
	SSL_CTX *ctx;
	char *host;
	bool host_is_address;
	uint64_t fingerprint;
};

/* Load the roots: whole, now, because a worker opens no file later. */
static int
client_load_roots(SSL_CTX *ctx, const char *ca_file, struct errmsg *why)
{
	const char *env = getenv(X509_get_default_cert_file_env());
	const char *const files[] = { env, X509_get_default_cert_file(),
		"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt" };

	if (ca_file != NULL) {
		if (SSL_CTX_load_verify_file(ctx, ca_file) == 1)
			return 0;
		errmsg_set(why, "UPSTREAM_CA_FILE: %s: no usable PEM certificates: %s",
		    ca_file, tls_reason());
		return ERR_INVALID;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (files[i] != NULL && SSL_CTX_load_verify_file(ctx, files[i]) == 1)
			return 0;
		ERR_clear_error();
	}
	errmsg_set(why,
	    "UPSTREAM_URL: https needs root certificates: install ca-certificates or "
	    "set UPSTREAM_CA_FILE");
	return ERR_INVALID;
}

/* Fold all roots into the fingerprint; their order does not matter. */
static int
client_fingerprint(struct tls_client *c)
{
	const STACK_OF(X509_OBJECT) *roots =
	    X509_STORE_get0_objects(SSL_CTX_get_cert_store(c->ctx));

	for (int i = 0; i < sk_X509_OBJECT_num(roots); i++) {
		const X509 *cert = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(roots, i));
		uint64_t h = TLS_FINGERPRINT_EMPTY;

		if (cert != NULL && tls_fingerprint_add(&h, cert) != 0)
			return ERR_TLS;
		c->fingerprint += h;
	}
	return 0;
}

uint64_t
tls_client_fingerprint(const struct tls_client *c)
{
	return c->fingerprint;
}

int
tls_client_create(const struct config *cfg, struct tls_client **out, struct errmsg *why)
{
	struct tls_client *c = NULL;
	struct addr literal;
	int r = -ENOMEM;

	*out = NULL;
	if (cfg->upstream.scheme != UPSTREAM_HTTPS)
		return 0;
	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (c->host = strdup(cfg->upstream.host)) == NULL ||
	    (c->ctx = SSL_CTX_new(TLS_client_method())) == NULL) {
		ERR_clear_error();
		errmsg_set(why, "no memory for the TLS context");
		goto out;
	}
	c->host_is_address = addr_parse(span_of(c->host), &literal) == 0;
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(c->ctx,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
		SSL_MODE_ENABLE_PARTIAL_WRITE);
	SSL_CTX_set_options(c->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	if (SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION) != 1) {
		errmsg_set(why, "UPSTREAM_URL: %s", tls_reason());
		r = ERR_INVALID;
		goto out;
	}
	if ((r = client_load_roots(c->ctx, cfg->upstream_ca_file, why)) != 0)
		goto out;
	if (client_fingerprint(c) != 0) {
		errmsg_set(why, "UPSTREAM_CA_FILE: %s", tls_reason());
		r = ERR_INVALID;
		goto out;
	}
	*out = c;
	c = NULL;
out:
	tls_client_destroy(&c);
	return r;
}

void
tls_client_destroy(struct tls_client **c)
{
	if (*c == NULL)
		return;
	SSL_CTX_free((*c)->ctx);
	free((*c)->host);
	free(*c);
	*c = NULL;
}

SSL *
tls_client_new(const struct tls_client *c)
{
	SSL *ssl = SSL_new(c->ctx);
	int ok;

	if (ssl == NULL) {
		ERR_clear_error();
		return NULL;
	}
	if (c->host_is_address)
		ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), c->host);
	else
		ok = SSL_set1_host(ssl, c->host) == 1 &&
		    SSL_set_tlsext_host_name(ssl, c->host) == 1;
	if (ok != 1) {
		ERR_clear_error();
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_connect_state(ssl);
	return ssl;
}
