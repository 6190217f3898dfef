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

enum { SETTINGS_MAX_REQUESTS = 1000000000, SETTINGS_MAX_WINDOW_S = 31 * 86400 };

/*
 * The limits in force: those of cfg, overridden by cfg->settings_file.
 * out     set on 0 only.
 * faults  one line is added for each fault, naming file and field.
 * Returns 0, ERR_INVALID (faults grew) or -ENOMEM.
 */
int settings_load(
    const struct config *cfg, struct settings *out, struct strlist *faults) MUSTCHECK;

#endif
