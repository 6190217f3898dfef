/*
 * Sealing and opening of session tickets: AES-256-CBC and HMAC-SHA-256 as in RFC
 * 5077 section 4. The keys are read from shared memory at each use, which costs
 * nothing beside the handshake, so a rotation holds at once everywhere.
 */
#include "common/tls_tickets.h"

#include <string.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

int
tls_tickets_rotate(struct ticket_keys *t)
{
	struct ticket_key fresh;

	if (RAND_bytes((unsigned char *)&fresh, sizeof(fresh)) != 1)
		return ERR_TLS;
	memmove(&t->keys[1], &t->keys[0], sizeof(t->keys) - sizeof(t->keys[0]));
	t->keys[0] = fresh;
	if (t->n < SHARED_TICKET_KEYS)
		t->n++;
	OPENSSL_cleanse(&fresh, sizeof(fresh));
	return 0;
}

/* Set up both contexts for one key. Returns 1, or -1 as OpenSSL wants it. */
static int
key_use(const struct ticket_key *key, const unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int enc)
{
	unsigned char hmac[sizeof(key->hmac)];
	char digest[] = "SHA256";
	OSSL_PARAM params[3];
	int ok;

	memcpy(hmac, key->hmac, sizeof(hmac));
	params[0] =
	    OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, hmac, sizeof(hmac));
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
	params[2] = OSSL_PARAM_construct_end();
	ok = EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv, enc) == 1 &&
	    EVP_MAC_CTX_set_params(mac, params) == 1;
	OPENSSL_cleanse(hmac, sizeof(hmac));
	return ok ? 1 : -1;
}

/* Seal with the first key. 0 tells OpenSSL to go on without a ticket. */
static int
seal(const struct ticket_keys *t, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	if (t->n == 0)
		return 0;
	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
		return -1;
	memcpy(name, t->keys[0].name, sizeof(t->keys[0].name));
	return key_use(&t->keys[0], iv, cipher, mac, 1);
}

/* Open with the key of that name: 1, 2 when the client should get a newer
 * ticket, 0 when the key is gone (a full handshake follows).
 * single_use  it should have another one in any case (RFC 8446 appendix C.4) */
static int
unseal(const struct ticket_keys *t, const unsigned char *name, const unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool single_use)
{
	for (size_t i = 0; i < t->n && i < SHARED_TICKET_KEYS; i++) {
		if (memcmp(name, t->keys[i].name, sizeof(t->keys[i].name)) != 0)
			continue;
		if (key_use(&t->keys[i], iv, cipher, mac, 0) != 1)
			return -1;
		return i == 0 && !single_use ? 1 : 2;
	}
	return 0;
}

static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
    EVP_MAC_CTX *mac, int enc)
{
	const struct published *p = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct ticket_keys t;
	int r;

	if (p == NULL || shared_get_tickets(p, &t, NULL) != 0)
		return 0;
	r = enc ? seal(&t, name, iv, cipher, mac)
		: unseal(&t, name, iv, cipher, mac, SSL_version(ssl) == TLS1_3_VERSION);
	OPENSSL_cleanse(&t, sizeof(t));
	return r;
}

int
tls_tickets_attach(SSL_CTX *ctx, const struct published *published)
{
	union {
		const struct published *in;
		void *out;
	} borrowed = { .in = published };

	if (SSL_CTX_set_app_data(ctx, borrowed.out) != 1 ||
	    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) != 1)
		return ERR_TLS;
	return 0;
}
