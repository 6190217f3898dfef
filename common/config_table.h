/*
 * The table of settings: a row says all there is to know about one. Parser,
 * printer, comparison and documentation read the same rows. Private to the
 * config_*.c files and their tests.
 */
#ifndef GATEHOUSE_COMMON_CONFIG_TABLE_H
#define GATEHOUSE_COMMON_CONFIG_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/config.h"
#include "common/span.h"

/* What stands at a row's offset in struct config. */
enum config_type {
	CONFIG_BOOL,    /* bool */
	CONFIG_COUNT,   /* uint32_t */
	CONFIG_SECONDS, /* uint32_t, s */
	CONFIG_MS,      /* uint32_t, ms; written, bounded and printed in seconds */
	CONFIG_BYTES,   /* uint64_t */
	CONFIG_BYTES32, /* uint32_t */
	CONFIG_STRING,  /* char *, NULL when unset */
	CONFIG_LEVEL,   /* enum log_level */
	CONFIG_FORMAT,  /* enum log_format */
	CONFIG_URL,     /* struct upstream_url */
	CONFIG_LIST,    /* struct strlist */
	CONFIG_HEADERS, /* struct strlist of lower-case header names */
	CONFIG_ORIGINS, /* struct strlist of web origins or "*" */
	CONFIG_LISTEN,  /* struct listen_addr *, its count at `count` */
	CONFIG_CIDRS,   /* struct cidr *, its count at `count` */
	CONFIG_IGNORED  /* accepted, kept nowhere */
};

/* Who must be started anew for a changed value to hold. */
enum config_reload {
	CONFIG_PUBLISH,    /* nobody: published, or the master's own affair */
	CONFIG_ADMIN,      /* the admin process */
	CONFIG_GENERATION, /* the workers (and admin) */
	CONFIG_RESTART     /* everybody: named and left as it was */
};

enum config_flag {
	CONFIG_SECRET = 1,     /* never printed or quoted; wiped */
	CONFIG_FROM_FILE = 2,  /* NAME_FILE may name a file that holds it */
	CONFIG_TOKEN = 4,      /* goes into a header: visible ASCII only */
	CONFIG_READABLE = 8,   /* names files that must be readable */
	CONFIG_MAY_BE_OFF = 16 /* "off" is the empty list */
};

struct config_row {
	const char *name; /* of the environment variable; lower case in files */
	enum config_type type;
	size_t offset;
	size_t count;    /* offset of the array's length; 0 for other types */
	uint64_t lo, hi; /* numbers, in the unit written */
	const char *def; /* as it would be written, or "(words)" for what is worked out */
	enum config_reload reload;
	unsigned flags; /* enum config_flag */
	const char *help;
};

/* All rows, in the order of documentation. */
const struct config_row *config_rows(size_t *n_out);

/* The row of that name, NULL if there is none. */
const struct config_row *config_row_find(struct span name);

/* Is it a type whose value is a list? */
bool config_type_is_list(enum config_type type);

/* Does def hold words for people instead of a value? */
bool config_default_is_words(const struct config_row *row);

/* Where a row's value stands in cfg. */
void *config_field(struct config *cfg, const struct config_row *row);
const void *config_field_const(const struct config *cfg, const struct config_row *row);

/* Where the length of a row's array stands in cfg. */
size_t *config_count(struct config *cfg, const struct config_row *row);
size_t config_count_get(const struct config *cfg, const struct config_row *row);

#endif
