/*
 * Finding and opening arenas. Runs in the master (writes) and admin (reads). Nothing of
 * a file is believed before its size and header were checked: behind its end lies a
 * SIGBUS.
 */
#include "common/arena.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/arena_file.h"

/* Is it a regular file that may be believed to have this header? */
static int
read_header(int fd, struct arena_header *h, off_t *size_out)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return ERR_SYNTAX;
	*size_out = st.st_size;
	do
		n = pread(fd, h, sizeof(*h), 0);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -errno;
	return n == (ssize_t)sizeof(*h) ? 0 : ERR_SYNTAX;
}

/* form_out: where things lie in the file. */
static int
check_form(const struct arena_header *h, struct arena_form *form_out)
{
	*form_out = h->layout == arena_file_layout() ? arena_file_form() : h->form;
	return h->version == ARENA_VERSION && arena_file_form_fits(form_out) ? 0
									     : ERR_STALE;
}

static int
check_header(const struct arena_header *h, off_t size, struct arena_form *form_out)
{
	int r;

	if (h->magic == 0 && h->version == 0 && h->layout == 0 && h->bytes == 0)
		return -ENODATA;
	if (h->magic != ARENA_MAGIC)
		return ERR_SYNTAX;
	if ((r = check_form(h, form_out)) != 0)
		return r;
	if (!arena_file_sizes_fit(h->n_cells, h->n_slots) ||
	    h->bytes != arena_file_bytes(form_out, h->n_cells, h->n_slots) || size < 0 ||
	    (uint64_t)size != h->bytes)
		return ERR_SYNTAX;
	return arena_load(&h->cells_used) <= h->n_cells &&
		arena_load(&h->slots_used) <= h->n_slots
	    ? 0
	    : ERR_SYNTAX;
}

/* Does path end in the name of arena id? A copy under another name would count again. */
static bool
is_named(const char *path, uint64_t id)
{
	const char *slash = strrchr(path, '/');
	char name[PATH_MAX];

	return arena_file_path(".", id, ARENA_SUFFIX, name) == 0 &&
	    strcmp(slash != NULL ? slash + 1 : path, name + 2) == 0;
}

/* Open, lock, check, map. */
static int
open_at(struct arena *a, const char *path)
{
	struct arena_header h = { .magic = 0 };
	char boot[ARENA_BOOT_BYTES];
	off_t size = 0;
	int r;

	a->fd = open(path,
	    (a->writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (a->fd == -1)
		return errno == ELOOP || errno == EISDIR ? ERR_SYNTAX : -errno;
	if ((a->writable && (r = arena_file_lock(a->fd)) != 0) ||
	    (r = read_header(a->fd, &h, &size)) != 0 ||
	    (r = check_header(&h, size, &a->form)) != 0 ||
	    (r = arena_file_boot(boot)) != 0)
		return r;
	if (!is_named(path, h.id))
		return ERR_SYNTAX;
	if (a->writable && (r = arena_file_allocate(a->fd, h.bytes)) != 0)
		return r; /* a copy may have holes */
	a->other_boot = memcmp(boot, h.boot, sizeof(boot)) != 0;
	return arena_file_map(a, a->fd, h.n_cells, h.n_slots) != NULL ? 0 : -errno;
}

int
arena_open(const char *path, bool writable, struct arena **out)
{
	struct arena *a = arena_file_new(writable);
	int r;

	if (a == NULL)
		return -ENOMEM;
	r = open_at(a, path);
	if (r == 0 && !writable) { /* there is no lock to hold */
		close(a->fd);
		a->fd = -1;
	}
	if (r != 0)
		arena_close(&a);
	*out = a;
	return r;
}

/* Check and map what a->fd leads to. */
static int
adopt_file(struct arena *a)
{
	struct arena_header h = { .magic = 0 };
	char boot[ARENA_BOOT_BYTES];
	off_t size = 0;
	int r;

	if ((r = read_header(a->fd, &h, &size)) != 0 ||
	    (r = check_header(&h, size, &a->form)) != 0 ||
	    (r = arena_file_boot(boot)) != 0)
		return r;
	a->other_boot = memcmp(boot, h.boot, sizeof(boot)) != 0;
	return arena_file_map(a, a->fd, h.n_cells, h.n_slots) != NULL ? 0 : -errno;
}

int
arena_inherit(int fd, struct arena **out)
{
	struct arena *a = arena_file_new(true);
	int r;

	*out = NULL;
	if (a == NULL)
		return -ENOMEM;
	a->fd = fd;
	r = adopt_file(a);
	if (r != 0) {
		a->fd = -1;
		arena_close(&a);
	}
	*out = a;
	return r;
}

int
arena_fd(const struct arena *a)
{
	return a->fd;
}

/* Is name digits and the suffix? */
static bool
is_arena_name(const char *name)
{
	const size_t digits = strspn(name, "0123456789");

	return digits > 0 && strcmp(name + digits, ARENA_SUFFIX) == 0;
}

static int
add_path(struct strlist *paths, const char *dir, const char *name)
{
	char path[PATH_MAX];
	const int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	return strlist_add(paths, path);
}

int
arena_list(const char *dir, struct strlist *paths)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	int r = 0;

	if (d == NULL)
		return -errno;
	while (r == 0 && (errno = 0, e = readdir(d)) != NULL)
		if (is_arena_name(e->d_name))
			r = add_path(paths, dir, e->d_name);
	if (r == 0 && e == NULL && errno != 0)
		r = -errno;
	closedir(d);
	return r;
}
