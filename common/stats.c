/*
 * Tables of the statistics; see stats.h.
 */
#include "common/stats.h"

/* clang-format off */
static const uint16_t codes[STATS_CODES] = {
	200, 201, 202, 204, 206,
	301, 302, 303, 304, 307, 308,
	400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 417,
	418, 422, 425, 429, 431, 499, 500, 501, 502, 503, 504, 505,
	0 /* all others */
};

static const char *const refusal_names[STATS_REFUSALS] = {
	[STATS_REFUSED_KEY] = "key",
	[STATS_REFUSED_ADDRESS] = "address",
	[STATS_REFUSED_RATE] = "rate",
	[STATS_REFUSED_MALFORMED] = "malformed",
	[STATS_REFUSED_TOO_LARGE] = "too_large",
	[STATS_REFUSED_TIMEOUT] = "timeout",
	[STATS_REFUSED_TRANSPORT] = "transport",
	[STATS_REFUSED_CONNECTIONS] = "connections",
};

const uint64_t stats_bounds_us[STATS_BOUNDS] = {
	5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000,
	10000000, 30000000, 60000000, 120000000, 300000000, 600000000
};

const uint64_t stats_overhead_bounds_us[STATS_BOUNDS] = {
	10, 20, 30, 50, 75, 100, 150, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 1000000
};
/* clang-format on */

unsigned
stats_code(size_t index)
{
	return index < STATS_CODES ? codes[index] : 0;
}

size_t
stats_code_index(unsigned status)
{
	size_t i = 0;

	while (i < STATS_CODES - 1 && codes[i] != status)
		i++;
	return i;
}

const char *
stats_refusal_name(enum stats_refusal r)
{
	return (unsigned)r < STATS_REFUSALS ? refusal_names[r] : "other";
}

void
stats_observe(
    struct stats_histogram *h, const uint64_t bounds_us[STATS_BOUNDS], uint64_t us)
{
	size_t i = 0;

	while (i < STATS_BOUNDS && us > bounds_us[i])
		i++;
	stats_add(&h->bucket[i], 1);
	stats_add(&h->sum_us, us);
}
