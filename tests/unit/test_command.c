/* command and config_words: words without a shell, programs by PATH, variables that may pass. */
#include "master/command.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/config_words.h"
#include "tests/unit/tempdir.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The words of text, one in brackets behind the other. */
static void
assert_words(const char *text, const char *expected)
{
	struct strlist words = { 0 };
	char all[256] = "";
	size_t n = 0;

	assert_int_equal(config_words_split(text, &words), 0);
	for (size_t i = 0; i < words.n; i++)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "[%s]", words.v[i]);
	assert_string_equal(all, expected);
	strlist_free(&words);
}

static void
words_are_parted_by_blanks_and_kept_together_by_quotes(void **state)
{
	static const char *const cases[][2] = {
		{ "a", "[a]" },
		{ "  a \t b\n c\r\n", "[a][b][c]" },
		{ "'a b' \"c d\"", "[a b][c d]" },
		{ "a'b'\"c\"d", "[abcd]" },
		{ "'' \"\"", "[][]" },
		{ "a\\ b \\'c \\\\", "[a b]['c][\\]" },
		{ "'a\\b' \"a\\b\" \"\\\"\\\\\"", "[a\\b][a\\b][\"\\]" },
		{ "--x=\"1 2\" $HOME *.c ~ ; | > #",
		    "[--x=1 2][$HOME][*.c][~][;][|][>][#]" },
		{ "\"it's\" '\"'", "[it's][\"]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_words(cases[i][0], cases[i][1]);
}

static void
what_has_no_end_or_no_word_is_refused(void **state)
{
	static const char *const cases[] = { "", "  \t", "a 'b", "a \"b", "a \"b\\\"",
		"a\\", "\"\\" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct strlist words = { 0 };

		assert_int_equal(config_words_split(cases[i], &words), ERR_SYNTAX);
		strlist_free(&words);
	}
}

static void
a_program_is_found_as_a_shell_would_find_it(void **state)
{
	const struct tempdir *dir = *state;
	char search[512];
	char file[256];
	char path[PATH_MAX];

	snprintf(file, sizeof(file), "%s/gatehouse-test-program", dir->path);
	tempdir_write_at(file, "#!/bin/sh\n", 10, 0755);
	snprintf(search, sizeof(search), "/nonexistent:%s:/bin", dir->path);
	assert_int_equal(command_find("gatehouse-test-program", search, path), 0);
	assert_string_equal(path, file);
	assert_int_equal(command_find(file, NULL, path), 0);
	assert_int_equal(command_find("sh", NULL, path), 0);
	assert_int_equal(command_find("gatehouse-test-program", "/bin:", path), -ENOENT);
	assert_int_equal(command_find("", search, path), -ENOENT);
	assert_int_equal(command_find(dir->path, search, path), -EACCES);
	assert_int_equal(chmod(file, 0644), 0);
	assert_int_equal(command_find("gatehouse-test-program", search, path), -EACCES);
}

static void
a_fault_names_the_setting_and_the_program(void **state)
{
	struct command_line line;
	struct errmsg why = { "" };

	(void)state;
	assert_int_equal(command_parse("/nonexistent/x --key abc", &line, &why), -ENOENT);
	assert_non_null(strstr(why.text, "UPSTREAM_COMMAND: /nonexistent/x"));
	assert_null(strstr(why.text, "abc"));
	command_fini(&line);
	assert_int_equal(command_parse("/bin/sh -c 'a b'", &line, &why), 0);
	assert_int_equal(line.words.n, 3);
	assert_string_equal(line.path, "/bin/sh");
	command_fini(&line);
}

static void
only_paths_and_proxies_may_be_known(void **state)
{
	static const char *const may[] = { "PATH=/bin", "HOME=/", "HOME=", "http_proxy=x",
		"HTTPS_PROXY=x", "no_proxy=", "ALL_PROXY=x" };
	static const char *const may_not[] = { "TRUST_PROXY=true",
		"PRIVATEMODE_API_KEY=x", "ADMIN_PASSWORD=http_proxy", "PATHS=x",
		"XHOME=x", "_proxy=x", "PATH", "", "=x", "Http_Proxy=x",
		"TRUSTED_PROXIES=x", "NOTIFY_SOCKET=x", "LISTEN_FDS=1" };

	(void)state;
	for (size_t i = 0; i < COUNT(may); i++)
		assert_true(command_may_know(may[i]));
	for (size_t i = 0; i < COUNT(may_not); i++)
		assert_false(command_may_know(may_not[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_parted_by_blanks_and_kept_together_by_quotes),
		cmocka_unit_test(what_has_no_end_or_no_word_is_refused),
		cmocka_unit_test_setup_teardown(a_program_is_found_as_a_shell_would_find_it,
		    tempdir_make, tempdir_remove),
		cmocka_unit_test(a_fault_names_the_setting_and_the_program),
		cmocka_unit_test(only_paths_and_proxies_may_be_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
