/*
 * Wiping and locking; see secret.h. Runs in the master, in each child after the fork,
 * and (wiping) in the commands.
 *
 * Locked is the area that brk() grows, where every small allocation of a process
 * without threads lies. Only pages that are in use count as resident: a child's copy of
 * the master's heap is made page by page, as without the lock.
 */
#include "common/secret.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <jansson.h>
#include <openssl/crypto.h>

static bool wiping = true; /* OpenSSL's functions have no argument to carry it */

/* The whole of the block, whatever part of it was asked for. */
static void
free_wiped(void *p)
{
	if (p == NULL)
		return;
	OPENSSL_cleanse(p, malloc_usable_size(p));
	free(p);
}

static void *
openssl_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n != 0 ? malloc(n) : NULL;
}

static void
openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	if (wiping)
		free_wiped(p);
	else
		free(p);
}

/* realloc() would leave the old block as it was. */
static void *
openssl_realloc(void *p, size_t n, const char *file, int line)
{
	const size_t had = p != NULL ? malloc_usable_size(p) : 0;
	void *more;

	(void)file;
	(void)line;
	if (!wiping && n != 0)
		return realloc(p, n);
	if (n != 0 && n <= had)
		return p;
	more = n != 0 ? malloc(n) : NULL;
	if (n != 0 && more == NULL)
		return NULL;
	if (more != NULL && p != NULL)
		memcpy(more, p, had);
	free_wiped(p);
	return more;
}

int
secret_wipe_freed(void)
{
	json_set_alloc_funcs(malloc, free_wiped);
	return CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) == 1
	    ? 0
	    : ERR_TLS;
}

void
secret_stop_wiping(void)
{
	wiping = false;
}

/* "FROM-TO rights ...", in hexadecimal. */
static bool
parse_area(const char *line, uintptr_t *from_out, uintptr_t *to_out)
{
	char *end = NULL;

	*from_out = strtoumax(line, &end, 16);
	if (*end != '-')
		return false;
	*to_out = strtoumax(end + 1, &end, 16);
	return *end == ' ' && *from_out < *to_out;
}

/* Where the heap lies. Returns 0, -errno, or -ENOENT when there is none. */
static int
find_heap(uintptr_t *from_out, uintptr_t *to_out)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char *line = NULL;
	size_t cap = 0;
	int r = -ENOENT;

	if (f == NULL)
		return -errno;
	while (r != 0 && getline(&line, &cap, f) != -1)
		if (strstr(line, "[heap]") != NULL && parse_area(line, from_out, to_out))
			r = 0;
	free(line);
	(void)fclose(f); /* only read */
	return r;
}

int
secret_lock_heap(void)
{
	uintptr_t from = 0, to = 0;
	const int r = find_heap(&from, &to);

	if (r != 0)
		return r;
	return mlock2((const void *)from, to - from, MLOCK_ONFAULT) == -1 ? -errno : 0;
}
