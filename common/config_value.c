/*
 * Setting one row's value. Runs in whoever calls config_load(). One function for
 * each type; none knows a setting by name.
 */
#include "common/config_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "common/config_net.h"
#include "common/config_number.h"
#include "common/config_text.h"

typedef int set_fn(struct config *cfg, const struct config_row *row,
    const struct strlist *items, struct errmsg *why);

static int
set_bool(struct config *cfg, const struct config_row *row, const struct strlist *items,
    struct errmsg *why)
{
	static const char *const yes[] = { "true", "1", "yes", "on" };
	static const char *const no[] = { "false", "0", "no", "off" };
	bool *out = config_field(cfg, row);

	for (size_t i = 0; i < 4; i++) {
		if (strcasecmp(items->v[0], yes[i]) == 0) {
			*out = true;
			return 0;
		}
		if (strcasecmp(items->v[0], no[i]) == 0) {
			*out = false;
			return 0;
		}
	}
	errmsg_set(
	    why, "\"%.60s\" is none of true, 1, yes, on, false, 0, no, off", items->v[0]);
	return ERR_INVALID;
}

static int
set_number(struct config *cfg, const struct config_row *row, const struct strlist *items,
    struct errmsg *why)
{
	void *out = config_field(cfg, row);
	uint64_t v;
	int r;

	if ((r = config_number_parse(row, items->v[0], &v, why)) != 0)
		return r;
	if (row->type == CONFIG_BYTES)
		*(uint64_t *)out = v;
	else
		*(uint32_t *)out = (uint32_t)(row->type == CONFIG_MS ? v * 1000 : v);
	return 0;
}

static int
set_string(struct config *cfg, const struct config_row *row, const struct strlist *items,
    struct errmsg *why)
{
	char **out = config_field(cfg, row);

	if ((row->flags & CONFIG_TOKEN) && !config_text_is_token(items->v[0])) {
		errmsg_set(why, "has bytes that are no visible ASCII characters");
		return ERR_INVALID;
	}
	*out = strdup(items->v[0]);
	return *out != NULL ? 0 : -ENOMEM;
}

/* The place of text among n words, n when it is none of them. */
static size_t
word_index(const char *const *words, size_t n, const char *text)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcasecmp(words[i], text) == 0)
			break;
	return i;
}

static int
set_level(struct config *cfg, const struct config_row *row, const struct strlist *items,
    struct errmsg *why)
{
	static const char *const words[] = { "error", "warn", "info", "debug", "warning" };
	static const enum log_level levels[] = { LOG_LEVEL_ERROR, LOG_LEVEL_WARN,
		LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_WARN };
	const size_t i = word_index(words, 5, items->v[0]);

	if (i == 5) {
		errmsg_set(
		    why, "\"%.60s\" is none of error, warn, info, debug", items->v[0]);
		return ERR_INVALID;
	}
	*(enum log_level *)config_field(cfg, row) = levels[i];
	return 0;
}

static int
set_format(struct config *cfg, const struct config_row *row, const struct strlist *items,
    struct errmsg *why)
{
	static const char *const words[] = { "json", "text" };
	const size_t i = word_index(words, 2, items->v[0]);

	if (i == 2) {
		errmsg_set(why, "\"%.60s\" is none of json, text", items->v[0]);
		return ERR_INVALID;
	}
	*(enum log_format *)config_field(cfg, row) =
	    i == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT;
	return 0;
}

static int
set_url(struct config *cfg, const struct config_row *row, const struct strlist *items,
    struct errmsg *why)
{
	return upstream_url_parse(items->v[0], config_field(cfg, row), why);
}

/* Each item is checked, and brought to its usual form, before it is taken. */
static int
set_list(struct config *cfg, const struct config_row *row, const struct strlist *items,
    struct errmsg *why)
{
	struct strlist *out = config_field(cfg, row);
	int r = 0;

	for (size_t i = 0; i < items->n && r == 0; i++) {
		if ((r = strlist_add(out, items->v[i])) != 0)
			return r;
		if (row->type == CONFIG_HEADERS)
			r = config_text_header(out->v[i], why);
		else if (row->type == CONFIG_ORIGINS)
			r = config_text_origin(out->v[i], why);
	}
	return r;
}

static int
set_listen(struct config *cfg, const struct config_row *row, const struct strlist *items,
    struct errmsg *why)
{
	struct listen_addr **v = config_field(cfg, row);
	size_t *n = config_count(cfg, row);
	struct errmsg text;

	if ((row->flags & CONFIG_MAY_BE_OFF) && items->n == 1 &&
	    strcasecmp(items->v[0], "off") == 0)
		return 0;
	*v = calloc(items->n, sizeof(**v));
	if (*v == NULL)
		return -ENOMEM;
	for (; *n < items->n; (*n)++) {
		const int r = listen_addr_parse(items->v[*n], *v + *n, &text);

		if (r == ERR_INVALID)
			errmsg_set(why, "\"%.60s\" %s", items->v[*n], text.text);
		if (r != 0)
			return r;
	}
	return 0;
}

static int
set_cidrs(struct config *cfg, const struct config_row *row, const struct strlist *items,
    struct errmsg *why)
{
	struct cidr **v = config_field(cfg, row);
	size_t *n = config_count(cfg, row);

	*v = calloc(items->n, sizeof(**v));
	if (*v == NULL)
		return -ENOMEM;
	for (; *n < items->n; (*n)++)
		if (cidr_parse(span_of(items->v[*n]), *v + *n) != 0) {
			errmsg_set(why,
			    "\"%.60s\" is no address or network with nothing set behind "
			    "its prefix",
			    items->v[*n]);
			return ERR_INVALID;
		}
	return 0;
}

static set_fn *
setter_of(enum config_type type)
{
	switch (type) {
	case CONFIG_BOOL: return set_bool;
	case CONFIG_COUNT:
	case CONFIG_SECONDS:
	case CONFIG_MS:
	case CONFIG_BYTES:
	case CONFIG_BYTES32: return set_number;
	case CONFIG_STRING: return set_string;
	case CONFIG_LEVEL: return set_level;
	case CONFIG_FORMAT: return set_format;
	case CONFIG_URL: return set_url;
	case CONFIG_LIST:
	case CONFIG_HEADERS:
	case CONFIG_ORIGINS: return set_list;
	case CONFIG_LISTEN: return set_listen;
	case CONFIG_CIDRS: return set_cidrs;
	case CONFIG_IGNORED: break;
	}
	return NULL;
}

int
config_value_set(struct config *cfg, const struct config_row *row,
    const struct strlist *items, struct errmsg *why)
{
	set_fn *set = setter_of(row->type);

	for (size_t i = 0; i < items->n; i++)
		if (config_text_has_control(items->v[i])) {
			errmsg_set(why, "has a control character");
			return ERR_INVALID;
		}
	return set != NULL && items->n > 0 ? set(cfg, row, items, why) : 0;
}

int
config_value_set_text(struct config *cfg, const struct config_row *row, const char *text,
    struct errmsg *why)
{
	struct strlist items = { 0 };
	int r;

	if ((r = strlist_add(&items, text)) == 0)
		r = config_value_set(cfg, row, &items, why);
	strlist_wipe(&items);
	return r;
}

static void
clear_string(char **s)
{
	if (*s != NULL)
		OPENSSL_cleanse(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

static void
clear_listen(struct config *cfg, const struct config_row *row)
{
	struct listen_addr **v = config_field(cfg, row);
	size_t *n = config_count(cfg, row);

	for (size_t i = 0; i < *n; i++)
		listen_addr_fini(*v + i);
	free(*v);
	*v = NULL;
	*n = 0;
}

static void
clear_cidrs(struct config *cfg, const struct config_row *row)
{
	struct cidr **v = config_field(cfg, row);

	free(*v);
	*v = NULL;
	*config_count(cfg, row) = 0;
}

void
config_value_clear(struct config *cfg, const struct config_row *row)
{
	switch (row->type) {
	case CONFIG_STRING: clear_string(config_field(cfg, row)); break;
	case CONFIG_URL: upstream_url_fini(config_field(cfg, row)); break;
	case CONFIG_LIST:
	case CONFIG_HEADERS:
	case CONFIG_ORIGINS: strlist_wipe(config_field(cfg, row)); break;
	case CONFIG_LISTEN: clear_listen(cfg, row); break;
	case CONFIG_CIDRS: clear_cidrs(cfg, row); break;
	case CONFIG_BOOL:
	case CONFIG_COUNT:
	case CONFIG_SECONDS:
	case CONFIG_MS:
	case CONFIG_BYTES:
	case CONFIG_BYTES32:
	case CONFIG_LEVEL:
	case CONFIG_FORMAT:
	case CONFIG_IGNORED: break; /* nothing owned */
	}
}
