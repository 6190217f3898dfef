/*
 * Edits of SETTINGS_FILE: lock, change some of the four limits, replace the file as a whole.
 * Fields that are unknown stay where they are, though a file with such is refused by who
 * reads it. Runs in the admin process's job thread; may block for five seconds.
 */
#ifndef GATEHOUSE_ADMIN_SETTINGS_SAVE_H
#define GATEHOUSE_ADMIN_SETTINGS_SAVE_H

#include "common/settings.h"

/* What is to become of each field, in their order. */
struct settings_change {
	bool given[SETTINGS_FIELDS];
	uint32_t value[SETTINGS_FIELDS]; /* 0: back to the configuration */
};

/* What the file says of each field; 0: nothing. */
struct settings_values {
	uint32_t value[SETTINGS_FIELDS];
};

/*
 * Change the file.
 * before, after  what it said and says of the fields; a value that is no good counts as none.
 * Returns 0 (why: empty, or that it could not be synced), or nothing was changed and why
 * says so: ERR_INVALID (what would come out would be refused), ERR_SYNTAX, -EWOULDBLOCK
 * (locked), ERR_CHANGED (somebody who does not lock wrote to it), -errno.
 */
int settings_save(const struct config *cfg, const struct settings_change *change,
    struct settings_values *before, struct settings_values *after,
    struct errmsg *why) MUSTCHECK;

/* What the file says now. Returns 0 (also without a file), ERR_SYNTAX or -errno with why. */
int settings_peek(
    const char *path, struct settings_values *out, struct errmsg *why) MUSTCHECK;

#endif
