/*
 * What a request to the benchmark's upstream asks for. Pure; it trusts the gateways in
 * front of it to have judged the framing.
 */
#ifndef GATEHOUSE_TESTS_BENCH_UPSTREAM_REQUEST_H
#define GATEHOUSE_TESTS_BENCH_UPSTREAM_REQUEST_H

#include <stddef.h>
#include <stdint.h>

/* See upstream.c for the query. */
struct upstream_request {
	uint64_t body_bytes;
	size_t content;   /* what the model says in an event, bytes */
	uint64_t pace_ms; /* 0: not paced */
	uint64_t mib;     /* of an unpaced stream; 0: none */
};

/*
 * Read the head at the front of p, which is NUL-terminated and may be written to.
 * Returns its length, 0 (not whole yet), or -1 (a body of unknown length).
 */
long upstream_request_parse(char *p, struct upstream_request *out);

#endif
