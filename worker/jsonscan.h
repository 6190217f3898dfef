/*
 * A look at the top level of a JSON object without a parser, a copy or a limit on
 * depth. Pure.
 */
#ifndef GATEHOUSE_WORKER_JSONSCAN_H
#define GATEHOUSE_WORKER_JSONSCAN_H

#include <stdbool.h>

#include "common/span.h"

/* Is text one JSON object, brackets balanced, with a member of that name at its top
 * level? name has no characters that need an escape. */
bool json_object_has(struct span text, struct span name);

#endif
