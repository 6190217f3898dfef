/*
 * Events alike: that leaving them unread changes nothing. A stream that is fed at once
 * must give what it gives byte by byte, where no event is ever left unread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/meter_drive.h"
#include "worker/meter_shape.h"

enum { STREAMS = 3000, EVENTS_MAX = 40, STREAM_BYTES = 64 * 1024, COUNTED = 2000 };

#define HEAD "data: {\"id\":\"c1\",\"created\":1750000000,\"model\":\"m\",\"choices\":["
#define COUNTS(c) "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":" c "}"
#define DELTA "{\"delta\":"
#define EVENT(text, c) HEAD DELTA "\"" text "\"}]," COUNTS(c) "}\n\n"

/* A repeatable stream of numbers (xorshift). */
static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* --- the comparison itself --- */

struct row {
	const char *title;
	const char *a, *nest, *rest; /* an event in three parts */
	const char *b;               /* what comes next */
	bool alike;
};

#define NEST DELTA "\"\"}]"
#define REST "," COUNTS("3") "}\n\n"

static const struct row rows[] = {
	{ "another word", HEAD, NEST, REST, EVENT("other word", "3"), true },
	{ "another count", HEAD, NEST, REST, EVENT("", "4"), true },
	{ "a longer count", HEAD, NEST, REST, EVENT("", "14"), false },
	{ "no count", HEAD, NEST, REST, EVENT("", "null"), false },
	{ "brackets and quotes within a text", HEAD, NEST, REST, EVENT("]}\\\"}]{", "3"),
	    true },
	{ "more brackets", HEAD, NEST, REST,
	    HEAD DELTA "[[{}]]},{}]," COUNTS("3") "}\n\n", true },
	{ "a bracket too many", HEAD, NEST, REST,
	    HEAD DELTA "\"\"}]]," COUNTS("3") "}\n\n", false },
	{ "a bracket too few", HEAD, NEST, REST, HEAD DELTA "\"\"}," COUNTS("3") "}\n\n",
	    false },
	{ "the rest within a text", HEAD, NEST, REST,
	    HEAD DELTA "\"}]," COUNTS("3") "}\n\n", false },
	{ "a line more", HEAD, NEST, REST,
	    HEAD DELTA "\"\"}]," COUNTS("3") "}\nid: 1\n\n", false },
	{ "a line end within the text", HEAD, NEST, REST, EVENT("a\nb", "3"), false },
	{ "another value of two texts", HEAD, NEST, REST, EVENT("a\",\"b\":\"c", "3"),
	    true },
	{ "a text and a name", HEAD, DELTA "\"\",\"b\":1}]", REST,
	    HEAD DELTA "\"x\",\"b\":1}]," COUNTS("3") "}\n\n", true },
	{ "another bracket behind the text", HEAD, NEST, REST,
	    HEAD DELTA "\"x\"]}," COUNTS("3") "}\n\n", true },
	{ "a line end within", HEAD, NEST, REST,
	    HEAD DELTA "\n\"\"}]," COUNTS("3") "}\n\n", false },
	{ "another line end", HEAD, NEST, REST,
	    HEAD DELTA "\"\"}]," COUNTS("3") "}\r\n\r\n", false },
	{ "not all of it", HEAD, NEST, REST, HEAD DELTA "\"\"}]," COUNTS("3") "}\n",
	    false },
	{ "another id", HEAD, NEST, REST, "data: {\"id\":\"c2\"}\n\n", false },
	{ "nothing", HEAD, NEST, REST, "", false },
	{ "an empty list", "data: {\"choices\":[", "1]", ",\"usage\":{}}\n\n",
	    "data: {\"choices\":[],\"usage\":{}}\n\n", false },
	{ "a signed number", "data: {\"x\":[", "]", ",\"n\":-5}\n\n",
	    "data: {\"x\":[],\"n\":-0}\n\n", false },
	{ "an exponent", "data: {\"x\":[", "]", ",\"n\":1e5}\n\n",
	    "data: {\"x\":[],\"n\":1e9}\n\n", false },
	{ "a fraction", "data: {\"x\":[", "]", ",\"n\":20.0}\n\n",
	    "data: {\"x\":[],\"n\":20.5}\n\n", false },
	{ "a long number", "data: {\"x\":[", "]", ",\"n\":1000000000}\n\n",
	    "data: {\"x\":[],\"n\":9000000000}\n\n", false },
	{ "six digits", "data: {\"x\":[", "]", ",\"n\":100000}\n\n",
	    "data: {\"x\":[],\"n\":999999}\n\n", true },
	{ "a name in escapes", "data: {\"x\":[", "]", ",\"\\u0075\":1}\n\n",
	    "data: {\"x\":[],\"\\u0065\":1}\n\n", false },
	{ "digits behind what must stay", "data: {\"x\":[", "]",
	    ",\"n\":1e5,\"m\":7}\n\n", "data: {\"x\":[],\"n\":1e5,\"m\":8}\n\n", true },
};

static void
events_alike_are_told_from_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		char text[1024];
		const size_t a = strlen(r->a), nest = strlen(r->nest), b = strlen(r->b);
		struct shape s = {
			.from = text, .nest = text + a, .rest = text + a + nest
		};
		const char *next, *end;
		bool alike;

		(void)snprintf(
		    text, sizeof(text), "%s%s%s%s", r->a, r->nest, r->rest, r->b);
		s.to = s.rest + strlen(r->rest);
		end = s.to + b;
		assert_true(shape_learn(&s));
		next = shape_match(&s, s.to, end);
		alike = next != NULL;
		if (alike != r->alike || (alike && next != end))
			fail_msg("%s: %d", r->title, alike);
	}
}

static void
events_with_other_line_ends_are_none_to_compare_with(void **state)
{
	static const char crlf[] = "data: {\"x\":[]}\r\n\r\n",
			  in_nest[] = "data: {\"x\":[\n]}\n\n",
			  blank[] = "data: {\"x\":[ ]}\n\n";
	struct shape s = { .from = crlf,
		.nest = crlf + 12,
		.rest = crlf + 13,
		.to = crlf + sizeof(crlf) - 1 };

	(void)state;
	assert_false(shape_learn(&s));
	s = (struct shape){ .from = in_nest,
		.nest = in_nest + 12,
		.rest = in_nest + 14,
		.to = in_nest + sizeof(in_nest) - 1 };
	assert_false(shape_learn(&s));
	s = (struct shape){ .from = blank,
		.nest = blank + 12,
		.rest = blank + 14,
		.to = blank + sizeof(blank) - 1 };
	assert_false(shape_learn(&s));
}

/* --- streams --- */

/* Words of events, drawn at random: most streams repeat a few of them. */
static const char *const words[] = {
	"data: ",
	"data:",
	"event: error\n",
	"event: message_delta\n",
	"id: 7\n",
	": c\n",
	"\n",
	"\n\n",
	"\r\n\r\n",
	"{\"choices\":[",
	"]",
	"{\"delta\":{\"content\":\"",
	"\"}}",
	"\\\"",
	"\\u0075",
	",\"usage\":{",
	"\"prompt_tokens\":",
	"\"completion_tokens\":",
	"\"input_tokens\":",
	"\"prompt_tokens_details\":{\"cached_tokens\":",
	"}",
	",",
	"null",
	"1e",
	"-",
	".",
	"\"model\":\"m",
	"\"",
	"{\"type\":\"message_start\",\"message\":{",
	"\"type\":\"message_delta\"",
	"[DONE]",
	"{}",
	"[]",
	HEAD,
	"\"a\"}],",
	"\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5}",
	"}\n\n",
};

/* An event of random words, or one that is like real ones. */
static size_t
random_event(char *out, size_t room, uint32_t *random)
{
	static const char *const fractions[] = { "", "", ".0", ".5" };
	size_t n = 0;

	if (next_random(random) % 3 != 0)
		return (size_t)snprintf(out, room,
		    HEAD DELTA
		    "\"%.*s\"}]%s,\"usage\":{\"prompt_tokens\":%u,\"completion_tokens\":%u%s,"
		    "\"prompt_tokens_details\":{\"cached_tokens\":%u}}}\n\n",
		    (int)(next_random(random) % 9), "w [}\\\"\\u00",
		    next_random(random) % 9 == 0 ? ",\"usage\":null" : "",
		    next_random(random) % 200, next_random(random) % 2000,
		    fractions[next_random(random) % 4], next_random(random) % 20);
	for (uint32_t k = next_random(random) % 12; k > 0; k--) {
		const char *word =
		    words[next_random(random) % (sizeof(words) / sizeof(words[0]))];
		const int digits =
		    next_random(random) % 4 == 0 ? (int)(next_random(random) % 12) : 0;

		n += (size_t)snprintf(
		    out + n, room - n, "%s%.*s", word, digits, "917203456781");
	}
	n += (size_t)snprintf(
	    out + n, room - n, "%s", next_random(random) % 8 != 0 ? "\n\n" : "\n");
	return n;
}

/* The same event again, often with another digit or letter in it. */
static size_t
repeat_event(char *out, const char *event, size_t n, uint32_t *random)
{
	memcpy(out, event, n);
	for (uint32_t k = next_random(random) % 3; k > 0 && n > 2; k--) {
		char *at = out + next_random(random) % (n - 2);

		if (*at >= '0' && *at <= '9')
			*at = (char)('0' + next_random(random) % 10);
		else if (next_random(random) % 4 == 0)
			*at = "x5}]\"\\\n"[next_random(random) % 7];
	}
	return n;
}

static struct span
random_stream(char *out, uint32_t *random)
{
	char event[1200];
	size_t n = 0, event_n = 0;

	for (uint32_t k = next_random(random) % EVENTS_MAX; k > 0; k--) {
		if (event_n == 0 || next_random(random) % 5 == 0)
			event_n = random_event(event, sizeof(event), random);
		if (n + event_n > STREAM_BYTES)
			break;
		n += repeat_event(out + n, event, event_n, random);
	}
	return (struct span){ out, n };
}

static void
streams_give_the_same_at_once_and_byte_by_byte(void **state)
{
	static char text[STREAM_BYTES], kept[STREAM_BYTES];
	static const enum endpoint endpoints[] = { ENDPOINT_CHAT, ENDPOINT_MESSAGES,
		ENDPOINT_TRANSCRIPTIONS };
	uint32_t random = 7;

	(void)state;
	for (unsigned i = 0; i < STREAMS; i++) {
		const struct meter_case c = { endpoints[i % 3], METER_EVENTS,
			next_random(&random) % 2 == 0, next_random(&random) % 2 == 0 };
		const struct span stream = random_stream(text, &random);
		struct meter_result at_once, bytes;

		drive_steps(&c, stream, stream.n + 1, &at_once);
		memcpy(kept, at_once.out.p, at_once.out.n);
		at_once.out.p = kept;
		drive_steps(&c, stream, 1, &bytes);
		if (memcmp(&at_once.usage, &bytes.usage, sizeof(bytes.usage)) != 0 ||
		    at_once.usage_seen != bytes.usage_seen ||
		    at_once.nonsense != bytes.nonsense ||
		    strcmp(at_once.model, bytes.model) != 0 ||
		    at_once.at_event_end != bytes.at_event_end ||
		    !span_eq(at_once.out, bytes.out))
			fail_msg("stream %u: %.*s", i, (int)stream.n, stream.p);
	}
}

/* What one event of messages says of the input depends on those before it. */
static void
events_of_messages_with_counts_are_all_read(void **state)
{
#define MESSAGE(input)                                                                   \
	"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},"          \
	"\"usage\":{\"input_tokens\":" input ",\"output_tokens\":5}}\n\n"
	const struct meter_case c = { ENDPOINT_MESSAGES, METER_EVENTS, false, false };
	struct meter_result r;

	(void)state;
	drive_steps(&c, SPAN(MESSAGE("3") MESSAGE("7") MESSAGE("0")), 4096, &r);
	assert_int_equal(r.usage.v[USAGE_INPUT], 7);
}

/* One that is too long to be judged passes; short ones like it are left out. */
static void
events_that_may_be_left_out_are_all_read(void **state)
{
#define ONLY "data: {\"choices\":[],\"x\":[\"%.*s\"]," COUNTS("5") "}\n\n"
	char filler[5000], text[3 * sizeof(filler)];
	const struct meter_case c = { ENDPOINT_CHAT, METER_EVENTS, true, false };
	struct meter_result r;
	int n, first;

	(void)state;
	memset(filler, 'x', sizeof(filler));
	first = snprintf(text, sizeof(text), ONLY, 4999, filler);
	n = snprintf(
	    text, sizeof(text), ONLY ONLY ONLY, 4999, filler, 3, filler, 3, filler);
	drive_steps(&c, (struct span){ text, (size_t)n }, sizeof(text), &r);
	assert_int_equal(r.out.n, first);
}

static void
the_last_of_many_counts(void **state)
{
	static char text[COUNTED * 256];
	const struct meter_case c = { ENDPOINT_CHAT, METER_EVENTS, true, true };
	struct meter_result r;
	size_t n = 0;

	(void)state;
	for (unsigned i = 1; i <= COUNTED; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    HEAD DELTA
		    "\"word\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":%u}}\n\n",
		    i);
	drive_steps(&c, (struct span){ text, n }, 64 * 1024, &r);
	assert_int_equal(r.usage.v[USAGE_OUTPUT], COUNTED);
	assert_int_equal(r.usage.v[USAGE_INPUT], 9);
	assert_int_equal(r.out.n, n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events_alike_are_told_from_others),
		cmocka_unit_test(events_with_other_line_ends_are_none_to_compare_with),
		cmocka_unit_test(streams_give_the_same_at_once_and_byte_by_byte),
		cmocka_unit_test(events_of_messages_with_counts_are_all_read),
		cmocka_unit_test(events_that_may_be_left_out_are_all_read),
		cmocka_unit_test(the_last_of_many_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
