/* See filelock.h. flock() has no time-out of its own, so it is asked again and again. */
#include "common/filelock.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/clock.h"

enum { WAIT_MS = 5000, RETRY_MS = 20 };

int
filelock_wait(int fd)
{
	const uint64_t until = clock_mono_ms() + WAIT_MS;

	while (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK || clock_mono_ms() >= until)
			return -errno;
		(void)poll(NULL, 0, RETRY_MS);
	}
	return 0;
}

bool
filelock_is_current(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino;
}
