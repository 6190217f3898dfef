/* Connections by address: exact counts, whatever order they come and go in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "worker/ipcount.h"

enum { ADDRESSES = 200, STEPS = 200000 };

static struct addr
v4(unsigned n)
{
	struct addr a = { { 0 } };

	a.b[10] = a.b[11] = 0xff;
	a.b[12] = 192;
	a.b[13] = 2;
	a.b[14] = (uint8_t)(n >> 8);
	a.b[15] = (uint8_t)n;
	return a;
}

static struct addr
must_parse(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), 0);
	return a;
}

static void
connections_of_an_address_are_counted_up_and_down(void **state)
{
	struct ipcount *t = NULL;
	const struct addr a = v4(1), b = v4(2);

	(void)state;
	assert_int_equal(ipcount_create(10, 1, &t), 0);
	assert_int_equal(ipcount_add(t, &a), 1);
	assert_int_equal(ipcount_add(t, &a), 2);
	assert_int_equal(ipcount_add(t, &b), 1);
	ipcount_remove(t, &a);
	assert_int_equal(ipcount_add(t, &a), 2);
	ipcount_remove(t, &a);
	ipcount_remove(t, &a);
	assert_int_equal(ipcount_add(t, &a), 1);
	ipcount_destroy(&t);
	assert_null(t);
	ipcount_destroy(&t);
}

static void
an_ipv6_network_of_64_bits_counts_as_one(void **state)
{
	struct ipcount *t = NULL;
	const struct addr one = must_parse("2001:db8:1:2::1"),
			  same = must_parse("2001:db8:1:2:ffff::9"),
			  other = must_parse("2001:db8:1:3::1");

	(void)state;
	assert_int_equal(ipcount_create(10, 1, &t), 0);
	assert_int_equal(ipcount_add(t, &one), 1);
	assert_int_equal(ipcount_add(t, &same), 2);
	assert_int_equal(ipcount_add(t, &other), 1);
	ipcount_remove(t, &same);
	ipcount_remove(t, &one);
	assert_int_equal(ipcount_add(t, &same), 1);
	ipcount_destroy(&t);
}

static void
an_address_that_was_never_counted_is_removed_without_harm(void **state)
{
	struct ipcount *t = NULL;
	const struct addr a = v4(1), b = v4(2);

	(void)state;
	assert_int_equal(ipcount_create(10, 1, &t), 0);
	ipcount_remove(t, &a);
	assert_int_equal(ipcount_add(t, &b), 1);
	ipcount_remove(t, &a);
	assert_int_equal(ipcount_add(t, &b), 2);
	ipcount_destroy(&t);
}

static void
as_many_addresses_as_were_asked_for_find_room_and_a_full_table_says_so(void **state)
{
	struct ipcount *t = NULL;
	unsigned taken = 0;

	(void)state;
	assert_int_equal(ipcount_create(1000, 99, &t), 0);
	for (unsigned i = 0; i < 65536; i++) {
		const struct addr a = v4(i);

		if (ipcount_add(t, &a) == 0)
			break;
		taken++;
	}
	assert_true(taken >= 1000);
	assert_true(taken < 65536);
	for (unsigned i = 0; i < taken; i++) {
		const struct addr a = v4(i);

		assert_int_equal(ipcount_add(t, &a), 2); /* known ones still count */
	}
	ipcount_destroy(&t);
}

static void
random_coming_and_going_agrees_with_an_array(void **state)
{
	(void)state;
	/* a small table for many addresses, so that runs are long and gaps are closed */
	for (uint64_t seed = 1; seed < 6; seed++) {
		uint32_t have[ADDRESSES] = { 0 };
		struct ipcount *t = NULL;

		assert_int_equal(ipcount_create(ADDRESSES, seed * 7919, &t), 0);
		for (int i = 0; i < STEPS; i++) {
			unsigned n = (unsigned)rand() % ADDRESSES;
			const struct addr a = v4(n);

			if (have[n] > 0 && rand() % 2 == 0) {
				ipcount_remove(t, &a);
				have[n]--;
			} else {
				assert_int_equal(ipcount_add(t, &a), ++have[n]);
			}
		}
		for (unsigned n = 0; n < ADDRESSES; n++) {
			const struct addr a = v4(n);

			assert_int_equal(ipcount_add(t, &a), have[n] + 1);
		}
		ipcount_destroy(&t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_of_an_address_are_counted_up_and_down),
		cmocka_unit_test(an_ipv6_network_of_64_bits_counts_as_one),
		cmocka_unit_test(an_address_that_was_never_counted_is_removed_without_harm),
		cmocka_unit_test(
		    as_many_addresses_as_were_asked_for_find_room_and_a_full_table_says_so),
		cmocka_unit_test(random_coming_and_going_agrees_with_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
