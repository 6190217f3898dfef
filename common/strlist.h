/*
 * A list of owned strings. Zero-filled is empty. Some hold secrets: those are
 * freed with strlist_wipe().
 */
#ifndef GATEHOUSE_COMMON_STRLIST_H
#define GATEHOUSE_COMMON_STRLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct strlist {
	char **v;
	size_t n;
};

/* Free the strings and the array; leaves it empty. */
void strlist_free(struct strlist *l);

/* The same, with the strings' bytes wiped before. */
void strlist_wipe(struct strlist *l);

/* Append a copy of s. Returns 0 or -ENOMEM. */
int strlist_add(struct strlist *l, const char *s) MUSTCHECK;

/*
 * Append the comma-separated parts of text, blanks around them removed, empty
 * ones left out. Returns 0 or -ENOMEM (some may have been appended).
 */
int strlist_split(struct strlist *l, const char *text) MUSTCHECK;

/* The same strings in the same order? */
bool strlist_eq(const struct strlist *a, const struct strlist *b);

#endif
