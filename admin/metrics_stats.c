/* See metrics_stats.h. Sums are made sample by sample: nothing is kept between scrapes. */
#include "admin/metrics_stats.h"

#include <stdio.h>

enum { US_DECIMALS = 6, LABEL_BYTES = 32 };

/* A counter's place in a row's statistics, as bytes from its beginning. */
static uint64_t
sum_of(const struct scrape *s, size_t offset)
{
	const struct scoreboard_row *rows = s->m->shared->state->rows;
	uint64_t sum = 0;

	for (size_t i = 0; i < METRICS_ROWS; i++)
		sum += metrics_load(
		    (const _Atomic uint64_t *)(const void *)((const char *)&rows[i].stats +
			offset));
	return sum;
}

#define COUNTER(member) offsetof(struct stats, member)

/* The text of a status: its digits, or `other`. */
static struct span
code_text(size_t index, char out[LABEL_BYTES])
{
	const unsigned code = stats_code(index);

	if (code == 0)
		return SPAN("other");
	(void)snprintf(out, LABEL_BYTES, "%u", code);
	return span_of(out);
}

static void
write_endpoint(const struct scrape *s, struct prom *p, enum endpoint e)
{
	for (size_t i = 0; i < STATS_CODES; i++) {
		const uint64_t n = sum_of(s,
		    COUNTER(requests) + ((size_t)e * STATS_CODES + i) * sizeof(uint64_t));
		char digits[LABEL_BYTES];
		const struct prom_label labels[] = {
			{ "endpoint", span_of(endpoint_name(e)) },
			{ "code", code_text(i, digits) },
		};

		if (n > 0)
			prom_sample(p, "", labels, 2, metrics_whole(n));
	}
}

void
metrics_write_requests(const struct scrape *s, struct prom *p)
{
	for (enum endpoint e = 0; e < ENDPOINT_COUNT; e++)
		write_endpoint(s, p, e);
}

void
metrics_write_refused(const struct scrape *s, struct prom *p)
{
	for (enum stats_refusal r = 0; r < STATS_REFUSALS; r++) {
		const uint64_t n =
		    sum_of(s, COUNTER(refused) + (size_t)r * sizeof(uint64_t));

		if (n > 0)
			prom_labelled(p, "reason", stats_refusal_name(r), n);
	}
}

void
metrics_write_upstream_responses(const struct scrape *s, struct prom *p)
{
	for (size_t i = 0; i < STATS_CODES; i++) {
		const uint64_t n = sum_of(s, COUNTER(upstream) + i * sizeof(uint64_t));
		char digits[LABEL_BYTES];
		const struct prom_label label = { "code", code_text(i, digits) };

		if (n > 0)
			prom_sample(p, "", &label, 1, metrics_whole(n));
	}
}

/* Of the living: who was killed has no stream open any more. */
void
metrics_write_streams(const struct scrape *s, struct prom *p)
{
	uint64_t n = 0;

	for (size_t i = 0; i < METRICS_ROWS; i++) {
		const struct scoreboard_row *row = &s->m->shared->state->rows[i];

		if (metrics_phase(row) != WORKER_EMPTY)
			n += metrics_load(&row->stats.streams);
	}
	prom_sample(p, "", NULL, 0, metrics_whole(n));
}

/* Microseconds as seconds, as short as they can be written. */
static struct span
seconds_text(uint64_t us, char out[LABEL_BYTES])
{
	int n = snprintf(out, LABEL_BYTES, "%llu.%06llu",
	    (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));

	while (n > 0 && out[n - 1] == '0')
		n--;
	if (n > 0 && out[n - 1] == '.')
		n--;
	return (struct span){ out, (size_t)n };
}

/* A histogram at an offset; `labels` has room for le behind the n that are there. */
static void
write_histogram(const struct scrape *s, struct prom *p, size_t offset,
    const uint64_t bounds_us[STATS_BOUNDS], struct prom_label *labels, size_t n)
{
	uint64_t each[STATS_BOUNDS + 1];
	uint64_t total = 0, below = 0;

	for (size_t i = 0; i <= STATS_BOUNDS; i++) {
		each[i] = sum_of(s,
		    offset + offsetof(struct stats_histogram, bucket) +
			i * sizeof(uint64_t));
		total += each[i];
	}
	if (total == 0)
		return;
	for (size_t i = 0; i <= STATS_BOUNDS; i++) {
		char text[LABEL_BYTES];

		below += each[i];
		labels[n] = (struct prom_label){ "le",
			i < STATS_BOUNDS ? seconds_text(bounds_us[i], text)
					 : SPAN("+Inf") };
		prom_sample(p, "_bucket", labels, n + 1, metrics_whole(below));
	}
	prom_sample(p, "_sum", labels, n,
	    (struct prom_value){
		.v = sum_of(s, offset + offsetof(struct stats_histogram, sum_us)),
		.decimals = US_DECIMALS });
	prom_sample(p, "_count", labels, n, metrics_whole(total));
}

static void
write_by_endpoint(const struct scrape *s, struct prom *p, size_t offset)
{
	for (enum endpoint e = 0; e < ENDPOINT_COUNT; e++) {
		struct prom_label labels[2] = { { "endpoint", span_of(endpoint_name(e)) } };

		write_histogram(s, p, offset + (size_t)e * sizeof(struct stats_histogram),
		    stats_bounds_us, labels, 1);
	}
}

void
metrics_write_duration(const struct scrape *s, struct prom *p)
{
	write_by_endpoint(s, p, COUNTER(duration));
}

void
metrics_write_first_byte(const struct scrape *s, struct prom *p)
{
	write_by_endpoint(s, p, COUNTER(first_byte));
}

void
metrics_write_overhead(const struct scrape *s, struct prom *p)
{
	struct prom_label labels[1];

	write_histogram(s, p, COUNTER(overhead), stats_overhead_bounds_us, labels, 0);
}
