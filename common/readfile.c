/*
 * Whole small files. Used at start and on reload by the master, and by the CLI;
 * never by a worker. What is read may be a secret: it is wiped when freed.
 */
#include "common/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <openssl/crypto.h>

/* Fill text with up to room bytes. Returns 0 or -errno; n_out in both cases. */
static int
fill(int fd, char *text, size_t room, size_t *n_out)
{
	*n_out = 0;
	while (*n_out < room) {
		const ssize_t n = read(fd, text + *n_out, room - *n_out);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			break;
		*n_out += (size_t)n;
	}
	return 0;
}

int
readfile(const char *path, size_t max, char **out, size_t *n_out)
{
	char *text = NULL;
	size_t n = 0;
	int r, fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	text = malloc(max + 1);
	if (text == NULL) {
		r = -ENOMEM;
		goto out;
	}
	if ((r = fill(fd, text, max + 1, &n)) != 0)
		goto out;
	if (n > max) {
		r = ERR_TOO_LARGE;
		goto out;
	}
	text[n] = '\0';
	*out = text;
	*n_out = n;
	text = NULL;
out:
	readfile_free(&text, n);
	close(fd);
	return r;
}

void
readfile_free(char **text, size_t n)
{
	if (*text == NULL)
		return;
	OPENSSL_cleanse(*text, n);
	free(*text);
	*text = NULL;
}
