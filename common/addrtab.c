/*
 * The address table. All workers use it at the same time, and each may be killed
 * between any two instructions.
 *
 * An entry's owner is one atomic word: 57 bits of the address's keyed hash and
 * the entry's generation. With the bucket's number they make up the whole 64-bit
 * hash, so two addresses share an entry once in 2^64 pairs, and no address is
 * kept in memory at all. Taking an entry over is one compare-and-swap of that
 * word, which ups the generation: nothing is ever half-claimed, and counts under
 * older generations don't hold. Sweeping them out comes after; a claimer killed
 * before that leaves dead cells, which the next one sweeps.
 *
 * A bucket fills from its first way on and no entry is ever emptied. So two
 * processes that bring a new address at once try for the same way, and the second
 * one finds the first one's entry: the address has one window. Only in a full
 * bucket, when its oldest entry is seen again between the looks of the two, may
 * they take over different ways; the first way is used from then on, and the few
 * admissions of that instant counted in the other are lost. Whoever is evicted
 * begins anew when he comes back: the price of a fixed size.
 */
#include "common/addrtab.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

enum { GENERATION_BITS = 7, MAX_ENTRIES = 1 << 24 };

#define GENERATION_MASK ((UINT64_C(1) << GENERATION_BITS) - 1)

struct bucket {
	_Alignas(64) _Atomic uint64_t owner[ADDRTAB_WAYS]; /* 0: never used */
	_Atomic uint64_t seen_ms[ADDRTAB_WAYS];
};

/* Buckets and then windows follow. */
struct addrtab {
	_Alignas(64) uint64_t key[2];
	uint32_t n_buckets; /* a power of two */
};

_Static_assert(sizeof(struct addrtab) == 64, "buckets begin on a cache line");
_Static_assert(sizeof(struct bucket) == 128, "two cache lines");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a dead process must hold no lock");

static uint32_t
buckets_for(uint32_t entries)
{
	uint32_t n = 1;

	if (entries > MAX_ENTRIES)
		entries = MAX_ENTRIES;
	while (n * ADDRTAB_WAYS < entries)
		n *= 2;
	return n;
}

size_t
addrtab_bytes(uint32_t entries)
{
	return sizeof(struct addrtab) +
	    (size_t)buckets_for(entries) *
	    (sizeof(struct bucket) + ADDRTAB_WAYS * sizeof(struct window));
}

struct addrtab *
addrtab_init(void *mem, uint32_t entries, const uint8_t key[ADDRTAB_KEY_BYTES])
{
	struct addrtab *t = mem;

	memcpy(t->key, key, sizeof(t->key));
	t->n_buckets = buckets_for(entries);
	return t;
}

static struct bucket *
bucket_at(struct addrtab *t, uint32_t i)
{
	return (struct bucket *)(void *)(t + 1) + i;
}

static struct window *
window_at(struct addrtab *t, uint32_t entry)
{
	return (struct window *)(void *)bucket_at(t, t->n_buckets) + entry;
}

static uint64_t
rotate(uint64_t v, unsigned bits)
{
	return v << bits | v >> (64 - bits);
}

static void
sip_rounds(uint64_t v[4], unsigned n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

/* SipHash-2-4 (Aumasson and Bernstein, 2012) of 16 bytes. Words are taken in the
 * machine's order: all who share the table share that. */
static uint64_t
sip_hash(const uint64_t key[2], const uint8_t in[16])
{
	uint64_t v[4] = { key[0] ^ UINT64_C(0x736f6d6570736575),
		key[1] ^ UINT64_C(0x646f72616e646f6d),
		key[0] ^ UINT64_C(0x6c7967656e657261),
		key[1] ^ UINT64_C(0x7465646279746573) };
	uint64_t word[3] = { 0, 0, UINT64_C(16) << 56 }; /* the last holds the length */

	memcpy(word, in, 16);
	for (int i = 0; i < 3; i++) {
		v[3] ^= word[i];
		sip_rounds(v, 2);
		v[0] ^= word[i];
	}
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The way that holds print or, if none does, the one to take over; *owner_out gets its
 * owner. */
static uint32_t
bucket_search(struct bucket *b, uint64_t print, uint64_t *owner_out)
{
	uint64_t oldest_ms = 0;
	uint32_t way = 0;

	for (uint32_t i = 0; i < ADDRTAB_WAYS; i++) {
		const uint64_t owner = atomic_load(&b->owner[i]);
		const uint64_t seen_ms =
		    atomic_load_explicit(&b->seen_ms[i], memory_order_relaxed);

		/* none was ever used from an empty one on */
		if (owner >> GENERATION_BITS == print || owner == 0) {
			*owner_out = owner;
			return i;
		}
		if (i == 0 || seen_ms < oldest_ms) {
			oldest_ms = seen_ms;
			*owner_out = owner;
			way = i;
		}
	}
	return way;
}

/* The way of print, taken over if need be; *owner_out gets its owner. A swap fails only
 * because another process has claimed that way, so somebody always gets on. */
static uint32_t
bucket_enter(struct bucket *b, uint64_t print, uint64_t *owner_out, bool *claimed_out)
{
	for (;;) {
		uint64_t owner = 0;
		const uint32_t way = bucket_search(b, print, &owner);
		const uint64_t next =
		    print << GENERATION_BITS | ((owner + 1) & GENERATION_MASK);

		*claimed_out = owner >> GENERATION_BITS != print;
		*owner_out = *claimed_out ? next : owner;
		if (!*claimed_out ||
		    atomic_compare_exchange_strong(&b->owner[way], &owner, next))
			return way;
	}
}

void
addrtab_find(struct addrtab *t, const struct addr *unit, uint32_t version,
    uint64_t now_ms, struct addrtab_place *out)
{
	const uint64_t hash = sip_hash(t->key, unit->b);
	const uint32_t bucket = (uint32_t)hash & (t->n_buckets - 1);
	const uint64_t top = hash >> GENERATION_BITS;
	struct bucket *b = bucket_at(t, bucket);
	uint64_t owner;
	bool claimed;
	const uint32_t way = bucket_enter(b, top != 0 ? top : 1, &owner, &claimed);

	if (atomic_load_explicit(&b->seen_ms[way], memory_order_relaxed) != now_ms)
		atomic_store_explicit(&b->seen_ms[way], now_ms, memory_order_relaxed);
	out->entry = bucket * ADDRTAB_WAYS + way;
	out->window = window_at(t, out->entry);
	out->tag = window_tag((uint32_t)(owner & GENERATION_MASK), version);
	if (claimed)
		window_sweep(out->window, out->tag);
}
