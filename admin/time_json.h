/*
 * Times as the API and the audit give them.
 */
#ifndef GATEHOUSE_ADMIN_TIME_JSON_H
#define GATEHOUSE_ADMIN_TIME_JSON_H

#include <stdint.h>
#include <jansson.h>

/* ms since 1970 as `2027-01-31T12:00:00Z` (RFC 3339 section 5.6); null for 0, which is never
 * or unknown, and for what has no such form. The caller's; NULL without memory. */
json_t *time_json(int64_t ms);

#endif
