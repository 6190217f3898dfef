/*
 * The certificates of TLS_CERT_FILE as they lie on disk, for people. They are public; no key
 * is opened. Reads files: for the admin process's job thread.
 */
#ifndef GATEHOUSE_ADMIN_CERT_LIST_H
#define GATEHOUSE_ADMIN_CERT_LIST_H

#include <jansson.h>

#include "common/strlist.h"

/*
 * [{"file", "names", "not_after", "days_left", "error"}], a row for each file, of its first
 * certificate. What can't be read has an error instead of the rest. now_ms: wall clock.
 * NULL without memory.
 */
json_t *cert_list_json(const struct strlist *files, int64_t now_ms);

#endif
