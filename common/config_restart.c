/*
 * The settings that need a restart, as text and back, for an upgrade in place; see
 * config.h. Runs in the master.
 */
#include "common/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_net.h"
#include "common/config_table.h"
#include "common/config_value.h"

/* The addresses of a row, comma-separated, to f. */
static void
write_listen(const struct config *cfg, const struct config_row *row, FILE *f)
{
	const struct listen_addr *const *v = config_field_const(cfg, row);
	char text[LISTEN_TEXT_BYTES];

	for (size_t i = 0; i < config_count_get(cfg, row); i++) {
		listen_addr_format(*v + i, text);
		fprintf(f, "%s%s", i > 0 ? "," : "", text);
	}
}

/* Has the row a value at all? */
static bool
is_set(const struct config *cfg, const struct config_row *row)
{
	if (row->type == CONFIG_LISTEN)
		return config_count_get(cfg, row) > 0;
	if (row->type == CONFIG_STRING)
		return *(char *const *)config_field_const(cfg, row) != NULL;
	return true;
}

static void
write_value(const struct config *cfg, const struct config_row *row, FILE *f)
{
	if (row->type == CONFIG_LISTEN)
		write_listen(cfg, row, f);
	else if (row->type == CONFIG_STRING)
		fputs(*(char *const *)config_field_const(cfg, row), f);
	else if (row->type == CONFIG_COUNT)
		fprintf(f, "%u", *(const uint32_t *)config_field_const(cfg, row));
	else
		abort(); /* a row whose type this function does not know */
}

static int
save_row(const struct config *cfg, const struct config_row *row, struct strlist *lines)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	int r;

	if (f == NULL)
		return -ENOMEM;
	fprintf(f, "%s=", row->name);
	write_value(cfg, row, f);
	r = fclose(f) == 0 ? strlist_add(lines, text) : -ENOMEM;
	free(text);
	return r;
}

int
config_restart_save(const struct config *cfg, struct strlist *lines)
{
	const struct config_row *rows;
	size_t n;
	int r = 0;

	rows = config_rows(&n);
	for (size_t i = 0; i < n && r == 0; i++)
		if (rows[i].reload == CONFIG_RESTART && is_set(cfg, &rows[i]))
			r = save_row(cfg, &rows[i], lines);
	return r;
}

/* The row of a line; NULL: no setting that needs a restart is called so. */
static const struct config_row *
row_of(const char *line)
{
	const size_t name = strcspn(line, "=");
	const struct config_row *rows;
	size_t n;

	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++)
		if (rows[i].reload == CONFIG_RESTART && line[name] == '=' &&
		    strlen(rows[i].name) == name && memcmp(rows[i].name, line, name) == 0)
			return &rows[i];
	return NULL;
}

static int
load_line(struct config *cfg, const char *line)
{
	const struct config_row *row = row_of(line);
	struct strlist items = { 0 };
	struct errmsg why;
	int r;

	if (row == NULL)
		return ERR_INVALID;
	if (row->type != CONFIG_LISTEN)
		return config_value_set_text(cfg, row, strchr(line, '=') + 1, &why);
	r = strlist_split(&items, strchr(line, '=') + 1);
	if (r == 0)
		r = config_value_set(cfg, row, &items, &why);
	strlist_free(&items);
	return r;
}

int
config_restart_load(const struct strlist *lines, struct config **out)
{
	struct config *cfg = calloc(1, sizeof(*cfg));
	int r = cfg != NULL ? 0 : -ENOMEM;

	for (size_t i = 0; i < lines->n && r == 0; i++)
		r = load_line(cfg, lines->v[i]);
	if (r != 0)
		config_destroy(&cfg);
	*out = cfg;
	return r;
}
