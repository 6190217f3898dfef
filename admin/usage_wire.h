/*
 * Rows of usage and records to import as lines, between the admin process and the CLI: a
 * JSON array each, ended by a newline.
 *   usage    [hour, key_id, model, endpoint, counters ...]
 *   import   [id in hex, grows, hour, key_id, model, endpoint, counters ...]
 */
#ifndef GATEHOUSE_ADMIN_USAGE_WIRE_H
#define GATEHOUSE_ADMIN_USAGE_WIRE_H

#include <jansson.h>

#include "admin/ledger_import.h"
#include "admin/tally.h"
#include "common/err.h"
#include "common/sb.h"
#include "common/span.h"

enum { USAGE_WIRE_LINE_MAX = 8192 }; /* bytes of the longest line */

/* Append a line. The builder has USAGE_WIRE_LINE_MAX of room. */
void usage_wire_put_row(struct sb *b, const struct tally_row *row);
void usage_wire_put_import(struct sb *b, const struct ledger_import *v);

/* A line that was read. Names and id are its own until usage_wire_fini(). */
struct usage_wire {
	json_t *line;
	char id[LEDGER_IMPORT_ID_MAX];
	struct ledger_import v; /* of a row: key and counters */
};

/* Returns 0, ERR_SYNTAX or -ENOMEM. */
int usage_wire_get_row(struct span line, struct usage_wire *out) MUSTCHECK;
int usage_wire_get_import(struct span line, struct usage_wire *out) MUSTCHECK;
void usage_wire_fini(struct usage_wire *w);

/* Take the next line off text, without its newline; false at the end. */
bool usage_wire_next(struct span *text, struct span *line_out);

#endif
