/*
 * How the meter skips what it need not read: 16 or 64 bytes at a time where the
 * processor has SSE2, byte by byte elsewhere. Both ways are always compiled, so that
 * tests can hold them against each other. No byte outside the given run is read. Pure.
 */
#ifndef GATEHOUSE_WORKER_METER_SCAN_H
#define GATEHOUSE_WORKER_METER_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#	include <emmintrin.h>
#endif

/* The first byte of [p, end) that is a or b; end if none is. */
static inline const char *
scan_either_portable(const char *p, const char *end, char a, char b)
{
	while (p < end && *p != a && *p != b)
		p++;
	return p;
}

/* The same, fast. */
static inline const char *
scan_either(const char *p, const char *end, char a, char b)
{
#if defined(__SSE2__)
	const __m128i as = _mm_set1_epi8(a), bs = _mm_set1_epi8(b);

	while (end - p >= 16) {
		const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		const int hits = _mm_movemask_epi8(
		    _mm_or_si128(_mm_cmpeq_epi8(v, as), _mm_cmpeq_epi8(v, bs)));

		if (hits != 0)
			return p + __builtin_ctz((unsigned)hits);
		p += 16;
	}
#endif
	return scan_either_portable(p, end, a, b);
}

/* Where a scan over JSON's brackets and strings stands. */
struct scan_nest {
	uint64_t depth; /* brackets that are open */
	bool in_text;   /* within a string */
	bool escaped;   /* behind a backslash: a quote here is none */
};

/*
 * Read on until all brackets are closed: the byte behind the last one (then depth is
 * 0), or end. depth is at least 1 before. [ and { are not told apart.
 */
const char *scan_nest(struct scan_nest *s, const char *p, const char *end);
const char *scan_nest_portable(struct scan_nest *s, const char *p, const char *end);

#endif
