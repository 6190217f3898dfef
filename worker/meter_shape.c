/*
 * Comparing events: the head byte by byte, the skipped value only for where it ends, the
 * rest with any digit for any other. Most differ in one text of the value alone, which is
 * tried first.
 */
#include "worker/meter_shape.h"

#include <string.h>

#include "worker/meter_scan.h"

/* Numbers of so few digits are taken, whatever the digits are: the bounds on counts and
 * on milliseconds (USAGE_TOKENS_MAX, in seconds) are larger. */
enum {
	SHAPE_DIGITS_MAX = 6,
	SHAPE_ESCAPE = 6 /* bytes of \\u0075 */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Would it depend on a digit behind c whether the number counts? */
static bool
is_judged(char c)
{
	return c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Behind the last byte of the rest that must stay as it is. */
static const char *
find_free(const struct shape *s)
{
	const char *to = s->rest;
	unsigned digits = 0;
	bool decides = false;

	for (const char *p = s->rest; p < s->to; p++) {
		if (*p == '\\')
			to = s->to - p > SHAPE_ESCAPE ? p + SHAPE_ESCAPE : s->to;
		if (!is_digit(*p)) {
			digits = 0;
			continue;
		}
		if (digits++ == 0)
			decides = is_judged(p[-1]);
		if ((decides || digits > SHAPE_DIGITS_MAX) && to <= p)
			to = p + 1;
	}
	return to;
}

/* Find the last string within the skipped value that is no name. */
static void
find_text(struct shape *s)
{
	const char *p = s->nest;

	s->text = NULL;
	s->text_end = NULL;
	while (p < s->rest && (p = memchr(p, '"', (size_t)(s->rest - p))) != NULL) {
		const char *quote = p + 1;

		while ((quote = scan_either(quote, s->rest, '"', '\\')) < s->rest &&
		    *quote == '\\')
			quote += 2;
		if (quote >= s->rest)
			return;
		if (p[-1] == ':') {
			s->text = p + 1;
			s->text_end = quote;
		}
		p = quote + 1;
	}
}

bool
shape_learn(struct shape *s)
{
	if (memchr(s->from, '\r', (size_t)(s->to - s->from)) != NULL ||
	    memchr(s->nest, '\n', (size_t)(s->rest - s->nest)) != NULL ||
	    *s->nest == ' ' || *s->nest == '\t')
		return false;
	s->free = find_free(s);
	find_text(s);
	return true;
}

/* Is it an event like s with another text, which has no escapes and no line ends, and the
 * same bytes around it in the skipped value? Then no brackets need be counted. */
static const char *
match_text(const struct shape *s, const char *p, const char *end)
{
	const size_t head = (size_t)(s->text - s->from);
	const size_t exact = (size_t)(s->free - s->text_end);
	const size_t behind = (size_t)(s->to - s->free);
	const char *text = p + head, *quote;

	if ((size_t)(end - p) <= head || memcmp(p, s->from, head) != 0)
		return NULL;
	/* or what stands in its place, and is not the same */
	quote = scan_text(text, end);
	if ((size_t)(end - quote) < exact + behind ||
	    memcmp(quote, s->text_end, exact) != 0 ||
	    !scan_alike(quote + exact, s->free, behind))
		return NULL;
	return quote + exact + behind;
}

/* Is it an event like s, whatever the skipped value is? */
static const char *
match_nest(const struct shape *s, const char *p, const char *end)
{
	const size_t head = (size_t)(s->nest - s->from), rest = (size_t)(s->to - s->rest);
	const size_t exact = (size_t)(s->free - s->rest);
	const char *line_end, *behind;
	struct scan_nest nest = { .depth = 1 };
	size_t rest_of_line;

	/* The value's first byte says whether an array is empty. */
	if ((size_t)(end - p) <= head || memcmp(p, s->from, head + 1) != 0)
		return NULL;
	line_end = scan_either(p + head, end, '\n', '\r');
	rest_of_line = (size_t)((const char *)memchr(s->rest, '\n', rest) - s->rest);
	if ((size_t)(line_end - p) <= head + rest_of_line)
		return NULL;
	behind = line_end - rest_of_line;
	if ((size_t)(end - behind) < rest || memcmp(behind, s->rest, exact) != 0 ||
	    !scan_alike(behind + exact, s->free, rest - exact) ||
	    scan_nest(&nest, p + head, behind) != behind || nest.depth != 0)
		return NULL;
	return behind + rest;
}

const char *
shape_match(const struct shape *s, const char *p, const char *end)
{
	const char *to = s->text != NULL ? match_text(s, p, end) : NULL;

	return to != NULL ? to : match_nest(s, p, end);
}
