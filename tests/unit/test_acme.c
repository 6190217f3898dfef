/* ACME's files: only tokens, only regular files, nothing through links. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/acme.h"

static const char *const left_behind[] = { "token-_9", "empty", "big", "full", "link",
	"fifo", "folder" };

struct site {
	char root[64];
	char folder[256];
};

static void
write_file(const struct site *s, const char *name, size_t n)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", s->folder, name);
	assert_non_null(f = fopen(path, "we"));
	for (size_t i = 0; i < n; i++)
		assert_int_not_equal(fputc('k', f), EOF);
	assert_int_equal(fclose(f), 0);
}

static int
lay_out(void **state)
{
	struct site *s = calloc(1, sizeof(*s));
	char path[512];

	*state = s;
	if (s == NULL)
		return -1;
	snprintf(s->root, sizeof(s->root), "/tmp/gatehouse-test-acme-XXXXXX");
	if (mkdtemp(s->root) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/.well-known", s->root);
	snprintf(s->folder, sizeof(s->folder), "%s/.well-known/acme-challenge", s->root);
	return mkdir(path, 0755) == 0 && mkdir(s->folder, 0755) == 0 ? 0 : -1;
}

static int
clear(void **state)
{
	struct site *s = *state;
	char path[512];

	for (size_t i = 0; i < sizeof(left_behind) / sizeof(*left_behind); i++) {
		snprintf(path, sizeof(path), "%s/%s", s->folder, left_behind[i]);
		(void)remove(path);
	}
	rmdir(s->folder);
	snprintf(path, sizeof(path), "%s/.well-known", s->root);
	(void)remove(path);
	(void)remove(s->root);
	free(s);
	return 0;
}

/* The bytes read, or the code. */
static long
size_of(const char *root, const char *token)
{
	struct evbuffer *out = evbuffer_new();
	long r;

	assert_non_null(out);
	r = acme_read(root, span_of(token), out);
	if (r == 0)
		r = (long)evbuffer_get_length(out);
	else
		assert_int_equal(evbuffer_get_length(out), 0);
	evbuffer_free(out);
	return r;
}

static void
a_token_is_served(void **state)
{
	const struct site *s = *state;

	write_file(s, "token-_9", 87);
	write_file(s, "empty", 0);
	assert_int_equal(size_of(s->root, "token-_9"), 87);
	assert_int_equal(size_of(s->root, "empty"), 0);
	assert_int_equal(size_of(s->root, "other"), -ENOENT);
}

static void
only_the_alphabet_of_tokens_comes_near_a_path(void **state)
{
	static const char *const bad[] = { "", ".", "..", "../../etc/passwd", "a/b",
		"a.b", "a%2e", "a b", "\xc3\xa4", "a\n" };
	const struct site *s = *state;
	char long_token[ACME_TOKEN_MAX + 2];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(size_of(s->root, bad[i]), ERR_SYNTAX);
	memset(long_token, 'a', sizeof(long_token));
	long_token[ACME_TOKEN_MAX + 1] = '\0';
	assert_int_equal(size_of(s->root, long_token), ERR_SYNTAX);
	long_token[ACME_TOKEN_MAX] = '\0';
	assert_int_equal(size_of(s->root, long_token), -ENOENT);
}

static void
files_over_the_bound_are_refused(void **state)
{
	const struct site *s = *state;

	write_file(s, "full", ACME_FILE_MAX);
	write_file(s, "big", ACME_FILE_MAX + 1);
	assert_int_equal(size_of(s->root, "full"), ACME_FILE_MAX);
	assert_int_equal(size_of(s->root, "big"), ERR_TOO_LARGE);
}

static void
links_pipes_and_folders_are_refused(void **state)
{
	const struct site *s = *state;
	char path[512];

	snprintf(path, sizeof(path), "%s/link", s->folder);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof(path), "%s/fifo", s->folder);
	assert_int_equal(mkfifo(path, 0644), 0);
	snprintf(path, sizeof(path), "%s/folder", s->folder);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(size_of(s->root, "link"), -ELOOP);
	assert_int_equal(size_of(s->root, "fifo"), ERR_INVALID);
	assert_int_equal(size_of(s->root, "folder"), ERR_INVALID);
}

static void
a_link_instead_of_a_folder_is_refused(void **state)
{
	const struct site *s = *state;
	char path[512], elsewhere[512];
	struct site other = { .root = "" };

	snprintf(other.folder, sizeof(other.folder), "%s", s->folder);
	write_file(&other, "token-_9", 5);
	snprintf(path, sizeof(path), "%s/.well-known", s->root);
	snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", s->root);
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(size_of(s->root, "token-_9"), -ENOTDIR);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rename(elsewhere, path), 0);
	assert_int_equal(size_of(s->root, "token-_9"), 5);
}

static void
the_webroot_itself_may_be_a_link_and_may_be_missing(void **state)
{
	const struct site *s = *state;
	char link[96];

	write_file(s, "token-_9", 5);
	snprintf(link, sizeof(link), "%s-link", s->root);
	assert_int_equal(symlink(s->root, link), 0);
	assert_int_equal(size_of(link, "token-_9"), 5);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(size_of(link, "token-_9"), -ENOENT);
}

#define SITE(test) cmocka_unit_test_setup_teardown(test, lay_out, clear)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SITE(a_token_is_served),
		SITE(only_the_alphabet_of_tokens_comes_near_a_path),
		SITE(files_over_the_bound_are_refused),
		SITE(links_pipes_and_folders_are_refused),
		SITE(a_link_instead_of_a_folder_is_refused),
		SITE(the_webroot_itself_may_be_a_link_and_may_be_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
