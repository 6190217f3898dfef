/*
 * One sorted tally a scrape. Families without the endpoint take the rows of a key and a
 * model, which stand together, as one.
 */
#include "admin/metrics_usage.h"

#include <string.h>

#include "admin/flush.h"

enum { NEUR_DECIMALS = 9 };

void
metrics_gather_usage(struct scrape *s)
{
	static const enum tally_field order[] = { TALLY_KEY, TALLY_MODEL, TALLY_ENDPOINT };
	const unsigned keys = s->m->config->metrics_keys ? TALLY_BY(TALLY_KEY) : 0;
	struct tally *all = NULL, *t = NULL;

	if (s->m->flush == NULL || flush_totals(s->m->flush, &all) != 0)
		return;
	if (tally_create(keys | TALLY_BY(TALLY_MODEL) | TALLY_BY(TALLY_ENDPOINT), &t) == 0 &&
	    tally_add_all(t, all) == 0) {
		tally_sort(t, order, sizeof(order) / sizeof(order[0]));
		s->usage = t;
		t = NULL;
	}
	tally_destroy(&t);
	tally_destroy(&all);
}

/* key_id (if there are any) and model, then what the family adds. Returns how many. */
static size_t
put_labels(const struct scrape *s, const struct ledger_row_key *k, struct prom_label *out)
{
	size_t n = 0;

	if (s->m->config->metrics_keys)
		out[n++] = (struct prom_label){ "key_id", span_of(k->key_id) };
	out[n++] = (struct prom_label){ "model", span_of(k->model) };
	return n;
}

static size_t
rows_of(const struct scrape *s)
{
	return s->usage != NULL ? tally_count(s->usage) : 0;
}

void
metrics_write_key_requests(const struct scrape *s, struct prom *p)
{
	for (size_t i = 0; i < rows_of(s); i++) {
		const struct tally_row *row = tally_at(s->usage, i);
		const int64_t v = row->counters.v[LEDGER_REQUESTS];
		struct prom_label labels[3];
		size_t n = put_labels(s, &row->key, labels);

		labels[n++] =
		    (struct prom_label){ "endpoint", span_of(row->key.endpoint) };
		if (v > 0)
			prom_sample(p, "", labels, n, metrics_whole((uint64_t)v));
	}
}

/* Add up the rows of one key and model from i on. Returns the row behind them. */
static size_t
take_model(const struct scrape *s, size_t i, struct ledger_counters *sum)
{
	const struct ledger_row_key *first = &tally_at(s->usage, i)->key;

	*sum = (struct ledger_counters){ 0 };
	for (; i < tally_count(s->usage); i++) {
		const struct tally_row *row = tally_at(s->usage, i);

		if (strcmp(row->key.key_id, first->key_id) != 0 ||
		    strcmp(row->key.model, first->model) != 0)
			break;
		ledger_counters_add(sum, &row->counters);
	}
	return i;
}

static const struct {
	enum ledger_counter counter;
	const char *name;
} token_kinds[] = {
	{ LEDGER_INPUT_TOKENS, "input" },
	{ LEDGER_CACHED_READ, "cache_read" },
	{ LEDGER_CACHED_WRITE, "cache_write" },
	{ LEDGER_OUTPUT_TOKENS, "output" },
};

static void
put_tokens(const struct scrape *s, struct prom *p, const struct ledger_row_key *key,
    const struct ledger_counters *sum)
{
	for (size_t k = 0; k < sizeof(token_kinds) / sizeof(token_kinds[0]); k++) {
		const int64_t v = sum->v[token_kinds[k].counter];
		struct prom_label labels[3];
		size_t n = put_labels(s, key, labels);

		labels[n++] = (struct prom_label){ "kind", span_of(token_kinds[k].name) };
		if (v > 0)
			prom_sample(p, "", labels, n, metrics_whole((uint64_t)v));
	}
}

void
metrics_write_tokens(const struct scrape *s, struct prom *p)
{
	struct ledger_counters sum;
	size_t next;

	for (size_t i = 0; i < rows_of(s); i = next) {
		next = take_model(s, i, &sum);
		put_tokens(s, p, &tally_at(s->usage, i)->key, &sum);
	}
}

void
metrics_write_cost(const struct scrape *s, struct prom *p)
{
	struct ledger_counters sum;
	struct prom_label labels[2];
	size_t next;

	for (size_t i = 0; i < rows_of(s); i = next) {
		const struct ledger_row_key *key = &tally_at(s->usage, i)->key;
		size_t n = put_labels(s, key, labels);

		next = take_model(s, i, &sum);
		if (sum.v[LEDGER_COST_NEUR] > 0)
			prom_sample(p, "", labels, n,
			    (struct prom_value){ .v = (uint64_t)sum.v[LEDGER_COST_NEUR],
				.decimals = NEUR_DECIMALS });
	}
}

void
metrics_write_journal_cells(const struct scrape *s, struct prom *p)
{
	struct journal_figures f;

	if (s->m->flush == NULL)
		return;
	journal_figures(flush_journal(s->m->flush), &f);
	prom_labelled(p, "state", "used", f.cells_used);
	prom_labelled(p, "state", "free", f.cells_free);
}

void
metrics_write_ledger_lag(const struct scrape *s, struct prom *p)
{
	if (s->m->flush != NULL)
		prom_sample(p, "", NULL, 0, metrics_milli(flush_lag_ms(s->m->flush)));
}
