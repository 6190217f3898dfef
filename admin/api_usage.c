/*
 * usage and models. Usage is printed by the same code as `gatehouse usage`; here are the
 * ranges that a page offers, and the answer. Runs in the loop, for one thread alone may use
 * the ledger and the process's time zone.
 */
#include "admin/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/api_field.h"
#include "admin/api_json.h"
#include "admin/cli_usage_data.h"
#include "admin/cli_usage_rows.h"
#include "admin/time_json.h"
#include "admin/zone.h"
#include "common/clock.h"
#include "common/keyfile_time.h"

enum { ROWS_MAX = 100000, PRICE_DECIMALS = 3, NEUR_DECIMALS = 9, CENTS = 2 };

/* --- what is asked --- */

/* Ranges by name, as whole days of the zone up to now; days 0: all there is. */
static const struct {
	const char *name;
	int days;
} periods[] = { { "today", 1 }, { "7d", 7 }, { "30d", 30 }, { "year", 365 },
	{ "all", 0 } };

/* since for a period's name, in text. Returns NULL or what is wrong. */
static const char *
take_period(const char *name, int64_t now_ms, struct cli_usage_words *w,
    char text[KEYFILE_TIME_TEXT_BYTES])
{
	if (w->since != NULL || w->until != NULL)
		return "can't be given together with since or until";
	for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
		if (strcmp(periods[i].name, name) != 0)
			continue;
		if (periods[i].days > 0) {
			keyfile_time_format(
			    zone_midnight(now_ms, periods[i].days - 1), text);
			w->since = text;
		}
		return NULL;
	}
	return "is today, 7d, 30d, year or all";
}

/* Read the query. Returns whether it is good; else it has been answered. */
static bool
take_query(struct api_call *call, struct cli_usage_args *args)
{
	char since[KEYFILE_TIME_TEXT_BYTES];
	struct cli_usage_words w = {
		.since = api_query(call, "since"),
		.until = api_query(call, "until"),
		.by = api_query(call, "by"),
		.format = api_query(call, "format"),
		.zone = api_query(call, "tz"),
	};
	const char *period = api_query(call, "period"), *field = "tz", *fault = NULL;
	const int64_t now_ms = clock_wall_ms();

	w.format = w.format != NULL ? w.format : "json";
	w.zone = w.zone != NULL ? w.zone : "UTC";
	if (zone_use(w.zone) != 0)
		fault = "is no name of the time zone database";
	if (fault == NULL && period != NULL) {
		field = "period";
		fault = take_period(period, now_ms, &w, since);
	}
	if (fault == NULL)
		fault = cli_usage_words_take(&w, now_ms, args, &field);
	if (fault == NULL && args->format == CLI_USAGE_TABLE) {
		field = "format";
		fault = "is json or csv";
	}
	return fault == NULL || api_refuse(call, field, "%s %s.", field, fault);
}

/* --- the answer --- */

static void
reply_fault(struct api_call *call, int r)
{
	if (r == -ENOMEM)
		api_reply_fault(
		    call, 503, "no_memory", NULL, "There is not enough memory.");
	else
		api_reply_fault(call, 503, "ledger", NULL,
		    "The ledger can't be read now; the log says why.");
}

/* The rows as text, to be freed. Returns 0 or -ENOMEM. */
static int
print(const struct cli_usage_args *args, const struct tally *rows, char **text_out,
    size_t *n_out)
{
	FILE *f = open_memstream(text_out, n_out);
	bool failed;

	if (f == NULL)
		return -ENOMEM;
	if (args->format == CLI_USAGE_CSV)
		cli_usage_print_csv(f, args, rows);
	else
		cli_usage_print_json(f, args, rows);
	failed = ferror(f) != 0;
	return fclose(f) != 0 || failed ? -ENOMEM : 0;
}

static void
reply_rows(
    struct api_call *call, const struct cli_usage_args *args, const struct tally *rows)
{
	char *text = NULL;
	size_t n = 0;
	int r = print(args, rows, &text, &n);

	if (r != 0) {
		reply_fault(call, r);
	} else if (args->format == CLI_USAGE_CSV) {
		http_add_header(call->rq, "Content-Disposition",
		    "attachment; filename=\"gatehouse-usage.csv\"");
		api_reply_text(call, "text/csv; charset=utf-8", (struct span){ text, n });
	} else {
		api_reply_text(call, "application/json", (struct span){ text, n });
	}
	free(text);
}

/* Read the ledger and answer, with the zone in use. */
static void
answer(struct api_call *call, const struct cli_usage_args *args)
{
	struct flush *flush = call->env->flush;
	const struct usage_query q = cli_usage_query(args);
	struct tally *rows = NULL;
	int r = -ENODEV;

	(void)flush_now(flush); /* what can't be flushed is told all the same */
	if (flush_ledger(flush) != NULL)
		r = usage_query_run(flush_ledger(flush), flush_journal(flush), &q, &rows);
	if (r == 0)
		r = cli_usage_arrange(args, &rows);
	if (r != 0)
		reply_fault(call, r);
	else if (tally_count(rows) > ROWS_MAX)
		(void)api_refuse(call, "by",
		    "That would be more than %d rows: ask for fewer columns or less time.",
		    ROWS_MAX);
	else
		reply_rows(call, args, rows);
	tally_destroy(&rows);
}

static void
show_usage(struct api_call *call)
{
	struct cli_usage_args args = { .help = false };

	if (take_query(call, &args))
		answer(call, &args);
	if (zone_use("UTC") != 0)
		abort(); /* it needs no file, and was used at the start */
}

/* --- models --- */

static const char *
kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[MODEL_CHAT] = "chat",
		[MODEL_EMBEDDING] = "embedding",
		[MODEL_SPEECH] = "speech",
		[MODEL_OTHER] = "other",
	};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "other";
}

/* A token's price by the million; 1000 billionths are a euro then. */
static json_t *
million_json(uint64_t neur)
{
	return api_decimal_json(neur, PRICE_DECIMALS, CENTS);
}

static json_t *
price_json(const struct model_price *p)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "from",
	    time_json(p->from_ms), "input", million_json(p->input_neur), "cache_read",
	    million_json(p->cache_read_neur), "cache_write",
	    million_json(p->cache_write_neur), "output", million_json(p->output_neur),
	    "mib", api_decimal_json(p->mib_neur, NEUR_DECIMALS, CENTS), "second",
	    api_decimal_json(p->second_neur, NEUR_DECIMALS, CENTS));
}

static json_t *
model_json(const struct model *m)
{
	json_t *aliases = json_array(), *prices = json_array();

	for (uint32_t i = 0; i < m->n_aliases && i < MODEL_ALIASES_MAX; i++)
		(void)json_array_append_new(aliases, json_string(m->aliases[i]));
	for (uint64_t i = 0; i < m->n_prices && i < MODEL_PRICES_MAX; i++)
		(void)json_array_append_new(prices, price_json(&m->prices[i]));
	return json_pack("{s:s, s:o, s:s, s:o}", "id", m->id, "aliases", aliases, "kind",
	    kind_name(m->kind), "prices", prices);
}

static json_t *
models_json(const struct models *m)
{
	json_t *list = json_array();

	for (uint64_t i = 1; i <= m->n; i++) {
		if (json_array_append_new(list, model_json(&m->v[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return json_pack("{s:o, s:o, s:s, s:s}", "models", list, "default",
	    model_json(&m->v[0]), "currency", "EUR", "unit", "per 1,000,000 tokens");
}

static void
show_models(struct api_call *call)
{
	struct models *m = calloc(1, sizeof(*m));
	uint64_t seq = 0;
	int r = m != NULL ? shared_get_models(call->env->shared->published, m, &seq)
			  : -ENOMEM;

	if (r == 0)
		api_reply(call, 200, models_json(m));
	else
		api_reply_fault(call, 503, "busy", NULL,
		    "The list of models can't be read now; try again.");
	free(m);
}

const struct api_route api_usage_routes[] = {
	{ EVHTTP_REQ_GET, "usage", API_SCOPE_READ, show_usage },
	{ EVHTTP_REQ_GET, "models", API_SCOPE_READ, show_models },
};

const size_t api_usage_n_routes = sizeof(api_usage_routes) / sizeof(api_usage_routes[0]);
