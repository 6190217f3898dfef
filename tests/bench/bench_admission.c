/*
 * What admission costs: hashing the secret, the look-up, and the windows of the
 * address, of all keys together and of the key. Thread CPU time, best of some rounds.
 * With --check: exit 1 if it is over its bound.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/shared.h"
#include "worker/gate.h"

enum { ROUNDS = 5, ASKS = 200000, BOUND_NS = 1000 };

struct bench {
	struct shared shared;
	struct key_hasher hasher;
	struct keyset set;
	char (*secrets)[32];
	size_t n_keys, n_addresses;
};

static uint64_t
cpu_ns(void)
{
	struct timespec t;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) != 0)
		abort();
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void
set_up(struct bench *b, size_t n_keys, size_t n_addresses)
{
	const struct settings settings = { .rate = { 16000000, 60 },
		.ip_rate = { 16000000, 60 } };

	*b = (struct bench){ .n_keys = n_keys, .n_addresses = n_addresses };
	b->set.n = n_keys;
	b->set.v = calloc(n_keys, sizeof(*b->set.v));
	b->secrets = calloc(n_keys, sizeof(*b->secrets));
	if (b->set.v == NULL || b->secrets == NULL ||
	    shared_create(131072, &b->shared) != 0 || key_hasher_init(&b->hasher) != 0)
		abort();
	for (size_t i = 0; i < n_keys; i++) {
		struct key *k = &b->set.v[i];

		(void)snprintf(b->secrets[i], sizeof(b->secrets[i]), "pm_bench_%zu", i);
		(void)snprintf(k->id, sizeof(k->id), "key-%zu", i);
		key_hash(b->secrets[i], strlen(b->secrets[i]), k->hash);
		k->enabled = true;
		k->rate_limit = 16000000;
	}
	if (keyring_publish(shared_keyring_mutable(b->shared.published), &b->set) != 0)
		abort();
	shared_put_settings(b->shared.published, &settings);
}

static void
tear_down(struct bench *b)
{
	key_hasher_fini(&b->hasher);
	shared_destroy(&b->shared);
	free(b->set.v);
	free((void *)b->secrets);
}

/* One admission for the i-th of a scattered order of keys and addresses. */
static bool
ask(struct bench *b, size_t i)
{
	const size_t pick = i * 2654435761U;
	struct addr client = { .b = { [10] = 0xff, [11] = 0xff, [12] = 10 } };
	const uint32_t host = (uint32_t)(pick % b->n_addresses);
	struct keyring_entry entry;
	struct window_state state;

	memcpy(&client.b[13], &host, 3);
	return gate_admit_address(&b->shared, &client, &state) &&
	    gate_identify(&b->hasher, shared_keyring(b->shared.published),
		span_of(b->secrets[pick % b->n_keys]), 1, &entry) == GATE_KNOWN &&
	    gate_admit_key(&b->shared, &entry, &state);
}

static uint64_t
measure(struct bench *b)
{
	uint64_t best = UINT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t from = cpu_ns(), each;

		for (size_t i = 0; i < ASKS; i++) {
			if (!ask(b, i))
				abort(); /* the limits are out of reach */
		}
		each = (cpu_ns() - from) / ASKS;
		best = each < best ? each : best;
	}
	return best;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		size_t keys, addresses;
		bool bound;
	} cases[] = {
		{ "10 keys, 10 addresses", 10, 10, true },
		{ "1000 keys, 100 addresses", 1000, 100, true },
		{ "100,000 keys, 20,000 addresses", 100000, 20000, false },
	};
	const bool check = argc > 1 && strcmp(argv[1], "--check") == 0;
	int status = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench b;
		uint64_t ns;

		set_up(&b, cases[i].keys, cases[i].addresses);
		ns = measure(&b);
		tear_down(&b);
		printf(
		    "admission, %-32s %6llu ns\n", cases[i].name, (unsigned long long)ns);
		if (check && cases[i].bound && ns > BOUND_NS)
			status = 1;
	}
	return status;
}
