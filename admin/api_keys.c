/*
 * keys and keys/{ref}: the table, the list and one key. The file is read in the job thread,
 * where the page is put together, too: 10,000 keys as JSON take their time.
 */
#include "admin/api_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/api_field.h"
#include "admin/key_json.h"
#include "admin/key_ref.h"
#include "common/clock.h"

enum { LOOK_MAGIC = 0x6c6f6f6b };

/* Reading the list, in the thread. */
struct look {
	uint32_t magic;
	struct api_call *call;
	struct key_cache *cache;
	size_t max_keys;
	bool one; /* the key with this id, instead of a page */
	char id[KEY_ID_MAX + 1];
	struct key_search search;
	int result;
	struct errmsg why;
	json_t *answer; /* NULL on 0: there is no such key */
};

static void
work(void *arg)
{
	struct look *l = arg;
	const struct key_list *list;
	const int64_t now_ms = clock_wall_ms();
	const struct key_row *row;

	l->result = key_cache_get(l->cache, &list, &l->why);
	if (l->result != 0)
		return;
	if (!l->one) {
		l->answer = key_page_json(list, &l->search, l->max_keys, now_ms);
		l->result = l->answer != NULL ? 0 : -ENOMEM;
	} else if ((row = key_list_find(list, l->id)) != NULL) {
		l->answer = key_json(row, now_ms);
		l->result = l->answer != NULL ? 0 : -ENOMEM;
	}
}

static void
answer(struct look *l, bool cancelled)
{
	if (cancelled) {
		api_reply_fault(
		    l->call, 503, "stopping", NULL, "The admin process is leaving.");
	} else if (l->result != 0) {
		api_keys_reply_file(l->call, l->result, &l->why);
	} else if (l->answer == NULL) {
		api_reply_fault(l->call, 404, "not_found", NULL, "There is no such key.");
	} else {
		api_reply(l->call, 200, l->answer);
		l->answer = NULL;
	}
}

static void
done(void *arg, bool cancelled)
{
	struct look *l = arg;

	if (l->magic != LOOK_MAGIC)
		abort();
	if (api_resume(l->call))
		answer(l, cancelled);
	api_release(&l->call);
	json_decref(l->answer);
	l->magic = 0;
	free(l);
}

void
api_keys_reply_file(struct api_call *call, int r, const struct errmsg *why)
{
	const char *text = why->text[0] != '\0' ? why->text : err_text(r);

	if (r == -ENOMEM)
		api_reply_fault(
		    call, 503, "no_memory", NULL, "There is not enough memory.");
	else if (r == -EWOULDBLOCK)
		api_reply_fault(call, 503, "key_file_locked", NULL,
		    "Somebody else has been editing the key file for 5 s.");
	else if (r == ERR_SYNTAX || r == ERR_INVALID || r == ERR_FULL || r == ERR_CHANGED)
		api_reply_fault(call, 409,
		    r == ERR_FULL          ? "too_many_keys"
			: r == ERR_CHANGED ? "changed"
					   : "key_file",
		    NULL, "%s", text);
	else
		api_reply_fault(call, 500, "key_file", NULL, "%s", text);
}

/* Hand a look over to the thread, which answers it. */
static void
submit(struct api_call *call, const struct look *asked)
{
	struct look *l = malloc(sizeof(*l));

	if (l == NULL) {
		api_reply_fault(
		    call, 503, "no_memory", NULL, "There is not enough memory.");
		return;
	}
	*l = *asked;
	l->magic = LOOK_MAGIC;
	l->cache = call->env->keys;
	l->max_keys = call->env->config->max_keys;
	l->call = api_defer(call);
	if (l->call == NULL) {
		free(l);
		return;
	}
	if (job_submit(call->env->jobs, work, done, l) == 0)
		return;
	if (api_resume(l->call))
		api_reply_fault(
		    l->call, 503, "busy", NULL, "Too much is waiting; try again.");
	api_release(&l->call);
	free(l);
}

/* --- handlers --- */

static bool
take_search(struct api_call *call, struct key_search *s)
{
	struct api_number limit;
	char status[16] = "", after[API_PARAM_BYTES] = "";
	bool given;

	if (!api_param_number(call, "limit", 1, KEY_PAGE_MAX, &limit) ||
	    !api_param_text(call, "after", sizeof(after) - 1, &given, after) ||
	    !api_param_text(call, "q", KEY_SEARCH_MAX, &given, s->text))
		return false;
	if (after[0] != '\0' && key_ref_parse(after, s->after) != 0)
		return api_refuse(call, "after", "after must be a key's ref.");
	if (!api_param_text(call, "status", sizeof(status) - 1, &given, status))
		return false;
	s->limit = limit.given ? (size_t)limit.v : KEY_PAGE_DEFAULT;
	s->status = given ? key_status_find(status) : KEY_STATUSES;
	if (given && s->status == KEY_STATUSES)
		return api_refuse(
		    call, "status", "status must be active, revoked or expired.");
	return true;
}

static void
list_keys(struct api_call *call)
{
	struct look l = { .one = false };

	if (take_search(call, &l.search))
		submit(call, &l);
}

static void
show_key(struct api_call *call)
{
	struct look l = { .one = true };

	if (key_ref_parse(call->param[0], l.id) == 0)
		submit(call, &l);
	else
		api_reply_fault(call, 404, "not_found", NULL, "There is no such key.");
}

/* clang-format off */
const struct api_route api_keys_routes[] = {
	{ EVHTTP_REQ_GET,    "keys",              API_SCOPE_READ,  list_keys },
	{ EVHTTP_REQ_POST,   "keys",              API_SCOPE_ADMIN, api_keys_create },
	{ EVHTTP_REQ_GET,    "keys/{ref}",        API_SCOPE_READ,  show_key },
	{ EVHTTP_REQ_PATCH,  "keys/{ref}",        API_SCOPE_ADMIN, api_keys_patch },
	{ EVHTTP_REQ_DELETE, "keys/{ref}",        API_SCOPE_ADMIN, api_keys_delete },
	{ EVHTTP_REQ_POST,   "keys/{ref}/rotate", API_SCOPE_ADMIN, api_keys_rotate },
	{ EVHTTP_REQ_POST,   "keys/{ref}/revoke", API_SCOPE_ADMIN, api_keys_revoke },
	{ EVHTTP_REQ_POST,   "keys/{ref}/enable", API_SCOPE_ADMIN, api_keys_enable },
};
/* clang-format on */

const size_t api_keys_n_routes = sizeof(api_keys_routes) / sizeof(api_keys_routes[0]);
