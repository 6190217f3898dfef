/*
 * The routing table. A target is first held to one meaning: whatever a server
 * behind us might decode, merge or normalise away (dot segments, doubled or
 * encoded slashes, encoded letters, path parameters) is refused, so that the bytes compared here
 * are the bytes that any reader of the path would compare. Then it is looked up
 * byte for byte. Runs in the worker on each request; no state.
 */
#include "worker/route.h"

/* What a known API path is. Its tail stands without "/v1". */
struct known_path {
	struct span tail;
	enum endpoint endpoint;
	enum dialect dialect;
	const char *allow; /* NULL: any method is passed on */
	const char *hint;  /* said to who comes near it */
	const char *code;
};

#define TEXT(literal)                                                                    \
	{                                                                                \
		(literal), sizeof(literal) - 1                                           \
	}
#define V1_IN_BASE "; an OpenAI SDK's base URL ends in /v1, without a slash behind it"
#define NO_V1_IN_BASE "; the Anthropic SDK's base URL ends in the host, without /v1"
#define NOTHING_HERE "There is nothing at this path. Use "

/* clang-format off */
static const struct known_path known_paths[] = {
	{ TEXT("/chat/completions"), ENDPOINT_CHAT, DIALECT_OPENAI, "POST",
	    NOTHING_HERE "/v1/chat/completions" V1_IN_BASE ".", "not_found" },
	{ TEXT("/messages"), ENDPOINT_MESSAGES, DIALECT_ANTHROPIC, "POST",
	    NOTHING_HERE "/v1/messages" NO_V1_IN_BASE ".", "not_found" },
	{ TEXT("/embeddings"), ENDPOINT_EMBEDDINGS, DIALECT_OPENAI, "POST",
	    NOTHING_HERE "/v1/embeddings" V1_IN_BASE ".", "not_found" },
	{ TEXT("/completions"), ENDPOINT_COMPLETIONS, DIALECT_OPENAI, "POST",
	    NOTHING_HERE "/v1/completions" V1_IN_BASE ".", "not_found" },
	{ TEXT("/models"), ENDPOINT_MODELS, DIALECT_OPENAI, NULL,
	    NOTHING_HERE "/v1/models" V1_IN_BASE ".", "not_found" },
	{ TEXT("/audio/transcriptions"), ENDPOINT_TRANSCRIPTIONS, DIALECT_OPENAI, "POST",
	    NOTHING_HERE "/v1/audio/transcriptions" V1_IN_BASE ".", "not_found" },
	{ TEXT("/audio/translations"), ENDPOINT_TRANSLATIONS, DIALECT_OPENAI, "POST",
	    NOTHING_HERE "/v1/audio/translations" V1_IN_BASE ".", "not_found" },
	{ TEXT("/responses"), ENDPOINT_NONE, DIALECT_OPENAI, NULL,
	    "The Responses API is not available here; use /v1/chat/completions. In n8n, "
	    "switch off \"Use Responses API\" in the OpenAI node. In the AI SDK, use "
	    "openai.chat(...) in place of openai(...).", "unsupported_endpoint" },
};

/* What is served here rather than forwarded. */
static const struct local_path {
	struct span path;
	enum route route;
	const char *hint; /* said to who adds a slash */
} local_paths[] = {
	{ TEXT("/health"), ROUTE_HEALTH, NOTHING_HERE "/health." },
	{ TEXT("/health/ready"), ROUTE_READY, NOTHING_HERE "/health/ready." },
	{ TEXT("/auth/key-info"), ROUTE_KEY_INFO, NOTHING_HERE "/auth/key-info." },
};
/* clang-format on */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int
hex_value(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* RFC 3986 section 2.3: a character that means the same encoded or not. */
static bool
is_unreserved(unsigned c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
}

/*
 * May a path hold %XX for the byte c? Not for what would change the path's
 * structure when decoded (once, or twice), nor for what has a plain form.
 */
static bool
may_be_encoded(unsigned c)
{
	return c >= 0x20 && c != 0x7f && c != '/' && c != '\\' && c != '%' && c != '?' &&
	    c != '#' && c != ';' && !is_unreserved(c);
}

static struct span
span_from(struct span s, size_t i)
{
	return (struct span){ s.p + i, s.n - i };
}

/* Is the segment that begins at path.p[i] "." or ".."? */
static bool
is_dot_segment(struct span path, size_t i)
{
	size_t dots = 0;

	while (i < path.n && path.p[i] == '.' && dots < 3) {
		dots++;
		i++;
	}
	return (dots == 1 || dots == 2) && (i == path.n || path.p[i] == '/');
}

/* The byte that %XX at the front of s stands for; -1: that is none. */
static int
encoded_byte(struct span s)
{
	int hi, lo;

	if (s.n < 3 || s.p[0] != '%' || (hi = hex_value((unsigned char)s.p[1])) < 0 ||
	    (lo = hex_value((unsigned char)s.p[2])) < 0)
		return -1;
	return hi << 4 | lo;
}

/*
 * Does c, encoded, and the %XX in rest behind it begin a character that UTF-8 has no
 * such form for (RFC 3629 section 3)? A careless reader takes %C0%AF for a slash.
 */
static bool
is_overlong(unsigned c, struct span rest)
{
	const int next = encoded_byte(rest);

	return c == 0xc0 || c == 0xc1 || c > 0xf4 || (c == 0xe0 && next < 0xa0) ||
	    (c == 0xf0 && next < 0x90);
}

/* Does the path begin with a slash and mean one thing only? */
static bool
path_is_plain(struct span path)
{
	if (path.n == 0 || path.p[0] != '/')
		return false;
	for (size_t i = 0; i < path.n; i++) {
		const unsigned char c = (unsigned char)path.p[i];

		if (c == '/') {
			if (i + 1 < path.n && path.p[i + 1] == '/')
				return false;
			if (is_dot_segment(path, i + 1))
				return false;
		} else if (c == '%') {
			const int byte = encoded_byte(span_from(path, i));

			if (byte < 0 || !may_be_encoded((unsigned)byte) ||
			    is_overlong((unsigned)byte, span_from(path, i + 3)))
				return false;
			i += 2;
		} else if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '#' || c == ';') {
			return false; /* behind ";" some servers see parameters, not path */
		}
	}
	return true;
}

/* Could a query end the target for one reader and not for another? */
static bool
query_is_plain(struct span query)
{
	for (size_t i = 0; i < query.n; i++) {
		const unsigned char c = (unsigned char)query.p[i];

		if (c <= 0x20 || c == 0x7f || c == '#')
			return false;
	}
	return true;
}

/* Is s prefix itself, or something below it? */
static bool
is_at_or_below(struct span s, struct span prefix)
{
	return span_starts(s, prefix) && (s.n == prefix.n || s.p[prefix.n] == '/');
}

static const struct known_path *
find_known(struct span tail)
{
	for (size_t i = 0; i < COUNT(known_paths); i++)
		if (span_eq(known_paths[i].tail, tail))
			return &known_paths[i];
	return NULL;
}

static void
refuse(struct route_match *out, const char *hint, const char *code)
{
	out->route = ROUTE_NOT_FOUND;
	out->endpoint = ENDPOINT_NONE;
	out->hint = hint;
	out->code = code;
}

/* The path without any number of "/v1" before it. */
static struct span
strip_v1(struct span path)
{
	while (is_at_or_below(path, SPAN("/v1")))
		path = span_from(path, 3);
	return path;
}

/* No route: names the right one if "/v1" (missing, doubled) or a last slash is all there
 * is to it. */
static void
refuse_near(struct span path, struct route_match *out)
{
	struct span tail = strip_v1(path);
	const struct known_path *k;

	if (tail.n > 1 && tail.p[tail.n - 1] == '/')
		tail.n--;
	if (is_at_or_below(tail, SPAN("/messages")))
		out->dialect = DIALECT_ANTHROPIC;
	if ((k = find_known(tail)) != NULL)
		refuse(out, k->hint, k->code);
	else if (tail.n <= 1 || tail.p != path.p)
		refuse(out, NOTHING_HERE "/v1/chat/completions, /v1/models and so on.",
		    "not_found");
	else
		refuse(out, NULL, "not_found");
}

/* Is the path one of the API's but for "/v1", doubled, or a last slash? */
static bool
is_near_v1(struct span tail)
{
	if (tail.n == 1 || is_at_or_below(tail, SPAN("/v1")))
		return true;
	return tail.p[tail.n - 1] == '/' &&
	    find_known((struct span){ tail.p, tail.n - 1 }) != NULL;
}

/* A path below /v1/. */
static void
match_v1(enum http_method method, struct span path, struct route_match *out)
{
	const struct span tail = span_from(path, 3);
	const struct known_path *k = find_known(tail);

	if (k != NULL && k->endpoint != ENDPOINT_NONE) {
		out->route = ROUTE_API;
		out->endpoint = k->endpoint;
		out->dialect = k->dialect;
		if (k->allow != NULL && method != HTTP_POST && method != HTTP_OPTIONS)
			out->allow = k->allow;
	} else if (is_at_or_below(tail, SPAN("/responses"))) {
		refuse_near(SPAN("/v1/responses"), out);
	} else if (is_near_v1(tail)) {
		refuse_near(path, out);
	} else {
		out->route = ROUTE_API;
		out->endpoint = span_starts(tail, SPAN("/models/")) ? ENDPOINT_MODELS
								    : ENDPOINT_OTHER;
		if (span_starts(tail, SPAN("/messages/")))
			out->dialect = DIALECT_ANTHROPIC;
	}
}

/* RFC 8555 section 8.3: a token is base64url, so it can't name another file. */
static bool
is_acme_token(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_unreserved((unsigned char)s.p[i]) || s.p[i] == '.' ||
		    s.p[i] == '~')
			return false;
	return s.n > 0;
}

/* What is answered here and takes GET and HEAD only. */
static bool
match_local(enum http_method method, struct span path, struct route_match *out)
{
	const struct span acme = SPAN("/.well-known/acme-challenge/");
	bool found = false;

	for (size_t i = 0; i < COUNT(local_paths) && !found; i++) {
		const struct local_path *l = &local_paths[i];

		if (span_eq(path, l->path)) {
			out->route = l->route;
			found = true;
		} else if (path.n == l->path.n + 1 && path.p[path.n - 1] == '/' &&
		    span_starts(path, l->path)) {
			refuse(out, l->hint, "not_found");
			return true;
		}
	}
	if (!found && span_starts(path, acme) && is_acme_token(span_from(path, acme.n))) {
		out->route = ROUTE_ACME;
		found = true;
	}
	if (found && method != HTTP_GET && method != HTTP_HEAD)
		out->allow = "GET, HEAD";
	return found;
}

int
route_match(enum http_method method, struct span target, struct route_match *out)
{
	const char *q = target.n > 0 ? memchr(target.p, '?', target.n) : NULL;
	const struct span path = { target.p,
		q != NULL ? (size_t)(q - target.p) : target.n };

	*out = (struct route_match){ .route = ROUTE_NOT_FOUND,
		.endpoint = ENDPOINT_NONE,
		.dialect = DIALECT_OPENAI,
		.code = "not_found" };
	if (method == HTTP_OPTIONS && span_eq(target, SPAN("*")))
		return 0;
	if (!path_is_plain(path) || !query_is_plain(span_from(target, path.n)))
		return ERR_SYNTAX;
	out->code = NULL;
	if (span_starts(path, SPAN("/v1/"))) {
		match_v1(method, path, out);
	} else if (span_starts(path, SPAN("/unstructured/"))) {
		out->route = ROUTE_API;
		out->endpoint = ENDPOINT_UNSTRUCTURED;
	} else if (is_at_or_below(path, SPAN("/admin"))) {
		out->route = ROUTE_ADMIN;
	} else if (span_eq(path, SPAN("/unstructured"))) {
		refuse(out, NOTHING_HERE "/unstructured/.", "not_found");
	} else if (!match_local(method, path, out)) {
		refuse_near(path, out);
	}
	return 0;
}
