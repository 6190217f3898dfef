/*
 * Numbers with units. Runs in whoever loads or prints a configuration; pure.
 */
#include "common/config_number.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Smallest first; the first is what a bare number means. */
static const struct unit none[] = { { "", 1 }, { NULL, 0 } };
static const struct unit times[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { NULL, 0 } };
static const struct unit sizes[] = { { "", 1 }, { "KiB", 1024 }, { "MiB", 1024 * 1024 },
	{ "GiB", 1024 * 1024 * 1024 }, { NULL, 0 } };

static const struct unit *
units_of(enum config_type type)
{
	if (type == CONFIG_SECONDS || type == CONFIG_MS)
		return times;
	if (type == CONFIG_BYTES || type == CONFIG_BYTES32)
		return sizes;
	return none;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Multiply and add, stopping at the largest value instead of wrapping. */
static uint64_t
saturate(uint64_t v, uint64_t factor, uint64_t more)
{
	uint64_t r;

	if (__builtin_mul_overflow(v, factor, &r) || __builtin_add_overflow(r, more, &r))
		return UINT64_MAX;
	return r;
}

/* The factor of the unit at s, one blank before it allowed; 0: no such unit. */
static uint64_t
parse_unit(const struct unit *u, const char *s)
{
	if (*s == '\0')
		return 1;
	if (*s == ' ')
		s++;
	for (; u->name != NULL; u++)
		if (u->name[0] != '\0' && strcmp(u->name, s) == 0)
			return u->factor;
	return 0;
}

static const char *
kind_of(enum config_type type)
{
	if (units_of(type) == times)
		return "a whole number of seconds, or one with s, m or h";
	if (units_of(type) == sizes)
		return "a whole number of bytes, or one with KiB, MiB or GiB";
	return "a whole number";
}

int
config_number_parse(
    const struct config_row *row, const char *text, uint64_t *out, struct errmsg *why)
{
	const bool negative = text[0] == '-';
	const char *p = text + (negative ? 1 : 0);
	uint64_t v = 0, factor;
	const char *digits = p;

	for (; is_digit(*p); p++)
		v = saturate(v, 10, (uint64_t)(*p - '0'));
	factor = parse_unit(units_of(row->type), p);
	if (p == digits || factor == 0) {
		errmsg_set(why, "\"%.60s\" is not %s", text, kind_of(row->type));
		return ERR_INVALID;
	}
	v = saturate(v, factor, 0);
	if (v < row->lo || (negative && v > 0)) {
		errmsg_set(why, "\"%.60s\" is below %" PRIu64, text, row->lo);
		return ERR_INVALID;
	}
	if (v > row->hi) {
		errmsg_set(why, "\"%.60s\" is above %" PRIu64, text, row->hi);
		return ERR_INVALID;
	}
	*out = v;
	return 0;
}

void
config_number_format(
    const struct config_row *row, uint64_t v, char out[CONFIG_NUMBER_BYTES])
{
	const char *name = "";
	uint64_t factor = 1;

	for (const struct unit *u = units_of(row->type); u->name != NULL; u++)
		if (v == 0 ? u->factor == 1 : v % u->factor == 0) {
			name = u->name;
			factor = u->factor;
		}
	snprintf(out, CONFIG_NUMBER_BYTES, "%" PRIu64 "%s%s", v / factor,
	    name[0] != '\0' ? " " : "", name);
}
