/* See usage_api.h: a table of paths, and a function for each. */
#include "admin/usage_api.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/audit_wire.h"
#include "admin/usage_backup.h"
#include "admin/usage_import.h"
#include "admin/usage_query.h"
#include "admin/usage_wire.h"
#include "common/log.h"

struct call {
	struct http_request *rq;
	struct flush *flush;
	struct ledger *ledger;
	const char *data_dir;
	uid_t uid; /* who asks */
};

/* An answer for a code that a step has returned. */
static void
reply_fault(const struct call *c, int r)
{
	if (r == LEDGER_DISK_LOW || r == -ENOSPC)
		http_reply_error(c->rq, 507, "disk_full", "Too little disk is free.");
	else if (r == ERR_INVALID || r == ERR_SYNTAX || r == ERR_TOO_LARGE)
		http_reply_error(c->rq, 400, "invalid", "The request makes no sense.");
	else
		http_reply_error(c->rq, 503, "ledger",
		    "The ledger can't do this now; the log says why.");
}

/* Flush, after which the ledger may be closed. Returns flush_now()'s code. */
static int
flush(struct call *c)
{
	const int r = flush_now(c->flush);

	c->ledger = flush_ledger(c->flush);
	return r == 0 && c->ledger == NULL ? -ENODEV : r;
}

static int
put_rows(const struct tally *t, struct evbuffer *out)
{
	char line[USAGE_WIRE_LINE_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < tally_count(t); i++) {
		struct sb b = sb_init(line, sizeof(line));

		usage_wire_put_row(&b, tally_at(t, i));
		if (b.over || evbuffer_add(out, b.p, b.n) != 0)
			r = -ENOMEM;
	}
	return r;
}

static int
get_query(const struct http_request *rq, struct usage_query *q)
{
	uint64_t from, to, by;

	if (http_query_number(rq, "from", &from) != 0 ||
	    http_query_number(rq, "to", &to) != 0 ||
	    http_query_number(rq, "by", &by) != 0 || from > UINT32_MAX ||
	    to > UINT32_MAX || by >= TALLY_BY(TALLY_FIELDS))
		return ERR_SYNTAX;
	*q = (struct usage_query){ (uint32_t)from, (uint32_t)to, (unsigned)by };
	return 0;
}

static void
answer_usage(struct call *c)
{
	struct evbuffer *out = evbuffer_new();
	struct usage_query q;
	struct tally *t = NULL;
	int r = out != NULL ? get_query(c->rq, &q) : -ENOMEM;

	if (r == 0) {
		r = flush(c);
		if (c->ledger != NULL) /* what can't be flushed is told all the same */
			r = usage_query_run(c->ledger, flush_journal(c->flush), &q, &t);
	}
	if (r == 0)
		r = put_rows(t, out);
	if (r == 0)
		http_reply(c->rq, 200, "application/json-seq", out);
	else
		reply_fault(c, r);
	tally_destroy(&t);
	if (out != NULL)
		evbuffer_free(out);
}

static void
answer_forget(struct call *c)
{
	const struct span body = http_body(c->rq);
	char name[LEDGER_NAME_MAX + 1] = "";
	size_t rows = 0;
	int r;

	if (body.n == 0 || body.n > LEDGER_NAME_MAX ||
	    memchr(body.p, '\0', body.n) != NULL) {
		reply_fault(c, ERR_INVALID);
		return;
	}
	memcpy(name, body.p, body.n);
	r = flush(c);
	if (r == 0)
		r = usage_query_forget(c->ledger, name, c->uid, &rows);
	flush_forget_totals(c->flush);
	if (r == 0)
		http_reply_json(c->rq, 200, json_pack("{s:I}", "rows", (json_int_t)rows));
	else
		reply_fault(c, r);
}

/* Read the lines into v. Returns 0, ERR_SYNTAX or ERR_TOO_LARGE (more than a batch). */
static int
get_records(struct span body, struct usage_wire v[USAGE_IMPORT_BATCH], size_t *n_out)
{
	struct span line;
	int r = 0;

	*n_out = 0;
	while (r == 0 && usage_wire_next(&body, &line)) {
		if (*n_out == USAGE_IMPORT_BATCH)
			return ERR_TOO_LARGE;
		r = usage_wire_get_import(line, &v[*n_out]);
		if (r == 0)
			++*n_out;
	}
	return r == 0 && body.n > 0 ? ERR_SYNTAX : r;
}

static void
answer_import(struct call *c)
{
	struct usage_wire *lines = calloc(USAGE_IMPORT_BATCH, sizeof(*lines));
	struct ledger_import *v = calloc(USAGE_IMPORT_BATCH, sizeof(*v));
	size_t n = 0, added = 0;
	int r = -ENOMEM;

	if (lines != NULL && v != NULL)
		r = get_records(http_body(c->rq), lines, &n);
	for (size_t i = 0; r == 0 && i < n; i++)
		v[i] = lines[i].v;
	if (r == 0)
		r = usage_import_records(c->ledger, v, n, &added);
	if (added > 0)
		flush_forget_totals(c->flush);
	if (r == 0)
		http_reply_json(
		    c->rq, 200, json_pack("{s:I}", "added", (json_int_t)added));
	else
		reply_fault(c, r);
	for (size_t i = 0; i < n; i++)
		usage_wire_fini(&lines[i]);
	free(lines);
	free(v);
}

static void
answer_backup(struct call *c)
{
	int r = flush(c);

	if (r == 0)
		r = usage_backup_stage(c->ledger, c->data_dir);
	if (r == 0) {
		http_reply_json(
		    c->rq, 200, json_pack("{s:s}", "staged", USAGE_BACKUP_DIR));
		return;
	}
	log_warn("backup", "no copy could be made in %s: %s", c->data_dir, ledger_text(r));
	reply_fault(c, r);
}

static int
put_line(json_t *record, void *arg)
{
	struct evbuffer *out = arg;
	char *line = json_dumps(record, JSON_COMPACT);
	const bool done = line != NULL && evbuffer_add(out, line, strlen(line)) == 0 &&
	    evbuffer_add(out, "\n", 1) == 0;

	free(line);
	json_decref(record);
	return done ? 0 : -ENOMEM;
}

static void
answer_audit(struct call *c)
{
	struct evbuffer *out = evbuffer_new();
	uint64_t since = 0, until = INT64_MAX;
	int r = out != NULL ? 0 : -ENOMEM;

	if (r == 0 &&
	    (http_query_number(c->rq, "since", &since) != 0 ||
		http_query_number(c->rq, "until", &until) != 0 || since > INT64_MAX ||
		until > INT64_MAX))
		r = ERR_SYNTAX;
	if (r == 0)
		r = audit_wire_read(
		    c->ledger, (int64_t)since, (int64_t)until, put_line, out);
	if (r == 0)
		http_reply(c->rq, 200, "application/jsonl", out);
	else
		reply_fault(c, r);
	if (out != NULL)
		evbuffer_free(out);
}

static void
answer_audit_append(struct call *c)
{
	const struct span body = http_body(c->rq);
	json_t *note = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	const int r = audit_wire_append(c->ledger, note);

	json_decref(note);
	if (r == 0)
		http_reply_json(c->rq, 200, json_object());
	else
		reply_fault(c, r);
}

static void
answer_audit_verify(struct call *c)
{
	json_t *verdict = NULL;
	const int r = audit_wire_verify(c->ledger, &verdict);

	if (r == 0)
		http_reply_json(c->rq, 200, verdict);
	else
		reply_fault(c, r);
}

static const struct {
	unsigned method;
	const char *path;
	void (*answer)(struct call *c);
} calls[] = {
	{ EVHTTP_REQ_GET, USAGE_API_USAGE, answer_usage },
	{ EVHTTP_REQ_POST, USAGE_API_FORGET, answer_forget },
	{ EVHTTP_REQ_POST, USAGE_API_IMPORT, answer_import },
	{ EVHTTP_REQ_POST, USAGE_API_BACKUP, answer_backup },
	{ EVHTTP_REQ_GET, USAGE_API_AUDIT, answer_audit },
	{ EVHTTP_REQ_POST, USAGE_API_AUDIT, answer_audit_append },
	{ EVHTTP_REQ_GET, USAGE_API_AUDIT_VERIFY, answer_audit_verify },
};

bool
usage_api_is_allowed(const struct http_request *rq, uid_t *uid_out)
{
	if (http_header(rq, "X-Gatehouse-Client") != NULL ||
	    http_header(rq, "X-Gatehouse-Id") != NULL)
		return false;
	return http_peer_uid(rq, uid_out) == 0 && (*uid_out == 0 || *uid_out == geteuid());
}

void
usage_api_handle(struct http_request *rq, struct flush *f, const char *data_dir)
{
	struct call c = { rq, f, flush_ledger(f), data_dir, 0 };
	const bool allowed = usage_api_is_allowed(rq, &c.uid);

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && allowed; i++) {
		if (!span_eq(rq->path, span_of(calls[i].path)) ||
		    evhttp_request_get_command(rq->ev) !=
			(enum evhttp_cmd_type)calls[i].method)
			continue;
		if (c.ledger == NULL)
			http_reply_error(rq, 503, "ledger",
			    "The ledger is not open; the log says why.");
		else
			calls[i].answer(&c);
		return;
	}
	http_reply_error(rq, 404, "not_found", "There is nothing at this path.");
}
