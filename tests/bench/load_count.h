/*
 * What the load counts: requests, events and bytes, how long each took, and the CPU time
 * that the gateway's processes had meanwhile, read at the edges of the measured window.
 */
#ifndef GATEHOUSE_TESTS_BENCH_LOAD_COUNT_H
#define GATEHOUSE_TESTS_BENCH_LOAD_COUNT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LOAD_PIDS_MAX = 64, LOAD_SAMPLES_MAX = 4 * 1024 * 1024 };

struct load_count {
	uint64_t requests, events, bytes_in, bytes_out; /* bytes: of bodies */
	uint64_t handshakes, resumed;
	uint64_t errors;   /* requests that did not get the answer hoped for */
	uint64_t reopened; /* kept connections that the gateway had closed meanwhile */
	uint64_t began_ns, ended_ns;
	uint64_t cpu_ns; /* of all pids, in the window */
	size_t n_pids;
	pid_t pid[LOAD_PIDS_MAX];
	size_t n_samples;
	uint32_t *sample_ns; /* room for LOAD_SAMPLES_MAX; further ones are left out */
};

/* CLOCK_MONOTONIC. */
uint64_t load_now_ns(void);

/* Make room for the samples. Returns 0 or -ENOMEM. */
int load_count_init(struct load_count *c);
void load_count_fini(struct load_count *c);

/* The measured window begins: all counts are 0 from here on. */
void load_count_begin(struct load_count *c);
/* It ends. */
void load_count_end(struct load_count *c);

/* It took this long. */
void load_count_sample(struct load_count *c, uint64_t took_ns);

/* One line of JSON on stdout. Returns 0, or -1 when it can't be written. */
int load_count_print(struct load_count *c);

#endif
