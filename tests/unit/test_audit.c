/* The audit in the admin process: records reach the chain in order, wait while the ledger is
 * closed, are cut where they are too long, and what is lost is told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/audit.h"
#include "admin/ledger_audit.h"
#include "common/clock.h"
#include "common/log.h"
#include "tests/unit/ledger_bench.h"

enum { RETRY_MS = 100, PATIENCE_MS = 20000 };

struct bench {
	char dir[64];
	struct config config;
	struct event_base *base;
	struct flush *flush;
	struct audit *audit;
	json_t *found;
};

static const struct audit_actor session = { AUDIT_SESSION, "ab12", "192.0.2.1" };

static void
on_give_up(void *arg)
{
	(void)arg;
	abort();
}

static int
up(void **state)
{
	static char none[] = "/nonexistent/usage.json";
	struct bench *b = calloc(1, sizeof(*b));
	struct flush_options o;

	log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
	*state = b;
	if (b == NULL)
		return -1;
	snprintf(b->dir, sizeof(b->dir), "/tmp/gatehouse-test-audit-XXXXXX");
	if (mkdtemp(b->dir) == NULL)
		return -1;
	b->config.data_dir = b->dir;
	b->config.usage_file = none;
	b->base = event_base_new();
	b->found = json_array();
	o = (struct flush_options){ &b->config, 0, RETRY_MS, on_give_up, b };
	if (b->base == NULL || flush_create(b->base, &o, &b->flush) != 0)
		return -1;
	flush_begin(b->flush);
	return audit_create(b->base, b->flush, &b->audit);
}

static int
down(void **state)
{
	struct bench *b = *state;

	audit_destroy(&b->audit);
	flush_destroy(&b->flush);
	event_base_free(b->base);
	json_decref(b->found);
	ledger_bench_remove(b->dir);
	free(b);
	return 0;
}

static int
add_found(const struct ledger_audit_record *r, void *arg)
{
	return json_array_append_new(arg, audit_record_json(r));
}

/* All records of the chain, which must be whole. */
static json_t *
read_all(struct bench *b)
{
	struct ledger_audit_state whole;

	json_array_clear(b->found);
	assert_non_null(flush_ledger(b->flush));
	assert_int_equal(ledger_audit_verify(flush_ledger(b->flush), &whole), 0);
	assert_int_equal(
	    ledger_audit_read(flush_ledger(b->flush), 0, add_found, b->found), 0);
	return b->found;
}

static const char *
text_of(const json_t *record, const char *name)
{
	return json_string_value(json_object_get(record, name));
}

static void
a_record_is_in_the_chain_at_once(void **state)
{
	struct bench *b = *state;
	const json_t *r;

	audit_note(b->audit, &session, "key.create", "team-a",
	    json_pack("{s:[n, i]}", "rate_limit", 10));
	assert_int_equal(json_array_size(read_all(b)), 1);
	r = json_array_get(b->found, 0);
	assert_int_equal(json_integer_value(json_object_get(r, "seq")), 1);
	assert_string_equal(text_of(json_object_get(r, "actor"), "kind"), "session");
	assert_string_equal(text_of(json_object_get(r, "actor"), "id"), "ab12");
	assert_string_equal(text_of(r, "from"), "192.0.2.1");
	assert_string_equal(text_of(r, "action"), "key.create");
	assert_string_equal(text_of(r, "target"), "team-a");
	assert_int_equal(
	    json_integer_value(json_array_get(
		json_object_get(json_object_get(r, "detail"), "rate_limit"), 1)),
	    10);
}

static void
what_is_missing_is_null(void **state)
{
	const struct audit_actor nobody = { AUDIT_NOBODY, NULL, NULL };
	struct bench *b = *state;
	const json_t *r;

	audit_note(b->audit, &nobody, "session.refused", NULL, NULL);
	r = json_array_get(read_all(b), 0);
	assert_true(json_is_null(json_object_get(r, "target")));
	assert_true(json_is_null(json_object_get(r, "from")));
	assert_true(json_is_null(json_object_get(json_object_get(r, "actor"), "id")));
	assert_int_equal(json_object_size(json_object_get(r, "detail")), 0);
}

static void
markup_quotes_and_broken_utf8_stay_text(void **state)
{
	struct bench *b = *state;
	const json_t *r;

	audit_note(b->audit, &session, "key.create", "\"<b>'\\ \xff \xc3\xa4", NULL);
	r = json_array_get(read_all(b), 0);
	assert_string_equal(text_of(r, "target"), "\"<b>'\\ \xef\xbf\xbd \xc3\xa4");
}

static void
what_is_too_long_is_cut_and_says_so(void **state)
{
	struct bench *b = *state;
	char text[LEDGER_AUDIT_MAX + 1];
	const json_t *r;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	audit_note(b->audit, &session, "key.create", text, NULL);
	audit_note(b->audit, &session, "key.set", "a", json_pack("{s:s}", "d", text));
	assert_int_equal(json_array_size(read_all(b)), 2);
	r = json_array_get(b->found, 0);
	assert_int_equal(strlen(text_of(r, "target")), AUDIT_TEXT_FIELD);
	r = json_array_get(b->found, 1);
	assert_true(json_is_true(json_object_get(json_object_get(r, "detail"), "cut")));
}

/* Run the loop until the ledger is (not) open. */
static void
wait_open(struct bench *b, bool open)
{
	const uint64_t until = clock_mono_ms() + PATIENCE_MS;

	while ((flush_ledger(b->flush) != NULL) != open && clock_mono_ms() < until)
		assert_int_equal(event_base_loop(b->base, EVLOOP_ONCE), 0);
	assert_int_equal(flush_ledger(b->flush) != NULL, open);
}

/* A flush that finds the ledger taken by somebody else, who is given out. */
static struct ledger *
take_ledger(struct bench *b)
{
	const struct flush_options o = { &b->config, 0, RETRY_MS, on_give_up, b };
	struct ledger *other = NULL;
	struct errmsg why;

	audit_destroy(&b->audit);
	flush_destroy(&b->flush);
	assert_int_equal(ledger_bench_open_at(b->dir, 0, &other, &why), 0);
	assert_int_equal(flush_create(b->base, &o, &b->flush), 0);
	flush_begin(b->flush);
	assert_null(flush_ledger(b->flush));
	assert_int_equal(audit_create(b->base, b->flush, &b->audit), 0);
	return other;
}

/* Run the loop until the chain has n records. */
static void
wait_records(struct bench *b, size_t n)
{
	const uint64_t until = clock_mono_ms() + PATIENCE_MS;

	while (json_array_size(read_all(b)) < n && clock_mono_ms() < until)
		assert_int_equal(event_base_loop(b->base, EVLOOP_ONCE), 0);
	assert_int_equal(json_array_size(b->found), n);
}

static void
records_wait_in_order_while_the_ledger_is_closed(void **state)
{
	static const char *const actions[] = { "a", "b", "c" };
	struct bench *b = *state;
	struct ledger *other = take_ledger(b);

	audit_note(b->audit, &session, "a", NULL, NULL);
	audit_note(b->audit, &session, "b", NULL, NULL);
	ledger_close(&other);
	wait_open(b, true);
	audit_note(b->audit, &session, "c", NULL, NULL);
	wait_records(b, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(
		    text_of(json_array_get(b->found, i), "action"), actions[i]);
}

static void
what_is_lost_is_told_in_the_audit(void **state)
{
	struct bench *b = *state;
	struct ledger *other = take_ledger(b);
	const json_t *last;

	for (int i = 0; i < 1010; i++)
		audit_note(b->audit, &session, "x", NULL, NULL);
	ledger_close(&other);
	wait_open(b, true);
	wait_records(b, 1001);
	last = json_array_get(b->found, 1000);
	assert_string_equal(text_of(last, "action"), "audit.lost");
	assert_string_equal(text_of(json_object_get(last, "actor"), "kind"), "system");
	assert_int_equal(json_integer_value(
			     json_object_get(json_object_get(last, "detail"), "records")),
	    10);
}

static void
the_end_makes_a_last_try(void **state)
{
	struct bench *b = *state;
	struct ledger *other = take_ledger(b);

	audit_note(b->audit, &session, "a", NULL, NULL);
	ledger_close(&other);
	wait_open(b, true);
	audit_destroy(&b->audit);
	assert_int_equal(json_array_size(read_all(b)), 1);
}

#define AUDIT(test) cmocka_unit_test_setup_teardown(test, up, down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		AUDIT(a_record_is_in_the_chain_at_once),
		AUDIT(what_is_missing_is_null),
		AUDIT(markup_quotes_and_broken_utf8_stay_text),
		AUDIT(what_is_too_long_is_cut_and_says_so),
		AUDIT(records_wait_in_order_while_the_ledger_is_closed),
		AUDIT(what_is_lost_is_told_in_the_audit),
		AUDIT(the_end_makes_a_last_try),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
