/*
 * The end of a slot: its value is added to its cell exactly once, whatever is killed in
 * between. Runs in the owner, and in the master once the owner has died.
 *
 *   redo = { slot, cell, the cell's values afterwards }; redo.on = 1
 *   the values into the cell
 *   free the slot
 *   redo.on = 0
 *
 * Before redo.on the slot is open and the cell untouched: it is settled from the start.
 * From there on all that is missing can be repeated from the redo record, any number of
 * times; and while it is on, nobody adds to the cell but who repeats it.
 */
#include "common/arena.h"

#include <stdlib.h>

#include "common/arena_layout.h"

enum { REDO_ON, REDO_SLOT, REDO_CELL };

/* Do what the redo record says. */
static void
redo_apply(struct arena *a, uint32_t slot, uint32_t cell)
{
	_Atomic uint64_t *sum = arena_cell_counters(a, cell), *to = arena_redo_to(a);

	for (size_t c = 0; c < a->form.counters; c++)
		arena_store(&sum[c], arena_load(&to[c]));
	arena_store(arena_slot_head(a, slot), 0);
	arena_store(&arena_redo_words(a)[REDO_ON], 0);
}

/* Settle an open slot. head is its head, as it was found sound: who maps the file too could
 * change it since. */
static void
settle_slot(struct arena *a, uint32_t slot, uint64_t head)
{
	_Atomic uint64_t *redo = arena_redo_words(a), *to = arena_redo_to(a);
	const uint32_t cell = arena_head_cell(head);
	_Atomic uint64_t *add = arena_slot_copy(a, slot, arena_head_live(head));
	_Atomic uint64_t *sum = arena_cell_counters(a, cell);

	arena_store(&redo[REDO_SLOT], slot);
	arena_store(&redo[REDO_CELL], cell);
	for (size_t c = 0; c < a->form.counters; c++)
		arena_store(&to[c], arena_load(&sum[c]) + arena_load(&add[c]));
	arena_store(&redo[REDO_ON], 1);
	redo_apply(a, slot, cell);
}

void
arena_slot_settle(struct arena *a, uint32_t slot)
{
	uint64_t head;

	if (slot == ARENA_NO_SLOT)
		return;
	if (slot >= a->n_fresh || (head = arena_load(&a->slots[slot].head)) == 0)
		abort(); /* it would be counted twice */
	settle_slot(a, slot, head);
	a->free_slots[a->n_free++] = slot;
}

/* Slots that may be open. *r becomes ERR_SYNTAX if the file says nonsense. */
static uint32_t
slots_used(const struct arena *a, int *r)
{
	const uint64_t used = arena_load(&a->header->slots_used);

	if (used <= a->n_slots)
		return (uint32_t)used;
	*r = ERR_SYNTAX;
	return a->n_slots;
}

/* Could settle_slot() have written the redo record, for the slot and cell that are given out?
 */
static bool
redo_is_sound(
    const struct arena *a, uint32_t slots, uint32_t *slot_out, uint32_t *cell_out)
{
	_Atomic uint64_t *redo = arena_redo_words(a), *to = arena_redo_to(a), *sum;
	const uint64_t slot = arena_load(&redo[REDO_SLOT]);
	const uint64_t cell = arena_load(&redo[REDO_CELL]);
	uint64_t head;

	if (arena_load(&redo[REDO_ON]) != 1 || slot >= slots || cell >= arena_cells(a))
		return false;
	head = arena_load(arena_slot_head(a, (uint32_t)slot));
	if (head != 0 && arena_head_cell(head) != cell)
		return false;
	sum = arena_cell_counters(a, (uint32_t)cell);
	for (size_t c = 0; c < a->form.counters; c++)
		if (arena_load(&to[c]) < arena_load(&sum[c]))
			return false;
	*slot_out = (uint32_t)slot;
	*cell_out = (uint32_t)cell;
	return true;
}

/* Finish what the owner, or a settler before this one, had begun. */
static int
repeat_redo(struct arena *a, uint32_t slots)
{
	_Atomic uint64_t *redo = arena_redo_words(a);
	uint32_t slot, cell;

	if (arena_load(&redo[REDO_ON]) == 0)
		return 0;
	if (!redo_is_sound(a, slots, &slot, &cell)) {
		arena_store(&redo[REDO_ON], 0);
		return ERR_SYNTAX;
	}
	redo_apply(a, slot, cell);
	return 0;
}

/* Another boot's: which of its words reached the disk, and in which order, is unknown. */
static void
drop_open(struct arena *a, uint32_t slots)
{
	arena_store(&arena_redo_words(a)[REDO_ON], 0);
	for (uint32_t i = 0; i < slots; i++)
		arena_store(arena_slot_head(a, i), 0);
}

/* Settle what is open among the first slots. Returns 0 or ERR_SYNTAX. */
static int
settle_open(struct arena *a, uint32_t slots, uint32_t *n_out)
{
	const uint32_t cells = arena_cells(a);
	int r = 0;

	for (uint32_t i = 0; i < slots; i++) {
		const uint64_t head = arena_load(arena_slot_head(a, i));

		if (head == 0)
			continue;
		if (!arena_head_is_sound(head, cells)) {
			arena_store(arena_slot_head(a, i), 0);
			r = ERR_SYNTAX;
			continue;
		}
		settle_slot(a, i, head);
		(*n_out)++;
	}
	return r;
}

int
arena_settle(struct arena *a, uint32_t *n_out)
{
	uint32_t n = 0;
	int r = 0;
	const uint32_t slots = slots_used(a, &r);

	if (n_out != NULL)
		*n_out = 0;
	if (a->other_boot) {
		drop_open(a, slots);
		return r;
	}
	if (repeat_redo(a, slots) != 0)
		r = ERR_SYNTAX;
	if (settle_open(a, slots, &n) != 0)
		r = ERR_SYNTAX;
	if (n_out != NULL)
		*n_out = n;
	return r;
}

void
arena_retire(struct arena *a)
{
	arena_store(&a->header->retired, 1);
}
