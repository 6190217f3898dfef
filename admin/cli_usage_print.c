/*
 * A table of columns: what each is called, how it is taken from a row. Names are other
 * people's text: control characters become `?` in the table.
 */
#include "admin/cli_usage_print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "admin/zone.h"
#include "common/sb.h"

enum { CELL_BYTES = 2 * LEDGER_NAME_MAX, JSON_BYTES = 6 * LEDGER_NAME_MAX + 64 };

/* One figure of a row. */
struct figure {
	const char *title; /* in the table; NULL: not there */
	const char *name;  /* in JSON and CSV */
	void (*put)(struct sb *b, const struct ledger_counters *c);
	bool audio;  /* left out of a table without any */
	bool quoted; /* a text in JSON, so that nobody reads it as a float */
};

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
static const struct figure figures[] = {
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

enum {
	FIGURES = sizeof(figures) / sizeof(figures[0]),
	COLUMNS = CLI_USAGE_COLUMNS + FIGURES
};

static const char *const titles[CLI_USAGE_COLUMNS] = {
	[CLI_USAGE_HOUR] = "HOUR",
	[CLI_USAGE_DAY] = "DAY",
	[CLI_USAGE_KEY] = "KEY_ID",
	[CLI_USAGE_MODEL] = "MODEL",
	[CLI_USAGE_ENDPOINT] = "ENDPOINT",
};

static const char *const names[CLI_USAGE_COLUMNS] = {
	[CLI_USAGE_HOUR] = "hour",
	[CLI_USAGE_DAY] = "day",
	[CLI_USAGE_KEY] = "key_id",
	[CLI_USAGE_MODEL] = "model",
	[CLI_USAGE_ENDPOINT] = "endpoint",
};

/* What a row has in one of the columns that it is counted by. */
static const char *
name_in(const struct ledger_row_key *k, enum cli_usage_column c, bool iso,
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

/* --- the table --- */

/* A line of the table as texts. */
struct line {
	char cell[COLUMNS][CELL_BYTES];
	size_t n;
};

/* The table being printed. */
struct table {
	FILE *out;
	const struct cli_usage_args *args;
	bool audio;
	size_t width[COLUMNS];
	struct line line; /* the one that is put together */
};

static size_t
width_of(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* The next cell of the line, with control characters made harmless. */
static void
add_cell(struct table *t, const char *text)
{
	struct sb b = sb_init(t->line.cell[t->line.n], CELL_BYTES - 1);

	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		const bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;

		if (*p < 0x20 || *p == 0x7f || c1)
			SB_LIT(&b, "?");
		else
			sb_put(&b, p, 1);
		p += c1;
	}
	b.p[b.n] = '\0';
	t->line.n++;
}

static bool
is_shown(const struct table *t, const struct figure *f)
{
	return f->title != NULL && (t->audio || !f->audio);
}

static void
fill_figures(struct table *t, const struct ledger_counters *c)
{
	for (size_t i = 0; i < FIGURES; i++) {
		char text[64];
		struct sb b = sb_init(text, sizeof(text) - 1);

		if (!is_shown(t, &figures[i]))
			continue;
		figures[i].put(&b, c);
		text[b.n] = '\0';
		add_cell(t, text);
	}
}

static void
fill_row(struct table *t, const struct tally_row *row)
{
	char text[ZONE_TEXT_BYTES];

	t->line.n = 0;
	for (size_t i = 0; i < t->args->n_by; i++)
		add_cell(t, name_in(&row->key, t->args->by[i], false, text));
	fill_figures(t, &row->counters);
}

static void
fill_head(struct table *t)
{
	t->line.n = 0;
	for (size_t i = 0; i < t->args->n_by; i++)
		add_cell(t, titles[t->args->by[i]]);
	for (size_t i = 0; i < FIGURES; i++)
		if (is_shown(t, &figures[i]))
			add_cell(t, figures[i].title);
}

static void
fill_total(struct table *t, const struct ledger_counters *c)
{
	t->line.n = 0;
	for (size_t i = 0; i < t->args->n_by; i++)
		add_cell(t, i == 0 ? "total" : "");
	fill_figures(t, c);
}

static void
widen(struct table *t)
{
	for (size_t i = 0; i < t->line.n; i++) {
		const size_t n = width_of(t->line.cell[i]);

		if (n > t->width[i])
			t->width[i] = n;
	}
}

/* Names stand to the left, figures to the right. */
static void
print_line(const struct table *t)
{
	for (size_t i = 0; i < t->line.n; i++) {
		const char *text = t->line.cell[i];
		const int room = (int)(t->width[i] - width_of(text));

		if (i > 0)
			fputs("  ", t->out);
		if (i < t->args->n_by)
			fprintf(t->out, "%s%*s", text, room, "");
		else
			fprintf(t->out, "%*s%s", room, "", text);
	}
	fputc('\n', t->out);
}

static int
print_table(FILE *out, const struct cli_usage_args *args, const struct tally *rows)
{
	struct table *t = calloc(1, sizeof(*t));
	struct ledger_counters total;

	if (t == NULL)
		return -ENOMEM;
	tally_total(rows, &total);
	t->out = out;
	t->args = args;
	t->audio = total.v[LEDGER_AUDIO_BYTES] > 0 || total.v[LEDGER_AUDIO_MS] > 0;
	fill_head(t);
	widen(t);
	fill_total(t, &total);
	widen(t);
	for (size_t i = 0; i < tally_count(rows); i++) {
		fill_row(t, tally_at(rows, i));
		widen(t);
	}
	fill_head(t);
	print_line(t);
	for (size_t i = 0; args->n_by > 0 && i < tally_count(rows); i++) {
		fill_row(t, tally_at(rows, i));
		print_line(t);
	}
	fill_total(t, &total);
	print_line(t);
	free(t);
	return 0;
}

/* --- JSON --- */

static void
print_json_text(FILE *out, const char *name, const char *text)
{
	char bytes[JSON_BYTES];
	struct sb b = sb_init(bytes, sizeof(bytes));

	sb_json(&b, span_of(text));
	fprintf(out, "\"%s\":\"%.*s\"", name, (int)b.n, b.p);
}

static void
print_json_figures(FILE *out, const struct ledger_counters *c, const char *before)
{
	for (size_t i = 0; i < FIGURES; i++) {
		const char *quote = figures[i].quoted ? "\"" : "";
		char text[64];
		struct sb b = sb_init(text, sizeof(text));

		figures[i].put(&b, c);
		fprintf(out, "%s\"%s\":%s%.*s%s", i > 0 ? "," : before, figures[i].name,
		    quote, (int)b.n, b.p, quote);
	}
}

static void
print_json_row(FILE *out, const struct cli_usage_args *args, const struct tally_row *row)
{
	char text[ZONE_TEXT_BYTES];

	fputc('{', out);
	for (size_t i = 0; i < args->n_by; i++) {
		if (i > 0)
			fputc(',', out);
		print_json_text(
		    out, names[args->by[i]], name_in(&row->key, args->by[i], true, text));
	}
	print_json_figures(out, &row->counters, args->n_by > 0 ? "," : "");
	fputc('}', out);
}

static void
print_json_hour(FILE *out, const char *name, bool given, uint32_t hour)
{
	char text[ZONE_TEXT_BYTES];

	zone_format_hour_iso(given ? hour : 0, text);
	if (given)
		print_json_text(out, name, text);
	else
		fprintf(out, "\"%s\":null", name);
	fputc(',', out);
}

static void
print_json(FILE *out, const struct cli_usage_args *args, const struct tally *rows)
{
	struct ledger_counters total;

	fputc('{', out);
	print_json_hour(out, "since", args->has_from, args->from_hour);
	print_json_hour(out, "until", args->has_to, args->to_hour);
	print_json_text(out, "zone", args->zone);
	fputs(",\"by\":[", out);
	for (size_t i = 0; i < args->n_by; i++)
		fprintf(out, "%s\"%s\"", i > 0 ? "," : "",
		    cli_usage_column_name(args->by[i]));
	fputs("],\"rows\":[", out);
	for (size_t i = 0; i < tally_count(rows); i++) {
		if (i > 0)
			fputc(',', out);
		print_json_row(out, args, tally_at(rows, i));
	}
	tally_total(rows, &total);
	fputs("],\"total\":{", out);
	print_json_figures(out, &total, "");
	fputs("}}\n", out);
}

/* --- CSV (RFC 4180) --- */

static void
print_csv_text(FILE *out, const char *text)
{
	if (text[strcspn(text, ",\"\r\n")] == '\0') {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void
print_csv_row(FILE *out, const struct cli_usage_args *args, const struct tally_row *row)
{
	char text[ZONE_TEXT_BYTES];

	for (size_t i = 0; i < args->n_by; i++) {
		print_csv_text(out, name_in(&row->key, args->by[i], true, text));
		fputc(',', out);
	}
	for (size_t i = 0; i < FIGURES; i++) {
		char digits[64];
		struct sb b = sb_init(digits, sizeof(digits));

		figures[i].put(&b, &row->counters);
		fprintf(out, "%.*s%c", (int)b.n, b.p, i + 1 < FIGURES ? ',' : '\n');
	}
}

static void
print_csv(FILE *out, const struct cli_usage_args *args, const struct tally *rows)
{
	for (size_t i = 0; i < args->n_by; i++)
		fprintf(out, "%s,", names[args->by[i]]);
	for (size_t i = 0; i < FIGURES; i++)
		fprintf(out, "%s%c", figures[i].name, i + 1 < FIGURES ? ',' : '\n');
	for (size_t i = 0; i < tally_count(rows); i++)
		print_csv_row(out, args, tally_at(rows, i));
}

int
cli_usage_print(FILE *out, const struct cli_usage_args *args, const struct tally *t)
{
	switch (args->format) {
	case CLI_USAGE_TABLE: return print_table(out, args, t);
	case CLI_USAGE_JSON: print_json(out, args, t); return 0;
	case CLI_USAGE_CSV: print_csv(out, args, t); return 0;
	}
	return 0;
}
