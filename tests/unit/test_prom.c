/* Prometheus' text format, character by character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "admin/prom.h"

static void
expect(struct prom *p, const char *text)
{
	assert_false(p->failed);
	assert_int_equal(evbuffer_add(p->out, "", 1), 0);
	assert_string_equal((const char *)evbuffer_pullup(p->out, -1), text);
	evbuffer_free(p->out);
}

static void
a_family_has_help_and_type_once(void **state)
{
	struct prom p = { .out = evbuffer_new() };

	(void)state;
	prom_family(&p, "a_total", PROM_COUNTER, "All of a.");
	prom_labelled(&p, "x", "1", 5);
	prom_labelled(&p, "x", "2", UINT64_MAX);
	expect(&p,
	    "# HELP a_total All of a.\n# TYPE a_total counter\n"
	    "a_total{x=\"1\"} 5\na_total{x=\"2\"} 18446744073709551615\n");
}

static void
a_family_without_samples_is_left_out(void **state)
{
	struct prom p = { .out = evbuffer_new() };

	(void)state;
	prom_family(&p, "a", PROM_GAUGE, "A.");
	prom_family(&p, "b", PROM_GAUGE, "B.");
	prom_sample(&p, "", NULL, 0, (struct prom_value){ .v = 1 });
	expect(&p, "# HELP b B.\n# TYPE b gauge\nb 1\n");
}

static void
bytes_that_are_no_utf8_become_replacement_characters(void **state)
{
	const struct prom_label l = { "a", SPAN("a\xff\xc3\"\xe2\x82") };
	struct prom p = { .out = evbuffer_new() };

	(void)state;
	prom_family(&p, "a", PROM_GAUGE, "A.");
	prom_sample(&p, "", &l, 1, (struct prom_value){ .v = 0 });
	expect(&p,
	    "# HELP a A.\n# TYPE a gauge\na{a=\"a\xef\xbf\xbd\xef\xbf\xbd\\\""
	    "\xef\xbf\xbd\xef\xbf\xbd\"} 0\n");
}

static void
label_values_are_escaped(void **state)
{
	const struct prom_label l[] = { { "a", SPAN("q\"b\\n\nz\xc3\xa4") },
		{ "b", { NULL, 0 } } };
	struct prom p = { .out = evbuffer_new() };

	(void)state;
	prom_family(&p, "a", PROM_GAUGE, "A.");
	prom_sample(&p, "", l, 2, (struct prom_value){ .v = 0 });
	expect(&p,
	    "# HELP a A.\n# TYPE a gauge\na{a=\"q\\\"b\\\\n\\nz\xc3\xa4\",b=\"\"} 0\n");
}

static void
decimals_are_exact(void **state)
{
	struct prom p = { .out = evbuffer_new() };

	(void)state;
	prom_family(&p, "a", PROM_HISTOGRAM, "A.");
	prom_sample(&p, "_sum", NULL, 0, (struct prom_value){ .v = 12005, .decimals = 3 });
	prom_sample(&p, "_sum", NULL, 0, (struct prom_value){ .v = 7, .decimals = 9 });
	expect(&p, "# HELP a A.\n# TYPE a histogram\na_sum 12.005\na_sum 0.000000007\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_has_help_and_type_once),
		cmocka_unit_test(a_family_without_samples_is_left_out),
		cmocka_unit_test(label_values_are_escaped),
		cmocka_unit_test(bytes_that_are_no_utf8_become_replacement_characters),
		cmocka_unit_test(decimals_are_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
