/*
 * An input as a file: what is read by path can be fuzzed without a disk. The
 * descriptor is kept for the life of the process.
 */
#ifndef GATEHOUSE_TESTS_FUZZ_FUZZ_FILE_H
#define GATEHOUSE_TESTS_FUZZ_FUZZ_FILE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/strlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Say which promise is broken, and stop. */
#define FUZZ_CHECK(holds)                                                                \
	do {                                                                             \
		if (!(holds)) {                                                          \
			fprintf(stderr, "line %d: not so: %s\n", __LINE__, #holds);      \
			abort();                                                         \
		}                                                                        \
	} while (0)

/* Have the file hold these bytes. Returns its path. */
static inline const char *
fuzz_file(const uint8_t *data, size_t size)
{
	static char path[64];
	static int fd = -1;

	if (fd == -1) {
		fd = memfd_create("input", MFD_CLOEXEC);
		FUZZ_CHECK(fd != -1);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	FUZZ_CHECK(ftruncate(fd, 0) == 0);
	FUZZ_CHECK(pwrite(fd, data, size, 0) == (ssize_t)size);
	return path;
}

/* Is text one line that can be printed? */
static inline bool
fuzz_is_line(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static inline void
fuzz_check_lines(const struct strlist *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		FUZZ_CHECK(lines->v[i][0] != '\0' && fuzz_is_line(lines->v[i]));
}

#endif
