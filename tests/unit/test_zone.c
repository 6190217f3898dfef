/* Times on a command line, hours and days of named zones, also where clocks change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/zone.h"

enum { HOUR_MS = 3600 * 1000 };

static const int64_t now_ms = INT64_C(1774746000000); /* 2026-03-29T01:00:00Z */

static int64_t
at(const char *text)
{
	int64_t ms = -1;

	assert_int_equal(zone_parse(span_of(text), now_ms, &ms), 0);
	return ms;
}

static void
zones_are_names_of_the_database_and_no_other_files(void **state)
{
	static const char *const wrong[] = { "", "Mars/Olympus", "/etc/passwd",
		"../zoneinfo/UTC", "Europe", "Europe//Berlin", ":UTC", "CET-1" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(zone_use(wrong[i]), ERR_INVALID);
	assert_int_equal(zone_use("UTC"), 0);
	assert_int_equal(zone_use("Europe/Berlin"), 0);
}

static void
times_are_read_in_the_zone_unless_they_say_otherwise(void **state)
{
	(void)state;
	assert_int_equal(zone_use("UTC"), 0);
	assert_true(at("2026-01-01") == INT64_C(1767225600000));
	assert_true(at("2026-01-01T01:00") == INT64_C(1767229200000));
	assert_true(at("now") == now_ms);
	assert_true(at("today") == now_ms - HOUR_MS);
	assert_true(at("yesterday") == now_ms - 25 * HOUR_MS);
	assert_true(at("36h") == now_ms - 36 * HOUR_MS);
	assert_true(at("7d") == now_ms - INT64_C(7) * 24 * HOUR_MS);
	assert_int_equal(zone_use("Europe/Berlin"), 0);
	assert_true(at("2026-01-01") == INT64_C(1767222000000));
	assert_true(at("2026-01-01 01:00:00") == INT64_C(1767225600000));
	assert_true(at("2026-01-01T01:00:00Z") == INT64_C(1767229200000));
	assert_true(at("2026-01-01T01:00:00-02:00") == INT64_C(1767236400000));
	assert_true(at("today") == INT64_C(1774738800000)); /* midnight of winter time */
}

static void
what_is_no_time_is_refused(void **state)
{
	static const char *const wrong[] = { "", "soon", "5", "5m", "h", "1234567d",
		"2026-02-30", "2026-13-01", "2026-01-01T25:00", "01.02.2026" };
	int64_t ms;

	(void)state;
	assert_int_equal(zone_use("UTC"), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(zone_parse(span_of(wrong[i]), now_ms, &ms), ERR_SYNTAX);
}

/* Hours of a local day, between two days that are far enough away. */
static unsigned
hours_of(uint32_t day)
{
	unsigned n = 0;

	for (uint32_t hour = (day - 2) * 24; hour < (day + 3) * 24; hour++)
		n += zone_day(hour) == day;
	return n;
}

static void
days_are_made_of_the_hours_that_begin_in_them(void **state)
{
	const uint32_t spring = 20541, autumn = 20751; /* 2026-03-29, 2026-10-25 */
	char text[ZONE_TEXT_BYTES];

	(void)state;
	assert_int_equal(zone_use("Europe/Berlin"), 0);
	zone_format_day(spring, text);
	assert_string_equal(text, "2026-03-29");
	zone_format_day(autumn, text);
	assert_string_equal(text, "2026-10-25");
	assert_int_equal(hours_of(spring), 23);
	assert_int_equal(hours_of(autumn), 25);
	assert_int_equal(hours_of(spring + 1), 24);
	assert_int_equal(zone_use("Asia/Kolkata"), 0);
	assert_int_equal(hours_of(spring), 24);
}

static void
hours_are_written_with_their_offset(void **state)
{
	const uint32_t hour = 492985; /* 2026-03-29T01:00Z */
	char text[ZONE_TEXT_BYTES];

	(void)state;
	assert_int_equal(zone_use("UTC"), 0);
	zone_format_hour_iso(hour, text);
	assert_string_equal(text, "2026-03-29T01:00:00Z");
	zone_format_hour(hour, text);
	assert_string_equal(text, "2026-03-29 01:00");
	assert_int_equal(zone_use("Europe/Berlin"), 0);
	zone_format_hour_iso(hour - 1, text);
	assert_string_equal(text, "2026-03-29T01:00:00+01:00");
	zone_format_hour_iso(hour, text);
	assert_string_equal(text, "2026-03-29T03:00:00+02:00");
	assert_int_equal(zone_use("America/St_Johns"), 0);
	zone_format_hour_iso(hour, text);
	assert_string_equal(text, "2026-03-28T22:30:00-02:30");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zones_are_names_of_the_database_and_no_other_files),
		cmocka_unit_test(times_are_read_in_the_zone_unless_they_say_otherwise),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(days_are_made_of_the_hours_that_begin_in_them),
		cmocka_unit_test(hours_are_written_with_their_offset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
