/*
 * Counts of the load; see load_count.h.
 */
#include "tests/bench/load_count.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t
load_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

int
load_count_init(struct load_count *c)
{
	c->sample_ns = malloc(LOAD_SAMPLES_MAX * sizeof(*c->sample_ns));
	return c->sample_ns != NULL ? 0 : -ENOMEM;
}

void
load_count_fini(struct load_count *c)
{
	free(c->sample_ns);
	c->sample_ns = NULL;
}

/* What one thread has had, from the first number of its schedstat (proc(5)). */
static uint64_t
thread_cpu_ns(pid_t pid, const char *tid)
{
	char path[320];
	uint64_t ns = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, tid);
	if ((f = fopen(path, "re")) == NULL)
		return 0;                    /* it has just ended */
	if (fscanf(f, "%" SCNu64, &ns) != 1) /* NOLINT(cert-err34-c): the kernel's own */
		ns = 0;
	(void)fclose(f);
	return ns;
}

static uint64_t
process_cpu_ns(pid_t pid)
{
	const struct dirent *entry;
	uint64_t sum = 0;
	char path[64];
	DIR *dir;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	if ((dir = opendir(path)) == NULL) {
		fprintf(stderr, "load: process %d is gone\n", (int)pid);
		exit(1);
	}
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			sum += thread_cpu_ns(pid, entry->d_name);
	(void)closedir(dir);
	return sum;
}

static uint64_t
all_cpu_ns(const struct load_count *c)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < c->n_pids; i++)
		sum += process_cpu_ns(c->pid[i]);
	return sum;
}

void
load_count_begin(struct load_count *c)
{
	c->requests = c->events = c->bytes_in = c->bytes_out = 0;
	c->handshakes = c->resumed = c->errors = c->reopened = 0;
	c->n_samples = 0;
	c->cpu_ns = all_cpu_ns(c);
	c->began_ns = load_now_ns();
}

void
load_count_end(struct load_count *c)
{
	c->ended_ns = load_now_ns();
	c->cpu_ns = all_cpu_ns(c) - c->cpu_ns;
}

void
load_count_sample(struct load_count *c, uint64_t took_ns)
{
	if (c->n_samples < LOAD_SAMPLES_MAX)
		c->sample_ns[c->n_samples++] =
		    took_ns < UINT32_MAX ? (uint32_t)took_ns : UINT32_MAX;
}

static int
compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a;
	const uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Of the sorted samples, microseconds. */
static double
percentile_us(const struct load_count *c, double part)
{
	if (c->n_samples == 0)
		return 0;
	return c->sample_ns[(size_t)((double)(c->n_samples - 1) * part)] / 1e3;
}

int
load_count_print(struct load_count *c)
{
	qsort(c->sample_ns, c->n_samples, sizeof(*c->sample_ns), compare);
	printf("{\"requests\": %" PRIu64 ", \"events\": %" PRIu64
	       ", \"bytes_in\": %" PRIu64 ", \"bytes_out\": %" PRIu64
	       ", \"handshakes\": %" PRIu64 ", \"resumed\": %" PRIu64
	       ", \"errors\": %" PRIu64 ", \"reopened\": %" PRIu64 ", \"seconds\": %.6f"
	       ", \"cpu_ns\": %" PRIu64,
	    c->requests, c->events, c->bytes_in, c->bytes_out, c->handshakes, c->resumed,
	    c->errors, c->reopened, (double)(c->ended_ns - c->began_ns) / 1e9, c->cpu_ns);
	printf(
	    ", \"samples\": %zu, \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f}\n",
	    c->n_samples, percentile_us(c, 0.5), percentile_us(c, 0.9),
	    percentile_us(c, 0.99));
	return fflush(stdout) == 0 ? 0 : -1;
}
