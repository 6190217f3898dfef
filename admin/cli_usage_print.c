/*
 * A table of columns: what each is called, how it is taken from a row. Names are other
 * people's text: control characters become `?` in the table.
 */
#include "admin/cli_usage_print.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "admin/cli_usage_data.h"
#include "admin/cli_usage_figures.h"

enum {
	CELL_BYTES = 2 * LEDGER_NAME_MAX,
	COLUMNS = (int)CLI_USAGE_COLUMNS + (int)CLI_USAGE_FIGURES
};

static const char *const titles[CLI_USAGE_COLUMNS] = {
	[CLI_USAGE_HOUR] = "HOUR",
	[CLI_USAGE_DAY] = "DAY",
	[CLI_USAGE_KEY] = "KEY_ID",
	[CLI_USAGE_MODEL] = "MODEL",
	[CLI_USAGE_ENDPOINT] = "ENDPOINT",
};

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
is_shown(const struct table *t, const struct cli_usage_figure *f)
{
	return f->title != NULL && (t->audio || !f->audio);
}

static void
fill_figures(struct table *t, const struct ledger_counters *c)
{
	for (size_t i = 0; i < CLI_USAGE_FIGURES; i++) {
		char text[64];
		struct sb b = sb_init(text, sizeof(text) - 1);

		if (!is_shown(t, &cli_usage_figures[i]))
			continue;
		cli_usage_figures[i].put(&b, c);
		text[b.n] = '\0';
		add_cell(t, text);
	}
}

static void
fill_row(struct table *t, const struct tally_row *row)
{
	char text[ZONE_TEXT_BYTES] = "";

	t->line.n = 0;
	for (size_t i = 0; i < t->args->n_by; i++)
		add_cell(t, cli_usage_value(&row->key, t->args->by[i], false, text));
	fill_figures(t, &row->counters);
}

static void
fill_head(struct table *t)
{
	t->line.n = 0;
	for (size_t i = 0; i < t->args->n_by; i++)
		add_cell(t, titles[t->args->by[i]]);
	for (size_t i = 0; i < CLI_USAGE_FIGURES; i++)
		if (is_shown(t, &cli_usage_figures[i]))
			add_cell(t, cli_usage_figures[i].title);
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

int
cli_usage_print(FILE *out, const struct cli_usage_args *args, const struct tally *t)
{
	switch (args->format) {
	case CLI_USAGE_TABLE: return print_table(out, args, t);
	case CLI_USAGE_JSON: cli_usage_print_json(out, args, t); return 0;
	case CLI_USAGE_CSV: cli_usage_print_csv(out, args, t); return 0;
	}
	return 0;
}
