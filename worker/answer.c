/*
 * Upstream's answer on its way to the client; see exchange_state.h. Nothing is
 * collected but error bodies, which are answer_error.c's; each read from upstream is written
 * on in the same turn of the loop.
 */
#include "worker/exchange_state.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "worker/forward.h"

enum {
	DIRECT_MIN = 16 * 1024, /* a run at least this long is not copied */
	CHUNK_ROOM = 64,        /* framing around one run */
	HEAD_ROOM = 8 * 1024,   /* what a head says here more than upstream's */
	ODD_USAGE_LINES = 5     /* in 10 s */
};

/* What the meter emits is as long only where it lies in the data that it was fed. */
_Static_assert(
    (int)DIRECT_MIN > (int)METER_HOLD_MAX, "a held event would not outlive its read");

static bool
is_audio(const struct exchange *x)
{
	return x->match.endpoint == ENDPOINT_TRANSCRIPTIONS ||
	    x->match.endpoint == ENDPOINT_TRANSLATIONS;
}

/* Begin to build output for this read from upstream. */
static struct sb *
out_begin(struct exchange *x)
{
	if (x->out.p == NULL)
		x->out = sb_init(x->env->scratch, ENV_SCRATCH);
	return &x->out;
}

static struct client_bytes
out_take(struct exchange *x)
{
	struct client_bytes bytes = { .head = { x->out.p, x->out.n } };

	if (x->direct.n > 0) {
		bytes.head.n = x->out_split;
		bytes.body = x->direct;
		bytes.tail =
		    (struct span){ x->out.p + x->out_split, x->out.n - x->out_split };
	}
	x->out = (struct sb){ 0 };
	x->direct = (struct span){ 0 };
	return bytes;
}

void
answer_note_usage(struct exchange *x, bool complete)
{
	struct usage used = { 0 };

	if (x->metering)
		used = x->meter.answer.usage;
	if (is_audio(x) && x->status < 300)
		used.v[USAGE_AUDIO_BYTES] = x->bytes_in;
	account_note(x->env->accounts, &x->account, &used, complete);
}

/* Send the last of the answer, and end. */
static void
out_end(struct exchange *x)
{
	const struct client_bytes bytes = out_take(x);

	answer_note_usage(x, true);
	exchange_end(x, &bytes, x->keep_alive);
}

/* Send what was built; the client's reading speed is upstream's. */
static void
out_flush(struct exchange *x)
{
	const struct client_bytes bytes = out_take(x);

	answer_note_usage(x, false);
	x->bytes_out += bytes.head.n + bytes.body.n + bytes.tail.n;
	client_write(x->client, &bytes);
	x->overhead_ns += clock_mono_ns() - x->env->now_ns;
	if (client_pending(x->client) > 0)
		upstream_pause(&x->call);
}

/* Begin or go on, with room for n bytes more: what has no room beside them goes out first. */
static struct sb *
out_room(struct exchange *x, size_t n)
{
	struct sb *out = out_begin(x);

	if (n <= out->cap - out->n)
		return out;
	out_flush(x);
	return out_begin(x);
}

/* --- keeping a silent stream alive --- */

static void keepalive_arm(struct exchange *x);

static void
on_keepalive(struct wheel_entry *e)
{
	struct exchange *x =
	    exchange_check((char *)e - offsetof(struct exchange, keepalive));
	struct sb *out;

	keepalive_arm(x);
	if (!x->metering || !meter_answer_at_event_end(&x->meter.answer) ||
	    client_pending(x->client) > 0)
		return;
	out = out_begin(x);
	if (x->out_chunked)
		SB_LIT(out, "e\r\n: keep-alive\n\n\r\n");
	else
		SB_LIT(out, ": keep-alive\n\n");
	out_flush(x);
}

static void
keepalive_arm(struct exchange *x)
{
	uint32_t ms = x->env->cfg->sse_keepalive_ms;

	if (x->sse && ms > 0 && (x->out_chunked || x->answer_close))
		wheel_set(
		    &x->env->wheel, &x->keepalive, x->env->now_ms + ms, on_keepalive);
}

/* --- heads --- */

static void
on_interim(void *arg, const struct http1_head *head)
{
	struct exchange *x = exchange_check(arg);

	if (head->status == 100 || x->minor == 0 || x->status != 0)
		return; /* we said 100 ourselves; HTTP/1.0 knows no interim answers */
	forward_interim(out_room(x, head->bytes + HEAD_ROOM), head);
}

static bool
is_event_stream(const struct http1_head *head)
{
	const struct http1_field *type = http1_find(head, SPAN("content-type"), NULL);
	static const struct span sse = { "text/event-stream", 17 };

	return type != NULL && type->value.n >= sse.n &&
	    span_eq_nocase((struct span){ type->value.p, sse.n }, sse);
}

/* What an event stream's head must say so that nobody on the way collects it. */
static void
put_stream_headers(struct sb *out, const struct http1_head *head)
{
	if (http1_find(head, SPAN("cache-control"), NULL) == NULL)
		SB_LIT(out, "Cache-Control: no-cache\r\n");
	if (http1_find(head, SPAN("x-accel-buffering"), NULL) == NULL)
		SB_LIT(out, "X-Accel-Buffering: no\r\n");
}

/* How the body will be delimited towards this client. */
static enum http1_framing
out_framing(struct exchange *x, const struct http1_head *head)
{
	if (head->framing == HTTP1_LENGTH || head->framing == HTTP1_NO_BODY)
		return head->framing;
	if (x->minor == 1) {
		x->out_chunked = true;
		return HTTP1_CHUNKED;
	}
	x->answer_close = true;
	x->keep_alive = false;
	return HTTP1_UNTIL_CLOSE;
}

/* Take over what the request's meter found; the answer's takes its place. */
static void
end_request_metering(struct exchange *x)
{
	const struct meter_request *m = &x->meter.request;

	memcpy(x->model, m->model, sizeof(x->model));
	if (m->model_seen && m->model[0] == '\0')
		memcpy(x->model, "other", sizeof("other")); /* too long to be kept */
	x->include_usage = m->include_usage;
}

/* The account of the request begins with its answer's head. */
static void
begin_account(struct exchange *x, const struct http1_head *head)
{
	if (!x->to_admin)
		account_open(x->env->accounts, &x->account, x->key_id, span_of(x->model),
		    x->match.endpoint, head->status, env_wall_ms(x->env));
}

/* Watch the body. Events are mended, and the usage-only chunk is left out, only where
 * the length has not been told already. */
static void
begin_metering(struct exchange *x, const struct http1_head *head)
{
	const struct http1_field *type = http1_find(head, SPAN("content-type"), NULL);
	bool open_end = x->out_chunked || x->answer_close;
	bool chat = x->match.endpoint == ENDPOINT_CHAT ||
	    x->match.endpoint == ENDPOINT_COMPLETIONS;

	if (x->to_admin || type == NULL)
		return;
	x->metering = true;
	meter_answer_init(&x->meter.answer, x->match.endpoint,
	    meter_format_of(type->value, NULL), open_end && chat && !x->include_usage,
	    open_end);
}

void
answer_stop_metering(struct exchange *x)
{
	if (!x->metering)
		return;
	x->metering = false;
	if (x->meter.answer.nonsense)
		log_write_limited(&x->env->odd_usage, ODD_USAGE_LINES, x->env->now_ms,
		    LOG_LEVEL_WARN, "usage",
		    "upstream told a negative, fractional or absurd count (%s): it is not "
		    "counted",
		    endpoint_name(x->match.endpoint));
	meter_answer_fini(&x->meter.answer);
}

static void
relay_head(struct exchange *x, const struct http1_head *head)
{
	enum http1_framing framing = out_framing(x, head);
	struct reply_context ctx = exchange_context(x);
	struct sb *out = out_room(x, head->bytes + HEAD_ROOM);

	x->keep_alive = ctx.keep_alive; /* what the client is told holds to the end */
	x->state = EXCHANGE_RELAY;
	x->status = head->status;
	x->first_byte_ns = x->env->now_ns;
	x->sse = is_event_stream(head);
	if (x->sse)
		stats_add(&x->env->row->stats.streams, 1);
	forward_answer(out, &ctx, head, framing == HTTP1_NO_BODY);
	if (x->sse)
		put_stream_headers(out, head);
	forward_framing(out, framing, head->content_length);
	begin_metering(x, head);
	keepalive_arm(x);
}

static void
on_head(void *arg, const struct http1_head *head, bool end)
{
	struct exchange *x = exchange_check(arg);

	if (!x->to_admin)
		stats_add(&x->env->row->stats.upstream[stats_code_index(head->status)], 1);
	if (answer_error_at_once(x, head))
		return;
	end_request_metering(x);
	begin_account(x, head);
	if (!end)
		client_answering(x->client);
	if (!x->to_admin && head->status >= 400 && x->method != HTTP_HEAD) {
		if (x->out.p != NULL) /* an interim answer */
			out_flush(x);
		answer_error_begin(x, head);
		if (end)
			answer_error_end(x);
		return;
	}
	relay_head(x, head);
	if (end)
		out_end(x);
}

/* --- bodies --- */

/* Frame data in chunks. A long run is not copied: it lies in upstream's bytes, which are
 * there until the end of this read. */
static void
put_body(struct exchange *x, struct span data)
{
	const bool direct = data.n >= DIRECT_MIN;
	struct sb *out;

	if (direct && x->direct.n > 0)
		out_flush(x);
	out = out_room(x, CHUNK_ROOM + (direct ? 0 : data.n));
	if (x->out_chunked)
		forward_chunk(out, data.n);
	if (direct) {
		x->direct = data;
		x->out_split = out->n;
	} else {
		sb_span(out, data);
	}
	if (x->out_chunked)
		SB_LIT(out, "\r\n");
}

static void
on_emit(void *arg, struct span data)
{
	put_body(exchange_check(arg), data);
}

static void
on_body(void *arg, struct span data, bool end)
{
	struct exchange *x = exchange_check(arg);

	if (x->state == EXCHANGE_SHAPE) {
		answer_error_body(x, data, end);
		return;
	}
	if (data.n > 0) {
		if (x->metering)
			meter_answer_feed(&x->meter.answer, data, on_emit, x);
		else
			put_body(x, data);
		keepalive_arm(x);
	}
	if (!end)
		return;
	if (x->metering)
		meter_answer_end(&x->meter.answer, on_emit, x);
	if (x->out_chunked)
		SB_LIT(out_begin(x), "0\r\n\r\n");
	out_end(x);
}

static void
on_flush(void *arg)
{
	struct exchange *x = exchange_check(arg);

	if (x->out.p != NULL && x->state != EXCHANGE_OVER)
		out_flush(x);
}

void
answer_on_drained(struct exchange *x)
{
	upstream_resume(&x->call);
}

static void
on_writable(void *arg)
{
	request_on_writable(exchange_check(arg));
}

/* --- failures --- */

static enum reply_error
failure_error(const struct exchange *x, enum upstream_failure f)
{
	if (x->to_admin && f != UPSTREAM_NO_MEMORY)
		return REPLY_ADMIN_DOWN;
	switch (f) {
	case UPSTREAM_NO_ADDRESS: return REPLY_UPSTREAM_UNKNOWN;
	case UPSTREAM_NO_CONNECTION:
	case UPSTREAM_UNSENT: return REPLY_UPSTREAM_CONNECT;
	case UPSTREAM_CONNECT_TIMEOUT: return REPLY_CONNECT_TIMEOUT;
	case UPSTREAM_TIMEOUT: return REPLY_UPSTREAM_TIMEOUT;
	case UPSTREAM_NO_MEMORY: return REPLY_NO_MEMORY;
	case UPSTREAM_BROKEN:
	case UPSTREAM_CUT: break;
	}
	return REPLY_UPSTREAM_BROKEN;
}

static void
on_fail(void *arg, enum upstream_failure f)
{
	struct exchange *x = exchange_check(arg);

	if (x->state == EXCHANGE_RELAY) {
		/* What came before the break is the client's. */
		if (x->out.p != NULL)
			out_flush(x);
		exchange_break(x);
		return;
	}
	(void)out_take(x); /* of what was built nothing goes out */
	exchange_fail(x, failure_error(x, f), NULL);
}

const struct upstream_ops answer_ops = {
	.on_interim = on_interim,
	.on_head = on_head,
	.on_body = on_body,
	.on_flush = on_flush,
	.on_writable = on_writable,
	.on_fail = on_fail,
};
