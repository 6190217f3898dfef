/*
 * From a request to its handler: the route, who asks, the query, the body. A handler's call
 * lives on the stack here until api_defer() moves it to the heap (api_call.c).
 */
#include "admin/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/access.h"
#include "admin/query.h"

enum { API_DEPTH_MAX = 32 };

static const struct {
	const struct api_route *routes;
	const size_t *n;
} tables[] = {
	{ api_session_routes, &api_session_n_routes },
	{ api_tokens_routes, &api_tokens_n_routes },
	{ api_keys_routes, &api_keys_n_routes },
	{ api_settings_routes, &api_settings_n_routes },
	{ api_usage_routes, &api_usage_n_routes },
	{ api_status_routes, &api_status_n_routes },
	{ api_audit_routes, &api_audit_n_routes },
};

/* --- bodies --- */

/* Objects and arrays in one another, at most; strings may hold any bracket. */
static bool
is_shallow(struct span s)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '[') && ++depth > API_DEPTH_MAX)
			return false;
		else if (!quoted && (c == '}' || c == ']') && depth > 0)
			depth--;
	}
	return true;
}

/* `application/json`, whatever parameters follow. */
static bool
is_json_type(const char *type)
{
	const struct span json = SPAN("application/json");
	const struct span s = span_of(type);

	return s.n >= json.n && span_eq_nocase((struct span){ s.p, json.n }, json) &&
	    (s.n == json.n || s.p[json.n] == ';' || s.p[json.n] == ' ');
}

/* Parse the body; false: it has been answered. No body at all is the empty object. */
static bool
take_body(struct api_call *call)
{
	const struct span text = http_body(call->rq);
	json_error_t where = { .line = 0 };

	if (text.n == 0) {
		call->body = json_object();
	} else if (!is_json_type(http_header(call->rq, "Content-Type"))) {
		api_reply_fault(call, 415, "content_type", NULL,
		    "The body must come as Content-Type: application/json.");
		return false;
	} else if (!is_shallow(text)) {
		api_reply_fault(
		    call, 400, "too_deep", NULL, "The body is nested too deeply.");
		return false;
	} else {
		call->body = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &where);
	}
	if (json_is_object(call->body))
		return true;
	if (call->body != NULL)
		api_reply_fault(
		    call, 400, "not_an_object", NULL, "The body must be a JSON object.");
	else
		api_reply_fault(call, 400, "invalid_json", NULL,
		    "The body is no valid JSON (line %d, column %d).", where.line,
		    where.column);
	return false;
}

static bool
take_query(struct api_call *call)
{
	const int r = query_parse(http_query(call->rq), &call->query);

	if (r == 0)
		return true;
	if (r == -ENOMEM)
		api_reply_fault(call, 503, "overloaded", NULL, "There is no memory left.");
	else
		api_reply_fault(call, 400, "invalid_query", NULL,
		    "The query is malformed, too long, or names something twice.");
	return false;
}

static void
refuse(struct api_call *call, const struct access_refusal *no)
{
	if (no->status == 401)
		http_add_header(call->rq, "WWW-Authenticate", "Bearer");
	api_reply_fault(call, no->status, no->code, NULL, "%s", no->message);
}

/* --- routes --- */

/* The next segment of a path, without its '/'. */
static bool
next_segment(struct span *rest, struct span *out)
{
	const char *end;

	if (rest->p == NULL)
		return false;
	end = memchr(rest->p, '/', rest->n);
	out->p = rest->p;
	out->n = end != NULL ? (size_t)(end - rest->p) : rest->n;
	if (end == NULL) {
		rest->p = NULL;
		return true;
	}
	rest->p += out->n + 1;
	rest->n -= out->n + 1;
	return true;
}

/* Does the path fit? Then its parameters are in call. Returns 1, 0 or a negative code. */
static int
fits(const struct api_route *route, struct span path, struct api_call *call)
{
	struct span pattern = span_of(route->path), want, have;
	size_t n = 0;
	int r = 1;

	while (next_segment(&pattern, &want)) {
		if (!next_segment(&path, &have))
			return 0;
		if (want.n == 0 || want.p[0] != '{') {
			if (!span_eq(want, have))
				return 0;
			continue;
		}
		if (have.n == 0)
			return 0;
		if (n == API_PARAMS_MAX)
			abort();
		if (query_decode(have, false, call->param[n++], API_PARAM_BYTES) != 0)
			r = ERR_SYNTAX;
	}
	return path.p == NULL ? r : 0;
}

/* The route of a path and method. NULL: none; *allowed has the methods of the path. */
static const struct api_route *
find_route(struct api_call *call, struct span path, unsigned method, unsigned *allowed)
{
	if (method == EVHTTP_REQ_HEAD)
		method = EVHTTP_REQ_GET;
	*allowed = 0;
	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		for (size_t i = 0; i < *tables[t].n; i++) {
			const struct api_route *route = &tables[t].routes[i];

			if (fits(route, path, call) != 1)
				continue;
			if (route->method == method)
				return route;
			*allowed |= route->method;
		}
	}
	return NULL;
}

static bool
is_change(unsigned method)
{
	return method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD;
}

static void
run(const struct api_route *route, struct api_call *call, unsigned method)
{
	struct access_refusal no = access_identify(call->env, call->rq, &call->caller);

	if (no.status == 0)
		no = access_judge(
		    call->rq, &call->caller, route->scope, is_change(method));
	if (no.status != 0) {
		refuse(call, &no);
		return;
	}
	if (!take_query(call) ||
	    (is_change(method) && method != EVHTTP_REQ_DELETE && !take_body(call)))
		return;
	route->handle(call);
	if (!call->answered && !call->deferred)
		abort(); /* a handler that forgets the answer leaves a client hanging */
}

void
api_handle(struct http_request *rq, const struct api_env *env)
{
	const size_t prefix = sizeof(API_PREFIX) - 1;
	const unsigned method = evhttp_request_get_command(rq->ev);
	struct api_call call = { .env = env, .rq = rq };
	const struct api_route *route;
	unsigned allowed;

	route = find_route(&call,
	    (struct span){ rq->path.p + prefix, rq->path.n - prefix }, method, &allowed);
	if (route != NULL)
		run(route, &call, method);
	else if (allowed != 0)
		http_reply_method(rq, allowed);
	else
		http_reply_error(rq, 404, "not_found", "There is nothing at this path.");
	api_fini(&call);
}
