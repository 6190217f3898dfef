/* settings: the four names win over the configuration, anything else is a fault. */
#include "common/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tempdir.h"

/* Load the folder's file over 100 in 60 s and 1000 in 30 s. */
static int
load(const struct tempdir *t, struct settings *out, struct strlist *faults)
{
	char path[sizeof(t->file)];
	struct config cfg = { .rate = { 100, 60 }, .ip_rate = { 1000, 30 } };

	memcpy(path, t->file, sizeof(path));
	cfg.settings_file = path;
	return settings_load(&cfg, out, faults);
}

static void
without_a_file_the_configuration_holds(void **state)
{
	struct settings s = { 0 };
	struct strlist faults = { 0 };

	assert_int_equal(load(*state, &s, &faults), 0);
	assert_int_equal(s.rate.requests, 100);
	assert_int_equal(s.rate.window_s, 60);
	assert_int_equal(s.ip_rate.requests, 1000);
	assert_int_equal(s.ip_rate.window_s, 30);
}

static void
what_the_file_names_wins_and_the_rest_stays(void **state)
{
	struct settings s = { 0 };
	struct strlist faults = { 0 };

	tempdir_write(*state, "{\"rate_limit_requests\": 7, \"ip_rate_limit_window\": 5}");
	assert_int_equal(load(*state, &s, &faults), 0);
	assert_int_equal(s.rate.requests, 7);
	assert_int_equal(s.rate.window_s, 60);
	assert_int_equal(s.ip_rate.requests, 1000);
	assert_int_equal(s.ip_rate.window_s, 5);
}

static void
every_fault_is_named_by_file_and_field_and_changes_nothing(void **state)
{
	const struct tempdir *t = *state;
	struct settings s = { .rate = { 1, 2 } };
	struct strlist faults = { 0 };

	tempdir_write(t,
	    "{\"rate_limit_requests\": 0, \"rate_limit_window\": -60,"
	    " \"ip_rate_limit_requests\": 1.5, \"ip_rate_limit_window\": \"60\"}");
	assert_int_equal(load(t, &s, &faults), ERR_INVALID);
	assert_int_equal(faults.n, 4);
	assert_non_null(strstr(faults.v[1], "rate_limit_window"));
	assert_non_null(strstr(faults.v[1], t->file));
	assert_int_equal(s.rate.requests, 1);
	strlist_free(&faults);
}

static void
a_number_that_would_not_fit_is_a_fault(void **state)
{
	struct settings s = { 0 };
	struct strlist faults = { 0 };

	tempdir_write(*state, "{\"rate_limit_requests\": 4294967297}");
	assert_int_equal(load(*state, &s, &faults), ERR_INVALID);
	strlist_free(&faults);
	tempdir_write(*state, "{\"rate_limit_requests\": 1000000000}");
	assert_int_equal(load(*state, &s, &faults), 0);
	assert_int_equal(s.rate.requests, 1000000000);
}

static void
what_is_no_object_or_has_other_fields_is_refused_and_never_quoted(void **state)
{
	const char *texts[] = { "", "{", "[]", "7", "{\"secret-name\": 1}",
		"{\"rate_limit_requests\": 1, \"rate_limit_requests\": 2}" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct settings s = { 0 };
		struct strlist faults = { 0 };

		tempdir_write(*state, texts[i]);
		assert_int_equal(load(*state, &s, &faults), ERR_INVALID);
		assert_int_equal(faults.n, 1);
		assert_null(strstr(faults.v[0], "secret-name"));
		strlist_free(&faults);
	}
}

int
main(void)
{
#define DIR_TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)
	const struct CMUnitTest tests[] = {
		DIR_TEST(without_a_file_the_configuration_holds),
		DIR_TEST(what_the_file_names_wins_and_the_rest_stays),
		DIR_TEST(every_fault_is_named_by_file_and_field_and_changes_nothing),
		DIR_TEST(a_number_that_would_not_fit_is_a_fault),
		DIR_TEST(what_is_no_object_or_has_other_fields_is_refused_and_never_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
