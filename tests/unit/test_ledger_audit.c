/* The audit: a chain that shows what was altered, taken out, put in or cut off. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/ledger_audit.h"
#include "admin/ledger_store.h"
#include "tests/unit/ledger_bench.h"

enum { VALUE_BYTES = 512 };

static void
append(struct ledger_bench *b, int64_t at_ms, const char *text)
{
	assert_int_equal(ledger_audit_append(b->ledger, at_ms, span_of(text), NULL), 0);
}

static void
append_five(struct ledger_bench *b)
{
	append(b, 1000, "{\"action\":\"key.create\"}");
	append(b, 2000, "");
	append(b, 3000, "three");
	append(b, 4000, "four");
	append(b, 5000, "five");
}

static struct ledger_audit_state
verify(struct ledger_bench *b, int code)
{
	struct ledger_audit_state s;

	assert_int_equal(ledger_audit_verify(b->ledger, &s), code);
	return s;
}

/* Read a record's bytes as they lie in the table. */
static struct span
raw(struct ledger_bench *b, uint8_t seq, char value[VALUE_BYTES])
{
	const char key[] = { 0, 0, 0, 0, 0, 0, 0, (char)seq };
	size_t n = 0;

	assert_int_equal(ledger_get(b->ledger, LEDGER_AUDIT, (struct span){ key, 8 },
			     value, VALUE_BYTES, &n),
	    0);
	return (struct span){ value, n };
}

/* Put bytes under a record's number, or delete it (n 0), past the audit's back. */
static void
tamper(struct ledger_bench *b, uint8_t seq, struct span value)
{
	const char key[] = { 0, 0, 0, 0, 0, 0, 0, (char)seq };
	const struct span k = { key, 8 };
	int r;

	assert_int_equal(ledger_begin(b->ledger), 0);
	r = value.n > 0 ? ledger_put(b->ledger, LEDGER_AUDIT, k, value)
			: ledger_del(b->ledger, LEDGER_AUDIT, k);
	assert_int_equal(ledger_end(b->ledger, r), 0);
}

struct collected {
	char text[256];
	uint64_t stop_at;
};

static int
collect(const struct ledger_audit_record *record, void *arg)
{
	struct collected *c = arg;
	size_t n = strlen(c->text);

	snprintf(c->text + n, sizeof(c->text) - n, "%d@%d=%.*s;", (int)record->seq,
	    (int)record->at_ms, (int)record->text.n, record->text.p);
	return record->seq == c->stop_at ? 33 : 0;
}

static void
records_come_back_in_order_after_a_restart(void **state)
{
	struct ledger_bench *b = *state;
	struct collected c = { .stop_at = 0 };
	uint64_t seq = 0;

	append_five(b);
	assert_int_equal(ledger_bench_again(b), 0);
	assert_int_equal(ledger_audit_append(b->ledger, 6000, SPAN("six"), &seq), 0);
	assert_int_equal(seq, 6);
	assert_int_equal(ledger_audit_read(b->ledger, 3, collect, &c), 0);
	assert_string_equal(c.text, "3@3000=three;4@4000=four;5@5000=five;6@6000=six;");
	c = (struct collected){ .stop_at = 2 };
	assert_int_equal(ledger_audit_read(b->ledger, 0, collect, &c), 33);
	assert_string_equal(c.text, "1@1000={\"action\":\"key.create\"};2@2000=;");
	assert_int_equal(verify(b, 0).records, 6);
}

static void
an_empty_chain_is_whole(void **state)
{
	const struct ledger_audit_state s = verify(*state, 0);

	assert_int_equal(s.records, 0);
	assert_int_equal(s.first_bad, 0);
}

static void
an_altered_record_shows(void **state)
{
	struct ledger_bench *b = *state;
	char value[VALUE_BYTES];
	struct span bytes;

	append_five(b);
	bytes = raw(b, 3, value);
	for (size_t i = 0; i < bytes.n; i++) { /* hash, time, text */
		value[i] ^= 1;
		tamper(b, 3, bytes);
		assert_int_equal(verify(b, LEDGER_CHAIN).first_bad, 3);
		assert_int_equal(verify(b, LEDGER_CHAIN).records, 2);
		value[i] ^= 1;
	}
	tamper(b, 3, bytes);
	assert_int_equal(verify(b, 0).records, 5);
	tamper(b, 3, SPAN("short"));
	assert_int_equal(verify(b, LEDGER_CHAIN).first_bad, 3);
}

static void
a_record_taken_out_or_cut_off_shows(void **state)
{
	struct ledger_bench *b = *state;
	char value[VALUE_BYTES];
	struct span bytes;

	append_five(b);
	bytes = raw(b, 4, value);
	tamper(b, 4, (struct span){ NULL, 0 });
	assert_int_equal(verify(b, LEDGER_CHAIN).first_bad, 4);
	tamper(b, 4, bytes);
	verify(b, 0);
	tamper(b, 5, (struct span){ NULL, 0 });
	assert_int_equal(verify(b, LEDGER_CHAIN).first_bad, 5);
	tamper(b, 5, bytes); /* another's record in its place */
	assert_int_equal(verify(b, LEDGER_CHAIN).first_bad, 5);
}

static void
a_record_put_in_behind_the_end_shows(void **state)
{
	struct ledger_bench *b = *state;
	char value[VALUE_BYTES];

	append_five(b);
	tamper(b, 6, raw(b, 5, value));
	assert_int_equal(verify(b, LEDGER_CHAIN).first_bad, 6);
}

static void
old_records_go_and_the_rest_stays_whole(void **state)
{
	struct ledger_bench *b = *state;
	struct ledger_audit_state s;
	size_t removed;

	append_five(b);
	assert_int_equal(ledger_audit_retain(b->ledger, 1000, 10, &removed), 0);
	assert_int_equal(removed, 0);
	assert_int_equal(ledger_audit_retain(b->ledger, 4000, 2, &removed), 0);
	assert_int_equal(removed, 2);
	assert_int_equal(ledger_audit_retain(b->ledger, 4000, 2, &removed), 0);
	assert_int_equal(removed, 1);
	s = verify(b, 0);
	assert_int_equal(s.records, 2);
	assert_int_equal(s.last_seq, 5);
	tamper(b, 4, (struct span){ NULL, 0 });
	assert_int_equal(verify(b, LEDGER_CHAIN).first_bad, 4);
	tamper(b, 5, (struct span){ NULL, 0 });
	assert_int_equal(ledger_audit_retain(b->ledger, INT64_MAX, 9, &removed), 0);
	assert_int_equal(verify(b, LEDGER_CHAIN).first_bad, 4);
}

static void
all_may_go_and_the_numbers_go_on(void **state)
{
	struct ledger_bench *b = *state;
	size_t removed;

	append_five(b);
	assert_int_equal(ledger_audit_retain(b->ledger, INT64_MAX, 9, &removed), 0);
	assert_int_equal(removed, 5);
	assert_int_equal(verify(b, 0).records, 0);
	append(b, 6000, "six");
	assert_int_equal(verify(b, 0).last_seq, 6);
}

static void
a_text_has_a_bound(void **state)
{
	static char text[LEDGER_AUDIT_MAX + 1];
	struct ledger_bench *b = *state;

	memset(text, 'x', sizeof(text));
	assert_int_equal(
	    ledger_audit_append(b->ledger, 1, (struct span){ text, sizeof(text) }, NULL),
	    ERR_TOO_LARGE);
	assert_int_equal(ledger_audit_append(
			     b->ledger, 1, (struct span){ text, sizeof(text) - 1 }, NULL),
	    0);
	assert_int_equal(verify(b, 0).records, 1);
}

#define BENCH(test)                                                                      \
	cmocka_unit_test_setup_teardown(test, ledger_bench_up, ledger_bench_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH(records_come_back_in_order_after_a_restart),
		BENCH(an_empty_chain_is_whole),
		BENCH(an_altered_record_shows),
		BENCH(a_record_taken_out_or_cut_off_shows),
		BENCH(a_record_put_in_behind_the_end_shows),
		BENCH(old_records_go_and_the_rest_stays_whole),
		BENCH(all_may_go_and_the_numbers_go_on),
		BENCH(a_text_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
