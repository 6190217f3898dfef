/*
 * Heads on their way through: what of a request goes upstream, what of an answer
 * goes to the client (CONTRACT section 5, What goes upstream). Pure: writes into a
 * string builder. Values are copied byte for byte, repeated fields one by one.
 */
#ifndef GATEHOUSE_WORKER_FORWARD_H
#define GATEHOUSE_WORKER_FORWARD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/config.h"
#include "common/sb.h"
#include "worker/http1.h"
#include "worker/reply.h"

/* Whom a request to the admin process comes from. */
struct forward_origin {
	struct addr client;
	bool https;
};

/*
 * The request line and fields for upstream, all but the body's framing and the
 * empty line: see forward_framing(). request_id: the client's own; n 0: none.
 */
void forward_request(struct sb *out, const struct config *cfg,
    const struct http1_head *head, struct span request_id);

/* The same for the admin process (DESIGN: Admin's road). */
void forward_admin_request(struct sb *out, const struct http1_head *head,
    struct span request_id, const struct forward_origin *origin);

/* Content-Length, Transfer-Encoding: chunked, or nothing; and the empty line. */
void forward_framing(struct sb *out, enum http1_framing framing, uint64_t length);

/*
 * The status line and fields of an answer for the client, all but framing and the
 * empty line. raw_length: also copy upstream's Content-Length (HEAD, 304).
 */
void forward_answer(struct sb *out, const struct reply_context *ctx,
    const struct http1_head *head, bool raw_length);

/* An interim answer (1xx), whole. */
void forward_interim(struct sb *out, const struct http1_head *head);

/* Begin a chunk of n bytes (RFC 9112 section 7.1). */
void forward_chunk(struct sb *out, uint64_t n);

#endif
