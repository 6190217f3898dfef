/*
 * How fast the meter reads: GB/s on one core for kinds of bodies, nanoseconds for small
 * ones. Each body is fed in pieces of 16 KiB, as TLS records and reads come.
 *
 *   build/release/bench/bench_meter [--check]
 *
 * --check: exit 1 if a kind with a bound (GB/s, ns) is behind it.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "worker/meter.h"

enum { PIECE = 16 * 1024, LARGE = 8 * 1024 * 1024, ROUNDS = 5 };

static const int64_t round_ns = 100 * 1000 * 1000;

/* A body and how it is read. */
struct body {
	const char *title;
	enum endpoint endpoint;
	enum meter_format format; /* METER_MULTIPART: a request */
	bool request;
	bool drop;
	char *(*make)(size_t *n_out);
	double least_gbs; /* bound; 0: none */
	double most_ns;   /* bound for one whole body; 0: none */
};

/* --- bodies --- */

/* Text that grows. */
struct text {
	char *p;
	size_t n;
};

static void
add(struct text *t, const char *p)
{
	const size_t n = strlen(p);

	if (n > LARGE + 4096 - t->n)
		abort();
	memcpy(t->p + t->n, p, n);
	t->n += n;
}

static struct text
text_new(void)
{
	struct text t = { .p = malloc(LARGE + 4096) };

	if (t.p == NULL)
		abort();
	return t;
}

#define USAGE                                                                               \
	"\"usage\":{\"prompt_tokens\":512,\"total_tokens\":1024,\"completion_tokens\":512," \
	"\"prompt_tokens_details\":{\"cached_tokens\":256},\"completion_tokens_details\":null}"

/* before, then piece over and over up to size bytes, then after. */
static char *
repeat(
    const char *before, const char *piece, const char *after, size_t size, size_t *n_out)
{
	struct text t = text_new();

	add(&t, before);
	while (t.n + strlen(piece) < size)
		add(&t, piece);
	add(&t, after);
	*n_out = t.n;
	return t.p;
}

#define CHAT_HEAD                                                                                      \
	"{\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion\",\"created\":1750000000," \
	"\"model\":\"gpt-oss-120b\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\""
#define CHAT_TAIL "\"},\"logprobs\":null,\"finish_reason\":\"stop\"}]," USAGE "}"

static char *
make_small(size_t *n_out)
{
	return repeat(CHAT_HEAD, "word ", CHAT_TAIL, 0, n_out);
}

static char *
make_prose(size_t *n_out)
{
	return repeat(CHAT_HEAD,
	    "The gate is open and nobody reads along, for all that is said here is "
	    "said in confidence.\\n\\n",
	    CHAT_TAIL, 4096, n_out);
}

static char *
make_large(size_t *n_out)
{
	return repeat(CHAT_HEAD,
	    "The gate is open and nobody reads along, for all that is said here is "
	    "said in confidence.\\n\\n",
	    CHAT_TAIL, LARGE, n_out);
}

static char *
make_escapes(size_t *n_out)
{
	return repeat(CHAT_HEAD, "{\\\"path\\\": \\\"a\\\\b\\\", \\\"n\\\": 1}\\n",
	    CHAT_TAIL, LARGE, n_out);
}

static char *
make_unicode(size_t *n_out)
{
	return repeat(CHAT_HEAD, "\\u4e2d\\u6587\\u5b57", CHAT_TAIL, LARGE, n_out);
}

static char *
make_embeddings(size_t *n_out)
{
	return repeat(
	    "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
	    "\"embedding\":[0",
	    ",-0.0123456789,0.0234567891", "]}],\"model\":\"e5\"," USAGE "}", LARGE,
	    n_out);
}

static char *
make_logprobs(size_t *n_out)
{
	return repeat("{\"choices\":[{\"index\":0,\"logprobs\":{\"content\":[{}",
	    ",{\"token\":\" gate\",\"logprob\":-0.0123,\"bytes\":[32,103,97,116,101],"
	    "\"top_logprobs\":[{\"token\":\" door\",\"logprob\":-4.5,\"bytes\":[32,100]}]}",
	    "]}}]," USAGE "}", LARGE, n_out);
}

#define CHUNK_HEAD                                                                          \
	"data: {\"id\":\"chatcmpl-0123456789abcdef\",\"object\":\"chat.completion.chunk\"," \
	"\"created\":1750000000,\"model\":\"gpt-oss-120b\",\"choices\":["
#define CHUNK                                                                            \
	CHUNK_HEAD "{\"index\":0,\"delta\":{\"content\":\" gate\"},\"logprobs\":null,"   \
		   "\"finish_reason\":null}],\"usage\":"

static char *
make_chunk(size_t *n_out)
{
	return repeat("", "",
	    CHUNK
	    "{\"prompt_tokens\":12,\"total_tokens\":19,\"completion_tokens\":7}}\n\n",
	    0, n_out);
}

static char *
make_stream(size_t *n_out)
{
	return repeat("",
	    CHUNK
	    "{\"prompt_tokens\":12,\"total_tokens\":19,\"completion_tokens\":7}}\n\n",
	    CHUNK_HEAD "]," USAGE "}\n\ndata: [DONE]\n\n", LARGE, n_out);
}

static char *
make_stream_null(size_t *n_out)
{
	return repeat("", CHUNK "null}\n\n",
	    CHUNK_HEAD "]," USAGE "}\n\ndata: [DONE]\n\n", LARGE, n_out);
}

static char *
make_messages(size_t *n_out)
{
	return repeat(
	    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\","
	    "\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n",
	    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
	    "\"delta\":{\"type\":\"text_delta\",\"text\":\" gate\"}}\n\n",
	    "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":"
	    "15}}\n\n",
	    LARGE, n_out);
}

#define REQUEST_HEAD                                                                               \
	"{\"model\":\"gpt-oss-120b\",\"stream\":true,\"stream_options\":{\"include_usage\":true}," \
	"\"messages\":[{\"role\":\"user\",\"content\":\""

static char *
make_request(size_t *n_out)
{
	return repeat(REQUEST_HEAD, "What stands behind the gate? ", "\"}]}", 400, n_out);
}

static char *
make_request_large(size_t *n_out)
{
	return repeat(
	    REQUEST_HEAD, "What stands behind the gate?\\n", "\"}]}", LARGE, n_out);
}

static char *
make_form(size_t *n_out)
{
	return repeat(
	    "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n"
	    "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n",
	    "0123456789\r-abcdefghijklmnopqrstuvwxyz\n012345678901234567890123456789\r\n-",
	    "\r\n--b--\r\n", LARGE, n_out);
}

/* clang-format off */
static const struct body bodies[] = {
	{ "answer, chat, 500 bytes", ENDPOINT_CHAT, METER_JSON, false, false, make_small, 0, 1000 },
	{ "answer, chat, 4 KiB", ENDPOINT_CHAT, METER_JSON, false, false, make_prose, 1, 0 },
	{ "answer, chat, 8 MiB", ENDPOINT_CHAT, METER_JSON, false, false, make_large, 1, 0 },
	{ "answer, quotes in quotes", ENDPOINT_CHAT, METER_JSON, false, false, make_escapes, 1, 0 },
	{ "answer, \\uXXXX only", ENDPOINT_CHAT, METER_JSON, false, false, make_unicode, 1, 0 },
	{ "answer, embeddings", ENDPOINT_EMBEDDINGS, METER_JSON, false, false, make_embeddings, 1, 0 },
	{ "answer, logprobs", ENDPOINT_CHAT, METER_JSON, false, false, make_logprobs, 1, 0 },
	{ "stream, one chunk", ENDPOINT_CHAT, METER_EVENTS, false, false, make_chunk, 0, 1000 },
	{ "stream, usage in each chunk", ENDPOINT_CHAT, METER_EVENTS, false, false, make_stream, 0.5, 0 },
	{ "stream, filtered", ENDPOINT_CHAT, METER_EVENTS, false, true, make_stream, 0.5, 0 },
	{ "stream, usage null", ENDPOINT_CHAT, METER_EVENTS, false, true, make_stream_null, 0.5, 0 },
	{ "stream, messages", ENDPOINT_MESSAGES, METER_EVENTS, false, false, make_messages, 0.5, 0 },
	{ "request, chat, 400 bytes", ENDPOINT_CHAT, METER_JSON, true, false, make_request, 0, 1000 },
	{ "request, chat, 8 MiB", ENDPOINT_CHAT, METER_JSON, true, false, make_request_large, 1, 0 },
	{ "request, form with a file", ENDPOINT_TRANSCRIPTIONS, METER_MULTIPART, true, false, make_form, 1, 0 },
};
/* clang-format on */

/* --- measuring --- */

/* Of this thread's own time: others use the machine too. */
static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What goes out is only added up. */
static void
count_bytes(void *arg, struct span data)
{
	*(uint64_t *)arg += data.n;
}

static uint64_t
read_answer(const struct body *b, const char *text, size_t n)
{
	static struct meter_answer m;
	uint64_t out = 0;

	meter_answer_init(&m, b->endpoint, b->format, b->drop, true);
	for (size_t i = 0; i < n; i += PIECE)
		meter_answer_feed(&m,
		    (struct span){ text + i, n - i < PIECE ? n - i : PIECE }, count_bytes,
		    &out);
	meter_answer_end(&m, count_bytes, &out);
	meter_answer_fini(&m);
	if (!m.usage_seen && b->format != METER_NONE)
		abort();
	return out + m.usage.v[USAGE_OUTPUT];
}

static uint64_t
read_request(const struct body *b, const char *text, size_t n)
{
	static struct meter_request m;

	meter_request_init(&m, b->format, SPAN("b"));
	for (size_t i = 0; i < n; i += PIECE)
		meter_request_feed(
		    &m, (struct span){ text + i, n - i < PIECE ? n - i : PIECE });
	if (!m.model_seen)
		abort();
	return (uint64_t)m.model[0];
}

/* Nanoseconds for one body: the best of a few rounds. */
static double
measure(const struct body *b, const char *text, size_t n)
{
	uint64_t sum = 0;
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		const int64_t from = now_ns();
		int64_t to = from;
		uint64_t times = 0;
		double ns;

		while (to - from < round_ns) {
			const int batch = n < 65536 ? 100 : 1;

			for (int i = 0; i < batch; i++)
				sum += b->request ? read_request(b, text, n)
						  : read_answer(b, text, n);
			times += (uint64_t)batch;
			to = now_ns();
		}
		ns = (double)(to - from) / (double)times;
		if (round == 0 || ns < best)
			best = ns;
	}
	if (sum == 0) /* what was read counts, so nothing can be left out */
		abort();
	return best;
}

/* Measure one and print it. Returns whether it keeps its bounds. */
static bool
bench(const struct body *b)
{
	size_t n = 0;
	char *text = b->make(&n);
	const double ns = measure(b, text, n);
	const double gbs = (double)n / ns;
	const bool holds = gbs >= b->least_gbs && (b->most_ns == 0 || ns <= b->most_ns);

	printf("%-30s %9zu bytes %12.0f ns %7.2f GB/s%s\n", b->title, n, ns, gbs,
	    holds ? "" : "  TOO SLOW");
	free(text);
	return holds;
}

int
main(int argc, char **argv)
{
	const bool check = argc > 1 && strcmp(argv[1], "--check") == 0;
	bool all = true;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		all = bench(&bodies[i]) && all;
	return check && !all ? 1 : 0;
}
