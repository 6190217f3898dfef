/* See query.h. */
#include "admin/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/sb.h"

struct pair {
	const char *name;
	const char *value;
};

struct query {
	size_t n;
	struct pair v[QUERY_PAIRS_MAX];
	size_t used;
	char text[QUERY_BYTES_MAX + 2 * QUERY_PAIRS_MAX]; /* decoded, with their NULs */
};

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
is_utf8(const char *p, size_t n)
{
	while (n > 0) {
		const size_t step = sb_utf8_bytes((const unsigned char *)p, n);

		if (step == 0)
			return false;
		p += step;
		n -= step;
	}
	return true;
}

int
query_decode(struct span in, bool plus, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++, n++) {
		int c = (unsigned char)in.p[i];

		if (c == '%') {
			const int high = i + 2 < in.n ? hex(in.p[i + 1]) : -1;
			const int low = i + 2 < in.n ? hex(in.p[i + 2]) : -1;

			c = high < 0 || low < 0 ? 0 : high * 16 + low;
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c == 0)
			return ERR_SYNTAX;
		if (n + 1 >= cap)
			return ERR_TOO_LARGE;
		out[n] = (char)c;
	}
	if (n >= cap)
		return ERR_TOO_LARGE;
	out[n] = '\0';
	return is_utf8(out, n) ? 0 : ERR_SYNTAX;
}

/* Decode one text into q's room. */
static int
keep(struct query *q, struct span text, const char **out)
{
	char *at = q->text + q->used;
	const int r = query_decode(text, true, at, sizeof(q->text) - q->used);

	if (r != 0)
		return r;
	q->used += strlen(at) + 1;
	*out = at;
	return 0;
}

static int
add_pair(struct query *q, struct span pair)
{
	const char *eq = memchr(pair.p, '=', pair.n);
	const size_t n = eq != NULL ? (size_t)(eq - pair.p) : pair.n;
	const struct span value = { pair.p + n + (eq != NULL), pair.n - n - (eq != NULL) };
	struct pair p;
	int r;

	if (q->n == QUERY_PAIRS_MAX)
		return ERR_TOO_LARGE;
	if ((r = keep(q, (struct span){ pair.p, n }, &p.name)) != 0 ||
	    (r = keep(q, value, &p.value)) != 0)
		return r;
	if (query_get(q, p.name) != NULL)
		return ERR_SYNTAX;
	q->v[q->n++] = p;
	return 0;
}

int
query_parse(struct span text, struct query **out)
{
	struct query *q = calloc(1, sizeof(*q));
	int r = 0;

	if (q == NULL)
		return -ENOMEM;
	if (text.n > QUERY_BYTES_MAX)
		r = ERR_TOO_LARGE;
	while (r == 0 && text.n > 0) {
		const char *end = memchr(text.p, '&', text.n);
		const size_t n = end != NULL ? (size_t)(end - text.p) : text.n;

		if (n > 0)
			r = add_pair(q, (struct span){ text.p, n });
		text.p += n + (end != NULL);
		text.n -= n + (end != NULL);
	}
	if (r != 0)
		query_destroy(&q);
	else
		*out = q;
	return r;
}

void
query_destroy(struct query **q)
{
	free(*q);
	*q = NULL;
}

const char *
query_get(const struct query *q, const char *name)
{
	for (size_t i = 0; q != NULL && i < q->n; i++) {
		if (strcmp(q->v[i].name, name) == 0)
			return q->v[i].value;
	}
	return NULL;
}
