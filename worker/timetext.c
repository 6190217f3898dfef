/*
 * Times as headers spell them. The calendar is the proleptic Gregorian one,
 * counted in 400-year eras that begin on the 1st of March, so that the leap day
 * is the last day of its year. Runs in the worker; no state.
 */
#include "worker/timetext.h"

enum { SECONDS_A_DAY = 86400, DAYS_AN_ERA = 146097 };

/* The last second of the year 9999. */
#define LAST_SECOND UINT64_C(253402300799)

struct moment {
	unsigned year, month, day; /* month and day from 1 */
	unsigned weekday;          /* 0 is Sunday */
	unsigned hour, minute, second;
};

static void
moment_of(int64_t wall_ms, struct moment *out)
{
	uint64_t s = wall_ms > 0 ? (uint64_t)wall_ms / 1000 : 0;
	uint32_t days, day_of_era, year_of_era, day_of_year, shifted;

	if (s > LAST_SECOND)
		s = LAST_SECOND;
	days = (uint32_t)(s / SECONDS_A_DAY);
	s %= SECONDS_A_DAY;
	out->weekday = (days + 4) % 7; /* 1970-01-01 was a Thursday */
	days += 719468;                /* from 0000-03-01 to 1970-01-01 */
	day_of_era = days % DAYS_AN_ERA;
	year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			  day_of_era / (DAYS_AN_ERA - 1)) /
	    365;
	day_of_year =
	    day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	shifted = (5 * day_of_year + 2) / 153; /* months since March */
	out->day = day_of_year - (153 * shifted + 2) / 5 + 1;
	out->month = shifted < 10 ? shifted + 3 : shifted - 9;
	out->year = days / DAYS_AN_ERA * 400 + year_of_era + (out->month <= 2);
	out->hour = (unsigned)s / 3600;
	out->minute = (unsigned)s / 60 % 60;
	out->second = (unsigned)s % 60;
}

static char *
put2(char *p, unsigned v)
{
	p[0] = (char)('0' + v / 10);
	p[1] = (char)('0' + v % 10);
	return p + 2;
}

/* "08:49:37" */
static char *
put_clock(char *p, const struct moment *m)
{
	p = put2(p, m->hour);
	*p++ = ':';
	p = put2(p, m->minute);
	*p++ = ':';
	return put2(p, m->second);
}

void
timetext_http_date(struct sb *out, int64_t wall_ms)
{
	static const char weekdays[] = "Sun, Mon, Tue, Wed, Thu, Fri, Sat, ";
	static const char months[] = " Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec ";
	char text[29];
	char *p = text;
	struct moment m;

	moment_of(wall_ms, &m);
	memcpy(p, weekdays + (size_t)m.weekday * 5, 5);
	p = put2(p + 5, m.day);
	memcpy(p, months + (size_t)(m.month - 1) * 4, 5);
	p = put2(p + 5, m.year / 100);
	p = put2(p, m.year % 100);
	*p++ = ' ';
	p = put_clock(p, &m);
	memcpy(p, " GMT", 4);
	sb_put(out, text, sizeof(text));
}

void
timetext_rfc3339(struct sb *out, int64_t wall_ms)
{
	char text[20];
	char *p = text;
	struct moment m;

	moment_of(wall_ms, &m);
	p = put2(p, m.year / 100);
	p = put2(p, m.year % 100);
	*p++ = '-';
	p = put2(p, m.month);
	*p++ = '-';
	p = put2(p, m.day);
	*p++ = 'T';
	p = put_clock(p, &m);
	*p = 'Z';
	sb_put(out, text, sizeof(text));
}

void
timetext_go_duration(struct sb *out, uint64_t ms)
{
	const uint64_t seconds = ms / 1000;
	const unsigned rest = (unsigned)(ms % 1000);

	if (ms > 0 && seconds == 0) {
		sb_u64(out, ms);
		SB_LIT(out, "ms");
		return;
	}
	if (seconds >= 3600) {
		sb_u64(out, seconds / 3600);
		SB_LIT(out, "h");
	}
	if (seconds >= 60) {
		sb_u64(out, seconds / 60 % 60);
		SB_LIT(out, "m");
	}
	sb_u64(out, seconds % 60);
	if (rest > 0) {
		char text[4] = { '.', (char)('0' + rest / 100),
			(char)('0' + rest / 10 % 10), (char)('0' + rest % 10) };
		size_t n = sizeof(text);

		while (text[n - 1] == '0')
			n--;
		sb_put(out, text, n);
	}
	SB_LIT(out, "s");
}
