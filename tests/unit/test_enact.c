/*
 * Enactments: keys and settings are in force when admin is told so, whatever else is broken
 * and whether or not files are watched. Whole masters run with small roles; see
 * master_house.h.
 */
#include "tests/unit/master_house.h"

#define TWO_KEYS                                                                         \
	"{\"keys\": [{\"key_id\": \"a\", \"key\": \"pm_aaaaaaaaaaaaaaaaaaaa\"},"         \
	" {\"key_id\": \"b\", \"key\": \"pm_bbbbbbbbbbbbbbbbbbbb\"}]}"

enum { ALL_GOOD = FAKE_ENACTED + FAKE_KEYS_GOOD + FAKE_SETTINGS_GOOD };

static void
what_was_written_is_in_force_when_admin_is_told_so(void **state)
{
	struct house *h = *state;

	house_env(h, "WATCH", "off");
	house_start_ready(h);
	house_replace(h->keys, TWO_KEYS);
	house_write(h->settings, "{\"rate_limit_requests\": 7}");
	assert_int_equal(ask_admin(h, 'e'), ALL_GOOD);
	assert_int_equal(ask_slot(h, 0).keys, 2);
	assert_int_equal(ask_slot(h, 1).limit, 7);
	assert_int_equal(house_number(h, "generation"), 1);
	assert_int_equal(house_number(h, "reloads_started"), 0);
	assert_int_equal(house_stop(h), 0);
}

static void
each_file_stands_for_itself_and_no_other_fault_matters(void **state)
{
	struct house *h = *state;

	house_env(h, "WATCH", "off");
	house_start_ready(h);
	house_replace(h->config, "no configuration");
	house_replace(h->keys, TWO_KEYS);
	house_write(h->settings, "no settings");
	assert_int_equal(ask_admin(h, 'e'), FAKE_ENACTED + FAKE_KEYS_GOOD);
	assert_int_equal(ask_slot(h, 0).keys, 2);
	house_replace(h->keys, "no keys");
	house_replace(h->settings, "{\"rate_limit_requests\": 9}");
	assert_int_equal(ask_admin(h, 'e'), FAKE_ENACTED + FAKE_SETTINGS_GOOD);
	assert_int_equal(ask_slot(h, 0).keys, 2);
	assert_int_equal(ask_slot(h, 0).limit, 9);
	assert_int_equal(house_stop(h), 0);
}

static void
a_key_file_that_is_gone_for_a_moment_takes_no_key_away(void **state)
{
	struct house *h = *state;

	house_env(h, "WATCH", "off");
	house_start_ready(h);
	assert_int_equal(unlink(h->keys), 0);
	assert_int_equal(ask_admin(h, 'e'), FAKE_ENACTED + FAKE_SETTINGS_GOOD);
	assert_int_equal(ask_slot(h, 0).keys, 1);
	house_write(h->keys, TWO_KEYS);
	assert_int_equal(ask_admin(h, 'e'), ALL_GOOD);
	assert_int_equal(ask_slot(h, 0).keys, 2);
	assert_int_equal(house_stop(h), 0);
}

static bool
has_logged_refusal(struct house *h, long n)
{
	return house_log_count(h, "\"level\":\"error\"") >= n;
}

static void
the_watch_still_names_a_file_that_stays_refused(void **state)
{
	struct house *h = *state;

	house_start_ready(h);
	house_replace(h->keys, "no keys");
	assert_int_equal(ask_admin(h, 'e'), FAKE_ENACTED + FAKE_SETTINGS_GOOD);
	house_await(h, has_logged_refusal, 1);
	assert_int_equal(ask_slot(h, 0).keys, 1);
	assert_int_equal(house_stop(h), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, house_setup, house_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_in_force_when_admin_is_told_so),
		TEST(each_file_stands_for_itself_and_no_other_fault_matters),
		TEST(a_key_file_that_is_gone_for_a_moment_takes_no_key_away),
		TEST(the_watch_still_names_a_file_that_stays_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
