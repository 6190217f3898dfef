/*
 * A list of owned strings. Used by every process at start and by the admin and
 * CLI code at any time; never for traffic.
 */
#include "common/strlist.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

void
strlist_free(struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strlist){ 0 };
}

void
strlist_wipe(struct strlist *l)
{
	for (size_t i = 0; i < l->n; i++)
		OPENSSL_cleanse(l->v[i], strlen(l->v[i]));
	strlist_free(l);
}

/* Append the n bytes at p. */
static int
add_bytes(struct strlist *l, const char *p, size_t n)
{
	char **v = reallocarray(l->v, l->n + 1, sizeof(*v));

	if (v == NULL)
		return -ENOMEM;
	l->v = v;
	l->v[l->n] = strndup(p, n);
	if (l->v[l->n] == NULL)
		return -ENOMEM;
	l->n++;
	return 0;
}

int
strlist_add(struct strlist *l, const char *s)
{
	return add_bytes(l, s, strlen(s));
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

int
strlist_split(struct strlist *l, const char *text)
{
	for (const char *p = text;; p++) {
		const char *end = p + strcspn(p, ","), *next = end;
		int r;

		while (p < end && is_blank(*p))
			p++;
		while (end > p && is_blank(end[-1]))
			end--;
		if (end > p && (r = add_bytes(l, p, (size_t)(end - p))) != 0)
			return r;
		if (*next == '\0')
			return 0;
		p = next;
	}
}

bool
strlist_eq(const struct strlist *a, const struct strlist *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}
