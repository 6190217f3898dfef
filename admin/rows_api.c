/* See rows_api.h. Reads the scoreboard, whose rows only their workers write. */
#include "admin/rows_api.h"

#include <inttypes.h>

#include "admin/usage_api.h"

/* Returns 0, or -1 when memory is short. */
static int
put_row(struct evbuffer *out, const struct scoreboard_row *row, size_t slot)
{
	return evbuffer_add_printf(out,
		   "%" PRIu64 " %zu %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		   atomic_load(&row->generation), slot, atomic_load(&row->connections),
		   atomic_load(&row->requests_in_flight), atomic_load(&row->requests)) < 0
	    ? -1
	    : 0;
}

static int
put_rows(struct evbuffer *out, const struct state *state)
{
	const size_t n = sizeof(state->rows) / sizeof(state->rows[0]);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		if (atomic_load(&state->rows[i].phase) != WORKER_EMPTY)
			r = put_row(out, &state->rows[i], i % SHARED_WORKER_SLOTS);
	return r;
}

void
rows_api_handle(struct http_request *rq, struct state *state)
{
	struct evbuffer *body;
	uid_t uid;

	if (!usage_api_is_allowed(rq, &uid) ||
	    evhttp_request_get_command(rq->ev) != EVHTTP_REQ_GET) {
		http_reply_error(rq, 404, "not_found", "There is nothing at this path.");
		return;
	}
	body = evbuffer_new();
	if (body == NULL || put_rows(body, state) != 0)
		http_reply_error(rq, 503, "memory", "No memory.");
	else
		http_reply(rq, 200, "text/plain", body);
	if (body != NULL)
		evbuffer_free(body);
}
