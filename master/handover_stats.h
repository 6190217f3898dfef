/*
 * What the metrics count, and upstream's addresses, as JSON by name: for a successor
 * whose regions have another layout. One with the same layout goes on with the regions
 * and has no use for it.
 */
#ifndef GATEHOUSE_MASTER_HANDOVER_STATS_H
#define GATEHOUSE_MASTER_HANDOVER_STATS_H

#include <jansson.h>

#include "common/err.h"
#include "common/shared.h"

/* The sums over all rows; NULL when memory is short. */
json_t *handover_stats_write(struct state *s);

/*
 * Put what root says into s: what workers have counted into row, which no worker has as
 * yet. A name that is not known here is left out; a bucket of a histogram counts in the
 * first that reaches as far. host: the predecessor's upstream, for one that does not say
 * whose the addresses are; or NULL. Returns 0, or ERR_SYNTAX for what makes no sense.
 */
int handover_stats_read(const json_t *root, const char *host, struct state *s,
    struct scoreboard_row *row) MUSTCHECK;

#endif
