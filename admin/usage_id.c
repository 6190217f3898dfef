/* See usage_id.h. Records are numbered with a table of the first place of each. */
#include "admin/usage_id.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

/* Into the bytes behind an id's first. Ids that are not made would let records count twice,
 * or not at all: without memory for it the process ends. */
static void
hash_behind(const uint8_t *b, size_t n, uint8_t id[USAGE_ID_BYTES])
{
	if (SHA256(b, n, id + 1) == NULL)
		abort();
}

void
usage_id_hash(const struct ledger_import *v, int64_t ms, uint8_t id[USAGE_ID_BYTES])
{
	const char *const names[] = { v->key.key_id, v->key.model, v->key.endpoint };
	uint8_t b[8 + LEDGER_COUNTERS_BYTES + LEDGER_KEY_MAX] = { 0 };
	size_t n = 8 + LEDGER_COUNTERS_BYTES;

	if (!v->grows) {
		ledger_put_be((uint64_t)ms, b, 8);
		ledger_counters_encode(&v->counters, b + 8);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const size_t len = strlen(names[i]) + 1;

		memcpy(b + n, names[i], len);
		n += len;
	}
	id[0] = v->grows ? 't' : 'r';
	hash_behind(b, n, id);
}

/* How often each record has stood before, counted in a table of their first places. */
struct seen {
	size_t *first;   /* place + 1 of the first like it, 0: free */
	size_t places;   /* a power of two */
	uint64_t *times; /* of the first ones */
};

static void
seen_fini(struct seen *s)
{
	free(s->first);
	free(s->times);
}

static int
seen_init(struct seen *s, size_t n)
{
	for (s->places = 64; s->places < 2 * n; s->places *= 2)
		;
	s->first = calloc(s->places, sizeof(*s->first));
	s->times = calloc(n + 1, sizeof(*s->times));
	return s->first != NULL && s->times != NULL ? 0 : -ENOMEM;
}

static uint64_t
seen_before(struct seen *s, uint8_t (*ids)[USAGE_ID_BYTES], size_t i)
{
	size_t at = ledger_get_be(ids[i] + 1, 8) & (s->places - 1);

	while (s->first[at] != 0 &&
	    memcmp(ids[s->first[at] - 1], ids[i], USAGE_ID_BYTES) != 0)
		at = (at + 1) & (s->places - 1);
	if (s->first[at] == 0)
		s->first[at] = i + 1;
	return s->times[s->first[at] - 1]++;
}

/* The id of the nth record that says the same. */
static void
number_id(uint8_t id[USAGE_ID_BYTES], uint64_t nth)
{
	uint8_t b[SHA256_DIGEST_LENGTH + 8];

	memcpy(b, id + 1, SHA256_DIGEST_LENGTH);
	ledger_put_be(nth, b + SHA256_DIGEST_LENGTH, 8);
	hash_behind(b, sizeof(b), id);
}

int
usage_id_number(uint8_t (*ids)[USAGE_ID_BYTES], struct ledger_import *v, size_t n)
{
	struct seen seen = { NULL, 0, NULL };
	uint64_t *nth = calloc(n + 1, sizeof(*nth));
	int r = nth != NULL ? seen_init(&seen, n) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < n; i++)
		nth[i] = seen_before(&seen, ids, i);
	for (size_t i = 0; r == 0 && i < n; i++) {
		number_id(ids[i], nth[i]);
		v[i].id = (struct span){ (const char *)ids[i], USAGE_ID_BYTES };
	}
	seen_fini(&seen);
	free(nth);
	return r;
}
