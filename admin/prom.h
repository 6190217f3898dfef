/*
 * Writes Prometheus' text exposition format 0.0.4: families with HELP and TYPE, samples
 * with escaped labels, exact decimals. A family without a sample leaves no trace.
 * Pure but for memory.
 */
#ifndef GATEHOUSE_ADMIN_PROM_H
#define GATEHOUSE_ADMIN_PROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/buffer.h>

#include "common/err.h"
#include "common/span.h"

#define PROM_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum prom_type { PROM_COUNTER, PROM_GAUGE, PROM_HISTOGRAM };

struct prom_label {
	const char *name;  /* a constant: [a-z_]+ */
	struct span value; /* UTF-8; escaped here */
};

/* A value of v / 10^decimals (0 to 18), so that sums of integers stay exact. */
struct prom_value {
	uint64_t v;
	unsigned decimals;
};

struct prom {
	struct evbuffer *out; /* borrowed */
	const char *name;     /* of the family that is being written */
	const char *help;
	enum prom_type type;
	bool open;   /* its HELP and TYPE have been written */
	bool failed; /* no memory: out is cut */
};

/* Begin a family. name and help are constants and borrowed until the next one. */
void prom_family(struct prom *p, const char *name, enum prom_type type, const char *help);

/*
 * Write one sample of the family.
 * suffix  follows the name: "" or, in a histogram, "_bucket", "_sum", "_count".
 */
void prom_sample(struct prom *p, const char *suffix, const struct prom_label *labels,
    size_t n_labels, struct prom_value value);

/* One sample with a whole value and one label. */
void prom_labelled(struct prom *p, const char *label, const char *value, uint64_t v);

#endif
