/*
 * What a publication will do: which entries hold, and which slot each id gets.
 * For keyring_publish.c alone. Making a plan changes nothing in shared memory.
 */
#ifndef GATEHOUSE_COMMON_KEYRING_PLAN_H
#define GATEHOUSE_COMMON_KEYRING_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/keyring_layout.h"

#define PLAN_NO_SLOT UINT32_MAX

/* What becomes of a slot. */
enum plan_slot {
	PLAN_LEFT = 0, /* free, as it was or from now on */
	PLAN_KEPT,     /* stays with its id */
	PLAN_GIVEN,    /* goes to another id */
};

struct keyring_plan {
	const struct keyring *k;
	const struct keyset *set;
	const keyring_word *from; /* the active copy */
	uint32_t *holds;          /* by entry: the entry that holds for its hash */
	uint32_t *same_id; /* by entry: the first with its id: it stands for the id */
	uint32_t *slot;    /* by entry that stands for an id; or PLAN_NO_SLOT */
	uint8_t *fate;     /* by slot: enum plan_slot */
	uint64_t slots;    /* ever used, those of this set included */
	uint64_t count;    /* entries that hold */
	uint64_t hashes;   /* current and previous ones of those */
};

/*
 * Fill p, of which k, set and from are given and the rest is zero.
 * Returns 0, ERR_FULL or -ENOMEM. Free with keyring_plan_fini() in any case.
 */
int keyring_plan_make(struct keyring_plan *p) MUSTCHECK;

void keyring_plan_fini(struct keyring_plan *p);

/* Does entry i hold, or is its hash another's? */
static inline bool
keyring_plan_holds(const struct keyring_plan *p, size_t i)
{
	return p->holds[i] == i;
}

/* The words of a slot in the active copy, and how many slots that has used. */
static inline const keyring_word *
keyring_plan_old_slot(const struct keyring_plan *p, uint64_t slot)
{
	return p->from + p->k->slots_at + slot * SLOT_WORDS;
}

static inline uint64_t
keyring_plan_old_slots(const struct keyring_plan *p)
{
	return keyring_load(&p->from[HEAD_SLOTS]);
}

#endif
