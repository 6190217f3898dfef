/* Lists of strings. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "common/strlist.h"

static void
a_list_owns_copies_in_order(void **state)
{
	char text[] = "first";
	struct strlist l = { 0 };

	(void)state;
	assert_int_equal(strlist_add(&l, text), 0);
	assert_int_equal(strlist_add(&l, ""), 0);
	text[0] = 'F';
	assert_int_equal(l.n, 2);
	assert_string_equal(l.v[0], "first");
	assert_string_equal(l.v[1], "");
	strlist_free(&l);
	assert_null(l.v);
	assert_int_equal(l.n, 0);
	strlist_wipe(&l); /* an empty one is fine */
}

static void
parts_are_split_at_commas_without_blanks_around_them(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *parts[3];
	} cases[] = {
		{ "", 0, { NULL } },
		{ " , ,\t,", 0, { NULL } },
		{ "a", 1, { "a" } },
		{ ",a,", 1, { "a" } },
		{ " a b ,\tc", 2, { "a b", "c" } },
		{ "a,b,a", 3, { "a", "b", "a" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strlist l = { 0 };

		assert_int_equal(strlist_split(&l, cases[i].text), 0);
		assert_int_equal(l.n, cases[i].n);
		for (size_t k = 0; k < l.n; k++)
			assert_string_equal(l.v[k], cases[i].parts[k]);
		strlist_wipe(&l);
	}
}

static void
lists_are_equal_by_strings_and_order(void **state)
{
	struct strlist a = { 0 }, b = { 0 };

	(void)state;
	assert_true(strlist_eq(&a, &b));
	assert_int_equal(strlist_split(&a, "x,y"), 0);
	assert_false(strlist_eq(&a, &b));
	assert_int_equal(strlist_split(&b, "y,x"), 0);
	assert_false(strlist_eq(&a, &b));
	strlist_free(&b);
	assert_int_equal(strlist_split(&b, "x,y"), 0);
	assert_true(strlist_eq(&a, &b));
	strlist_free(&a);
	strlist_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_owns_copies_in_order),
		cmocka_unit_test(parts_are_split_at_commas_without_blanks_around_them),
		cmocka_unit_test(lists_are_equal_by_strings_and_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
