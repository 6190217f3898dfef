/* Result codes and reasons. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "common/err.h"

static void
every_code_has_a_text_of_its_own(void **state)
{
	static const int codes[] = { 0, ERR_MORE, ERR_SYNTAX, ERR_TOO_LARGE, ERR_INVALID,
		ERR_TLS, ERR_CLOSED, ERR_STALE, ERR_CHANGED, ERR_FULL, -ENOENT, -ENOMEM,
		-EACCES };
	const size_t n = sizeof(codes) / sizeof(codes[0]);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			assert_true(i == j ||
			    strcmp(err_text(codes[i]), err_text(codes[j])) != 0);
}

static void
an_errno_has_the_systems_text(void **state)
{
	(void)state;
	assert_string_equal(err_text(-ENOENT), "No such file or directory");
	assert_string_equal(err_text(-EACCES), "Permission denied");
}

static void
a_code_that_is_none_has_a_text_too(void **state)
{
	static const int codes[] = { 1, -4999, -5000, -5999, INT32_MAX, INT32_MIN };

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		assert_string_equal(err_text(codes[i]), "unknown result");
}

static void
a_reason_is_formatted_and_cut_at_its_size(void **state)
{
	struct errmsg e;
	char longer[2 * sizeof(e.text)];

	(void)state;
	errmsg_set(&e, "%s: line %d", "file.json", 7);
	assert_string_equal(e.text, "file.json: line 7");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	errmsg_set(&e, "%s", longer);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

static void
nobody_need_want_the_reason(void **state)
{
	(void)state;
	errmsg_set(NULL, "%s", "unheard");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_a_text_of_its_own),
		cmocka_unit_test(an_errno_has_the_systems_text),
		cmocka_unit_test(a_code_that_is_none_has_a_text_too),
		cmocka_unit_test(a_reason_is_formatted_and_cut_at_its_size),
		cmocka_unit_test(nobody_need_want_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
