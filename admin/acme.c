/*
 * Opens one file, step by step from ACME_WEBROOT and through no symbolic link, and
 * hands out its bytes. The token is checked before it comes near a path.
 */
#include "admin/acme.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
token_is_valid(struct span t)
{
	if (t.n == 0 || t.n > ACME_TOKEN_MAX)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		char c = t.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c >= '0' && c <= '9') || c == '_' || c == '-'))
			return false;
	}
	return true;
}

/* openat() that gives the place of the directory before, which it closes. */
static int
step(int dir, const char *name, int flags)
{
	int fd = dir < 0 ? dir : openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
	int r = fd == -1 ? -errno : fd;

	if (dir >= 0)
		close(dir);
	return r;
}

static int
open_token(const char *webroot, const char *token)
{
	int fd = open(webroot, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return -errno;
	fd = step(fd, ".well-known", O_PATH | O_DIRECTORY);
	fd = step(fd, "acme-challenge", O_PATH | O_DIRECTORY);
	return step(fd, token, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

/* Read up to one byte more than may be, so that a file that grows is noticed. */
static int
read_whole(int fd, char *buf, size_t cap, size_t *n_out)
{
	size_t n = 0;

	while (n < cap) {
		ssize_t got = read(fd, buf + n, cap - n);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*n_out = n;
	return 0;
}

static int
read_token(int fd, struct evbuffer *out)
{
	char buf[ACME_FILE_MAX + 1];
	struct stat st;
	size_t n = 0;
	int r;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return ERR_INVALID;
	if ((r = read_whole(fd, buf, sizeof(buf), &n)) != 0)
		return r;
	if (n > ACME_FILE_MAX)
		return ERR_TOO_LARGE;
	return evbuffer_add(out, buf, n) == 0 ? 0 : -ENOMEM;
}

int
acme_read(const char *webroot, struct span token, struct evbuffer *out)
{
	char name[ACME_TOKEN_MAX + 1];
	int fd, r;

	if (!token_is_valid(token))
		return ERR_SYNTAX;
	memcpy(name, token.p, token.n);
	name[token.n] = '\0';
	fd = open_token(webroot, name);
	if (fd < 0)
		return fd;
	r = read_token(fd, out);
	close(fd);
	return r;
}
