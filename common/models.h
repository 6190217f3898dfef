/*
 * Models, their kinds and prices (models.json), and what a request costs: integers
 * only, in billionths of a euro (neur). Loaded by the master, published in shared
 * memory, so that a new list holds from the next request on; read by workers (cost,
 * names) and admin. A price holds from a date on; what was counted before never
 * changes.
 */
#ifndef GATEHOUSE_COMMON_MODELS_H
#define GATEHOUSE_COMMON_MODELS_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/span.h"
#include "common/usage.h"

enum {
	MODELS_MAX = 256,
	MODEL_NAME_MAX = 63,
	MODEL_ALIASES_MAX = 8,
	MODEL_PRICES_MAX = 8
};

enum model_kind { MODEL_CHAT, MODEL_EMBEDDING, MODEL_SPEECH, MODEL_OTHER };

/* One price, valid from from_ms (UTC) until the next one's. 0: free of charge. */
struct model_price {
	int64_t from_ms;
	uint64_t input_neur;       /* per token */
	uint64_t cache_read_neur;  /* per token; absent in the file: as input */
	uint64_t cache_write_neur; /* per token; absent in the file: as input */
	uint64_t output_neur;      /* per token */
	uint64_t mib_neur;         /* per MiB of audio body, by the byte */
	uint64_t second_neur;      /* per second of audio, by the millisecond */
};

struct model {
	char id[MODEL_NAME_MAX + 1];
	char aliases[MODEL_ALIASES_MAX][MODEL_NAME_MAX + 1];
	uint32_t n_aliases;
	uint32_t kind; /* enum model_kind */
	uint64_t n_prices;
	struct model_price prices[MODEL_PRICES_MAX]; /* by from_ms, ascending */
};

/* The whole list; v[0] is the default for names that are not in it. */
struct models {
	uint64_t n;
	struct model v[MODELS_MAX + 1];
};

/*
 * Load models.json; path NULL: the list that is built in. out is the caller's storage (large: not for a stack), set on 0.
 * Returns 0, ERR_SYNTAX (no JSON: line and column), ERR_INVALID (why names entry and
 * field), -errno.
 */
int models_load(const char *path, struct models *out, struct errmsg *why) MUSTCHECK;

/* The entry whose id or alias is name; the default entry (index 0) if none. */
const struct model *models_find(const struct models *m, struct span name);

/* The price that holds at now_ms; a zero price before the first. */
const struct model_price *model_price_at(const struct model *m, int64_t now_ms);

/* What u's tokens and audio cost (u's own cost is not looked at). Rounded half up
 * once, saturating at INT64_MAX. Audio: by MiB if the price has mib_neur, by
 * second if second_neur. */
uint64_t model_cost(const struct model_price *p, const struct usage *u);

#endif
