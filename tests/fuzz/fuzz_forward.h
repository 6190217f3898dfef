/*
 * What goes on must be read as it was read here: a head that http1 has accepted is
 * forwarded, and the result is read by http1 again.
 */
#ifndef GATEHOUSE_TESTS_FUZZ_FUZZ_FORWARD_H
#define GATEHOUSE_TESTS_FUZZ_FUZZ_FORWARD_H

#include "tests/http1_drive.h"
#include "worker/forward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FORWARD_MAX_HEAD = 16384, FORWARD_OUT = 192 * 1024 };

static char forward_bytes[FORWARD_OUT];

/* Read the head at the front of what is to be forwarded. */
static inline bool
forward_read(enum http1_side side, bool head_request, const uint8_t *data, size_t size,
    struct http1_head *out)
{
	struct http1 h;
	enum http1_fault fault;

	http1_init(&h, side);
	return http1_read_head(&h, (const char *)data, size, FORWARD_MAX_HEAD,
		   head_request, out, &fault) == 0;
}

/* What was built must be a head, all of it, framed in the same way. */
static inline void
forward_reread(enum http1_side side, bool head_request, const struct sb *built,
    const struct http1_head *was, enum http1_framing framing, struct http1_head *out)
{
	struct http1 h;
	enum http1_fault fault;

	DRIVE_CHECK(!built->over);
	http1_init(&h, side);
	DRIVE_CHECK(http1_read_head(&h, built->p, built->n, FORWARD_OUT, head_request,
			out, &fault) == 0);
	DRIVE_CHECK(out->bytes == built->n);
	DRIVE_CHECK(out->framing == framing);
	DRIVE_CHECK(framing != HTTP1_LENGTH || out->content_length == was->content_length);
}

static inline size_t
forward_count(const struct http1_head *head, struct span name)
{
	size_t n;

	(void)http1_find(head, name, &n);
	return n;
}

#endif
