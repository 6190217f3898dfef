/*
 * The parts that making and opening an arena's file share; for common/arena*.c alone.
 *
 * The lock (flock) belongs to the open file, which a worker inherits: it ends with the
 * last process that could write. So a master that follows one which died suddenly never
 * settles what a worker, still draining, goes on counting.
 */
#ifndef GATEHOUSE_COMMON_ARENA_FILE_H
#define GATEHOUSE_COMMON_ARENA_FILE_H

#include <limits.h>

#include "common/arena_layout.h"

/* A value that differs when the layout does. */
uint64_t arena_file_layout(void);

/* May an arena have these sizes? */
bool arena_file_sizes_fit(uint64_t n_cells, uint64_t n_slots);

/* Where things lie in this version's files. */
struct arena_form arena_file_form(void);

/*
 * Can this version read a file of this form and settle it? Not if names or counters could
 * be in it that have no place here: those of a newer version.
 */
bool arena_file_form_fits(const struct arena_form *form);

/* Bytes of the whole file; form and sizes fit. */
size_t arena_file_bytes(const struct arena_form *form, uint64_t n_cells, uint64_t n_slots);

/* This boot's id, zero-padded. Returns 0 or a negative code. */
int arena_file_boot(char out[ARENA_BOOT_BYTES]) MUSTCHECK;

/* DIR/ID and a suffix into path. Returns 0 or -ENAMETOOLONG. */
int arena_file_path(
    const char *dir, uint64_t id, const char *suffix, char path[PATH_MAX]) MUSTCHECK;

/* An arena without a file; arena_close() frees it. NULL: no memory. */
struct arena *arena_file_new(bool writable);

/* All blocks of the file now, so that no store can fail later. Returns 0 or -errno. */
int arena_file_allocate(int fd, size_t bytes) MUSTCHECK;

/* Be the one who writes. Returns 0, -EWOULDBLOCK or -errno. */
int arena_file_lock(int fd) MUSTCHECK;

/* Map fd, whose sizes were checked, into a, whose form is set. Returns the header, or NULL
 * with errno. */
struct arena_header *arena_file_map(
    struct arena *a, int fd, uint64_t n_cells, uint64_t n_slots);

#endif
