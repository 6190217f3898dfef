/*
 * Making an arena. Runs in the master, before the fork of the worker that will own it.
 * A file is whole, and all its blocks are allocated, before it has its name.
 */
#include "common/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/arena_file.h"

enum { FILE_MODE = 0640 }; /* the folder says who the group is */

/* Fill the new file behind a->fd. Returns 0 or a negative code. */
static int
furnish(struct arena *a, uint64_t id, uint32_t n_cells, uint32_t n_slots)
{
	struct arena_header *h;
	char boot[ARENA_BOOT_BYTES];
	int r;

	if (fchmod(a->fd, FILE_MODE) == -1)
		return -errno;
	if ((r = arena_file_boot(boot)) != 0 || (r = arena_file_lock(a->fd)) != 0 ||
	    (r = arena_file_allocate(
		 a->fd, arena_file_bytes(&a->form, n_cells, n_slots))) != 0)
		return r;
	h = arena_file_map(a, a->fd, n_cells, n_slots);
	if (h == NULL)
		return -errno;
	h->magic = ARENA_MAGIC;
	h->version = ARENA_VERSION;
	h->layout = arena_file_layout();
	h->id = id;
	h->bytes = a->bytes;
	h->n_cells = n_cells;
	h->n_slots = n_slots;
	memcpy(h->boot, boot, sizeof(boot));
	h->form = a->form;
	return 0;
}

/* Make the file as temporary, then give it its name. */
static int
create_at(struct arena *a, uint64_t id, const uint32_t sizes[2], const char *temporary,
    const char *path)
{
	int r;

	if (access(path, F_OK) == 0)
		return -EEXIST;
	a->fd = open(
	    temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (a->fd == -1)
		return -errno;
	r = furnish(a, id, sizes[0], sizes[1]);
	if (r == 0 && rename(temporary, path) == -1)
		r = -errno;
	if (r != 0)
		(void)unlink(temporary);
	return r;
}

int
arena_create(
    const char *dir, uint64_t id, uint32_t n_cells, uint32_t n_slots, struct arena **out)
{
	const uint32_t sizes[2] = { n_cells, n_slots };
	char temporary[PATH_MAX];
	char path[PATH_MAX];
	struct arena *a;
	int r;

	if (!arena_file_sizes_fit(n_cells, n_slots))
		return -EINVAL;
	if (arena_file_path(dir, id, ARENA_SUFFIX_NEW, temporary) != 0 ||
	    arena_file_path(dir, id, ARENA_SUFFIX, path) != 0)
		return -ENAMETOOLONG;
	a = arena_file_new(true);
	if (a == NULL)
		return -ENOMEM;
	r = create_at(a, id, sizes, temporary, path);
	if (r != 0)
		arena_close(&a);
	*out = a;
	return r;
}
