/*
 * What is kept of a key in place of its secret: the SHA-256 of its text.
 */
#ifndef GATEHOUSE_COMMON_KEY_HASH_H
#define GATEHOUSE_COMMON_KEY_HASH_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/span.h"

enum { KEY_HASH_BYTES = 32 };

/*
 * SHA-256 of a secret of n bytes (FIPS 180-4). Without memory for it the process aborts:
 * its caller would compare what it did not get.
 */
void key_hash(const char *secret, size_t n, uint8_t out[KEY_HASH_BYTES]);

/* Are two secrets the same? By their hashes: the time it takes says nothing of either, nor
 * of how much of them is right. */
bool key_secret_eq(struct span a, struct span b);

/* For who hashes all the time: nothing is looked up or allocated for each. One thread. */
struct key_hasher {
	EVP_MD *sha256;
	EVP_MD_CTX *context;
};

/* Returns 0 or -ENOMEM; either way it may be given to key_hasher_fini(). */
int key_hasher_init(struct key_hasher *h) MUSTCHECK;
/* Harmless for a zeroed one. */
void key_hasher_fini(struct key_hasher *h);

/* As key_hash(). */
void key_hasher_hash(
    struct key_hasher *h, const char *secret, size_t n, uint8_t out[KEY_HASH_BYTES]);

#endif
