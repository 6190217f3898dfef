/*
 * Where values come from: the environment, the JSON file, and the files that
 * hold secrets. Text only; what it means is config_value.c's. Private to
 * config_load().
 */
#ifndef GATEHOUSE_COMMON_CONFIG_SOURCE_H
#define GATEHOUSE_COMMON_CONFIG_SOURCE_H

#include "common/config_draft.h"

/* The value of a variable, NULL when it is unset or empty. Borrowed from env. */
const char *config_env_get(char *const *env, const char *name);

/* Take all variables that name a row. Others are somebody else's. */
void config_read_env(struct config_draft *d, char *const *env);

/* Take all fields of a JSON file. path is kept by reference as the origin. */
void config_read_file(struct config_draft *d, const char *path);

/*
 * Let a row's value be what the file at path holds, its last newline dropped.
 * field  the name that gave the path, as written, for faults.
 * raw    the source; its items are still empty.
 */
void config_read_secret(struct config_draft *d, const struct config_row *row,
    const char *field, const char *path, struct config_raw *raw);

#endif
