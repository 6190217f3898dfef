/*
 * The address table: a window for each client address that came by lately, in
 * shared memory of fixed size. Places are found by a keyed hash, so that nobody
 * outside can choose addresses that meet in one place; when a bucket is full its
 * oldest entry gives way. No lock. How: addrtab.c.
 */
#ifndef GATEHOUSE_COMMON_ADDRTAB_H
#define GATEHOUSE_COMMON_ADDRTAB_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/window.h"

enum { ADDRTAB_WAYS = 8, ADDRTAB_KEY_BYTES = 16 };

struct addrtab; /* lives in shared memory */

/* Where an address counts. Good for one request: an entry may go to another address. */
struct addrtab_place {
	struct window *window;
	uint32_t tag;   /* for the rule that the window is asked with */
	uint32_t entry; /* 0 .. entries - 1; a bucket is ADDRTAB_WAYS of them */
};

/* Bytes of shared memory for `entries` addresses (rounded up to a power of two, at least
 * ADDRTAB_WAYS, at most 2^24): 208 each. Pages are touched as addresses come. */
size_t addrtab_bytes(uint32_t entries);

/*
 * Lay out an empty table in zero-filled memory of addrtab_bytes(entries), aligned to 64
 * bytes. key: from the kernel's random numbers, new at each start.
 */
struct addrtab *addrtab_init(
    void *mem, uint32_t entries, const uint8_t key[ADDRTAB_KEY_BYTES]);

/*
 * Find the address's place, or make it one.
 * unit     addr_limit_unit() of the client's address.
 * version  of the window's length, as for window_tag().
 * now_ms   monotonic; the entry counts as seen then.
 * When window_admit() answers ERR_CHANGED, come here again with the version read anew,
 * call window_heal() with the rule so made, and ask again.
 */
void addrtab_find(struct addrtab *t, const struct addr *unit, uint32_t version,
    uint64_t now_ms, struct addrtab_place *out);

#endif
