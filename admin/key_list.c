/* See key_list.h. All texts of a list stand in one piece of memory. */
#include "admin/key_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* How the file looked when it was read; all zero: not there. */
struct mark {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct key_cache {
	const char *path;
	const struct strlist *api_keys;
	size_t max_keys;
	struct mark mark;
	struct key_list *list; /* NULL: nothing good was read yet */
};

struct key_row
key_row_of(const struct key *k)
{
	return (struct key_row){ .id = k->id,
		.description = k->description,
		.created_ms = k->created_ms,
		.expires_ms = k->expires_ms,
		.previous_expires_ms = k->has_previous ? k->previous_expires_ms : 0,
		.rate_limit = k->rate_limit,
		.enabled = k->enabled };
}

/* Copy a text behind the others. */
static const char *
keep(char **at, const char *text)
{
	const size_t n = strlen(text) + 1;
	const char *kept = memcpy(*at, text, n);

	*at += n;
	return kept;
}

static int
fill(struct key_list *l, const struct keyset *set, size_t n_environment)
{
	size_t bytes = 1;
	char *at;

	for (size_t i = 0; i < set->n; i++)
		bytes += strlen(set->v[i].id) + strlen(set->v[i].description) + 2;
	l->texts = at = malloc(bytes);
	l->v = calloc(set->n + 1, sizeof(*l->v));
	if (l->texts == NULL || l->v == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < set->n; i++) {
		struct key_row *row = &l->v[l->n++];

		*row = key_row_of(&set->v[i]);
		row->id = keep(&at, row->id);
		row->description = keep(&at, row->description);
		row->environment = i < n_environment;
	}
	return 0;
}

/* How many of the set are of API_KEYS. They come first, in their order, some left out. */
static size_t
count_environment(const struct keyset *set, const struct strlist *api_keys)
{
	size_t n = 0;

	for (size_t i = 0; i < api_keys->n && n < set->n; i++) {
		uint8_t hash[KEY_HASH_BYTES];

		key_hash(api_keys->v[i], strlen(api_keys->v[i]), hash);
		if (memcmp(set->v[n].hash, hash, sizeof(hash)) == 0)
			n++;
	}
	return n;
}

static int
by_id(const void *a, const void *b)
{
	const struct key_row *x = a, *y = b;
	const int order = strcmp(x->id, y->id);

	if (order != 0)
		return order;
	return x->environment - y->environment;
}

int
key_list_load(const char *path, const struct strlist *api_keys, size_t max_keys,
    struct key_list **out, struct errmsg *why)
{
	struct key_list *l = calloc(1, sizeof(*l));
	struct keyset *set = NULL;
	int r = -ENOMEM;

	if (l != NULL)
		r = keyfile_load(path, api_keys, max_keys, &set, why);
	if (r == 0)
		r = fill(l, set, count_environment(set, api_keys));
	if (r == 0) {
		qsort(l->v, l->n, sizeof(*l->v), by_id);
		l->faults = set->faults;
		set->faults = (struct strlist){ 0 };
		*out = l;
		l = NULL;
	}
	keyset_destroy(&set);
	key_list_destroy(&l);
	return r;
}

void
key_list_destroy(struct key_list **lp)
{
	struct key_list *l = *lp;

	if (l == NULL)
		return;
	free(l->v);
	free(l->texts);
	strlist_free(&l->faults);
	free(l);
	*lp = NULL;
}

/* Where an id stands, or would stand. */
static size_t
place_of(const struct key_list *l, const char *id)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (strcmp(l->v[mid].id, id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct key_row *
key_list_find(const struct key_list *l, const char *id)
{
	const size_t i = place_of(l, id);

	return i < l->n && strcmp(l->v[i].id, id) == 0 ? &l->v[i] : NULL;
}

/* --- the one that was read last --- */

static struct mark
mark_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return (struct mark){ 0 };
	return (struct mark){ st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim };
}

static bool
time_eq(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool
mark_eq(const struct mark *a, const struct mark *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    time_eq(&a->mtime, &b->mtime) && time_eq(&a->ctime, &b->ctime);
}

int
key_cache_create(const char *path, const struct strlist *api_keys, size_t max_keys,
    struct key_cache **out)
{
	struct key_cache *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	c->path = path;
	c->api_keys = api_keys;
	c->max_keys = max_keys;
	*out = c;
	return 0;
}

void
key_cache_destroy(struct key_cache **cp)
{
	struct key_cache *c = *cp;

	if (c == NULL)
		return;
	key_list_destroy(&c->list);
	free(c);
	*cp = NULL;
}

int
key_cache_get(struct key_cache *c, const struct key_list **out, struct errmsg *why)
{
	const struct mark now = mark_of(c->path); /* before it is read */
	struct key_list *fresh = NULL;
	int r;

	if (c->list == NULL || !mark_eq(&now, &c->mark)) {
		r = key_list_load(c->path, c->api_keys, c->max_keys, &fresh, why);
		if (r != 0)
			return r;
		key_list_destroy(&c->list);
		c->list = fresh;
		c->mark = now;
	}
	*out = c->list;
	return 0;
}
