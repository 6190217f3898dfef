/*
 * The draft of a configuration. Runs in whoever calls config_load(). It owns the
 * texts as they came, secrets too, and wipes them at the end.
 */
#include "common/config_draft.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
config_draft_init(struct config_draft *d, struct strlist *faults)
{
	size_t n;

	config_rows(&n);
	*d = (struct config_draft){ .faults = faults };
	d->cfg = calloc(1, sizeof(*d->cfg));
	d->raw = calloc(n, sizeof(*d->raw));
	return d->cfg != NULL && d->raw != NULL ? 0 : -ENOMEM;
}

void
config_draft_fini(struct config_draft *d)
{
	size_t n;

	config_rows(&n);
	for (size_t i = 0; d->raw != NULL && i < n; i++)
		strlist_wipe(&d->raw[i].items);
	free(d->raw);
	d->raw = NULL;
	config_destroy(&d->cfg);
}

void
config_draft_set(
    struct config_draft *d, const struct config_row *row, struct config_raw *raw)
{
	struct config_raw *slot;
	size_t n;

	if (raw->items.n == 0) {
		strlist_free(&raw->items);
		return;
	}
	slot = &d->raw[row - config_rows(&n)];
	strlist_wipe(&slot->items);
	*slot = *raw;
	raw->items = (struct strlist){ 0 };
}

const struct config_raw *
config_draft_raw(const struct config_draft *d, const char *name)
{
	const struct config_row *row = config_row_find(span_of(name));
	size_t n;

	if (row == NULL)
		abort(); /* a name misspelt in our own source */
	return &d->raw[row - config_rows(&n)];
}

void
config_draft_check(struct config_draft *d, int r)
{
	if (r != 0)
		d->no_memory = true;
}

/* Add "place: text" to a list, as one line whatever a field's name holds. */
static void add_line(struct config_draft *d, struct strlist *list, const char *place,
    const char *fmt, va_list ap) PRINTF_LIKE(4, 0);

static void
add_line(struct config_draft *d, struct strlist *list, const char *place, const char *fmt,
    va_list ap)
{
	char text[512], line[2048];

	if (vsnprintf(text, sizeof(text), fmt, ap) < 0 ||
	    snprintf(line, sizeof(line), "%s: %s", place, text) < 0)
		return;
	for (char *p = line; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p))
			*p = '?';
	config_draft_check(d, strlist_add(list, line));
}

/* "environment: ADMIN_PASSWORD_FILE", "/etc/x.json: admin_password". */
static void
put_place(const struct config_draft *d, const char *name, char *out, size_t out_bytes)
{
	const struct config_raw *raw = config_draft_raw(d, name);
	const char *origin = raw->origin != NULL ? raw->origin : "default";
	const int skip = snprintf(out, out_bytes, "%s: ", origin);

	if (skip < 0 || (size_t)skip >= out_bytes)
		return;
	snprintf(out + skip, out_bytes - (size_t)skip, "%s%s", name,
	    raw->suffix != NULL ? raw->suffix : "");
	for (char *p = out + skip; raw->lower && *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
}

void
config_fault(
    struct config_draft *d, const char *origin, const char *name, const char *fmt, ...)
{
	char place[1024];
	va_list ap;

	snprintf(place, sizeof(place), "%s: %s", origin, name);
	va_start(ap, fmt);
	add_line(d, d->faults, place, fmt, ap);
	va_end(ap);
}

void
config_fault_at(struct config_draft *d, const char *name, const char *fmt, ...)
{
	char place[1024];
	va_list ap;

	put_place(d, name, place, sizeof(place));
	va_start(ap, fmt);
	add_line(d, d->faults, place, fmt, ap);
	va_end(ap);
}

void
config_warn_at(struct config_draft *d, const char *name, const char *fmt, ...)
{
	char place[1024];
	va_list ap;

	put_place(d, name, place, sizeof(place));
	va_start(ap, fmt);
	add_line(d, &d->cfg->warnings, place, fmt, ap);
	va_end(ap);
}
