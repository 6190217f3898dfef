/* Addresses and networks: what is a literal, what is equal, what contains what. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "common/addr.h"

static struct addr
must_parse(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), 0);
	return a;
}

static void
an_address_is_read_in_every_form_a_proxy_writes(void **state)
{
	static const char *const forms[][2] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "192.0.2.1:8080", "192.0.2.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255:65535", "255.255.255.255" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "[::ffff:192.0.2.1]:443", "192.0.2.1" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
		{ "[2001:db8::1]", "2001:db8::1" },
		{ "[2001:db8::1]:443", "2001:db8::1" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};
	char text[ADDR_TEXT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct addr a = must_parse(forms[i][0]);

		addr_format(&a, text);
		assert_string_equal(text, forms[i][1]);
	}
}

static void
what_is_no_address_is_refused_and_leaves_the_result_alone(void **state)
{
	static const char *const bad[] = { "", " ", "localhost", "192.0.2", "192.0.2.256",
		"192.0.2.01", "192.0.2.1 ", " 192.0.2.1", "192.0.2.1:", "192.0.2.1:65536",
		"192.0.2.1:-1", "192.0.2.1:8x", "192.0.2.1:80:80", "0x7f.1", "2130706433",
		"[", "[]", "[::1", "::1]", "[::1]x", "[::1]:", "[::1]:99999",
		"[192.0.2.1]", "[192.0.2.1]:80", "fe80::1%eth0", "2001:db8::1::2",
		"2001:db8:::1", "unknown", "_hidden", ":80", "[::1]:80:80", "/",
		"1.2.3.4/8",
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255:ffff:ffff:ffff" };
	const struct addr before = { { 1, 2, 3 } };
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		a = before;
		assert_int_equal(addr_parse(span_of(bad[i]), &a), ERR_SYNTAX);
		assert_true(addr_eq(&a, &before));
	}
	assert_int_equal(addr_parse(SPAN("1.2.3.4\0"), &a), ERR_SYNTAX);
	assert_int_equal(addr_parse(SPAN("1.2.3\0.4"), &a), ERR_SYNTAX);
	assert_int_equal(addr_parse(span_of(NULL), &a), ERR_SYNTAX);
}

static void
a_dual_stack_peer_equals_the_text_of_its_ipv4_address(void **state)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	const struct addr want = must_parse("192.0.2.7"), local = must_parse("::1");
	struct addr a, b, c;

	(void)state;
	assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &in.sin_addr), 1);
	assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.7", &in6.sin6_addr), 1);
	addr_from_sockaddr((const struct sockaddr *)&in, &a);
	addr_from_sockaddr((const struct sockaddr *)&in6, &b);
	addr_from_sockaddr((const struct sockaddr *)&un, &c);
	assert_true(addr_eq(&a, &want));
	assert_true(addr_eq(&b, &want));
	assert_true(addr_is_v4(&b));
	assert_true(addr_eq(&c, &local));
}

static void
loopback_is_all_of_127_and_the_one_of_ipv6(void **state)
{
	static const struct {
		const char *text;
		bool loopback;
	} cases[] = {
		{ "127.0.0.1", true },
		{ "127.255.255.255", true },
		{ "::1", true },
		{ "::ffff:127.0.0.1", true },
		{ "128.0.0.1", false },
		{ "126.255.255.255", false },
		{ "::", false },
		{ "::127.0.0.1", false },
		{ "fe80::1", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct addr a = must_parse(cases[i].text);

		assert_int_equal(addr_is_loopback(&a), cases[i].loopback);
	}
}

static void
limits_count_ipv4_whole_and_ipv6_by_its_64(void **state)
{
	static const char *const cases[][2] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::" },
		{ "2001:db8:1:2::", "2001:db8:1:2::" },
		{ "::1", "::" },
	};
	struct addr unit;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct addr a = must_parse(cases[i][0]),
				  want = must_parse(cases[i][1]);

		addr_limit_unit(&a, &unit);
		assert_true(addr_eq(&unit, &want));
	}
}

static void
a_network_contains_just_its_own(void **state)
{
	static const struct {
		const char *net, *addr;
		bool inside;
	} cases[] = {
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.4/30", "192.0.2.7", true },
		{ "192.0.2.4/30", "192.0.2.8", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.0", false },
		{ "192.0.2.1/32", "192.0.2.1", true },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8::/33", "2001:db8:8000::", false },
		{ "::1", "::1", true },
		{ "::1/128", "::2", false },
		{ "::ffff:10.0.0.0/104", "10.9.9.9", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct addr a = must_parse(cases[i].addr);
		struct cidr c;

		assert_int_equal(cidr_parse(span_of(cases[i].net), &c), 0);
		assert_int_equal(cidr_contains(&c, &a), cases[i].inside);
	}
}

static void
a_network_with_bits_out_of_range_or_set_behind_the_prefix_is_refused(void **state)
{
	static const char *const bad[] = { "", "/", "/8", "10.0.0.0/", "10.0.0.0/33",
		"10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0.0/8/8", "10.0.0.1/8",
		"192.0.2.129/25", "2001:db8::1/32", "2001:db8::/129", "[2001:db8::]/32",
		"10.0.0.0:80/8", "10/8", "10.0.0.0/0x8", "host/8", "0.0.0.1/0",
		"10.0.0.0/99999999999999999999" };
	struct cidr c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cidr_parse(span_of(bad[i]), &c), ERR_SYNTAX);
	assert_int_equal(cidr_parse(span_of(NULL), &c), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_is_read_in_every_form_a_proxy_writes),
		cmocka_unit_test(what_is_no_address_is_refused_and_leaves_the_result_alone),
		cmocka_unit_test(a_dual_stack_peer_equals_the_text_of_its_ipv4_address),
		cmocka_unit_test(loopback_is_all_of_127_and_the_one_of_ipv6),
		cmocka_unit_test(limits_count_ipv4_whole_and_ipv6_by_its_64),
		cmocka_unit_test(a_network_contains_just_its_own),
		cmocka_unit_test(
		    a_network_with_bits_out_of_range_or_set_behind_the_prefix_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
