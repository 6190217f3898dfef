/*
 * The environment and the files of secrets. Runs in whoever calls config_load().
 */
#include "common/config_source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/readfile.h"

enum { SECRET_BYTES = 64 * 1024, NAME_BYTES = 128 };

const char *
config_env_get(char *const *env, const char *name)
{
	const size_t n = strlen(name);

	for (; *env != NULL; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return (*env)[n + 1] != '\0' ? *env + n + 1 : NULL;
	return NULL;
}

/* Drop one newline at the end, an editor's or echo's. */
static size_t
without_newline(char *text, size_t n)
{
	if (n > 0 && text[n - 1] == '\n')
		n--;
	if (n > 0 && text[n - 1] == '\r')
		n--;
	text[n] = '\0';
	return n;
}

void
config_read_secret(struct config_draft *d, const struct config_row *row,
    const char *field, const char *path, struct config_raw *raw)
{
	char *text = NULL;
	size_t bytes = 0, n;
	int r;

	r = readfile(path, SECRET_BYTES, &text, &bytes);
	if (r != 0) {
		if (r == -ENOMEM)
			config_draft_check(d, r);
		config_fault(d, raw->origin, field, "%s: %s", path, err_text(r));
		return;
	}
	n = without_newline(text, bytes);
	if (n == 0)
		config_fault(d, raw->origin, field, "%s: is empty", path);
	else if (memchr(text, '\0', n) != NULL)
		config_fault(d, raw->origin, field, "%s: has a NUL byte", path);
	else
		config_draft_check(d, strlist_add(&raw->items, text));
	config_draft_set(d, row, raw);
	readfile_free(&text, bytes);
}

/* NAME_FILE, if it is set. Says whether it was. */
static bool
read_env_secret(struct config_draft *d, char *const *env, const struct config_row *row)
{
	struct config_raw raw = { .origin = "environment", .suffix = "_FILE" };
	char name[NAME_BYTES];
	const char *path;

	snprintf(name, sizeof(name), "%s_FILE", row->name);
	path = config_env_get(env, name);
	if (path == NULL)
		return false;
	if (config_env_get(env, row->name) != NULL)
		config_fault(d, raw.origin, row->name, "is set and %s too", name);
	else
		config_read_secret(d, row, name, path, &raw);
	return true;
}

void
config_read_env(struct config_draft *d, char *const *env)
{
	const struct config_row *rows;
	size_t n;

	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++) {
		struct config_raw raw = { .origin = "environment", .suffix = "" };
		const char *value = config_env_get(env, rows[i].name);

		if ((rows[i].flags & CONFIG_FROM_FILE) && read_env_secret(d, env, &rows[i]))
			continue;
		if (value == NULL)
			continue;
		if (config_type_is_list(rows[i].type))
			config_draft_check(d, strlist_split(&raw.items, value));
		else
			config_draft_check(d, strlist_add(&raw.items, value));
		config_draft_set(d, &rows[i], &raw);
	}
}
