/*
 * Skipping nested JSON. A block of 64 bytes becomes three masks of a bit a byte: quotes,
 * backslashes, brackets. A running exclusive or over the quotes that are not escaped
 * says which bytes are within strings; only brackets outside of them are looked at.
 */
#include "worker/meter_scan.h"

#include <string.h>

enum { SCAN_BLOCK = 64 };

const char *
scan_nest_portable(struct scan_nest *s, const char *p, const char *end)
{
	for (; p < end; p++) {
		const bool escaped = s->escaped;

		s->escaped = !escaped && *p == '\\';
		if (*p == '"') {
			s->in_text ^= !escaped;
		} else if (s->in_text) {
			continue;
		} else if (*p == '{' || *p == '[') {
			s->depth++;
		} else if ((*p == '}' || *p == ']') && --s->depth == 0) {
			s->escaped = false;
			return p + 1;
		}
	}
	return p;
}

#if defined(__SSE2__)

/* A bit for each of a block's bytes, the first one's the lowest. */
struct masks {
	uint64_t quotes;
	uint64_t backslashes;
	uint64_t opening; /* [ and { */
	uint64_t closing; /* ] and } */
};

static inline void
masks_add(struct masks *m, const char *p, unsigned shift)
{
	const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	/* [ and {, ] and } differ in this bit only */
	const __m128i folded = _mm_or_si128(v, _mm_set1_epi8(0x20));

#	define HITS(bytes, c)                                                           \
		((uint64_t)(unsigned)_mm_movemask_epi8(                                  \
		    _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c))))
	m->quotes |= HITS(v, '"') << shift;
	m->backslashes |= HITS(v, '\\') << shift;
	m->opening |= HITS(folded, '{') << shift;
	m->closing |= HITS(folded, '}') << shift;
#	undef HITS
}

static inline struct masks
masks_of(const char *block)
{
	struct masks m = { 0 };

	masks_add(&m, block, 0);
	masks_add(&m, block + 16, 16);
	masks_add(&m, block + 32, 32);
	masks_add(&m, block + 48, 48);
	return m;
}

/* Which bytes stand behind a backslash that escapes them. first: the first one does.
 * next_out: so does the byte behind the block. */
static inline uint64_t
escaped_bytes(uint64_t backslashes, bool first, bool *next_out)
{
	uint64_t escaped = first ? 1 : 0;

	*next_out = false;
	backslashes &= ~escaped;
	while (backslashes != 0) {
		const uint64_t one = backslashes & -backslashes;
		const uint64_t next = one << 1;

		escaped |= next;
		*next_out = next == 0;
		backslashes &= ~(one | next);
	}
	return escaped;
}

/* Bit i is the exclusive or of the bits 0 to i of x. */
static inline uint64_t
running_xor(uint64_t x)
{
	for (unsigned shift = 1; shift < 64; shift <<= 1)
		x ^= x << shift;
	return x;
}

/* Read a block whose first n bytes count and whose others are spaces. Returns how many
 * were read: n, or less if the last bracket is closed before. */
static inline size_t
nest_block(struct scan_nest *s, const char *block, size_t n)
{
	const struct masks m = masks_of(block);
	bool next = false;
	uint64_t escaped = 0, text, brackets;

	if ((m.backslashes | (uint64_t)s->escaped) != 0)
		escaped = escaped_bytes(m.backslashes, s->escaped, &next);
	text = running_xor(m.quotes & ~escaped) ^ (s->in_text ? ~UINT64_C(0) : 0);
	brackets = (m.opening | m.closing) & ~text;
	while (brackets != 0) {
		const uint64_t one = brackets & -brackets;

		brackets &= ~one;
		if ((m.opening & one) != 0) {
			s->depth++;
		} else if (--s->depth == 0) {
			s->in_text = false;
			s->escaped = false;
			return (size_t)__builtin_ctzll(one) + 1;
		}
	}
	s->in_text = (text >> 63) != 0;
	s->escaped = n == SCAN_BLOCK ? next : ((escaped >> n) & 1) != 0;
	return n;
}

const char *
scan_nest(struct scan_nest *s, const char *p, const char *end)
{
	char last[SCAN_BLOCK];

	while (end - p >= SCAN_BLOCK) {
		/* long texts are most of what there is */
		if (s->in_text && !s->escaped &&
		    scan_misses_block(p, _mm_set1_epi8('"'), _mm_set1_epi8('\\'))) {
			p += SCAN_BLOCK;
			continue;
		}
		p += nest_block(s, p, SCAN_BLOCK);
		if (s->depth == 0)
			return p;
	}
	if (p == end)
		return p;
	memset(last, ' ', sizeof(last));
	memcpy(last, p, (size_t)(end - p));
	return p + nest_block(s, last, (size_t)(end - p));
}

#else

const char *
scan_nest(struct scan_nest *s, const char *p, const char *end)
{
	return scan_nest_portable(s, p, end);
}

#endif
