/*
 * Fuzz worker/meter: a body at once, byte by byte and in pieces must give the same, and
 * that must be what a slow reading of it gives. Bytes 0 and 1 of an input say how the
 * rest is read and how it is cut; both are letters in the corpus, see mode_of().
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/fuzz/meter_reference.h"

enum { FUZZ_MAX_INPUT = 20000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Say which promise is broken, and stop. */
#define CHECK(holds)                                                                     \
	do {                                                                             \
		if (!(holds)) {                                                          \
			fprintf(stderr, "line %d: %s\n", __LINE__, #holds);              \
			abort();                                                         \
		}                                                                        \
	} while (0)

/* What the first byte says, bit by bit: 1 drop, 2 mend, 4 JSON (else events), 24 the
 * endpoint. So C is a chat's stream with both filters, D a chat's JSON, H and L the same
 * of messages, P and T of transcriptions. (a is a JSON request and b a form.) */
static struct meter_case
mode_of(unsigned letter)
{
	static const enum endpoint endpoints[] = { ENDPOINT_CHAT, ENDPOINT_MESSAGES,
		ENDPOINT_TRANSCRIPTIONS, ENDPOINT_OTHER };

	return (struct meter_case){ .endpoint = endpoints[letter >> 3 & 3],
		.format = (letter & 4) != 0 ? METER_JSON : METER_EVENTS,
		.drop = (letter & 1) != 0,
		.mend = (letter & 2) != 0 };
}

/* --- requests --- */

static void
read_request(struct meter_request *m, enum meter_format f, struct span text, size_t step)
{
	memset(m, 0x5a, sizeof(*m));
	meter_request_init(m, f, SPAN("b"));
	for (size_t i = 0; i < text.n; i += step)
		meter_request_feed(m,
		    (struct span){ text.p + i, text.n - i < step ? text.n - i : step });
}

static void
check_json_request(const struct meter_request *m, struct span text)
{
	json_t *root = reference_parse(text);
	const json_t *model = json_object_get(root, "model");
	const json_t *options = json_object_get(root, "stream_options");

	if (root != NULL) {
		struct reference r = { .seen = false };

		reference_model(&r, model);
		CHECK(strcmp(m->model, r.model) == 0);
		CHECK(m->model_seen == json_is_string(model));
		CHECK(m->include_usage ==
		    json_is_true(json_object_get(options, "include_usage")));
	}
	json_decref(root);
}

static void
fuzz_request(enum meter_format f, struct span text, size_t step)
{
	struct meter_request whole, pieces;

	read_request(&whole, f, text, text.n + 1);
	for (size_t i = 1; i <= step; i += step > 1 ? step - 1 : 1) {
		read_request(&pieces, f, text, i);
		CHECK(strcmp(whole.model, pieces.model) == 0);
		CHECK(whole.model_seen == pieces.model_seen);
		CHECK(whole.include_usage == pieces.include_usage);
	}
	if (f == METER_JSON)
		check_json_request(&whole, text);
}

/* --- answers --- */

static void
check_same(const struct meter_result *a, const struct meter_result *b)
{
	CHECK(memcmp(&a->usage, &b->usage, sizeof(a->usage)) == 0);
	CHECK(a->usage_seen == b->usage_seen && a->nonsense == b->nonsense);
	CHECK(a->at_event_end == b->at_event_end);
	CHECK(strcmp(a->model, b->model) == 0);
	CHECK(span_eq(a->out, b->out));
}

static void
check_reference(
    const struct meter_case *c, const struct meter_result *got, struct span text)
{
	static char out[FUZZ_MAX_INPUT];
	struct reference r;
	struct usage usage;

	reference_run(&r, c, text, out);
	if (!c->drop && !c->mend)
		CHECK(span_eq(got->out, text));
	if (r.unsure)
		return;
	reference_sum(&r, &usage);
	CHECK(span_eq(got->out, (struct span){ r.out, r.out_n }));
	CHECK(memcmp(&got->usage, &usage, sizeof(usage)) == 0);
	CHECK(got->usage_seen == r.seen && got->nonsense == r.nonsense);
	CHECK(strcmp(got->model, r.model) == 0);
}

static void
fuzz_answer(const struct meter_case *c, struct span text, size_t step)
{
	static char kept[FUZZ_MAX_INPUT];
	struct meter_result whole, pieces;

	drive_steps(c, text, text.n + 1, &whole);
	CHECK(whole.out.n <= text.n);
	memcpy(kept, whole.out.p, whole.out.n);
	whole.out.p = kept;
	drive_steps(c, text, 1, &pieces);
	check_same(&whole, &pieces);
	drive_steps(c, text, step, &pieces);
	check_same(&whole, &pieces);
	drive_cut(c, text, text.n < step ? text.n : step, text.n, &pieces);
	check_same(&whole, &pieces);
	check_reference(c, &whole, text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct meter_case c;
	struct span text;

	if (size < 2 || size > FUZZ_MAX_INPUT)
		return 0;
	c = mode_of(data[0]);
	text = (struct span){ (const char *)data + 2, size - 2 };
	if ((data[0] & 0xe0) == 0x60) /* a to z */
		fuzz_request(
		    c.drop ? METER_JSON : METER_MULTIPART, text, 1U + data[1] % 64);
	else
		fuzz_answer(&c, text, 1U + data[1]);
	return 0;
}
