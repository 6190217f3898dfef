/*
 * Fuzz a request's way: head, route, who it is, and what goes upstream of it. What
 * goes there is one well-formed head, framed as the client's, with one Host and one
 * credential that are ours, and a path that is under /v1 or /unstructured for any
 * reader.
 */
#include "tests/fuzz/fuzz_forward.h"

#include "worker/gate.h"
#include "worker/peer.h"
#include "worker/route.h"

static char authority[] = "upstream:8081", secret[] = "ours";
static struct config cfg = {
	.privatemode_api_key = secret,
	.upstream = { .authority = authority },
	.trust_proxy = true,
};

static bool
has(struct span s, const char *text)
{
	return s.n > 0 && memmem(s.p, s.n, text, strlen(text)) != NULL;
}

/* A reader that decodes, merges or strips must find the same path. */
static void
check_path(struct span target)
{
	const char *q = memchr(target.p, '?', target.n);
	const struct span path = { target.p,
		q != NULL ? (size_t)(q - target.p) : target.n };
	static const char *const never[] = { "//", "/./", "/../", ";", "\\", "%2f", "%2F",
		"%2e", "%2E", "%5c", "%5C", "%25", "%00", "%3b", "%3B" };

	DRIVE_CHECK((path.n >= 4 && memcmp(path.p, "/v1/", 4) == 0) ||
	    (path.n >= 14 && memcmp(path.p, "/unstructured/", 14) == 0));
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		DRIVE_CHECK(!has(path, never[i]));
}

static void
check_sent(const struct http1_head *head, const struct http1_head *sent)
{
	static const struct span ours[] = { { "host", 4 }, { "authorization", 13 },
		{ "accept-encoding", 15 } };
	static const struct span never[] = { { "cookie", 6 }, { "x-api-key", 9 },
		{ "connection", 10 }, { "te", 2 }, { "upgrade", 7 }, { "expect", 6 },
		{ "x-forwarded-for", 15 }, { "user-agent", 10 } };

	DRIVE_CHECK(sent->method == head->method && sent->minor == 1);
	DRIVE_CHECK(span_eq(sent->target, head->target));
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		DRIVE_CHECK(forward_count(sent, ours[i]) == 1);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		DRIVE_CHECK(forward_count(sent, never[i]) == 0);
	DRIVE_CHECK(
	    span_eq(http1_find(sent, SPAN("host"), NULL)->value, span_of(authority)));
	DRIVE_CHECK(span_eq(
	    http1_find(sent, SPAN("authorization"), NULL)->value, SPAN("Bearer ours")));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http1_head head, sent;
	struct sb out = sb_init(forward_bytes, sizeof(forward_bytes));
	struct addr peer = { 0 }, client;
	struct route_match match;
	struct span key;

	if (!forward_read(HTTP1_REQUEST, false, data, size, &head))
		return 0;
	peer_client(&cfg, &head, &peer, &client);
	(void)peer_is_https(&cfg, &head, &peer, false);
	if (gate_secret(&head, &key) == GATE_KNOWN)
		DRIVE_CHECK(drive_inside(key, (const char *)data, size));
	if (route_match(head.method, head.target, &match) != 0 || match.route != ROUTE_API)
		return 0;
	check_path(head.target);
	/* fields that are not sent make room for ours */
	if (head.n_fields > HTTP1_MAX_FIELDS - 4)
		return 0;
	forward_request(&out, &cfg, &head, (struct span){ 0 });
	forward_framing(&out, head.framing, head.content_length);
	forward_reread(HTTP1_REQUEST, false, &out, &head, head.framing, &sent);
	check_sent(&head, &sent);
	return 0;
}
