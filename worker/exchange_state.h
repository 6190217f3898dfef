/*
 * The state of an exchange, shared by exchange.c (its begin and end), admission.c (who is
 * let in), request_body.c, local.c, answer.c, answer_error.c and access.c; nobody else
 * includes this.
 */
#ifndef GATEHOUSE_WORKER_EXCHANGE_STATE_H
#define GATEHOUSE_WORKER_EXCHANGE_STATE_H

#include "common/keyring.h"
#include "worker/account.h"
#include "worker/client.h"
#include "worker/env.h"
#include "worker/meter.h"
#include "worker/reply.h"
#include "worker/route.h"
#include "worker/upstream.h"

enum exchange_state {
	EXCHANGE_HOLD,  /* the body is collected; nothing has gone upstream */
	EXCHANGE_PASS,  /* the body is passed on as it comes; no answer yet */
	EXCHANGE_WAIT,  /* all of the request has gone upstream */
	EXCHANGE_RELAY, /* the answer's head has gone to the client */
	EXCHANGE_SHAPE, /* an error answer is collected, to be put into the dialect */
	EXCHANGE_OVER,  /* answered, or the client has left */
};

/* Bytes that are collected; accounted with env_hold(). */
struct exchange_buf {
	char *p;
	size_t n, cap;
};

struct exchange {
	struct env_grave grave; /* first */
	uint32_t magic;
	uint8_t state; /* enum exchange_state */
	struct worker_env *env;
	struct client *client; /* NULL: it has left */
	struct upstream_call call;

	/* the request */
	struct route_match match;
	enum http_method method;
	unsigned minor;
	bool keep_alive;
	bool expects_continue; /* and was not told to go on */
	bool https;
	bool client_id; /* request_id is the client's own */
	bool to_admin;
	uint8_t request_id_n;
	char request_id[REQUEST_ID_MAX];
	const char *cors_origin; /* borrowed from the configuration or origin_copy */
	char *origin_copy;
	struct addr addr; /* the client's, as the limits see it */
	char key_id[KEY_ID_MAX + 1];
	struct reply_rate rate;
	struct exchange_buf head; /* for upstream, with framing left open if chunked */
	struct exchange_buf body;
	enum http1_framing body_framing;
	bool passing; /* its body is passed on; also behind the answer's head, to the end */
	uint64_t bytes_in;
	char model[METER_MODEL_MAX + 1]; /* as the request named it */
	bool include_usage;              /* it asked for the usage-only chunk */

	/* the answer */
	unsigned status; /* as sent to the client; 0: nothing yet */
	bool out_chunked;
	bool sse;
	bool answer_close; /* the end of the connection ends the answer */
	/* Within one upstream read: what has been built in env->scratch, and a run of the
	 * body as upstream's connection has it, which goes out at out_split. */
	struct sb out;
	struct span direct;
	size_t out_split;
	struct exchange_buf shaped;
	struct wheel_entry keepalive;
	bool metering; /* meter.answer watches the body */
	struct account account;
	union {
		struct meter_request request; /* until the answer's head */
		struct meter_answer answer;
	} meter;
	uint64_t bytes_out;
	uint64_t began_ns, first_byte_ns; /* first_byte_ns 0: none yet */
	uint64_t overhead_ns;             /* spent here: all but waiting for others */
};

/* exchange.c */
struct exchange *exchange_check(void *arg);
/* What every answer to x says. */
struct reply_context exchange_context(const struct exchange *x);
/* Answer with an error made here, and end. */
void exchange_fail(
    struct exchange *x, enum reply_error e, const struct reply_detail *detail);
/* Send the last part of the answer, and end. */
void exchange_end(struct exchange *x, const struct client_bytes *bytes, bool keep);
/* The same with an answer that was made here. */
static inline void
exchange_end_with(struct exchange *x, const struct sb *out, bool keep)
{
	exchange_end(x, &(struct client_bytes){ .head = { out->p, out->n } }, keep);
}
/* Break the answer off so that it can't look complete, and end. */
void exchange_break(struct exchange *x);
/* Let go of everything; x is buried. */
void exchange_finish(struct exchange *x);

/* admission.c */

/*
 * x is new, its route, method, address and origin are known, and head is its request's:
 * answer it here, refuse it, or send it on.
 */
void admission_begin(struct exchange *x, const struct http1_head *head);

/* request_body.c */

/* Collect s. Returns 0 or -ENOMEM. cap_hint: first capacity, bytes. */
int buf_add(struct worker_env *env, struct exchange_buf *b, struct span s,
    size_t cap_hint) MUSTCHECK;
void buf_free(struct worker_env *env, struct exchange_buf *b);
/*
 * Build the request for upstream. A body of known length up to the limit is
 * collected behind its head in one buffer of just that size; a longer one passes.
 */
void request_forward(struct exchange *x, const struct http1_head *head);
/* Some of the body; end: the last of it. */
void request_on_body(struct exchange *x, struct span data, bool end);
/* More body may go upstream. */
void request_on_writable(struct exchange *x);

/* local.c: whole answers; each ends x. */
void local_health(struct exchange *x);
void local_ready(struct exchange *x);
void local_key_info(struct exchange *x, const struct keyring_entry *e);
void local_preflight(struct exchange *x, const struct http1_head *head);

/* answer.c */
extern const struct upstream_ops answer_ops;
/* The client has taken everything. */
void answer_on_drained(struct exchange *x);
/* Free what the meter of the answer holds. Harmless when it does not run. */
void answer_stop_metering(struct exchange *x);
/* Put what the answer said of its use into the arena, before those bytes go out.
 * complete: they are its last. */
void answer_note_usage(struct exchange *x, bool complete);

/* answer_error.c */

/* Is the head of upstream's answer, or admin's, nothing to pass on? Then x is answered
 * here, and ended. */
bool answer_error_at_once(struct exchange *x, const struct http1_head *head);
/* An error begins. Nothing may be waiting in x->out. */
void answer_error_begin(struct exchange *x, const struct http1_head *head);
/* Some of its body; end: the last of it, which ends x. */
void answer_error_body(struct exchange *x, struct span data, bool end);
/* It is complete: passed on if clients can read it, else said anew. Ends x. */
void answer_error_end(struct exchange *x);

/* access.c */

/* One line, if ACCESS_LOG is on. */
void access_log(const struct exchange *x);
/* Count the finished exchange for the metrics. */
void access_count(const struct exchange *x);

#endif
