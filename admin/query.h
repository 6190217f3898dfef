/*
 * What stands percent-encoded in a request's target (RFC 3986 section 2.1): parameters of
 * the query and segments of the path. Pure but for memory.
 */
#ifndef GATEHOUSE_ADMIN_QUERY_H
#define GATEHOUSE_ADMIN_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "common/span.h"

enum { QUERY_PAIRS_MAX = 32, QUERY_BYTES_MAX = 8192 };

struct query;

/*
 * Decode in to out, NUL-terminated.
 * plus   '+' is a space, as forms have it.
 * cap    bytes of room at out, the NUL included.
 * Returns 0, ERR_SYNTAX (a broken escape, a NUL, no UTF-8) or ERR_TOO_LARGE.
 */
int query_decode(struct span in, bool plus, char *out, size_t cap) MUSTCHECK;

/*
 * Take apart "a=1&b=2"; the empty text has no parameters.
 * out  set on 0; query_destroy().
 * Returns 0, ERR_SYNTAX (query_decode(), or a name that comes twice), ERR_TOO_LARGE, -ENOMEM.
 */
int query_parse(struct span text, struct query **out) MUSTCHECK;

/* Accepts NULL inside, leaves NULL. */
void query_destroy(struct query **q);

/* The value of a parameter; NULL if there is none. Lives as long as q. */
const char *query_get(const struct query *q, const char *name);

#endif
