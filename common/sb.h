/*
 * A string builder over storage that the caller owns: no allocation, and an
 * overflow is remembered instead of cut silently. Check sb.over at the end.
 */
#ifndef GATEHOUSE_COMMON_SB_H
#define GATEHOUSE_COMMON_SB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/span.h"

struct sb {
	char *p;
	size_t n;   /* bytes written */
	size_t cap; /* bytes of room at p */
	bool over;  /* something did not fit; n stays at what did */
};

/* Start an empty builder over cap bytes at p (borrowed). */
static inline struct sb
sb_init(char *p, size_t cap)
{
	return (struct sb){ .p = p, .cap = cap };
}

/* Append bytes. Nothing at all is appended when they don't fit. */
static inline void
sb_put(struct sb *b, const void *p, size_t n)
{
	if (n > b->cap - b->n) {
		b->over = true;
		return;
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static inline void
sb_span(struct sb *b, struct span s)
{
	if (s.n > 0)
		sb_put(b, s.p, s.n);
}

#define SB_LIT(b, literal) sb_put((b), (literal), sizeof(literal) - 1)

/* Append a NUL-terminated string. */
void sb_str(struct sb *b, const char *s);
/* Append v in decimal. */
void sb_u64(struct sb *b, uint64_t v);
void sb_i64(struct sb *b, int64_t v);
/*
 * Bytes of the well-formed UTF-8 sequence at the front of the n at p (Unicode table 3-7:
 * no overlong forms, no surrogates, nothing over U+10FFFF), 0 when it is none. n >= 1.
 */
size_t sb_utf8_bytes(const unsigned char *p, size_t n);
/* Append s as the inside of a JSON string (RFC 8259 section 7), no quotes added;
 * bytes that are no valid UTF-8 become U+FFFD each. What does not fit is cut
 * between two characters; nothing is appended to a builder that is over. */
void sb_json(struct sb *b, struct span s);
/* Append formatted text; needs one byte more of room than the text has. Nothing
 * at all is appended when it does not fit. */
void sb_printf(struct sb *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
