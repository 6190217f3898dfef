/*
 * What the tests of the configuration share: a temporary folder, and loading
 * from an environment written as an array. Header only, for each test is a
 * binary of its own.
 */
#ifndef GATEHOUSE_TESTS_UNIT_CONFIG_CASE_H
#define GATEHOUSE_TESTS_UNIT_CONFIG_CASE_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A folder that lives as long as the group; set up by case_setup(). */
static char case_dir[64];

static inline int
case_setup(void **state)
{
	(void)state;
	snprintf(case_dir, sizeof(case_dir), "/tmp/gatehouse-config-XXXXXX");
	return mkdtemp(case_dir) != NULL ? 0 : -1;
}

static inline const char *
case_path(const char *name)
{
	static char path[4][256];
	static unsigned at;

	at = (at + 1) % 4;
	snprintf(path[at], sizeof(path[at]), "%s/%s", case_dir, name);
	return path[at];
}

/* Write a file into the folder; returns its path. */
static inline const char *
case_file(const char *name, const char *text)
{
	const char *path = case_path(name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	return path;
}

static inline int
case_teardown(void **state)
{
	static const char *const names[] = { "empty.json", "file.json", "secret",
		"cert.pem", "key.pem", "cert2.pem", "key2.pem", "ca.pem", "models.json" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		unlink(case_path(names[i]));
	return rmdir(case_dir);
}

/* The outcome of a load. */
struct outcome {
	int r;
	struct config *cfg;
	struct strlist faults;
};

/*
 * Load from a file's text (NULL: an empty object, so that nothing of this machine
 * is read) and a NULL-terminated environment.
 */
static inline struct outcome
case_load(const char *json, const char *const *env)
{
	struct outcome o = { .cfg = NULL };
	const char *path =
	    json != NULL ? case_file("file.json", json) : case_file("empty.json", "{}");

	o.r = config_load(path, (char *const *)(uintptr_t)env, &o.cfg, &o.faults);
	assert_true((o.r == 0) == (o.cfg != NULL));
	assert_true((o.r == ERR_INVALID) == (o.faults.n > 0));
	return o;
}

#define ENV(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NO_ENV ((const char *const[]){ NULL })

static inline void
case_fini(struct outcome *o)
{
	config_destroy(&o->cfg);
	strlist_free(&o->faults);
}

/* Load what must be good. */
static inline struct outcome
case_good(const char *json, const char *const *env)
{
	struct outcome o = case_load(json, env);

	for (size_t i = 0; i < o.faults.n; i++)
		print_error("unexpected fault: %s\n", o.faults.v[i]);
	assert_int_equal(o.r, 0);
	return o;
}

static inline bool
case_has(const struct strlist *l, const char *part)
{
	for (size_t i = 0; i < l->n; i++)
		if (strstr(l->v[i], part) != NULL)
			return true;
	return false;
}

/* Load what must be refused with exactly one fault that is, after the folder's name,
 * `want`. */
static inline void
case_one_fault(const char *json, const char *const *env, const char *want)
{
	struct outcome o = case_load(json, env);

	assert_int_equal(o.r, ERR_INVALID);
	for (size_t i = 0; i < o.faults.n; i++)
		if (o.faults.n != 1 || strstr(o.faults.v[i], want) == NULL)
			print_error("fault: %s\n wanted: %s\n", o.faults.v[i], want);
	assert_int_equal(o.faults.n, 1);
	assert_non_null(strstr(o.faults.v[0], want));
	case_fini(&o);
}

/* What config_print() or config_document() writes; to be freed. */
static inline char *
case_printed(const struct config *cfg)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	if (cfg != NULL)
		config_print(cfg, f);
	else
		config_document(f);
	assert_int_equal(fclose(f), 0);
	assert_non_null(text);
	return text;
}

#endif
