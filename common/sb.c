/*
 * The string builder's longer parts: numbers, printf and JSON escapes. Used by
 * every process; pure, no allocation.
 */
#include "common/sb.h"

#include <stdarg.h>
#include <stdio.h>

void
sb_str(struct sb *b, const char *s)
{
	sb_put(b, s, strlen(s));
}

void
sb_u64(struct sb *b, uint64_t v)
{
	char digits[20]; /* 2^64 - 1 has 20 */
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	sb_put(b, digits + at, sizeof(digits) - at);
}

void
sb_i64(struct sb *b, int64_t v)
{
	char text[21];
	struct sb t = sb_init(text, sizeof(text));

	if (v < 0)
		SB_LIT(&t, "-");
	sb_u64(&t, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
	sb_put(b, t.p, t.n);
}

void
sb_printf(struct sb *b, const char *fmt, ...)
{
	const size_t room = b->cap - b->n;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room > 0 ? b->p + b->n : NULL, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		b->over = true;
	else
		b->n += (size_t)n;
}

static bool
is_utf8_tail(const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((p[i] & 0xC0u) != 0x80u)
			return false;
	return true;
}

size_t
sb_utf8_bytes(const unsigned char *p, size_t n)
{
	unsigned char lo = 0x80, hi = 0xBF; /* bounds of the second byte */
	size_t len;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xC2 && p[0] <= 0xDF)
		len = 2;
	else if ((p[0] & 0xF0u) == 0xE0)
		len = 3;
	else if (p[0] >= 0xF0 && p[0] <= 0xF4)
		len = 4;
	else
		return 0;
	if (p[0] == 0xE0)
		lo = 0xA0;
	else if (p[0] == 0xED)
		hi = 0x9F;
	else if (p[0] == 0xF0)
		lo = 0x90;
	else if (p[0] == 0xF4)
		hi = 0x8F;
	if (n < len || p[1] < lo || p[1] > hi || !is_utf8_tail(p + 2, len - 2))
		return 0;
	return len;
}

/* The two-character escape of a control character or quote, 0 when it has none. */
static char
short_escape(unsigned char c)
{
	static const char pairs[] = "\bb\ff\nn\rr\tt\"\"\\\\";

	for (size_t i = 0; i + 1 < sizeof(pairs); i += 2)
		if ((unsigned char)pairs[i] == c)
			return pairs[i + 1];
	return '\0';
}

static void
put_ascii(struct sb *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	const char e = short_escape(c);

	if (e != '\0')
		sb_put(b, (char[]){ '\\', e }, 2);
	else if (c < 0x20 || c == 0x7F)
		sb_put(b, (char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
	else
		sb_put(b, &c, 1);
}

void
sb_json(struct sb *b, struct span s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t left = s.n;

	while (left > 0 && !b->over) {
		const size_t n = sb_utf8_bytes(p, left);

		if (n == 1)
			put_ascii(b, *p);
		else if (n > 1)
			sb_put(b, p, n);
		else
			SB_LIT(b, "\xEF\xBF\xBD"); /* U+FFFD */
		p += n > 0 ? n : 1;
		left -= n > 0 ? n : 1;
	}
}
