/*
 * Two configurations compared, row by row, by who must be started anew for the
 * difference to hold. Runs in the master on reload; pure.
 */
#include "common/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_net.h"
#include "common/config_table.h"
#include "common/config_value.h"

static bool
same_string(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The same addresses and ports; schemes too, when with_schemes is set. */
static bool
same_listen(const struct config *a, const struct config *b, const struct config_row *row,
    bool with_schemes)
{
	const struct listen_addr *const *va = config_field_const(a, row);
	const struct listen_addr *const *vb = config_field_const(b, row);
	const size_t n = config_count_get(a, row);

	if (n != config_count_get(b, row))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!listen_addr_same_place(*va + i, *vb + i) ||
		    (with_schemes && (*va)[i].scheme != (*vb)[i].scheme))
			return false;
	return true;
}

static bool
same_cidrs(const struct config *a, const struct config *b, const struct config_row *row)
{
	const struct cidr *const *va = config_field_const(a, row);
	const struct cidr *const *vb = config_field_const(b, row);
	const size_t n = config_count_get(a, row);

	if (n != config_count_get(b, row))
		return false;
	for (size_t i = 0; i < n; i++)
		if ((*va)[i].bits != (*vb)[i].bits ||
		    !addr_eq(&(*va)[i].net, &(*vb)[i].net))
			return false;
	return true;
}

static bool
same_value(const struct config *a, const struct config *b, const struct config_row *row)
{
	const void *fa = config_field_const(a, row), *fb = config_field_const(b, row);

	switch (row->type) {
	case CONFIG_BOOL: return *(const bool *)fa == *(const bool *)fb;
	case CONFIG_COUNT:
	case CONFIG_SECONDS:
	case CONFIG_MS:
	case CONFIG_BYTES32: return *(const uint32_t *)fa == *(const uint32_t *)fb;
	case CONFIG_BYTES: return *(const uint64_t *)fa == *(const uint64_t *)fb;
	case CONFIG_STRING: return same_string(*(char *const *)fa, *(char *const *)fb);
	case CONFIG_LEVEL:
		return *(const enum log_level *)fa == *(const enum log_level *)fb;
	case CONFIG_FORMAT:
		return *(const enum log_format *)fa == *(const enum log_format *)fb;
	case CONFIG_URL: return upstream_url_eq(fa, fb);
	case CONFIG_LIST:
	case CONFIG_HEADERS:
	case CONFIG_ORIGINS: return strlist_eq(fa, fb);
	case CONFIG_LISTEN: return same_listen(a, b, row, false);
	case CONFIG_CIDRS: return same_cidrs(a, b, row);
	case CONFIG_IGNORED: return true;
	}
	return true;
}

/*
 * Do schemes differ where addresses don't? They follow the certificate, and the
 * next generation speaks the other one on the sockets that are there.
 */
static bool
schemes_differ(
    const struct config *a, const struct config *b, const struct config_row *row)
{
	return row->type == CONFIG_LISTEN && same_listen(a, b, row, false) &&
	    !same_listen(a, b, row, true);
}

bool
config_differs(const struct config *a, const struct config *b, struct strlist *restart_out)
{
	/* workers answer 404 for /admin while it is off, so they know that it is */
	bool differs = (a->admin_password == NULL) != (b->admin_password == NULL);
	const struct config_row *rows;
	size_t n;

	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++) {
		const bool same = same_value(a, b, &rows[i]);

		if ((rows[i].reload == CONFIG_GENERATION && !same) ||
		    schemes_differ(a, b, &rows[i]))
			differs = true;
		if (rows[i].reload == CONFIG_RESTART && !same &&
		    strlist_add(restart_out, rows[i].name) != 0)
			differs = true; /* unnamed, but the reload itself goes on */
	}
	return differs;
}

bool
config_admin_differs(const struct config *a, const struct config *b)
{
	const struct config_row *rows;
	size_t n;

	rows = config_rows(&n);
	for (size_t i = 0; i < n; i++)
		if ((rows[i].reload != CONFIG_RESTART && !same_value(a, b, &rows[i])) ||
		    schemes_differ(a, b, &rows[i]))
			return true;
	return false;
}

static int
keep_string(
    struct config *next, const struct config *running, const struct config_row *row)
{
	const char *text = *(char *const *)config_field_const(running, row);
	char *copy = NULL;

	if (text != NULL && (copy = strdup(text)) == NULL)
		return -ENOMEM;
	config_value_clear(next, row);
	*(char **)config_field(next, row) = copy;
	return 0;
}

static int
keep_listen(
    struct config *next, const struct config *running, const struct config_row *row)
{
	const struct listen_addr *const *from = config_field_const(running, row);
	struct listen_addr **to = config_field(next, row);
	const size_t n = config_count_get(running, row);

	if (same_listen(next, running, row, false))
		return 0;
	config_value_clear(next, row);
	if (n == 0)
		return 0;
	*to = calloc(n, sizeof(**to));
	if (*to == NULL)
		return -ENOMEM;
	for (size_t *done = config_count(next, row); *done < n; (*done)++)
		if (listen_addr_copy(*from + *done, *to + *done) != 0)
			return -ENOMEM;
	return 0;
}

int
config_keep_restart(struct config *next, const struct config *running)
{
	const struct config_row *rows;
	size_t n;
	int r = 0;

	rows = config_rows(&n);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (rows[i].reload != CONFIG_RESTART)
			continue;
		if (rows[i].type == CONFIG_STRING)
			r = keep_string(next, running, &rows[i]);
		else if (rows[i].type == CONFIG_LISTEN)
			r = keep_listen(next, running, &rows[i]);
		else if (rows[i].type == CONFIG_COUNT)
			*(uint32_t *)config_field(next, &rows[i]) =
			    *(const uint32_t *)config_field_const(running, &rows[i]);
		else
			abort(); /* a row whose type this function does not know */
	}
	return r;
}
