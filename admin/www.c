/* See www.h. */
#include "admin/www.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

#include "admin/hexfile.h"

struct www {
	size_t n;
	char tags[][WWW_TAG_BYTES + 1];
};

/* Addresses of the page's parts; it looks at the path itself. */
static const char *const pages[] = { "/admin", "/admin/", "/admin/keys",
	"/admin/settings", "/admin/usage", "/admin/live", "/admin/audit", "/admin/about",
	"/admin/login", "/admin/logout" };

/* clang-format off */
static const struct {
	const char *ending;
	const char *type;
} types[] = {
	{ ".html", "text/html; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" },
	{ ".mjs", "text/javascript; charset=utf-8" },
	{ ".css", "text/css; charset=utf-8" },
	{ ".json", "application/json" },
	{ ".svg", "image/svg+xml" },
	{ ".png", "image/png" },
	{ ".ico", "image/x-icon" },
	{ ".txt", "text/plain; charset=utf-8" },
};
/* clang-format on */

int
www_create(struct www **out)
{
	struct www *w = calloc(1, sizeof(*w) + www_n_files * sizeof(w->tags[0]));
	uint8_t hash[SHA256_DIGEST_LENGTH];

	if (w == NULL)
		return -ENOMEM;
	w->n = www_n_files;
	for (size_t i = 0; i < w->n; i++) {
		const struct www_file *f = &www_files[i];

		if (SHA256((const unsigned char *)f->start, (size_t)(f->end - f->start),
			hash) == NULL) {
			www_destroy(&w);
			return -ENOMEM;
		}
		hexfile_put(hash, WWW_TAG_BYTES / 2, w->tags[i]);
	}
	*out = w;
	return 0;
}

void
www_destroy(struct www **w)
{
	free(*w);
	*w = NULL;
}

static const char *
type_of(const char *name)
{
	const size_t n = strlen(name);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const size_t k = strlen(types[i].ending);

		if (n > k && strcmp(name + n - k, types[i].ending) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}

/* The place of a file, www_n_files if there is none. */
static size_t
find(struct span name)
{
	size_t i = 0;

	while (i < www_n_files && !span_eq(span_of(www_files[i].name), name))
		i++;
	return i;
}

static size_t
find_path(struct span path)
{
	const struct span prefix = SPAN(WWW_STATIC);

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (span_eq(path, span_of(pages[i])))
			return find(SPAN("index.html"));
	}
	if (!span_starts(path, prefix))
		return www_n_files;
	return find((struct span){ path.p + prefix.n, path.n - prefix.n });
}

/* Is tag one of those that the client has (RFC 9110 section 13.1.2)? */
static bool
is_known(const struct http_request *rq, const char *tag)
{
	const char *known = http_header(rq, "If-None-Match");

	return known != NULL && strstr(known, tag) != NULL;
}

static bool
names_version(const struct http_request *rq, const char *tag)
{
	const struct span query = http_query(rq);

	return query.n == 2 + WWW_TAG_BYTES && memcmp(query.p, "v=", 2) == 0 &&
	    memcmp(query.p + 2, tag, WWW_TAG_BYTES) == 0;
}

static void
reply(struct http_request *rq, const struct www_file *f, const char *tag)
{
	struct evbuffer *out = evbuffer_new();
	char quoted[WWW_TAG_BYTES + 3];

	(void)snprintf(quoted, sizeof(quoted), "\"%s\"", tag);
	http_add_header(rq, "ETag", quoted);
	http_add_header(rq, "Cache-Control",
	    names_version(rq, tag) ? "public, max-age=31536000, immutable" : "no-cache");
	if (is_known(rq, quoted))
		http_reply_empty(rq, 304);
	else if (out == NULL ||
	    evbuffer_add_reference(
		out, f->start, (size_t)(f->end - f->start), NULL, NULL) != 0)
		http_reply_error(rq, 503, "overloaded", "There is no memory left.");
	else
		http_reply(rq, 200, type_of(f->name), out);
	if (out != NULL)
		evbuffer_free(out);
}

void
www_handle(const struct www *w, struct http_request *rq)
{
	const size_t i = find_path(rq->path);

	if (i == www_n_files)
		http_reply_error(rq, 404, "not_found", "There is nothing at this path.");
	else if ((evhttp_request_get_command(rq->ev) &
		     (EVHTTP_REQ_GET | EVHTTP_REQ_HEAD)) == 0)
		http_reply_method(rq, EVHTTP_REQ_GET);
	else
		reply(rq, &www_files[i], w->tags[i]);
}
