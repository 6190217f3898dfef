/*
 * A borrowed run of bytes: a pointer and a length, never NUL-terminated by
 * promise. Whoever hands one out says how long the bytes stay valid.
 */
#ifndef GATEHOUSE_COMMON_SPAN_H
#define GATEHOUSE_COMMON_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct span {
	const char *p;
	size_t n;
};

/* A span over a string literal. */
#define SPAN(literal) ((struct span){ (literal), sizeof(literal) - 1 })

/* A span over the NUL-terminated s (NULL: the empty span). */
static inline struct span
span_of(const char *s)
{
	return (struct span){ s, s != NULL ? strlen(s) : 0 };
}

/* Bytes of all n spans at v. */
static inline size_t
span_total(const struct span *v, size_t n)
{
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += v[i].n;
	return total;
}

/* Are the two byte for byte the same? */
static inline bool
span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Are the two the same but for the case of ASCII letters? */
static inline bool
span_eq_nocase(struct span a, struct span b)
{
	return a.n == b.n &&
	    /* most names of one length differ in their first letter already */
	    (a.n == 0 ||
		(((a.p[0] ^ b.p[0]) & ~0x20) == 0 && strncasecmp(a.p, b.p, a.n) == 0));
}

/* Without the spaces and tabs around it (RFC 9110 section 5.6.3: OWS). */
static inline struct span
span_trim(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Does s begin with prefix? */
static inline bool
span_starts(struct span s, struct span prefix)
{
	return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

#endif
