/*
 * HTTP/1 (RFC 9112): bytes to message heads and bodies. Pure: no I/O, no clock,
 * no allocation. A raw scan of each complete head decides what is well-formed
 * and unambiguous; llhttp in strict mode judges the framing besides, of heads and
 * of chunked bodies. What either refuses is refused, and so is what they do not
 * read alike. Used for clients' requests and for upstream's answers.
 */
#ifndef GATEHOUSE_WORKER_HTTP1_H
#define GATEHOUSE_WORKER_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/sb.h"
#include "common/span.h"
#include "worker/http1_judge.h"

enum {
	HTTP1_MAX_FIELDS = 100,
	HTTP1_MAX_TARGET = 8192,
	HTTP1_MAX_CHUNK_LINE = 256, /* bytes with CRLF */
	HTTP1_MAX_TRAILERS = 4096,  /* bytes of all trailer lines of a message */
	/* Bytes of chunk lines of a message beyond 16 and twice its data for each: who
	 * sends long extensions with little data has nothing to say. */
	HTTP1_MAX_CHUNK_EXCESS = 16 * 1024,
};

enum http1_side { HTTP1_REQUEST, HTTP1_RESPONSE };

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_PATCH,
};

/* How a message's body is delimited (RFC 9112 section 6.3). */
enum http1_framing {
	HTTP1_NO_BODY,
	HTTP1_LENGTH,
	HTTP1_CHUNKED,
	HTTP1_UNTIL_CLOSE, /* answers only */
};

/* Why a head was refused, beside the result code; decides the status of the answer. */
enum http1_fault {
	HTTP1_OK,
	HTTP1_BAD,             /* 400 */
	HTTP1_BAD_VERSION,     /* 505: a well-formed HTTP/x.y that is not 1.0 or 1.1 */
	HTTP1_BAD_METHOD,      /* 501: a token, but none of enum http_method */
	HTTP1_TARGET_TOO_LONG, /* 414 */
	HTTP1_HEAD_TOO_LARGE,  /* 431: over max_head bytes or HTTP1_MAX_FIELDS fields */
	HTTP1_TLS_ON_PLAIN,    /* a TLS ClientHello (0x16 0x03): just close */
};

/* A field line; name and value point into the raw head, value without its OWS. */
struct http1_field {
	struct span name;
	struct span value;
};

/* A parsed head. Spans point into the buffer that was given to http1_read_head. */
struct http1_head {
	enum http_method method; /* requests */
	struct span target;      /* requests; as it came, origin-form or "*" (OPTIONS) */
	unsigned status;         /* answers */
	unsigned minor;          /* HTTP/1.minor */
	enum http1_framing framing;
	uint64_t content_length; /* of HTTP1_LENGTH */
	bool keep_alive;         /* by version and Connection (RFC 9112 section 9.3) */
	bool expect_continue;    /* requests; any other expectation is HTTP1_BAD */
	size_t bytes;            /* of the whole head, its empty line included */
	size_t n_fields;
	struct http1_field fields[HTTP1_MAX_FIELDS];
};

/* Parser of one direction of one connection. Embedded; contents are http1.c's. */
struct http1 {
	struct http1_judge judge;
	uint64_t left;       /* bytes of body or of the current piece still to come */
	uint32_t head_seen;  /* bytes of an incomplete head already looked at */
	uint16_t line_bytes; /* of the chunk line or trailer's name being read */
	uint16_t trailer_bytes;
	uint16_t chunk_excess; /* see HTTP1_MAX_CHUNK_EXCESS */
	uint8_t side;          /* enum http1_side */
	uint8_t state;         /* enum body_state */
	uint8_t name_may_be;   /* of the trailer being read; see http1.c */
};

/* Ready for the first head. */
void http1_init(struct http1 *h, enum http1_side side);

/*
 * Parse a message head at the front of [p, p+n). A single CRLF before a request
 * line is not accepted (llhttp and RFC 9112 2.2 would let it pass; we refuse).
 * max_head      bytes; a head that is longer, complete or not, is too large.
 * head_request  answers only: the request was HEAD, so there is no body.
 * out           filled on 0; body reading is then set up.
 * fault_out     set when the result is not 0 and not ERR_MORE.
 * Returns 0, ERR_MORE (no complete head yet, nothing consumed), ERR_SYNTAX or
 * ERR_TOO_LARGE: the connection must be closed after the answer.
 * After ERR_MORE pass the same front again, with more bytes. An incomplete head is
 * judged again from its front only while it is short, when a line of it has ended
 * or a byte has come that no head may have; otherwise just the new bytes are
 * looked at. So a bad line is refused with its end at the latest, and a head that
 * trickles in costs at most one scan for each of its lines (memchr-like work for
 * the rest), never one for each byte. Which fault is found does not depend on how
 * the bytes arrived.
 * For answers, 1xx heads are returned like any other with HTTP1_NO_BODY
 * (101 is ERR_SYNTAX: nothing was upgraded).
 */
int http1_read_head(struct http1 *h, const char *p, size_t n, size_t max_head,
    bool head_request, struct http1_head *out, enum http1_fault *fault_out) MUSTCHECK;

/*
 * Decode some of the current message's body at [p, p+n), n > 0.
 * used_out  bytes consumed, at least 1 unless *end_out is set.
 * data_out  a run of decoded body inside [p, p+n); may be empty.
 * end_out   the message is complete; bytes from *used_out on are the next one's.
 * Call again while bytes are left and the end is not reached. With HTTP1_NO_BODY or
 * length 0 the end is known at the head: see http1_body_done().
 * Returns 0 or ERR_SYNTAX.
 */
int http1_read_body(struct http1 *h, const char *p, size_t n, size_t *used_out,
    struct span *data_out, bool *end_out) MUSTCHECK;

/* Is the current message complete? The next one is current from the first call of
 * http1_read_head() for it on, even when that says ERR_MORE. */
bool http1_body_done(const struct http1 *h);

/* The peer has closed. Returns 0 if that ends the message (HTTP1_UNTIL_CLOSE), else
 * ERR_SYNTAX; ask http1_body_done() first. */
int http1_eof(struct http1 *h) MUSTCHECK;

/* The first field of that name (lower-case literal), NULL if there is none.
 * count_out (may be NULL) gets how many there are. */
const struct http1_field *http1_find(
    const struct http1_head *head, struct span name, size_t *count_out);

/* Is name among the comma-separated tokens of any Connection field (RFC 9110
 * section 7.6.1)? */
bool http1_connection_lists(const struct http1_head *head, struct span name);

/* Is the field one that holds for one hop only: Connection, Keep-Alive, Proxy-*
 * (-Connection, -Authenticate, -Authorization), TE, Trailer, Transfer-Encoding,
 * Upgrade, or listed by Connection? */
bool http1_is_hop_by_hop(const struct http1_head *head, struct span name);

/* The text of a method ("GET"). */
struct span http_method_text(enum http_method m);
/* The reason phrase for a status ("Not Found"; "Unknown" for others). */
const char *http_reason(unsigned status);

#endif
