/*
 * Upstream's errors: said so that clients can read them; see exchange_state.h. An error's
 * body is collected and looked at before anything goes out.
 */
#include "worker/exchange_state.h"

#include "common/log.h"
#include "worker/forward.h"
#include "worker/jsonscan.h"

enum { ERROR_MAX = 64 * 1024 }; /* an error body longer than this is replaced */

/* Gatehouse's own key is refused: that is no matter of the client's. */
static void
upstream_refuses_us(struct exchange *x)
{
	log_write_limited(&x->env->key_refused, 1, x->env->now_ms, LOG_LEVEL_ERROR,
	    "upstream_auth",
	    "upstream answers 401: PRIVATEMODE_API_KEY is missing or refused");
	exchange_fail(x, REPLY_UPSTREAM_AUTH, NULL);
}

/*
 * What the admin process says itself carries a policy for pages; what its HTTP library
 * answers to a request that it can't take does not, and is a page of HTML.
 */
static bool
is_bare_refusal(const struct exchange *x, const struct http1_head *head)
{
	return x->to_admin && head->status >= 400 &&
	    http1_find(head, SPAN("content-security-policy"), NULL) == NULL;
}

static void
refuse_for_admin(struct exchange *x, unsigned status)
{
	x->keep_alive = false; /* some of the body may not have been read */
	switch (status) {
	case 400: exchange_fail(x, REPLY_BAD_REQUEST, NULL); return;
	case 413: exchange_fail(x, REPLY_TOO_LARGE, NULL); return;
	case 501: exchange_fail(x, REPLY_BAD_METHOD, NULL); return;
	default: exchange_fail(x, REPLY_ADMIN_DOWN, NULL); return;
	}
}

bool
answer_error_at_once(struct exchange *x, const struct http1_head *head)
{
	if (!x->to_admin && head->status == 401)
		upstream_refuses_us(x);
	else if (is_bare_refusal(x, head))
		refuse_for_admin(x, head->status);
	else
		return false;
	return true;
}

void
answer_error_begin(struct exchange *x, const struct http1_head *head)
{
	struct reply_context ctx = exchange_context(x);
	struct sb out = sb_init(x->env->scratch, ENV_SCRATCH);

	x->state = EXCHANGE_SHAPE;
	x->status = head->status;
	forward_answer(&out, &ctx, head, false);
	if (out.over ||
	    buf_add(x->env, &x->head, (struct span){ out.p, out.n }, out.n) != 0)
		buf_free(x->env, &x->head); /* then the error is made here */
}

static const char *
error_type(const struct exchange *x)
{
	bool anthropic = x->match.dialect == DIALECT_ANTHROPIC;

	switch (x->status) {
	case 401: return anthropic ? "authentication_error" : "invalid_request_error";
	case 403: return anthropic ? "permission_error" : "invalid_request_error";
	case 404: return anthropic ? "not_found_error" : "invalid_request_error";
	case 413: return anthropic ? "request_too_large" : "invalid_request_error";
	case 429: return "rate_limit_error";
	default: break;
	}
	if (x->status >= 500)
		return anthropic ? "api_error" : "server_error";
	return "invalid_request_error";
}

void
answer_error_end(struct exchange *x)
{
	struct span said = { x->shaped.p, x->shaped.n };
	struct reply_context ctx = exchange_context(x);
	struct sb out = sb_init(x->env->scratch, ENV_SCRATCH);

	if (x->head.n > 0 && json_object_has(said, SPAN("error"))) {
		sb_span(&out, (struct span){ x->head.p, x->head.n });
		forward_framing(&out, HTTP1_LENGTH, said.n);
		sb_span(&out, said);
	} else {
		char text[1024];
		struct sb body = sb_init(text, sizeof(text));

		reply_error_body(&body, &ctx, x->status, error_type(x), "upstream_error",
		    "The upstream service answered with an error.");
		reply_json(&out, &ctx, x->status, (struct span){ body.p, body.n });
	}
	answer_note_usage(x, true);
	exchange_end_with(x, &out, ctx.keep_alive);
}

void
answer_error_body(struct exchange *x, struct span data, bool end)
{
	if (x->shaped.n + data.n > ERROR_MAX || x->head.n == 0 ||
	    buf_add(x->env, &x->shaped, data, 1024) != 0)
		buf_free(x->env, &x->head); /* too long to be judged: said anew */
	if (end)
		answer_error_end(x);
}
