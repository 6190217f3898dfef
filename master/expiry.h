/*
 * Warns of certificates that end soon: from two weeks before the end on, when
 * gatehouse starts, at each reload, and once a day. One that has ended is an error.
 */
#ifndef GATEHOUSE_MASTER_EXPIRY_H
#define GATEHOUSE_MASTER_EXPIRY_H

#include "master/state.h"

enum expiry { EXPIRY_FAR, EXPIRY_NEAR, EXPIRY_PAST };

/* How a certificate that ends at not_after_s stands at wall_s; both in seconds since 1970. */
enum expiry expiry_judge(int64_t not_after_s, int64_t wall_s);

/* Look at the serving certificates anew with the next step. */
void expiry_request(struct master *m);

/* If it is due: a line for each certificate that ends soon, or has ended. */
void expiry_step(struct master *m, uint64_t now_ms, int64_t wall_s);

#endif
