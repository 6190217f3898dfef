/*
 * Numbers with units, as settings are written: "90", "90 s", "5m", "32MiB".
 * Pure. Private to the config_*.c files.
 */
#ifndef GATEHOUSE_COMMON_CONFIG_NUMBER_H
#define GATEHOUSE_COMMON_CONFIG_NUMBER_H

#include <stdint.h>

#include "common/config_table.h"
#include "common/err.h"

/*
 * Parse text as the row's type says; the result is in the unit written (seconds,
 * bytes, count) and within the row's bounds.
 * Returns 0 or ERR_INVALID (why says what is wrong and quotes the text).
 */
int config_number_parse(const struct config_row *row, const char *text, uint64_t *out,
    struct errmsg *why) MUSTCHECK;

enum { CONFIG_NUMBER_BYTES = 32 };

/* Write v with the largest unit that divides it: "90 s", "2 m". */
void config_number_format(
    const struct config_row *row, uint64_t v, char out[CONFIG_NUMBER_BYTES]);

#endif
