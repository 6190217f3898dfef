/* See cli_usage_figures.h. Nothing is a float: money and times are integers, printed as decimals. */
#include "admin/cli_usage_figures.h"

#include <inttypes.h>

/* v / 10^decimals. */
static void
put_decimal(struct sb *b, int64_t v, unsigned decimals)
{
	int64_t unit = 1;

	for (unsigned i = 0; i < decimals; i++)
		unit *= 10;
	sb_printf(b, "%" PRId64 ".%0*" PRId64, v / unit, (int)decimals, v % unit);
}

static int64_t
sum(int64_t a, int64_t b)
{
	int64_t v;

	return __builtin_add_overflow(a, b, &v) ? INT64_MAX : v;
}

static int64_t
prompt_of(const struct ledger_counters *c)
{
	return sum(c->v[LEDGER_INPUT_TOKENS],
	    sum(c->v[LEDGER_CACHED_READ], c->v[LEDGER_CACHED_WRITE]));
}

static void
put_requests(struct sb *b, const struct ledger_counters *c)
{
	sb_i64(b, c->v[LEDGER_REQUESTS]);
}

static void
put_cut(struct sb *b, const struct ledger_counters *c)
{
	sb_i64(b, c->v[LEDGER_REQUESTS_CUT]);
}

static void
put_prompt(struct sb *b, const struct ledger_counters *c)
{
	sb_i64(b, prompt_of(c));
}

static void
put_cached(struct sb *b, const struct ledger_counters *c)
{
	sb_i64(b, c->v[LEDGER_CACHED_READ]);
}

static void
put_cache_write(struct sb *b, const struct ledger_counters *c)
{
	sb_i64(b, c->v[LEDGER_CACHED_WRITE]);
}

static void
put_completion(struct sb *b, const struct ledger_counters *c)
{
	sb_i64(b, c->v[LEDGER_OUTPUT_TOKENS]);
}

static void
put_total(struct sb *b, const struct ledger_counters *c)
{
	sb_i64(b, sum(prompt_of(c), c->v[LEDGER_OUTPUT_TOKENS]));
}

static void
put_audio_bytes(struct sb *b, const struct ledger_counters *c)
{
	sb_i64(b, c->v[LEDGER_AUDIO_BYTES]);
}

static void
put_audio_seconds(struct sb *b, const struct ledger_counters *c)
{
	put_decimal(b, c->v[LEDGER_AUDIO_MS], 3);
}

static void
put_cost(struct sb *b, const struct ledger_counters *c)
{
	put_decimal(b, c->v[LEDGER_COST_NEUR], 9);
}

/* clang-format off */
const struct cli_usage_figure cli_usage_figures[CLI_USAGE_FIGURES] = {
	{ "REQUESTS", "requests", put_requests, false, false },
	{ "CUT", "requests_cut", put_cut, false, false },
	{ "PROMPT", "prompt_tokens", put_prompt, false, false },
	{ "CACHED", "cached_tokens", put_cached, false, false },
	{ NULL, "cache_write_tokens", put_cache_write, false, false },
	{ "COMPLETION", "completion_tokens", put_completion, false, false },
	{ "TOTAL", "total_tokens", put_total, false, false },
	{ "AUDIO BYTES", "audio_bytes", put_audio_bytes, true, false },
	{ "AUDIO S", "audio_seconds", put_audio_seconds, true, false },
	{ "EURO", "cost_eur", put_cost, false, true },
};
/* clang-format on */

static const char *const names[CLI_USAGE_COLUMNS] = {
	[CLI_USAGE_HOUR] = "hour",
	[CLI_USAGE_DAY] = "day",
	[CLI_USAGE_KEY] = "key_id",
	[CLI_USAGE_MODEL] = "model",
	[CLI_USAGE_ENDPOINT] = "endpoint",
};

const char *
cli_usage_name(enum cli_usage_column c)
{
	return c < CLI_USAGE_COLUMNS ? names[c] : "";
}

/* What a row has in one of the columns that it is counted by. */
const char *
cli_usage_value(const struct ledger_row_key *k, enum cli_usage_column c, bool iso,
    char text[ZONE_TEXT_BYTES])
{
	switch (c) {
	case CLI_USAGE_HOUR:
		if (iso)
			zone_format_hour_iso(k->hour, text);
		else
			zone_format_hour(k->hour, text);
		return text;
	case CLI_USAGE_DAY: zone_format_day(k->hour, text); return text;
	case CLI_USAGE_KEY: return k->key_id;
	case CLI_USAGE_MODEL: return k->model;
	case CLI_USAGE_ENDPOINT: return k->endpoint;
	case CLI_USAGE_COLUMNS: break;
	}
	return "";
}
