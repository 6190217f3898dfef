/* See room.h. */
#include "admin/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/access.h"
#include "admin/api.h"
#include "admin/api_tools.h"
#include "admin/lockout.h"
#include "admin/login.h"
#include "admin/session.h"
#include "admin/token.h"
#include "admin/www.h"
#include "common/clock.h"
#include "common/log.h"

enum { ROOM_MAGIC = 0x726f6f6d, TICK_S = 10, TICKS_SAVE = 6, ROOM_LINES = 1 };

struct room {
	uint32_t magic;
	struct api_env env;
	const struct metrics *metrics;
	struct www *www;
	struct event *timer;
	unsigned ticks;
	bool noting; /* when tokens were used is being written */
	struct log_limit faults;
};

/* --- what is written now and then --- */

/* When tokens were used, on its way to the file. */
struct use_job {
	struct room *room;
	const char *data_dir;
	struct token *v;
	size_t n;
	struct errmsg why;
	int r;
};

static void
use_work(void *arg)
{
	struct use_job *j = arg;

	j->r = token_file_note_used(j->data_dir, j->v, j->n, &j->why);
}

static void
use_done(void *arg, bool cancelled)
{
	struct use_job *j = arg;

	j->room->noting = false;
	if (!cancelled && j->r != 0)
		log_write_limited(&j->room->faults, ROOM_LINES, clock_mono_ms(),
		    LOG_LEVEL_WARN, "token",
		    "when admin tokens were used can't be kept: %s", j->why.text);
	free(j->v);
	free(j);
}

/* A copy of the tokens as a job; NULL: none was used, or no memory. */
static struct use_job *
use_job(struct room *room)
{
	const struct token *v = NULL;
	struct use_job *j;
	size_t n = 0;

	if (!token_store_take_used(room->env.tokens) ||
	    token_store_list(room->env.tokens, &v, &n) != 0 || n == 0)
		return NULL;
	j = calloc(1, sizeof(*j));
	if (j == NULL || (j->v = calloc(n, sizeof(*v))) == NULL) {
		free(j);
		return NULL;
	}
	memcpy(j->v, v, n * sizeof(*v));
	j->n = n;
	j->room = room;
	j->data_dir = room->env.config->data_dir;
	return j;
}

static void
note_use(struct room *room)
{
	struct use_job *j = room->noting ? NULL : use_job(room);

	if (j == NULL)
		return;
	room->noting = true;
	if (job_submit(room->env.jobs, use_work, use_done, j) != 0)
		use_done(j, true);
}

static void
on_tick(evutil_socket_t none, short what, void *arg)
{
	struct room *room = arg;

	(void)none;
	(void)what;
	if (room->magic != ROOM_MAGIC)
		abort();
	login_note_locked(&room->env);
	if (++room->ticks % TICKS_SAVE != 0)
		return;
	(void)session_store_save(room->env.sessions); /* which says what is wrong */
	note_use(room);
}

/* --- life --- */

static int
init(struct room *room, struct event_base *base)
{
	const struct timeval tick = { .tv_sec = TICK_S };
	struct api_env *e = &room->env;
	const struct config *cfg = e->config;
	int r;

	if ((r = api_tools_create(e)) != 0 ||
	    (r = audit_create(base, e->flush, &e->audit)) != 0 ||
	    (r = job_queue_create(base, &e->jobs)) != 0 ||
	    (r = www_create(&room->www)) != 0 || (r = lockout_create(&e->lockout)) != 0 ||
	    (r = login_queue_create(base, &e->logins)) != 0 ||
	    (r = token_store_create(cfg->data_dir, &e->tokens)) != 0 ||
	    (r = session_store_create(
		 cfg->data_dir, cfg->admin_password, clock_wall_ms(), &e->sessions)) != 0)
		return r;
	room->timer = event_new(base, -1, EV_PERSIST, on_tick, room);
	if (room->timer == NULL || event_add(room->timer, &tick) != 0)
		return -ENOMEM;
	return 0;
}

int
room_create(struct event_base *base, const struct room_options *o, struct room **out)
{
	struct room *room = calloc(1, sizeof(*room));
	int r = 0;

	if (room == NULL)
		return -ENOMEM;
	room->magic = ROOM_MAGIC;
	room->metrics = o->metrics;
	room->env = (struct api_env){ .base = base,
		.config = o->config,
		.shared = o->shared,
		.flush = o->flush,
		.reload_fd = o->reload_fd,
		.master_pid = o->master_pid };
	if (o->config->admin_password != NULL)
		r = init(room, base);
	if (r != 0)
		room_destroy(&room);
	else
		*out = room;
	return r;
}

static void
note_rest(struct room *room)
{
	struct use_job *j = use_job(room);

	if (j == NULL)
		return;
	use_work(j);
	use_done(j, false);
}

void
room_destroy(struct room **rp)
{
	struct room *room = *rp;
	struct api_env *e;

	if (room == NULL)
		return;
	e = &room->env;
	job_queue_destroy(&e->jobs);
	api_tools_destroy(e);
	login_queue_destroy(&e->logins);
	if (room->timer != NULL) {
		event_free(room->timer);
		login_note_locked(e);
		note_rest(room);
	}
	session_store_destroy(&e->sessions);
	token_store_destroy(&e->tokens);
	lockout_destroy(&e->lockout);
	audit_destroy(&e->audit);
	www_destroy(&room->www);
	room->magic = 0;
	free(room);
	*rp = NULL;
}

/* --- requests --- */

static bool
is_api(struct span path)
{
	return span_starts(path, SPAN(API_PREFIX));
}

static bool
wants_html(const struct http_request *rq)
{
	const char *accept = http_header(rq, "Accept");

	return (evhttp_request_get_command(rq->ev) &
		   (EVHTTP_REQ_GET | EVHTTP_REQ_HEAD)) != 0 &&
	    accept != NULL && strstr(accept, "text/html") != NULL;
}

static void
reply_off(struct http_request *rq)
{
	static const char page[] =
	    "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	    "<title>gatehouse: admin is off</title></head>\n<body><main>\n"
	    "<h1>The admin pages are off</h1>\n"
	    "<p>No password is set. To turn them on, give gatehouse one in "
	    "<code>ADMIN_PASSWORD</code> (or <code>ADMIN_PASSWORD_FILE</code>), of 12 "
	    "characters or more, and run <code>gatehouse reload</code>.</p>\n"
	    "</main></body>\n</html>\n";
	struct evbuffer *out = NULL;

	if (!is_api(rq->path) && wants_html(rq))
		out = evbuffer_new();
	if (out != NULL && evbuffer_add(out, page, sizeof(page) - 1) == 0)
		http_reply(rq, 404, "text/html; charset=utf-8", out);
	else
		http_reply_error(rq, 404, "admin_off",
		    "The admin UI is off: ADMIN_PASSWORD is not set.");
	if (out != NULL)
		evbuffer_free(out);
}

/* The Prometheus page, to a token or a session. */
static void
reply_metrics(const struct room *room, struct http_request *rq)
{
	struct api_caller caller;
	struct access_refusal no = access_identify(&room->env, rq, &caller);

	if (no.status == 0)
		no = access_judge(rq, &caller, API_SCOPE_METRICS, false);
	if (no.status == 0) {
		metrics_reply(rq, room->metrics);
		return;
	}
	if (no.status == 401)
		http_add_header(rq, "WWW-Authenticate", "Bearer");
	http_reply_error(rq, no.status, no.code, no.message);
}

void
room_handle(struct http_request *rq, void *arg)
{
	struct room *room = arg;

	if (room->magic != ROOM_MAGIC)
		abort();
	if (room->env.config->admin_password == NULL)
		reply_off(rq);
	else if (is_api(rq->path))
		api_handle(rq, &room->env);
	else if (!span_eq(rq->path, SPAN("/admin/metrics")))
		www_handle(room->www, rq);
	else if (evhttp_request_get_command(rq->ev) & (EVHTTP_REQ_GET | EVHTTP_REQ_HEAD))
		reply_metrics(room, rq);
	else
		http_reply_method(rq, EVHTTP_REQ_GET);
}
