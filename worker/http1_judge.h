/*
 * llhttp as the second judge of framing. It is shown the same bytes as our own
 * scan and decoder, and both must come to the same message; where they differ
 * the message is refused. It decides nothing alone and hands out no data.
 * Apart from http1.c because llhttp's names (HTTP_GET) are ours as well.
 */
#ifndef GATEHOUSE_WORKER_HTTP1_JUDGE_H
#define GATEHOUSE_WORKER_HTTP1_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Room for a struct llhttp_t of any release 8 or 9. */
enum { HTTP1_JUDGE_BYTES = 128 };

struct http1_judge {
	_Alignas(8) unsigned char llhttp[HTTP1_JUDGE_BYTES];
};

/* What the scan made of a head, for the judge to confirm. */
struct http1_claim {
	bool request;
	bool bodyless;   /* an answer without a body whatever its fields say */
	bool chunked;    /* Transfer-Encoding: chunked stands in the head */
	bool has_length; /* Content-Length does */
	uint64_t length;
	unsigned status; /* of answers */
	unsigned minor;
};

/*
 * Forget what was before and read the head [p, p+n).
 * Returns 0 if llhttp finds in these bytes exactly one head, with the framing
 * that was claimed, else ERR_SYNTAX.
 */
int http1_judge_head(struct http1_judge *j, const char *p, size_t n,
    const struct http1_claim *claim) MUSTCHECK;

/*
 * Read more of a chunked body: the bytes [p, p+n), n > 0, that our decoder has
 * just taken.
 * end       our decoder says that the message ends with these bytes, and not before.
 * in_data   it stands in or right behind a chunk's data, with left bytes to come.
 * Returns 0 if llhttp agrees, else ERR_SYNTAX.
 */
int http1_judge_chunked(struct http1_judge *j, const char *p, size_t n, bool end,
    bool in_data, uint64_t left) MUSTCHECK;

#endif
