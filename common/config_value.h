/*
 * One setting's text into its value in struct config, and back into nothing.
 * Private to the config_*.c files.
 */
#ifndef GATEHOUSE_COMMON_CONFIG_VALUE_H
#define GATEHOUSE_COMMON_CONFIG_VALUE_H

#include "common/config.h"
#include "common/config_table.h"

/*
 * Set a row's value.
 * items  borrowed; one string for a scalar, any number for a list.
 * why    on ERR_INVALID says what is wrong; quotes no secret.
 * Returns 0, ERR_INVALID or -ENOMEM; the row may then be partly filled, which
 * config_value_clear() copes with.
 */
int config_value_set(struct config *cfg, const struct config_row *row,
    const struct strlist *items, struct errmsg *why) MUSTCHECK;

/* Set a list of one, or a scalar. */
int config_value_set_text(struct config *cfg, const struct config_row *row,
    const char *text, struct errmsg *why) MUSTCHECK;

/* Free a row's value, wiping a secret; the field is then zero. */
void config_value_clear(struct config *cfg, const struct config_row *row);

#endif
