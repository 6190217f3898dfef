/* See cli_usage_rows.h. */
#include "admin/cli_usage_rows.h"

#include "admin/zone.h"

/* The tally's field for a column. */
static enum tally_field
field_of(enum cli_usage_column c)
{
	switch (c) {
	case CLI_USAGE_HOUR:
	case CLI_USAGE_DAY: return TALLY_HOUR;
	case CLI_USAGE_KEY: return TALLY_KEY;
	case CLI_USAGE_MODEL: return TALLY_MODEL;
	case CLI_USAGE_ENDPOINT: return TALLY_ENDPOINT;
	case CLI_USAGE_COLUMNS: break;
	}
	return TALLY_HOUR;
}

struct usage_query
cli_usage_query(const struct cli_usage_args *args)
{
	struct usage_query q = { args->from_hour, args->to_hour, 0 };

	for (size_t i = 0; i < args->n_by; i++)
		q.by |= TALLY_BY(field_of(args->by[i]));
	return q;
}

/* Put a day's number into each row in place of its hour. */
static int
fold_days(const struct cli_usage_args *args, struct tally **t)
{
	struct tally *days = NULL;
	bool wanted = false;
	int r;

	for (size_t i = 0; i < args->n_by; i++)
		wanted = wanted || args->by[i] == CLI_USAGE_DAY;
	if (!wanted)
		return 0;
	r = tally_create(cli_usage_query(args).by, &days);
	for (size_t i = 0; r == 0 && i < tally_count(*t); i++) {
		const struct tally_row *row = tally_at(*t, i);
		struct ledger_row_key key = row->key;

		key.hour = zone_day(key.hour);
		r = tally_add(days, &key, &row->counters);
	}
	if (r == 0) {
		tally_destroy(t);
		*t = days;
		days = NULL;
	}
	tally_destroy(&days);
	return r;
}

int
cli_usage_arrange(const struct cli_usage_args *args, struct tally **t)
{
	enum tally_field order[CLI_USAGE_COLUMNS];
	int r = fold_days(args, t);

	for (size_t i = 0; i < args->n_by; i++)
		order[i] = field_of(args->by[i]);
	if (r == 0)
		tally_sort(*t, order, args->n_by);
	return r;
}
