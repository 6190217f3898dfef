/*
 * Fuzz an answer's way: its head, and what the client gets of it. That is one
 * well-formed head with the status of upstream's, one framing, and nothing that holds
 * for one hop only. The last byte of an input says whether the request was HEAD and
 * which HTTP the client speaks.
 */
#include "tests/fuzz/fuzz_forward.h"

static void
check_interim(const struct http1_head *head)
{
	static struct http1_head told;
	struct sb out = sb_init(forward_bytes, sizeof(forward_bytes));

	forward_interim(&out, head);
	forward_reread(HTTP1_RESPONSE, false, &out, head, HTTP1_NO_BODY, &told);
	DRIVE_CHECK(told.status == head->status);
	DRIVE_CHECK(forward_count(&told, SPAN("content-length")) == 0);
}

static void
check_told(const struct http1_head *head, const struct http1_head *told)
{
	static const struct span never[] = { { "keep-alive", 10 }, { "upgrade", 7 },
		{ "proxy-authenticate", 18 }, { "te", 2 }, { "trailer", 7 } };
	size_t lengths = forward_count(told, SPAN("content-length"));

	DRIVE_CHECK(told->status == head->status);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		DRIVE_CHECK(forward_count(told, never[i]) == 0);
	DRIVE_CHECK(forward_count(told, SPAN("x-request-id")) == 1);
	DRIVE_CHECK(forward_count(told, SPAN("date")) <= 1);
	DRIVE_CHECK(forward_count(told, SPAN("server")) == 1);
	DRIVE_CHECK(lengths <= 1 && (head->status != 204 || lengths == 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http1_head head, told;
	struct sb out = sb_init(forward_bytes, sizeof(forward_bytes));
	const uint8_t last = size > 0 ? data[size - 1] : 0;
	const bool head_request = (last & 1) != 0;
	struct reply_context ctx = { .request_id = SPAN("id"),
		.minor = (last >> 1) & 1,
		.keep_alive = (last & 4) != 0,
		.head = head_request };
	enum http1_framing framing;

	if (!forward_read(HTTP1_RESPONSE, head_request, data, size, &head) ||
	    head.n_fields > HTTP1_MAX_FIELDS - 20) /* ours come besides */
		return 0;
	if (head.status < 200) {
		check_interim(&head);
		return 0;
	}
	framing = head.framing;
	if (framing == HTTP1_UNTIL_CLOSE && ctx.minor == 1)
		framing = HTTP1_CHUNKED;
	forward_answer(&out, &ctx, &head, framing == HTTP1_NO_BODY);
	forward_framing(&out, framing, head.content_length);
	if (framing == HTTP1_CHUNKED && ctx.minor == 0)
		return 0; /* exchange.c lets the connection's end tell */
	forward_reread(HTTP1_RESPONSE, head_request, &out, &head, framing, &told);
	check_told(&head, &told);
	return 0;
}
