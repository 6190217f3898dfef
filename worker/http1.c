/*
 * Heads and bodies of one direction of a connection. The raw scan of heads is
 * in http1_scan.c, llhttp's second opinion in http1_judge.c; here is when they
 * are asked, and the decoder of bodies: bodies with a length are only counted,
 * chunked ones go through a byte-by-byte machine for all that is not data, so
 * that they may arrive in pieces of any size.
 */
#include "worker/http1.h"

#include "worker/http1_chars.h"
#include "worker/http1_scan.h"

enum {
	HEAD_SHORT = 64, /* up to here an incomplete head is judged on each arrival */
	CHUNK_DIGITS_MAX = 16,
};

enum body_state {
	AT_HEAD,      /* no message, or its head is not complete */
	IN_LENGTH,    /* left bytes to come */
	IN_REST,      /* until the peer closes */
	IN_SIZE,      /* a chunk line's digits */
	IN_EXTENSION, /* behind its ";" */
	AT_SIZE_LF,   /* behind its CR */
	IN_DATA,      /* left bytes of the chunk to come */
	AT_DATA_CR,
	AT_DATA_LF,
	AT_TRAILER, /* at the beginning of a trailer line, or of the empty one */
	IN_TRAILER_NAME,
	IN_TRAILER_VALUE,
	AT_TRAILER_LF,
	AT_LAST_LF, /* of the empty line */
	AT_END,     /* complete */
	REFUSED,
};

void
http1_init(struct http1 *h, enum http1_side side)
{
	*h = (struct http1){ .side = (uint8_t)side, .state = AT_HEAD };
}

static enum body_state
state_of(const struct http1 *h)
{
	return (enum body_state)h->state;
}

/* Can the bytes [p, p+n), new at the end of an incomplete head, change what the
 * last scan said? Only the end of a line or a byte that no head may have can. */
static bool
is_scan_due(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!http1_is(p[i], HTTP1_C_VALUE) && p[i] != '\r')
			return true;
	}
	return false;
}

/* Scan what may be scanned of the head; ERR_MORE at max_head bytes is too large. */
static int
scan_within(struct http1 *h, const char *p, size_t n, size_t max_head, bool head_request,
    struct http1_head *out, enum http1_fault *fault_out)
{
	const size_t seen = n >= h->head_seen ? h->head_seen : 0;
	size_t m = n < max_head ? n : max_head;
	int r = ERR_MORE;

	if (m <= HEAD_SHORT || m == max_head || seen == 0 ||
	    is_scan_due(p + seen, m - seen))
		r = http1_scan_head(
		    (enum http1_side)h->side, p, m, head_request, out, fault_out);
	h->head_seen = r == ERR_MORE ? (uint32_t)m : 0;
	if (r != ERR_MORE || m < max_head)
		return r;
	*fault_out = HTTP1_HEAD_TOO_LARGE;
	return ERR_TOO_LARGE;
}

static int
confirm(struct http1 *h, const char *p, const struct http1_head *head)
{
	const struct http1_claim claim = {
		.request = h->side == HTTP1_REQUEST,
		.bodyless = h->side == HTTP1_RESPONSE && head->framing == HTTP1_NO_BODY,
		.chunked = head->framing == HTTP1_CHUNKED,
		.has_length = head->framing == HTTP1_LENGTH,
		.length = head->content_length,
		.status = head->status,
		.minor = head->minor,
	};

	return http1_judge_head(&h->judge, p, head->bytes, &claim);
}

static void
start_body(struct http1 *h, const struct http1_head *head)
{
	h->left = 0;
	h->line_bytes = 0;
	h->trailer_bytes = 0;
	h->chunk_excess = 0;
	h->state = AT_END;
	switch (head->framing) {
	case HTTP1_NO_BODY: break;
	case HTTP1_LENGTH:
		h->left = head->content_length;
		if (h->left > 0)
			h->state = IN_LENGTH;
		break;
	case HTTP1_CHUNKED: h->state = IN_SIZE; break;
	case HTTP1_UNTIL_CLOSE: h->state = IN_REST; break;
	}
}

int
http1_read_head(struct http1 *h, const char *p, size_t n, size_t max_head,
    bool head_request, struct http1_head *out, enum http1_fault *fault_out)
{
	int r;

	if (state_of(h) == AT_END)
		h->state = AT_HEAD;
	if (state_of(h) != AT_HEAD) {
		*fault_out = HTTP1_BAD;
		return ERR_SYNTAX;
	}
	if ((r = scan_within(h, p, n, max_head, head_request, out, fault_out)) == ERR_MORE)
		return r;
	if (r == 0 && (r = confirm(h, p, out)) != 0)
		*fault_out = HTTP1_BAD;
	if (r == 0)
		start_body(h, out);
	else
		h->state = REFUSED;
	return r;
}

static unsigned
hex_value(char c)
{
	if (c <= '9')
		return (unsigned)(c - '0');
	return (unsigned)((c | 0x20) - 'a') + 10;
}

/* A chunk line of line_bytes announces left bytes of data: is that in proportion, all of
 * the message taken together? */
static bool
is_line_worth_it(struct http1 *h)
{
	const uint64_t free = h->left < UINT16_MAX ? 16 + 2 * h->left : UINT32_MAX;
	const uint32_t excess = (uint32_t)h->chunk_excess + h->line_bytes;

	h->chunk_excess = excess > free ? (uint16_t)(excess - free) : 0;
	return h->chunk_excess <= HTTP1_MAX_CHUNK_EXCESS;
}

/* One byte of a chunk line: 1*HEXDIG [";" visible characters] CRLF. */
static enum body_state
step_size(struct http1 *h, char c)
{
	h->line_bytes++;
	if (h->line_bytes >= HTTP1_MAX_CHUNK_LINE && c != '\n')
		return REFUSED;
	if (state_of(h) == AT_SIZE_LF) {
		if (c != '\n' || !is_line_worth_it(h))
			return REFUSED;
		h->line_bytes = 0;
		return h->left > 0 ? IN_DATA : AT_TRAILER;
	}
	if (state_of(h) == IN_EXTENSION && c > ' ' && c < 0x7f)
		return IN_EXTENSION;
	if (c == '\r' && h->line_bytes > 1)
		return AT_SIZE_LF;
	if (state_of(h) == IN_EXTENSION)
		return REFUSED;
	if (c == ';' && h->line_bytes > 1)
		return IN_EXTENSION;
	if (!http1_is(c, HTTP1_C_HEX) || h->line_bytes > CHUNK_DIGITS_MAX)
		return REFUSED;
	h->left = h->left << 4 | hex_value(c);
	return h->left <= INT64_MAX ? IN_SIZE : REFUSED;
}

/* Not in trailers (RFC 9110 section 6.5.1). All are dropped; but who sends one of
 * these means to be read by somebody who does not. */
static const struct span no_trailers[] = {
	{ "content-length", 14 },
	{ "transfer-encoding", 17 },
	{ "host", 4 },
};
enum { N_NO_TRAILERS = sizeof(no_trailers) / sizeof(no_trailers[0]) };

/* One byte of a trailer's name. name_may_be has a bit for each of no_trailers that
 * begins as the name does so far; the name may come in pieces. */
static enum body_state
step_trailer_name(struct http1 *h, char c)
{
	for (unsigned i = 0; i < N_NO_TRAILERS; i++) {
		const struct span *name = &no_trailers[i];

		if ((h->name_may_be & 1U << i) == 0)
			continue;
		if (c == ':' && h->line_bytes == name->n)
			return REFUSED;
		if (h->line_bytes >= name->n ||
		    (c | 0x20) != (name->p[h->line_bytes] | 0x20))
			h->name_may_be &= (uint8_t) ~(1U << i);
	}
	h->line_bytes++;
	if (c == ':')
		return h->line_bytes > 1 ? IN_TRAILER_VALUE : REFUSED;
	return http1_is(c, HTTP1_C_TOKEN) ? IN_TRAILER_NAME : REFUSED;
}

/* One byte of the trailer section; the lines are held to the rules of fields. */
static enum body_state
step_trailer(struct http1 *h, char c)
{
	if (state_of(h) == AT_TRAILER && c == '\r')
		return AT_LAST_LF;
	if (h->trailer_bytes++ == HTTP1_MAX_TRAILERS)
		return REFUSED;
	if (state_of(h) == AT_TRAILER) {
		h->line_bytes = 0;
		h->name_may_be = UINT8_MAX;
	}
	if (state_of(h) == AT_TRAILER || state_of(h) == IN_TRAILER_NAME)
		return step_trailer_name(h, c);
	if (state_of(h) == IN_TRAILER_VALUE && c == '\r')
		return AT_TRAILER_LF;
	if (state_of(h) == IN_TRAILER_VALUE)
		return http1_is(c, HTTP1_C_VALUE) ? IN_TRAILER_VALUE : REFUSED;
	return c == '\n' ? AT_TRAILER : REFUSED; /* AT_TRAILER_LF */
}

static enum body_state
step_chunked(struct http1 *h, char c)
{
	switch (state_of(h)) {
	case IN_SIZE:
	case IN_EXTENSION:
	case AT_SIZE_LF: return step_size(h, c);
	case AT_DATA_CR: return c == '\r' ? AT_DATA_LF : REFUSED;
	case AT_DATA_LF: return c == '\n' ? IN_SIZE : REFUSED;
	case AT_TRAILER:
	case IN_TRAILER_NAME:
	case IN_TRAILER_VALUE:
	case AT_TRAILER_LF: return step_trailer(h, c);
	case AT_LAST_LF: return c == '\n' ? AT_END : REFUSED;
	case AT_HEAD:
	case IN_LENGTH:
	case IN_REST:
	case IN_DATA:
	case AT_END:
	case REFUSED: break;
	}
	return REFUSED;
}

/* Hand out what of the current piece lies in [p, p+n). */
static size_t
take_data(struct http1 *h, const char *p, size_t n, struct span *data_out)
{
	const size_t m = n < h->left ? n : (size_t)h->left;

	*data_out = (struct span){ p, m };
	h->left -= m;
	return m;
}

/* Framing up to the next run of data, and that run; then llhttp is asked about both. */
static int
read_chunked(
    struct http1 *h, const char *p, size_t n, size_t *used_out, struct span *data_out)
{
	size_t i = 0;
	bool in_data;

	while (i < n && state_of(h) != IN_DATA && state_of(h) != AT_END) {
		h->state = (uint8_t)step_chunked(h, p[i++]);
		if (state_of(h) == REFUSED)
			return ERR_SYNTAX;
	}
	in_data = state_of(h) == IN_DATA;
	if (in_data) {
		i += take_data(h, p + i, n - i, data_out);
		if (h->left == 0)
			h->state = AT_DATA_CR;
	}
	*used_out = i;
	return http1_judge_chunked(
	    &h->judge, p, i, state_of(h) == AT_END, in_data, h->left);
}

int
http1_read_body(struct http1 *h, const char *p, size_t n, size_t *used_out,
    struct span *data_out, bool *end_out)
{
	int r = 0;

	*used_out = 0;
	*data_out = (struct span){ p, 0 };
	switch (state_of(h)) {
	case AT_END: break;
	case AT_HEAD:
	case REFUSED: r = ERR_SYNTAX; break;
	case IN_LENGTH:
		*used_out = take_data(h, p, n, data_out);
		if (h->left == 0)
			h->state = AT_END;
		break;
	case IN_REST:
		*used_out = n;
		*data_out = (struct span){ p, n };
		break;
	case IN_SIZE:
	case IN_EXTENSION:
	case AT_SIZE_LF:
	case IN_DATA:
	case AT_DATA_CR:
	case AT_DATA_LF:
	case AT_TRAILER:
	case IN_TRAILER_NAME:
	case IN_TRAILER_VALUE:
	case AT_TRAILER_LF:
	case AT_LAST_LF: r = read_chunked(h, p, n, used_out, data_out); break;
	}
	if (r != 0)
		h->state = REFUSED;
	*end_out = state_of(h) == AT_END;
	return r;
}

bool
http1_body_done(const struct http1 *h)
{
	return state_of(h) == AT_END;
}

int
http1_eof(struct http1 *h)
{
	if (state_of(h) != IN_REST)
		return ERR_SYNTAX;
	h->state = AT_END;
	return 0;
}
