/* The address table: one window an address, fixed size, not to be aimed at, and eight
 * processes that use it while some are killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/addrtab.h"

#define MS UINT64_C(1000000)

static const uint8_t key_a[ADDRTAB_KEY_BYTES] = "0123456789abcde";
static const uint8_t key_b[ADDRTAB_KEY_BYTES] = "fedcba987654321";

static uint64_t
stopped(void *arg)
{
	return *(const uint64_t *)arg;
}

static void *
map(size_t bytes)
{
	void *p =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	return p;
}

/* The n-th IPv4 address, as a limit unit. */
static struct addr
unit(uint32_t n)
{
	return (struct addr){ { [10] = 0xff,
	    [11] = 0xff,
	    [12] = (uint8_t)(n >> 24),
	    [13] = (uint8_t)(n >> 16),
	    [14] = (uint8_t)(n >> 8),
	    [15] = (uint8_t)n } };
}

static struct addrtab_place
find(struct addrtab *t, uint32_t n, uint64_t now_ms)
{
	const struct addr a = unit(n);
	struct addrtab_place p;

	addrtab_find(t, &a, 1, now_ms, &p);
	return p;
}

/* Ask for one admission of the n-th address, as addrtab_find() wants it: one that was held
 * up while its place was taken over 64 times or more has counted under a tag that looks
 * newer than the owner's, and is healed. */
static int
ask(struct addrtab *t, uint32_t n, uint32_t limit, uint64_t now_ms)
{
	struct window_state st;
	uint64_t now_ns = now_ms * MS;
	int r = ERR_CHANGED;

	for (int i = 0; r == ERR_CHANGED && i < 20; i++) {
		const struct addrtab_place p = find(t, n, now_ms);
		const struct window_rule rule = { limit, 60000, p.tag };

		if (i > 0)
			window_heal(p.window, &rule, &st);
		r = window_admit(p.window, &rule, stopped, &now_ns, &st);
	}
	return r;
}

static void
each_address_has_a_window_of_its_own(void **state)
{
	const size_t bytes = addrtab_bytes(1024);
	void *mem = map(bytes);
	struct addrtab *t = addrtab_init(mem, 1024, key_a);

	(void)state;
	assert_int_equal(bytes, 64 + 1024 * 208);
	assert_int_equal(addrtab_bytes(1000), bytes);
	assert_int_equal(addrtab_bytes(1025), addrtab_bytes(2048));
	assert_int_equal(addrtab_bytes(0), 64 + 8 * 208);
	for (uint32_t n = 0; n < 100; n++)
		for (int i = 0; i < 3; i++)
			assert_int_equal(ask(t, n, 2, 1000), i < 2 ? 0 : -EAGAIN);
	for (uint32_t n = 0; n < 100; n++) {
		const struct addrtab_place p = find(t, n, 2000);

		assert_int_equal(ask(t, n, 2, 2000), -EAGAIN);
		assert_true(p.entry < 1024);
		assert_true((char *)p.window >= (char *)mem &&
		    (char *)(p.window + 1) <= (char *)mem + bytes);
		assert_int_equal((uintptr_t)p.window % 64, 0);
		for (uint32_t m = 0; m < n; m++)
			assert_ptr_not_equal(find(t, m, 2000).window, p.window);
	}
	munmap(mem, bytes);
}

static void
the_last_entries_window_ends_where_the_table_ends(void **state)
{
	const size_t bytes = addrtab_bytes(64);
	void *mem = map(bytes);
	struct addrtab *t = addrtab_init(mem, 64, key_a);
	bool seen[64] = { false };
	uint32_t n_seen = 0;

	(void)state;
	for (uint32_t n = 0; n < 100000 && n_seen < 64; n++) {
		const struct addrtab_place p = find(t, n, n);

		assert_true(p.entry < 64);
		n_seen += !seen[p.entry];
		seen[p.entry] = true;
		assert_true((char *)(p.window + 1) <= (char *)mem + bytes);
		if (p.entry == 63)
			assert_ptr_equal(p.window + 1, (char *)mem + bytes);
	}
	assert_int_equal(n_seen, 64);
	munmap(mem, bytes);
}

static uint64_t
openssl_siphash(const uint8_t key[16], const uint8_t in[16])
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	size_t size = 8, n = 0;
	const OSSL_PARAM params[] = { OSSL_PARAM_construct_size_t(
					  OSSL_MAC_PARAM_SIZE, &size),
		OSSL_PARAM_construct_end() };
	uint64_t hash;

	assert_non_null(ctx);
	assert_true(EVP_MAC_CTX_set_params(ctx, params));
	assert_true(EVP_MAC_init(ctx, key, 16, NULL));
	assert_true(EVP_MAC_update(ctx, in, 16));
	assert_true(EVP_MAC_final(ctx, (unsigned char *)&hash, &n, sizeof(hash)));
	assert_int_equal(n, 8);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return hash;
}

static void
buckets_follow_siphash_under_the_key(void **state)
{
	enum { ENTRIES = 1 << 20 };
	void *mem = map(addrtab_bytes(ENTRIES));
	struct addrtab *t = addrtab_init(mem, ENTRIES, key_a);

	(void)state;
	for (uint32_t n = 0; n < 1000; n++) {
		const struct addr a = unit(n * 2654435761U);
		struct addrtab_place p;

		addrtab_find(t, &a, 1, 1, &p);
		assert_int_equal(p.entry / ADDRTAB_WAYS,
		    openssl_siphash(key_a, a.b) % (ENTRIES / ADDRTAB_WAYS));
	}
	munmap(mem, addrtab_bytes(ENTRIES));
}

static void
the_oldest_in_a_full_bucket_gives_way(void **state)
{
	void *mem = map(addrtab_bytes(ADDRTAB_WAYS)); /* one bucket */
	struct addrtab *t = addrtab_init(mem, ADDRTAB_WAYS, key_a);

	(void)state;
	for (uint32_t n = 0; n < 8; n++)
		assert_int_equal(ask(t, n, 1, 1000 + n), 0);
	find(t, 0, 2000); /* seen again: now the second is the oldest */
	assert_int_equal(ask(t, 100, 1, 2001), 0);
	assert_int_equal(ask(t, 100, 1, 2002), -EAGAIN);
	assert_int_equal(ask(t, 0, 1, 2003), -EAGAIN);
	for (uint32_t n = 2; n < 8; n++)
		assert_int_equal(ask(t, n, 1, 2004 + n), -EAGAIN);
	assert_int_equal(ask(t, 1, 1, 3000), 0); /* evicted: begins anew, where 100 was */
	assert_int_equal(ask(t, 0, 1, 3001), -EAGAIN);
	assert_int_equal(ask(t, 100, 1, 3002), 0);
	munmap(mem, addrtab_bytes(ADDRTAB_WAYS));
}

static void
who_holds_a_place_that_has_gone_to_another_is_told_so(void **state)
{
	void *mem = map(addrtab_bytes(ADDRTAB_WAYS));
	struct addrtab *t = addrtab_init(mem, ADDRTAB_WAYS, key_a);
	const struct addrtab_place held = find(t, 0, 1000);
	const struct window_rule r = { 5, 60000, held.tag };
	uint64_t now_ns = 2000 * MS;
	struct window_state st;

	(void)state;
	assert_int_equal(window_admit(held.window, &r, stopped, &now_ns, &st), 0);
	for (uint32_t n = 1; n <= 8; n++)
		assert_int_equal(ask(t, n, 1, 1000 + n), 0);
	assert_int_equal(
	    window_admit(held.window, &r, stopped, &now_ns, &st), ERR_CHANGED);
	assert_int_equal(ask(t, 8, 1, 2000), -EAGAIN);
	munmap(mem, addrtab_bytes(ADDRTAB_WAYS));
}

static void
who_was_held_up_until_generations_came_round_does_not_lock_out_the_owner(void **state)
{
	void *mem = map(addrtab_bytes(ADDRTAB_WAYS));
	struct addrtab *t = addrtab_init(mem, ADDRTAB_WAYS, key_a);
	const struct addrtab_place held = find(t, 0, 1000);
	const struct window_rule late = { 5, 60000, held.tag };
	const uint32_t owner = 8 * 100; /* each way taken over 100 times */
	uint64_t now_ns = 3000 * MS;
	struct window_state st;

	(void)state;
	for (uint32_t n = 1; n <= owner; n++)
		assert_int_equal(ask(t, n, 1, 1000 + n), 0);
	assert_ptr_equal(find(t, owner, 3000).window, held.window);
	assert_int_equal(window_admit(held.window, &late, stopped, &now_ns, &st), 0);
	/* the owner's one count went when the late one began the cell anew */
	for (int i = 0; i < 5; i++)
		assert_int_equal(ask(t, owner, 5, 3001), 0);
	assert_int_equal(ask(t, owner, 5, 3001), -EAGAIN);
	munmap(mem, addrtab_bytes(ADDRTAB_WAYS));
}

static void
a_place_taken_over_a_thousand_times_still_begins_empty(void **state)
{
	void *mem = map(addrtab_bytes(ADDRTAB_WAYS));
	struct addrtab *t = addrtab_init(mem, ADDRTAB_WAYS, key_a);

	(void)state;
	/* generations come round; time stands almost still, so old counts would still
	 * hold */
	for (uint32_t n = 0; n < 8000; n++) {
		assert_int_equal(ask(t, n, 1, 60000 + n), 0);
		assert_int_equal(ask(t, n, 1, 60000 + n), -EAGAIN);
	}
	munmap(mem, addrtab_bytes(ADDRTAB_WAYS));
}

/* Fill `chosen` with addresses that share the victim's bucket in t. */
static void
choose_against(struct addrtab *t, uint32_t victim, uint32_t *chosen, size_t n)
{
	const uint32_t bucket = find(t, victim, 1).entry / ADDRTAB_WAYS;

	for (uint32_t i = victim + 1; n > 0; i++)
		if (find(t, i, 1).entry / ADDRTAB_WAYS == bucket)
			chosen[--n] = i;
}

static void
addresses_chosen_against_one_key_do_nothing_under_another(void **state)
{
	enum { ENTRIES = 4096, CHOSEN = 200, VICTIM = 7 };
	const size_t bytes = addrtab_bytes(ENTRIES);
	uint32_t chosen[CHOSEN];
	void *mem[3] = { map(bytes), map(bytes), map(bytes) };
	struct addrtab *known = addrtab_init(mem[0], ENTRIES, key_a);
	struct addrtab *same = addrtab_init(mem[1], ENTRIES, key_a);
	struct addrtab *other = addrtab_init(mem[2], ENTRIES, key_b);

	(void)state;
	choose_against(known, VICTIM, chosen, CHOSEN);
	assert_int_equal(ask(same, VICTIM, 1, 1000), 0);
	assert_int_equal(ask(other, VICTIM, 1, 1000), 0);
	for (uint32_t i = 0; i < CHOSEN; i++) {
		find(same, chosen[i], 1001 + i);
		find(other, chosen[i], 1001 + i);
	}
	assert_int_equal(ask(same, VICTIM, 1, 2000), 0); /* evicted: the attack works */
	assert_int_equal(ask(other, VICTIM, 1, 2000), -EAGAIN); /* but for the key */
	for (int i = 0; i < 3; i++)
		munmap(mem[i], bytes);
}

static void
neighbouring_addresses_spread_evenly(void **state)
{
	enum { ENTRIES = 65536, BUCKETS = ENTRIES / ADDRTAB_WAYS };
	static const uint32_t stride[] = { 1, 256, 65536, 8192, 3 };
	static uint32_t load[BUCKETS];
	void *mem = map(addrtab_bytes(ENTRIES));
	struct addrtab *t = addrtab_init(mem, ENTRIES, key_b);

	(void)state;
	for (size_t s = 0; s < sizeof(stride) / sizeof(stride[0]); s++) {
		uint32_t most = 0;

		memset(load, 0, sizeof(load));
		for (uint32_t i = 0; i < ENTRIES; i++)
			load[find(t, i * stride[s], 1).entry / ADDRTAB_WAYS]++;
		for (uint32_t i = 0; i < BUCKETS; i++)
			most = load[i] > most ? load[i] : most;
		/* a mean of 8: over 30 by chance is a matter of 1e-6 for the whole table
		 */
		assert_true(most > 8 && most <= 30);
	}
	munmap(mem, addrtab_bytes(ENTRIES));
}

static void
ten_million_addresses_neither_grow_it_nor_drive_out_who_comes_often(void **state)
{
	enum { ENTRIES = 65536, FLOOD = 10 * 1000 * 1000, LIMIT = 50 };
	const size_t bytes = addrtab_bytes(ENTRIES);
	char *mem = map(bytes + 4096);
	struct addrtab *t = addrtab_init(mem, ENTRIES, key_a);
	uint64_t now_ms = 60000;
	uint32_t admitted = 0;

	(void)state;
	assert_true(bytes < 14U << 20);
	memset(mem + bytes, 0x77, 4096);
	for (uint32_t i = 0; i < FLOOD; i++) {
		if (ask(t, i + 1, LIMIT, now_ms) != 0)
			fail_msg("address %u begins with somebody's counts", i);
		if (i % 1000 == 0)
			admitted += ask(t, 0, LIMIT, now_ms) == 0;
		now_ms += i % 512 == 0; /* 20 s in all: less than the window */
	}
	assert_int_equal(admitted, LIMIT);
	for (int i = 0; i < 4096; i++)
		assert_int_equal(mem[bytes + (size_t)i], 0x77);
	munmap(mem, bytes + 4096);
}

enum { CHILDREN = 8, ADDRESSES = 2000, CROWD_ENTRIES = 16384, CROWD_LIMIT = 5 };

struct crowd {
	_Atomic uint32_t admitted[ADDRESSES];
	_Atomic uint64_t turns;
};

/* All children bring the same addresses at the same time, each several times. */
static void
bring_all(struct addrtab *t, struct crowd *c)
{
	for (uint32_t n = 0; n < ADDRESSES; n++)
		for (int i = 0; i < 3; i++) {
			if (ask(t, n, CROWD_LIMIT, 1000) == 0)
				atomic_fetch_add(&c->admitted[n], 1);
			atomic_fetch_add(&c->turns, 1);
		}
}

static pid_t
start(struct addrtab *t, struct crowd *c, bool for_ever)
{
	const pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		alarm(120);
		do {
			bring_all(t, c);
		} while (for_ever);
		_exit(0);
	}
	return pid;
}

static void
an_address_that_comes_to_all_processes_at_once_has_one_window(void **state)
{
	const size_t bytes = addrtab_bytes(CROWD_ENTRIES);
	struct crowd *c = map(sizeof(*c));
	void *mem = map(bytes);
	struct addrtab *t = addrtab_init(mem, CROWD_ENTRIES, key_a);
	pid_t pid[CHILDREN];
	int status;

	(void)state;
	for (int i = 0; i < CHILDREN; i++)
		pid[i] = start(t, c, false);
	for (int i = 0; i < CHILDREN; i++) {
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	for (uint32_t n = 0; n < ADDRESSES; n++)
		assert_int_equal(c->admitted[n], CROWD_LIMIT);
	munmap(mem, bytes);
	munmap(c, sizeof(*c));
}

static void
killed_processes_leave_a_table_that_works(void **state)
{
	enum { KILLS = 150, SMALL = 512 }; /* small: places are taken over all the time */
	const size_t bytes = addrtab_bytes(SMALL);
	struct crowd *c = map(sizeof(*c));
	void *mem = map(bytes);
	struct addrtab *t = addrtab_init(mem, SMALL, key_a);
	pid_t pid[CHILDREN];
	unsigned seed = 5;
	int status;

	(void)state;
	for (int i = 0; i < CHILDREN; i++)
		pid[i] = start(t, c, true);
	for (int k = 0; k < KILLS; k++) {
		const struct timespec pause = { 0, (long)(rand_r(&seed) % 4000000) };
		const unsigned i = (unsigned)rand_r(&seed) % CHILDREN;

		nanosleep(&pause, NULL); /* the kill has to fall at a random moment */
		assert_int_equal(kill(pid[i], SIGKILL), 0);
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		pid[i] = start(t, c, true);
	}
	for (int i = 0; i < CHILDREN; i++) {
		assert_int_equal(kill(pid[i], SIGKILL), 0);
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
	}
	assert_true(c->turns > ADDRESSES);
	for (uint32_t n = 0; n < 4 * SMALL; n++) /* addresses that nobody has brought yet */
		for (int i = 0; i < 3; i++)
			assert_int_equal(
			    ask(t, 1000000 + n, 2, 2000 + n), i < 2 ? 0 : -EAGAIN);
	munmap(mem, bytes);
	munmap(c, sizeof(*c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_address_has_a_window_of_its_own),
		cmocka_unit_test(the_last_entries_window_ends_where_the_table_ends),
		cmocka_unit_test(buckets_follow_siphash_under_the_key),
		cmocka_unit_test(the_oldest_in_a_full_bucket_gives_way),
		cmocka_unit_test(who_holds_a_place_that_has_gone_to_another_is_told_so),
		cmocka_unit_test(
		    who_was_held_up_until_generations_came_round_does_not_lock_out_the_owner),
		cmocka_unit_test(a_place_taken_over_a_thousand_times_still_begins_empty),
		cmocka_unit_test(addresses_chosen_against_one_key_do_nothing_under_another),
		cmocka_unit_test(neighbouring_addresses_spread_evenly),
		cmocka_unit_test(
		    ten_million_addresses_neither_grow_it_nor_drive_out_who_comes_often),
		cmocka_unit_test(
		    an_address_that_comes_to_all_processes_at_once_has_one_window),
		cmocka_unit_test(killed_processes_leave_a_table_that_works),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
