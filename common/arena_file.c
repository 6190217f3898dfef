/*
 * Arenas as files: the parts that making and opening them share. Runs in the master
 * (writes) and admin (reads).
 */
#include "common/arena_file.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/readfile.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

uint64_t
arena_file_layout(void)
{
	const uint64_t parts[] = { sizeof(struct arena_header),
		sizeof(struct arena_record), sizeof(struct arena_slot), USAGE_COUNTERS,
		offsetof(struct arena_header, boot),
		offsetof(struct arena_header, cells_used),
		offsetof(struct arena_header, redo), offsetof(struct arena_redo, to),
		offsetof(struct arena_record, model),
		offsetof(struct arena_record, endpoint),
		offsetof(struct arena_record, counters),
		offsetof(struct arena_slot, copy) };
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		h = (h ^ parts[i]) * UINT64_C(0x100000001b3);
	return h;
}

bool
arena_file_sizes_fit(uint64_t n_cells, uint64_t n_slots)
{
	return n_cells >= ARENA_MIN_CELLS && n_cells <= ARENA_MAX_CELLS && n_slots >= 1 &&
	    n_slots <= ARENA_MAX_SLOTS;
}

struct arena_form
arena_file_form(void)
{
	return (struct arena_form){ .redo_at = offsetof(struct arena_header, redo),
		.redo_to_at = offsetof(struct arena_redo, to),
		.record_bytes = sizeof(struct arena_record),
		.key_id_bytes = KEY_ID_MAX + 1,
		.model_bytes = ARENA_MODEL_MAX + 1,
		.endpoint_bytes = ARENA_ENDPOINT_MAX + 1,
		.model_at = offsetof(struct arena_record, model),
		.endpoint_at = offsetof(struct arena_record, endpoint),
		.hash_at = offsetof(struct arena_record, name_hash),
		.counters_at = offsetof(struct arena_record, counters),
		.counters = USAGE_COUNTERS,
		.slot_bytes = sizeof(struct arena_slot),
		.copy_at = offsetof(struct arena_slot, copy) };
}

/* Do n words at this place lie whole within so many bytes? */
static bool
words_fit(size_t at, size_t n, size_t bytes)
{
	return at % sizeof(uint64_t) == 0 && at + n * sizeof(uint64_t) <= bytes;
}

bool
arena_file_form_fits(const struct arena_form *f)
{
	const struct arena_form own = arena_file_form();

	return f->record_bytes <= 2 * own.record_bytes &&
	    f->slot_bytes <= 2 * own.slot_bytes && f->key_id_bytes > 0 &&
	    f->key_id_bytes <= own.key_id_bytes && f->model_bytes > 0 &&
	    f->model_bytes <= own.model_bytes && f->endpoint_bytes > 0 &&
	    f->endpoint_bytes <= own.endpoint_bytes && f->counters > 0 &&
	    f->counters <= own.counters && f->record_bytes % sizeof(uint64_t) == 0 &&
	    f->slot_bytes % sizeof(uint64_t) == 0 && f->key_id_bytes <= f->record_bytes &&
	    f->model_at + f->model_bytes <= f->record_bytes &&
	    f->endpoint_at + f->endpoint_bytes <= f->record_bytes &&
	    words_fit(f->hash_at, 1, f->record_bytes) &&
	    words_fit(f->counters_at, f->counters, f->record_bytes) && f->copy_at > 0 &&
	    words_fit(f->copy_at, 2U * f->counters, f->slot_bytes) &&
	    f->redo_at >= own.redo_at && words_fit(f->redo_at, 3, ARENA_PAGE) &&
	    f->redo_to_at >= 3 * sizeof(uint64_t) &&
	    words_fit((size_t)f->redo_at + f->redo_to_at, f->counters, ARENA_PAGE);
}

size_t
arena_file_bytes(const struct arena_form *form, uint64_t n_cells, uint64_t n_slots)
{
	const uint64_t n =
	    ARENA_PAGE + n_cells * form->record_bytes + n_slots * form->slot_bytes;

	return (n + ARENA_PAGE - 1) & ~(uint64_t)(ARENA_PAGE - 1);
}

int
arena_file_boot(char out[ARENA_BOOT_BYTES])
{
	char *text = NULL;
	size_t n = 0;
	int r = readfile(BOOT_ID_FILE, ARENA_BOOT_BYTES - 1, &text, &n);

	if (r != 0)
		return r;
	memset(out, 0, ARENA_BOOT_BYTES);
	memcpy(out, text, n);
	readfile_free(&text, n);
	return 0;
}

struct arena_header *
arena_file_map(struct arena *a, int fd, uint64_t n_cells, uint64_t n_slots)
{
	const int prot = a->writable ? PROT_READ | PROT_WRITE : PROT_READ;
	char *mem;

	a->bytes = arena_file_bytes(&a->form, n_cells, n_slots);
	a->n_cells = (uint32_t)n_cells;
	a->n_slots = (uint32_t)n_slots;
	mem = mmap(NULL, a->bytes, prot, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return NULL;
	a->header = (struct arena_header *)(void *)mem;
	a->records = mem + ARENA_PAGE;
	a->in_flight = a->records + n_cells * a->form.record_bytes;
	if (arena_is_of_our_form(a)) {
		a->cells = (struct arena_record *)(void *)a->records;
		a->slots = (struct arena_slot *)(void *)a->in_flight;
	}
	return a->header;
}

bool
arena_is_of_our_form(const struct arena *a)
{
	const struct arena_form own = arena_file_form();

	return memcmp(&a->form, &own, sizeof(own)) == 0;
}

struct arena *
arena_file_new(bool writable)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a != NULL) {
		a->form = arena_file_form();
		a->fd = -1;
		a->writable = writable;
	}
	return a;
}

void
arena_close(struct arena **a)
{
	if (*a == NULL)
		return;
	if ((*a)->header != NULL)
		munmap((*a)->header, (*a)->bytes);
	if ((*a)->fd != -1)
		close((*a)->fd);
	free((*a)->index);
	free((*a)->free_slots);
	free(*a);
	*a = NULL;
}

int
arena_file_path(const char *dir, uint64_t id, const char *suffix, char path[PATH_MAX])
{
	const int n = snprintf(path, PATH_MAX, "%s/%" PRIu64 "%s", dir, id, suffix);

	return n > 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int
arena_file_allocate(int fd, size_t bytes)
{
	int e;

	do
		e = posix_fallocate(fd, 0, (off_t)bytes);
	while (e == EINTR);
	return -e;
}

int
arena_file_lock(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == -1 ? -errno : 0;
}
