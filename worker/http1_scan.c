/*
 * The raw scan. One pass from the front; no look-ahead, no second reading of a
 * line. The steps return 0, ERR_MORE (the bytes have run out) or, positive, the
 * enum http1_fault that refuses the head.
 */
#include "worker/http1_scan.h"

#include "worker/http1_chars.h"

enum {
	METHOD_MAX = 32,      /* a longer first word is not HTTP */
	VERSION_BYTES = 8,    /* "HTTP/1.1" */
	TLS_HANDSHAKE = 0x16, /* a record's type, then */
	TLS_MAJOR = 0x03,     /* its version's first byte (RFC 8446 section 5.1) */
};

struct cursor {
	const char *p;
	const char *end;
};

/* The fields that framing hangs on, as they were met. */
struct framing_fields {
	const struct http1_field *host, *length, *coding;
	size_t n_host, n_length, n_coding, n_connection, n_upgrade;
	bool expects, expects_else; /* 100-continue; something else */
};

static int
scan_crlf(struct cursor *c)
{
	if (c->p == c->end)
		return ERR_MORE;
	if (c->p[0] != '\r')
		return HTTP1_BAD;
	if (c->end - c->p < 2)
		return ERR_MORE;
	if (c->p[1] != '\n')
		return HTTP1_BAD;
	c->p += 2;
	return 0;
}

/* Take one byte that must be want. */
static int
scan_byte(struct cursor *c, char want)
{
	if (c->p == c->end)
		return ERR_MORE;
	if (*c->p != want)
		return HTTP1_BAD;
	c->p++;
	return 0;
}

/* Is this somebody who speaks TLS to a plain port? */
static int
scan_not_tls(const struct cursor *c)
{
	if (c->p == c->end)
		return ERR_MORE;
	if (c->p[0] != TLS_HANDSHAKE)
		return 0;
	if (c->end - c->p < 2)
		return ERR_MORE;
	return c->p[1] == TLS_MAJOR ? HTTP1_TLS_ON_PLAIN : HTTP1_BAD;
}

static int
scan_method(struct cursor *c, enum http_method *out)
{
	const char *stop = c->end - c->p > METHOD_MAX ? c->p + METHOD_MAX : c->end;
	const char *p = http1_skip(c->p, stop, HTTP1_C_TOKEN);
	const struct span word = { c->p, (size_t)(p - c->p) };

	if (p == c->end && word.n < METHOD_MAX)
		return ERR_MORE;
	if (word.n == 0 || word.n == METHOD_MAX || *p != ' ')
		return HTTP1_BAD;
	c->p = p + 1;
	for (unsigned m = HTTP_GET; m <= HTTP_PATCH; m++) {
		*out = (enum http_method)m;
		if (span_eq(word, http_method_text(*out)))
			return 0;
	}
	return HTTP1_BAD_METHOD;
}

/* Origin-form, or "*" with OPTIONS (RFC 9112 section 3.2); no other form. */
static int
scan_target(struct cursor *c, enum http_method method, struct span *out)
{
	const char *start = c->p, *stop = c->end, *p;

	if (start == c->end)
		return ERR_MORE;
	if (*start != '/' && !(*start == '*' && method == HTTP_OPTIONS))
		return HTTP1_BAD;
	if (stop - start > HTTP1_MAX_TARGET + 1)
		stop = start + HTTP1_MAX_TARGET + 1;
	p = http1_skip(start, stop, HTTP1_C_TARGET);
	if (p - start > HTTP1_MAX_TARGET)
		return HTTP1_TARGET_TOO_LONG;
	if (*start == '*' && p - start > 1)
		return HTTP1_BAD;
	*out = (struct span){ start, (size_t)(p - start) };
	c->p = p;
	return scan_byte(c, ' ');
}

/* HTTP-version, and the byte that must follow it; that one is not taken. */
static int
scan_version(struct cursor *c, char follows, unsigned *minor_out)
{
	static const char form[VERSION_BYTES + 1] = "HTTP/d.d";

	for (int i = 0; i < VERSION_BYTES; i++) {
		if (c->p + i == c->end)
			return ERR_MORE;
		if (form[i] == 'd' ? !http1_is_digit(c->p[i]) : c->p[i] != form[i])
			return HTTP1_BAD;
	}
	if (c->p + VERSION_BYTES == c->end)
		return ERR_MORE;
	if (c->p[VERSION_BYTES] != follows)
		return HTTP1_BAD;
	if (c->p[5] != '1' || c->p[7] > '1')
		return HTTP1_BAD_VERSION;
	*minor_out = (unsigned)(c->p[7] - '0');
	c->p += VERSION_BYTES;
	return 0;
}

static int
scan_request_line(struct cursor *c, struct http1_head *out)
{
	int r;

	if ((r = scan_not_tls(c)) != 0 || (r = scan_method(c, &out->method)) != 0 ||
	    (r = scan_target(c, out->method, &out->target)) != 0 ||
	    (r = scan_version(c, '\r', &out->minor)) != 0)
		return r;
	return scan_crlf(c);
}

/* Three digits, 100 to 599 and not 101, behind a single space. */
static int
scan_status(struct cursor *c, unsigned *out)
{
	int r = scan_byte(c, ' ');

	if (r != 0)
		return r;
	*out = 0;
	for (int i = 0; i < 3; i++, c->p++) {
		if (c->p == c->end)
			return ERR_MORE;
		if (!http1_is_digit(*c->p))
			return HTTP1_BAD;
		*out = *out * 10 + (unsigned)(*c->p - '0');
	}
	return *out < 100 || *out > 599 || *out == 101 ? HTTP1_BAD : 0;
}

/* The reason phrase is optional, and with it the space before it. */
static int
scan_status_line(struct cursor *c, struct http1_head *out)
{
	int r;

	if ((r = scan_version(c, ' ', &out->minor)) != 0 ||
	    (r = scan_status(c, &out->status)) != 0)
		return r;
	if (c->p < c->end && *c->p == ' ')
		c->p = http1_skip(c->p, c->end, HTTP1_C_VALUE);
	return scan_crlf(c);
}

/* A line that begins with a space (obs-fold) fails here: its name is empty. */
static int
scan_field(struct cursor *c, struct http1_field *out)
{
	const char *p = http1_skip(c->p, c->end, HTTP1_C_TOKEN);
	const char *value;

	if (p == c->end)
		return ERR_MORE;
	if (p == c->p || *p != ':')
		return HTTP1_BAD;
	out->name = (struct span){ c->p, (size_t)(p - c->p) };
	for (p++; p < c->end && http1_is_ows(*p); p++)
		;
	value = p;
	p = http1_skip(p, c->end, HTTP1_C_VALUE);
	c->p = p;
	while (p > value && http1_is_ows(p[-1]))
		p--;
	out->value = (struct span){ value, (size_t)(p - value) };
	return scan_crlf(c);
}

static void
note_expect(struct framing_fields *ff, struct span value)
{
	if (span_eq_nocase(value, SPAN("100-continue")))
		ff->expects = true;
	else
		ff->expects_else = true;
}

/* Remember the field if framing hangs on it. Lengths first: most differ there. */
static void
note_field(struct framing_fields *ff, const struct http1_field *f)
{
	if (f->name.n == 4 && span_eq_nocase(f->name, SPAN("host"))) {
		ff->host = f;
		ff->n_host++;
	} else if (f->name.n == 6 && span_eq_nocase(f->name, SPAN("expect"))) {
		note_expect(ff, f->value);
	} else if (f->name.n == 7 && span_eq_nocase(f->name, SPAN("upgrade"))) {
		ff->n_upgrade++;
	} else if (f->name.n == 10 && span_eq_nocase(f->name, SPAN("connection"))) {
		ff->n_connection++;
	} else if (f->name.n == 14 && span_eq_nocase(f->name, SPAN("content-length"))) {
		ff->length = f;
		ff->n_length++;
	} else if (f->name.n == 17 && span_eq_nocase(f->name, SPAN("transfer-encoding"))) {
		ff->coding = f;
		ff->n_coding++;
	}
}

/* All field lines and the empty one behind them. */
static int
scan_fields(struct cursor *c, struct http1_head *out, struct framing_fields *ff)
{
	out->n_fields = 0;
	for (;;) {
		struct http1_field *f = &out->fields[out->n_fields];
		int r;

		if (c->p == c->end)
			return ERR_MORE;
		if (*c->p == '\r')
			return scan_crlf(c);
		if (out->n_fields == HTTP1_MAX_FIELDS)
			return HTTP1_HEAD_TOO_LARGE;
		if ((r = scan_field(c, f)) != 0)
			return r;
		note_field(ff, f);
		out->n_fields++;
	}
}

/* How the body is delimited, as far as the fields say. */
static int
judge_framing(struct http1_head *h, const struct framing_fields *ff)
{
	h->content_length = 0;
	h->framing = HTTP1_NO_BODY;
	if (ff->n_length + ff->n_coding > 1)
		return HTTP1_BAD;
	if (ff->n_coding == 1) {
		if (h->minor == 0 || !span_eq_nocase(ff->coding->value, SPAN("chunked")))
			return HTTP1_BAD;
		h->framing = HTTP1_CHUNKED;
	} else if (ff->n_length == 1) {
		if (!http1_parse_length(ff->length->value, &h->content_length))
			return HTTP1_BAD;
		h->framing = HTTP1_LENGTH;
	}
	return 0;
}

static void
judge_connection(struct http1_head *h, const struct framing_fields *ff)
{
	h->keep_alive = h->minor == 1;
	if (ff->n_connection == 0)
		return;
	if (h->minor == 0)
		h->keep_alive = http1_connection_lists(h, SPAN("keep-alive"));
	if (http1_connection_lists(h, SPAN("close")))
		h->keep_alive = false;
}

static int
judge_request(struct http1_head *h, const struct framing_fields *ff)
{
	if (ff->n_host > 1 || (ff->n_host == 0 && h->minor == 1))
		return HTTP1_BAD;
	if (ff->n_host == 1 && !http1_is_host(ff->host->value))
		return HTTP1_BAD;
	if (ff->n_upgrade > 0 && ff->n_connection > 0 &&
	    http1_connection_lists(h, SPAN("upgrade")))
		return HTTP1_BAD;
	if (ff->expects_else)
		return HTTP1_BAD;
	h->status = 0;
	h->expect_continue = ff->expects && h->minor == 1;
	return 0;
}

/* The status may say that there is no body, whatever the fields say. */
static void
judge_answer(struct http1_head *h, bool head_request)
{
	h->method = HTTP_GET;
	h->target = (struct span){ NULL, 0 };
	h->expect_continue = false;
	if (h->status < 200 || h->status == 204 || h->status == 304 || head_request) {
		h->framing = HTTP1_NO_BODY;
		h->content_length = 0;
	} else if (h->framing == HTTP1_NO_BODY) {
		h->framing = HTTP1_UNTIL_CLOSE;
		h->keep_alive = false;
	}
}

static int
scan(enum http1_side side, struct cursor *c, bool head_request, struct http1_head *out)
{
	struct framing_fields ff = { 0 };
	int r;

	r = side == HTTP1_REQUEST ? scan_request_line(c, out) : scan_status_line(c, out);
	if (r != 0 || (r = scan_fields(c, out, &ff)) != 0 ||
	    (r = judge_framing(out, &ff)) != 0)
		return r;
	judge_connection(out, &ff);
	if (side == HTTP1_REQUEST)
		return judge_request(out, &ff);
	judge_answer(out, head_request);
	return 0;
}

int
http1_scan_head(enum http1_side side, const char *p, size_t n, bool head_request,
    struct http1_head *out, enum http1_fault *fault_out)
{
	struct cursor c = { p, p + n };
	int r = scan(side, &c, head_request, out);

	if (r == 0)
		out->bytes = (size_t)(c.p - p);
	if (r <= 0)
		return r;
	*fault_out = (enum http1_fault)r;
	return r == HTTP1_TARGET_TOO_LONG || r == HTTP1_HEAD_TOO_LARGE ? ERR_TOO_LARGE
								       : ERR_SYNTAX;
}
