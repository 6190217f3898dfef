/*
 * Who is let in, and to what. The order: transport, route, method, address, key, limits,
 * size - all judged on the head, before a byte of body is read.
 */
#include <string.h>

#include "worker/exchange_state.h"
#include "worker/gate.h"

enum { ADMIN_BODY_MAX = 1024 * 1024 }; /* the admin process takes no more */

/* --- credentials --- */

/* Know the key or answer: false means that x is answered. */
static bool
admit_key(struct exchange *x, const struct http1_head *head, struct keyring_entry *entry)
{
	struct span secret = { 0 };
	enum gate_identity who = gate_secret(head, &secret);

	if (who == GATE_KNOWN)
		who = gate_identify(&x->env->hasher,
		    shared_keyring(x->env->shared->published), secret,
		    env_wall_ms(x->env), entry);
	switch (who) {
	case GATE_KNOWN: break;
	case GATE_MISSING: exchange_fail(x, REPLY_NO_KEY, NULL); return false;
	case GATE_WRONG: exchange_fail(x, REPLY_BAD_KEY, NULL); return false;
	case GATE_DOUBLED:
		exchange_fail(x, REPLY_DUPLICATE_CREDENTIAL, NULL);
		return false;
	}
	memcpy(x->key_id, entry->key.id, sizeof(x->key_id));
	return true;
}

/* --- limits --- */

/* What headers say of a window. */
static void
show_window(struct exchange *x, const struct window_state *w)
{
	x->rate = (struct reply_rate){ .set = true,
		.limit = w->limit,
		.remaining = w->remaining,
		.reset_ms = w->reset_ms };
}

static void
refuse_over_limit(struct exchange *x, const struct window_state *w, enum stats_refusal why)
{
	struct reply_detail detail = { .retry_after_ms = w->retry_after_ms };

	stats_add(&x->env->row->stats.refused[why], 1);
	show_window(x, w);
	exchange_fail(x, REPLY_RATE_LIMITED, &detail);
}

/* Room in the address's window, or an answer: false means that x is answered. */
static bool
admit_address(struct exchange *x)
{
	struct window_state w;

	if (gate_admit_address(x->env->shared, &x->addr, &w))
		return true;
	refuse_over_limit(x, &w, STATS_REFUSED_ADDRESS);
	return false;
}

/* Room in the windows of all keys and of this one, or an answer. */
static bool
admit_request(struct exchange *x, const struct keyring_entry *entry)
{
	struct window_state w;

	if (!gate_admit_key(x->env->shared, entry, &w)) {
		refuse_over_limit(x, &w, STATS_REFUSED_RATE);
		return false;
	}
	show_window(x, &w);
	return true;
}

/* --- the order of things --- */

static bool
is_preflight(const struct exchange *x, const struct http1_head *head)
{
	return x->method == HTTP_OPTIONS && x->cors_origin != NULL &&
	    http1_find(head, SPAN("access-control-request-method"), NULL) != NULL;
}

static void
begin_api(struct exchange *x, const struct http1_head *head)
{
	struct keyring_entry entry;
	struct reply_detail detail = { .allow = x->match.allow };

	if (is_preflight(x, head)) {
		local_preflight(x, head);
		return;
	}
	if (x->method == HTTP_OPTIONS && detail.allow == NULL)
		detail.allow = "GET, HEAD, POST, DELETE";
	if (detail.allow != NULL) {
		exchange_fail(x, REPLY_METHOD, &detail);
		return;
	}
	if (!admit_address(x) || !admit_key(x, head, &entry) || !admit_request(x, &entry))
		return;
	if (head->framing == HTTP1_LENGTH && head->content_length > x->env->cfg->max_body) {
		x->keep_alive = false;
		exchange_fail(x, REPLY_TOO_LARGE, NULL);
		return;
	}
	request_forward(x, head);
}

/* evhttp reads no body of the others, and would take one for the next request. */
static bool
admin_reads_body(enum http_method method)
{
	return method == HTTP_POST || method == HTTP_PUT || method == HTTP_PATCH;
}

static void
begin_admin(struct exchange *x, const struct http1_head *head)
{
	static const struct reply_detail no_body = { .code = "unexpected_body",
		.message = "This method takes no body." };
	const struct client_port *port = client_port(x->client);

	x->cors_origin = NULL;
	if (port->no_admin) {
		exchange_fail(x, REPLY_NOT_FOUND, NULL);
	} else if (head->framing == HTTP1_LENGTH && head->content_length > ADMIN_BODY_MAX) {
		x->keep_alive = false;
		exchange_fail(x, REPLY_TOO_LARGE, NULL);
	} else if (!admin_reads_body(x->method) && head->framing != HTTP1_NO_BODY &&
	    !(head->framing == HTTP1_LENGTH && head->content_length == 0)) {
		x->keep_alive = false;
		exchange_fail(x, REPLY_BAD_REQUEST, &no_body);
	} else {
		x->to_admin = true;
		request_forward(x, head);
	}
}

static void
begin_key_info(struct exchange *x, const struct http1_head *head)
{
	struct keyring_entry entry;

	if (admit_address(x) && admit_key(x, head, &entry))
		local_key_info(x, &entry);
}

/* On a plain port of a house that has TLS only health and ACME are served.
 * Returns false when x is answered. */
static bool
transport_ok(struct exchange *x, const struct http1_head *head)
{
	const struct http1_field *host = http1_find(head, SPAN("host"), NULL);
	char url[512];
	struct sb location = sb_init(url, sizeof(url));
	struct reply_context ctx;
	struct sb out = sb_init(x->env->scratch, ENV_SCRATCH);

	if (x->https || !x->env->cfg->force_https || x->match.route == ROUTE_HEALTH ||
	    x->match.route == ROUTE_ACME)
		return true;
	if (x->match.route != ROUTE_ADMIN || x->method != HTTP_GET || host == NULL) {
		exchange_fail(x, REPLY_HTTPS_REQUIRED, NULL);
		return false;
	}
	SB_LIT(&location, "https://");
	for (size_t i = 0; i < host->value.n && host->value.p[i] != ':'; i++)
		sb_put(&location, &host->value.p[i],
		    1); /* the port there is the plain one */
	sb_span(&location, head->target);
	if (location.over) {
		exchange_fail(x, REPLY_HTTPS_REQUIRED, NULL);
		return false;
	}
	ctx = exchange_context(x);
	x->status = 308;
	reply_redirect(&out, &ctx, (struct span){ location.p, location.n });
	exchange_end_with(x, &out, ctx.keep_alive);
	return false;
}

void
admission_begin(struct exchange *x, const struct http1_head *head)
{
	struct reply_detail detail = { .allow = x->match.allow };

	if (!transport_ok(x, head))
		return;
	if (client_port(x->client)->admin_only && x->match.route == ROUTE_API)
		x->match.route = ROUTE_NOT_FOUND;
	if (x->match.route != ROUTE_API && x->match.route != ROUTE_NOT_FOUND &&
	    detail.allow != NULL) {
		exchange_fail(x, REPLY_METHOD, &detail);
		return;
	}
	switch (x->match.route) {
	case ROUTE_HEALTH: local_health(x); return;
	case ROUTE_READY: local_ready(x); return;
	case ROUTE_KEY_INFO: begin_key_info(x, head); return;
	case ROUTE_ADMIN: begin_admin(x, head); return;
	case ROUTE_ACME:
		if (x->env->cfg->acme_webroot != NULL) {
			begin_admin(x, head);
			return;
		}
		break;
	case ROUTE_API: begin_api(x, head); return;
	case ROUTE_NOT_FOUND: break;
	}
	detail = (struct reply_detail){ .message = x->match.hint, .code = x->match.code };
	exchange_fail(x, REPLY_NOT_FOUND, &detail);
}
