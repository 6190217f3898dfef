/*
 * `gatehouse keys`: each command from its command line to the file and to what is
 * printed, with a stand-in for the master that is asked to reload.
 */
#include "admin/cli_keys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <openssl/crypto.h>

#include <cmocka.h>

#include "admin/cli_keys_print.h"
#include "common/clock.h"
#include "common/keyfile.h"
#include "tests/unit/tempdir.h"

enum { DAY_MS = 86400000 };

/* What one run printed. */
struct run {
	char *out;
	char *err;
	int reloads;
	int reload_result;
};

static struct run last;

static int
count_reload(void *arg)
{
	struct run *r = arg;

	r->reloads++;
	return r->reload_result;
}

/* Run `keys` with these words (NULL ends); reload_result is what the master says. */
static int
keys_with(const struct tempdir *t, int reload_result, char *const words[])
{
	char name[] = "keys", env_key[] = "from-the-environment", *env[] = { env_key };
	char file[sizeof(t->file)];
	struct config cfg = {
		.api_keys_file = file, .max_keys = 100, .api_keys = { env, 1 }
	};
	char *argv[16] = { name };
	size_t out_n, err_n;
	struct cli_io io;
	int argc = 1, r;

	memcpy(file, t->file, sizeof(file));
	for (; words[argc - 1] != NULL; argc++)
		argv[argc] = words[argc - 1];
	free(last.out);
	free(last.err);
	last = (struct run){ .reload_result = reload_result };
	io = (struct cli_io){ .out = open_memstream(&last.out, &out_n),
		.err = open_memstream(&last.err, &err_n),
		.reload = count_reload,
		.reload_arg = &last };
	r = cli_keys(argc, argv, &cfg, &io);
	fclose(io.out);
	fclose(io.err);
	return r;
}

#define WORDS(...) ((char *const[]){ __VA_ARGS__, NULL })
#define W(literal) ((char[]){ literal })
#define KEYS(t, ...) keys_with((t), CLI_DONE, WORDS(__VA_ARGS__))

static json_t *
printed_json(void)
{
	json_t *j = json_loads(last.out, JSON_REJECT_DUPLICATES, NULL);

	if (j == NULL)
		fail_msg("no JSON: %s", last.out);
	return j;
}

static const char *
text_at(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	assert_non_null(s);
	return s;
}

static struct keyset *
load(const struct tempdir *t)
{
	struct keyset *set = NULL;
	struct errmsg why;

	if (keyfile_load(t->file, NULL, 100, &set, &why) != 0)
		fail_msg("%s", why.text);
	assert_int_equal(set->faults.n, 0);
	return set;
}

static struct key
only_key(const struct tempdir *t)
{
	struct keyset *set = load(t);
	struct key k;

	assert_int_equal(set->n, 1);
	k = set->v[0];
	keyset_destroy(&set);
	return k;
}

static bool
secret_is(const uint8_t hash[KEY_HASH_BYTES], const char *secret)
{
	uint8_t want[KEY_HASH_BYTES];

	key_hash(secret, strlen(secret), want);
	return memcmp(want, hash, sizeof(want)) == 0;
}

static void
create_prints_the_secret_and_the_file_once_and_reloads(void **state)
{
	struct tempdir *t = *state;
	int64_t before = clock_wall_ms();
	char *secret;
	struct key k;

	assert_int_equal(KEYS(t, W("create"), W("-d"), W("Anna"), W("-e"), W("30"),
			     W("-r"), W("60"), W("--id"), W("anna")),
	    CLI_DONE);
	k = only_key(t);
	assert_string_equal(k.id, "anna");
	assert_string_equal(k.description, "Anna");
	assert_true(k.rate_limit == 60);
	assert_in_range(
	    k.expires_ms - before, INT64_C(30) * DAY_MS, INT64_C(30) * DAY_MS + 60000);
	secret = strstr(last.out, "pm_");
	assert_non_null(secret);
	secret[KEY_SECRET_BYTES] = '\0';
	assert_true(secret_is(k.hash, secret));
	assert_null(strstr(secret + KEY_SECRET_BYTES + 1, "pm_"));
	assert_null(strstr(last.err, "pm_"));
	assert_non_null(strstr(secret + KEY_SECRET_BYTES + 1, t->file));
	assert_int_equal(last.reloads, 1);
}

static void
generate_with_json_is_create_for_scripts(void **state)
{
	struct tempdir *t = *state;
	struct key k;
	json_t *j;

	assert_int_equal(KEYS(t, W("generate"), W("--json"), W("--description=x\"y"),
			     W("--expires"), W("2100-01-01"), W("--rate-limit=none")),
	    CLI_DONE);
	k = only_key(t);
	j = printed_json();
	assert_true(secret_is(k.hash, text_at(j, "key")));
	assert_string_equal(text_at(j, "key_id"), k.id);
	assert_string_equal(text_at(j, "description"), "x\"y");
	assert_string_equal(text_at(j, "file"), t->file);
	assert_string_equal(text_at(j, "state"), "active");
	assert_int_equal(
	    json_integer_value(json_object_get(j, "expires_at")), INT64_C(4102444800));
	assert_true(json_is_null(json_object_get(j, "rate_limit")));
	assert_true(json_is_true(json_object_get(j, "enabled")));
	assert_null(strchr(last.out, '\n')[1] ? last.out : NULL);
	json_decref(j);
}

static void
rotate_with_grace_keeps_the_old_secret_and_prints_the_new_one(void **state)
{
	struct tempdir *t = *state;
	int64_t before = clock_wall_ms();
	struct key k;
	json_t *j;

	tempdir_write(
	    t, "{\"keys\":[{\"key\":\"abc\",\"key_id\":\"a\",\"rate_limit\":3}]}");
	assert_int_equal(
	    KEYS(t, W("rotate"), W("a"), W("--grace"), W("24h"), W("--json")), CLI_DONE);
	k = only_key(t);
	j = printed_json();
	assert_true(secret_is(k.hash, text_at(j, "key")));
	assert_true(k.has_previous);
	assert_true(secret_is(k.previous_hash, "abc"));
	assert_in_range(k.previous_expires_ms - before, DAY_MS, DAY_MS + 60000);
	assert_true(json_is_number(json_object_get(j, "previous_expires_at")));
	assert_true(k.rate_limit == 3);
	json_decref(j);
	assert_int_equal(KEYS(t, W("rotate"), W("--id=a")), CLI_DONE);
	k = only_key(t);
	assert_false(k.has_previous);
}

static void
revoke_enable_set_and_delete_change_the_file(void **state)
{
	struct tempdir *t = *state;
	struct keyset *set;
	struct key k;
	json_t *j;

	tempdir_write(t, "{\"keys\":[{\"key\":\"abc\",\"key_id\":\"a\"}]}");
	assert_int_equal(KEYS(t, W("revoke"), W("a")), CLI_DONE);
	assert_false(only_key(t).enabled);
	assert_non_null(strstr(last.out, "disabled"));
	assert_non_null(strstr(last.out, t->file));
	assert_int_equal(KEYS(t, W("enable"), W("a")), CLI_DONE);
	assert_true(only_key(t).enabled);
	assert_int_equal(KEYS(t, W("set"), W("-r0"), W("a"), W("-d"), W("new")), CLI_DONE);
	k = only_key(t);
	assert_true(k.rate_limit == 0);
	assert_string_equal(k.description, "new");
	assert_int_equal(KEYS(t, W("set"), W("a"), W("--rate-limit"), W("none"),
			     W("--expires"), W("2001-01-01T00:00:00+01:00")),
	    CLI_DONE);
	k = only_key(t);
	assert_true(k.rate_limit == KEY_NO_LIMIT);
	assert_true(k.expires_ms == INT64_C(978303600000));
	assert_non_null(strstr(last.out, "expired"));
	assert_int_equal(KEYS(t, W("set"), W("a"), W("--expires"), W("never")), CLI_DONE);
	assert_true(only_key(t).expires_ms == 0);
	assert_int_equal(last.reloads, 1);
	assert_int_equal(KEYS(t, W("delete"), W("a"), W("--json")), CLI_DONE);
	j = printed_json();
	assert_string_equal(text_at(j, "key_id"), "a");
	assert_true(json_is_true(json_object_get(j, "deleted")));
	json_decref(j);
	set = load(t);
	assert_int_equal(set->n, 0);
	keyset_destroy(&set);
}

static void
list_and_show_print_all_that_is_known_but_no_hash_and_no_secret(void **state)
{
	struct tempdir *t = *state;
	const json_t *v;
	json_t *j;

	tempdir_write(t,
	    "{\"keys\":[{\"key\":\"SECRET-ONE\",\"key_id\":\"a\",\"description\":"
	    "\"B\xc3\xa4r"
	    "\\u001b[31m\\u009bx\",\"created_at\":1700000000,\"rate_limit\":0},"
	    "{\"key\":\"SECRET-TWO\",\"key_id\":\"bee\",\"enabled\":false}]}");
	assert_int_equal(KEYS(t, W("list")), CLI_DONE);
	assert_non_null(strstr(last.out,
	    "KEY_ID     STATE     LIMIT  EXPIRES  CREATED               DESCRIPTION\n"
	    "env_key_0  active    none   never    -                     \n"
	    "a          blocked   0      never    2023-11-14T22:13:20Z  "
	    "B\xc3\xa4r?[31m?x\n"
	    "bee        disabled  none   never    -                     \n"));
	assert_null(strstr(last.out, "SECRET"));
	assert_non_null(strstr(last.err, "plain text"));
	assert_null(strstr(last.err, "SECRET"));
	assert_int_equal(last.reloads, 0);
	assert_int_equal(KEYS(t, W("list"), W("--json")), CLI_DONE);
	j = printed_json();
	assert_string_equal(text_at(j, "file"), t->file);
	v = json_object_get(j, "keys");
	assert_int_equal(json_array_size(v), 3);
	assert_string_equal(text_at(json_array_get(v, 2), "key_id"), "bee");
	assert_null(json_object_get(json_array_get(v, 2), "key_hash"));
	assert_null(json_object_get(json_array_get(v, 2), "key"));
	json_decref(j);
	assert_int_equal(KEYS(t, W("show"), W("bee"), W("--json")), CLI_DONE);
	j = printed_json();
	v = json_object_get(j, "keys");
	assert_int_equal(json_array_size(v), 1);
	assert_string_equal(text_at(json_array_get(v, 0), "state"), "disabled");
	json_decref(j);
	assert_int_equal(KEYS(t, W("show"), W("nobody")), CLI_REFUSED);
	assert_string_equal(last.out, "");
}

static void
a_command_that_is_refused_changes_nothing_and_reloads_nothing(void **state)
{
	struct tempdir *t = *state;
	const char *text = "{\"keys\":[{\"key\":\"SECRET\",\"key_id\":\"a\"}]}";
	char *now;

	tempdir_write(t, text);
	assert_int_equal(KEYS(t, W("revoke"), W("nobody")), CLI_REFUSED);
	assert_int_equal(last.reloads, 0);
	assert_int_equal(KEYS(t, W("revoke"), W("")), CLI_REFUSED);
	assert_int_equal(KEYS(t, W("create"), W("--id"), W("a")), CLI_REFUSED);
	assert_int_equal(last.reloads, 0);
	assert_string_equal(last.out, "");
	assert_int_equal(
	    KEYS(t, W("create"), W("--expires"), W("2001-01-01")), CLI_REFUSED);
	assert_int_equal(KEYS(t, W("create"), W("-d"), W("\xff")), CLI_REFUSED);
	assert_int_equal(KEYS(t, W("rotate"), W("env_key_0")), CLI_REFUSED);
	assert_non_null(strstr(last.err, "API_KEYS"));
	now = tempdir_read(t);
	assert_string_equal(now, text);
	free(now);
	tempdir_write(t, "{\"keys\":[{\"key\":\"SECRET\",}]}");
	assert_int_equal(KEYS(t, W("create")), CLI_REFUSED);
	assert_null(strstr(last.err, "SECRET"));
	assert_int_equal(KEYS(t, W("list")), CLI_REFUSED);
	assert_null(strstr(last.err, "SECRET"));
	assert_int_equal(last.reloads, 0);
}

/* clang-format off */
static const char *const wrong_usage[][6] = {
	{ NULL },
	{ "frobnicate", NULL },
	{ "SECRET", NULL },
	{ "list", "SECRET", NULL },
	{ "list", "--id", "a", NULL },
	{ "list", "-d", "x", NULL },
	{ "create", "SECRET", NULL },
	{ "create", "--SECRET", NULL },
	{ "create", "-d", NULL },
	{ "create", "-e", "0", NULL },
	{ "create", "-e", "-1", NULL },
	{ "create", "-e", "36501", NULL },
	{ "create", "-e", "SECRET", NULL },
	{ "create", "--expires", "SECRET", NULL },
	{ "create", "--expires", "", NULL },
	{ "create", "-r", "-1", NULL },
	{ "create", "-r", "4294967296", NULL },
	{ "create", "-r", "1.5", NULL },
	{ "create", "-r", "", NULL },
	{ "create", "--grace", "1h", NULL },
	{ "show", NULL },
	{ "show", "a", "b", NULL },
	{ "show", "--id", "a", "b", NULL },
	{ "rotate", NULL },
	{ "rotate", "a", "--grace", "1w", NULL },
	{ "rotate", "a", "--grace", "h", NULL },
	{ "rotate", "a", "--grace", "36501d", NULL },
	{ "rotate", "a", "--grace", "99999999999999999999", NULL },
	{ "rotate", "a", "--grace", "1hh", NULL },
	{ "rotate", "a", "-d", "x", NULL },
	{ "revoke", NULL },
	{ "set", "a", NULL },
	{ "set", "-d", "x", NULL },
	{ "delete", NULL },
	{ "delete", "a", "-r", "1", NULL },
};
/* clang-format on */

static void
wrong_usage_is_exit_two_and_repeats_nothing_of_what_was_given(void **state)
{
	struct tempdir *t = *state;
	const char *text = "{\"keys\":[{\"key\":\"x\",\"key_id\":\"a\"}]}";
	char *now;

	tempdir_write(t, text);
	for (size_t i = 0; i < sizeof(wrong_usage) / sizeof(wrong_usage[0]); i++) {
		char words[6][32], *argv[6] = { NULL };
		int r;

		for (int w = 0; wrong_usage[i][w] != NULL; w++) {
			snprintf(words[w], sizeof(words[w]), "%s", wrong_usage[i][w]);
			argv[w] = words[w];
		}
		r = keys_with(t, CLI_DONE, argv);

		if (r != CLI_USAGE)
			fail_msg("row %zu: %d", i, r);
		assert_string_equal(last.out, "");
		assert_true(strlen(last.err) > 0);
		assert_null(strstr(last.err, "SECRET"));
		assert_int_equal(last.reloads, 0);
	}
	now = tempdir_read(t);
	assert_string_equal(now, text);
	free(now);
}

static void
help_goes_to_the_output_and_names_every_command(void **state)
{
	static const char *const names[] = { "create", "list", "show", "rotate", "revoke",
		"enable", "set", "delete" };
	struct tempdir *t = *state;

	assert_int_equal(KEYS(t, W("--help")), CLI_DONE);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_non_null(strstr(last.out, names[i]));
	assert_int_equal(KEYS(t, W("rotate"), W("-h")), CLI_DONE);
	assert_string_equal(last.err, "");
	assert_int_equal(tempdir_count(t), 0);
}

static void
with_no_master_running_the_file_is_edited_and_that_is_said(void **state)
{
	struct tempdir *t = *state;

	assert_int_equal(
	    keys_with(t, CLI_NOT_RUNNING, WORDS(W("create"), W("--json"))), CLI_DONE);
	assert_non_null(
	    strstr(last.err, "no gatehouse is running; the file was edited all the same"));
	json_decref(printed_json());
	assert_true(only_key(t).enabled);
}

static void
a_reload_that_is_refused_is_exit_one_but_the_secret_is_printed(void **state)
{
	struct tempdir *t = *state;

	assert_int_equal(keys_with(t, CLI_REFUSED, WORDS(W("create"))), CLI_REFUSED);
	assert_non_null(strstr(last.out, "pm_"));
	assert_non_null(strstr(last.err, "did not take it"));
	assert_true(only_key(t).enabled);
}

static void
output_that_can_not_be_written_is_no_success(void **state)
{
	struct tempdir *t = *state;
	struct config cfg = { .api_keys_file = t->file, .max_keys = 100 };
	char *argv[] = { W("keys"), W("create"), NULL };
	char *err = NULL;
	size_t err_n;
	struct cli_io io = { .out = fopen("/dev/full", "w"),
		.err = open_memstream(&err, &err_n) };

	assert_non_null(io.out);
	assert_int_equal(cli_keys(2, argv, &cfg, &io), CLI_REFUSED);
	fclose(io.out);
	fclose(io.err);
	assert_non_null(strstr(err, "can't be written"));
	free(err);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(create_prints_the_secret_and_the_file_once_and_reloads),
		TEST(generate_with_json_is_create_for_scripts),
		TEST(rotate_with_grace_keeps_the_old_secret_and_prints_the_new_one),
		TEST(revoke_enable_set_and_delete_change_the_file),
		TEST(list_and_show_print_all_that_is_known_but_no_hash_and_no_secret),
		TEST(a_command_that_is_refused_changes_nothing_and_reloads_nothing),
		TEST(wrong_usage_is_exit_two_and_repeats_nothing_of_what_was_given),
		TEST(help_goes_to_the_output_and_names_every_command),
		TEST(with_no_master_running_the_file_is_edited_and_that_is_said),
		TEST(a_reload_that_is_refused_is_exit_one_but_the_secret_is_printed),
		TEST(output_that_can_not_be_written_is_no_success),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(last.out);
	free(last.err);
	OPENSSL_cleanup();
	return failed;
}
