/*
 * What a setting's text may look like. Pure. Private to the config_*.c files.
 */
#ifndef GATEHOUSE_COMMON_CONFIG_TEXT_H
#define GATEHOUSE_COMMON_CONFIG_TEXT_H

#include <stdbool.h>

#include "common/err.h"

/* Any byte below 0x20, or 0x7F? */
bool config_text_has_control(const char *s);

/* At least one character, all of them visible ASCII: fit for a header's value? */
bool config_text_is_token(const char *s);

/* Does it look like README's and examples' stand-ins for a secret? */
bool config_text_is_placeholder(const char *s);

/*
 * Lower-case a header's name (RFC 9110 section 5.1) and refuse those that gatehouse
 * sets itself or that hold for one hop, and credentials.
 * Returns 0 or ERR_INVALID (why).
 */
int config_text_header(char *name, struct errmsg *why) MUSTCHECK;

/*
 * Lower-case an origin as browsers send it (RFC 6454 section 6.2), or "*".
 * Returns 0 or ERR_INVALID (why).
 */
int config_text_origin(char *origin, struct errmsg *why) MUSTCHECK;

#endif
