/* Lines between admin and the command line: what is written is read again, all else refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "admin/usage_wire.h"

static char text[2 * USAGE_WIRE_LINE_MAX];

static void
rows_come_out_as_they_went_in(void **state)
{
	const struct tally_row row = { { 480000, "k\"\\\n\xc3\xa4", "", "chat" },
		{ { 0, 1, 2, 3, 4, 5, 6, 7, INT64_MAX } } };
	struct sb b = sb_init(text, sizeof(text));
	struct span all, line;
	struct usage_wire w;

	(void)state;
	usage_wire_put_row(&b, &row);
	usage_wire_put_row(&b, &row);
	assert_false(b.over);
	all = (struct span){ b.p, b.n };
	for (int i = 0; i < 2; i++) {
		assert_true(usage_wire_next(&all, &line));
		assert_int_equal(usage_wire_get_row(line, &w), 0);
		assert_int_equal(w.v.key.hour, 480000);
		assert_string_equal(w.v.key.key_id, row.key.key_id);
		assert_string_equal(w.v.key.model, "");
		assert_memory_equal(&w.v.counters, &row.counters, sizeof(row.counters));
		usage_wire_fini(&w);
	}
	assert_false(usage_wire_next(&all, &line));
	assert_int_equal(all.n, 0);
}

static void
imports_come_out_as_they_went_in(void **state)
{
	const struct ledger_import v = { { "\x00\xff\x7fid", 5 }, { 1, "k", "m", "chat" },
		{ { 1 } }, true };
	struct sb b = sb_init(text, sizeof(text));
	struct usage_wire w;

	(void)state;
	usage_wire_put_import(&b, &v);
	assert_int_equal(usage_wire_get_import((struct span){ b.p, b.n - 1 }, &w), 0);
	assert_true(span_eq(w.v.id, v.id));
	assert_true(w.v.grows);
	assert_string_equal(w.v.key.model, "m");
	usage_wire_fini(&w);
}

static void
the_longest_names_fit_a_line(void **state)
{
	char name[LEDGER_NAME_MAX + 1], id[LEDGER_IMPORT_ID_MAX];
	struct ledger_import v = { { id, sizeof(id) }, { UINT32_MAX, name, name, name },
		{ { 0 } }, false };
	struct sb b = sb_init(text, USAGE_WIRE_LINE_MAX);
	struct usage_wire w;

	(void)state;
	memset(name, 1, sizeof(name) - 1); /* each byte is six in JSON */
	name[sizeof(name) - 1] = '\0';
	memset(id, 0x7f, sizeof(id));
	for (size_t i = 0; i < LEDGER_COUNTERS; i++)
		v.counters.v[i] = INT64_MAX;
	usage_wire_put_import(&b, &v);
	assert_false(b.over);
	assert_int_equal(usage_wire_get_import((struct span){ b.p, b.n - 1 }, &w), 0);
	assert_string_equal(w.v.key.key_id, name);
	usage_wire_fini(&w);
}

static void
anything_else_is_refused(void **state)
{
	static const char *const rows[] = { "", "{}", "[]", "[1,\"k\",\"m\",\"e\"]",
		"[1,\"k\",\"m\",\"e\",0,0,0,0,0,0,0,0,0,0]",
		"[-1,\"k\",\"m\",\"e\",0,0,0,0,0,0,0,0,0]",
		"[4294967296,\"k\",\"m\",\"e\",0,0,0,0,0,0,0,0,0]",
		"[1,2,\"m\",\"e\",0,0,0,0,0,0,0,0,0]",
		"[1,\"k\",\"m\",\"e\",0,0,0,0,-1,0,0,0,0]",
		"[1,\"k\",\"m\",\"e\",0,0,0,0,0.5,0,0,0,0]",
		"[1,\"k\",\"m\",\"e\",0,0,0,0,0,0,0,0,0] x" };
	static const char *const imports[] = {
		"[\"\",false,1,\"k\",\"m\",\"e\",0,0,0,0,0,0,0,0,0]",
		"[\"abc\",false,1,\"k\",\"m\",\"e\",0,0,0,0,0,0,0,0,0]",
		"[\"zz\",false,1,\"k\",\"m\",\"e\",0,0,0,0,0,0,0,0,0]",
		"[5,false,1,\"k\",\"m\",\"e\",0,0,0,0,0,0,0,0,0]",
		"[\"aa\",0,1,\"k\",\"m\",\"e\",0,0,0,0,0,0,0,0,0]",
		"[\"aa\",false,1,\"k\",\"m\",0,0,0,0,0,0,0,0,0]"
	};
	struct usage_wire w;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(usage_wire_get_row(span_of(rows[i]), &w), ERR_SYNTAX);
	for (size_t i = 0; i < sizeof(imports) / sizeof(imports[0]); i++)
		assert_int_equal(
		    usage_wire_get_import(span_of(imports[i]), &w), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_out_as_they_went_in),
		cmocka_unit_test(imports_come_out_as_they_went_in),
		cmocka_unit_test(the_longest_names_fit_a_line),
		cmocka_unit_test(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
