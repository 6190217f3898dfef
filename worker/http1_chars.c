/*
 * The table of byte classes, and the two values that are judged by their form.
 */
#include "worker/http1_chars.h"

enum {
	LENGTH_DIGITS_MAX = 19, /* of INT64_MAX */
	PORT_DIGITS_MAX = 5,
};

/* Rows of 16; a byte's classes are added up. */
/* clang-format off */
const unsigned char http1_classes[256] = {
	 0,  0,  0,  0,  0,  0,  0,  0,  0,  2,  0,  0,  0,  0,  0,  0, /* controls; HTAB */
	 0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, /* controls */
	 2,  7,  6,  3,  7,  7,  7,  7,  6,  6,  7,  7,  6, 15, 15,  6, /* SP to / */
	31, 31, 31, 31, 31, 31, 31, 31, 31, 31,  6,  6,  6,  6,  6,  6, /* 0 to ? */
	 6, 31, 31, 31, 31, 31, 31, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* @ to O */
	15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  6,  6,  7, 15, /* P to _ */
	 7, 31, 31, 31, 31, 31, 31, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* ` to o */
	15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  7,  6, 15,  0, /* p to ~, DEL */
	 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2, /* obs-text from here on */
	 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
	 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
	 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
	 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
	 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
	 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
	 2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
};
/* clang-format on */

bool
http1_parse_length(struct span s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > LENGTH_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!http1_is_digit(s.p[i]))
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*out = v;
	return v <= INT64_MAX;
}

/* Nothing, or ":" and up to five digits. */
static bool
is_port(struct span s)
{
	if (s.n == 0)
		return true;
	if (s.p[0] != ':' || s.n > 1 + PORT_DIGITS_MAX)
		return false;
	for (size_t i = 1; i < s.n; i++) {
		if (!http1_is_digit(s.p[i]))
			return false;
	}
	return true;
}

/* "[" hexadecimal digits, ":" and "." "]"; whether it is an address matters to nobody. */
static size_t
ip_literal_bytes(struct span s)
{
	size_t i = 1;

	while (
	    i < s.n && (s.p[i] == ':' || s.p[i] == '.' || http1_is(s.p[i], HTTP1_C_HEX)))
		i++;
	return i > 2 && i < s.n && s.p[i] == ']' ? i + 1 : 0;
}

bool
http1_is_host(struct span s)
{
	size_t n;

	if (s.n > 0 && s.p[0] == '[')
		n = ip_literal_bytes(s);
	else
		n = (size_t)(http1_skip(s.p, s.p + s.n, HTTP1_C_HOST) - s.p);
	return n > 0 && is_port((struct span){ s.p + n, s.n - n });
}
