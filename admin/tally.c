/*
 * A list of rows and an open-addressed index over them. Each row is one allocation with its
 * names behind it; sorting moves the list only.
 */
#include "admin/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

/* A row as it is kept. */
struct kept {
	struct tally_row row; /* first: what is handed out */
	uint64_t hash;
	char names[];
};

struct tally {
	unsigned by;
	struct kept **rows;
	struct kept **index; /* 2 * cap places, NULL: free */
	size_t n, cap;
	enum tally_field order[TALLY_FIELDS];
	size_t n_order;
};

int
tally_create(unsigned by, struct tally **out)
{
	struct tally *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->by = by;
	*out = t;
	return 0;
}

void
tally_destroy(struct tally **tp)
{
	struct tally *t = *tp;

	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n; i++)
		free(t->rows[i]);
	free(t->rows);
	free(t->index);
	free(t);
	*tp = NULL;
}

/* The fields that count here; the others are made the same for all. */
static struct ledger_row_key
fold(const struct tally *t, const struct ledger_row_key *key)
{
	return (struct ledger_row_key){
		.hour = t->by & TALLY_BY(TALLY_HOUR) ? key->hour : 0,
		.key_id = t->by & TALLY_BY(TALLY_KEY) ? key->key_id : "",
		.model = t->by & TALLY_BY(TALLY_MODEL) ? key->model : "",
		.endpoint = t->by & TALLY_BY(TALLY_ENDPOINT) ? key->endpoint : "",
	};
}

/* FNV-1a, the NUL included. */
static uint64_t
hash_name(uint64_t h, const char *name)
{
	const char *p = name;

	do {
		h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	} while (*p++ != '\0');
	return h;
}

static uint64_t
hash_key(const struct ledger_row_key *k)
{
	uint64_t h = (UINT64_C(0xcbf29ce484222325) ^ k->hour) * UINT64_C(0x100000001b3);

	h = hash_name(hash_name(hash_name(h, k->key_id), k->model), k->endpoint);
	return h ^ (h >> 32);
}

static bool
same_key(const struct ledger_row_key *a, const struct ledger_row_key *b)
{
	return a->hour == b->hour && strcmp(a->key_id, b->key_id) == 0 &&
	    strcmp(a->model, b->model) == 0 && strcmp(a->endpoint, b->endpoint) == 0;
}

/* The place of key in the index: its row's, or a free one. */
static struct kept **
place_of(
    struct kept **index, size_t places, const struct ledger_row_key *key, uint64_t hash)
{
	size_t at = hash & (places - 1);

	while (index[at] != NULL &&
	    (index[at]->hash != hash || !same_key(&index[at]->row.key, key)))
		at = (at + 1) & (places - 1);
	return &index[at];
}

static int
grow(struct tally *t)
{
	size_t cap = t->cap != 0 ? 2 * t->cap : FIRST_ROOM;
	struct kept **index = calloc(2 * cap, sizeof(struct kept *));
	struct kept **rows = NULL;

	if (index != NULL)
		rows = realloc(t->rows, cap * sizeof(struct kept *));
	if (rows == NULL) {
		free(index);
		return -ENOMEM;
	}
	for (size_t i = 0; i < t->n; i++)
		*place_of(index, 2 * cap, &rows[i]->row.key, rows[i]->hash) = rows[i];
	free(t->index);
	t->index = index;
	t->rows = rows;
	t->cap = cap;
	return 0;
}

static const char *
keep_name(char **at, const char *name)
{
	const size_t n = strlen(name) + 1;
	char *kept = memcpy(*at, name, n);

	*at += n;
	return kept;
}

static struct kept *
kept_create(const struct ledger_row_key *key, uint64_t hash)
{
	const size_t names =
	    strlen(key->key_id) + strlen(key->model) + strlen(key->endpoint) + 3;
	struct kept *k = calloc(1, sizeof(*k) + names);
	char *at;

	if (k == NULL)
		return NULL;
	at = k->names;
	k->hash = hash;
	k->row.key.hour = key->hour;
	k->row.key.key_id = keep_name(&at, key->key_id);
	k->row.key.model = keep_name(&at, key->model);
	k->row.key.endpoint = keep_name(&at, key->endpoint);
	return k;
}

int
tally_add(
    struct tally *t, const struct ledger_row_key *key, const struct ledger_counters *c)
{
	const struct ledger_row_key folded = fold(t, key);
	const uint64_t hash = hash_key(&folded);
	struct kept **place;

	if (t->n == t->cap && grow(t) != 0)
		return -ENOMEM;
	place = place_of(t->index, 2 * t->cap, &folded, hash);
	if (*place == NULL) {
		*place = kept_create(&folded, hash);
		if (*place == NULL)
			return -ENOMEM;
		t->rows[t->n++] = *place;
	}
	ledger_counters_add(&(*place)->row.counters, c);
	return 0;
}

int
tally_add_all(struct tally *t, const struct tally *from)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n; i++)
		r = tally_add(t, &from->rows[i]->row.key, &from->rows[i]->row.counters);
	return r;
}

static int
compare_field(const struct ledger_row_key *a, const struct ledger_row_key *b,
    enum tally_field field)
{
	switch (field) {
	case TALLY_HOUR: return a->hour < b->hour ? -1 : a->hour > b->hour;
	case TALLY_KEY: return strcmp(a->key_id, b->key_id);
	case TALLY_MODEL: return strcmp(a->model, b->model);
	case TALLY_ENDPOINT: return strcmp(a->endpoint, b->endpoint);
	case TALLY_FIELDS: break;
	}
	return 0;
}

static int
compare_rows(const void *x, const void *y, void *arg)
{
	const struct kept *const *a = x;
	const struct kept *const *b = y;
	const struct tally *t = arg;
	int c = 0;

	for (size_t i = 0; c == 0 && i < t->n_order; i++)
		c = compare_field(&(*a)->row.key, &(*b)->row.key, t->order[i]);
	return c;
}

void
tally_sort(struct tally *t, const enum tally_field *fields, size_t n)
{
	t->n_order = n < TALLY_FIELDS ? n : TALLY_FIELDS;
	for (size_t i = 0; i < t->n_order; i++)
		t->order[i] = fields[i];
	if (t->n > 1)
		qsort_r(t->rows, t->n, sizeof(*t->rows), compare_rows, t);
}

size_t
tally_count(const struct tally *t)
{
	return t->n;
}

const struct tally_row *
tally_at(const struct tally *t, size_t i)
{
	return &t->rows[i]->row;
}

void
tally_total(const struct tally *t, struct ledger_counters *out)
{
	*out = (struct ledger_counters){ 0 };
	for (size_t i = 0; i < t->n; i++)
		ledger_counters_add(out, &t->rows[i]->row.counters);
}
