/*
 * Loading a configuration: sources in their order, values by the table, defaults,
 * checks. Runs in the master at start and on reload, in `gatehouse check` and in
 * the CLI. It changes nothing outside its result, so a refused one costs nothing;
 * it does not stop at the first fault.
 */
#include "common/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config_check.h"
#include "common/config_draft.h"
#include "common/config_source.h"
#include "common/config_table.h"
#include "common/config_value.h"

#define USUAL_FILE "/etc/gatehouse/gatehouse.json"

/* The file to read, NULL: none. */
static const char *
find_file(const char *file, char *const *env)
{
	if (file == NULL)
		file = config_env_get(env, "GATEHOUSE_CONFIG");
	if (file == NULL && access(USUAL_FILE, F_OK) == 0)
		file = USUAL_FILE;
	return file;
}

static void
read_sources(struct config_draft *d, const char *file, char *const *env)
{
	const char *path = find_file(file, env);

	if (path != NULL) {
		d->cfg->file = strdup(path);
		config_draft_check(d, d->cfg->file != NULL ? 0 : -ENOMEM);
	}
	if (d->cfg->file != NULL)
		config_read_file(d, d->cfg->file);
	config_read_env(d, env);
}

/* Give a row the value that its source says, else its default. */
static void
set_row(struct config_draft *d, const struct config_row *row)
{
	const struct config_raw *raw = config_draft_raw(d, row->name);
	struct errmsg why;
	int r = 0;

	if (raw->origin != NULL)
		r = config_value_set(d->cfg, row, &raw->items, &why);
	else if (row->def != NULL && !config_default_is_words(row))
		r = config_value_set_text(d->cfg, row, row->def, &why);
	if (r == ERR_INVALID)
		config_fault_at(d, row->name, "%s", why.text);
	else
		config_draft_check(d, r);
}

static void
set_rows(struct config_draft *d)
{
	const struct config_row *rows;
	size_t n;

	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++)
		set_row(d, &rows[i]);
}

int
config_load(
    const char *file, char *const *env, struct config **cfg_out, struct strlist *faults)
{
	struct config_draft d;
	int r;

	*faults = (struct strlist){ 0 };
	if ((r = config_draft_init(&d, faults)) != 0)
		goto out;
	read_sources(&d, file, env);
	set_rows(&d);
	config_fill_defaults(&d);
	if (d.no_memory) {
		r = -ENOMEM;
		goto out;
	}
	config_check_faults(&d);
	if (faults->n == 0)
		config_check_warnings(&d);
	if (d.no_memory)
		r = -ENOMEM;
	else if (faults->n > 0)
		r = ERR_INVALID;
	if (r != 0)
		goto out;
	*cfg_out = d.cfg;
	d.cfg = NULL;
out:
	config_draft_fini(&d);
	return r;
}

void
config_destroy(struct config **cfg)
{
	const struct config_row *rows;
	size_t n;

	if (*cfg == NULL)
		return;
	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++)
		config_value_clear(*cfg, &rows[i]);
	free((*cfg)->file);
	strlist_free(&(*cfg)->warnings);
	free(*cfg);
	*cfg = NULL;
}
