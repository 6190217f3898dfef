/*
 * Hours and days of a named time zone, for people: `gatehouse usage --zone`. Usage is kept
 * by hours of UTC, so a day is made of the whole hours that begin in it. The zone is the
 * process's (TZ): who has threads calls zone_use("UTC") before the first of them, uses zones
 * in one thread only, and goes back to UTC afterwards.
 */
#ifndef GATEHOUSE_ADMIN_ZONE_H
#define GATEHOUSE_ADMIN_ZONE_H

#include <stdint.h>

#include "common/err.h"
#include "common/span.h"

#define ZONE_TEXT_BYTES 40

/* Use a zone of the system's database, by name (`Europe/Berlin`), or UTC. Returns 0 or
 * ERR_INVALID (there is none of that name). */
int zone_use(const char *name) MUSTCHECK;

/*
 * A time on a command line: `2027-01-31`, `2027-01-31T12:00`, in the zone; with `Z` or an
 * offset as it says; `now`, `today`, `yesterday`; `36h` or `7d` before now_ms.
 * Returns 0 or ERR_SYNTAX.
 */
int zone_parse(struct span text, int64_t now_ms, int64_t *ms_out) MUSTCHECK;

/* Midnight of the local day that is `back` days before the one of now_ms. */
int64_t zone_midnight(int64_t now_ms, int back);

/* The local day in which an hour (since 1970, UTC) begins, as days since 1970. */
uint32_t zone_day(uint32_t hour);

/* `2027-01-31 12:00`; with the zone's offset `2027-01-31T12:00:00+01:00`; `2027-01-31`. */
void zone_format_hour(uint32_t hour, char out[ZONE_TEXT_BYTES]);
void zone_format_hour_iso(uint32_t hour, char out[ZONE_TEXT_BYTES]);
void zone_format_day(uint32_t day, char out[ZONE_TEXT_BYTES]);

#endif
