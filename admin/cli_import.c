/*
 * The file is read and judged whole before anything is added, with the rights of who runs
 * the command; then its records go to admin, or into the ledger, in batches.
 */
#include "admin/cli_import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/cli_keys.h"
#include "admin/usage_api.h"
#include "admin/usage_file.h"
#include "admin/usage_import.h"
#include "admin/usage_wire.h"
#include "common/clock.h"

enum { BODY_BYTES = HTTP_BODY_BYTES / 2 };

/* Put as many records into b as a request may carry. Returns how many. */
static size_t
fill(struct sb *b, const struct ledger_import *v, size_t n)
{
	size_t i = 0;

	while (i < n && i < USAGE_IMPORT_BATCH && b->cap - b->n >= USAGE_WIRE_LINE_MAX)
		usage_wire_put_import(b, &v[i++]);
	return i;
}

static int
send_records(const struct cli_service *s, const struct usage_file *f, size_t *added_out,
    struct errmsg *why)
{
	const struct ledger_import *v = usage_file_records(f);
	const size_t n = usage_file_count(f);
	char *body = malloc(BODY_BYTES);
	int r = body != NULL ? 0 : -ENOMEM;

	for (size_t at = 0; r == 0 && at < n;) {
		struct sb b = sb_init(body, BODY_BYTES);
		struct cli_answer a;

		at += fill(&b, v + at, n - at);
		r = cli_admin_ask(s->run_dir, "POST", USAGE_API_IMPORT,
		    (struct span){ b.p, b.n }, &a, why);
		if (r != 0)
			break;
		*added_out += (size_t)cli_answer_number(&a, "added");
		cli_answer_free(&a);
	}
	free(body);
	return r;
}

static int
add_records(const struct cli_service *s, const struct usage_file *f, size_t *added_out,
    struct errmsg *why)
{
	struct cli_ledger c;
	int r = cli_ledger_open(s->data_dir, &c, why);

	if (r != 0)
		return r;
	r = usage_import_records(
	    c.ledger, usage_file_records(f), usage_file_count(f), added_out);
	if (r != 0)
		errmsg_set(why, "%s: %s", s->data_dir, ledger_text(r));
	cli_ledger_close(&c);
	return r;
}

static int
import(const struct cli_service *s, const char *path)
{
	struct usage_file *f = NULL;
	struct errmsg why = { "" };
	size_t added = 0;
	int r = usage_file_load(path, clock_wall_ms(), &f, &why);

	if (r != 0) {
		fprintf(s->err, "gatehouse import: %s\n", why.text);
		fprintf(s->err, "nothing was imported\n");
		return CLI_REFUSED;
	}
	if (usage_file_odd(f) > 0)
		fprintf(s->err, "warning: %zu counts make no sense and are left out\n",
		    usage_file_odd(f));
	r = s->running ? send_records(s, f, &added, &why)
		       : add_records(s, f, &added, &why);
	if (r == 0)
		fprintf(
		    s->out, "%zu records, %zu of them new\n", usage_file_count(f), added);
	else
		fprintf(s->err,
		    "%zu records were added; the others will be when it is imported again\n",
		    added);
	usage_file_destroy(&f);
	return r == 0 ? CLI_DONE : cli_refuse(s, "import", r, &why);
}

int
cli_import(int argc, char **argv, const struct cli_service *s)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fprintf(s->out, "usage: gatehouse import FILE\n");
		return CLI_DONE;
	}
	if (argc == 2 && argv[1][0] != '-')
		return import(s, argv[1]);
	fprintf(s->err, "usage: gatehouse import FILE\n");
	return CLI_USAGE;
}
