/*
 * Where the benchmark's upstream listens.
 */
#ifndef GATEHOUSE_TESTS_BENCH_UPSTREAM_LISTEN_H
#define GATEHOUSE_TESTS_BENCH_UPSTREAM_LISTEN_H

#include <stdint.h>

/* Listen on a free port of 127.0.0.1, non-blocking. Returns the socket with *port_out set,
 * or a negative errno. */
int upstream_listen(uint16_t *port_out);

#endif
