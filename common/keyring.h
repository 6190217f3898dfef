/*
 * The keyring: all keys in shared memory, open-addressed by the SHA-256 of the
 * secret. The master alone writes; workers and admin read. Two copies, each with
 * an odd/even sequence: the writer fills the idle copy and then flips the index,
 * so a reader is practically never disturbed; one whose sequence moved tries
 * again. Everything is moved as relaxed 64-bit atomics with acquire/release
 * fences. A key keeps its slot over reloads by key_id, so that its windows and
 * counts live on.
 */
#ifndef GATEHOUSE_COMMON_KEYRING_H
#define GATEHOUSE_COMMON_KEYRING_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/keyfile.h"

struct keyring; /* lives in shared memory */

/* What a look-up gives: a private copy. */
struct keyring_entry {
	struct key key;
	uint32_t slot;       /* 0 .. max_keys - 1, stable by key_id over reloads */
	uint32_t generation; /* of the slot: differs once the slot went to another key_id */
	bool by_previous;    /* the presented secret is the previous one */
};

/* Bytes of shared memory needed for max_keys keys (a multiple of 4096). */
size_t keyring_bytes(uint32_t max_keys);

/* Lay out an empty keyring in zero-filled memory of keyring_bytes(max_keys). */
struct keyring *keyring_init(void *mem, uint32_t max_keys);

/*
 * Publish a new set to all readers at once. Writer only. Two entries with one
 * hash: the last holds. Two with one id share a slot.
 * Returns 0, ERR_FULL (nothing changed) or -ENOMEM (nothing changed).
 */
int keyring_publish(struct keyring *k, const struct keyset *set) MUSTCHECK;

/*
 * Find the key whose current or previous secret hashes to hash. O(1).
 * Returns 0, -ENOENT, or ERR_CHANGED when no consistent view was had in a
 * bounded number of tries. Expiry and `enabled` are the caller's to judge
 * (previous_expires_ms too).
 */
int keyring_find(const struct keyring *k, const uint8_t hash[KEY_HASH_BYTES],
    struct keyring_entry *out) MUSTCHECK;

/* The entry in a slot, for those who list (metrics, UI). 0 or -ENOENT. */
int keyring_slot(
    const struct keyring *k, uint32_t slot, struct keyring_entry *out) MUSTCHECK;

/* Number of keys published, and how often a set was published. */
uint32_t keyring_count(const struct keyring *k);
uint64_t keyring_version(const struct keyring *k);

#endif
