/* See cli_usage_data.h. */
#include "admin/cli_usage_data.h"

#include <string.h>

#include "admin/cli_usage_figures.h"

enum { JSON_BYTES = 6 * LEDGER_NAME_MAX + 64 };

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
	for (size_t i = 0; i < CLI_USAGE_FIGURES; i++) {
		const char *quote = cli_usage_figures[i].quoted ? "\"" : "";
		char text[64];
		struct sb b = sb_init(text, sizeof(text));

		cli_usage_figures[i].put(&b, c);
		fprintf(out, "%s\"%s\":%s%.*s%s", i > 0 ? "," : before,
		    cli_usage_figures[i].name, quote, (int)b.n, b.p, quote);
	}
}

static void
print_json_row(FILE *out, const struct cli_usage_args *args, const struct tally_row *row)
{
	char text[ZONE_TEXT_BYTES] = "";

	fputc('{', out);
	for (size_t i = 0; i < args->n_by; i++) {
		if (i > 0)
			fputc(',', out);
		print_json_text(out, cli_usage_name(args->by[i]),
		    cli_usage_value(&row->key, args->by[i], true, text));
	}
	print_json_figures(out, &row->counters, args->n_by > 0 ? "," : "");
	fputc('}', out);
}

static void
print_json_hour(FILE *out, const char *name, bool given, uint32_t hour)
{
	char text[ZONE_TEXT_BYTES] = "";

	zone_format_hour_iso(given ? hour : 0, text);
	if (given)
		print_json_text(out, name, text);
	else
		fprintf(out, "\"%s\":null", name);
	fputc(',', out);
}

void
cli_usage_print_json(
    FILE *out, const struct cli_usage_args *args, const struct tally *rows)
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

/*
 * Ids and names of models are other people's text. One that a spreadsheet would take for a
 * formula gets an apostrophe in front (OWASP, CSV Injection); no control character but a
 * newline is in either, so these are all.
 */
static bool
looks_like_formula(const char *text)
{
	return text[0] != '\0' && strchr("=+-@\t\r\n", text[0]) != NULL;
}

static void
print_csv_text(FILE *out, const char *text)
{
	const char *guard = looks_like_formula(text) ? "'" : "";

	if (text[strcspn(text, ",\"\r\n")] == '\0') {
		fprintf(out, "%s%s", guard, text);
		return;
	}
	fprintf(out, "\"%s", guard);
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
	char text[ZONE_TEXT_BYTES] = "";

	for (size_t i = 0; i < args->n_by; i++) {
		print_csv_text(out, cli_usage_value(&row->key, args->by[i], true, text));
		fputc(',', out);
	}
	for (size_t i = 0; i < CLI_USAGE_FIGURES; i++) {
		char digits[64];
		struct sb b = sb_init(digits, sizeof(digits));

		cli_usage_figures[i].put(&b, &row->counters);
		fprintf(
		    out, "%.*s%c", (int)b.n, b.p, i + 1 < CLI_USAGE_FIGURES ? ',' : '\n');
	}
}

void
cli_usage_print_csv(FILE *out, const struct cli_usage_args *args, const struct tally *rows)
{
	for (size_t i = 0; i < args->n_by; i++)
		fprintf(out, "%s,", cli_usage_name(args->by[i]));
	for (size_t i = 0; i < CLI_USAGE_FIGURES; i++)
		fprintf(out, "%s%c", cli_usage_figures[i].name,
		    i + 1 < CLI_USAGE_FIGURES ? ',' : '\n');
	for (size_t i = 0; i < tally_count(rows); i++)
		print_csv_row(out, args, tally_at(rows, i));
}
