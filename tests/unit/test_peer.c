/* Who the client is behind a proxy, and what of the proxy's words is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "worker/peer.h"

static struct addr
must_parse(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(span_of(text), &a), 0);
	return a;
}

/* A head with these lines; text has to live as long as it. */
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
assert_client(
    const struct config *cfg, const char *lines, const char *peer, const char *wanted)
{
	char text[1024], got[ADDR_TEXT_BYTES];
	const struct http1_head head = head_of(text, lines);
	const struct addr from = must_parse(peer);
	struct addr client;

	peer_client(cfg, &head, &from, &client);
	addr_format(&client, got);
	assert_string_equal(got, wanted);
}

static bool
https(const struct config *cfg, const char *lines, const char *peer, bool tls)
{
	char text[1024];
	const struct http1_head head = head_of(text, lines);
	const struct addr from = must_parse(peer);

	return peer_is_https(cfg, &head, &from, tls);
}

static const struct config nobody = { 0 };
static const struct config anybody = { .trust_proxy = true };

/* Trusts 10.0.0.0/8 and 2001:db8::/32. */
static struct config
listed(struct cidr list[2])
{
	assert_int_equal(cidr_parse(SPAN("10.0.0.0/8"), &list[0]), 0);
	assert_int_equal(cidr_parse(SPAN("2001:db8::/32"), &list[1]), 0);
	return (struct config){
		.trust_proxy = true, .trusted_proxies = list, .n_trusted_proxies = 2
	};
}

static void
without_trust_the_peer_is_the_client(void **state)
{
	(void)state;
	assert_client(
	    &nobody, "X-Forwarded-For: 198.51.100.1\r\n", "10.0.0.1", "10.0.0.1");
	assert_false(https(&nobody, "X-Forwarded-Proto: https\r\n", "10.0.0.1", false));
	assert_true(https(&nobody, "X-Forwarded-Proto: http\r\n", "10.0.0.1", true));
}

static void
without_a_list_the_rightmost_address_is_the_client(void **state)
{
	(void)state;
	assert_client(&anybody, "", "10.0.0.1", "10.0.0.1");
	assert_client(
	    &anybody, "X-Forwarded-For: 198.51.100.1\r\n", "10.0.0.1", "198.51.100.1");
	assert_client(&anybody, "X-Forwarded-For: 198.51.100.1 ,\t198.51.100.2 \r\n",
	    "10.0.0.1", "198.51.100.2");
	assert_client(&anybody,
	    "X-Forwarded-For: 198.51.100.1\r\nx-forwarded-for: 198.51.100.2\r\n",
	    "10.0.0.1", "198.51.100.2");
	assert_client(&anybody, "X-Forwarded-For: [2001:db8::7]:443\r\n", "10.0.0.1",
	    "2001:db8::7");
}

static void
with_a_list_its_proxies_are_passed_over_from_the_right(void **state)
{
	struct cidr list[2];
	const struct config cfg = listed(list);

	(void)state;
	assert_client(&cfg, "X-Forwarded-For: 1.1.1.1, 198.51.100.1, 10.9.9.9\r\n",
	    "10.0.0.1", "198.51.100.1");
	assert_client(&cfg,
	    "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 198.51.100.1\r\n"
	    "X-Forwarded-For: 2001:db8::1, 10.9.9.9\r\n",
	    "2001:db8::2", "198.51.100.1");
	/* all of them proxies: the one furthest left */
	assert_client(
	    &cfg, "X-Forwarded-For: 10.1.1.1, 10.2.2.2\r\n", "10.0.0.1", "10.1.1.1");
}

static void
who_is_not_in_the_list_is_not_believed(void **state)
{
	struct cidr list[2];
	const struct config cfg = listed(list);
	const struct addr in = must_parse("10.0.0.1"), out = must_parse("11.0.0.1");

	(void)state;
	assert_true(peer_is_proxy(&cfg, &in));
	assert_false(peer_is_proxy(&cfg, &out));
	assert_client(&cfg, "X-Forwarded-For: 198.51.100.1\r\n", "11.0.0.1", "11.0.0.1");
	assert_false(https(&cfg, "X-Forwarded-Proto: https\r\n", "11.0.0.1", false));
}

static void
nonsense_ends_the_belief_at_what_stood_right_of_it(void **state)
{
	struct cidr list[2];
	const struct config cfg = listed(list);

	(void)state;
	assert_client(&cfg, "X-Forwarded-For: unknown\r\n", "10.0.0.1", "10.0.0.1");
	assert_client(&cfg, "X-Forwarded-For: 198.51.100.1, unknown, 10.2.2.2\r\n",
	    "10.0.0.1", "10.2.2.2");
}

static void
empty_elements_of_a_list_are_none(void **state)
{
	struct cidr list[2];
	const struct config cfg = listed(list);

	(void)state;
	assert_client(&cfg, "X-Forwarded-For: \r\n", "10.0.0.1", "10.0.0.1");
	assert_client(&cfg, "X-Forwarded-For: ,\r\n", "10.0.0.1", "10.0.0.1");
	assert_client(
	    &cfg, "X-Forwarded-For: 198.51.100.1,\r\n", "10.0.0.1", "198.51.100.1");
	assert_client(&cfg, "X-Forwarded-For: 198.51.100.1,\t, , 10.2.2.2,,\r\n",
	    "10.0.0.1", "198.51.100.1");
	assert_client(&cfg, "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: ,\r\n",
	    "10.0.0.1", "198.51.100.1");
	assert_true(https(&anybody, "X-Forwarded-Proto: https, ,\r\n", "10.0.0.1", false));
}

static void
the_last_word_on_the_protocol_counts_in_any_case(void **state)
{
	(void)state;
	assert_true(https(&anybody, "X-Forwarded-Proto: HTTPS\r\n", "10.0.0.1", false));
	assert_true(
	    https(&anybody, "X-Forwarded-Proto: http, https\r\n", "10.0.0.1", false));
	assert_false(
	    https(&anybody, "X-Forwarded-Proto: https, http\r\n", "10.0.0.1", false));
	assert_false(https(&anybody,
	    "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", "10.0.0.1", false));
	assert_false(https(&anybody, "X-Forwarded-Proto: \r\n", "10.0.0.1", false));
	assert_false(https(&anybody, "X-Forwarded-Proto: httpsx\r\n", "10.0.0.1", false));
	assert_true(https(&anybody, "X-Forwarded-Proto: http\r\n", "10.0.0.1", true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_trust_the_peer_is_the_client),
		cmocka_unit_test(without_a_list_the_rightmost_address_is_the_client),
		cmocka_unit_test(with_a_list_its_proxies_are_passed_over_from_the_right),
		cmocka_unit_test(who_is_not_in_the_list_is_not_believed),
		cmocka_unit_test(nonsense_ends_the_belief_at_what_stood_right_of_it),
		cmocka_unit_test(empty_elements_of_a_list_are_none),
		cmocka_unit_test(the_last_word_on_the_protocol_counts_in_any_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
