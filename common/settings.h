/*
 * The settings file (SETTINGS_FILE): the rate limits that were set in the admin
 * UI, under the four names of the Python proxy. What it names wins over the
 * configuration; a file that does not exist changes nothing.
 */
#ifndef GATEHOUSE_COMMON_SETTINGS_H
#define GATEHOUSE_COMMON_SETTINGS_H

#include "common/config.h"
#include "common/err.h"
#include "common/shared.h"

enum { SETTINGS_FIELDS = 4 };

/* One of the four; each is from 1 to max. */
struct settings_field {
	const char *name;
	size_t offset; /* of a uint32_t in struct settings */
	uint32_t max;
};

enum { SETTINGS_MAX_REQUESTS = 1000000000, SETTINGS_MAX_WINDOW_S = 31 * 86400 };

/*
 * The limits in force: those of cfg, overridden by cfg->settings_file.
 * out     set on 0 only.
 * faults  one line is added for each fault, naming file and field.
 * Returns 0, ERR_INVALID (faults grew) or -ENOMEM.
 */
int settings_load(
    const struct config *cfg, struct settings *out, struct strlist *faults) MUSTCHECK;

/*
 * The same for the content of a settings file that may be written.
 * path  names it in faults.
 * root  its JSON object, borrowed; NULL: no file.
 */
struct json_t;
int settings_check(const struct config *cfg, const char *path, struct json_t *root,
    struct settings *out, struct strlist *faults) MUSTCHECK;

/* Field number i; false: there are no more. */
bool settings_field(size_t i, struct settings_field *out);

/* A field's value. */
uint32_t settings_get(const struct settings *s, const struct settings_field *f);

#endif
