/* Who is let in: credentials as heads carry them, keys as the keyring holds them, and
 * the order of windows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/gate.h"

#define NOW INT64_C(1700000000000)

/* The linker sends calls of shared_get_settings() here (UNIT_WRAP_test_gate in Makefile). */
int get_settings(const struct published *p, struct settings *out) __asm__(
    "__wrap_shared_get_settings");
int get_real_settings(const struct published *p, struct settings *out) __asm__(
    "__real_shared_get_settings");

static bool settings_unreadable;

int
get_settings(const struct published *p, struct settings *out)
{
	return settings_unreadable ? ERR_CHANGED : get_real_settings(p, out);
}

static struct http1_head
head_of(char text[1024], const char *lines)
{
	struct http1_head head;
	struct http1 h;
	enum http1_fault fault;
	int n = snprintf(text, 1024, "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", lines);

	assert_true(n > 0 && n < 1024);
	http1_init(&h, HTTP1_REQUEST);
	assert_int_equal(
	    http1_read_head(&h, text, (size_t)n, 4096, false, &head, &fault), 0);
	return head;
}

static void
the_secret_is_found_where_sdks_put_it(void **state)
{
	static const struct {
		const char *lines, *secret; /* NULL: missing */
	} rows[] = {
		{ "", NULL },
		{ "Authorization: Bearer s\r\n", "s" },
		{ "authorization: bEARER   s t\r\n", "s t" },
		{ "X-Api-Key: s\r\n", "s" },
		{ "x-api-key: Bearer s\r\n", "Bearer s" },
		{ "Authorization: Bearer a\r\nX-API-Key: b\r\n", "a" },
		{ "Authorization: Basic a\r\nX-API-Key: b\r\n", "b" },
		{ "Authorization: Bearer\r\nX-API-Key: b\r\n", "b" },
		{ "Authorization: \r\nX-API-Key: b\r\n", "b" },
		{ "Authorization: Basic a\r\n", NULL },
		{ "Authorization: Bearer\r\n", NULL },
		{ "Authorization: Bearers\r\n", NULL },
		{ "Authorization: s\r\n", NULL },
		{ "X-API-Key: \r\n", NULL },
		{ "Cookie: s\r\nProxy-Authorization: Bearer s\r\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024];
		const struct http1_head head = head_of(text, rows[i].lines);
		struct span secret = { 0 };
		enum gate_identity got = gate_secret(&head, &secret);

		assert_int_equal(got, rows[i].secret == NULL ? GATE_MISSING : GATE_KNOWN);
		if (rows[i].secret != NULL)
			assert_true(span_eq(secret, span_of(rows[i].secret)));
	}
}

static void
two_of_the_same_header_are_ambiguous_even_if_equal(void **state)
{
	static const char *const rows[] = {
		"Authorization: Bearer a\r\nAuthorization: Bearer a\r\n",
		"Authorization: Basic x\r\nauthorization: Bearer a\r\n",
		"X-API-Key: a\r\nX-API-Key: a\r\n",
		"Authorization: Bearer a\r\nX-API-Key: a\r\nX-API-Key: b\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[1024];
		const struct http1_head head = head_of(text, rows[i]);
		struct span secret;

		assert_int_equal(gate_secret(&head, &secret), GATE_DOUBLED);
	}
}

/* Both regions, with these keys, generous limits and windows of a minute. */
static struct shared
shared_with(struct key *keys, size_t n)
{
	const struct settings s = {
		.rate = { .requests = 100, .window_s = 60 },
		.ip_rate = { .requests = 100, .window_s = 60 },
	};
	const struct keyset set = { .v = keys, .n = n };
	struct shared sh;

	assert_int_equal(shared_create(64, &sh), 0);
	assert_int_equal(keyring_publish(shared_keyring_mutable(sh.published), &set), 0);
	shared_put_settings(sh.published, &s);
	return sh;
}

static struct key
key_named(const char *id, const char *secret)
{
	struct key k = { .enabled = true, .rate_limit = KEY_NO_LIMIT };

	snprintf(k.id, sizeof(k.id), "%s", id);
	key_hash(secret, strlen(secret), k.hash);
	return k;
}

static enum gate_identity
identify(const struct shared *sh, const char *secret, int64_t now, struct keyring_entry *e)
{
	struct key_hasher hasher;
	enum gate_identity who;

	assert_int_equal(key_hasher_init(&hasher), 0);
	who = gate_identify(
	    &hasher, shared_keyring(sh->published), span_of(secret), now, e);
	key_hasher_fini(&hasher);
	return who;
}

static void
only_a_key_that_is_valid_now_is_known(void **state)
{
	struct key keys[4] = { key_named("good", "g"), key_named("off", "o"),
		key_named("short", "s"), key_named("rotated", "new") };
	struct keyring_entry e;
	struct shared sh;

	(void)state;
	keys[1].enabled = false;
	keys[2].expires_ms = NOW;
	keys[3].has_previous = true;
	keys[3].previous_expires_ms = NOW;
	key_hash("old", 3, keys[3].previous_hash);
	sh = shared_with(keys, 4);
	assert_int_equal(identify(&sh, "g", NOW, &e), GATE_KNOWN);
	assert_string_equal(e.key.id, "good");
	assert_int_equal(identify(&sh, "G", NOW, &e), GATE_WRONG);
	assert_int_equal(identify(&sh, "", NOW, &e), GATE_WRONG);
	assert_int_equal(identify(&sh, "o", NOW, &e), GATE_WRONG);
	assert_int_equal(identify(&sh, "s", NOW - 1, &e), GATE_KNOWN);
	assert_int_equal(identify(&sh, "s", NOW, &e), GATE_WRONG);
	assert_int_equal(identify(&sh, "old", NOW - 1, &e), GATE_KNOWN);
	assert_string_equal(e.key.id, "rotated");
	assert_int_equal(identify(&sh, "old", NOW, &e), GATE_WRONG);
	assert_int_equal(identify(&sh, "new", NOW + 1, &e), GATE_KNOWN);
	shared_destroy(&sh);
}

static void
what_a_key_s_own_window_refuses_takes_nothing_from_all_keys(void **state)
{
	struct key keys[2] = { key_named("small", "s"), key_named("free", "f") };
	struct keyring_entry small, free_one;
	struct window_state w;
	struct shared sh;

	(void)state;
	keys[0].rate_limit = 2;
	sh = shared_with(keys, 2);
	assert_int_equal(identify(&sh, "s", NOW, &small), GATE_KNOWN);
	assert_int_equal(identify(&sh, "f", NOW, &free_one), GATE_KNOWN);
	assert_true(gate_admit_key(&sh, &small, &w));
	assert_int_equal(w.limit, 2);
	assert_int_equal(w.remaining, 1);
	assert_true(gate_admit_key(&sh, &small, &w));
	for (int i = 0; i < 300; i++) {
		assert_false(gate_admit_key(&sh, &small, &w));
		assert_int_equal(w.limit, 2);
		assert_true(w.retry_after_ms > 0);
	}
	assert_true(gate_admit_key(&sh, &free_one, &w));
	assert_int_equal(w.limit, 100);
	assert_int_equal(w.remaining, 97);
	shared_destroy(&sh);
}

static void
what_the_window_of_all_refuses_takes_nothing_from_the_key(void **state)
{
	struct key keys[2] = { key_named("own", "s"), key_named("free", "f") };
	struct keyring_entry own, free_one;
	struct window_state w;
	struct shared sh;

	(void)state;
	keys[0].rate_limit = 50;
	sh = shared_with(keys, 2);
	assert_int_equal(identify(&sh, "s", NOW, &own), GATE_KNOWN);
	assert_int_equal(identify(&sh, "f", NOW, &free_one), GATE_KNOWN);
	for (int i = 0; i < 100; i++)
		assert_true(gate_admit_key(&sh, &free_one, &w));
	for (int i = 0; i < 60; i++) {
		assert_false(gate_admit_key(&sh, &own, &w));
		assert_int_equal(w.limit, 100);
	}
	gate_look_at_key(&sh, &own, &w);
	assert_int_equal(w.limit, 50);
	assert_int_equal(w.remaining, 50);
	shared_destroy(&sh);
}

static void
a_limit_of_0_blocks_the_key(void **state)
{
	struct key keys[1] = { key_named("blocked", "s") };
	struct keyring_entry e;
	struct window_state w;
	struct shared sh;

	(void)state;
	keys[0].rate_limit = 0;
	sh = shared_with(keys, 1);
	assert_int_equal(identify(&sh, "s", NOW, &e), GATE_KNOWN);
	assert_false(gate_admit_key(&sh, &e, &w));
	assert_int_equal(w.limit, 0);
	assert_int_equal(w.retry_after_ms, 60000);
	shared_destroy(&sh);
}

static void
an_address_has_its_own_window_and_a_network_of_64_bits_shares_one(void **state)
{
	struct shared sh = shared_with(NULL, 0);
	struct addr one, same, other;
	struct window_state w;

	(void)state;
	assert_int_equal(addr_parse(SPAN("2001:db8:1:2::1"), &one), 0);
	assert_int_equal(addr_parse(SPAN("2001:db8:1:2::2"), &same), 0);
	assert_int_equal(addr_parse(SPAN("2001:db8:1:3::1"), &other), 0);
	for (int i = 0; i < 100; i++)
		assert_true(gate_admit_address(&sh, i % 2 == 0 ? &one : &same, &w));
	assert_false(gate_admit_address(&sh, &one, &w));
	assert_false(gate_admit_address(&sh, &same, &w));
	assert_true(gate_admit_address(&sh, &other, &w));
	assert_int_equal(w.remaining, 99);
	shared_destroy(&sh);
}

static void
a_new_limit_holds_at_once_and_a_new_length_starts_anew(void **state)
{
	struct key keys[1] = { key_named("k", "s") };
	struct settings s = { .rate = { .requests = 5, .window_s = 60 },
		.ip_rate = { .requests = 5, .window_s = 60 } };
	struct keyring_entry e;
	struct window_state w;
	struct shared sh = shared_with(keys, 1);

	(void)state;
	assert_int_equal(identify(&sh, "s", NOW, &e), GATE_KNOWN);
	for (int i = 0; i < 5; i++)
		assert_true(gate_admit_key(&sh, &e, &w));
	shared_put_settings(sh.published, &s);
	assert_false(gate_admit_key(&sh, &e, &w));
	s.rate.requests = 6;
	shared_put_settings(sh.published, &s);
	assert_true(gate_admit_key(&sh, &e, &w));
	assert_false(gate_admit_key(&sh, &e, &w));
	s.rate.window_s = 61;
	shared_put_settings(sh.published, &s);
	for (int i = 0; i < 6; i++)
		assert_true(gate_admit_key(&sh, &e, &w));
	assert_false(gate_admit_key(&sh, &e, &w));
	shared_destroy(&sh);
}

static void
settings_half_written_by_a_dead_master_leave_the_old_ones(void **state)
{
	struct key keys[1] = { key_named("k", "s") };
	const struct settings s = { .rate = { .requests = 2, .window_s = 60 } };
	struct keyring_entry e;
	struct window_state w;
	struct shared sh = shared_with(keys, 1);

	(void)state;
	shared_put_settings(sh.published, &s);
	assert_int_equal(identify(&sh, "s", NOW, &e), GATE_KNOWN);
	atomic_fetch_add(&sh.published->settings.seq, 1); /* it died in the first copy */
	for (size_t i = 0; i < sizeof(s) / 8; i++)
		atomic_store(&sh.published->settings.word[0][i], UINT64_MAX);
	assert_true(gate_admit_key(&sh, &e, &w));
	assert_true(gate_admit_key(&sh, &e, &w));
	assert_false(gate_admit_key(&sh, &e, &w));
	shared_destroy(&sh);
}

static void
settings_that_cannot_be_read_let_nobody_in(void **state)
{
	struct key keys[1] = { key_named("k", "s") };
	struct keyring_entry e;
	struct window_state w;
	struct addr a = { { 1 } };
	struct shared sh = shared_with(keys, 1);

	(void)state;
	assert_int_equal(identify(&sh, "s", NOW, &e), GATE_KNOWN);
	settings_unreadable = true;
	assert_false(gate_admit_key(&sh, &e, &w));
	assert_false(gate_admit_address(&sh, &a, &w));
	settings_unreadable = false;
	assert_true(gate_admit_key(&sh, &e, &w));
	assert_true(gate_admit_address(&sh, &a, &w));
	shared_destroy(&sh);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_secret_is_found_where_sdks_put_it),
		cmocka_unit_test(two_of_the_same_header_are_ambiguous_even_if_equal),
		cmocka_unit_test(only_a_key_that_is_valid_now_is_known),
		cmocka_unit_test(
		    what_a_key_s_own_window_refuses_takes_nothing_from_all_keys),
		cmocka_unit_test(what_the_window_of_all_refuses_takes_nothing_from_the_key),
		cmocka_unit_test(a_limit_of_0_blocks_the_key),
		cmocka_unit_test(
		    an_address_has_its_own_window_and_a_network_of_64_bits_shares_one),
		cmocka_unit_test(a_new_limit_holds_at_once_and_a_new_length_starts_anew),
		cmocka_unit_test(settings_half_written_by_a_dead_master_leave_the_old_ones),
		cmocka_unit_test(settings_that_cannot_be_read_let_nobody_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
