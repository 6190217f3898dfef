/*
 * Addresses and networks in one 16-byte form. Used by the configuration, the
 * client's address and its limits; pure. inet_pton() decides what a literal is:
 * it takes neither names, nor zones, nor leading zeros, nor short forms.
 */
#include "common/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF };

static void
set_v4(struct addr *a, const void *four)
{
	memcpy(a->b, v4_prefix, sizeof(v4_prefix));
	memcpy(a->b + sizeof(v4_prefix), four, 4);
}

void
addr_from_sockaddr(const struct sockaddr *sa, struct addr *out)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	*out = (struct addr){ { 0 } };
	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		set_v4(out, &in.sin_addr);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		memcpy(out->b, &in6.sin6_addr, sizeof(out->b));
	} else if (sa->sa_family == AF_UNIX) {
		out->b[15] = 1;
	}
}

/* A bare literal, without brackets and port. */
static int
parse_literal(struct span text, struct addr *out)
{
	char buf[INET6_ADDRSTRLEN];
	struct in6_addr in6;
	struct in_addr in;

	if (text.n == 0 || text.n >= sizeof(buf) || memchr(text.p, '\0', text.n) != NULL)
		return ERR_SYNTAX;
	memcpy(buf, text.p, text.n);
	buf[text.n] = '\0';
	if (inet_pton(AF_INET, buf, &in) == 1)
		set_v4(out, &in);
	else if (inet_pton(AF_INET6, buf, &in6) == 1)
		memcpy(out->b, &in6, sizeof(out->b));
	else
		return ERR_SYNTAX;
	return 0;
}

/* Decimal digits, at least one, no more than max. Returns 0 or ERR_SYNTAX. */
static int
parse_number(struct span text, unsigned max, unsigned *out)
{
	unsigned v = 0;

	if (text.n == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return ERR_SYNTAX;
		v = v * 10 + (unsigned)(text.p[i] - '0');
		if (v > max)
			return ERR_SYNTAX;
	}
	*out = v;
	return 0;
}

/* What follows the first n bytes of s. */
static struct span
rest_of(struct span s, size_t n)
{
	return (struct span){ s.p + n, s.n - n };
}

/* Nothing, or ":port". */
static bool
is_port_or_nothing(struct span s)
{
	unsigned port;

	return s.n == 0 ||
	    (s.p[0] == ':' && parse_number(rest_of(s, 1), 65535, &port) == 0);
}

static int
parse_bracketed(struct span text, struct addr *out)
{
	const char *close = memchr(text.p, ']', text.n);
	struct addr a;
	size_t n;

	if (close == NULL)
		return ERR_SYNTAX;
	n = (size_t)(close - text.p);
	if (memchr(text.p, ':', n) == NULL || /* only IPv6 stands in brackets */
	    parse_literal((struct span){ text.p + 1, n - 1 }, &a) != 0 ||
	    !is_port_or_nothing(rest_of(text, n + 1)))
		return ERR_SYNTAX;
	*out = a;
	return 0;
}

int
addr_parse(struct span text, struct addr *out)
{
	const char *colon;
	struct addr a;
	size_t n;

	if (text.n == 0)
		return ERR_SYNTAX;
	if (text.p[0] == '[')
		return parse_bracketed(text, out);
	colon = memchr(text.p, ':', text.n);
	if (colon == NULL || memchr(colon + 1, ':', text.n - (size_t)(colon + 1 - text.p)))
		return parse_literal(text, out);
	n = (size_t)(colon - text.p); /* one colon: no IPv6, so IPv4 with a port */
	if (parse_literal((struct span){ text.p, n }, &a) != 0 ||
	    !is_port_or_nothing(rest_of(text, n)))
		return ERR_SYNTAX;
	*out = a;
	return 0;
}

void
addr_format(const struct addr *a, char out[ADDR_TEXT_BYTES])
{
	_Static_assert(ADDR_TEXT_BYTES >= INET6_ADDRSTRLEN, "every address has room");
	const bool v4 = addr_is_v4(a);

	if (inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->b + sizeof(v4_prefix) : a->b, out,
		ADDR_TEXT_BYTES) == NULL)
		out[0] = '\0'; /* cannot be: family and room are right */
}

bool
addr_eq(const struct addr *a, const struct addr *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool
addr_is_v4(const struct addr *a)
{
	return memcmp(a->b, v4_prefix, sizeof(v4_prefix)) == 0;
}

bool
addr_is_loopback(const struct addr *a)
{
	static const struct addr v6 = { { [15] = 1 } };

	return addr_eq(a, &v6) || (addr_is_v4(a) && a->b[12] == 127);
}

void
addr_limit_unit(const struct addr *a, struct addr *out)
{
	*out = *a;
	if (!addr_is_v4(a))
		memset(out->b + 8, 0, 8);
}

/* Are the first `bits` bits of both the same? */
static bool
same_prefix(const struct addr *a, const struct addr *b, unsigned bits)
{
	const unsigned whole = bits / 8;
	const uint8_t mask = (uint8_t)(0xFF00u >> bits % 8);

	if (memcmp(a->b, b->b, whole) != 0)
		return false;
	return bits % 8 == 0 || ((a->b[whole] ^ b->b[whole]) & mask) == 0;
}

/* Is nothing set behind the prefix? */
static bool
is_network(const struct cidr *c)
{
	struct addr cut = { { 0 } };
	const unsigned whole = c->bits / 8;

	memcpy(cut.b, c->net.b, whole);
	if (c->bits % 8 != 0)
		cut.b[whole] = (uint8_t)(c->net.b[whole] & (0xFF00u >> c->bits % 8));
	return addr_eq(&cut, &c->net);
}

int
cidr_parse(struct span text, struct cidr *out)
{
	const char *slash = text.n > 0 ? memchr(text.p, '/', text.n) : NULL;
	const size_t n = slash != NULL ? (size_t)(slash - text.p) : text.n;
	struct cidr c = { .bits = 128 };
	unsigned bits;

	if (parse_literal((struct span){ text.p, n }, &c.net) != 0)
		return ERR_SYNTAX;
	if (slash != NULL) {
		/* the form written decides: ::ffff:a.b.c.d counts as IPv6 */
		const unsigned most = memchr(text.p, ':', n) == NULL ? 32 : 128;

		if (parse_number(rest_of(text, n + 1), most, &bits) != 0)
			return ERR_SYNTAX;
		c.bits = bits + 128 - most;
	}
	if (!is_network(&c))
		return ERR_SYNTAX;
	*out = c;
	return 0;
}

bool
cidr_contains(const struct cidr *c, const struct addr *a)
{
	return same_prefix(&c->net, a, c->bits);
}
