/*
 * A temporary folder for one test and files in it; for cmocka's setup and teardown.
 */
#ifndef GATEHOUSE_TESTS_TEMPDIR_H
#define GATEHOUSE_TESTS_TEMPDIR_H

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tempdir {
	char path[64];
	char file[96]; /* path/api_keys.json, which does not exist at first */
};

static inline int
tempdir_make(void **state)
{
	struct tempdir *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -1;
	snprintf(t->path, sizeof(t->path), "/tmp/gatehouse-unit-XXXXXX");
	if (mkdtemp(t->path) == NULL) {
		free(t);
		return -1;
	}
	snprintf(t->file, sizeof(t->file), "%s/api_keys.json", t->path);
	*state = t;
	return 0;
}

static inline int
tempdir_remove_entry(
    const char *path, const struct stat *st, int type, struct FTW *position)
{
	(void)st;
	(void)type;
	(void)position;
	if (remove(path) == 0)
		return 0;
	perror(path);
	return -1;
}

/* Removes the folder and all in it. */
static inline int
tempdir_remove(void **state)
{
	struct tempdir *t = *state;
	const int r = nftw(t->path, tempdir_remove_entry, 8, FTW_DEPTH | FTW_PHYS);

	free(t);
	return r;
}

/* How many files are in the folder. */
static inline int
tempdir_count(const struct tempdir *t)
{
	DIR *d = opendir(t->path);
	int n = 0;

	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n - 2; /* . and .. */
}

static inline void
tempdir_write_at(const char *path, const char *text, size_t n, mode_t mode)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fwrite(text, 1, n, f) != n || fchmod(fileno(f), mode) != 0 ||
	    fclose(f) != 0) {
		perror(path);
		abort();
	}
}

/* Write the key file, mode 0600. */
static inline void
tempdir_write(const struct tempdir *t, const char *text)
{
	tempdir_write_at(t->file, text, strlen(text), 0600);
}

/* The text of the key file, NUL-terminated; the caller frees it. */
static inline char *
tempdir_read(const struct tempdir *t)
{
	FILE *f = fopen(t->file, "r");
	char *text = NULL;
	size_t cap = 0;

	if (f == NULL)
		return NULL;
	if (getdelim(&text, &cap, '\0', f) == -1) {
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

#endif
