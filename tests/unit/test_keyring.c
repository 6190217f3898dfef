/*
 * The keyring: who is found, slots that stay, and readers in other processes that
 * never see anything but a whole set, whatever happens to the writer. The parts on
 * shared memory fork children on one mapping and check exact totals.
 */
#include "common/keyring.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include <cmocka.h>

#include "common/keyring_layout.h"

enum {
	READERS = 8,
	FORK_KEYS = 500,
	FORK_READS = 20000,
	FORK_SETS = 200,
	KILLS = 150,
	KILL_KEYS = 3000
};

static struct keyring *
ring_new(uint32_t max_keys)
{
	void *mem = mmap(NULL, keyring_bytes(max_keys), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	return keyring_init(mem, max_keys);
}

static void
ring_free(struct keyring *k)
{
	munmap(k, keyring_bytes((uint32_t)k->max_keys));
}

/* Key number i: its secret is "secret-i". */
static struct key
key_of(int i)
{
	struct key k = { .enabled = true, .rate_limit = i };
	char secret[32];

	snprintf(secret, sizeof(secret), "secret-%d", i);
	key_hash(secret, strlen(secret), k.hash);
	snprintf(k.id, sizeof(k.id), "id-%d", i);
	snprintf(k.description, sizeof(k.description), "key number %d", i);
	k.created_ms = i;
	k.expires_ms = 1000 + i;
	return k;
}

/* Keys from..to-1; the caller frees v. */
static struct keyset
set_of(int from, int to)
{
	struct keyset set = { .n = (size_t)(to - from) };

	set.v = calloc(set.n + 1, sizeof(*set.v));
	assert_non_null(set.v);
	for (int i = from; i < to; i++)
		set.v[i - from] = key_of(i);
	return set;
}

static void
publish(struct keyring *k, int from, int to)
{
	struct keyset set = set_of(from, to);

	assert_int_equal(keyring_publish(k, &set), 0);
	free(set.v);
}

static int
find(const struct keyring *k, int i, struct keyring_entry *out)
{
	struct key want = key_of(i);

	return keyring_find(k, want.hash, out);
}

static void
an_empty_ring_finds_nobody(void **state)
{
	struct keyring *k = ring_new(10);
	struct keyring_entry e;

	(void)state;
	assert_int_equal(find(k, 1, &e), -ENOENT);
	assert_int_equal(keyring_slot(k, 0, &e), -ENOENT);
	assert_int_equal(keyring_count(k), 0);
	assert_int_equal(keyring_version(k), 0);
	publish(k, 0, 0);
	assert_int_equal(find(k, 1, &e), -ENOENT);
	assert_int_equal(keyring_version(k), 1);
	ring_free(k);
}

static void
all_keys_of_a_full_ring_are_found_with_all_their_fields(void **state)
{
	struct keyring *k = ring_new(1000);
	struct keyset set = set_of(0, 1000);
	struct keyring_entry e;

	(void)state;
	memset(set.v[7].id, 'i', KEY_ID_MAX);
	memset(set.v[7].description, 'd', KEY_DESCRIPTION_MAX);
	set.v[8].id[1] = '\0';
	set.v[8].description[0] = '\0';
	set.v[8].rate_limit = KEY_NO_LIMIT;
	set.v[8].enabled = false;
	assert_int_equal(keyring_publish(k, &set), 0);
	for (int i = 0; i < 1000; i++) {
		const struct key *want = &set.v[i];

		memset(&e, 0xee, sizeof(e));
		assert_int_equal(find(k, i, &e), 0);
		assert_string_equal(e.key.id, want->id);
		assert_string_equal(e.key.description, want->description);
		assert_memory_equal(e.key.hash, want->hash, KEY_HASH_BYTES);
		assert_true(e.key.enabled == want->enabled);
		assert_false(e.key.has_previous);
		assert_true(e.key.created_ms == want->created_ms);
		assert_true(e.key.expires_ms == want->expires_ms);
		assert_true(e.key.rate_limit == want->rate_limit);
		assert_false(e.by_previous);
		assert_int_equal(e.slot, i);
		assert_int_equal(e.generation, 1);
		assert_int_equal(keyring_slot(k, (uint32_t)i, &e), 0);
		assert_string_equal(e.key.id, want->id);
	}
	assert_int_equal(find(k, 1000, &e), -ENOENT);
	assert_int_equal(keyring_slot(k, 1000, &e), -ENOENT);
	assert_int_equal(keyring_count(k), 1000);
	free(set.v);
	ring_free(k);
}

static void
a_previous_secret_finds_its_key_and_says_so(void **state)
{
	struct keyring *k = ring_new(10);
	struct keyset set = set_of(0, 3);
	struct key old = key_of(99);
	struct keyring_entry e;

	(void)state;
	set.v[1].has_previous = true;
	set.v[1].previous_expires_ms = 4711;
	memcpy(set.v[1].previous_hash, old.hash, KEY_HASH_BYTES);
	assert_int_equal(keyring_publish(k, &set), 0);
	assert_int_equal(find(k, 99, &e), 0);
	assert_true(e.by_previous);
	assert_string_equal(e.key.id, "id-1");
	assert_true(e.key.has_previous);
	assert_true(e.key.previous_expires_ms == 4711);
	assert_memory_equal(e.key.previous_hash, old.hash, KEY_HASH_BYTES);
	assert_int_equal(find(k, 1, &e), 0);
	assert_false(e.by_previous);
	free(set.v);
	ring_free(k);
}

static void
a_current_secret_goes_before_the_same_one_as_previous(void **state)
{
	struct keyring *k = ring_new(10);
	struct keyset set = set_of(0, 3);
	struct keyring_entry e;

	(void)state;
	set.v[2].has_previous = true;
	memcpy(set.v[2].previous_hash, set.v[0].hash, KEY_HASH_BYTES);
	assert_int_equal(keyring_publish(k, &set), 0);
	assert_int_equal(find(k, 0, &e), 0);
	assert_false(e.by_previous);
	assert_string_equal(e.key.id, "id-0");
	free(set.v);
	ring_free(k);
}

static void
of_two_entries_with_one_hash_the_last_holds(void **state)
{
	struct keyring *k = ring_new(10);
	struct keyset set = set_of(0, 3);
	struct key old = key_of(50);
	struct keyring_entry e;

	(void)state;
	memcpy(set.v[2].hash, set.v[0].hash, KEY_HASH_BYTES);
	set.v[0].has_previous = set.v[1].has_previous = set.v[2].has_previous = true;
	for (int i = 0; i < 3; i++)
		memcpy(set.v[i].previous_hash, old.hash, KEY_HASH_BYTES);
	assert_int_equal(keyring_publish(k, &set), 0);
	assert_int_equal(find(k, 0, &e), 0);
	assert_string_equal(e.key.id, "id-2");
	assert_int_equal(find(k, 50, &e), 0);
	assert_true(e.by_previous);
	assert_string_equal(e.key.id, "id-2");
	assert_int_equal(keyring_count(k), 2);
	free(set.v);
	ring_free(k);
}

static void
entries_with_one_id_share_a_slot(void **state)
{
	struct keyring *k = ring_new(3);
	struct keyset set = set_of(0, 3);
	struct keyring_entry a, b;

	(void)state;
	memcpy(set.v[2].id, set.v[0].id, sizeof(set.v[2].id));
	assert_int_equal(keyring_publish(k, &set), 0);
	assert_int_equal(find(k, 0, &a), 0);
	assert_int_equal(find(k, 2, &b), 0);
	assert_int_equal(a.slot, b.slot);
	assert_int_equal(a.generation, b.generation);
	assert_true(a.key.created_ms == 0 && b.key.created_ms == 2);
	assert_int_equal(keyring_slot(k, a.slot, &a), 0);
	assert_true(a.key.created_ms == 2);
	free(set.v);
	ring_free(k);
}

static void
a_key_keeps_its_slot_and_generation_over_reloads(void **state)
{
	struct keyring *k = ring_new(100);
	struct keyset set;
	struct keyring_entry e;

	(void)state;
	publish(k, 0, 50);
	for (int round = 0; round < 5; round++) {
		set = set_of(10 * round, 50 + 10 * round);
		for (size_t i = 0; i < set.n / 2; i++) { /* in another order */
			struct key t = set.v[i];

			set.v[i] = set.v[set.n - 1 - i];
			set.v[set.n - 1 - i] = t;
		}
		key_hash("rotated", 7, set.v[0].hash); /* id-(49 + 10 * round) */
		assert_int_equal(keyring_publish(k, &set), 0);
		for (int i = 10 * round; i < 49; i++) {
			int r = find(k, i, &e);

			if (round == 0 && i == 49)
				continue;
			assert_int_equal(r, 0);
			assert_int_equal(e.slot, i);
			assert_int_equal(e.generation, 1);
		}
		assert_int_equal(keyring_find(k, set.v[0].hash, &e), 0);
		assert_int_equal(e.generation, 1);
		free(set.v);
	}
	ring_free(k);
}

static void
never_used_slots_go_first_and_then_those_longest_free(void **state)
{
	struct keyring *k = ring_new(6);
	struct keyring_entry e;

	(void)state;
	publish(k, 0, 4); /* slots 0 1 2 3 */
	publish(k, 1, 4); /* frees 0 */
	publish(k, 2, 4); /* frees 1 */
	publish(k, 2, 6); /* 4, 5: never used ones, though 0 and 1 are free */
	assert_int_equal(find(k, 4, &e), 0);
	assert_int_equal(e.slot, 4);
	assert_int_equal(find(k, 5, &e), 0);
	assert_int_equal(e.slot, 5);
	assert_int_equal(e.generation, 1);
	publish(k, 3, 7); /* frees 2; id-6 gets 0, the longest free */
	assert_int_equal(find(k, 6, &e), 0);
	assert_int_equal(e.slot, 0);
	assert_int_equal(e.generation, 2);
	assert_int_equal(keyring_slot(k, 1, &e), -ENOENT);
	assert_int_equal(keyring_slot(k, 2, &e), -ENOENT);
	publish(k, 3, 9); /* 1 and then 2 */
	assert_int_equal(find(k, 7, &e), 0);
	assert_int_equal(e.slot, 1);
	assert_int_equal(e.generation, 2);
	assert_int_equal(find(k, 8, &e), 0);
	assert_int_equal(e.slot, 2);
	assert_int_equal(e.generation, 2);
	publish(k, 20, 26); /* all of them at once */
	for (int i = 20; i < 26; i++) {
		assert_int_equal(find(k, i, &e), 0);
		assert_true(e.generation == (e.slot < 3 ? 3u : 2u));
		assert_int_equal(keyring_slot(k, e.slot, &e), 0);
		assert_true(e.key.created_ms == i);
	}
	ring_free(k);
}

static void
a_set_that_does_not_fit_changes_nothing(void **state)
{
	struct keyring *k = ring_new(5);
	struct keyset set = set_of(3, 9);
	struct keyring_entry e;

	(void)state;
	publish(k, 0, 5);
	assert_int_equal(keyring_publish(k, &set), ERR_FULL);
	assert_int_equal(find(k, 0, &e), 0);
	assert_int_equal(find(k, 8, &e), -ENOENT);
	assert_int_equal(keyring_version(k), 1);
	set.n = 5;
	assert_int_equal(keyring_publish(k, &set), 0);
	assert_int_equal(find(k, 7, &e), 0);
	free(set.v);
	ring_free(k);
}

/* Set 0 and set 1 of the fork tests: the same secrets and ids, all else differs. */
static struct keyset
twin_set(int which, int n)
{
	struct keyset set = set_of(0, n);

	for (int i = 0; i < n; i++) {
		struct key *k = &set.v[i];
		size_t len = which == 0 ? (size_t)(i % 256) : (size_t)((i * 7) % 256);

		memset(k->description, which == 0 ? 'a' : 'b', len);
		k->description[len] = '\0';
		k->created_ms = which;
		k->expires_ms = 1000 + which;
		k->rate_limit = 5000 * which + i;
		k->enabled = which == 0;
		k->has_previous = which == 1;
		k->previous_expires_ms = which;
		memset(k->previous_hash, which, KEY_HASH_BYTES);
		k->previous_hash[5] = (uint8_t)i;
		k->previous_hash[6] = (uint8_t)(i >> 8);
	}
	return set;
}

/* Is e the entry of key i in one of the two sets, as a whole? */
static bool
entry_whole(const struct keyring_entry *e, const struct keyset sets[2], int i)
{
	const struct key *want;

	if (e->key.created_ms != 0 && e->key.created_ms != 1)
		return false;
	want = &sets[e->key.created_ms].v[i];
	return strcmp(e->key.id, want->id) == 0 &&
	    strcmp(e->key.description, want->description) == 0 &&
	    memcmp(e->key.hash, want->hash, KEY_HASH_BYTES) == 0 &&
	    memcmp(e->key.previous_hash, want->previous_hash, KEY_HASH_BYTES) == 0 &&
	    e->key.expires_ms == want->expires_ms &&
	    e->key.rate_limit == want->rate_limit && e->key.enabled == want->enabled &&
	    e->key.has_previous == want->has_previous &&
	    e->key.previous_expires_ms == want->previous_expires_ms &&
	    e->slot == (uint32_t)i && e->generation == 1 && !e->by_previous;
}

struct totals {
	_Atomic uint64_t finds, whole, torn, missed, given_up, strangers, done, seen[2];
	_Atomic uint64_t published;
};

static void
fork_reader(
    const struct keyring *k, struct totals *totals, const struct keyset sets[2], int seed)
{
	const struct key stranger = key_of(FORK_KEYS + seed);
	unsigned x = (unsigned)seed * 2654435761u + 1;

	alarm(120); /* should the writer be gone */
	for (int n = 0; n < FORK_READS || totals->published < FORK_SETS; n++) {
		struct keyring_entry e;
		int i = (int)((x = x * 1103515245u + 12345u) >> 8) % FORK_KEYS;
		int r = keyring_find(k, sets[0].v[i].hash, &e);

		totals->finds++;
		if (r == -ENOENT)
			totals->missed++;
		else if (r != 0)
			totals->given_up++;
		else if (!entry_whole(&e, sets, i))
			totals->torn++;
		else {
			totals->whole++;
			totals->seen[e.key.created_ms]++;
		}
		if (keyring_find(k, stranger.hash, &e) == 0)
			totals->strangers++;
		if (keyring_slot(k, (uint32_t)i, &e) == 0 && !entry_whole(&e, sets, i))
			totals->torn++;
	}
	totals->done++;
	_exit(0);
}

static void
eight_readers_see_whole_entries_while_two_sets_take_turns(void **state)
{
	struct keyring *k = ring_new(FORK_KEYS + 50);
	struct totals *totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct keyset sets[2] = { twin_set(0, FORK_KEYS), twin_set(1, FORK_KEYS) };

	(void)state;
	assert_ptr_not_equal(totals, MAP_FAILED);
	assert_int_equal(keyring_publish(k, &sets[0]), 0);
	for (int i = 0; i < READERS; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			fork_reader(k, totals, sets, i);
	}
	for (; totals->done < READERS; totals->published++)
		assert_int_equal(keyring_publish(k, &sets[totals->published % 2 == 0]), 0);
	for (int i = 0; i < READERS; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(totals->torn, 0);
	assert_int_equal(totals->missed, 0);
	assert_int_equal(totals->strangers, 0);
	assert_true(totals->finds >= READERS * FORK_READS);
	assert_int_equal(totals->whole + totals->given_up, totals->finds);
	assert_true(totals->given_up < totals->finds / 100);
	assert_true(totals->seen[0] > 0 && totals->seen[1] > 0);
	assert_int_equal(keyring_version(k), totals->published + 1);
	print_message("%d finds during %d publications: %d given up\n",
	    (int)totals->finds, (int)totals->published, (int)totals->given_up);
	free(sets[0].v);
	free(sets[1].v);
	munmap(totals, sizeof(*totals));
	ring_free(k);
}

static bool
idle_copy_is_torn(const struct keyring *k)
{
	return keyring_load(&k->words[(1 - k->active) * k->copy_words + HEAD_SEQ]) & 1;
}

static void
check_all_from_one_set(const struct keyring *k, const struct keyset sets[2])
{
	struct keyring_entry e;
	int64_t which = -1;

	for (int i = 0; i < KILL_KEYS; i++) {
		assert_int_equal(keyring_find(k, sets[0].v[i].hash, &e), 0);
		if (which == -1)
			which = e.key.created_ms;
		assert_true(e.key.created_ms == which);
		assert_true(entry_whole(&e, sets, i));
	}
	assert_int_equal(keyring_count(k), KILL_KEYS);
}

static void
a_writer_killed_anywhere_leaves_a_whole_set_and_the_next_one_heals(void **state)
{
	struct keyring *k = ring_new(KILL_KEYS);
	struct keyset sets[2] = { twin_set(0, KILL_KEYS), twin_set(1, KILL_KEYS) };
	int torn = 0;

	(void)state;
	assert_int_equal(keyring_publish(k, &sets[0]), 0);
	for (int n = 0; n < KILLS; n++) {
		uint64_t version = keyring_version(k);
		struct timespec wait_ns = { 0, 100000 + 7919 * n % 3000000 };
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			alarm(120); /* should nobody come to kill it */
			for (int i = 0;; i++)
				if (keyring_publish(k, &sets[i & 1]) != 0)
					_exit(1);
		}
		while (keyring_version(k) == version) /* until it is at work */
			sched_yield();
		nanosleep(&wait_ns, NULL); /* the moment of death, not a wait */
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		torn += idle_copy_is_torn(k);
		check_all_from_one_set(k, sets);
		assert_int_equal(keyring_publish(k, &sets[n & 1]), 0);
		check_all_from_one_set(k, sets);
		assert_false(idle_copy_is_torn(k));
		if (n % 10 == 0) { /* both copies are good again */
			assert_int_equal(keyring_publish(k, &sets[1]), 0);
			assert_false(idle_copy_is_torn(k));
			check_all_from_one_set(k, sets);
		}
	}
	assert_true(torn > KILLS / 10);
	print_message("%d of %d kills hit a copy half-way\n", torn, KILLS);
	free(sets[0].v);
	free(sets[1].v);
	ring_free(k);
}

static void
a_reader_gives_up_when_no_copy_is_whole(void **state)
{
	struct keyring *k = ring_new(10);
	struct keyring_entry e;

	(void)state;
	publish(k, 0, 5);
	keyring_store(&k->words[k->active * k->copy_words + HEAD_SEQ], 7);
	assert_int_equal(find(k, 1, &e), ERR_CHANGED);
	assert_int_equal(keyring_slot(k, 1, &e), ERR_CHANGED);
	publish(k, 0, 5);
	assert_int_equal(find(k, 1, &e), 0);
	ring_free(k);
}

static void
nonsense_in_shared_memory_is_read_without_harm(void **state)
{
	struct keyring *k = ring_new(20);
	unsigned x = 1;

	(void)state;
	for (int round = 0; round < 300; round++) {
		keyring_word *copy;
		struct keyring_entry e;

		publish(k, 0, 20);
		copy = &k->words[k->active * k->copy_words];
		for (int n = 0; n < 200; n++) {
			uint64_t v = 0, at;

			for (int i = 0; i < 4; i++)
				v = v << 16 ^ ((x = x * 1103515245u + 12345u) >> 8);
			at = 1 + v % (k->copy_words - 1); /* but the sequence */
			keyring_store(&copy[at], n % 3 == 0 ? UINT64_MAX : v);
		}
		for (int i = 0; i < 20; i++) {
			int r = find(k, i, &e);

			assert_true(r == 0 || r == -ENOENT || r == ERR_CHANGED);
			r = keyring_slot(k, (uint32_t)i, &e);
			assert_true(r == 0 || r == -ENOENT || r == ERR_CHANGED);
		}
		ring_free(k);
		k = ring_new(20);
	}
	ring_free(k);
}

static double
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The hashes alone, so that looking them up is all that is measured. */
static uint8_t *
hashes_of(const struct keyset *set)
{
	uint8_t *v = malloc(set->n * KEY_HASH_BYTES);

	assert_non_null(v);
	for (size_t i = 0; i < set->n; i++)
		memcpy(v + i * KEY_HASH_BYTES, set->v[i].hash, KEY_HASH_BYTES);
	return v;
}

static double
ns_per_find(const struct keyring *k, const uint8_t *hashes, size_t n_hashes, uint8_t flip)
{
	enum { FINDS = 1000000 };
	struct keyring_entry e;
	double from = now_ns();
	unsigned x = 1;

	for (int n = 0; n < FINDS; n++) {
		uint8_t hash[KEY_HASH_BYTES];

		x = x * 1103515245u + 12345u;
		memcpy(hash, hashes + (x >> 4) % n_hashes * KEY_HASH_BYTES, sizeof(hash));
		hash[31] ^= flip;
		assert_int_equal(keyring_find(k, hash, &e), flip ? -ENOENT : 0);
	}
	return (now_ns() - from) / FINDS;
}

static void
a_find_costs_the_same_among_ten_keys_and_a_hundred_thousand(void **state)
{
	static const int sizes[] = { 10, 1000, 100000 };
	struct keyring *k = ring_new(131072);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct keyset set = set_of(0, sizes[i]);
		uint8_t *hashes = hashes_of(&set);
		double from = now_ns(), first, again;

		assert_int_equal(keyring_publish(k, &set), 0);
		first = now_ns() - from;
		assert_int_equal(keyring_publish(k, &set), 0);
		from = now_ns();
		assert_int_equal(keyring_publish(k, &set), 0);
		again = now_ns() - from;
		print_message("%6d keys: publish %.2f ms, again %.2f ms, found %.0f ns, "
			      "not found %.0f ns\n",
		    sizes[i], first / 1e6, again / 1e6, ns_per_find(k, hashes, set.n, 0),
		    ns_per_find(k, hashes, set.n, 1));
		free(hashes);
		free(set.v);
	}
	ring_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_ring_finds_nobody),
		cmocka_unit_test(all_keys_of_a_full_ring_are_found_with_all_their_fields),
		cmocka_unit_test(a_previous_secret_finds_its_key_and_says_so),
		cmocka_unit_test(a_current_secret_goes_before_the_same_one_as_previous),
		cmocka_unit_test(of_two_entries_with_one_hash_the_last_holds),
		cmocka_unit_test(entries_with_one_id_share_a_slot),
		cmocka_unit_test(a_key_keeps_its_slot_and_generation_over_reloads),
		cmocka_unit_test(never_used_slots_go_first_and_then_those_longest_free),
		cmocka_unit_test(a_set_that_does_not_fit_changes_nothing),
		cmocka_unit_test(eight_readers_see_whole_entries_while_two_sets_take_turns),
		cmocka_unit_test(
		    a_writer_killed_anywhere_leaves_a_whole_set_and_the_next_one_heals),
		cmocka_unit_test(a_reader_gives_up_when_no_copy_is_whole),
		cmocka_unit_test(nonsense_in_shared_memory_is_read_without_harm),
		cmocka_unit_test(
		    a_find_costs_the_same_among_ten_keys_and_a_hundred_thousand),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	OPENSSL_cleanup();
	return failed;
}
