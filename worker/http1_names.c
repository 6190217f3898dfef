/*
 * What the rest of the worker asks a parsed head, and the texts of methods and
 * statuses. Field names are compared without regard to case.
 */
#include "worker/http1.h"

#include "worker/http1_chars.h"

/* clang-format off */
static const struct span method_texts[] = {
	[HTTP_GET]     = { "GET", 3 },
	[HTTP_HEAD]    = { "HEAD", 4 },
	[HTTP_POST]    = { "POST", 4 },
	[HTTP_PUT]     = { "PUT", 3 },
	[HTTP_DELETE]  = { "DELETE", 6 },
	[HTTP_OPTIONS] = { "OPTIONS", 7 },
	[HTTP_PATCH]   = { "PATCH", 5 },
};

static const struct {
	unsigned status;
	const char *text;
} reasons[] = {
	{ 200, "OK" },
	{ 100, "Continue" },
	{ 102, "Processing" },
	{ 103, "Early Hints" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 203, "Non-Authoritative Information" },
	{ 204, "No Content" },
	{ 205, "Reset Content" },
	{ 206, "Partial Content" },
	{ 300, "Multiple Choices" },
	{ 301, "Moved Permanently" },
	{ 302, "Found" },
	{ 303, "See Other" },
	{ 304, "Not Modified" },
	{ 307, "Temporary Redirect" },
	{ 308, "Permanent Redirect" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 402, "Payment Required" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 406, "Not Acceptable" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 414, "URI Too Long" },
	{ 415, "Unsupported Media Type" },
	{ 416, "Range Not Satisfiable" },
	{ 417, "Expectation Failed" },
	{ 421, "Misdirected Request" },
	{ 422, "Unprocessable Content" },
	{ 425, "Too Early" },
	{ 426, "Upgrade Required" },
	{ 428, "Precondition Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 499, "Client Closed Request" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
	{ 507, "Insufficient Storage" },
	{ 529, "Overloaded" },
};

/* RFC 9110 section 7.6.1, and the proxies' own. */
static const struct span hop_names[] = {
	{ "connection", 10 },
	{ "keep-alive", 10 },
	{ "proxy-connection", 16 },
	{ "proxy-authenticate", 18 },
	{ "proxy-authorization", 19 },
	{ "te", 2 },
	{ "trailer", 7 },
	{ "transfer-encoding", 17 },
	{ "upgrade", 7 },
};
/* clang-format on */

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct span
http_method_text(enum http_method m)
{
	return method_texts[m];
}

const char *
http_reason(unsigned status)
{
	for (size_t i = 0; i < COUNT(reasons); i++) {
		if (reasons[i].status == status)
			return reasons[i].text;
	}
	return "Unknown";
}

const struct http1_field *
http1_find(const struct http1_head *head, struct span name, size_t *count_out)
{
	const struct http1_field *first = NULL;
	size_t count = 0;

	for (size_t i = 0; i < head->n_fields; i++) {
		if (!span_eq_nocase(head->fields[i].name, name))
			continue;
		if (count++ == 0)
			first = &head->fields[i];
		if (count_out == NULL)
			break;
	}
	if (count_out != NULL)
		*count_out = count;
	return first;
}

/* Is token one of the comma-separated elements of list? Empty elements don't count. */
static bool
list_has(struct span list, struct span token)
{
	const char *p = list.p, *end = list.p + list.n;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *next = comma != NULL ? comma + 1 : end;
		const char *last = comma != NULL ? comma : end;

		while (p < last && http1_is_ows(*p))
			p++;
		while (last > p && http1_is_ows(last[-1]))
			last--;
		if (last > p &&
		    span_eq_nocase((struct span){ p, (size_t)(last - p) }, token))
			return true;
		p = next;
	}
	return false;
}

bool
http1_connection_lists(const struct http1_head *head, struct span name)
{
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http1_field *f = &head->fields[i];

		if (span_eq_nocase(f->name, SPAN("connection")) && list_has(f->value, name))
			return true;
	}
	return false;
}

bool
http1_is_hop_by_hop(const struct http1_head *head, struct span name)
{
	for (size_t i = 0; i < COUNT(hop_names); i++) {
		if (span_eq_nocase(name, hop_names[i]))
			return true;
	}
	return http1_connection_lists(head, name);
}
