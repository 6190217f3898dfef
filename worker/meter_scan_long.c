/*
 * Long runs: the text of an answer that comes in large pieces, and uploaded files. AVX2 looks
 * at 64 bytes with the instructions that 32 take otherwise. Not every processor has it, so it
 * is chosen when it is known which one this is.
 */
#include "worker/meter_scan.h"

#if defined(__x86_64__)
#	include <immintrin.h>

#	define AVX2 __attribute__((target("avx2")))

/* All ones for each byte that can't stand for itself within a JSON string. */
AVX2 static inline __m256i
text_hits(__m256i v)
{
	const __m256i is_control =
	    _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v);

	return _mm256_or_si256(is_control,
	    _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')),
		_mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'))));
}

/* Skip blocks of 64 bytes without a hit. */
AVX2 static const char *
skip_text(const char *p, const char *end)
{
	for (; end - p >= 64; p += 64) {
		const __m256i *v = (const __m256i *)(const void *)p;
		const __m256i any = _mm256_or_si256(text_hits(_mm256_loadu_si256(v)),
		    text_hits(_mm256_loadu_si256(v + 1)));

		if (_mm256_movemask_epi8(any) != 0)
			break;
	}
	return p;
}

/* All ones for each of 32 bytes at p that is in as, with the next in bs. */
AVX2 static inline __m256i
pair_hits(const char *p, __m256i as, __m256i bs)
{
	const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
	const __m256i next = _mm256_loadu_si256((const __m256i *)(const void *)(p + 1));

	return _mm256_and_si256(_mm256_cmpeq_epi8(v, as), _mm256_cmpeq_epi8(next, bs));
}

/* The same of pairs. */
AVX2 static const char *
skip_pairs(const char *p, const char *end, char a, char b)
{
	const __m256i as = _mm256_set1_epi8(a), bs = _mm256_set1_epi8(b);

	for (; end - p > 64; p += 64) {
		const __m256i any =
		    _mm256_or_si256(pair_hits(p, as, bs), pair_hits(p + 32, as, bs));

		if (_mm256_movemask_epi8(any) != 0)
			break;
	}
	return p;
}

static inline bool
has_avx2(void)
{
	return __builtin_cpu_supports("avx2") != 0;
}
#endif

const char *
scan_text_long(const char *p, const char *end)
{
#if defined(__x86_64__)
	if (has_avx2())
		p = skip_text(p, end);
#endif
	return scan_text_blocks(p, end);
}

const char *
scan_pair(const char *p, const char *end, char a, char b)
{
#if defined(__x86_64__)
	if (has_avx2())
		p = skip_pairs(p, end, a, b);
#endif
	return scan_pair_blocks(p, end, a, b);
}
