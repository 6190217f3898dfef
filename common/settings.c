/*
 * The settings file. Read by the master (start, reload, watch) and by `gatehouse
 * check`; no side effect, so that refusing one costs nothing.
 */
#include "common/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <jansson.h>

/* clang-format off */
static const struct settings_field settings_fields[SETTINGS_FIELDS] = {
	{ "rate_limit_requests",    offsetof(struct settings, rate.requests),    SETTINGS_MAX_REQUESTS },
	{ "rate_limit_window",      offsetof(struct settings, rate.window_s),    SETTINGS_MAX_WINDOW_S },
	{ "ip_rate_limit_requests", offsetof(struct settings, ip_rate.requests), SETTINGS_MAX_REQUESTS },
	{ "ip_rate_limit_window",   offsetof(struct settings, ip_rate.window_s), SETTINGS_MAX_WINDOW_S },
};
/* clang-format on */

/* Note a fault. Returns ERR_INVALID, or -ENOMEM. */
static int add_fault(struct strlist *faults, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int
add_fault(struct strlist *faults, const char *fmt, ...)
{
	char text[sizeof(struct errmsg)];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return strlist_add(faults, text) == 0 ? ERR_INVALID : -ENOMEM;
}

/* Read the file's object. *root_out stays NULL when there is no file. */
static int
read_object(const char *path, json_t **root_out, struct strlist *faults)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	json_error_t at;
	json_t *root;

	if (fd == -1) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return add_fault(faults, "%s: can't be read: %s", path, err_text(-errno));
	}
	root = json_loadfd(fd, JSON_REJECT_DUPLICATES, &at);
	close(fd);
	if (root == NULL)
		return add_fault(faults, "%s: no valid JSON at line %d, column %d", path,
		    at.line, at.column);
	if (!json_is_object(root)) {
		json_decref(root);
		return add_fault(faults, "%s: the file must hold one object", path);
	}
	*root_out = root;
	return 0;
}

static const struct settings_field *
field_find(const char *name)
{
	for (size_t i = 0; i < SETTINGS_FIELDS; i++)
		if (strcmp(settings_fields[i].name, name) == 0)
			return &settings_fields[i];
	return NULL;
}

/* Take one field over into s. Returns 0, ERR_INVALID or -ENOMEM. */
static int
take_field(const char *path, const char *name, const json_t *value, struct settings *s,
    struct strlist *faults)
{
	const struct settings_field *f = field_find(name);
	json_int_t n = json_integer_value(value);
	uint32_t number;

	if (f ==
	    NULL) /* the name is the file's own text: its place is not said by quoting it */
		return add_fault(
		    faults, "%s: a field that is none of the four settings", path);
	if (!json_is_integer(value) || n < 1 || n > (json_int_t)f->max)
		return add_fault(faults,
		    "%s: %s must be a whole number from 1 to %" PRIu32, path, f->name,
		    f->max);
	number = (uint32_t)n;
	memcpy((char *)s + f->offset, &number, sizeof(number));
	return 0;
}

int
settings_check(const struct config *cfg, const char *path, struct json_t *root,
    struct settings *out, struct strlist *faults)
{
	struct settings s = { .rate = cfg->rate, .ip_rate = cfg->ip_rate };
	const char *name;
	json_t *value;
	int worst = 0;

	json_object_foreach(root, name, value)
	{
		int r = take_field(path, name, value, &s, faults);

		worst = r != 0 ? r : worst;
	}
	if (worst == 0)
		*out = s;
	return worst;
}

int
settings_load(const struct config *cfg, struct settings *out, struct strlist *faults)
{
	json_t *root = NULL;
	int r = read_object(cfg->settings_file, &root, faults);

	if (r == 0)
		r = settings_check(cfg, cfg->settings_file, root, out, faults);
	json_decref(root);
	return r;
}

bool
settings_field(size_t i, struct settings_field *out)
{
	if (i >= SETTINGS_FIELDS)
		return false;
	*out = settings_fields[i];
	return true;
}

uint32_t
settings_get(const struct settings *s, const struct settings_field *f)
{
	uint32_t v;

	memcpy(&v, (const char *)s + f->offset, sizeof(v));
	return v;
}
