/*
 * The server's OpenSSL contexts, one per certificate pair and chosen by SNI. All
 * files are read here, in the master or in `gatehouse check`; nothing is opened
 * later. No OpenSSL error text goes out but its constant reason strings.
 */
#include "common/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/tls_fingerprint.h"
#include "common/tls_reason.h"
#include "common/tls_tickets.h"

/*
 * AES-128 first: the key exchange (X25519, P-256) gives no more than 128 bits anyway, and
 * AES-256 comes with SHA-384, for which processors have no instruction, as they have for
 * SHA-256. ChaCha20 goes before both for a client that puts it first
 * (SSL_OP_PRIORITIZE_CHACHA).
 */
#define TLS13_CIPHERS                                                                    \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"                                 \
	"TLS_CHACHA20_POLY1305_SHA256"
#define TLS12_CIPHERS "ECDHE+AES128+AESGCM:ECDHE+AESGCM:ECDHE+CHACHA20"
#define TLS_GROUPS "X25519:P-256:P-384"

struct tls_server {
	size_t n;
	SSL_CTX **ctx; /* [0] answers unknown names */
	int64_t *expiry;
	uint64_t fingerprint;
};

/* Never ask anybody for a pass phrase: an encrypted key file is refused. */
static int
no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

/* ALPN (RFC 7301): we speak http/1.1; a client that can't gets the alert. */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen = NULL;

	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* The first pair whose certificate is valid for the name; flags as of X509_check_host(). */
static SSL_CTX *
server_find(const struct tls_server *s, const char *name, unsigned flags)
{
	for (size_t i = 0; i < s->n; i++) {
		X509 *cert = SSL_CTX_get0_certificate(s->ctx[i]);

		if (X509_check_host(cert, name, 0, flags, NULL) == 1)
			return s->ctx[i];
	}
	return NULL;
}

/* SNI (RFC 6066 section 3): a certificate of that very name goes before a wildcard's,
 * in whatever order they are configured. */
static int
on_servername(SSL *ssl, int *alert, void *arg)
{
	const struct tls_server *s = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_CTX *ctx;

	(void)alert;
	if (name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	ctx = server_find(s, name, X509_CHECK_FLAG_NO_WILDCARDS);
	if (ctx == NULL)
		ctx = server_find(s, name, 0);
	if (ctx == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	SSL_set_SSL_CTX(ssl, ctx);
	return SSL_TLSEXT_ERR_OK;
}

/* Protocol settings that do not depend on the certificate. */
static int
server_ctx_tune(SSL_CTX *ctx)
{
	static const unsigned char id[] = "gatehouse";
	char groups[] = TLS_GROUPS; /* OpenSSL's macro wants it writable */

	SSL_CTX_set_options(ctx,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
		SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_COMPRESSION);
	/* The chain is what the file holds: nothing to be looked for in each handshake. */
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
		SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	if (SSL_CTX_set_num_tickets(ctx, 1) != 1 ||
	    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_max_early_data(ctx, 0) != 1 ||
	    SSL_CTX_set_ciphersuites(ctx, TLS13_CIPHERS) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, TLS12_CIPHERS) != 1 ||
	    SSL_CTX_set1_groups_list(ctx, groups) != 1 ||
	    SSL_CTX_set_session_id_context(ctx, id, sizeof(id) - 1) != 1)
		return ERR_TLS;
	return 0;
}

/* Load one pair into ctx; why names the file at fault. */
static int
server_ctx_load(SSL_CTX *ctx, const char *cert, const char *key, struct errmsg *why)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1) {
		errmsg_set(why, "TLS_CERT_FILE: %s: no usable PEM certificate: %s", cert,
		    tls_reason());
		return ERR_INVALID;
	}
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
		unsigned long e = ERR_peek_last_error();
		bool mismatch = ERR_GET_LIB(e) == ERR_LIB_X509 &&
		    ERR_GET_REASON(e) == X509_R_KEY_VALUES_MISMATCH;

		ERR_clear_error();
		if (mismatch)
			errmsg_set(why,
			    "TLS_KEY_FILE: %s: the key does not belong to the "
			    "certificate in %s",
			    key, cert);
		else
			errmsg_set(
			    why, "TLS_KEY_FILE: %s: no usable PEM private key", key);
		return ERR_INVALID;
	}
	if (SSL_CTX_check_private_key(ctx) != 1) {
		ERR_clear_error();
		errmsg_set(why,
		    "TLS_KEY_FILE: %s: the key does not belong to the certificate in %s",
		    key, cert);
		return ERR_INVALID;
	}
	return 0;
}

/* Note the expiry of the loaded pair i and fold it, chain included, into the fingerprint. */
static int
server_note(struct tls_server *s, size_t i)
{
	SSL_CTX *ctx = s->ctx[i];
	X509 *cert = SSL_CTX_get0_certificate(ctx);
	STACK_OF(X509) *chain = NULL;
	struct tm tm;

	if (cert == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) != 1 ||
	    tls_fingerprint_add(&s->fingerprint, cert) != 0 ||
	    SSL_CTX_get0_chain_certs(ctx, &chain) != 1)
		return ERR_TLS;
	for (int c = 0; c < sk_X509_num(chain); c++) {
		if (tls_fingerprint_add(&s->fingerprint, sk_X509_value(chain, c)) != 0)
			return ERR_TLS;
	}
	s->expiry[i] = (int64_t)timegm(&tm);
	return 0;
}

/* Build the context of pair i. */
static int
server_add(struct tls_server *s, const struct config *cfg, size_t i,
    const struct published *published, struct errmsg *why)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int r;

	if (ctx == NULL) {
		ERR_clear_error();
		return -ENOMEM;
	}
	s->ctx[s->n++] = ctx; /* owned by s from here on */
	r = server_ctx_tune(ctx);
	if (r == 0)
		r = server_ctx_load(
		    ctx, cfg->tls_cert_files.v[i], cfg->tls_key_files.v[i], why);
	if (r == 0)
		r = server_note(s, i);
	if (r == 0 && published != NULL)
		r = tls_tickets_attach(ctx, published);
	if (r == 0 && published == NULL) {
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
		r = SSL_CTX_set_num_tickets(ctx, 0) == 1 ? 0 : ERR_TLS;
	}
	if (r == ERR_TLS)
		errmsg_set(
		    why, "TLS_CERT_FILE: %s: %s", cfg->tls_cert_files.v[i], tls_reason());
	return r == ERR_TLS ? ERR_INVALID : r;
}

int
tls_server_create(const struct config *cfg, const struct published *published,
    struct tls_server **out, struct errmsg *why)
{
	struct tls_server *s = NULL;
	int r = 0;

	*out = NULL;
	if (cfg->tls_cert_files.n == 0)
		return 0;
	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->ctx = calloc(cfg->tls_cert_files.n, sizeof(SSL_CTX *))) == NULL ||
	    (s->expiry = calloc(cfg->tls_cert_files.n, sizeof(int64_t))) == NULL) {
		r = -ENOMEM;
		goto out;
	}
	s->fingerprint = TLS_FINGERPRINT_EMPTY;
	for (size_t i = 0; i < cfg->tls_cert_files.n && r == 0; i++)
		r = server_add(s, cfg, i, published, why);
	if (r != 0)
		goto out;
	if (s->n > 1) {
		SSL_CTX_set_tlsext_servername_callback(s->ctx[0], on_servername);
		SSL_CTX_set_tlsext_servername_arg(s->ctx[0], s);
	}
	*out = s;
	s = NULL;
out:
	if (r == -ENOMEM)
		errmsg_set(why, "no memory for the TLS context");
	tls_server_destroy(&s);
	return r;
}

void
tls_server_destroy(struct tls_server **s)
{
	if (*s == NULL)
		return;
	for (size_t i = 0; i < (*s)->n; i++)
		SSL_CTX_free((*s)->ctx[i]);
	free((void *)(*s)->ctx);
	free((*s)->expiry);
	free(*s);
	*s = NULL;
}

SSL *
tls_server_new(const struct tls_server *s)
{
	SSL *ssl = SSL_new(s->ctx[0]);

	if (ssl == NULL)
		ERR_clear_error();
	else
		SSL_set_accept_state(ssl);
	return ssl;
}

int64_t
tls_server_expiry(const struct tls_server *s)
{
	int64_t first = s->expiry[0];

	for (size_t i = 1; i < s->n; i++)
		if (s->expiry[i] < first)
			first = s->expiry[i];
	return first;
}

int64_t
tls_server_pair_expiry(const struct tls_server *s, size_t i)
{
	return i < s->n ? s->expiry[i] : INT64_MAX;
}

uint64_t
tls_server_fingerprint(const struct tls_server *s)
{
	return s->fingerprint;
}
