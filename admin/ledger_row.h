/*
 * How usage lies in the ledger: keys that sort by hour, counters of fixed width.
 * Pure; knows nothing of where the bytes go.
 */
#ifndef GATEHOUSE_ADMIN_LEDGER_ROW_H
#define GATEHOUSE_ADMIN_LEDGER_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/span.h"

enum {
	LEDGER_NAME_MAX = 255, /* bytes of a key id, a model or an endpoint */
	LEDGER_KEY_MAX = 4 + 3 * (LEDGER_NAME_MAX + 1)
};

enum ledger_counter {
	LEDGER_REQUESTS,
	LEDGER_REQUESTS_CUT, /* those among them that were broken off */
	LEDGER_INPUT_TOKENS, /* not from a cache */
	LEDGER_CACHED_READ,
	LEDGER_CACHED_WRITE,
	LEDGER_OUTPUT_TOKENS,
	LEDGER_AUDIO_BYTES,
	LEDGER_AUDIO_MS,
	LEDGER_COST_NEUR, /* billionths of a euro */
	LEDGER_COUNTERS
};

enum { LEDGER_COUNTERS_BYTES = LEDGER_COUNTERS * 8 };

/* None is ever negative. */
struct ledger_counters {
	int64_t v[LEDGER_COUNTERS];
};

/* Whose usage: NUL-terminated, borrowed. */
struct ledger_row_key {
	uint32_t hour; /* since 1970, UTC */
	const char *key_id;
	const char *model;
	const char *endpoint;
};

/* Bytes of a key, as they sort: hour big-endian, then the names with their NULs. */
struct ledger_key {
	uint8_t b[LEDGER_KEY_MAX];
	size_t n;
};

/* Returns 0 or ERR_TOO_LARGE (a name is). */
int ledger_row_encode(const struct ledger_row_key *k, struct ledger_key *out) MUSTCHECK;

/* out's names point into bytes. Returns 0 or ERR_SYNTAX. */
int ledger_row_decode(struct span bytes, struct ledger_row_key *out) MUSTCHECK;

/* The least key of an hour. */
void ledger_row_first(uint32_t hour, struct ledger_key *out);

struct span ledger_key_span(const struct ledger_key *k);

void ledger_counters_encode(
    const struct ledger_counters *c, uint8_t out[LEDGER_COUNTERS_BYTES]);
/* Returns 0 or ERR_SYNTAX (another size, or a negative counter). */
int ledger_counters_decode(struct span bytes, struct ledger_counters *out) MUSTCHECK;

/* sum += c, stopping at the largest value there is. */
void ledger_counters_add(struct ledger_counters *sum, const struct ledger_counters *c);

/* Big-endian and little-endian integers, for the other tables. */
void ledger_put_be(uint64_t v, uint8_t *out, size_t n);
uint64_t ledger_get_be(const uint8_t *b, size_t n);
void ledger_put_le(uint64_t v, uint8_t *out, size_t n);
uint64_t ledger_get_le(const uint8_t *b, size_t n);

#endif
