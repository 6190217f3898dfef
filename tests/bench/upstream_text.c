/*
 * Answers of the benchmark's upstream; see upstream_text.h.
 */
#include "tests/bench/upstream_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD                                                                             \
	"HTTP/1.1 200 OK\r\nServer: upstream\r\nX-Request-Id: req-0123456789abcdef\r\n"
#define USAGE                                                                              \
	"\"usage\":{\"prompt_tokens\":512,\"total_tokens\":768,\"completion_tokens\":256," \
	"\"prompt_tokens_details\":{\"cached_tokens\":128}}"

const struct span upstream_chat = SPAN(
    HEAD "Content-Type: application/json\r\nContent-Length: 409\r\n\r\n"
	 "{\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion\","
	 "\"created\":1750000000,\"model\":\"gpt-oss-120b\",\"choices\":[{\"index\":0,"
	 "\"message\":{\"role\":\"assistant\",\"content\":\"The gate is open, and nobody "
	 "reads along.\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
	 "\"system_fingerprint\":\"fp_0123456789\"," USAGE "}");

const struct span upstream_stream_head = SPAN(
    HEAD "Content-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
	 "Transfer-Encoding: chunked\r\n\r\n");

const struct span upstream_stream_end = SPAN("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");

/* The event alone. Returns its length, or 0 if it does not fit. */
static size_t
event_format(char *out, size_t room, size_t content_bytes, uint64_t sent_ns)
{
	static const char words[] = " word after word as the model finds them";
	char content[UPSTREAM_EVENT_MAX];
	int n;

	if (content_bytes >= sizeof(content))
		return 0;
	for (size_t i = 0; i < content_bytes; i++)
		content[i] = words[i % (sizeof(words) - 1)];
	content[content_bytes] = '\0';
	n = snprintf(out, room,
	    "data: {\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion.chunk\","
	    "\"created\":1750000000,\"model\":\"gpt-oss-120b\",\"choices\":[{\"index\":0,"
	    "\"delta\":{\"content\":\"%s\"},\"logprobs\":null,\"finish_reason\":null}],"
	    "\"sent_ns\":\"%019" PRIu64 "\"," USAGE "}\n\n",
	    content, sent_ns);
	return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

size_t
upstream_event_format(char *out, size_t content_bytes, uint64_t sent_ns)
{
	char event[UPSTREAM_EVENT_MAX - 16];
	const size_t n = event_format(event, sizeof(event), content_bytes, sent_ns);
	int total;

	if (n == 0)
		return 0;
	total = snprintf(out, UPSTREAM_EVENT_MAX, "%zx\r\n%s\r\n", n, event);
	return total > 0 && total < UPSTREAM_EVENT_MAX ? (size_t)total : 0;
}

size_t
upstream_block_create(size_t content_bytes, char **out)
{
	char event[UPSTREAM_EVENT_MAX];
	const size_t n = event_format(event, sizeof(event), content_bytes, 0);
	const size_t room = (size_t)UPSTREAM_BLOCK_CHUNKS * (UPSTREAM_CHUNK_BYTES + 16);
	char *p = malloc(room);
	size_t used = 0;

	if (p == NULL || n == 0) {
		free(p);
		return 0;
	}
	for (int chunk = 0; chunk < UPSTREAM_BLOCK_CHUNKS; chunk++) {
		const size_t events = UPSTREAM_CHUNK_BYTES / n;

		used += (size_t)snprintf(p + used, room - used, "%zx\r\n", events * n);
		for (size_t i = 0; i < events; i++, used += n)
			memcpy(p + used, event, n);
		memcpy(p + used, "\r\n", 2);
		used += 2;
	}
	*out = p;
	return used;
}
