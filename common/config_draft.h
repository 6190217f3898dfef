/*
 * A configuration in the making: what each source says, as text, and the faults
 * found so far. Private to the config_*.c files; lives during config_load().
 */
#ifndef GATEHOUSE_COMMON_CONFIG_DRAFT_H
#define GATEHOUSE_COMMON_CONFIG_DRAFT_H

#include <stdbool.h>

#include "common/config.h"
#include "common/config_table.h"

/* What the winning source says of one row. */
struct config_raw {
	const char *origin; /* "environment" or the file; NULL: no source, the default holds */
	const char *suffix; /* "_FILE" when the value came from the file named there, else "" */
	bool lower;         /* the source writes names in lower case */
	struct strlist items; /* one string, or a list's */
};

struct config_draft {
	struct config *cfg;
	struct config_raw *raw; /* one for each row, in the table's order */
	struct strlist *faults; /* the caller's */
	bool no_memory;
};

/* Start with an empty cfg. Returns 0 or -ENOMEM; fini in both cases. */
int config_draft_init(struct config_draft *d, struct strlist *faults) MUSTCHECK;

/* Free what is left, cfg too unless it was taken out; raw values are wiped. */
void config_draft_fini(struct config_draft *d);

/*
 * Let a source speak for a row, in place of those before it. raw's items are moved
 * in and left empty; without any item nothing changes.
 */
void config_draft_set(
    struct config_draft *d, const struct config_row *row, struct config_raw *raw);

/* What is known of the row of that name, which must exist. */
const struct config_raw *config_draft_raw(const struct config_draft *d, const char *name);

/* Note that memory is short: config_load() then gives up. */
void config_draft_check(struct config_draft *d, int r);

/* Add the fault "origin: name: text". A secret must not be among the arguments. */
void config_fault(struct config_draft *d, const char *origin, const char *name,
    const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The same for the row of that name, at the place its value came from. */
void config_fault_at(struct config_draft *d, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Add a warning in the same form. */
void config_warn_at(struct config_draft *d, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
