/*
 * The lines of `gatehouse status` that come from shared memory: traffic, upstream,
 * certificate. The region is mapped read-only and believed in nothing but its numbers.
 */
#ifndef GATEHOUSE_MASTER_CTL_FIGURES_H
#define GATEHOUSE_MASTER_CTL_FIGURES_H

#include <stdint.h>
#include <stdio.h>

#include "common/shared.h"

/* now_ms: wall clock, for what is left of the certificate. */
void ctl_figures_print(struct state *state, int64_t now_ms, FILE *out);

#endif
