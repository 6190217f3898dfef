#include "worker/meter_text.h"

#include "worker/meter_scan.h"

void
text_begin(struct text *t)
{
	t->n = 0;
	t->hex = 0;
	t->escape = false;
	t->odd = false;
}

static bool
is_plain(unsigned c)
{
	return c >= ' ' && c <= '~';
}

static void
add(struct text *t, unsigned c)
{
	if (!is_plain(c) || t->n == TEXT_MAX)
		t->odd = true;
	else
		t->p[t->n++] = (char)c;
}

/* The byte behind a backslash. */
static void
add_escape(struct text *t, char c)
{
	t->escape = false;
	if (c == 'u') {
		t->hex = 4;
		t->code = 0;
	} else if (c == '"' || c == '\\' || c == '/') {
		add(t, (unsigned char)c);
	} else {
		t->odd = true; /* a control character, or no escape at all */
	}
}

/* The value of a hexadecimal digit; 16 if it is none. */
static unsigned
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* A byte of \uXXXX. Returns whether it was: else it counts anew. */
static bool
is_hex_added(struct text *t, char c)
{
	const unsigned digit = hex_digit(c);

	if (digit == 16) {
		t->hex = 0;
		t->odd = true;
		return false;
	}
	t->code = (uint16_t)(t->code << 4 | digit);
	if (--t->hex == 0)
		add(t, t->code);
	return true;
}

const char *
text_read(struct text *t, const char *p, const char *end)
{
	for (; p < end; p++) {
		if (t->hex > 0 && is_hex_added(t, *p))
			continue;
		if (t->escape) {
			add_escape(t, *p);
			continue;
		}
		if (t->odd && (p = scan_either(p, end, '"', '\\')) == end)
			break;
		if (*p == '"')
			break;
		if (*p == '\\')
			t->escape = true;
		else
			add(t, (unsigned char)*p);
	}
	return p;
}

void
text_add(struct text *t, struct span bytes)
{
	for (size_t i = 0; i < bytes.n && !t->odd; i++)
		add(t, (unsigned char)bytes.p[i]);
}

bool
text_is_plain(struct span s)
{
	if (s.n > TEXT_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_plain((unsigned char)s.p[i]))
			return false;
	return true;
}
