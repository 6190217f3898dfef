/*
 * Accounting for requests; see account.h. A request is cut until its last bytes are
 * about to go: whoever dies in between leaves it counted as such.
 */
#include "worker/account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

enum { NAMES_MAX = 256 /* unlisted models that upstream has answered for */ };

struct accounts {
	struct arena *arena;
	const struct shared *shared;
	struct models *models; /* a copy of the published list */
	struct models *spare;  /* where the next one is read to */
	uint64_t models_seq;   /* of the copy */
	size_t n_names;
	char names[NAMES_MAX][MODEL_NAME_MAX + 1];
	bool full_said;
};

void
accounts_destroy(struct accounts **a)
{
	if (*a == NULL)
		return;
	free((*a)->models);
	free((*a)->spare);
	free(*a);
	*a = NULL;
}

int
accounts_create(struct arena *arena, const struct shared *shared, struct accounts **out)
{
	struct accounts *a = calloc(1, sizeof(*a));

	if (a == NULL || (a->models = calloc(1, sizeof(*a->models))) == NULL ||
	    (a->spare = calloc(1, sizeof(*a->spare))) == NULL) {
		accounts_destroy(&a);
		return -ENOMEM;
	}
	a->arena = arena;
	a->shared = shared;
	*out = a;
	return 0;
}

/* Take a newer list over; one that can't be read right now leaves the old one in force. */
static void
refresh_models(struct accounts *a)
{
	struct models *fresh = a->spare;

	if (shared_get_models(a->shared->published, fresh, &a->models_seq) != 0)
		return;
	a->spare = a->models;
	a->models = fresh;
}

/* Has upstream answered for this name before, or does it now? */
static bool
is_known_name(struct accounts *a, struct span name, bool vouched)
{
	for (size_t i = 0; i < a->n_names; i++) {
		if (span_eq(span_of(a->names[i]), name))
			return true;
	}
	if (!vouched || a->n_names == NAMES_MAX)
		return false;
	memcpy(a->names[a->n_names], name.p, name.n);
	a->names[a->n_names][name.n] = '\0';
	a->n_names++;
	return true;
}

/* The name that a request counts under. m: its entry in the list. */
static void
counted_name(struct accounts *a, const struct model *m, struct span name, bool vouched,
    char out[MODEL_NAME_MAX + 1])
{
	if (name.n == 0)
		name = SPAN("none");
	else if (m != &a->models->v[0])
		name = span_of(m->id);
	else if (name.n > MODEL_NAME_MAX || !is_known_name(a, name, vouched))
		name = SPAN("other");
	memcpy(out, name.p, name.n);
	out[name.n] = '\0';
}

/* The cell for a request; when the arena is full a less exact one. */
static uint32_t
cell_for(struct accounts *a, const char *key_id, const char *model, enum endpoint endpoint)
{
	uint32_t cell = 0;

	if (!arena_cell_or_other(a->arena, key_id, model, endpoint_name(endpoint), &cell) &&
	    !a->full_said) {
		a->full_said = true;
		log_error("journal_full",
		    "no room for another key and model: they count as \"other\"");
	}
	return cell;
}

void
account_open(struct accounts *a, struct account *acc, const char *key_id,
    struct span model, enum endpoint endpoint, unsigned status, int64_t now_ms)
{
	const struct model *m;
	uint32_t cell;

	refresh_models(a);
	m = models_find(a->models, model);
	counted_name(a, m, model, status >= 200 && status < 300, acc->model);
	acc->price = *model_price_at(m, now_ms);
	cell = cell_for(a, key_id, acc->model, endpoint);
	if (arena_slot_open(a->arena, cell, &acc->slot) != 0)
		abort(); /* a slot for each connection: one was not given back */
	acc->open = true;
	acc->noted = (struct usage){ 0 };
	account_note(a, acc, &acc->noted, false);
}

void
account_note(
    struct accounts *a, struct account *acc, const struct usage *used, bool complete)
{
	struct usage next = *used;

	if (!acc->open)
		return;
	next.v[USAGE_REQUESTS] = 1;
	next.v[USAGE_REQUESTS_CUT] = complete ? 0 : 1;
	next.v[USAGE_COST_NEUR] = model_cost(&acc->price, &next);
	if (memcmp(&next, &acc->noted, sizeof(next)) == 0)
		return;
	acc->noted = next;
	arena_slot_put(a->arena, acc->slot, &next);
}

void
account_settle(struct accounts *a, struct account *acc)
{
	if (!acc->open)
		return;
	acc->open = false;
	arena_slot_settle(a->arena, acc->slot);
}
