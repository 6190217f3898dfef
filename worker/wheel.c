/*
 * The timer wheel; see wheel.h. Single-threaded, one per worker.
 */
#include "worker/wheel.h"

#include <stddef.h>

static void
ring_insert(struct wheel_entry *head, struct wheel_entry *e)
{
	e->next = head;
	e->prev = head->prev;
	head->prev->next = e;
	head->prev = e;
}

static void
ring_remove(struct wheel_entry *e)
{
	e->prev->next = e->next;
	e->next->prev = e->prev;
	e->prev = NULL;
	e->next = NULL;
}

/* The slot that is visited at the first tick at or after due_ms. */
static struct wheel_entry *
slot_for(struct wheel *w, uint64_t due_ms)
{
	uint64_t tick = (due_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;

	if (tick <= w->tick)
		tick = w->tick + 1;
	return &w->slots[tick % WHEEL_SLOTS];
}

void
wheel_init(struct wheel *w, uint64_t now_ms)
{
	for (size_t i = 0; i < WHEEL_SLOTS; i++) {
		w->slots[i].prev = &w->slots[i];
		w->slots[i].next = &w->slots[i];
	}
	w->tick = now_ms / WHEEL_TICK_MS;
	w->armed = 0;
}

void
wheel_set(struct wheel *w, struct wheel_entry *e, uint64_t due_ms, wheel_fire_fn fire)
{
	e->fire = fire;
	if (e->next != NULL && due_ms >= e->due_ms) {
		e->due_ms = due_ms; /* its slot comes round earlier and moves it */
		return;
	}
	if (e->next != NULL)
		ring_remove(e);
	else
		w->armed++;
	e->due_ms = due_ms;
	ring_insert(slot_for(w, due_ms), e);
}

void
wheel_cancel(struct wheel *w, struct wheel_entry *e)
{
	if (e->next == NULL)
		return;
	ring_remove(e);
	w->armed--;
}

/* Work off one slot. What is not due yet moves to where it belongs. */
static void
slot_visit(struct wheel *w, struct wheel_entry *head, uint64_t now_ms)
{
	struct wheel_entry todo = { .prev = &todo, .next = &todo };

	/* Take the ring off first: callbacks may insert into this very slot. */
	if (head->next != head) {
		todo.next = head->next;
		todo.prev = head->prev;
		todo.next->prev = &todo;
		todo.prev->next = &todo;
		head->next = head;
		head->prev = head;
	}
	while (todo.next != &todo) {
		struct wheel_entry *e = todo.next;

		ring_remove(e);
		if (e->due_ms > now_ms) {
			ring_insert(slot_for(w, e->due_ms), e);
		} else {
			w->armed--;
			e->fire(e);
		}
	}
}

void
wheel_advance(struct wheel *w, uint64_t now_ms)
{
	uint64_t until = now_ms / WHEEL_TICK_MS;
	uint64_t first = w->tick + 1;

	/* After a long stop one visit of every slot is enough. */
	if (until > w->tick + WHEEL_SLOTS)
		first = until - WHEEL_SLOTS + 1;
	for (uint64_t t = first; t <= until; t++) {
		w->tick = t;
		slot_visit(w, &w->slots[t % WHEEL_SLOTS], now_ms);
	}
}
