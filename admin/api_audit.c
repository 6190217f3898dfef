/* audit, audit/verify and openapi.json. See api.h. */
#include <stdlib.h>

#include "admin/api.h"
#include "admin/audit_text.h"
#include "admin/audit_wire.h"
#include "common/keyfile_time.h"

enum { LIMIT = 100, LIMIT_MAX = 1000 };

extern const char _binary_admin_openapi_json_start[];
extern const char _binary_admin_openapi_json_end[];

/* Which records are wanted: the last of those before a number, and what was found. */
struct listing {
	uint64_t before;
	int64_t since_ms;
	size_t limit;
	json_t *found;  /* oldest first */
	bool has_older; /* than since_ms: there is nothing to go on with */
};

static void
reply_ledger(struct api_call *call)
{
	api_reply_fault(
	    call, 503, "ledger", NULL, "The ledger can't be read now; the log says why.");
}

/* A whole number of the query; fallback where it has none. false: it has been answered. */
static bool
get_number(struct api_call *call, const char *name, uint64_t fallback, uint64_t max,
    uint64_t *out)
{
	uint64_t v;
	const int r = http_query_number(call->rq, name, &v);

	*out = r == 0 ? v : fallback;
	if (r == -ENOENT || (r == 0 && v >= 1 && v <= max))
		return true;
	api_reply_fault(
	    call, 400, "invalid", name, "This must be a whole number from 1 on.");
	return false;
}

static bool
get_listing(struct api_call *call, uint64_t last, struct listing *l)
{
	const char *since = api_query(call, "since");
	uint64_t limit;

	*l = (struct listing){ .since_ms = 0 };
	if (!get_number(call, "limit", LIMIT, LIMIT_MAX, &limit) ||
	    !get_number(call, "before", last + 1, INT64_MAX, &l->before))
		return false;
	l->limit = (size_t)limit;
	if (l->before > last + 1)
		l->before = last + 1;
	if (since == NULL || keyfile_time_parse(span_of(since), &l->since_ms) == 0)
		return true;
	api_reply_fault(call, 400, "invalid", "since", "This must be a time (RFC 3339).");
	return false;
}

enum { READ_ENOUGH = 1 };

static int
add_record(const struct ledger_audit_record *r, void *arg)
{
	struct listing *l = arg;

	if (r->seq >= l->before)
		return READ_ENOUGH;
	if (r->at_ms < l->since_ms) {
		l->has_older = true;
		return 0;
	}
	return json_array_append_new(l->found, audit_record_json(r)) == 0 ? 0 : -ENOMEM;
}

/* Newest first, and where to go on. */
static json_t *
listing_json(const struct listing *l, uint64_t from)
{
	const size_t n = json_array_size(l->found);
	json_t *records = json_array();
	json_t *next = from > 1 && !l->has_older && n > 0
	    ? json_incref(json_object_get(json_array_get(l->found, 0), "seq"))
	    : json_null();

	for (size_t i = n; records != NULL && i-- > 0;) {
		if (json_array_append(records, json_array_get(l->found, i)) != 0) {
			json_decref(records);
			records = NULL;
		}
	}
	return json_pack("{s:o, s:o}", "records", records, "next", next);
}

static void
list(struct api_call *call)
{
	struct ledger *ledger = flush_ledger(call->env->flush);
	struct listing l;
	uint64_t last = 0, from;
	int r;

	if (ledger == NULL || ledger_audit_last(ledger, &last) != 0) {
		reply_ledger(call);
		return;
	}
	if (!get_listing(call, last, &l))
		return;
	from = l.before > l.limit ? l.before - l.limit : 1;
	l.found = json_array();
	r = l.found != NULL ? ledger_audit_read(ledger, from, add_record, &l) : -ENOMEM;
	if (r < 0)
		reply_ledger(call);
	else
		api_reply(call, 200, listing_json(&l, from));
	json_decref(l.found);
}

static void
verify(struct api_call *call)
{
	struct ledger *ledger = flush_ledger(call->env->flush);
	json_t *verdict = NULL;

	if (ledger == NULL || audit_wire_verify(ledger, &verdict) != 0)
		reply_ledger(call);
	else
		api_reply(call, 200, verdict);
}

static void
openapi(struct api_call *call)
{
	api_reply_text(call, "application/json",
	    (struct span){ _binary_admin_openapi_json_start,
		(size_t)(_binary_admin_openapi_json_end -
		    _binary_admin_openapi_json_start) });
}

/* clang-format off */
const struct api_route api_audit_routes[] = {
	{ EVHTTP_REQ_GET, "audit", API_SCOPE_READ, list },
	{ EVHTTP_REQ_GET, "audit/verify", API_SCOPE_READ, verify },
	{ EVHTTP_REQ_GET, "openapi.json", 0, openapi },
};
/* clang-format on */
const size_t api_audit_n_routes = sizeof(api_audit_routes) / sizeof(api_audit_routes[0]);
