/*
 * Hashes of keys; see key_hash.h. OpenSSL 3 looks an algorithm up by its name, under
 * locks, whenever it is not given a fetched one, and SHA256() makes a context each time:
 * together they take several times as long as the hash itself.
 */
#include "common/key_hash.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>

void
key_hash(const char *secret, size_t n, uint8_t out[KEY_HASH_BYTES])
{
	if (SHA256((const unsigned char *)secret, n, out) == NULL)
		abort();
}

bool
key_secret_eq(struct span a, struct span b)
{
	uint8_t ha[KEY_HASH_BYTES], hb[KEY_HASH_BYTES];
	bool same;

	key_hash(a.p, a.n, ha);
	key_hash(b.p, b.n, hb);
	same = CRYPTO_memcmp(ha, hb, sizeof(ha)) == 0;
	OPENSSL_cleanse(ha, sizeof(ha));
	OPENSSL_cleanse(hb, sizeof(hb));
	return same;
}

int
key_hasher_init(struct key_hasher *h)
{
	h->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	h->context = EVP_MD_CTX_new();
	if (h->sha256 != NULL && h->context != NULL &&
	    EVP_DigestInit_ex2(h->context, h->sha256, NULL) == 1)
		return 0;
	ERR_clear_error();
	return -ENOMEM;
}

void
key_hasher_fini(struct key_hasher *h)
{
	EVP_MD_CTX_free(h->context);
	EVP_MD_free(h->sha256);
	*h = (struct key_hasher){ 0 };
}

void
key_hasher_hash(
    struct key_hasher *h, const char *secret, size_t n, uint8_t out[KEY_HASH_BYTES])
{
	/* begun anew for the next: nothing of this one stays in the context */
	if (EVP_DigestUpdate(h->context, secret, n) != 1 ||
	    EVP_DigestFinal_ex(h->context, out, NULL) != 1 ||
	    EVP_DigestInit_ex2(h->context, h->sha256, NULL) != 1)
		abort();
}
