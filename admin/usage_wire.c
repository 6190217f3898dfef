/* See usage_wire.h. What comes in is checked to the last counter. */
#include "admin/usage_wire.h"

#include <errno.h>
#include <string.h>

static void
put_name(struct sb *b, const char *name)
{
	SB_LIT(b, "\"");
	sb_json(b, span_of(name));
	SB_LIT(b, "\",");
}

static void
put_key_and_counters(
    struct sb *b, const struct ledger_row_key *key, const struct ledger_counters *c)
{
	sb_u64(b, key->hour);
	SB_LIT(b, ",");
	put_name(b, key->key_id);
	put_name(b, key->model);
	put_name(b, key->endpoint);
	for (size_t i = 0; i < LEDGER_COUNTERS; i++) {
		if (i > 0)
			SB_LIT(b, ",");
		sb_i64(b, c->v[i]);
	}
	SB_LIT(b, "]\n");
}

void
usage_wire_put_row(struct sb *b, const struct tally_row *row)
{
	SB_LIT(b, "[");
	put_key_and_counters(b, &row->key, &row->counters);
}

void
usage_wire_put_import(struct sb *b, const struct ledger_import *v)
{
	SB_LIT(b, "[\"");
	for (size_t i = 0; i < v->id.n; i++)
		sb_printf(b, "%02x", (unsigned char)v->id.p[i]);
	sb_str(b, v->grows ? "\",true," : "\",false,");
	put_key_and_counters(b, &v->key, &v->counters);
}

/* --- reading --- */

/* The text at an index, NULL if it is none or too long. */
static const char *
name_at(const json_t *line, size_t i)
{
	const json_t *name = json_array_get(line, i);

	return json_string_length(name) <= LEDGER_NAME_MAX ? json_string_value(name)
							   : NULL;
}

/* Hour, names and counters from an index on, to the line's end. 0 or ERR_SYNTAX. */
static int
get_key_and_counters(const json_t *line, size_t at, struct ledger_import *out)
{
	const json_t *hour = json_array_get(line, at);

	if (!json_is_integer(hour) || json_integer_value(hour) < 0 ||
	    json_integer_value(hour) > UINT32_MAX ||
	    json_array_size(line) != at + 4 + LEDGER_COUNTERS)
		return ERR_SYNTAX;
	out->key.hour = (uint32_t)json_integer_value(hour);
	out->key.key_id = name_at(line, at + 1);
	out->key.model = name_at(line, at + 2);
	out->key.endpoint = name_at(line, at + 3);
	if (out->key.key_id == NULL || out->key.model == NULL || out->key.endpoint == NULL)
		return ERR_SYNTAX;
	for (size_t i = 0; i < LEDGER_COUNTERS; i++) {
		const json_t *v = json_array_get(line, at + 4 + i);

		if (!json_is_integer(v) || json_integer_value(v) < 0)
			return ERR_SYNTAX;
		out->counters.v[i] = json_integer_value(v);
	}
	return 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns 0 or ERR_SYNTAX. */
static int
get_id(const json_t *hex, struct usage_wire *w)
{
	const char *text = json_string_value(hex);
	const size_t n = json_string_length(hex);

	if (text == NULL || n == 0 || n % 2 != 0 || n / 2 > sizeof(w->id))
		return ERR_SYNTAX;
	for (size_t i = 0; i < n / 2; i++) {
		const int hi = hex_digit(text[2 * i]), lo = hex_digit(text[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return ERR_SYNTAX;
		w->id[i] = (char)(hi * 16 + lo);
	}
	w->v.id = (struct span){ w->id, n / 2 };
	return 0;
}

static int
load_line(struct span line, struct usage_wire *w)
{
	*w = (struct usage_wire){ .line = NULL };
	w->line = json_loadb(line.p, line.n, 0, NULL);
	return json_is_array(w->line) ? 0 : ERR_SYNTAX;
}

int
usage_wire_get_row(struct span line, struct usage_wire *out)
{
	int r = load_line(line, out);

	if (r == 0)
		r = get_key_and_counters(out->line, 0, &out->v);
	if (r != 0)
		usage_wire_fini(out);
	return r;
}

int
usage_wire_get_import(struct span line, struct usage_wire *out)
{
	const json_t *grows;
	int r = load_line(line, out);

	grows = json_array_get(out->line, 1);
	if (r == 0 && !json_is_boolean(grows))
		r = ERR_SYNTAX;
	if (r == 0)
		r = get_id(json_array_get(out->line, 0), out);
	if (r == 0)
		r = get_key_and_counters(out->line, 2, &out->v);
	if (r != 0)
		usage_wire_fini(out);
	else
		out->v.grows = json_is_true(grows);
	return r;
}

void
usage_wire_fini(struct usage_wire *w)
{
	json_decref(w->line);
	w->line = NULL;
}

bool
usage_wire_next(struct span *text, struct span *line_out)
{
	const char *end = text->n > 0 ? memchr(text->p, '\n', text->n) : NULL;

	if (end == NULL)
		return false;
	*line_out = (struct span){ text->p, (size_t)(end - text->p) };
	text->n -= line_out->n + 1;
	text->p = end + 1;
	return true;
}
