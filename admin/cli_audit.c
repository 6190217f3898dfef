/*
 * `gatehouse audit`: gets records from admin or the ledger and prints them as they come, so
 * that a long audit needs no memory; and the verdict on its chain.
 */
#include "admin/cli_audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "admin/audit_wire.h"
#include "admin/cli_audit_args.h"
#include "admin/cli_keys.h"
#include "admin/cli_table.h"
#include "admin/usage_api.h"
#include "common/clock.h"

enum { TEXT_BYTES = 256, WHO_BYTES = 96 };

static const char *const titles[] = { "TIME", "WHO", "FROM", "ACTION", "TARGET",
	"DETAIL" };
enum { COLUMNS = sizeof(titles) / sizeof(titles[0]) };

/* Where records go: to a table, or a line each as JSON. */
struct printing {
	FILE *out;
	struct cli_table *table; /* NULL: JSON */
};

/* --- printing --- */

static const char *
text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "-";
}

/* `session 3fd2a1`, `cli root`. */
static void
put_who(const json_t *record, char out[WHO_BYTES])
{
	const json_t *actor = json_object_get(record, "actor");
	const char *id = json_string_value(json_object_get(actor, "id"));

	(void)snprintf(out, WHO_BYTES, "%s%s%s", text_of(actor, "kind"),
	    id != NULL ? " " : "", id != NULL ? id : "");
}

/* A detail for people: `rate_limit: null -> 10, description: "x"`. */
static char *
detail_text(json_t *detail)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	const char *name, *between = "";
	json_t *v;

	if (f == NULL)
		return NULL;
	json_object_foreach(detail, name, v)
	{
		fprintf(f, "%s%s: ", between, name);
		if (json_is_array(v) && json_array_size(v) == 2) {
			(void)json_dumpf(json_array_get(v, 0), f, JSON_ENCODE_ANY);
			fprintf(f, " -> ");
			(void)json_dumpf(json_array_get(v, 1), f, JSON_ENCODE_ANY);
		} else {
			(void)json_dumpf(v, f, JSON_ENCODE_ANY);
		}
		between = ", ";
	}
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static int
add_row(const struct printing *p, const json_t *record)
{
	char who[WHO_BYTES];
	char *detail = detail_text(json_object_get(record, "detail"));
	const char *cells[COLUMNS] = { text_of(record, "at"), who, text_of(record, "from"),
		text_of(record, "action"), text_of(record, "target"), detail };
	int r = -ENOMEM;

	put_who(record, who);
	if (detail != NULL)
		r = cli_table_add(p->table, cells);
	free(detail);
	return r;
}

/* Takes the record over. */
static int
print_record(json_t *record, void *arg)
{
	const struct printing *p = arg;
	int r = 0;

	if (p->table != NULL) {
		r = add_row(p, record);
	} else {
		(void)json_dumpf(record, p->out, JSON_COMPACT);
		fputc('\n', p->out);
	}
	json_decref(record);
	return r;
}

static int
finish(const struct cli_service *s)
{
	if (fflush(s->out) == 0 && !ferror(s->out))
		return CLI_DONE;
	fprintf(s->err,
	    "gatehouse audit: the result can't be written to the standard output\n");
	return CLI_REFUSED;
}

/* --- getting --- */

static int
read_lines(struct span body, struct printing *p)
{
	int r = 0;

	while (r == 0 && body.n > 0) {
		const char *end = memchr(body.p, '\n', body.n);
		json_t *record = end != NULL
		    ? json_loadb(body.p, (size_t)(end - body.p), 0, NULL)
		    : NULL;

		if (record == NULL)
			return ERR_SYNTAX;
		r = print_record(record, p);
		body.n -= (size_t)(end + 1 - body.p);
		body.p = end + 1;
	}
	return r;
}

static int
list_from_admin(const struct cli_service *s, const struct cli_audit_args *args,
    struct printing *p, struct errmsg *why)
{
	struct cli_answer a;
	char target[TEXT_BYTES];
	int r;

	(void)snprintf(target, sizeof(target),
	    USAGE_API_AUDIT "?since=%" PRId64 "&until=%" PRId64, args->since_ms,
	    args->until_ms);
	r = cli_admin_ask(s->run_dir, "GET", target, (struct span){ "", 0 }, &a, why);
	if (r != 0)
		return r;
	r = read_lines(a.body, p);
	if (r != 0)
		errmsg_set(why, "the answer of the running gatehouse: %s", err_text(r));
	cli_answer_free(&a);
	return r;
}

static int
list_from_ledger(const struct cli_service *s, const struct cli_audit_args *args,
    struct printing *p, struct errmsg *why)
{
	struct cli_ledger c;
	int r = cli_ledger_open(s->data_dir, &c, why);

	if (r != 0)
		return r;
	r = audit_wire_read(c.ledger, args->since_ms, args->until_ms, print_record, p);
	if (r != 0)
		errmsg_set(why, "%s: %s", s->data_dir, ledger_text(r));
	cli_ledger_close(&c);
	return r;
}

static int
do_list(const struct cli_service *s, const struct cli_audit_args *args)
{
	struct printing p = { .out = s->out };
	struct errmsg why = { "" };
	int r = args->json ? 0 : cli_table_create(titles, COLUMNS, &p.table);

	if (r != 0)
		errmsg_set(&why, "%s", err_text(r));
	else if (s->running)
		r = list_from_admin(s, args, &p, &why);
	else
		r = list_from_ledger(s, args, &p, &why);
	if (r == 0 && p.table != NULL)
		cli_table_print(p.table, s->out);
	cli_table_destroy(&p.table);
	return r == 0 ? finish(s) : cli_refuse(s, "audit", r, &why);
}

/* --- the chain --- */

static int
verdict_from_admin(const struct cli_service *s, json_t **out, struct errmsg *why)
{
	struct cli_answer a;
	int r = cli_admin_ask(
	    s->run_dir, "GET", USAGE_API_AUDIT_VERIFY, (struct span){ "", 0 }, &a, why);

	if (r != 0)
		return r;
	*out = json_loadb(a.body.p, a.body.n, 0, NULL);
	cli_answer_free(&a);
	if (*out != NULL)
		return 0;
	errmsg_set(why, "the answer of the running gatehouse: %s", err_text(ERR_SYNTAX));
	return ERR_SYNTAX;
}

static int
verdict_from_ledger(const struct cli_service *s, json_t **out, struct errmsg *why)
{
	struct cli_ledger c;
	int r = cli_ledger_open(s->data_dir, &c, why);

	if (r != 0)
		return r;
	r = audit_wire_verify(c.ledger, out);
	if (r != 0)
		errmsg_set(why, "%s: %s", s->data_dir, ledger_text(r));
	cli_ledger_close(&c);
	return r;
}

static void
print_verdict(FILE *out, const json_t *verdict)
{
	const json_int_t bad = json_integer_value(json_object_get(verdict, "first_bad"));
	const json_int_t n = json_integer_value(json_object_get(verdict, "records"));

	if (bad == 0)
		fprintf(out, "whole: %" JSON_INTEGER_FORMAT " records\n", n);
	else
		fprintf(out,
		    "BROKEN at record %" JSON_INTEGER_FORMAT
		    ": it, or what stood there, was altered or taken out; %" JSON_INTEGER_FORMAT
		    " records before it are whole\n",
		    bad, n);
}

static int
do_verify(const struct cli_service *s, const struct cli_audit_args *args)
{
	struct errmsg why = { "" };
	json_t *verdict = NULL;
	int r = s->running ? verdict_from_admin(s, &verdict, &why)
			   : verdict_from_ledger(s, &verdict, &why);
	int status;

	if (r != 0)
		return cli_refuse(s, "audit verify", r, &why);
	if (args->json) {
		(void)json_dumpf(verdict, s->out, 0);
		fputc('\n', s->out);
	} else {
		print_verdict(s->out, verdict);
	}
	status = json_is_true(json_object_get(verdict, "whole")) ? CLI_DONE : CLI_REFUSED;
	json_decref(verdict);
	return status == CLI_DONE ? finish(s) : status;
}

int
cli_audit(int argc, char **argv, const struct cli_service *s)
{
	struct cli_audit_args args;
	int r = cli_audit_args(argc, argv, clock_wall_ms(), s->out, s->err, &args);

	if (r != CLI_DONE || args.help)
		return r;
	return args.verify ? do_verify(s, &args) : do_list(s, &args);
}
