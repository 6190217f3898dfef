/*
 * Answers of the admin process' HTTP server, and the headers that each carries. What evhttp
 * answers by itself to malformed requests is dressed by the workers (answer.c).
 */
#include "admin/http.h"

#include "common/log.h"

static const struct {
	const char *name;
	const char *value;
} security_headers[] = {
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "strict-origin-when-cross-origin" },
	{ "Permissions-Policy", "geolocation=(), microphone=(), camera=()" },
	{ "Content-Security-Policy",
	    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
	    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
	    "require-trusted-types-for 'script'; trusted-types 'none'" },
};

void
http_add_header(struct http_request *rq, const char *name, const char *value)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(rq->ev);

	if (evhttp_add_header(headers, name, value) != 0)
		log_error("http_reply", "a header could not be added: no memory");
}

/* HEAD: say how long the body would be and leave it out (RFC 9110 section 9.3.2). */
static void
drop_body(struct http_request *rq, struct evbuffer *body)
{
	char digits[24];

	evutil_snprintf(digits, sizeof(digits), "%zu", evbuffer_get_length(body));
	http_add_header(rq, "Content-Length", digits);
	evbuffer_drain(body, evbuffer_get_length(body));
}

static void
add_constant_headers(struct http_request *rq)
{
	for (size_t i = 0; i < sizeof(security_headers) / sizeof(*security_headers); i++)
		http_add_header(rq, security_headers[i].name, security_headers[i].value);
	if (evhttp_find_header(
		evhttp_request_get_output_headers(rq->ev), "Cache-Control") == NULL)
		http_add_header(rq, "Cache-Control", "no-store");
}

void
http_reply(struct http_request *rq, int status, const char *type, struct evbuffer *body)
{
	add_constant_headers(rq);
	http_add_header(rq, "Content-Type", type);
	if (rq->head)
		drop_body(rq, body);
	evhttp_send_reply(rq->ev, status, NULL, body);
}

void
http_reply_empty(struct http_request *rq, int status)
{
	add_constant_headers(rq);
	evhttp_send_reply(rq->ev, status, NULL, NULL);
}

static int
add_json(const char *p, size_t n, void *arg)
{
	return evbuffer_add(arg, p, n);
}

void
http_reply_json(struct http_request *rq, int status, json_t *body)
{
	struct evbuffer *out = evbuffer_new();

	if (body == NULL || out == NULL ||
	    json_dump_callback(body, add_json, out, JSON_COMPACT) != 0)
		evhttp_send_error(rq->ev, HTTP_INTERNAL, NULL);
	else
		http_reply(rq, status, "application/json", out);
	if (out != NULL)
		evbuffer_free(out);
	json_decref(body);
}

/* The error types of OpenAI's API, by status. */
static const char *
error_type(int status)
{
	if (status >= 500)
		return "server_error";
	return status == 401 ? "authentication_error" : "invalid_request_error";
}

void
http_reply_fault(struct http_request *rq, int status, const char *code, const char *param,
    const char *message)
{
	http_reply_json(rq, status,
	    json_pack("{s:{s:s, s:s, s:s?, s:s}}", "error", "message", message, "type",
		error_type(status), "param", param, "code", code));
}

void
http_reply_error(
    struct http_request *rq, int status, const char *code, const char *message)
{
	http_reply_fault(rq, status, code, NULL, message);
}

static const struct {
	unsigned method;
	const char *name;
} method_names[] = {
	{ EVHTTP_REQ_GET, "GET, HEAD" },
	{ EVHTTP_REQ_POST, "POST" },
	{ EVHTTP_REQ_PUT, "PUT" },
	{ EVHTTP_REQ_PATCH, "PATCH" },
	{ EVHTTP_REQ_DELETE, "DELETE" },
};

/* 405 with the methods that the path has (RFC 9110 section 15.5.6). */
void
http_reply_method(struct http_request *rq, unsigned methods)
{
	char allow[64] = "";
	size_t n = 0;

	for (size_t i = 0; i < sizeof(method_names) / sizeof(*method_names); i++) {
		if ((methods & method_names[i].method) == 0)
			continue;
		n += (size_t)evutil_snprintf(allow + n, sizeof(allow) - n, "%s%s",
		    n > 0 ? ", " : "", method_names[i].name);
	}
	http_add_header(rq, "Allow", allow);
	http_reply_error(rq, 405, "method_not_allowed", "This path has no such method.");
}
