/*
 * What is counted for a request, a cell of an arena and a row of the ledger alike.
 * Tokens are normalised (FACTS section 2): OpenAI's prompt_tokens include cached
 * ones, Anthropic's input_tokens exclude them; here the three are disjoint.
 */
#ifndef GATEHOUSE_COMMON_USAGE_H
#define GATEHOUSE_COMMON_USAGE_H

#include <stdint.h>

enum usage_counter {
	USAGE_REQUESTS,     /* answered, the cut ones among them */
	USAGE_REQUESTS_CUT, /* whose answer did not come to its end */
	USAGE_INPUT,        /* prompt tokens, not from a cache */
	USAGE_CACHE_READ,   /* prompt tokens read from a cache */
	USAGE_CACHE_WRITE,  /* prompt tokens written to a cache */
	USAGE_OUTPUT,       /* completion tokens, reasoning included */
	USAGE_AUDIO_BYTES,  /* of request bodies with audio */
	USAGE_AUDIO_MS,     /* duration of audio */
	USAGE_COST_NEUR,    /* billionths of a euro */
	USAGE_COUNTERS
};

struct usage {
	uint64_t v[USAGE_COUNTERS];
};

/* A count above this in an answer is nonsense and is not counted. */
#define USAGE_TOKENS_MAX UINT64_C(1000000000)

#endif
