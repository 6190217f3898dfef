/*
 * A configuration for people: its effective values (gatehouse check) and the table
 * itself (manual page). No secret is printed, not even its length.
 */
#include "common/config.h"

#include <inttypes.h>
#include <string.h>

#include "common/config_net.h"
#include "common/config_number.h"
#include "common/config_table.h"

static uint64_t
number_of(const struct config *cfg, const struct config_row *row)
{
	const void *field = config_field_const(cfg, row);

	if (row->type == CONFIG_BYTES)
		return *(const uint64_t *)field;
	return *(const uint32_t *)field / (row->type == CONFIG_MS ? 1000 : 1);
}

static void
print_number(const struct config *cfg, const struct config_row *row, FILE *out)
{
	char text[CONFIG_NUMBER_BYTES];

	config_number_format(row, number_of(cfg, row), text);
	fputs(text, out);
}

static void
print_list(const struct strlist *l, FILE *out)
{
	for (size_t i = 0; i < l->n; i++)
		fprintf(out, "%s%s", i > 0 ? "," : "", l->v[i]);
}

static void
print_listen(const struct config *cfg, const struct config_row *row, FILE *out)
{
	const struct listen_addr *const *v = config_field_const(cfg, row);
	char text[LISTEN_TEXT_BYTES];

	for (size_t i = 0; i < config_count_get(cfg, row); i++) {
		listen_addr_format(*v + i, text);
		fprintf(out, "%s%s", i > 0 ? "," : "", text);
	}
}

static void
print_cidr(const struct cidr *c, FILE *out)
{
	char text[ADDR_TEXT_BYTES];
	const bool v4 = addr_is_v4(&c->net) && c->bits >= 96;

	addr_format(&c->net, text);
	fprintf(out, "%s/%u", text, v4 ? c->bits - 96 : c->bits);
}

static void
print_cidrs(const struct config *cfg, const struct config_row *row, FILE *out)
{
	const struct cidr *const *v = config_field_const(cfg, row);

	for (size_t i = 0; i < config_count_get(cfg, row); i++) {
		if (i > 0)
			fputc(',', out);
		print_cidr(*v + i, out);
	}
}

static void
print_url(const struct upstream_url *u, FILE *out)
{
	if (u->scheme == UPSTREAM_UNIX)
		fprintf(out, "unix:%s", u->unix_path);
	else
		fprintf(out, "%s://%s", u->scheme == UPSTREAM_HTTPS ? "https" : "http",
		    u->authority);
}

/* The command's arguments may hold a key, whatever we say about it. */
static void
print_string(const struct config_row *row, const char *s, FILE *out)
{
	const size_t word = strcspn(s, " \t");

	if (strcmp(row->name, "UPSTREAM_COMMAND") != 0 || s[word] == '\0' ||
	    (strcasestr(s, "key") == NULL && strcasestr(s, "salt") == NULL))
		fputs(s, out);
	else
		fprintf(out, "%.*s (arguments not shown)", (int)word, s);
}

/* Has the row a value at all? */
static bool
is_set(const struct config *cfg, const struct config_row *row)
{
	const void *field = config_field_const(cfg, row);

	if (row->type == CONFIG_IGNORED)
		return false;
	if (row->type == CONFIG_STRING)
		return *(char *const *)field != NULL;
	if (row->type == CONFIG_LISTEN || row->type == CONFIG_CIDRS)
		return config_count_get(cfg, row) > 0;
	if (config_type_is_list(row->type))
		return ((const struct strlist *)field)->n > 0;
	return true;
}

static const char *
level_text(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR: return "error";
	case LOG_LEVEL_WARN: return "warn";
	case LOG_LEVEL_INFO: return "info";
	case LOG_LEVEL_DEBUG: return "debug";
	}
	return "";
}

/* A value that is set and no secret. */
static void
print_value(const struct config *cfg, const struct config_row *row, FILE *out)
{
	const void *field = config_field_const(cfg, row);

	switch (row->type) {
	case CONFIG_BOOL: fputs(*(const bool *)field ? "true" : "false", out); break;
	case CONFIG_COUNT:
	case CONFIG_SECONDS:
	case CONFIG_MS:
	case CONFIG_BYTES:
	case CONFIG_BYTES32: print_number(cfg, row, out); break;
	case CONFIG_STRING: print_string(row, *(char *const *)field, out); break;
	case CONFIG_LEVEL: fputs(level_text(*(const enum log_level *)field), out); break;
	case CONFIG_FORMAT:
		fputs(*(const enum log_format *)field == LOG_FORMAT_JSON ? "json" : "text",
		    out);
		break;
	case CONFIG_URL: print_url(field, out); break;
	case CONFIG_LIST:
	case CONFIG_HEADERS:
	case CONFIG_ORIGINS: print_list(field, out); break;
	case CONFIG_LISTEN: print_listen(cfg, row, out); break;
	case CONFIG_CIDRS: print_cidrs(cfg, row, out); break;
	case CONFIG_IGNORED: break;
	}
}

static void
print_row(const struct config *cfg, const struct config_row *row, FILE *out)
{
	fprintf(out, "%s = ", row->name);
	if (!is_set(cfg, row))
		fputs((row->flags & CONFIG_MAY_BE_OFF) ? "off"
			: config_default_is_words(row) ? row->def
						       : "(not set)",
		    out);
	else if (row->flags & CONFIG_SECRET)
		fputs("(set, not shown)", out);
	else
		print_value(cfg, row, out);
	fputc('\n', out);
}

void
config_print(const struct config *cfg, FILE *out)
{
	const struct config_row *rows;
	size_t n;

	fprintf(out, "# from defaults, %s%sthe environment\n",
	    cfg->file != NULL ? cfg->file : "", cfg->file != NULL ? " and " : "");
	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++)
		if (rows[i].type != CONFIG_IGNORED)
			print_row(cfg, &rows[i], out);
}

void
config_document(FILE *out)
{
	const struct config_row *rows;
	size_t n;

	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++) {
		const struct config_row *row = &rows[i];

		fprintf(out, "%s=%s\n", row->name, row->def != NULL ? row->def : "");
		fprintf(out, "\t%s", row->help);
		if (row->flags & CONFIG_FROM_FILE)
			fprintf(out, "; %s_FILE names a file that holds it", row->name);
		if (row->reload == CONFIG_RESTART)
			fputs("; a change needs a restart", out);
		fputc('\n', out);
	}
}
