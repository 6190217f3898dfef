/*
 * The Python proxy's usage file: every form that is read, what counts as nonsense, what is
 * a fault and how it is named, and ids that stay when the file grows.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/usage_file.h"
#include "tests/unit/tempdir.h"

static const int64_t now_ms = 1800000000000;

static struct usage_file *
load(struct tempdir *t, const char *text)
{
	struct usage_file *f = NULL;
	struct errmsg why = { "" };

	tempdir_write(t, text);
	if (usage_file_load(t->file, now_ms, &f, &why) != 0)
		fail_msg("%s", why.text);
	return f;
}

static void
faulty(struct tempdir *t, int code, const char *text, const char *said)
{
	struct usage_file *f = NULL;
	struct errmsg why = { "" };
	char whole[512];

	tempdir_write(t, text);
	assert_int_equal(usage_file_load(t->file, now_ms, &f, &why), code);
	assert_null(f);
	snprintf(whole, sizeof(whole), "%s: %s", t->file, said);
	assert_string_equal(why.text, whole);
}

static void
the_proxys_own_form_is_read(void **state)
{
	struct usage_file *f = load(*state,
	    "{\"records\": [{\"timestamp\": 1700000000.123456, \"key_id\": \"team-a\","
	    " \"model\": \"gpt-oss-120b\", \"endpoint\": \"chat\", \"prompt_tokens\": 10,"
	    " \"completion_tokens\": 5, \"total_tokens\": 15, \"audio_bytes\": 0,"
	    " \"cost_eur\": 7.500000000000001e-05}]}");
	const struct ledger_import *v = usage_file_records(f);

	assert_int_equal(usage_file_count(f), 1);
	assert_int_equal(usage_file_odd(f), 0);
	assert_int_equal(v->key.hour, 1700000000 / 3600);
	assert_string_equal(v->key.key_id, "team-a");
	assert_string_equal(v->key.model, "gpt-oss-120b");
	assert_string_equal(v->key.endpoint, "chat");
	assert_false(v->grows);
	assert_int_equal(v->counters.v[LEDGER_REQUESTS], 1);
	assert_int_equal(v->counters.v[LEDGER_INPUT_TOKENS], 10);
	assert_int_equal(v->counters.v[LEDGER_OUTPUT_TOKENS], 5);
	assert_int_equal(v->counters.v[LEDGER_COST_NEUR], 75000);
	usage_file_destroy(&f);
}

static void
other_names_of_the_fields_are_read(void **state)
{
	struct usage_file *f = load(*state,
	    "[{\"time\": \"2023-11-14T22:13:20Z\", \"key_id\": \"a\", \"input_tokens\": 1,"
	    " \"output_tokens\": 2, \"tokens\": 7, \"cost\": 12},"
	    " {\"ts\": 1700000000123, \"key_id\": \"a\", \"model\": null, \"more\": [1]}]");
	const struct ledger_import *v = usage_file_records(f);

	assert_int_equal(usage_file_count(f), 2);
	assert_int_equal(v[0].key.hour, 1700000000 / 3600);
	assert_int_equal(v[1].key.hour, 1700000000 / 3600);
	assert_string_equal(v[0].key.model, "other");
	assert_string_equal(v[1].key.endpoint, "other");
	assert_int_equal(v[0].counters.v[LEDGER_INPUT_TOKENS], 5); /* 7 - 1 - 2 more */
	assert_int_equal(v[0].counters.v[LEDGER_OUTPUT_TOKENS], 2);
	assert_int_equal(v[0].counters.v[LEDGER_COST_NEUR], INT64_C(12000000000));
	usage_file_destroy(&f);
}

static void
totals_by_key_are_read_and_may_grow(void **state)
{
	struct usage_file *f = load(*state,
	    "{\"a\": {\"requests\": 3, \"tokens\": 30, \"cost_eur\": 0.00015},"
	    " \"b\": {\"by_model\": {\"m\": {\"requests\": 1, \"audio_bytes\": 9},"
	    " \"n\": {\"requests\": 2, \"time\": 1700000000}}}}");
	const struct ledger_import *v = usage_file_records(f);

	assert_int_equal(usage_file_count(f), 3);
	assert_true(v[0].grows && v[1].grows && v[2].grows);
	assert_string_equal(v[0].key.key_id, "a");
	assert_int_equal(v[0].key.hour, now_ms / 3600000);
	assert_int_equal(v[0].counters.v[LEDGER_REQUESTS], 3);
	assert_int_equal(v[0].counters.v[LEDGER_INPUT_TOKENS], 30);
	assert_int_equal(v[0].counters.v[LEDGER_COST_NEUR], 150000);
	assert_string_equal(v[1].key.model, "m");
	assert_int_equal(v[1].counters.v[LEDGER_AUDIO_BYTES], 9);
	assert_int_equal(v[2].key.hour, 1700000000 / 3600);
	usage_file_destroy(&f);
}

static void
nothing_is_a_file_of_no_records(void **state)
{
	static const char *const empty[] = { "{}", "[]", "{\"records\": []}" };

	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		struct usage_file *f = load(*state, empty[i]);

		assert_int_equal(usage_file_count(f), 0);
		usage_file_destroy(&f);
	}
}

#define WITH(field) "[{\"ts\": 1700000000, \"key_id\": \"a\", " field "}]"

static void
counts_that_make_no_sense_are_left_out(void **state)
{
	static const char *const odd[] = { WITH("\"prompt_tokens\": -1"),
		WITH("\"prompt_tokens\": 1.5"), WITH("\"prompt_tokens\": 1e30"),
		WITH("\"prompt_tokens\": 123456789012345678901234567890"),
		WITH("\"completion_tokens\": -7"), WITH("\"audio_bytes\": 1e16"),
		WITH("\"cost_eur\": -0.1"), WITH("\"cost_eur\": 1e10") };

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct usage_file *f = load(*state, odd[i]);
		const struct ledger_import *v = usage_file_records(f);

		assert_int_equal(usage_file_odd(f), 1);
		assert_int_equal(v->counters.v[LEDGER_REQUESTS], 1);
		for (int c = LEDGER_REQUESTS + 1; c < LEDGER_COUNTERS; c++)
			assert_int_equal(v->counters.v[c], 0);
		usage_file_destroy(&f);
	}
}

static void
faults_are_named_by_entry_and_field(void **state)
{
	struct tempdir *t = *state;

	faulty(t, ERR_SYNTAX, "{\"records\": [", "no JSON at line 1, column 13");
	faulty(t, ERR_INVALID, "7", "neither a list nor an object: no usage file");
	faulty(t, ERR_INVALID, "{\"records\": 7}", "records: must be a list");
	faulty(t, ERR_INVALID, "[{\"ts\": 1, \"key_id\": \"a\"}, 7]",
	    "records[1]: must be an object");
	faulty(
	    t, ERR_INVALID, "[{\"key_id\": \"a\"}]", "records[0]: timestamp: is missing");
	faulty(t, ERR_INVALID, "[{\"time\": \"soon\", \"key_id\": \"a\"}]",
	    "records[0]: time: is no time");
	faulty(t, ERR_INVALID, "[{\"ts\": -5, \"key_id\": \"a\"}]",
	    "records[0]: ts: is no time");
	faulty(t, ERR_INVALID, "[{\"ts\": [], \"key_id\": \"a\"}]",
	    "records[0]: ts: must be a time");
	faulty(t, ERR_INVALID, "[{\"ts\": 1}]", "records[0]: key_id: is missing");
	faulty(t, ERR_INVALID, "[{\"ts\": 1, \"key_id\": \"\"}]",
	    "records[0]: key_id: is empty");
	faulty(t, ERR_INVALID, "[{\"ts\": 1, \"key_id\": 5}]",
	    "records[0]: key_id: must be a text");
	faulty(t, ERR_INVALID, WITH("\"model\": {}"), "records[0]: model: must be a text");
	faulty(t, ERR_INVALID, WITH("\"input_tokens\": \"5\""),
	    "records[0]: input_tokens: must be a number");
	faulty(t, ERR_INVALID, "{\"a\": {}, \"b\": 7}",
	    "keys[1]: neither `records` nor totals of a key");
	faulty(t, ERR_INVALID, "{\"a\": {\"by_model\": []}}",
	    "keys[0]: by_model: must be an object of objects");
	faulty(t, ERR_INVALID, "{\"a\": {\"by_model\": {\"m\": 1}}}",
	    "keys[0]: by_model: must be an object of objects");
}

static void
a_file_that_is_not_there_is_named(void **state)
{
	struct tempdir *t = *state;
	struct usage_file *f = NULL;
	struct errmsg why;

	assert_int_equal(usage_file_load(t->file, now_ms, &f, &why), -ENOENT);
	assert_non_null(strstr(why.text, t->file));
}

#define ONE "{\"ts\": 1700000000.5, \"key_id\": \"a\", \"tokens\": 1}"
#define TWO "{\"ts\": 1700000000.5, \"key_id\": \"a\", \"tokens\": 2}"

static bool
same_id(const struct ledger_import *a, const struct ledger_import *b)
{
	return span_eq(a->id, b->id);
}

static void
ids_stay_when_the_file_grows_and_twins_are_two(void **state)
{
	struct usage_file *before = load(*state, "[" ONE "," TWO "," ONE "]");
	struct usage_file *after = load(*state, "[" ONE "," TWO "," ONE "," ONE "]");
	const struct ledger_import *a = usage_file_records(before);
	const struct ledger_import *b = usage_file_records(after);

	for (size_t i = 0; i < 3; i++)
		assert_true(same_id(&a[i], &b[i]));
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < i; k++)
			assert_false(same_id(&b[i], &b[k]));
	usage_file_destroy(&before);
	usage_file_destroy(&after);
}

static void
of_a_total_the_id_stays_when_it_has_grown(void **state)
{
	struct usage_file *before = load(*state, "{\"a\": {\"requests\": 1}}");
	struct usage_file *after =
	    load(*state, "{\"b\": {}, \"a\": {\"requests\": 2, \"time\": 1700000000}}");
	const struct ledger_import *a = usage_file_records(before);
	const struct ledger_import *b = usage_file_records(after);

	assert_true(same_id(&a[0], &b[1]));
	assert_false(same_id(&a[0], &b[0]));
	usage_file_destroy(&before);
	usage_file_destroy(&after);
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, tempdir_make, tempdir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(the_proxys_own_form_is_read),
		BENCH(other_names_of_the_fields_are_read),
		BENCH(totals_by_key_are_read_and_may_grow),
		BENCH(nothing_is_a_file_of_no_records),
		BENCH(counts_that_make_no_sense_are_left_out),
		BENCH(faults_are_named_by_entry_and_field),
		BENCH(a_file_that_is_not_there_is_named),
		BENCH(ids_stay_when_the_file_grows_and_twins_are_two),
		BENCH(of_a_total_the_id_stays_when_it_has_grown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
