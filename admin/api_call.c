/*
 * A call as handlers see it: what was asked, and the answers. It lives on the stack of api.c
 * until api_defer() moves it to the heap.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/api.h"
#include "admin/query.h"

enum { API_MAGIC = 0x61706963, MESSAGE_BYTES = 640 };

/* --- the request, for handlers --- */

const char *
api_query(struct api_call *call, const char *name)
{
	return query_get(call->query, name);
}

bool
api_has_only(struct api_call *call, const char *const *names)
{
	const char *field;
	json_t *value;

	json_object_foreach(call->body, field, value)
	{
		const char *const *n = names;

		while (*n != NULL && strcmp(*n, field) != 0)
			n++;
		if (*n == NULL) {
			api_reply_fault(call, 400, "unknown_field", field,
			    "There is no such field here.");
			return false;
		}
	}
	return true;
}

struct audit_actor
api_actor(const struct api_call *call)
{
	return (struct audit_actor){ .kind = call->caller.kind,
		.id = call->caller.kind != AUDIT_NOBODY ? call->caller.id : NULL,
		.from = call->caller.from };
}

/* --- answers --- */

/* A handler answers once; a second answer would be another request's. */
static void
answer(struct api_call *call)
{
	if (call->answered || call->rq == NULL)
		abort();
	call->answered = true;
}

void
api_reply(struct api_call *call, int status, json_t *body)
{
	answer(call);
	http_reply_json(call->rq, status, body);
}

void
api_reply_text(struct api_call *call, const char *type, struct span text)
{
	struct evbuffer *out = evbuffer_new();

	answer(call);
	if (out == NULL || evbuffer_add(out, text.p, text.n) != 0)
		http_reply_error(call->rq, 503, "overloaded", "There is no memory left.");
	else
		http_reply(call->rq, 200, type, out);
	if (out != NULL)
		evbuffer_free(out);
}

void
api_reply_empty(struct api_call *call)
{
	answer(call);
	http_reply_empty(call->rq, 204);
}

void
api_reply_fault(struct api_call *call, int status, const char *code, const char *param,
    const char *fmt, ...)
{
	char message[MESSAGE_BYTES];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	answer(call);
	http_reply_fault(call->rq, status, code, param, message);
}

void
api_fini(struct api_call *call)
{
	json_decref(call->body);
	query_destroy(&call->query);
}

/* --- answers that come later --- */

struct deferred {
	uint32_t magic;
	struct api_call call;
	struct http_request rq;
	struct http_deferred *http; /* NULL once taken up again */
};

static struct deferred *
deferred_of(struct api_call *call)
{
	struct deferred *d =
	    (struct deferred *)(void *)((char *)call - offsetof(struct deferred, call));

	if (!call->deferred || d->magic != API_MAGIC)
		abort();
	return d;
}

struct api_call *
api_defer(struct api_call *call)
{
	struct deferred *d = calloc(1, sizeof(*d));

	if (d != NULL && (d->http = http_defer(call->rq)) == NULL) {
		free(d);
		d = NULL;
	}
	if (d == NULL) {
		api_reply_fault(call, 503, "overloaded", NULL, "There is no memory left.");
		return NULL;
	}
	d->magic = API_MAGIC;
	d->call = *call;
	d->call.rq = NULL;
	d->call.deferred = true;
	call->deferred = true;
	call->body = NULL;
	call->query = NULL;
	return &d->call;
}

bool
api_resume(struct api_call *call)
{
	struct deferred *d = deferred_of(call);
	struct http_deferred *http = d->http;

	d->http = NULL;
	if (http == NULL || !http_resume(http, &d->rq))
		return false;
	call->rq = &d->rq;
	return true;
}

void
api_release(struct api_call **callp)
{
	struct deferred *d;

	if (*callp == NULL)
		return;
	d = deferred_of(*callp);
	if (d->http != NULL && api_resume(*callp))
		api_reply_fault(
		    *callp, 503, "overloaded", NULL, "This was not done. Try again.");
	else if (d->call.rq != NULL && !d->call.answered)
		abort();
	api_fini(&d->call);
	d->magic = 0;
	free(d);
	*callp = NULL;
}
