/*
 * From a request to its handler: the route, who asks, the body; and the answers. A handler's
 * call lives on the stack here until api_defer() moves it to the heap.
 */
#include "admin/api.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/access.h"
#include "admin/query.h"
#include "common/clock.h"
#include "common/log.h"

enum { API_MAGIC = 0x61706963, API_DEPTH_MAX = 32, API_LINES = 5, MESSAGE_BYTES = 640 };

static const struct {
	const struct api_route *routes;
	const size_t *n;
} tables[] = {
	{ api_session_routes, &api_session_n_routes },
	{ api_keys_routes, &api_keys_n_routes },
	{ api_settings_routes, &api_settings_n_routes },
	{ api_usage_routes, &api_usage_n_routes },
	{ api_status_routes, &api_status_n_routes },
	{ api_audit_routes, &api_audit_n_routes },
};

/* --- the request, for handlers --- */

const char *
api_query(struct api_call *call, const char *name)
{
	return query_get(call->query, name);
}

bool
api_has_only(struct api_call *call, const char *const *names)
{
	const char *field;
	json_t *value;

	json_object_foreach(call->body, field, value)
	{
		const char *const *n = names;

		while (*n != NULL && strcmp(*n, field) != 0)
			n++;
		if (*n == NULL) {
			api_reply_fault(call, 400, "unknown_field", field,
			    "There is no such field here.");
			return false;
		}
	}
	return true;
}

struct audit_actor
api_actor(const struct api_call *call)
{
	return (struct audit_actor){ .kind = call->caller.kind,
		.id = call->caller.kind != AUDIT_NOBODY ? call->caller.id : NULL,
		.from = call->caller.from };
}

/* --- answers --- */

/* A handler answers once; a second answer would be another request's. */
static void
answer(struct api_call *call)
{
	if (call->answered || call->rq == NULL)
		abort();
	call->answered = true;
}

void
api_reply(struct api_call *call, int status, json_t *body)
{
	answer(call);
	http_reply_json(call->rq, status, body);
}

void
api_reply_empty(struct api_call *call)
{
	answer(call);
	http_reply_empty(call->rq, 204);
}

void
api_reply_fault(struct api_call *call, int status, const char *code, const char *param,
    const char *fmt, ...)
{
	char message[MESSAGE_BYTES];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	answer(call);
	http_reply_fault(call->rq, status, code, param, message);
}

static void
refuse(struct api_call *call, const struct access_refusal *no)
{
	if (no->status == 401)
		http_add_header(call->rq, "WWW-Authenticate", "Bearer");
	api_reply_fault(call, no->status, no->code, NULL, "%s", no->message);
}

static void
fini(struct api_call *call)
{
	json_decref(call->body);
	query_destroy(&call->query);
}

/* --- answers that come later --- */

struct deferred {
	uint32_t magic;
	struct api_call call;
	struct http_request rq;
	struct http_deferred *http; /* NULL once taken up again */
};

static struct deferred *
deferred_of(struct api_call *call)
{
	struct deferred *d = (struct deferred *)(void *)((char *)call -
	    offsetof(struct deferred, call));

	if (!call->deferred || d->magic != API_MAGIC)
		abort();
	return d;
}

struct api_call *
api_defer(struct api_call *call)
{
	struct deferred *d = calloc(1, sizeof(*d));

	if (d != NULL && (d->http = http_defer(call->rq)) == NULL) {
		free(d);
		d = NULL;
	}
	if (d == NULL) {
		api_reply_fault(call, 503, "overloaded", NULL, "There is no memory left.");
		return NULL;
	}
	d->magic = API_MAGIC;
	d->call = *call;
	d->call.rq = NULL;
	d->call.deferred = true;
	call->deferred = true;
	call->body = NULL;
	call->query = NULL;
	return &d->call;
}

bool
api_resume(struct api_call *call)
{
	struct deferred *d = deferred_of(call);
	struct http_deferred *http = d->http;

	d->http = NULL;
	if (http == NULL || !http_resume(http, &d->rq))
		return false;
	call->rq = &d->rq;
	return true;
}

void
api_release(struct api_call **callp)
{
	struct deferred *d;

	if (*callp == NULL)
		return;
	d = deferred_of(*callp);
	if (d->http != NULL && api_resume(*callp))
		api_reply_fault(
		    *callp, 503, "overloaded", NULL, "This was not done. Try again.");
	else if (d->call.rq != NULL && !d->call.answered)
		abort();
	fini(&d->call);
	d->magic = 0;
	free(d);
	*callp = NULL;
}

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
		no = access_judge(call->rq, &call->caller, route->scope, is_change(method));
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

	route = find_route(&call, (struct span){ rq->path.p + prefix, rq->path.n - prefix },
	    method, &allowed);
	if (route != NULL)
		run(route, &call, method);
	else if (allowed != 0)
		http_reply_method(rq, allowed);
	else
		http_reply_error(rq, 404, "not_found", "There is nothing at this path.");
	fini(&call);
}
