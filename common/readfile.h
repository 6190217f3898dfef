/*
 * Read a whole small file: configuration, secrets. Bounded, so that a wrong path
 * (a disk, /dev/zero) ends in an error and not in all of memory.
 */
#ifndef GATEHOUSE_COMMON_READFILE_H
#define GATEHOUSE_COMMON_READFILE_H

#include <stddef.h>

#include "common/err.h"

/*
 * Read path.
 * max      bytes; a longer file is ERR_TOO_LARGE.
 * out      set on 0 only: the bytes and a NUL behind them, to be freed with
 *          readfile_free().
 * n_out    bytes, the NUL not counted.
 * Returns 0, -errno or ERR_TOO_LARGE.
 */
int readfile(const char *path, size_t max, char **out, size_t *n_out) MUSTCHECK;

/* Wipe and free what readfile() gave. Accepts NULL inside, leaves NULL. */
void readfile_free(char **text, size_t n);

#endif
