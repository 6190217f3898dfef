/*
 * The raw scan of a message head (RFC 9112 sections 2 to 5): which bytes may
 * stand where, and what the fields say about framing. Pure, and stricter than
 * the RFCs where they let two readers see two messages. Only for http1.c.
 */
#ifndef GATEHOUSE_WORKER_HTTP1_SCAN_H
#define GATEHOUSE_WORKER_HTTP1_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "worker/http1.h"

/*
 * Scan the head at the front of [p, p+n) from its first byte on; the first fault
 * in the order of the bytes is the one that is reported, so it does not depend
 * on how much has arrived. Faults of the head as a whole (Host, framing) are
 * looked for once its empty line is there.
 * head_request  as in http1_read_head().
 * out           filled on 0; undefined otherwise.
 * fault_out     set when the result is not 0 and not ERR_MORE.
 * Returns 0, ERR_MORE, ERR_SYNTAX or ERR_TOO_LARGE.
 */
int http1_scan_head(enum http1_side side, const char *p, size_t n, bool head_request,
    struct http1_head *out, enum http1_fault *fault_out) MUSTCHECK;

#endif
