/*
 * Usage in answers, in each shape, at each split point: whole, cut in two everywhere,
 * cut in three everywhere if short, and byte by byte. What comes out is what went in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/meter_drive.h"

enum { THREE_WAY_MAX = 260 };

struct counts {
	uint64_t input, cache_read, cache_write, output, audio_ms;
};

struct shape {
	const char *title;
	enum endpoint endpoint;
	enum meter_format format;
	const char *text;
	struct counts counts;
	bool seen;
	bool nonsense;
	const char *model;
};

#define Q "\"prompt_tokens\""
#define C "\"completion_tokens\""
#define CHAT ENDPOINT_CHAT, METER_JSON
#define CHAT_EVENTS ENDPOINT_CHAT, METER_EVENTS
#define MESSAGES ENDPOINT_MESSAGES, METER_JSON
#define MESSAGES_EVENTS ENDPOINT_MESSAGES, METER_EVENTS
#define AUDIO ENDPOINT_TRANSCRIPTIONS, METER_JSON
#define AUDIO_EVENTS ENDPOINT_TRANSCRIPTIONS, METER_EVENTS

/* clang-format off */
static const struct shape shapes[] = {
	/* --- OpenAI, whole --- */
	{ "chat", CHAT,
	  "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1750000000,\"model\":\"gpt-oss-120b\","
	  "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hi \\\"there\\\"\"},"
	  "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":7,\"total_tokens\":27,"
	  "\"prompt_tokens_details\":{\"cached_tokens\":12,\"audio_tokens\":0},"
	  "\"completion_tokens_details\":{\"reasoning_tokens\":3}}}",
	  { 8, 12, 0, 7, 0 }, true, false, "gpt-oss-120b" },
	{ "details null", CHAT,
	  "{\"usage\":{" Q ":20," C ":7,\"prompt_tokens_details\":null,\"completion_tokens_details\":null}}",
	  { 20, 0, 0, 7, 0 }, true, false, "" },
	{ "details of odd types", CHAT,
	  "{\"usage\":{\"prompt_tokens_details\":[{\"cached_tokens\":5}]," Q ":20,\"completion_tokens_details\":\"no\"," C ":7}}",
	  { 20, 0, 0, 7, 0 }, true, false, "" },
	{ "cached null", CHAT, "{\"usage\":{" Q ":20,\"prompt_tokens_details\":{\"cached_tokens\":null}," C ":7}}",
	  { 20, 0, 0, 7, 0 }, true, false, "" },
	{ "details before the count", CHAT,
	  "{\"usage\":{\"prompt_tokens_details\":{\"x\":{\"cached_tokens\":9},\"cached_tokens\":12}," C ":7," Q ":20}}",
	  { 8, 12, 0, 7, 0 }, true, false, "" },
	{ "no details, no completion: embeddings", ENDPOINT_EMBEDDINGS, METER_JSON,
	  "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[0.25,-0.5,1e-7]}],"
	  "\"model\":\"multilingual-e5\",\"usage\":{" Q ":9,\"total_tokens\":9}}",
	  { 9, 0, 0, 0, 0 }, true, false, "multilingual-e5" },
	{ "completions, spread over lines", ENDPOINT_COMPLETIONS, METER_JSON,
	  " \r\n{\n\t\"choices\" : [ ] ,\n\t\"usage\" : {\n\t\t" Q " : 3 ,\r\n\t\t" C " :\t4\n\t}\n}\n",
	  { 3, 0, 0, 4, 0 }, true, false, "" },
	{ "newer names at other endpoints", ENDPOINT_OTHER, METER_JSON,
	  "{\"usage\":{\"input_tokens\":30,\"input_tokens_details\":{\"cached_tokens\":10},\"output_tokens\":5}}",
	  { 20, 10, 0, 5, 0 }, true, false, "" },
	{ "usage first", CHAT, "{\"usage\":{" Q ":1," C ":2},\"model\":\"m\",\"choices\":[]}", { 1, 0, 0, 2, 0 }, true, false, "m" },
	{ "usage null", CHAT, "{\"model\":\"m\",\"usage\":null}", { 0 }, false, false, "m" },
	{ "usage a list", CHAT, "{\"usage\":[{" Q ":1}],\"model\":\"m\"}", { 0 }, false, false, "m" },
	{ "usage an empty list", CHAT, "{\"usage\":[ ],\"model\":\"m\"}", { 0 }, false, false, "m" },
	{ "usage a number", CHAT, "{\"usage\":12,\"model\":\"m\"}", { 0 }, false, false, "m" },
	{ "usage a string", CHAT, "{\"usage\":\"{\\\"prompt_tokens\\\":5}\",\"model\":\"m\"}", { 0 }, false, false, "m" },
	{ "usage true", CHAT, "{\"usage\":true,\"model\":\"m\"}", { 0 }, false, false, "m" },
	{ "usage empty", CHAT, "{\"usage\":{},\"model\":\"m\"}", { 0 }, false, false, "m" },
	{ "counts of odd types", CHAT, "{\"usage\":{" Q ":\"12\"," C ":[3],\"total_tokens\":{\"a\":1}}}", { 0 }, false, false, "" },
	{ "one count of an odd type", CHAT, "{\"usage\":{" Q ":true," C ":3}}", { 0, 0, 0, 3, 0 }, true, false, "" },
	{ "the last of two", CHAT, "{\"usage\":{" Q ":5," C ":1},\"usage\":{" Q ":6," Q ":7," C ":2}}", { 7, 0, 0, 2, 0 }, true, false, "" },
	{ "all is cached", CHAT, "{\"usage\":{" Q ":5,\"prompt_tokens_details\":{\"cached_tokens\":5}}}", { 0, 5, 0, 0, 0 }, true, false, "" },
	{ "zeros", CHAT, "{\"usage\":{" Q ":0," C ":-0}}", { 0 }, true, false, "" },
	{ "whole numbers in other spellings", CHAT, "{\"usage\":{" Q ":12.0," C ":1.5e1}}", { 12, 0, 0, 15, 0 }, true, false, "" },
	{ "the largest count", CHAT, "{\"usage\":{" Q ":1000000000," C ":1E+9}}", { 1000000000, 0, 0, 1000000000, 0 }, true, false, "" },

	/* --- nonsense --- */
	{ "negative", CHAT, "{\"usage\":{" Q ":-5," C ":7}}", { 0, 0, 0, 7, 0 }, true, true, "" },
	{ "fractional", CHAT, "{\"usage\":{" Q ":5," C ":7.5}}", { 5, 0, 0, 0, 0 }, true, true, "" },
	{ "a little fractional", CHAT, "{\"usage\":{" Q ":5," C ":7.0000000000000000000000001}}", { 5, 0, 0, 0, 0 }, true, true, "" },
	{ "not a number", CHAT, "{\"usage\":{" Q ":NaN," C ":7}}", { 0, 0, 0, 7, 0 }, true, true, "" },
	{ "infinite", CHAT, "{\"usage\":{" Q ":4," C ":Infinity}}", { 4, 0, 0, 0, 0 }, true, true, "" },
	{ "minus infinite", CHAT, "{\"usage\":{" Q ":4," C ":-Infinity}}", { 4, 0, 0, 0, 0 }, true, true, "" },
	{ "one too many", CHAT, "{\"usage\":{" Q ":1000000001," C ":7}}", { 0, 0, 0, 7, 0 }, true, true, "" },
	{ "huge", CHAT, "{\"usage\":{" Q ":123456789012345678901234567890," C ":1e999999999999}}", { 0 }, false, true, "" },
	{ "longer than any number", CHAT,
	  "{\"usage\":{" Q ":1000000000000000000000000000000000000000000000000000000000000000000000000000," C ":7}}",
	  { 0, 0, 0, 7, 0 }, true, true, "" },
	{ "tiny", CHAT, "{\"usage\":{" Q ":1e-99999999999," C ":7}}", { 0, 0, 0, 7, 0 }, true, true, "" },
	{ "more cached than there are", CHAT,
	  "{\"usage\":{" Q ":5,\"prompt_tokens_details\":{\"cached_tokens\":6}," C ":7}}", { 5, 0, 0, 7, 0 }, true, true, "" },
	{ "nonsense in what is not counted", CHAT, "{\"usage\":{" Q ":5,\"total_tokens\":-1," C ":7},\"created\":-3}", { 5, 0, 0, 7, 0 }, true, false, "" },

	/* --- decoys --- */
	{ "in the content", CHAT,
	  "{\"choices\":[{\"message\":{\"content\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":99}\"}}],\"usage\":{" Q ":5," C ":7}}",
	  { 5, 0, 0, 7, 0 }, true, false, "" },
	{ "in tool arguments", CHAT,
	  "{\"choices\":[{\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"usage\",\"arguments\":"
	  "\"{\\\"a\\\":\\\"\\\\\\\"}],\\\",\\\"usage\\\":{\\\"prompt_tokens\\\":99}}\"}}]}}],\"model\":\"m\"}",
	  { 0 }, false, false, "m" },
	{ "in nested objects", CHAT,
	  "{\"a\":{\"usage\":{" Q ":99},\"model\":\"x\"},\"b\":[{\"usage\":{" Q ":98}}],\"usage\":{\"usage\":{" Q ":97},\"x\":[" Q ",96]," Q ":5}}",
	  { 5, 0, 0, 0, 0 }, true, false, "" },
	{ "behind escapes", CHAT,
	  "{\"a\":\"\\\\\",\"usage\":{" Q ":5},\"b\":\"\\\\\\\"\\\",\\\"usage\\\":{\"}", { 5, 0, 0, 0, 0 }, true, false, "" },
	{ "in a string at the top", CHAT,
	  "{\"id\":\"a\\\",\\\"usage\\\":{\\\"prompt_tokens\\\":99},\\\"b\\\":\\\"\",\"usage\":{" Q ":5}}", { 5, 0, 0, 0, 0 }, true, false, "" },
	{ "in a string that has names outside of its escapes", CHAT,
	  "{\"id\":\"a\\\",\"usage\":{" Q ":5}}", { 0 }, false, false, "" },
	{ "as a value", CHAT, "{\"a\":\"usage\",\"b\":[\"usage\",{\"c\":1}],\"usage\":{" Q ":5}}", { 5, 0, 0, 0, 0 }, true, false, "" },
	{ "names that begin or end alike", CHAT,
	  "{\"usages\":{" Q ":9},\"usag\":{" Q ":9},\"Usage\":{" Q ":9},\"\":{" Q ":9},\"usage \":{" Q ":9},\"usage\":{\"prompt_tokens_\":9,\"prompt_token\":9}}",
	  { 0 }, false, false, "" },
	{ "brackets in strings", CHAT, "{\"a\":[\"]}\",{\"}\":\"{[\"}],\"usage\":{\"x\":\"}}\"," Q ":5}}", { 5, 0, 0, 0, 0 }, true, false, "" },
	{ "message.usage elsewhere than in message_start", CHAT,
	  "{\"type\":\"message_start\",\"message\":{\"usage\":{" Q ":9,\"input_tokens\":9}}}", { 0 }, false, false, "" },
	{ "names in escapes are names", CHAT,
	  "{\"us\\u0061ge\":{\"prompt\\u005Ftokens\":5,\"\\u0063\\u006f\\u006D\\u0070letion_tokens\":7},\"m\\u006fdel\":\"o\\/x\\u002D1\"}",
	  { 5, 0, 0, 7, 0 }, true, false, "o/x-1" },
	{ "names in other escapes are not", CHAT,
	  "{\"usage\\u0000\":{" Q ":9},\"usage\\u00e9\":{" Q ":9},\"usag\\u0165\":{" Q ":9},\"\\ud83d\\ude00\":{" Q ":9},\"usa\\nge\":{" Q ":9}}",
	  { 0 }, false, false, "" },
	{ "a list of answers", CHAT, "[{\"usage\":{" Q ":9}}]", { 0 }, false, false, "" },
	{ "a string", CHAT, "\"{\\\"usage\\\":{}}\"", { 0 }, false, false, "" },
	{ "behind the document", CHAT, "{\"model\":\"m\"}{\"usage\":{" Q ":9}}", { 0 }, false, false, "m" },
	{ "empty", CHAT, "", { 0 }, false, false, "" },
	{ "cut within usage", CHAT, "{\"model\":\"m\",\"usage\":{" Q ":5," C ":7", { 0 }, false, false, "m" },
	{ "cut behind usage", CHAT, "{\"model\":\"m\",\"usage\":{" Q ":5," C ":7}", { 5, 0, 0, 7, 0 }, true, false, "m" },
	{ "malformed before usage", CHAT, "{\"model\" \"m\",\"usage\":{" Q ":5}}", { 0 }, false, false, "" },
	{ "malformed behind usage", CHAT, "{\"usage\":{" Q ":5} \"x\":1,\"usage\":{" Q ":6}}", { 5, 0, 0, 0, 0 }, true, false, "" },

	/* --- the model of an answer --- */
	{ "a model of 63 bytes", CHAT,
	  "{\"model\":\"012345678901234567890123456789012345678901234567890123456789abc\"}", { 0 }, false, false,
	  "012345678901234567890123456789012345678901234567890123456789abc" },
	{ "a model of 64 bytes", CHAT,
	  "{\"model\":\"012345678901234567890123456789012345678901234567890123456789abcd\"}", { 0 }, false, false, "" },
	{ "a model with a control character", CHAT, "{\"model\":\"a\\nb\"}", { 0 }, false, false, "" },
	{ "a model in other letters", CHAT, "{\"model\":\"mod\xc3\xa8le\"}", { 0 }, false, false, "" },
	{ "a model that is a number", CHAT, "{\"model\":12}", { 0 }, false, false, "" },

	/* --- OpenAI, streamed --- */
	{ "usage in the last chunk", CHAT_EVENTS,
	  "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n"
	  "data: {\"model\":\"m\",\"choices\":[],\"usage\":{" Q ":20," C ":7,\"prompt_tokens_details\":{\"cached_tokens\":12}}}\n\n"
	  "data: [DONE]\n\n",
	  { 8, 12, 0, 7, 0 }, true, false, "m" },
	{ "cumulative usage, the stream cut", CHAT_EVENTS,
	  "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{" Q ":5," C ":1}}\n\n"
	  "data: {\"choices\":[{\"delta\":{\"content\":\"b\"}}],\"usage\":{" Q ":5," C ":2}}\n\n"
	  "data: {\"choices\":[{\"delta\":{\"content\":\"c\"}}],\"usage\":{" Q ":5,\"comple",
	  { 5, 0, 0, 2, 0 }, true, false, "" },
	{ "no space, CRLF, other fields, comments", CHAT_EVENTS,
	  ": hello\r\nid: 7\r\ndata:{\"usage\":{" Q ":5}}\r\n\r\n: usage\r\n\r\nretry: 5\r\nevent: x\r\ndata: {\"usage\":{" C ":2}}\r\n\r\n",
	  { 5, 0, 0, 2, 0 }, true, false, "" },
	{ "lines that end in CR", CHAT_EVENTS, "data: {\"usage\":{" Q ":5}}\r\rdata: {\"usage\":{" Q ":6}}\r\r", { 6, 0, 0, 0, 0 }, true, false, "" },
	{ "data of several lines", CHAT_EVENTS,
	  "data: {\ndata:\ndata\ndata: \"usage\" :\ndata: {" Q "\ndata:  : 12\nid: 3\ndata: }}\n\n", { 12, 0, 0, 0, 0 }, true, false, "" },
	{ "a number ends with its line", CHAT_EVENTS, "data: {\"usage\":{" Q ":1\ndata: 2," C ":3}}\n\n", { 0 }, false, false, "" },
	{ "other fields are no data", CHAT_EVENTS,
	  "dat: {\"usage\":{" Q ":9}}\ndatas: {\"usage\":{" Q ":9}}\n data: {\"usage\":{" Q ":9}}\nevent: {\"usage\":{" Q ":9}}\n"
	  ": data: {\"usage\":{" Q ":9}}\n\ndata: [DONE]\n\n", { 0 }, false, false, "" },
	{ "a broken event spoils no other", CHAT_EVENTS,
	  "data: {\"usage\":{" Q ":5\n\ndata: {\"a\":\"\n\ndata: {\"usage\":{" Q ":6," C ":1}}\n\n", { 6, 0, 0, 1, 0 }, true, false, "" },
	{ "the last event without its end", CHAT_EVENTS, "data: {\"usage\":{" Q ":6," C ":1}}", { 6, 0, 0, 1, 0 }, true, false, "" },
	{ "what a later chunk leaves out holds", CHAT_EVENTS,
	  "data: {\"usage\":{" Q ":9," C ":1,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n"
	  "data: {\"usage\":{" Q ":9," C ":2}}\n\ndata: {\"usage\":{" C ":-3}}\n\n", { 5, 4, 0, 2, 0 }, true, true, "" },

	/* --- Anthropic --- */
	{ "messages", MESSAGES,
	  "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}],"
	  "\"usage\":{\"input_tokens\":8,\"output_tokens\":7,\"cache_creation_input_tokens\":3,\"cache_read_input_tokens\":12,"
	  "\"cache_creation\":{\"ephemeral_5m_input_tokens\":3},\"server_tool_use\":null}}",
	  { 8, 12, 3, 7, 0 }, true, false, "m" },
	{ "messages, caches null", MESSAGES,
	  "{\"usage\":{\"input_tokens\":8,\"output_tokens\":7,\"cache_creation_input_tokens\":null,\"cache_read_input_tokens\":null}}",
	  { 8, 0, 0, 7, 0 }, true, false, "" },
	{ "messages, message.usage in a whole answer", MESSAGES,
	  "{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":9}},\"usage\":{\"output_tokens\":1}}", { 0, 0, 0, 1, 0 }, true, false, "" },
	{ "messages, streamed", MESSAGES_EVENTS,
	  "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"content\":[],"
	  "\"usage\":{\"input_tokens\":8,\"cache_creation_input_tokens\":3,\"cache_read_input_tokens\":12,\"output_tokens\":1}}}\n\n"
	  "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"usage\"}}\n\n"
	  "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\n"
	  "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
	  { 8, 12, 3, 15, 0 }, true, false, "m" },
	{ "messages, cut behind the start", MESSAGES_EVENTS,
	  "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":8,\"output_tokens\":1}}}\n\ndata: {\"type\":\"mess",
	  { 8, 0, 0, 1, 0 }, true, false, "" },
	{ "messages, the type at last", MESSAGES_EVENTS,
	  "data: {\"message\":{\"usage\":{\"input_tokens\":8}},\"type\":\"message_start\"}\n\n", { 8, 0, 0, 0, 0 }, true, false, "" },
	{ "messages, message.usage of another event", MESSAGES_EVENTS,
	  "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":8}}}\n\n"
	  "data: {\"message\":{\"usage\":{\"input_tokens\":99}},\"type\":\"x\"}\n\ndata: {\"message\":{\"usage\":{\"input_tokens\":98}}}\n\n"
	  "data: {\"type\":\"message_start\"}\n\n",
	  { 8, 0, 0, 0, 0 }, true, false, "" },
	{ "messages, input repeated in the delta", MESSAGES_EVENTS,
	  "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":8,\"output_tokens\":0}}}\n\n"
	  "data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":8,\"output_tokens\":15}}\n\n", { 8, 0, 0, 15, 0 }, true, false, "" },
	{ "messages, input known only in the delta", MESSAGES_EVENTS,
	  "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}}\n\n"
	  "data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":6,\"cache_read_input_tokens\":2,\"output_tokens\":15}}\n\n", { 6, 2, 0, 15, 0 }, true, false, "" },
	{ "messages, input forgotten in the delta", MESSAGES_EVENTS,
	  "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":8,\"cache_read_input_tokens\":2}}}\n\n"
	  "data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":15}}\n\n", { 8, 2, 0, 15, 0 }, true, false, "" },
	{ "messages, decoys", MESSAGES_EVENTS,
	  "data: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":99}},"
	  "\"usage\":{\"output_tokens\":99},\"partial_json\":\"{\\\"usage\\\":{\\\"input_tokens\\\":1}}\"}}\n\n", { 0 }, false, false, "" },

	/* --- audio --- */
	{ "transcription, seconds", AUDIO, "{\"text\":\"usage\",\"usage\":{\"type\":\"duration\",\"seconds\":12}}", { 0, 0, 0, 0, 12000 }, true, false, "" },
	{ "transcription, parts of a second", AUDIO, "{\"usage\":{\"seconds\":8.470000095367432,\"type\":\"duration\"}}", { 0, 0, 0, 0, 8470 }, true, false, "" },
	{ "transcription, half a millisecond", AUDIO, "{\"usage\":{\"seconds\":0.0005}}", { 0, 0, 0, 0, 1 }, true, false, "" },
	{ "transcription, less than half", AUDIO, "{\"usage\":{\"seconds\":0.0004999999999999999999999}}", { 0 }, true, false, "" },
	{ "transcription, tokens", AUDIO,
	  "{\"text\":\"a\",\"usage\":{\"type\":\"tokens\",\"input_tokens\":14,\"input_token_details\":{\"text_tokens\":0,\"audio_tokens\":14},"
	  "\"output_tokens\":45,\"total_tokens\":59}}", { 14, 0, 0, 45, 0 }, true, false, "" },
	{ "transcription, verbose", AUDIO,
	  "{\"task\":\"transcribe\",\"language\":\"en\",\"duration\":\"3.5\",\"text\":\"a\",\"segments\":[{\"id\":0,\"end\":3.5}]}",
	  { 0, 0, 0, 0, 3500 }, true, false, "" },
	{ "transcription, verbose, a number", AUDIO, "{\"duration\":8.5,\"text\":\"a\"}", { 0, 0, 0, 0, 8500 }, true, false, "" },
	{ "translation, verbose", ENDPOINT_TRANSLATIONS, METER_JSON, "{\"duration\":2}", { 0, 0, 0, 0, 2000 }, true, false, "" },
	{ "transcription, seconds before duration", AUDIO, "{\"usage\":{\"seconds\":12},\"duration\":3}", { 0, 0, 0, 0, 12000 }, true, false, "" },
	{ "transcription, duration before seconds", AUDIO, "{\"duration\":3,\"usage\":{\"seconds\":12}}", { 0, 0, 0, 0, 12000 }, true, false, "" },
	{ "transcription, duration null", AUDIO, "{\"duration\":null,\"text\":\"a\"}", { 0 }, false, false, "" },
	{ "transcription, duration negative", AUDIO, "{\"duration\":-3}", { 0 }, false, true, "" },
	{ "transcription, duration no number", AUDIO, "{\"duration\":\"inf\"}", { 0 }, false, true, "" },
	{ "transcription, duration absurd", AUDIO, "{\"duration\":\"1e300\"}", { 0 }, false, true, "" },
	{ "transcription, duration of a segment", AUDIO, "{\"segments\":[{\"duration\":3}],\"usage\":{\"duration\":4}}", { 0 }, false, false, "" },
	{ "a duration elsewhere", CHAT, "{\"duration\":3,\"usage\":{" Q ":1}}", { 1, 0, 0, 0, 0 }, true, false, "" },
	{ "transcription, streamed", AUDIO_EVENTS,
	  "data: {\"object\":\"transcription.chunk\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],"
	  "\"usage\":{\"type\":\"tokens\",\"input_tokens\":10,\"output_tokens\":1,\"total_tokens\":11}}\n\n"
	  "data: {\"choices\":[],\"usage\":{\"type\":\"tokens\",\"input_tokens\":10,\"output_tokens\":2,\"total_tokens\":12}}\n\ndata: [DONE]\n\n",
	  { 10, 0, 0, 2, 0 }, true, false, "" },

	/* --- nothing to be read --- */
	{ "text", ENDPOINT_TRANSCRIPTIONS, METER_NONE, "{\"usage\":{\"seconds\":12}}", { 0 }, false, false, "" },
};
/* clang-format on */

/* --- comparing --- */

static void
check(const struct shape *s, const struct meter_result *r, const char *how, size_t at)
{
	const struct usage *u = &r->usage;
	const struct counts *c = &s->counts;
	const struct span text = span_of(s->text);

	if (u->v[USAGE_INPUT] != c->input || u->v[USAGE_CACHE_READ] != c->cache_read ||
	    u->v[USAGE_CACHE_WRITE] != c->cache_write ||
	    u->v[USAGE_OUTPUT] != c->output || u->v[USAGE_AUDIO_MS] != c->audio_ms)
		fail_msg("%s, %s %zu: counts %llu %llu %llu %llu %llu", s->title, how, at,
		    (unsigned long long)u->v[USAGE_INPUT],
		    (unsigned long long)u->v[USAGE_CACHE_READ],
		    (unsigned long long)u->v[USAGE_CACHE_WRITE],
		    (unsigned long long)u->v[USAGE_OUTPUT],
		    (unsigned long long)u->v[USAGE_AUDIO_MS]);
	if (u->v[USAGE_REQUESTS] != 0 || u->v[USAGE_REQUESTS_CUT] != 0 ||
	    u->v[USAGE_AUDIO_BYTES] != 0 || u->v[USAGE_COST_NEUR] != 0)
		fail_msg(
		    "%s, %s %zu: counters that are not the meter's", s->title, how, at);
	if (r->usage_seen != s->seen || r->nonsense != s->nonsense)
		fail_msg("%s, %s %zu: seen %d, nonsense %d", s->title, how, at,
		    r->usage_seen, r->nonsense);
	if (strcmp(r->model, s->model) != 0)
		fail_msg("%s, %s %zu: another model", s->title, how, at);
	if (!span_eq(r->out, text))
		fail_msg("%s, %s %zu: other bytes came out", s->title, how, at);
}

/* Run a shape at each split. */
static void
run_everywhere(const struct shape *s, bool mend)
{
	const struct meter_case c = { s->endpoint, s->format, false, mend };
	const struct span text = span_of(s->text);
	struct meter_result r;

	for (size_t at = 0; at <= text.n; at++) {
		drive_cut(&c, text, at, at, &r);
		check(s, &r, "cut at", at);
	}
	for (size_t step = 1; step < 20 && step <= text.n; step++) {
		drive_steps(&c, text, step, &r);
		check(s, &r, "in steps of", step);
	}
	if (text.n > THREE_WAY_MAX)
		return;
	for (size_t a = 1; a < text.n; a++)
		for (size_t b = a + 1; b < text.n; b++) {
			drive_cut(&c, text, a, b, &r);
			check(s, &r, "cut at and after", a);
		}
}

static void
each_shape_is_read_alike_at_each_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		run_everywhere(&shapes[i], false);
}

static void
mending_changes_no_sound_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (shapes[i].format == METER_EVENTS)
			run_everywhere(&shapes[i], true);
}

/* --- large answers --- */

enum { LARGE = 2 * 1024 * 1024 };

/* The text: before, n times fill, middle, n times fill_back, after. */
static char *
filled(const char *const part[3], const char fill[2], size_t n, struct span *out)
{
	char *text = malloc(strlen(part[0]) + strlen(part[1]) + strlen(part[2]) + 2 * n);
	size_t at = 0;

	assert_non_null(text);
	for (size_t i = 0; i < 3; i++) {
		const struct span s = span_of(part[i]);

		if (s.n > 0)
			memcpy(text + at, s.p, s.n);
		at += s.n;
		if (i < 2) {
			memset(text + at, fill[i], n);
			at += n;
		}
	}
	*out = (struct span){ text, at };
	return text;
}

/* Read text in pieces of step bytes; all of it must come out, and input be counted. */
static void
run_large(const struct meter_case *c, struct span text, size_t step, uint64_t input)
{
	struct meter_drive d;
	struct meter_result r;
	size_t sent = 0;

	drive_begin(&d, c);
	for (size_t i = 0; i < text.n; i += step) {
		drive_feed(&d,
		    (struct span){ text.p + i, text.n - i < step ? text.n - i : step });
		assert_memory_equal(d.out, text.p + sent, d.out_n);
		sent += d.out_n;
		d.out_n = 0;
	}
	drive_end(&d, &r);
	assert_int_equal(sent + r.out.n, text.n);
	assert_memory_equal(r.out.p, text.p + sent, r.out.n);
	assert_int_equal(r.usage.v[USAGE_INPUT], input);
	assert_false(r.nonsense);
}

static void
size_and_depth_make_no_difference(void **state)
{
	/* clang-format off */
	static const struct {
		const char *const part[3];
		char fill[2];
		uint64_t input;
	} row[] = {
		{ { "{\"usage\":{" Q ":4},\"a\":\"", "\",\"b\":\"", "\",\"usage\":{" Q ":5}}" }, "xy", 5 },
		{ { "{\"a\":\"", "\",\"usage\":{" Q ":5},\"b\":\"", "\"}" }, "\\\"", 5 },
		{ { "{\"a\":\"", "\",\"usage\":{" Q ":5},\"b\":[", "]}" }, "\\ ", 5 },
		{ { "{\"a\":", "\"]}\"", ",\"usage\":{" Q ":5}}" }, "[]", 5 },
		{ { "{\"usage\":{" Q ":5,\"prompt_tokens_details\":{\"x\":", "", "}}}" }, "[]", 5 },
		{ { "{\"a\":", "", "" }, "[{", 0 },
		{ { "{\"usage\":", "", ",\"usage\":{" Q ":5}}" }, "[]", 5 },
		{ { "{\"", "\":1,\"a\":1", "2,\"usage\":{" Q ":5}}" }, "u0", 5 },
		{ { "{\"usage\":\"", "\",\"model\":\"", "\",\"usage\":{" Q ":5}}" }, "xy", 5 },
		{ { "{\"created\":", ",\"usage\":", ",\"usage\":{" Q ":5}}" }, "1n", 5 },
	};
	/* clang-format on */
	static const size_t steps[] = { 4093, 65536, 1000003, SIZE_MAX / 2 };
	static const struct meter_case as_json = { ENDPOINT_CHAT, METER_JSON, true, true };
	static const struct meter_case as_event = { ENDPOINT_CHAT, METER_EVENTS, true,
		true };

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct span text;
		char *whole = filled(row[i].part, row[i].fill, LARGE, &text);
		char *event = malloc(text.n + 8);

		assert_non_null(event);
		memcpy(event, "data: ", 6);
		memcpy(event + 6, text.p, text.n);
		memcpy(event + 6 + text.n, "\n\n", 2);
		for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
			run_large(&as_json, text, steps[k], row[i].input);
			run_large(&as_event, (struct span){ event, text.n + 8 }, steps[k],
			    row[i].input);
		}
		free(event);
		free(whole);
	}
}

static void
counts_are_known_before_the_bytes_that_say_them_go_out(void **state)
{
	static const char text[] = "data: {\"usage\":{" Q ":5," C ":7}}\n\n";
	static const struct meter_case c = { ENDPOINT_CHAT, METER_EVENTS, false, false };
	struct meter_drive d;
	struct meter_result r;

	(void)state;
	drive_begin(&d, &c);
	drive_feed(&d, (struct span){ text, sizeof(text) - 5 });
	assert_false(d.m.usage_seen);
	drive_feed(&d, SPAN("}"));
	assert_true(d.m.usage_seen);
	assert_int_equal(d.m.usage.v[USAGE_OUTPUT], 7);
	drive_end(&d, &r);
}

static void
the_structs_stay_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct meter_request) <= 400);
	assert_true(sizeof(struct meter_answer) <= 700);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_shape_is_read_alike_at_each_split),
		cmocka_unit_test(mending_changes_no_sound_answer),
		cmocka_unit_test(size_and_depth_make_no_difference),
		cmocka_unit_test(counts_are_known_before_the_bytes_that_say_them_go_out),
		cmocka_unit_test(the_structs_stay_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
