/*
 * Drives worker/http1 over a byte string as a connection would, with the bytes
 * arriving in pieces of any sizes, and keeps what came out, so that two ways of
 * arriving can be compared. Every call sees a copy of exactly the bytes that
 * have arrived, on the heap: the address sanitizer notices a look beyond. What
 * http1.h promises of each call is checked on the way; a broken promise aborts.
 */
#ifndef GATEHOUSE_TESTS_HTTP1_DRIVE_H
#define GATEHOUSE_TESTS_HTTP1_DRIVE_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/http1.h"

#define DRIVE_CHECK(what) ((what) ? (void)0 : drive_broken(#what, __LINE__))

/* How the bytes arrive: first, then step a time (0: the rest at once); with a
 * seed the steps are of 1 to 16 bytes. */
struct drive_arrival {
	size_t first, step;
	uint32_t seed;
};

/* What came out. The text holds all heads and bodies; equal texts, equal meaning. */
struct drive_result {
	int result; /* 0: all bytes were understood, or waited for more */
	enum http1_fault fault;
	bool in_head;      /* refused in a head, else in a body */
	unsigned messages; /* complete ones */
	struct http1_head first;
	char body[65536]; /* of all messages */
	size_t body_bytes;
	char text[400000];
	size_t text_bytes;
	size_t used; /* bytes that belong to messages */
	const char *ending;
};

struct drive {
	enum http1_side side;
	bool head_request;
	size_t max_head;
	struct http1 parser;
	bool in_body;
	struct drive_result *out;
};

static inline void
drive_broken(const char *what, int line)
{
	fprintf(stderr, "http1_drive.h:%d: not so: %s\n", line, what);
	abort();
}

static inline void
drive_put(struct drive_result *o, const void *p, size_t n)
{
	DRIVE_CHECK(n <= sizeof(o->text) - o->text_bytes);
	if (n > 0)
		memcpy(o->text + o->text_bytes, p, n);
	o->text_bytes += n;
}

static inline void PRINTF_LIKE(2, 3)
    drive_printf(struct drive_result *o, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	drive_put(o, line, strlen(line));
}

static inline bool
drive_inside(struct span s, const char *p, size_t n)
{
	return s.n == 0 || (s.p >= p && s.p + s.n <= p + n);
}

/* What must hold of any head that was accepted. */
static inline void
drive_check_head(
    const struct drive *d, const struct http1_head *h, const char *p, size_t n)
{
	size_t lengths, codings, hosts;

	DRIVE_CHECK(h->bytes > 0 && h->bytes <= n && h->bytes <= d->max_head);
	DRIVE_CHECK(memcmp(p + h->bytes - 4, "\r\n\r\n", 4) == 0);
	DRIVE_CHECK(h->minor <= 1 && h->n_fields <= HTTP1_MAX_FIELDS);
	for (size_t i = 0; i < h->n_fields; i++) {
		DRIVE_CHECK(h->fields[i].name.n > 0);
		DRIVE_CHECK(drive_inside(h->fields[i].name, p, h->bytes));
		DRIVE_CHECK(drive_inside(h->fields[i].value, p, h->bytes));
	}
	(void)http1_find(h, SPAN("content-length"), &lengths);
	(void)http1_find(h, SPAN("transfer-encoding"), &codings);
	(void)http1_find(h, SPAN("host"), &hosts);
	DRIVE_CHECK(lengths + codings <= 1);
	DRIVE_CHECK(h->framing != HTTP1_LENGTH || lengths == 1);
	DRIVE_CHECK(h->framing != HTTP1_CHUNKED || (codings == 1 && h->minor == 1));
	DRIVE_CHECK(h->content_length <= INT64_MAX);
	if (d->side == HTTP1_RESPONSE) {
		DRIVE_CHECK(h->status >= 100 && h->status <= 599 && h->status != 101);
		DRIVE_CHECK(h->framing != HTTP1_UNTIL_CLOSE || !h->keep_alive);
		return;
	}
	DRIVE_CHECK(hosts == 1 || (hosts == 0 && h->minor == 0));
	DRIVE_CHECK(h->framing != HTTP1_UNTIL_CLOSE);
	DRIVE_CHECK((h->framing == HTTP1_NO_BODY) == (lengths + codings == 0));
	DRIVE_CHECK(drive_inside(h->target, p, h->bytes) && h->target.n > 0);
	DRIVE_CHECK(h->target.n <= HTTP1_MAX_TARGET);
}

static inline void
drive_note_head(struct drive_result *o, const struct http1_head *h)
{
	drive_printf(o, "\n%d %u 1.%u framing %d %" PRIu64 " keep %d expect %d bytes %zu ",
	    (int)h->method, h->status, h->minor, (int)h->framing, h->content_length,
	    h->keep_alive, h->expect_continue, h->bytes);
	drive_put(o, h->target.p, h->target.n);
	for (size_t i = 0; i < h->n_fields; i++) {
		drive_put(o, "\n ", 2);
		drive_put(o, h->fields[i].name.p, h->fields[i].name.n);
		drive_put(o, "=", 1);
		drive_put(o, h->fields[i].value.p, h->fields[i].value.n);
	}
	drive_put(o, "\n", 1);
}

/* Returns the bytes taken, 0 when more are needed; o->result tells of a refusal. */
static inline size_t
drive_head(struct drive *d, const char *p, size_t n)
{
	struct drive_result *o = d->out;
	struct http1_head head;
	enum http1_fault fault = HTTP1_OK;
	int r = http1_read_head(
	    &d->parser, p, n, d->max_head, d->head_request, &head, &fault);

	DRIVE_CHECK(r == 0 || r == ERR_MORE || r == ERR_SYNTAX || r == ERR_TOO_LARGE);
	DRIVE_CHECK((fault == HTTP1_OK) == (r == 0 || r == ERR_MORE));
	DRIVE_CHECK(r != ERR_MORE || (n < d->max_head && !http1_body_done(&d->parser)));
	DRIVE_CHECK((r == ERR_TOO_LARGE) ==
	    (fault == HTTP1_HEAD_TOO_LARGE || fault == HTTP1_TARGET_TOO_LONG));
	if (r == ERR_MORE)
		return 0;
	o->result = r;
	o->fault = fault;
	o->in_head = r != 0;
	if (r != 0)
		return 0;
	drive_check_head(d, &head, p, n);
	drive_note_head(o, &head);
	if (o->messages == 0 && o->used == 0)
		o->first = head; /* its spans are gone with the copy; its numbers stay */
	d->in_body = true;
	return head.bytes;
}

static inline size_t
drive_body(struct drive *d, const char *p, size_t n)
{
	struct drive_result *o = d->out;
	struct span data;
	size_t used;
	bool end;
	int r = http1_read_body(&d->parser, p, n, &used, &data, &end);

	DRIVE_CHECK(r == 0 || r == ERR_SYNTAX);
	if (r != 0) {
		o->result = r;
		return 0;
	}
	DRIVE_CHECK(used <= n && (used > 0 || end));
	DRIVE_CHECK(drive_inside(data, p, used));
	DRIVE_CHECK(end == http1_body_done(&d->parser));
	DRIVE_CHECK(data.n <= sizeof(o->body) - o->body_bytes);
	if (data.n > 0)
		memcpy(o->body + o->body_bytes, data.p, data.n);
	o->body_bytes += data.n;
	drive_put(o, data.p, data.n);
	return used;
}

/* Give the parser all it will take of [p, p+n). Returns the bytes it took. */
static inline size_t
drive_arrived(struct drive *d, const char *p, size_t n)
{
	struct drive_result *o = d->out;
	char *copy = malloc(n > 0 ? n : 1);
	size_t at = 0, took;

	DRIVE_CHECK(copy != NULL);
	memcpy(copy, p, n);
	do {
		if (d->in_body && http1_body_done(&d->parser)) {
			d->in_body = false;
			o->messages++;
			drive_put(o, "\nEND", 4);
		}
		if (at == n)
			break;
		took = d->in_body ? drive_body(d, copy + at, n - at)
				  : drive_head(d, copy + at, n - at);
		at += took;
		o->used += took;
	} while (took > 0 && o->result == 0);
	free(copy);
	return at;
}

static inline size_t
drive_next(struct drive_arrival *a, size_t have, size_t n)
{
	size_t step = a->step;

	if (a->seed != 0) {
		a->seed = a->seed * 1664525 + 1013904223;
		step = 1 + (a->seed >> 28);
	}
	return step == 0 || step > n - have ? n : have + step;
}

/* Run the parser over [p, p+n). The peer closes behind the last byte. */
static inline void
drive_run(enum http1_side side, bool head_request, size_t max_head, const char *p,
    size_t n, struct drive_arrival a, struct drive_result *out)
{
	struct drive d = {
		.side = side, .head_request = head_request, .max_head = max_head
	};
	size_t have = a.first < n ? a.first : n, at = 0;

	memset(out, 0, offsetof(struct drive_result, body));
	out->body_bytes = out->text_bytes = out->used = 0;
	d.out = out;
	http1_init(&d.parser, side);
	for (;;) {
		at += drive_arrived(&d, p + at, have - at);
		if (out->result != 0 || have == n)
			break;
		have = drive_next(&a, have, n);
	}
	if (out->result != 0)
		out->ending = "refused";
	else if (!d.in_body)
		out->ending = at == n ? "clean" : "more";
	else
		out->ending = http1_eof(&d.parser) == 0 ? "closed" : "cut";
	drive_printf(out, "\n%s %d %d", out->ending, out->result, (int)out->fault);
	/* how much of a bad body was taken before depends on how it arrived */
	if (out->result == 0 || out->in_head)
		drive_printf(out, " used %zu", out->used);
}

/* Did both come to the same? */
static inline bool
drive_same(const struct drive_result *a, const struct drive_result *b)
{
	return a->text_bytes == b->text_bytes &&
	    memcmp(a->text, b->text, a->text_bytes) == 0;
}

#endif
