/*
 * Finding arenas: each file is looked at once; one that can't be read is named once for
 * each reason, and tried again only if that may pass.
 */
#include "admin/journal_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

enum { STALE_LOOKS = 60 }; /* one a second */

const char *
journal_file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static bool
is_known(const struct journal *j, const char *path)
{
	for (size_t i = 0; i < j->n; i++)
		if (strcmp(j->v[i].path, path) == 0)
			return true;
	return false;
}

static struct fault *
fault_of(const struct journal *j, const char *path)
{
	for (size_t i = 0; i < j->n_faults; i++)
		if (strcmp(j->faults[i].path, path) == 0)
			return &j->faults[i];
	return NULL;
}

static const char *
fault_text(int code)
{
	switch (code) {
	case ERR_STALE: return "another version's";
	case ERR_SYNTAX: return "damaged";
	case -ENODATA: return "empty, power was lost before anything reached the disk";
	default: return err_text(code);
	}
}

/* What is wrong with the file itself stays so. */
static bool
is_final(int code)
{
	return code == ERR_STALE || code == ERR_SYNTAX || code == -ENODATA;
}

/* The entry of a file that can't be read. NULL: no memory. */
static struct fault *
take_fault(struct journal *j, const char *path)
{
	struct fault *f = fault_of(j, path);
	char *copy;

	if (f != NULL)
		return f;
	f = realloc(j->faults, (j->n_faults + 1) * sizeof(*f));
	if (f == NULL)
		return NULL;
	j->faults = f;
	copy = strdup(path);
	if (copy == NULL)
		return NULL;
	f = &j->faults[j->n_faults++];
	*f = (struct fault){ .path = copy };
	return f;
}

/*
 * Name a file that can't be read, once for each reason; but a newer version's only if it is
 * still there after the time that an upgrade takes, whose new admin reads it. Returns 0 or
 * -ENOMEM.
 */
static int
note_fault(struct journal *j, const char *path, int code)
{
	struct fault *f = take_fault(j, path);

	if (f == NULL)
		return -ENOMEM;
	if (f->code == code || (code == ERR_STALE && ++f->looks < STALE_LOOKS))
		return 0;
	f->code = code;
	log_error("journal", "%s/%s: %s: what it holds is not counted%s", j->dir,
	    journal_file_name(path), fault_text(code),
	    is_final(code) ? "; it is left alone" : "");
	return 0;
}

static int
add_known(struct journal *j, const char *path, struct arena **a)
{
	struct known *v = j->v;
	char *copy;

	if (j->n == j->cap) {
		const size_t cap = j->cap != 0 ? 2 * j->cap : 16;

		v = realloc(j->v, cap * sizeof(*v));
		if (v == NULL)
			return -ENOMEM;
		j->v = v;
		j->cap = cap;
	}
	copy = strdup(path);
	if (copy == NULL)
		return -ENOMEM;
	v[j->n++] = (struct known){ .arena = *a, .path = copy };
	*a = NULL;
	return 0;
}

static int
look_at(struct journal *j, const char *path)
{
	const struct fault *f = fault_of(j, path);
	struct arena *a = NULL;
	int r;

	if (is_known(j, path) || (f != NULL && is_final(f->code)))
		return 0;
	r = arena_open(path, false, &a);
	if (r == -ENOENT || r == -ENOMEM)
		return r == -ENOENT ? 0 : r; /* it has gone meanwhile */
	if (r != 0)
		return note_fault(j, path, r);
	r = add_known(j, path, &a);
	arena_close(&a);
	return r;
}

int
journal_scan(struct journal *j)
{
	int r;

	strlist_free(&j->paths);
	r = arena_list(j->dir, &j->paths);
	if (r == -ENOENT)
		r = 0;
	for (size_t i = 0; r == 0 && i < j->paths.n; i++)
		r = look_at(j, j->paths.v[i]);
	j->scanned = r;
	return r;
}
