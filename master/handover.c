/* The memfd of a handover, and its descriptors; see handover.h. Runs in the master. */
#include "master/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

/* Should fd outlive execve()? Returns 0 or -errno. */
static int
set_keep(int fd, bool keep)
{
	return fcntl(fd, F_SETFD, keep ? 0 : FD_CLOEXEC) == -1 ? -errno : 0;
}

int
handover_keep(const struct handover *h, bool keep)
{
	int r = set_keep(h->fd, keep);

	for (size_t i = 0; i < h->n && r == 0; i++)
		r = set_keep(h->fds[i], keep);
	return r;
}

void
handover_fini(struct handover *h)
{
	if (h->fd != -1)
		close(h->fd);
	free(h->fds);
	*h = (struct handover){ .fd = -1 };
}

int
handover_find(void)
{
	const char *text = getenv(HANDOVER_ENV);
	char *end = NULL;
	long fd;

	if (text == NULL || text[0] == '\0')
		return -1;
	errno = 0;
	fd = strtol(text, &end, 10);
	return errno == 0 && *end == '\0' && fd > STDERR_FILENO && fd <= INT_MAX ? (int)fd
										 : -1;
}

/* Is it a memfd that nobody can write to any more? */
static int
check_memfd(int fd)
{
	const int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals == -1 || fstat(fd, &st) == -1)
		return -errno;
	if ((seals & SEALS) != SEALS)
		return ERR_SYNTAX;
	return st.st_size > 0 && st.st_size <= HANDOVER_MAX_BYTES ? 0 : ERR_TOO_LARGE;
}

/* The text's first words decide whether the rest can be understood. */
static int
check_head(const json_t *root, pid_t pid, struct errmsg *why)
{
	const json_int_t version = json_integer_value(json_object_get(root, "handover"));

	if (version != HANDOVER_VERSION) {
		errmsg_set(why,
		    "it is handed over in version %lld, and this program knows %d",
		    version, HANDOVER_VERSION);
		return ERR_STALE;
	}
	if (json_integer_value(json_object_get(root, "pid")) == pid)
		return 0;
	errmsg_set(why, "what is handed over comes from another process");
	return ERR_INVALID;
}

int
handover_open(int fd, pid_t pid, json_t **root_out, struct errmsg *why)
{
	json_t *root = NULL;
	int r = check_memfd(fd);

	if (r == 0 && lseek(fd, 0, SEEK_SET) == -1)
		r = -errno;
	if (r == 0) {
		root = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
		r = json_is_object(root) ? 0 : ERR_SYNTAX;
	}
	if (r != 0)
		errmsg_set(why, "what is handed over can't be read: %s", err_text(r));
	else
		r = check_head(root, pid, why);
	if (r != 0) {
		json_decref(root);
		return r;
	}
	*root_out = root;
	return 0;
}
