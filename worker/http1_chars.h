/*
 * Which bytes may stand where in HTTP/1, and the forms of Content-Length and
 * Host. Pure; only for the files of http1.
 */
#ifndef GATEHOUSE_WORKER_HTTP1_CHARS_H
#define GATEHOUSE_WORKER_HTTP1_CHARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/span.h"

/* Classes of bytes; one byte may be in several. */
enum http1_class {
	HTTP1_C_TOKEN = 1,  /* tchar (RFC 9110 section 5.6.2) */
	HTTP1_C_VALUE = 2,  /* field-vchar, obs-text, SP, HTAB (RFC 9110 section 5.5) */
	HTTP1_C_TARGET = 4, /* visible ASCII but '#' */
	HTTP1_C_HOST = 8,   /* letters, digits and "-._~" of a reg-name */
	HTTP1_C_HEX = 16,
};

extern const unsigned char http1_classes[256];

static inline bool
http1_is(char c, enum http1_class class)
{
	return (http1_classes[(unsigned char)c] & class) != 0;
}

/* The first byte at or after p that is not of the class, or end. */
static inline const char *
http1_skip(const char *p, const char *end, enum http1_class class)
{
	while (p < end && http1_is(*p, class))
		p++;
	return p;
}

static inline bool
http1_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
http1_is_ows(char c)
{
	return c == ' ' || c == '\t';
}

/* Read 1*DIGIT up to INT64_MAX; no list, no sign (RFC 9112 section 6.3). */
bool http1_parse_length(struct span s, uint64_t *out);

/* Is s a name or an address with an optional port? Of reg-name's characters only
 * those that hosts have: no "@", "/" or ",", no percent-encoding; not empty. */
bool http1_is_host(struct span s);

#endif
