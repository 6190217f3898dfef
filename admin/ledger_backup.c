/*
 * Checkpoint, then the tables, then the logs: the order that a running environment
 * demands, for the logs must know all that the copied tables have. Nobody writes
 * meanwhile, since there is one thread.
 */
#include "admin/ledger_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/ledger_store.h"

enum { BLOCK_BYTES = 64 * 1024, FILE_MODE = 0600 };

struct backup {
	int from; /* directories */
	int to;
};

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put == -1 && errno == EINTR)
			continue;
		if (put == -1)
			return -errno;
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

static int
copy_bytes(int from, int to)
{
	char block[BLOCK_BYTES];

	for (;;) {
		ssize_t n = read(from, block, sizeof(block));
		int r;

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			return 0;
		if ((r = write_all(to, block, (size_t)n)) != 0)
			return r;
	}
}

static int
copy_file(const char *name, void *arg)
{
	const struct backup *b = arg;
	int from = openat(b->from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int to = -1, r;

	if (from == -1)
		return -errno;
	to = openat(b->to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (to == -1) {
		r = -errno;
		goto out;
	}
	r = copy_bytes(from, to);
	if (r == 0 && fsync(to) == -1)
		r = -errno;
out:
	close(from);
	if (to != -1 && close(to) == -1 && r == 0)
		r = -errno;
	return r;
}

static int
remove_file(const char *name, void *arg)
{
	const struct backup *b = arg;

	return unlinkat(b->to, name, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

static int
open_dirs(struct ledger *l, int parent, struct backup *b)
{
	b->from = open(ledger_dir(l), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b->from == -1)
		return -errno;
	b->to = openat(parent, "ledger", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return b->to == -1 ? -errno : 0;
}

static int
copy_all(struct ledger *l, int parent, const struct backup *b)
{
	struct backup places = *b;
	int r = ledger_checkpoint(l);

	if (r == 0)
		r = ledger_files(l, copy_file, &places);
	if (r == 0 && (fsync(b->to) == -1 || fsync(parent) == -1))
		r = -errno;
	return r;
}

/* A half copy is no copy. What can't be removed is left to whoever reads the code. */
static void
remove_all(struct ledger *l, int parent, struct backup *b)
{
	if (b->to != -1 && ledger_files(l, remove_file, b) != 0)
		return;
	(void)unlinkat(parent, "ledger", AT_REMOVEDIR);
}

int
ledger_backup(struct ledger *l, const char *dir)
{
	struct backup b = { -1, -1 };
	int parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = 0;

	if (parent == -1)
		return -errno;
	if (mkdirat(parent, "ledger", 0700) == -1) {
		r = -errno;
		goto out;
	}
	if ((r = open_dirs(l, parent, &b)) == 0)
		r = copy_all(l, parent, &b);
	if (r != 0)
		remove_all(l, parent, &b);
out:
	if (b.from != -1)
		close(b.from);
	if (b.to != -1)
		close(b.to);
	close(parent);
	return r;
}
