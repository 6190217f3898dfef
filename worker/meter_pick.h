/*
 * Picks a few named fields out of one JSON document (RFC 8259) that comes in pieces,
 * and skips all else without looking at it closer than needed. Nothing is allocated and
 * nothing is kept but the name or the short value that is being read. Pure.
 *
 * Names count as JSON means them: \u0075sage is usage. A document that is no object, or
 * is malformed where it is looked at, gives nothing from there on. What stands in
 * skipped values is not validated.
 */
#ifndef GATEHOUSE_WORKER_METER_PICK_H
#define GATEHOUSE_WORKER_METER_PICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/span.h"
#include "worker/meter_scan.h"
#include "worker/meter_text.h"

enum { PICK_LEVELS = 4 }; /* objects in one another that are looked into */

struct pick_fields;

/* A field that is looked for. */
struct pick_field {
	struct span name;             /* printable ASCII, of at most TEXT_MAX bytes */
	int id;                       /* the caller's */
	const struct pick_fields *in; /* fields looked for inside; NULL: none */
};

/* Those of one object. */
struct pick_fields {
	const struct pick_field *v;
	size_t n;
};

enum pick_type {
	PICK_NULL,
	PICK_TRUE,
	PICK_FALSE,
	PICK_NUMBER,      /* text: any other bare word too, NaN for instance */
	PICK_STRING,      /* text: decoded */
	PICK_OBJECT,      /* begins; given before the fields inside */
	PICK_OBJECT_END,  /* given if `in` is not NULL, and the object ends */
	PICK_ARRAY,       /* has something in it */
	PICK_ARRAY_EMPTY, /* [] */
};

struct pick_value {
	enum pick_type type;
	struct span text; /* borrowed for the call */
	bool odd;         /* longer than TEXT_MAX or not printable ASCII: text is empty */
};

/* A field was found. In a document that has it twice it is given twice. */
typedef void (*pick_take_fn)(
    void *arg, const struct pick_field *f, const struct pick_value *v);

/* The fields are meter_pick.c's. */
struct pick {
	uint8_t state;
	uint8_t level;    /* objects that are open and looked into */
	struct text text; /* the name or value that is being read */
	const struct pick_field *root;
	const struct pick_field *of[PICK_LEVELS]; /* the objects that are looked into */
	const struct pick_field *field; /* whose value comes next; NULL: skip it */
	struct scan_nest nest;
	/* The first nested value of this document that was skipped: behind its first
	 * bracket, and behind its last. They point into what was fed, which may be gone. */
	const char *nest_from, *nest_to;
};

/* root: stands for the document itself, and is told like any field; its name does not
 * matter. Kept, not copied. */
void pick_init(struct pick *k, const struct pick_field *root);

/* Begin another document with the same fields. */
void pick_again(struct pick *k);

/* Read data, give each field that is found. */
void pick_feed(struct pick *k, struct span data, pick_take_fn take, void *arg);

/* Was the document's object complete? (What follows it is not looked at.) */
bool pick_is_complete(const struct pick *k);

/* Can nothing more be found, because the document is complete, no object or malformed? */
bool pick_is_over(const struct pick *k);

#endif
