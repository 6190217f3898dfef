/*
 * ISO 8601 times of the key file. Pure functions: no clock is read here. Used by
 * the master, the CLI and admin. Days are counted by the proleptic Gregorian
 * calendar in eras of 400 years, which begin on 1 March so that the leap day is
 * the last of its year.
 */
#include "common/keyfile_time.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

enum { DAYS_PER_ERA = 146097, DAYS_TO_1970 = 719468 };

struct cursor {
	const char *p;
	const char *end;
};

/* Take exactly n digits. */
static bool
take_digits(struct cursor *c, int n, int *out)
{
	int v = 0;

	if (c->end - c->p < n)
		return false;
	for (int i = 0; i < n; i++, c->p++) {
		if (*c->p < '0' || *c->p > '9')
			return false;
		v = v * 10 + (*c->p - '0');
	}
	*out = v;
	return true;
}

static bool
take_char(struct cursor *c, const char *any_of)
{
	if (c->p == c->end || *c->p == '\0' || strchr(any_of, *c->p) == NULL)
		return false;
	c->p++;
	return true;
}

static int64_t
days_from_date(int year, int month, int day)
{
	int y = month > 2 ? year : year - 1;
	int era = y / 400;
	int year_of_era = y - era * 400;
	int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int day_of_era =
	    year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return (int64_t)era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool
take_date(struct cursor *c, int64_t *days_out)
{
	int year, month, day;

	if (!take_digits(c, 4, &year) || !take_char(c, "-") ||
	    !take_digits(c, 2, &month) || !take_char(c, "-") || !take_digits(c, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month))
		return false;
	*days_out = days_from_date(year, month, day);
	return true;
}

static bool
take_fraction(struct cursor *c, int *ms_out)
{
	int ms = 0, n = 0, digit;

	for (; take_digits(c, 1, &digit); n++)
		if (n < 3)
			ms = ms * 10 + digit;
	for (int i = n; i < 3; i++)
		ms *= 10;
	*ms_out = ms;
	return n > 0;
}

static bool
take_clock(struct cursor *c, int64_t *ms_out)
{
	int hour, minute, second = 0, ms = 0;

	if (!take_digits(c, 2, &hour) || !take_char(c, ":") || !take_digits(c, 2, &minute))
		return false;
	if (take_char(c, ":")) {
		if (!take_digits(c, 2, &second))
			return false;
		if (take_char(c, ".,") && !take_fraction(c, &ms))
			return false;
	}
	if (hour > 23 || minute > 59 || second > 60) /* 60: a leap second, RFC 3339 5.6 */
		return false;
	*ms_out = (((int64_t)hour * 60 + minute) * 60 + second) * 1000 + ms;
	return true;
}

/* A zone as ms to the east of UTC; none at all is UTC. */
static bool
take_zone(struct cursor *c, int64_t *ms_out)
{
	int hours, minutes = 0, sign = 1;

	*ms_out = 0;
	if (c->p == c->end || take_char(c, "Zz"))
		return true;
	if (take_char(c, "-"))
		sign = -1;
	else if (!take_char(c, "+"))
		return false;
	if (!take_digits(c, 2, &hours))
		return false;
	if (c->p != c->end) {
		(void)take_char(c, ":");
		if (!take_digits(c, 2, &minutes))
			return false;
	}
	*ms_out = sign * ((int64_t)hours * 60 + minutes) * 60 * 1000;
	return hours <= 23 && minutes <= 59;
}

int
keyfile_time_parse(struct span text, int64_t *ms_out)
{
	struct cursor c = { text.p, text.p + text.n };
	int64_t days, clock_ms = 0, zone_ms = 0, ms;

	if (!take_date(&c, &days))
		return ERR_SYNTAX;
	if (c.p != c.end &&
	    (!take_char(&c, "Tt ") || !take_clock(&c, &clock_ms) ||
		!take_zone(&c, &zone_ms)))
		return ERR_SYNTAX;
	ms = days * 86400000 + clock_ms - zone_ms;
	if (c.p != c.end || ms < 1 || ms > KEYFILE_TIME_MAX_MS)
		return ERR_SYNTAX;
	*ms_out = ms;
	return 0;
}

void
keyfile_time_format(int64_t ms, char out[KEYFILE_TIME_TEXT_BYTES])
{
	int64_t seconds = ms / 1000;
	int64_t days = seconds / 86400 + DAYS_TO_1970;
	int in_day = (int)(seconds % 86400);
	int era = (int)(days / DAYS_PER_ERA);
	int day_of_era = (int)(days % DAYS_PER_ERA);
	int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			      day_of_era / (DAYS_PER_ERA - 1)) /
	    365;
	int day_of_year =
	    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int shifted = (5 * day_of_year + 2) / 153; /* months since March */
	int month = shifted < 10 ? shifted + 3 : shifted - 9;
	int year = year_of_era + era * 400 + (month <= 2);

	snprintf(out, KEYFILE_TIME_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02dZ", year,
	    month, day_of_year - (153 * shifted + 2) / 5 + 1, in_day / 3600,
	    in_day / 60 % 60, in_day % 60);
}
