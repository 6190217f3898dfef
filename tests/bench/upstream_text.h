/*
 * The answers of the benchmark's upstream, made once: what a chat model says, with the
 * usage that Privatemode's backend puts into every answer and every event.
 */
#ifndef GATEHOUSE_TESTS_BENCH_UPSTREAM_TEXT_H
#define GATEHOUSE_TESTS_BENCH_UPSTREAM_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "common/span.h"

enum {
	UPSTREAM_CHUNK_BYTES = 16 * 1024, /* of an unpaced stream, at most */
	UPSTREAM_BLOCK_CHUNKS = 4,        /* chunks in a block */
	UPSTREAM_EVENT_MAX = 8 * 1024,    /* room for one chunk with one event */
};

/* A small chat answer with its head. */
extern const struct span upstream_chat;
/* The head of an event stream, and the chunk that ends its body. */
extern const struct span upstream_stream_head;
extern const struct span upstream_stream_end;

/*
 * One event as one chunk.
 * content_bytes  length of what the model says in it
 * sent_ns        CLOCK_MONOTONIC, a string of the event
 * out            room for UPSTREAM_EVENT_MAX
 * Returns the chunk's length; 0: content_bytes is too much for the room.
 */
size_t upstream_event_format(char *out, size_t content_bytes, uint64_t sent_ns);

/*
 * A block of an unpaced stream: UPSTREAM_BLOCK_CHUNKS chunks, each of whole events.
 * The caller frees *out. Returns its length, 0 on no memory or too long an event.
 */
size_t upstream_block_create(size_t content_bytes, char **out);

#endif
