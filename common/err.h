/*
 * Result codes and reasons. A function that can fail returns 0 or a negative
 * code: -errno, or one of ours below -5000. Where a person needs more than a
 * code, it also fills a struct errmsg. No text here ever carries a byte that a
 * peer sent, or a secret.
 */
#ifndef GATEHOUSE_COMMON_ERR_H
#define GATEHOUSE_COMMON_ERR_H

#define MUSTCHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

enum err_code {
	ERR_MORE = -5001,      /* incomplete input; nothing was consumed */
	ERR_SYNTAX = -5002,    /* malformed or ambiguous input */
	ERR_TOO_LARGE = -5003, /* over a size limit */
	ERR_INVALID = -5004,   /* refused: a bad value; struct errmsg says which */
	ERR_TLS = -5005,       /* OpenSSL refused; its queue has been emptied */
	ERR_CLOSED = -5006,    /* the peer has closed */
	ERR_STALE = -5007,     /* written by another version or layout */
	ERR_CHANGED = -5008,   /* somebody else changed it meanwhile */
	ERR_FULL = -5009,      /* a fixed-size table has no room */
};

/* One line for a person: what was wrong, naming the file, entry and field. */
struct errmsg {
	char text[512];
};

/* Set e's text (cut when too long). e may be NULL: then nothing happens. */
void errmsg_set(struct errmsg *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A constant text for a result code r (0, -errno or an enum err_code). */
const char *err_text(int r);

#endif
