/*
 * How the meter skips what it need not read: 16 or 64 bytes at a time where the
 * processor has SSE2, byte by byte elsewhere; and what is long by AVX2 where there is that.
 * All ways are always compiled, so that tests can hold them against each other. No byte
 * outside the given run is read. Pure.
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

#if defined(__SSE2__)
/* All ones for each byte at p that is in as or bs. */
static inline __m128i
scan_hits(const char *p, __m128i as, __m128i bs)
{
	const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);

	return _mm_or_si128(_mm_cmpeq_epi8(v, as), _mm_cmpeq_epi8(v, bs));
}

/* Is none of the 64 bytes at p in as or bs? */
static inline bool
scan_misses_block(const char *p, __m128i as, __m128i bs)
{
	const __m128i any =
	    _mm_or_si128(_mm_or_si128(scan_hits(p, as, bs), scan_hits(p + 16, as, bs)),
		_mm_or_si128(scan_hits(p + 32, as, bs), scan_hits(p + 48, as, bs)));

	return _mm_movemask_epi8(any) == 0;
}
#endif

/* The same, fast. */
static inline const char *
scan_either(const char *p, const char *end, char a, char b)
{
#if defined(__SSE2__)
	const __m128i as = _mm_set1_epi8(a), bs = _mm_set1_epi8(b);

	while (end - p >= 64 && scan_misses_block(p, as, bs))
		p += 64;
	while (end - p >= 16) {
		const int hits = _mm_movemask_epi8(scan_hits(p, as, bs));

		if (hits != 0)
			return p + __builtin_ctz((unsigned)hits);
		p += 16;
	}
#endif
	return scan_either_portable(p, end, a, b);
}

/* The first byte of [p, end) that can't stand for itself within a JSON string (RFC 8259
 * section 7): a quote, a backslash, a control character; end if none is. */
static inline const char *
scan_text_portable(const char *p, const char *end)
{
	while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
		p++;
	return p;
}

/* The same, 16 bytes at a time. */
static inline const char *
scan_text_blocks(const char *p, const char *end)
{
#if defined(__SSE2__)
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
	const __m128i control = _mm_set1_epi8(0x1f);

	for (; end - p >= 16; p += 16) {
		const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		const __m128i is_control = _mm_cmpeq_epi8(_mm_min_epu8(v, control), v);
		const int hits = _mm_movemask_epi8(
		    _mm_or_si128(scan_hits(p, quote, backslash), is_control));

		if (hits != 0)
			return p + __builtin_ctz((unsigned)hits);
	}
#endif
	return scan_text_portable(p, end);
}

/* The same, fast where the run is long. */
const char *scan_text_long(const char *p, const char *end);

enum { SCAN_SHORT = 64 };

/* The same, fast. Most texts of a stream are a word. */
static inline const char *
scan_text(const char *p, const char *end)
{
	const char *const near = end - p > SCAN_SHORT ? p + SCAN_SHORT : end;

	p = scan_text_blocks(p, near);
	return p < near || near == end ? p : scan_text_long(p, end);
}

/* The first a in [p, end) that b stands behind, or that is the last byte; end if there is
 * none. */
static inline const char *
scan_pair_portable(const char *p, const char *end, char a, char b)
{
	while (p < end && (*p != a || (p + 1 < end && p[1] != b)))
		p++;
	return p;
}

#if defined(__SSE2__)
/* All ones for each byte at p that is in as, with the next in bs. */
static inline __m128i
scan_pair_hits(const char *p, __m128i as, __m128i bs)
{
	const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	const __m128i next = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));

	return _mm_and_si128(_mm_cmpeq_epi8(v, as), _mm_cmpeq_epi8(next, bs));
}
#endif

/* The same, 32 bytes at a time. */
static inline const char *
scan_pair_blocks(const char *p, const char *end, char a, char b)
{
#if defined(__SSE2__)
	const __m128i as = _mm_set1_epi8(a), bs = _mm_set1_epi8(b);

	while (end - p > 32) {
		const __m128i any = _mm_or_si128(
		    scan_pair_hits(p, as, bs), scan_pair_hits(p + 16, as, bs));

		if (_mm_movemask_epi8(any) != 0)
			break;
		p += 32;
	}
#endif
	return scan_pair_portable(p, end, a, b);
}

/* The same, fast. */
const char *scan_pair(const char *p, const char *end, char a, char b);

/* Are the n bytes at a and at b the same, but that any digit stands for any other? */
static inline bool
scan_alike_portable(const char *a, const char *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i] && (a[i] < '0' || a[i] > '9' || b[i] < '0' || b[i] > '9'))
			return false;
	return true;
}

#if defined(__SSE2__)
/* All ones for each byte that is a digit. */
static inline __m128i
scan_digits(__m128i v)
{
	const __m128i from_zero = _mm_sub_epi8(v, _mm_set1_epi8('0'));

	return _mm_cmpeq_epi8(_mm_min_epu8(from_zero, _mm_set1_epi8(9)), from_zero);
}

/* Are 16 bytes the same, but for digits? Most are the same. */
static inline bool
scan_alike_block(const char *a, const char *b)
{
	const __m128i va = _mm_loadu_si128((const __m128i *)(const void *)a);
	const __m128i vb = _mm_loadu_si128((const __m128i *)(const void *)b);
	const __m128i same = _mm_cmpeq_epi8(va, vb);

	if (_mm_movemask_epi8(same) == 0xffff)
		return true;
	return _mm_movemask_epi8(_mm_or_si128(
		   same, _mm_and_si128(scan_digits(va), scan_digits(vb)))) == 0xffff;
}
#endif

/* The same, fast. */
static inline bool
scan_alike(const char *a, const char *b, size_t n)
{
#if defined(__SSE2__)
	if (n >= 16) {
		for (size_t i = 0; i + 16 < n; i += 16)
			if (!scan_alike_block(a + i, b + i))
				return false;
		/* the last ones, some of them for the second time */
		return scan_alike_block(a + n - 16, b + n - 16);
	}
#endif
	return scan_alike_portable(a, b, n);
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
