/* cert_list: names and end of each certificate, and what is said of a file without one. */
#include "admin/cert_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/tls_case.h"

enum { DAYS = 30 };

static void
names_and_end_are_those_of_the_file(void **state)
{
	struct tls_pair pairs[] = { tls_case_pair(*state, "a",
	    "DNS:a.test,DNS:*.b.test,IP:192.0.2.1,IP:2001:db8::1", DAYS, NULL) };
	struct tls_files files;
	const struct config cfg = tls_case_config(&files, pairs, 1);
	json_t *list = cert_list_json(&cfg.tls_cert_files, (int64_t)time(NULL) * 1000);
	json_t *row = json_array_get(list, 0);
	char *names = json_dumps(json_object_get(row, "names"), JSON_COMPACT);

	assert_string_equal(
	    names, "[\"a.test\",\"*.b.test\",\"192.0.2.1\",\"2001:db8::1\"]");
	assert_in_range(
	    json_integer_value(json_object_get(row, "days_left")), DAYS - 1, DAYS);
	assert_true(json_is_string(json_object_get(row, "not_after")));
	assert_true(json_is_null(json_object_get(row, "error")));
	free(names);
	json_decref(list);
}

static void
a_file_that_holds_none_says_so_and_the_others_are_listed(void **state)
{
	struct tls_pair pairs[] = { { "/nowhere/at/all.crt", "" },
		tls_case_pair(*state, "b", "DNS:b.test", -1, NULL), { "", "" } };
	struct tls_files files;
	const struct config cfg = tls_case_config(&files, pairs, 3);
	json_t *list;

	memcpy(pairs[2].cert, pairs[1].key,
	    sizeof(pairs[2].cert)); /* a key, which is not shown */
	list = cert_list_json(&cfg.tls_cert_files, (int64_t)time(NULL) * 1000);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(list, 0), "error")),
	    "can't be read");
	assert_true(json_integer_value(
			json_object_get(json_array_get(list, 1), "days_left")) <= 0);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(list, 2), "error")),
	    "holds no certificate");
	json_decref(list);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_and_end_are_those_of_the_file),
		TEST(a_file_that_holds_none_says_so_and_the_others_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
