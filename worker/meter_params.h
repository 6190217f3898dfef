/* Header values with parameters, `value; name=token; name="text"` (RFC 9110 section
 * 5.6.6, RFC 7578 section 4.2), read without a copy. Pure. */
#ifndef GATEHOUSE_WORKER_METER_PARAMS_H
#define GATEHOUSE_WORKER_METER_PARAMS_H

#include <stdbool.h>

#include "common/span.h"

/* Take what stands before the first semicolon off rest, without spaces around it. */
struct span params_head(struct span *rest);

/* Take the next parameter off rest. value_out: without its quotes; escapes in it are
 * left as they are. Returns false at the end, and for what is no parameter. */
bool params_next(struct span *rest, struct span *name_out, struct span *value_out);

#endif
