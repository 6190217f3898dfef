/* See zone.h. localtime_r() and mktime() know the rules; nothing is computed here. */
#include "admin/zone.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/keyfile_time.h"

enum { HOUR_S = 3600, DAY_S = 86400, TEXT_MAX = 39, DIGITS_MAX = 6 };

#define ZONE_FOLDER "/usr/share/zoneinfo"

/* A name from the database and no other file: letters, digits, `_+-`, parts with `/`. */
static bool
is_name(const char *name)
{
	const size_t n = strspn(
	    name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/");

	return n > 0 && name[n] == '\0' && name[0] != '/' && strstr(name, "//") == NULL;
}

/*
 * TZ in the environment. Its place is taken once and written over afterwards: setenv() would
 * move what other threads may be looking through.
 */
static int
put_tz(const char *value)
{
	static char tz[sizeof("TZ=") + PATH_MAX] = "TZ="; /* the environment's own */

	(void)snprintf(tz, sizeof(tz), "TZ=%s", value);
	if (getenv("TZ") != tz + 3 && putenv(tz) != 0)
		return ERR_INVALID;
	tzset();
	return 0;
}

int
zone_use(const char *name)
{
	char path[PATH_MAX], tz[PATH_MAX];
	struct stat st;

	if (strcmp(name, "UTC") == 0 || strcmp(name, "Z") == 0) {
		(void)snprintf(tz, sizeof(tz), "UTC0"); /* needs no database */
	} else {
		if (!is_name(name) ||
		    snprintf(path, sizeof(path), ZONE_FOLDER "/%s", name) >=
			(int)sizeof(path) - 1 ||
		    stat(path, &st) == -1 || !S_ISREG(st.st_mode))
			return ERR_INVALID;
		tz[0] = ':';
		memcpy(tz + 1, path, strlen(path) + 1);
	}
	return put_tz(tz);
}

int64_t
zone_midnight(int64_t now_ms, int back)
{
	const time_t now = (time_t)(now_ms / 1000);
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL)
		return 0;
	tm.tm_mday -= back;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * 1000;
}

/* `36h` or `7d`. */
static int
parse_span(const char *text, int64_t now_ms, int64_t *ms_out)
{
	const size_t digits = strspn(text, "0123456789");
	int64_t seconds;

	if (digits == 0 || digits > DIGITS_MAX || text[digits + 1] != '\0')
		return ERR_SYNTAX;
	seconds = strtol(text, NULL, 10);
	if (text[digits] == 'd')
		seconds *= DAY_S;
	else if (text[digits] == 'h')
		seconds *= HOUR_S;
	else
		return ERR_SYNTAX;
	*ms_out = now_ms - seconds * 1000;
	return 0;
}

/* A date, or a date and a time, without an offset: it is the zone's. */
static int
parse_local(const char *text, int64_t *ms_out)
{
	static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%M",
		"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, forms[i], &tm);
		const struct tm asked = tm;

		if (end == NULL || *end != '\0')
			continue;
		tm.tm_isdst = -1;
		*ms_out = (int64_t)mktime(&tm) * 1000;
		if (tm.tm_mday != asked.tm_mday || tm.tm_mon != asked.tm_mon)
			return ERR_SYNTAX; /* a day that does not exist */
		return 0;
	}
	return ERR_SYNTAX;
}

int
zone_parse(struct span text, int64_t now_ms, int64_t *ms_out)
{
	char copy[TEXT_MAX + 1] = "";

	if (text.n == 0 || text.n > TEXT_MAX)
		return ERR_SYNTAX;
	memcpy(copy, text.p, text.n);
	if (strcmp(copy, "now") == 0)
		*ms_out = now_ms;
	else if (strcmp(copy, "today") == 0)
		*ms_out = zone_midnight(now_ms, 0);
	else if (strcmp(copy, "yesterday") == 0)
		*ms_out = zone_midnight(now_ms, 1);
	else if (parse_span(copy, now_ms, ms_out) != 0 && parse_local(copy, ms_out) != 0)
		return keyfile_time_parse(text, ms_out);
	return 0;
}

static struct tm
local_of(uint32_t hour)
{
	const time_t t = (time_t)hour * HOUR_S;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL)
		abort(); /* an hour of 32 bits has a year that fits */
	return tm;
}

uint32_t
zone_day(uint32_t hour)
{
	struct tm tm = local_of(hour);
	const time_t t = timegm(&tm);

	return t > 0 ? (uint32_t)(t / DAY_S) : 0;
}

static void
put_day(const struct tm *tm, char out[ZONE_TEXT_BYTES])
{
	(void)snprintf(out, ZONE_TEXT_BYTES, "%04d-%02d-%02d", tm->tm_year + 1900,
	    tm->tm_mon + 1, tm->tm_mday);
}

void
zone_format_hour(uint32_t hour, char out[ZONE_TEXT_BYTES])
{
	const struct tm tm = local_of(hour);
	char day[ZONE_TEXT_BYTES];

	put_day(&tm, day);
	(void)snprintf(
	    out, ZONE_TEXT_BYTES, "%.12s %02d:%02d", day, tm.tm_hour, tm.tm_min);
}

void
zone_format_hour_iso(uint32_t hour, char out[ZONE_TEXT_BYTES])
{
	const struct tm tm = local_of(hour);
	const long off = tm.tm_gmtoff / 60; /* minutes */
	char day[ZONE_TEXT_BYTES], offset[16] = "Z";

	put_day(&tm, day);
	if (off != 0)
		(void)snprintf(offset, sizeof(offset), "%c%02d:%02d", off < 0 ? '-' : '+',
		    (int)(labs(off) / 60 % 100), (int)(labs(off) % 60));
	(void)snprintf(out, ZONE_TEXT_BYTES, "%.12sT%02d:%02d:%02d%s", day, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, offset);
}

void
zone_format_day(uint32_t day, char out[ZONE_TEXT_BYTES])
{
	const time_t t = (time_t)day * DAY_S;
	struct tm tm;

	if (gmtime_r(&t, &tm) == NULL)
		abort();
	put_day(&tm, out);
}
