/* What requests say: model and include_usage in JSON and in forms, at each split point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/meter.h"

enum { THREE_WAY_MAX = 200 };

struct row {
	const char *title;
	const char *text;
	const char *model;
	bool seen;
	bool include_usage;
};

#define LONG_NAME "0123456789012345678901234567890123456789012345678901234567890123456789"
#define PART(field, value)                                                               \
	"--b0\r\nContent-Disposition: form-data; name=\"" field "\"\r\n\r\n" value "\r\n"
#define A_FILE(content)                                                                     \
	"--b0\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model.wav\"\r\n" \
	"Content-Type: audio/wav\r\n\r\n" content "\r\n"
#define END "--b0--\r\n"

/* clang-format off */
static const struct row json_rows[] = {
	{ "a model", "{\"model\":\"gpt-oss-120b\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}", "gpt-oss-120b", true, false },
	{ "a model at the end", "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\n \"model\" : \"m\"\n}", "m", true, false },
	{ "none", "{\"messages\":[]}", "", false, false },
	{ "of 63 bytes", "{\"model\":\"abc012345678901234567890123456789012345678901234567890123456789\"}",
	  "abc012345678901234567890123456789012345678901234567890123456789", true, false },
	{ "of 64 bytes", "{\"model\":\"abcd012345678901234567890123456789012345678901234567890123456789\"}", "", true, false },
	{ "too long", "{\"model\":\"" LONG_NAME LONG_NAME "\"}", "", true, false },
	{ "empty", "{\"model\":\"\"}", "", true, false },
	{ "null", "{\"model\":null}", "", false, false },
	{ "a number", "{\"model\":120}", "", false, false },
	{ "an object", "{\"model\":{\"model\":\"x\"}}", "", false, false },
	{ "with a control character", "{\"model\":\"a\\u0000b\"}", "", true, false },
	{ "with escapes", "{\"model\":\"Qwen\\/Qwen3\\u002dCoder \\\"x\\\" \\\\\"}", "Qwen/Qwen3-Coder \"x\" \\", true, false },
	{ "the last of two", "{\"model\":\"a\",\"model\":\"b\"}", "b", true, false },
	{ "the last of two, no string", "{\"model\":\"a\",\"model\":[\"b\"]}", "", false, false },
	{ "a decoy in content", "{\"messages\":[{\"content\":\"\\\"model\\\":\\\"x\\\"\",\"model\":\"y\"}],\"model\":\"m\"}", "m", true, false },
	{ "cut in the value", "{\"model\":\"gpt", "", false, false },
	{ "a list", "[{\"model\":\"x\"}]", "", false, false },
	{ "asked for usage", "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", "m", true, true },
	{ "asked for usage, spaces", "{ \"stream_options\" : { \"x\" : [ 1 ] , \"include_usage\" : true } }", "", false, true },
	{ "asked for none", "{\"stream_options\":{\"include_usage\":false}}", "", false, false },
	{ "options null", "{\"stream_options\":null,\"model\":\"m\"}", "m", true, false },
	{ "options empty", "{\"stream_options\":{},\"model\":\"m\"}", "m", true, false },
	{ "a string is not true", "{\"stream_options\":{\"include_usage\":\"true\"}}", "", false, false },
	{ "1 is not true", "{\"stream_options\":{\"include_usage\":1}}", "", false, false },
	{ "deeper is elsewhere", "{\"stream_options\":{\"a\":{\"include_usage\":true}},\"include_usage\":true,\"b\":{\"stream_options\":{\"include_usage\":true}}}", "", false, false },
	{ "the last options hold", "{\"stream_options\":{\"include_usage\":true},\"stream_options\":{}}", "", false, false },
	{ "the last options hold, null", "{\"stream_options\":{\"include_usage\":true},\"stream_options\":null}", "", false, false },
	{ "the last value holds", "{\"stream_options\":{\"include_usage\":false,\"include_usage\":true}}", "", false, true },
	{ "nothing", "", "", false, false },
};

static const struct row form_rows[] = {
	{ "a model", PART("model", "whisper-large-v3") END, "whisper-large-v3", true, false },
	{ "behind a file", A_FILE("RIFF\r\n--b\r\n-\r\r\n--b1\r\n--b") PART("language", "en") PART("model", "m") END, "m", true, false },
	{ "before a file", PART("model", "m") A_FILE("\r\n\r\n--b0 x\r\nmodel") END, "m", true, false },
	{ "a preamble and an epilogue", "model\r\n\r\n" PART("model", "m") END PART("model", "x") END, "m", true, false },
	{ "other headers and spaces",
	  "--b0 \t\r\nContent-Type: text/plain\r\ncontent-DISPOSITION:form-data ; name=model\r\nX: y\r\n\r\nm\r\n--b0--", "m", true, false },
	{ "a file of that name is none", "--b0\r\nContent-Disposition: form-data; name=\"model\"; filename=\"x\"\r\n\r\nm\r\n" END, "", false, false },
	{ "with an encoded file name", "--b0\r\nContent-Disposition: form-data; filename*=UTF-8''x; name=\"model\"\r\n\r\nm\r\n" END, "", false, false },
	{ "names that begin or end alike", PART("models", "x") PART("mode", "x") PART("Model", "x") PART("", "x") END, "", false, false },
	{ "name in another parameter", "--b0\r\nContent-Disposition: form-data; xname=\"model\"; name=\"a\"\r\n\r\nm\r\n" END, "", false, false },
	{ "no form-data", "--b0\r\nContent-Disposition: attachment; name=\"model\"\r\n\r\nm\r\n" END, "", false, false },
	{ "no name", "--b0\r\nContent-Disposition: form-data\r\n\r\nm\r\n" END, "", false, false },
	{ "an open quote", "--b0\r\nContent-Disposition: form-data; name=\"model\r\n\r\nm\r\n" END, "", false, false },
	{ "no headers", "--b0\r\n\r\nm\r\n" END, "", false, false },
	{ "an empty value", PART("model", "") END, "", true, false },
	{ "a value without its line end", "--b0\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n--b0--\r\n", "", true, false },
	{ "the last of two", PART("model", "a") PART("model", "b") END, "b", true, false },
	{ "of 63 bytes", PART("model", "abc012345678901234567890123456789012345678901234567890123456789") END,
	  "abc012345678901234567890123456789012345678901234567890123456789", true, false },
	{ "of 64 bytes", PART("model", "abcd012345678901234567890123456789012345678901234567890123456789") END, "", true, false },
	{ "too long", PART("model", LONG_NAME LONG_NAME) END, "", true, false },
	{ "too long, then short", PART("model", LONG_NAME LONG_NAME) PART("model", "m") END, "m", true, false },
	{ "with control characters", PART("model", "a\nb") END, "", true, false },
	{ "with what looks like a delimiter", PART("model", "a\r\n--b0x") END, "", true, false },
	{ "with part of a delimiter", PART("model", "a\r\n--b") END, "", true, false },
	{ "with dashes", PART("model", "a--b0") END, "a--b0", true, false },
	{ "cut in the value", "--b0\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhis", "", false, false },
	{ "a long header hides its part", "--b0\r\nContent-Disposition: form-data; name=\"model\"; x=\"" LONG_NAME LONG_NAME "\"\r\n\r\nm\r\n" END, "", false, false },
	{ "asked for usage", PART("model", "m") PART("stream_include_usage", "true") END, "m", true, true },
	{ "asked for usage, 1", PART("stream_include_usage", "1") END, "", false, true },
	{ "asked for none", PART("stream_include_usage", "True") PART("stream_include_usage", "false") END, "", false, false },
	{ "nothing", "", "", false, false },
};
/* clang-format on */

static void
feed(struct meter_request *m, struct span data)
{
	char *copy = malloc(data.n > 0 ? data.n : 1);

	assert_non_null(copy);
	if (data.n > 0)
		memcpy(copy, data.p, data.n);
	meter_request_feed(m, (struct span){ copy, data.n });
	free(copy);
}

static void
check(const struct row *row, const struct meter_request *m, size_t at)
{
	if (strcmp(m->model, row->model) != 0 || m->model_seen != row->seen ||
	    m->include_usage != row->include_usage)
		fail_msg("%s, at %zu: model %s, seen %d, include_usage %d", row->title,
		    at, m->model, m->model_seen, m->include_usage);
}

static void
run(const struct row *row, enum meter_format f, size_t a, size_t b)
{
	const struct span text = span_of(row->text);
	struct meter_request m;

	memset(&m, 0x5a, sizeof(m));
	meter_request_init(&m, f, SPAN("b0"));
	feed(&m, (struct span){ text.p, a });
	feed(&m, (struct span){ text.p + a, b - a });
	feed(&m, (struct span){ text.p + b, text.n - b });
	check(row, &m, a);
}

static void
run_everywhere(const struct row *row, enum meter_format f)
{
	const struct span text = span_of(row->text);

	for (size_t a = 0; a <= text.n; a++)
		for (size_t b = text.n > THREE_WAY_MAX ? text.n : a; b <= text.n; b++)
			run(row, f, a, b);
	for (size_t step = 1; step < 12; step++) {
		struct meter_request m;

		memset(&m, 0x5a, sizeof(m));
		meter_request_init(&m, f, SPAN("b0"));
		for (size_t i = 0; i < text.n; i += step)
			feed(&m,
			    (struct span){
				text.p + i, text.n - i < step ? text.n - i : step });
		check(row, &m, step);
	}
}

static void
json_is_read_alike_at_each_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(json_rows) / sizeof(json_rows[0]); i++)
		run_everywhere(&json_rows[i], METER_JSON);
}

static void
forms_are_read_alike_at_each_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(form_rows) / sizeof(form_rows[0]); i++)
		run_everywhere(&form_rows[i], METER_MULTIPART);
}

static void
bodies_of_no_known_format_say_nothing(void **state)
{
	static const struct row row = { "none", "{\"model\":\"m\"}", "", false, false };

	(void)state;
	run_everywhere(&row, METER_NONE);
}

static void
boundaries_of_any_length_are_safe(void **state)
{
	char boundary[100], text[400];

	(void)state;
	memset(boundary, 'b', sizeof(boundary));
	for (size_t n = 0; n <= sizeof(boundary); n++) {
		const struct span b = { boundary, n };
		const int len = (int)n;
		struct meter_request m;
		int text_n = snprintf(text, sizeof(text),
		    "--%.*s\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--%.*s--",
		    len, boundary, len, boundary);

		memset(&m, 0x5a, sizeof(m));
		meter_request_init(&m, METER_MULTIPART, b);
		feed(&m, (struct span){ text, (size_t)text_n });
		assert_string_equal(m.model, n > 0 && n <= 70 ? "m" : "");
	}
}

/* --- content types --- */

static void
content_types_name_the_format(void **state)
{
	/* clang-format off */
	static const struct {
		const char *type;
		enum meter_format format;
		const char *boundary;
	} row[] = {
		{ "application/json", METER_JSON, "" },
		{ "Application/JSON", METER_JSON, "" },
		{ " application/json ; charset=utf-8", METER_JSON, "" },
		{ "application/json;", METER_JSON, "" },
		{ "application/problem+json", METER_JSON, "" },
		{ "application/jsonl", METER_NONE, "" },
		{ "application/xjson", METER_NONE, "" },
		{ "text/event-stream", METER_EVENTS, "" },
		{ "text/event-stream; charset=utf-8", METER_EVENTS, "" },
		{ "text/event-streams", METER_NONE, "" },
		{ "text/plain; x=application/json", METER_NONE, "" },
		{ "audio/mpeg", METER_NONE, "" },
		{ "", METER_NONE, "" },
		{ ";", METER_NONE, "" },
		{ "+json", METER_NONE, "" },
		{ "multipart/form-data; boundary=abc", METER_MULTIPART, "abc" },
		{ "multipart/form-data;boundary=abc;x=y", METER_MULTIPART, "abc" },
		{ "multipart/form-data; charset=\"a;boundary=b\"; BOUNDARY=\"a b:c\"", METER_MULTIPART, "a b:c" },
		{ "Multipart/Form-Data ; x=y ; boundary = abc ", METER_MULTIPART, "" },
		{ "multipart/form-data", METER_MULTIPART, "" },
		{ "multipart/form-data; boundary", METER_MULTIPART, "" },
		{ "multipart/form-data; boundary=", METER_MULTIPART, "" },
		{ "multipart/form-data; boundary=\"abc", METER_MULTIPART, "" },
		{ "multipart/form-data; boundary=\"abc\\", METER_MULTIPART, "" },
		{ "multipart/mixed; boundary=abc", METER_NONE, "" },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct span boundary = { 0 };

		if (meter_format_of(span_of(row[i].type), &boundary) != row[i].format ||
		    !span_eq(boundary, span_of(row[i].boundary)))
			fail_msg("%s: boundary %.*s", row[i].type, (int)boundary.n,
			    boundary.p);
		assert_int_equal(
		    meter_format_of(span_of(row[i].type), NULL), row[i].format);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_read_alike_at_each_split),
		cmocka_unit_test(forms_are_read_alike_at_each_split),
		cmocka_unit_test(bodies_of_no_known_format_say_nothing),
		cmocka_unit_test(boundaries_of_any_length_are_safe),
		cmocka_unit_test(content_types_name_the_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
