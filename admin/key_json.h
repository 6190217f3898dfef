/*
 * Keys as the API shows them (openapi.json: Key), and a page of a list of them. No secret
 * and no hash passes through here. Pure.
 */
#ifndef GATEHOUSE_ADMIN_KEY_JSON_H
#define GATEHOUSE_ADMIN_KEY_JSON_H

#include <jansson.h>

#include "admin/key_list.h"

enum {
	KEY_PAGE_DEFAULT = 1000,
	KEY_PAGE_MAX = 10000,
	KEY_SEARCH_MAX = 256, /* bytes of q */
	KEY_REVISION_BYTES = 17
};

enum key_status { KEY_ACTIVE, KEY_REVOKED, KEY_EXPIRED, KEY_STATUSES };

/* A key without its switch is revoked, expired or not. */
enum key_status key_status_at(const struct key_row *k, int64_t now_ms);

/* The status that is called "active", "revoked" or "expired"; KEY_STATUSES: none is. */
enum key_status key_status_find(const char *name);

/* A text that differs when one of the fields that are shown does. */
void key_revision(const struct key_row *k, char out[KEY_REVISION_BYTES]);

/* A limit, or null. NULL without memory, as for all below. */
json_t *key_limit_json(int64_t limit);

json_t *key_json(const struct key_row *k, int64_t now_ms);

/* Which keys of a list are wanted. */
struct key_search {
	size_t limit;                  /* more only where keys share an id */
	char after[KEY_ID_MAX + 1];    /* ids behind this one; "": from the beginning */
	char text[KEY_SEARCH_MAX + 1]; /* in id or description, ASCII letters in any case */
	enum key_status status;        /* KEY_STATUSES: any */
};

/* {"keys", "total", "matched", "next", "counts", "max_keys", "faults"}. */
json_t *key_page_json(const struct key_list *list, const struct key_search *s,
    size_t max_keys, int64_t now_ms);

#endif
