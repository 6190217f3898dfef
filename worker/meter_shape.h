/*
 * Events of a stream that are alike: they differ from one another only within the first
 * value that is skipped, and in digits behind it. A stream of chat chunks is little else:
 * each repeats id, model and the names of the counts, and says another word.
 *
 * Whoever reads such an event (meter_pick.h) goes through the same states as for the one
 * before, and takes the same fields, with other numbers. As counts are cumulative and the
 * last one holds, of a run of events alike only the last need be read. Pure.
 */
#ifndef GATEHOUSE_WORKER_METER_SHAPE_H
#define GATEHOUSE_WORKER_METER_SHAPE_H

#include <stdbool.h>
#include <stddef.h>

/* One event in full, of which some places are known; all point into the same bytes,
 * which are borrowed. */
struct shape {
	const char *from; /* its first byte; NULL: there is none to compare with */
	const char *nest; /* behind the bracket of its first skipped value */
	const char *rest; /* behind the bracket that closes that value */
	const char *to;   /* behind its blank line */
	const char *free; /* from here on any digit may stand for any other */
	/* The last string within the value, which is the word that a chat's event adds: behind
	 * its first quote, and its last quote. NULL: there is none. */
	const char *text, *text_end;
};

/*
 * Look at the event between from and to: set the rest. Digits stay as they are where they can
 * decide whether a number is taken (long or signed ones, fractions, exponents), or may
 * stand for a letter (\u0075). Returns false if no event can be told to be like it.
 */
bool shape_learn(struct shape *s);

/* Is what begins at p an event like s, all of it before end? Returns the byte behind its
 * blank line, or NULL. */
const char *shape_match(const struct shape *s, const char *p, const char *end);

#endif
