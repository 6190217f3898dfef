/* Times as headers spell them, against libc's calendar and Go's own examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "worker/timetext.h"

static const char *
text_of(void (*put)(struct sb *, int64_t), int64_t ms, char buf[64])
{
	struct sb b = sb_init(buf, 63);

	put(&b, ms);
	assert_false(b.over);
	buf[b.n] = '\0';
	return buf;
}

static void
dates_agree_with_libc_through_the_centuries(void **state)
{
	const int64_t last = INT64_C(253402300799);
	char wanted[64], got[64];
	struct tm tm;

	(void)state;
	/* a step of no whole days, so that all months, weekdays and hours come by */
	for (int64_t s = 0; s <= last; s += 1234577) {
		const time_t t = (time_t)s;

		gmtime_r(&t, &tm);
		strftime(wanted, sizeof(wanted), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		assert_string_equal(
		    text_of(timetext_http_date, s * 1000 + 999, got), wanted);
		strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%SZ", &tm);
		assert_string_equal(text_of(timetext_rfc3339, s * 1000, got), wanted);
	}
}

static void
leap_days_and_the_ends_of_time_are_right(void **state)
{
	char got[64];

	(void)state;
	assert_string_equal(text_of(timetext_rfc3339, INT64_C(951782400000), got),
	    "2000-02-29T00:00:00Z");
	assert_string_equal(text_of(timetext_rfc3339, INT64_C(4107542400000), got),
	    "2100-03-01T00:00:00Z");
	assert_string_equal(
	    text_of(timetext_rfc3339, INT64_MIN, got), "1970-01-01T00:00:00Z");
	assert_string_equal(
	    text_of(timetext_rfc3339, INT64_MAX, got), "9999-12-31T23:59:59Z");
	assert_string_equal(
	    text_of(timetext_http_date, INT64_MAX, got), "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void
durations_are_written_as_go_writes_them(void **state)
{
	/* clang-format off */
	static const struct {
		uint64_t ms;
		const char *text;
	} row[] = {
		{ 0, "0s" }, { 1, "1ms" }, { 12, "12ms" }, { 999, "999ms" },
		{ 1000, "1s" }, { 1500, "1.5s" }, { 1050, "1.05s" }, { 1005, "1.005s" },
		{ 59999, "59.999s" }, { 60000, "1m0s" }, { 61500, "1m1.5s" },
		{ 360000, "6m0s" }, { 3600000, "1h0m0s" }, { 3660001, "1h1m0.001s" },
		{ 90061000, "25h1m1s" },
	};
	/* clang-format on */
	char got[64];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct sb b = sb_init(got, sizeof(got) - 1);

		timetext_go_duration(&b, row[i].ms);
		got[b.n] = '\0';
		assert_string_equal(got, row[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_agree_with_libc_through_the_centuries),
		cmocka_unit_test(leap_days_and_the_ends_of_time_are_right),
		cmocka_unit_test(durations_are_written_as_go_writes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
