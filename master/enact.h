/*
 * Admin has written the key file or the settings and wants them in force: both are read and
 * published at once, each on its own. Nothing else is looked at, so a broken certificate,
 * configuration or price list does not keep a revoked key in force. shared_enacted says
 * what came of it. WATCH and reloads go on beside it.
 */
#ifndef GATEHOUSE_MASTER_ENACT_H
#define GATEHOUSE_MASTER_ENACT_H

#include "master/state.h"

/* Ask for one. Asked for again before it began, it is still one. */
void enact_request(struct master *m);

/* Do what was asked for. */
void enact_step(struct master *m);

#endif
