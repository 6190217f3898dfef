/*
 * A number is taken apart into digits x 10^scale, which loses nothing but digits past
 * the nineteenth; that some of those were not 0 is kept.
 */
#include "worker/meter_number.h"

#include <stdbool.h>

enum { NUMBER_EXPONENT_MAX = 100000 };

struct number {
	bool negative;
	bool more; /* digits that are not 0 follow those that were kept */
	uint64_t digits;
	int32_t scale;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Take the digits from i on. fraction: they stand behind the point. Returns the index
 * behind them. */
static size_t
take_digits(struct number *n, struct span text, size_t i, bool fraction)
{
	for (; i < text.n && is_digit(text.p[i]); i++) {
		const uint64_t digit = (uint64_t)(text.p[i] - '0');

		if (n->digits <= (UINT64_MAX - 9) / 10) {
			n->digits = n->digits * 10 + digit;
			n->scale -= fraction ? 1 : 0;
		} else {
			n->more = n->more || digit != 0;
			n->scale += fraction ? 0 : 1;
		}
	}
	return i;
}

/* Take an exponent, whose e stands at i. Returns the index behind it, i if it is none. */
static size_t
take_exponent(struct number *n, struct span text, size_t i)
{
	size_t from = i + 1, to;
	bool negative = false;
	int32_t exponent = 0;

	if (from < text.n && (text.p[from] == '-' || text.p[from] == '+'))
		negative = text.p[from++] == '-';
	for (to = from; to < text.n && is_digit(text.p[to]); to++)
		if (exponent < NUMBER_EXPONENT_MAX)
			exponent = exponent * 10 + (text.p[to] - '0');
	if (to == from)
		return i;
	n->scale += negative ? -exponent : exponent;
	return to;
}

static int
number_parse(struct span text, struct number *out)
{
	struct number n = { 0 };
	size_t i = 0, from;

	if (text.n > 0 && text.p[0] == '-') {
		n.negative = true;
		i++;
	}
	from = i;
	i = take_digits(&n, text, i, false);
	if (i == from)
		return ERR_INVALID;
	if (i < text.n && text.p[i] == '.') {
		from = i + 1;
		i = take_digits(&n, text, from, true);
		if (i == from)
			return ERR_INVALID;
	}
	if (i < text.n && (text.p[i] == 'e' || text.p[i] == 'E'))
		i = take_exponent(&n, text, i);
	if (i != text.n || (n.negative && n.digits != 0))
		return ERR_INVALID;
	*out = n;
	return 0;
}

/* Divide by 10^places. Returns whether something was left over, and in *up_out whether
 * it was half or more. */
static bool
divide(uint64_t *digits, int32_t places, bool more, bool *up_out)
{
	uint64_t by = 1, rest;

	*up_out = false;
	if (places > 19) { /* less than a fifth */
		more = more || *digits != 0;
		*digits = 0;
		return more;
	}
	for (; places > 0; places--)
		by *= 10;
	rest = *digits % by;
	*digits /= by;
	*up_out = rest != 0 && rest >= by - rest;
	return more || rest != 0;
}

/* The value in units of 10^-places. rounded: to the nearest, else it must be whole. */
static int
number_units(struct span text, int32_t places, bool rounded, uint64_t max, uint64_t *out)
{
	struct number n;
	bool left = false, up = false;

	if (number_parse(text, &n) != 0)
		return ERR_INVALID;
	n.scale += places;
	if (n.digits == 0)
		n.scale = 0;
	for (; n.scale > 0; n.scale--) {
		if (n.digits > max)
			return ERR_INVALID;
		n.digits *= 10;
	}
	left = divide(&n.digits, -n.scale, n.more, &up);
	if (left && !rounded)
		return ERR_INVALID;
	n.digits += up ? 1 : 0;
	if (n.digits > max)
		return ERR_INVALID;
	*out = n.digits;
	return 0;
}

int
meter_number_whole(struct span text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;
	size_t i = 0;

	/* nearly all counts are a few digits */
	for (; i < text.n && i < 9 && is_digit(text.p[i]); i++)
		value = value * 10 + (uint64_t)(text.p[i] - '0');
	if (i > 0 && i == text.n && value <= max) {
		*out = value;
		return 0;
	}
	return number_units(text, 0, false, max, out);
}

int
meter_number_ms(struct span text, uint64_t max_ms, uint64_t *ms_out)
{
	return number_units(text, 3, true, max_ms, ms_out);
}
