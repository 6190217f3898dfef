/*
 * The filter on event streams: what is left out, what is joined, that all else passes to
 * the byte at once, at each split point of the input.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/meter_drive.h"

enum { THREE_WAY_MAX = 200, CHUNK_MAX = 4096 };

enum filter { PLAIN, DROP, MEND, BOTH };

struct row {
	const char *title;
	enum filter filter;
	const char *in;
	const char *out; /* NULL: as it came in */
};

#define USAGE "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7}"
#define ONLY "data: {\"choices\":[]," USAGE "}"
#define WORD "data: {\"choices\":[{\"delta\":{}}]," USAGE "}"
#define PAIR "event: error\n\ndata: {\"error\":{\"code\":500}}\n\n"

/* clang-format off */
static const struct row rows[] = {
	/* --- the usage-only chunk --- */
	{ "it is left out", DROP, WORD "\n\n" ONLY "\n\ndata: [DONE]\n\n", WORD "\n\ndata: [DONE]\n\n" },
	{ "it is kept for those who asked", PLAIN, WORD "\n\n" ONLY "\n\ndata: [DONE]\n\n", NULL },
	{ "it is kept when only errors are mended", MEND, WORD "\n\n" ONLY "\n\ndata: [DONE]\n\n", NULL },
	{ "it is all there is", DROP, ONLY "\n\n", "" },
	{ "twice", DROP, ONLY "\n\n" ONLY "\n\n" WORD "\n\n" ONLY "\n\n", WORD "\n\n" },
	{ "with CRLF", DROP, WORD "\r\n\r\n" ONLY "\r\n\r\ndata: [DONE]\r\n\r\n", WORD "\r\n\r\ndata: [DONE]\r\n\r\n" },
	{ "with CR", DROP, WORD "\r\r" ONLY "\r\rdata: [DONE]\r\r", WORD "\r\rdata: [DONE]\r\r" },
	{ "with mixed line ends", DROP, WORD "\n\r\n" ONLY "\r\r\ndata: 1\r\n\n", WORD "\n\r\ndata: 1\r\n\n" },
	{ "a blank line more behind it", DROP, ONLY "\n\n\n" WORD "\n\n", "\n" WORD "\n\n" },
	{ "with a name, an id and a comment", DROP, "id: 1\nevent: chunk\n: c\n" ONLY "\nretry: 3\n\n" WORD "\n\n", WORD "\n\n" },
	{ "over several lines of data", DROP,
	  "data: {\ndata:\"choices\"\ndata: :\ndata\ndata: [ \ndata: ]," USAGE "\ndata: }\n\n" WORD "\n\n", WORD "\n\n" },
	{ "usage before choices", DROP, "data: {" USAGE ",\"id\":\"x\",\"choices\" : [ ]}\n\n", "" },
	{ "no space behind the colon", DROP, "data:{\"choices\":[]," USAGE "}\n\n", "" },
	{ "names in escapes", DROP, "data: {\"ch\\u006fices\":[],\"\\u0075sage\":{}}\n\n", "" },
	{ "at the end without a blank line", DROP, WORD "\n\n" ONLY "\n", WORD "\n\n" },
	{ "at the end without a line end", DROP, WORD "\n\n" ONLY, WORD "\n\n" },
	{ "a comment before it stays", DROP, ": a\n" ONLY "\n\n: b\n\n", ": a\n: b\n\n" },
	{ "in a stream of transcriptions", DROP, ONLY "\n\n", "" },

	/* --- what is none --- */
	{ "usage null", DROP, "data: {\"choices\":[],\"usage\":null}\n\n", NULL },
	{ "usage a list", DROP, "data: {\"choices\":[],\"usage\":[]}\n\n", NULL },
	{ "no usage", DROP, "data: {\"choices\":[]}\n\n", NULL },
	{ "no choices", DROP, "data: {" USAGE "}\n\n", NULL },
	{ "choices null", DROP, "data: {\"choices\":null," USAGE "}\n\n", NULL },
	{ "choices an object", DROP, "data: {\"choices\":{}," USAGE "}\n\n", NULL },
	{ "choices that hold an empty list", DROP, "data: {\"choices\":[[]]," USAGE "}\n\n", NULL },
	{ "choices twice", DROP, "data: {\"choices\":[],\"choices\":[1]," USAGE "}\n\n", NULL },
	{ "deeper", DROP, "data: {\"x\":{\"choices\":[]," USAGE "}}\n\n", NULL },
	{ "in a list", DROP, "data: [{\"choices\":[]," USAGE "}]\n\n", NULL },
	{ "in a string", DROP, "data: \"{\\\"choices\\\":[]}\"\n\n", NULL },
	{ "in a comment", DROP, ": data: {\"choices\":[]," USAGE "}\n\n", NULL },
	{ "malformed", DROP, "data: {\"choices\":[]," USAGE "\n\n", NULL },
	{ "malformed later", DROP, "data: {\"choices\":[]," USAGE ",,}\n\n", NULL },
	{ "spread over two events", DROP, "data: {\"choices\":[],\n\ndata: " USAGE "}\n\n", NULL },
	{ "empty lines and comments", DROP, "\n\n\r\n: a\n\n:\n\n\r\r", NULL },
	{ "fields without data", DROP, "event: x\n\nid: 1\n\ndata\n\ndata:\n\n", NULL },
	{ "words and [DONE]", DROP, "data: hello\n\ndata: [DONE]\n\n", NULL },
	{ "a stream that is cut", DROP, WORD "\n\ndata: {\"choices\":[],\"us", NULL },
	{ "a line that is cut", DROP, WORD "\n\ndat", NULL },
	{ "no stream at all", DROP, "", NULL },
	{ "bytes of all kinds", DROP, "\x01\xff\xfe: \x80\n\xef\xbb\xbf" "data: x\n\n", NULL },

	/* --- errors in two --- */
	{ "are joined", MEND, WORD "\n\n" PAIR, WORD "\n\nevent: error\ndata: {\"error\":{\"code\":500}}\n\n" },
	{ "are left when not asked to", PLAIN, WORD "\n\n" PAIR, NULL },
	{ "are left when only chunks are filtered", DROP, WORD "\n\n" PAIR, NULL },
	{ "and chunks are filtered", BOTH, ONLY "\n\n" PAIR ONLY "\n\n", "event: error\ndata: {\"error\":{\"code\":500}}\n\n" },
	{ "with CRLF", MEND, "event: error\r\n\r\ndata: x\r\n\r\n", "event: error\r\ndata: x\r\n\r\n" },
	{ "with CR", MEND, "event: error\r\rdata: x\r\r", "event: error\rdata: x\r\r" },
	{ "without spaces", MEND, "event:error\n\ndata:x\n\n", "event:error\ndata:x\n\n" },
	{ "with data that is empty", MEND, "event: error\n\ndata\n\n", "event: error\ndata\n\n" },
	{ "with two lines of data", BOTH, "event: error\n\ndata: a\ndata: b\n\n", "event: error\ndata: a\ndata: b\n\n" },
	{ "twice", BOTH, PAIR PAIR, "event: error\ndata: {\"error\":{\"code\":500}}\n\nevent: error\ndata: {\"error\":{\"code\":500}}\n\n" },
	{ "with an id", MEND, "id: 1\nevent: error\n\ndata: x\n\n", "id: 1\nevent: error\ndata: x\n\n" },
	{ "the last of two names", MEND, "event: a\nevent: error\n\ndata: x\n\n", "event: a\nevent: error\ndata: x\n\n" },
	{ "a usage-only chunk as an error's data is no chunk", BOTH, "event: error\n\n" ONLY "\n\n", "event: error\n" ONLY "\n\n" },

	/* --- what is no error in two --- */
	{ "an error that is whole", MEND, "event: error\ndata: x\n\ndata: y\n\n", NULL },
	{ "an error whose data comes first", MEND, "data: x\nevent: error\n\ndata: y\n\n", NULL },
	{ "another name", MEND, "event: errors\n\ndata: x\n\nevent: err\n\ndata: x\n\nevent: ping\n\ndata: y\n\n", NULL },
	{ "another name at last", MEND, "event: error\nevent: x\n\ndata: y\n\nevent: error\nevent\n\ndata: y\n\n", NULL },
	{ "an error and no more", BOTH, "event: error\n\n", NULL },
	{ "an error and no more, CR", BOTH, "event: error\r\r", NULL },
	{ "an error and no more, CRLF", BOTH, "event: error\r\n\r\n", NULL },
	{ "an error and part of a name", BOTH, "event: error\n\ndat", NULL },
	{ "an error and a name", BOTH, "event: error\n\ndata", NULL },
	{ "an error and another field", BOTH, "event: error\n\nevent: x\ndata: y\n\n", NULL },
	{ "an error and a name that begins alike", BOTH, "event: error\n\ndate: x\ndata: y\n\nevent: error\n\ndatas: x\n\n", NULL },
	{ "an error and a comment", BOTH, "event: error\n\n: x\ndata: y\n\n", NULL },
	{ "an error and blank lines", BOTH, "event: error\n\n\n\ndata: y\n\n", NULL },
	{ "an error and CRLF, then LF", BOTH, "event: error\r\n\r\n\ndata: y\n\n", NULL },
	{ "an error without its name's value", MEND, "event:\n\ndata: y\n\nevent\n\ndata: y\n\n", NULL },
};
/* clang-format on */

/* --- running --- */

static struct meter_case
case_of(const struct row *row)
{
	return (struct meter_case){ ENDPOINT_CHAT, METER_EVENTS,
		row->filter == DROP || row->filter == BOTH,
		row->filter == MEND || row->filter == BOTH };
}

static void
check(const struct row *row, const struct meter_result *r, size_t a, size_t b)
{
	const char *want = row->out != NULL ? row->out : row->in;

	if (!span_eq(r->out, span_of(want)))
		fail_msg("%s (filter %d), cut at %zu and %zu: out came %.*s", row->title,
		    row->filter, a, b, (int)r->out.n, r->out.p);
}

static void
each_row_comes_out_alike_at_each_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct meter_case c = case_of(&rows[i]);
		const struct span in = span_of(rows[i].in);
		struct meter_result r;

		for (size_t a = 0; a <= in.n; a++)
			for (size_t b = in.n > THREE_WAY_MAX ? in.n : a; b <= in.n; b++) {
				drive_cut(&c, in, a, b, &r);
				check(&rows[i], &r, a, b);
			}
		for (size_t step = 1; step < 12; step++) {
			drive_steps(&c, in, step, &r);
			check(&rows[i], &r, step, step);
		}
	}
}

/* Slow and plain: do these bytes end between two events, where a comment may stand? */
static bool
ends_between_events(struct span out)
{
	bool in_event = false, in_line = false, comment = false;

	for (size_t i = 0; i < out.n; i++) {
		const char c = out.p[i];

		if (c == '\n' && i > 0 && out.p[i - 1] == '\r')
			continue;
		if (c == '\n' || c == '\r') {
			if (!in_line)
				in_event = false;
			in_line = false;
			continue;
		}
		if (!in_line)
			comment = c == ':';
		in_line = true;
		in_event = in_event || !comment;
	}
	return !in_line && !in_event;
}

static void
the_place_for_a_comment_is_what_the_client_has_seen(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct meter_case c = case_of(&rows[i]);
		const struct span in = span_of(rows[i].in);
		struct meter_drive d;
		struct meter_result r;

		drive_begin(&d, &c);
		for (size_t n = 0; n <= in.n; n++) {
			const struct span out = { d.out, d.out_n };

			if (meter_answer_at_event_end(&d.m) != ends_between_events(out))
				fail_msg("%s (filter %d): behind byte %zu", rows[i].title,
				    rows[i].filter, n);
			if (n < in.n)
				drive_feed(&d, (struct span){ in.p + n, 1 });
		}
		drive_end(&d, &r);
	}
}

static void
only_event_streams_have_a_place_for_comments(void **state)
{
	static const struct meter_case json = { ENDPOINT_CHAT, METER_JSON, true, true };
	static const struct meter_case none = { ENDPOINT_CHAT, METER_NONE, true, true };
	struct meter_drive d;
	struct meter_result r;

	(void)state;
	drive_begin(&d, &json);
	assert_false(meter_answer_at_event_end(&d.m));
	drive_end(&d, &r);
	drive_begin(&d, &none);
	assert_false(meter_answer_at_event_end(&d.m));
	drive_end(&d, &r);
}

/* --- at once --- */

static void
nothing_that_passes_waits_for_more(void **state)
{
	/* clang-format off */
	static const struct { const char *text; size_t held; } row[] = {
		{ WORD "\n\n", 0 },
		{ "data: {\"id\":\"x\",\"choices\":[{", 0 },
		{ "data: {\"id\":\"x\",\"choices\":[", 27 },
		{ "data: {\"usage\":n", 16 },
		{ "data: {\"usage\":null,", 0 },
		{ "data: {\"usage\":1 ", 0 },
		{ "data: [", 0 },
		{ "data: hello", 0 },
		{ "data: {\"error\":{}}\n\n", 0 },
		{ "data: {\"error\":{}}\n", 19 },
		{ ": keep-alive", 0 },
		{ ": keep-alive\n\n", 0 },
		{ WORD "\n\ndata: {\"id\":", 12 },
		{ ONLY "\n\n", sizeof(ONLY "\n\n") - 1 },
		{ "event: error\n", 13 },
		{ "event: error\n\n", 1 },
		{ "event: error\n\ndata: ", 1 },
		{ "event: error\n\nda", 3 },
	};
	/* clang-format on */
	static const struct meter_case c = { ENDPOINT_CHAT, METER_EVENTS, true, true };

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct span in = span_of(row[i].text);
		struct meter_drive d;
		struct meter_result r;

		drive_begin(&d, &c);
		drive_feed(&d, in);
		if (d.out_n != in.n - row[i].held)
			fail_msg("%s: %zu bytes came out", row[i].text, d.out_n);
		drive_end(&d, &r);
	}
}

/* What an emit was given. */
struct seen {
	struct span first;
	size_t emits;
};

static void
note(void *arg, struct span data)
{
	struct seen *s = arg;

	if (s->emits++ == 0)
		s->first = data;
}

static void
what_passes_is_emitted_where_it_lies_in_one_run(void **state)
{
	static const char text[] = WORD "\n\n" WORD "\r\n\r\n: c\n\ndata: [DONE]\n\n";
	const struct span in = { text, sizeof(text) - 1 };

	(void)state;
	for (int filter = PLAIN; filter <= BOTH; filter++) {
		const struct row row = { .filter = (enum filter)filter };
		const struct meter_case c = case_of(&row);
		static struct meter_answer m;
		struct seen s = { .emits = 0 };

		meter_answer_init(&m, c.endpoint, c.format, c.drop, c.mend);
		meter_answer_feed(&m, in, note, &s);
		assert_int_equal(s.emits, 1);
		assert_ptr_equal(s.first.p, in.p);
		assert_int_equal(s.first.n, in.n);
		meter_answer_end(&m, note, &s);
		assert_int_equal(s.emits, 1);
		meter_answer_fini(&m);
	}
}

/* --- long events --- */

/* A usage-only chunk of n bytes, its blank line included. */
static struct span
chunk_of(size_t n)
{
	static const char head[] = "data: {\"id\":\"",
			  tail[] = "\",\"choices\":[]," USAGE "}\n\n";
	static char text[CHUNK_MAX + 64];

	memcpy(text, head, sizeof(head) - 1);
	memset(text + sizeof(head) - 1, 'x', n - (sizeof(head) - 1) - (sizeof(tail) - 1));
	memcpy(text + n - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
	return (struct span){ text, n };
}

static void
a_chunk_is_judged_up_to_its_bound_and_not_beyond(void **state)
{
	static const struct meter_case c = { ENDPOINT_CHAT, METER_EVENTS, true, false };
	struct meter_result r;

	(void)state;
	for (size_t n = CHUNK_MAX - 2; n <= CHUNK_MAX + 2; n++) {
		const struct span in = chunk_of(n);

		for (size_t at = 0; at <= n; at++) {
			drive_cut(&c, in, at, at, &r);
			assert_int_equal(r.out.n, n <= CHUNK_MAX ? 0 : n);
			assert_int_equal(r.usage.v[USAGE_OUTPUT], 7);
		}
		drive_steps(&c, in, 1, &r);
		assert_int_equal(r.out.n, n <= CHUNK_MAX ? 0 : n);
	}
}

static void
what_is_held_is_freed_with_a_stream_that_is_cut(void **state)
{
	static const struct meter_case c = { ENDPOINT_CHAT, METER_EVENTS, true, false };
	struct meter_drive d;

	(void)state;
	drive_begin(&d, &c);
	drive_feed(&d, SPAN(ONLY));
	assert_int_equal(d.out_n, 0);
	meter_answer_fini(&d.m); /* a leak would be reported at exit */
	meter_answer_fini(&d.m);
}

static void
events_of_messages_are_never_held(void **state)
{
	static const struct meter_case c = { ENDPOINT_MESSAGES, METER_EVENTS, true, true };
	struct meter_drive d;
	struct meter_result r;

	(void)state;
	drive_begin(&d, &c);
	drive_feed(&d, SPAN("event: message_delta\ndata: {\"type\":"));
	assert_int_equal(d.out_n, 35);
	drive_end(&d, &r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_comes_out_alike_at_each_split),
		cmocka_unit_test(the_place_for_a_comment_is_what_the_client_has_seen),
		cmocka_unit_test(only_event_streams_have_a_place_for_comments),
		cmocka_unit_test(nothing_that_passes_waits_for_more),
		cmocka_unit_test(what_passes_is_emitted_where_it_lies_in_one_run),
		cmocka_unit_test(a_chunk_is_judged_up_to_its_bound_and_not_beyond),
		cmocka_unit_test(what_is_held_is_freed_with_a_stream_that_is_cut),
		cmocka_unit_test(events_of_messages_are_never_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
