/* See state_api.h. Others write the region meanwhile: each word is right by itself. */
#include "admin/state_api.h"

#include "admin/usage_api.h"

void
state_api_handle(struct http_request *rq, const struct state *state)
{
	struct evbuffer *body;
	uid_t uid;

	if (!usage_api_is_allowed(rq, &uid) ||
	    evhttp_request_get_command(rq->ev) != EVHTTP_REQ_GET) {
		http_reply_error(rq, 404, "not_found", "There is nothing at this path.");
		return;
	}
	body = evbuffer_new();
	if (body == NULL || evbuffer_add(body, state, sizeof(*state)) != 0)
		http_reply_error(rq, 503, "memory", "No memory.");
	else
		http_reply(rq, 200, "application/octet-stream", body);
	if (body != NULL)
		evbuffer_free(body);
}
