/*
 * `gatehouse usage`: gets rows by hour from admin or the ledger, folds hours into days of
 * the zone, prints.
 */
#include "admin/cli_usage.h"

#include <errno.h>
#include <unistd.h>

#include "admin/cli_keys.h"
#include "admin/cli_usage_args.h"
#include "admin/cli_usage_print.h"
#include "admin/cli_usage_rows.h"
#include "admin/ledger_forget.h"
#include "admin/usage_api.h"
#include "admin/usage_query.h"
#include "admin/usage_wire.h"
#include "admin/zone.h"
#include "common/clock.h"

/* --- getting the rows --- */

static int
read_lines(struct span body, struct tally *t)
{
	struct span line;
	int r = 0;

	while (r == 0 && usage_wire_next(&body, &line)) {
		struct usage_wire w;

		r = usage_wire_get_row(line, &w);
		if (r != 0)
			return r;
		r = tally_add(t, &w.v.key, &w.v.counters);
		usage_wire_fini(&w);
	}
	return r == 0 && body.n > 0 ? ERR_SYNTAX : r;
}

static int
get_from_admin(const struct cli_service *s, const struct usage_query *q,
    struct tally **out, struct errmsg *why)
{
	struct cli_answer a;
	struct tally *t = NULL;
	char target[128];
	int r;

	(void)snprintf(target, sizeof(target), USAGE_API_USAGE "?from=%u&to=%u&by=%u",
	    q->from_hour, q->to_hour, q->by);
	r = cli_admin_ask(s->run_dir, "GET", target, (struct span){ "", 0 }, &a, why);
	if (r != 0)
		return r;
	r = tally_create(q->by, &t);
	if (r == 0)
		r = read_lines(a.body, t);
	if (r == 0) {
		*out = t;
		t = NULL;
	} else {
		errmsg_set(why, "the answer of the running gatehouse: %s", err_text(r));
	}
	tally_destroy(&t);
	cli_answer_free(&a);
	return r;
}

static int
get_from_ledger(const struct cli_service *s, const struct usage_query *q,
    struct tally **out, struct errmsg *why)
{
	struct cli_ledger c;
	int r = cli_ledger_open(s->data_dir, &c, why);

	if (r != 0)
		return r;
	r = usage_query_run(c.ledger, c.journal, q, out);
	if (r != 0)
		errmsg_set(why, "%s: %s", s->data_dir, ledger_text(r));
	cli_ledger_close(&c);
	return r;
}

/* --- printing them --- */

static int
print(const struct cli_service *s, const struct cli_usage_args *args, struct tally **t)
{
	int r = cli_usage_arrange(args, t);

	if (r == 0)
		r = cli_usage_print(s->out, args, *t);
	if (r == 0 && fflush(s->out) == 0 && !ferror(s->out))
		return CLI_DONE;
	fprintf(s->err, "gatehouse usage: %s\n",
	    r != 0 ? err_text(r) : "the result can't be written to the standard output");
	return CLI_REFUSED;
}

static int
do_usage(const struct cli_service *s, const struct cli_usage_args *args)
{
	const struct usage_query q = cli_usage_query(args);
	struct errmsg why = { "" };
	struct tally *t = NULL;
	int r = s->running ? get_from_admin(s, &q, &t, &why)
			   : get_from_ledger(s, &q, &t, &why);

	r = r != 0 ? cli_refuse(s, "usage", r, &why) : print(s, args, &t);
	tally_destroy(&t);
	return r;
}

/* --- forgetting --- */

static int
forget_by_admin(const struct cli_service *s, const char *key_id, long long *rows_out,
    struct errmsg *why)
{
	struct cli_answer a;
	int r =
	    cli_admin_ask(s->run_dir, "POST", USAGE_API_FORGET, span_of(key_id), &a, why);

	if (r != 0)
		return r;
	*rows_out = cli_answer_number(&a, "rows");
	cli_answer_free(&a);
	return 0;
}

static int
forget_in_ledger(const struct cli_service *s, const char *key_id, long long *rows_out,
    struct errmsg *why)
{
	const uid_t uid = getuid();
	struct cli_ledger c;
	size_t rows = 0;
	int r = cli_ledger_open(s->data_dir, &c, why);

	if (r != 0)
		return r;
	r = usage_query_forget(c.ledger, key_id, uid, &rows);
	if (r != 0)
		errmsg_set(why, "%s: %s", s->data_dir, ledger_text(r));
	cli_ledger_close(&c);
	*rows_out = (long long)rows;
	return r;
}

static int
do_forget(const struct cli_service *s, const char *key_id)
{
	struct errmsg why = { "" };
	long long rows = 0;
	int r;

	if (strlen(key_id) > LEDGER_NAME_MAX || strcmp(key_id, LEDGER_FORGOTTEN) == 0) {
		errmsg_set(&why, "no key can have this KEY_ID");
		r = ERR_INVALID;
	} else {
		r = s->running ? forget_by_admin(s, key_id, &rows, &why)
			       : forget_in_ledger(s, key_id, &rows, &why);
	}
	if (r != 0)
		return cli_refuse(s, "usage forget", r, &why);
	fprintf(s->out, "rows of usage that are `" LEDGER_FORGOTTEN "` now: %lld\n", rows);
	return CLI_DONE;
}

int
cli_usage(int argc, char **argv, const struct cli_service *s)
{
	struct cli_usage_args args;
	int r = cli_usage_args(argc, argv, clock_wall_ms(), s->out, s->err, &args);

	if (r != CLI_DONE || args.help)
		return r;
	return args.forget != NULL ? do_forget(s, args.forget) : do_usage(s, &args);
}
