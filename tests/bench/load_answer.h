/*
 * Reads the answers of a gateway: just enough HTTP/1.1 to know where one ends, whether
 * it is the one hoped for, and which of its bytes are body. Pure.
 */
#ifndef GATEHOUSE_TESTS_BENCH_LOAD_ANSWER_H
#define GATEHOUSE_TESTS_BENCH_LOAD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/span.h"

enum { LOAD_ANSWER_LINE_MAX = 4096 /* a head, or the line of a chunk */ };

enum load_answer_state {
	LOAD_ANSWER_HEAD,
	LOAD_ANSWER_BODY,       /* of known length */
	LOAD_ANSWER_CHUNK_LINE, /* a chunk's length */
	LOAD_ANSWER_CHUNK,
	LOAD_ANSWER_CHUNK_END, /* CRLF behind a chunk */
	LOAD_ANSWER_LAST,      /* CRLF behind the last chunk; trailers are not expected */
	LOAD_ANSWER_DONE,
	LOAD_ANSWER_BAD, /* not 200, or no answer that this file understands */
};

/* Zero-initialised is "nothing has come". */
struct load_answer {
	enum load_answer_state state;
	unsigned status;
	uint64_t left; /* of the body or chunk */
	size_t n_line;
	char line[LOAD_ANSWER_LINE_MAX];
};

/* Called with each piece of the body, borrowed for the call. */
typedef void (*load_body_fn)(void *arg, struct span body);

/* Read what has come; state says where it led to. What follows LOAD_ANSWER_DONE in
 * data is LOAD_ANSWER_BAD, for nothing more was asked for. */
void load_answer_feed(
    struct load_answer *a, struct span data, load_body_fn on_body, void *arg);

#endif
