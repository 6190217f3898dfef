/* Hashes of secrets: the standard's own example, and both ways to the same hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/key_hash.h"

/* FIPS 180-4's example: SHA-256 of "abc". */
static const uint8_t of_abc[KEY_HASH_BYTES] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf,
	0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3,
	0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };

static void
a_hash_is_that_of_the_standard(void **state)
{
	uint8_t hash[KEY_HASH_BYTES];

	(void)state;
	key_hash("abcdef", 3, hash);
	assert_memory_equal(hash, of_abc, sizeof(hash));
}

static void
a_kept_hasher_gives_the_same_whatever_came_before(void **state)
{
	char secret[300];
	uint8_t kept[KEY_HASH_BYTES], once[KEY_HASH_BYTES];
	struct key_hasher h;

	(void)state;
	memset(secret, 'k', sizeof(secret));
	assert_int_equal(key_hasher_init(&h), 0);
	for (size_t n = 0; n < sizeof(secret); n++) {
		key_hasher_hash(&h, secret, n, kept);
		key_hash(secret, n, once);
		assert_memory_equal(kept, once, sizeof(kept));
	}
	key_hasher_fini(&h);
	key_hasher_fini(&h);
}

static void
secrets_are_the_same_when_all_of_them_is(void **state)
{
	(void)state;
	assert_true(key_secret_eq(SPAN("open"), SPAN("open")));
	assert_true(key_secret_eq(SPAN(""), SPAN("")));
	assert_false(key_secret_eq(SPAN("open"), SPAN("opem")));
	assert_false(key_secret_eq(SPAN("open"), SPAN("ope")));
	assert_false(key_secret_eq(SPAN(""), SPAN("open")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_is_that_of_the_standard),
		cmocka_unit_test(a_kept_hasher_gives_the_same_whatever_came_before),
		cmocka_unit_test(secrets_are_the_same_when_all_of_them_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
