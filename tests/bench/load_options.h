/*
 * What the load is told to do; its command line.
 */
#ifndef GATEHOUSE_TESTS_BENCH_LOAD_OPTIONS_H
#define GATEHOUSE_TESTS_BENCH_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/span.h"
#include "tests/bench/load_count.h"

enum { LOAD_SECRET_MAX = 100 };

struct load_options {
	uint16_t port;
	bool plain; /* no TLS */
	unsigned connections;
	bool fresh;    /* a new connection for each request */
	bool resume;   /* with the last one's ticket */
	unsigned rate; /* requests a second; 0: each answer is followed by a request */
	bool events;   /* count events, and time them by the `sent_ns` they carry */
	bool stay;     /* stay open after the first answer or event, until stdin ends */
	double warm_s, measure_s;
	const char *target;
	const char *content_type;
	struct span body;
	size_t n_secrets;
	size_t n_secret;     /* bytes of each */
	struct span secrets; /* all of them, a line each of n_secret bytes and a line feed */
	size_t n_pids;
	pid_t pid[LOAD_PIDS_MAX];
};

/* Exits with a remark when the command line makes no sense or a file can't be read. */
void load_options_parse(struct load_options *o, int argc, char **argv);

#endif
