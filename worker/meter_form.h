/*
 * A form (multipart/form-data, RFC 7578) that comes in pieces: picks out the values of
 * a few short fields and skips all else, files above all. Nothing is allocated. Pure.
 */
#ifndef GATEHOUSE_WORKER_METER_FORM_H
#define GATEHOUSE_WORKER_METER_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/span.h"

enum {
	FORM_BOUNDARY_MAX = 70, /* RFC 2046 section 5.1.1 */
	FORM_LINE_MAX = 120,    /* bytes of a header line or a value that are kept */
	FORM_FIELD_NONE = -1,
};

/* The fields are meter_form.c's. */
struct form {
	const struct span *names; /* of the fields that are looked for */
	int n_names;
	int field; /* index of the part's name; FORM_FIELD_NONE: it is skipped */
	uint8_t state;
	uint8_t dashes;  /* read behind a delimiter */
	uint8_t matched; /* bytes of delimiter that were just read */
	uint8_t assumed; /* of these, bytes that were not there */
	uint8_t delimiter_n;
	bool too_long; /* line is not all of it */
	uint8_t line_n;
	char line[FORM_LINE_MAX];
	char delimiter[4 + FORM_BOUNDARY_MAX];
};

/* The value of the field names[field] is complete. too_long: value is empty. It is
 * borrowed for the call. A field that is there twice is given twice. */
typedef void (*form_take_fn)(void *arg, int field, struct span value, bool too_long);

/* names: kept, not copied. A boundary that is empty or longer than FORM_BOUNDARY_MAX
 * makes a form in which nothing is found. */
void form_init(
    struct form *f, struct span boundary, const struct span *names, int n_names);

void form_feed(struct form *f, struct span data, form_take_fn take, void *arg);

#endif
