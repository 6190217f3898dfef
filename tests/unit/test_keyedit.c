/*
 * Edits of the key file: what they change and leave, that nothing is lost between
 * editors or to those who do not lock, and that a failure changes nothing.
 */
#include "common/keyfile_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/crypto.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/unit/tempdir.h"

#define NOW INT64_C(1800000000123)
#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01"
#define HASH_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static const struct keyfile_values no_values = { 0 };

static struct keyfile_edit *
edit(const char *path)
{
	struct keyfile_edit *e = NULL;
	struct errmsg why = { "" };

	if (keyfile_edit_open(path, 1000, NOW, &e, &why) != 0)
		fail_msg("%s", why.text);
	return e;
}

static void
commit(struct keyfile_edit **e)
{
	struct errmsg why = { "" };

	if (keyfile_edit_commit(*e, &why) != 0)
		fail_msg("%s", why.text);
	assert_string_equal(why.text, "");
	keyfile_edit_close(e);
}

static void
text_is(const struct tempdir *t, const char *want)
{
	char *text = tempdir_read(t);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
}

/* Load the file: no fault may be in it. */
static struct keyset *
load(const struct tempdir *t)
{
	struct keyset *set = NULL;
	struct errmsg why = { "" };

	if (keyfile_load(t->file, NULL, 100000, &set, &why) != 0)
		fail_msg("%s", why.text);
	if (set->faults.n > 0)
		fail_msg("%s", set->faults.v[0]);
	return set;
}

static bool
secret_is(const struct key *k, const char *secret)
{
	uint8_t hash[KEY_HASH_BYTES];

	key_hash(secret, strlen(secret), hash);
	return memcmp(hash, k->hash, sizeof(hash)) == 0;
}

static void
the_first_key_makes_the_file_with_mode_0600(void **state)
{
	struct tempdir *t = *state;
	struct keyfile_edit *e = edit(t->file);
	char secret[KEY_SECRET_BYTES + 1], id[KEY_ID_MAX + 1];
	struct keyset *set;
	struct errmsg why;
	struct stat st;

	assert_string_equal(keyfile_edit_path(e), t->file);
	assert_int_equal(keyfile_edit_create(e, NULL, &no_values, secret, id, &why), 0);
	assert_int_equal(tempdir_count(t), 0); /* not before the commit */
	commit(&e);
	assert_int_equal(stat(t->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(tempdir_count(t), 1);
	set = load(t);
	assert_int_equal(set->n, 1);
	assert_true(secret_is(&set->v[0], secret));
	assert_string_equal(set->v[0].id, id);
	assert_int_equal(strlen(id), 8);
	assert_true(set->v[0].created_ms == NOW / 1000 * 1000);
	assert_true(set->v[0].expires_ms == 0);
	assert_true(set->v[0].rate_limit == KEY_NO_LIMIT);
	assert_true(set->v[0].enabled);
	keyset_destroy(&set);
}

static void
a_key_is_created_with_the_values_given(void **state)
{
	static const struct keyfile_values v = { .given = KEYFILE_DESCRIPTION |
		    KEYFILE_EXPIRES | KEYFILE_RATE_LIMIT | KEYFILE_ENABLED,
		.description = "B\xc3\xa4rbel \"x\"",
		.expires_ms = 1900000000500,
		.rate_limit = 0,
		.enabled = false };
	struct tempdir *t = *state;
	struct keyfile_edit *e = edit(t->file);
	char secret[KEY_SECRET_BYTES + 1], id[KEY_ID_MAX + 1];
	struct keyset *set;
	struct errmsg why;
	struct key k;

	assert_int_equal(keyfile_edit_create(e, "b\xc3\xa4rbel", &v, secret, id, &why), 0);
	assert_string_equal(id, "b\xc3\xa4rbel");
	assert_int_equal(keyfile_edit_get(e, id, &k, &why), 0);
	assert_true(k.expires_ms == 1900000000500);
	commit(&e);
	set = load(t);
	assert_int_equal(set->n, 1);
	assert_string_equal(set->v[0].description, v.description);
	assert_true(set->v[0].expires_ms == v.expires_ms);
	assert_true(set->v[0].rate_limit == 0);
	assert_false(set->v[0].enabled);
	keyset_destroy(&set);
}

static void
an_edit_writes_the_seeds_form_and_keeps_unknown_fields_and_order(void **state)
{
	struct tempdir *t = *state;
	struct keyfile_edit *e;
	struct errmsg why;

	tempdir_write(t,
	    "{\"version\":2,\"keys\":[{\"x\":{\"b\":1,\"a\":[1.5,null]},\"api_key\":"
	    "\"abc\","
	    "\"name\":\"Bob\",\"created_at\":\"2024-01-01T00:00:00\",\"expires_at\":"
	    "\"2027-01-01T00:00:00.5Z\",\"team\":\"red\"},"
	    "{\"key_hash\":\"" HASH_A "\",\"key_id\":\"k\",\"description\":null,"
	    "\"name\":\"Eve\",\"created_at\":1700000000,\"rate_limit\":5}],\"z\":true}");
	e = edit(t->file);
	assert_int_equal(
	    keyfile_edit_set(e, "k",
		&(struct keyfile_values){ .given = KEYFILE_ENABLED, .enabled = false },
		&why),
	    0);
	commit(&e);
	text_is(t,
	    "{\n  \"version\": 2,\n  \"keys\": [\n    {\n      \"key_id\": "
	    "\"ba7816bf\",\n"
	    "      \"x\": {\n        \"b\": 1,\n        \"a\": [\n          1.5,\n"
	    "          null\n        ]\n      },\n      \"key_hash\": \"" HASH_ABC "\",\n"
	    "      \"description\": \"Bob\",\n      \"created_at\": 1704067200,\n"
	    "      \"expires_at\": 1798761600.5,\n      \"team\": \"red\"\n    },\n"
	    "    {\n      \"key_hash\": \"" HASH_A "\",\n      \"key_id\": \"k\",\n"
	    "      \"description\": \"Eve\",\n      \"created_at\": 1700000000,\n"
	    "      \"rate_limit\": 5,\n      \"enabled\": false\n    }\n  ],\n"
	    "  \"z\": true\n}\n");
}

static void
a_second_edit_of_nothing_writes_the_same_text(void **state)
{
	struct tempdir *t = *state;
	struct keyfile_edit *e;
	char *first;

	tempdir_write(t,
	    "{\"keys\":[{\"key\":\"abc\",\"created_at\":1700000000.1234567,\"u\":0.1}]}");
	e = edit(t->file);
	commit(&e);
	first = tempdir_read(t);
	e = edit(t->file);
	commit(&e);
	text_is(t, first);
	free(first);
}

static void
set_changes_what_is_given_and_nothing_else(void **state)
{
	struct tempdir *t = *state;
	struct keyfile_edit *e;
	struct keyset *set;
	struct errmsg why;

	tempdir_write(t,
	    "{\"keys\":[{\"key\":\"abc\",\"key_id\":\"a\",\"name\":\"Bob\",\"rate_"
	    "limit\":7,"
	    "\"expires_at\":\"2030-01-01\"},{\"key\":\"x\",\"key_id\":\"b\"}]}");
	e = edit(t->file);
	assert_int_equal(keyfile_edit_set(e, "a",
			     &(struct keyfile_values){
				 .given = KEYFILE_DESCRIPTION, .description = "Carol" },
			     &why),
	    0);
	assert_int_equal(
	    keyfile_edit_set(e, "b",
		&(struct keyfile_values){ .given = KEYFILE_RATE_LIMIT | KEYFILE_EXPIRES,
		    .rate_limit = 9,
		    .expires_ms = 1900000000000 },
		&why),
	    0);
	commit(&e);
	set = load(t);
	assert_string_equal(set->v[0].description, "Carol");
	assert_true(set->v[0].rate_limit == 7);
	assert_true(set->v[0].expires_ms == INT64_C(1893456000000));
	assert_true(set->v[0].enabled);
	assert_true(set->v[1].rate_limit == 9);
	assert_true(set->v[1].expires_ms == INT64_C(1900000000000));
	keyset_destroy(&set);
	e = edit(t->file);
	assert_int_equal(
	    keyfile_edit_set(e, "b",
		&(struct keyfile_values){ .given = KEYFILE_RATE_LIMIT | KEYFILE_EXPIRES,
		    .rate_limit = KEY_NO_LIMIT },
		&why),
	    0);
	commit(&e);
	set = load(t);
	assert_true(set->v[1].rate_limit == KEY_NO_LIMIT);
	assert_true(set->v[1].expires_ms == 0);
	keyset_destroy(&set);
}

static void
rotation_keeps_id_and_limit_and_the_old_secret_for_its_grace(void **state)
{
	struct tempdir *t = *state;
	char secret[KEY_SECRET_BYTES + 1], again[KEY_SECRET_BYTES + 1];
	struct keyfile_edit *e;
	struct keyset *set;
	struct errmsg why;
	struct key old;

	tempdir_write(
	    t, "{\"keys\":[{\"key\":\"abc\",\"rate_limit\":7,\"name\":\"Bob\"}]}");
	set = load(t);
	old = set->v[0];
	keyset_destroy(&set);
	e = edit(t->file);
	assert_int_equal(
	    keyfile_edit_rotate(e, "ba7816bf", INT64_C(86400000), secret, &why), 0);
	commit(&e);
	set = load(t);
	assert_int_equal(set->n, 1);
	assert_string_equal(set->v[0].id, "ba7816bf");
	assert_string_equal(set->v[0].description, "Bob");
	assert_true(set->v[0].rate_limit == 7);
	assert_true(secret_is(&set->v[0], secret));
	assert_true(set->v[0].has_previous);
	assert_memory_equal(set->v[0].previous_hash, old.hash, KEY_HASH_BYTES);
	assert_true(set->v[0].previous_expires_ms == NOW + 86400000);
	keyset_destroy(&set);
	e = edit(t->file);
	assert_int_equal(keyfile_edit_rotate(e, "ba7816bf", 0, again, &why), 0);
	commit(&e);
	set = load(t);
	assert_string_not_equal(secret, again);
	assert_true(secret_is(&set->v[0], again));
	assert_false(set->v[0].has_previous);
	assert_true(set->v[0].previous_expires_ms == 0);
	keyset_destroy(&set);
}

static void
what_is_done_to_an_id_is_done_to_all_its_entries_but_rotation(void **state)
{
	static const struct keyfile_values off = { .given = KEYFILE_ENABLED };
	struct tempdir *t = *state;
	char secret[KEY_SECRET_BYTES + 1];
	struct keyfile_edit *e;
	struct keyset *set;
	struct errmsg why;

	tempdir_write(t,
	    "{\"keys\":[{\"key\":\"1\",\"key_id\":\"a\"},{\"key\":\"2\","
	    "\"key_id\":\"b\"},"
	    "{\"key\":\"3\",\"key_id\":\"a\"}]}");
	e = edit(t->file);
	assert_int_equal(keyfile_edit_rotate(e, "a", 0, secret, &why), ERR_INVALID);
	assert_int_equal(keyfile_edit_set(e, "a", &off, &why), 0);
	commit(&e);
	set = load(t);
	assert_int_equal(set->n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(set->v[i].enabled == (i == 1));
	keyset_destroy(&set);
	e = edit(t->file);
	assert_int_equal(keyfile_edit_delete(e, "a", &why), 0);
	commit(&e);
	set = load(t);
	assert_int_equal(set->n, 1);
	assert_string_equal(set->v[0].id, "b");
	keyset_destroy(&set);
}

static void
ids_that_are_taken_unknown_or_no_good_are_refused(void **state)
{
	struct tempdir *t = *state;
	char secret[KEY_SECRET_BYTES + 1], id[KEY_ID_MAX + 1], longer[KEY_ID_MAX + 2];
	const char *text = "{\"keys\":[{\"key\":\"1\",\"key_id\":\"a\"}]}";
	struct keyfile_edit *e;
	struct errmsg why;
	struct key k;

	memset(longer, 'x', sizeof(longer) - 1);
	longer[KEY_ID_MAX + 1] = '\0';
	tempdir_write(t, text);
	e = edit(t->file);
	assert_int_equal(
	    keyfile_edit_create(e, "a", &no_values, secret, id, &why), -EEXIST);
	assert_int_equal(
	    keyfile_edit_create(e, "", &no_values, secret, id, &why), ERR_INVALID);
	assert_int_equal(
	    keyfile_edit_create(e, longer, &no_values, secret, id, &why), ERR_INVALID);
	assert_int_equal(
	    keyfile_edit_create(e, "x\ny", &no_values, secret, id, &why), ERR_INVALID);
	assert_int_equal(
	    keyfile_edit_create(e, "\xff", &no_values, secret, id, &why), ERR_INVALID);
	assert_int_equal(keyfile_edit_create(e, "c",
			     &(struct keyfile_values){
				 .given = KEYFILE_DESCRIPTION, .description = "\xff" },
			     secret, id, &why),
	    ERR_INVALID);
	assert_int_equal(
	    keyfile_edit_create(e, "c",
		&(struct keyfile_values){ .given = KEYFILE_RATE_LIMIT, .rate_limit = -2 },
		secret, id, &why),
	    ERR_INVALID);
	assert_int_equal(keyfile_edit_get(e, "c", &k, &why), -ENOENT);
	assert_int_equal(keyfile_edit_set(e, "c", &no_values, &why), -ENOENT);
	assert_int_equal(keyfile_edit_delete(e, "c", &why), -ENOENT);
	assert_int_equal(keyfile_edit_rotate(e, "c", 0, secret, &why), -ENOENT);
	keyfile_edit_close(&e);
	text_is(t, text);
}

static void
a_faulty_entry_stops_every_edit_but_its_own_deletion(void **state)
{
	static const struct keyfile_values off = { .given = KEYFILE_ENABLED };
	struct tempdir *t = *state;
	const char *text =
	    "{\"keys\":[{\"key\":\"1\",\"key_id\":\"a\"},"
	    "{\"key\":\"SECRET\",\"key_id\":\"b\",\"expires_at\":\"SECRET\"}]}";
	struct keyfile_edit *e;
	struct keyset *set;
	struct errmsg why;

	tempdir_write(t, text);
	e = edit(t->file);
	assert_int_equal(keyfile_edit_set(e, "b", &off, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "entry 2 (key_id \"b\"): expires_at"));
	assert_null(strstr(why.text, "SECRET"));
	assert_int_equal(keyfile_edit_set(e, "a", &off, &why), 0);
	assert_int_equal(keyfile_edit_commit(e, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "entry 2 (key_id \"b\"): expires_at"));
	assert_non_null(strstr(why.text, "nothing was changed"));
	keyfile_edit_close(&e);
	text_is(t, text);
	assert_int_equal(tempdir_count(t), 1);
	e = edit(t->file);
	assert_int_equal(keyfile_edit_delete(e, "b", &why), 0);
	commit(&e);
	set = load(t);
	assert_int_equal(set->n, 1);
	keyset_destroy(&set);
}

static void
an_empty_id_means_no_entry_not_even_a_faulty_one(void **state)
{
	struct tempdir *t = *state;
	struct keyfile_edit *e;
	struct errmsg why;

	tempdir_write(t, "{\"keys\":[{\"key_id\":\"\"},{\"key_id\":7},3]}");
	e = edit(t->file);
	assert_int_equal(keyfile_edit_delete(e, "", &why), -ENOENT);
	keyfile_edit_close(&e);
}

static void
a_file_that_is_no_key_file_is_not_edited(void **state)
{
	static const char *const texts[] = { "", "SECRET", "{\"keys\":1}",
		"{\"keys\":[{\"key\":\"SECRET\",\"key\":\"SECRET\"}]}" };
	struct tempdir *t = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct keyfile_edit *e = NULL;
		struct errmsg why;

		tempdir_write(t, texts[i]);
		assert_int_equal(
		    keyfile_edit_open(t->file, 10, NOW, &e, &why), ERR_SYNTAX);
		assert_null(e);
		assert_null(strstr(why.text, "SECRET"));
	}
}

static void
more_keys_than_allowed_are_not_written(void **state)
{
	struct tempdir *t = *state;
	char secret[KEY_SECRET_BYTES + 1], id[KEY_ID_MAX + 1];
	struct keyfile_edit *e = NULL;
	struct errmsg why;

	assert_int_equal(keyfile_edit_open(t->file, 1, NOW, &e, &why), 0);
	assert_int_equal(keyfile_edit_create(e, NULL, &no_values, secret, id, &why), 0);
	assert_int_equal(keyfile_edit_create(e, NULL, &no_values, secret, id, &why), 0);
	assert_int_equal(keyfile_edit_commit(e, &why), ERR_FULL);
	keyfile_edit_close(&e);
	assert_int_equal(tempdir_count(t), 0);
}

static void
owner_group_and_mode_stay(void **state)
{
	struct tempdir *t = *state;
	struct keyfile_edit *e;
	struct stat before, after;

	tempdir_write(t, "{\"keys\":[]}");
	assert_int_equal(chmod(t->file, 0640), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(t->file, 12345, 23456), 0);
	assert_int_equal(stat(t->file, &before), 0);
	e = edit(t->file);
	commit(&e);
	assert_int_equal(stat(t->file, &after), 0);
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_uid, before.st_uid);
	assert_int_equal(after.st_gid, before.st_gid);
	assert_true(after.st_ino != before.st_ino);
}

static void
a_new_file_of_root_belongs_to_the_folders_owner(void **state)
{
	struct tempdir *t = *state;
	struct keyfile_edit *e;
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(t->path, 12345, 23456), 0);
	e = edit(t->file);
	commit(&e);
	assert_int_equal(stat(t->file, &st), 0);
	assert_int_equal(st.st_uid, 12345);
	assert_int_equal(st.st_gid, 23456);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
a_symbolic_link_stays_and_its_target_is_edited(void **state)
{
	struct tempdir *t = *state;
	char link_path[128];
	struct keyfile_edit *e = NULL;
	struct errmsg why;
	struct stat st;

	tempdir_write(t, "{\"keys\":[]}");
	snprintf(link_path, sizeof(link_path), "%s/link", t->path);
	assert_int_equal(symlink("api_keys.json", link_path), 0);
	e = edit(link_path);
	assert_string_equal(keyfile_edit_path(e), t->file);
	commit(&e);
	assert_int_equal(lstat(link_path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	text_is(t, "{\n  \"keys\": []\n}\n");
	assert_int_equal(unlink(t->file), 0);
	assert_int_equal(keyfile_edit_open(link_path, 10, NOW, &e, &why), -ENOENT);
	assert_null(e);
}

static void
a_change_by_somebody_who_does_not_lock_is_not_overwritten(void **state)
{
	struct tempdir *t = *state;
	char secret[KEY_SECRET_BYTES + 1], id[KEY_ID_MAX + 1], other[128];
	struct keyfile_edit *e;
	struct errmsg why;

	/* in place, with the same length */
	tempdir_write(t, "{\"keys\":[{\"key\":\"1\"}]}");
	e = edit(t->file);
	assert_int_equal(keyfile_edit_create(e, NULL, &no_values, secret, id, &why), 0);
	tempdir_write(t, "{\"keys\":[{\"key\":\"2\"}]}");
	assert_int_equal(keyfile_edit_commit(e, &why), ERR_CHANGED);
	keyfile_edit_close(&e);
	text_is(t, "{\"keys\":[{\"key\":\"2\"}]}");

	/* by another file in its place, with the same content */
	e = edit(t->file);
	assert_int_equal(keyfile_edit_create(e, NULL, &no_values, secret, id, &why), 0);
	snprintf(other, sizeof(other), "%s/other", t->path);
	tempdir_write_at(other, "{\"keys\":[{\"key\":\"2\"}]}", 22, 0600);
	assert_int_equal(rename(other, t->file), 0);
	assert_int_equal(keyfile_edit_commit(e, &why), ERR_CHANGED);
	keyfile_edit_close(&e);

	/* it has gone */
	e = edit(t->file);
	assert_int_equal(unlink(t->file), 0);
	assert_int_equal(keyfile_edit_commit(e, &why), ERR_CHANGED);
	keyfile_edit_close(&e);
	assert_int_equal(tempdir_count(t), 0);

	/* it has come */
	e = edit(t->file);
	tempdir_write(t, "{\"keys\":[]}");
	assert_int_equal(keyfile_edit_commit(e, &why), ERR_CHANGED);
	keyfile_edit_close(&e);
	text_is(t, "{\"keys\":[]}");
	assert_int_equal(tempdir_count(t), 1);
}

/* Commit until nobody was in the way. */
static void
create_with_patience(const char *path)
{
	char secret[KEY_SECRET_BYTES + 1], id[KEY_ID_MAX + 1];
	struct keyfile_edit *e = NULL;
	struct errmsg why;
	int r;

	do {
		r = keyfile_edit_open(path, 1000, NOW, &e, &why);
		if (r == 0)
			r = keyfile_edit_create(e, NULL, &no_values, secret, id, &why);
		if (r == 0)
			r = keyfile_edit_commit(e, &why);
		keyfile_edit_close(&e);
	} while (r == ERR_CHANGED || r == -EWOULDBLOCK);
	if (r != 0)
		_exit(1);
}

static void
eight_editors_at_once_lose_no_key(void **state)
{
	enum { EDITORS = 8, EDITS = 15 };
	struct tempdir *t = *state;
	struct keyset *set;

	for (int i = 0; i < EDITORS; i++) { /* the first one makes the file */
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			for (int n = 0; n < EDITS; n++)
				create_with_patience(t->file);
			_exit(0);
		}
	}
	for (int i = 0; i < EDITORS; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	set = load(t);
	assert_int_equal(set->n, EDITORS * EDITS);
	keyset_destroy(&set);
	assert_int_equal(tempdir_count(t), 1);
}

static void
a_file_that_stays_locked_is_given_up_in_the_end(void **state)
{
	struct tempdir *t = *state;
	struct keyfile_edit *e = NULL;
	struct errmsg why;
	int fd;

	tempdir_write(t, "{\"keys\":[]}");
	fd = open(t->file, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(keyfile_edit_open(t->file, 10, NOW, &e, &why), -EWOULDBLOCK);
	assert_non_null(strstr(why.text, "somebody else is editing it"));
	close(fd);
	e = edit(t->file);
	commit(&e);
}

/* Run f in a child; true when it returned 0 there. */
static int
in_child(int (*f)(const struct tempdir *t), const struct tempdir *t)
{
	pid_t pid = fork();
	int status = -1;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(f(t));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
edit_as_nobody(const struct tempdir *t)
{
	struct keyfile_edit *e = NULL;
	struct errmsg why = { "" };
	int r;

	if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
		return 1;
	if (keyfile_edit_open(t->file, 10, NOW, &e, &why) != 0)
		return 2;
	r = keyfile_edit_commit(e, &why);
	keyfile_edit_close(&e);
	if (r == -EACCES && strstr(why.text, "nothing was changed") != NULL)
		return 0;
	return r == -EPERM && strstr(why.text, "its owner, group and mode") != NULL ? 10
										    : 3;
}

static void
without_the_right_to_the_folder_nothing_is_changed(void **state)
{
	struct tempdir *t = *state;

	if (geteuid() != 0)
		skip();
	tempdir_write(t, "{\"keys\":[]}");
	assert_int_equal(chmod(t->file, 0644), 0);
	assert_int_equal(chmod(t->path, 0755), 0);
	assert_int_equal(in_child(edit_as_nobody, t), 0);
	text_is(t, "{\"keys\":[]}");
	assert_int_equal(tempdir_count(t), 1);
}

static void
without_the_right_to_keep_the_owner_nothing_is_changed(void **state)
{
	struct tempdir *t = *state;

	if (geteuid() != 0)
		skip();
	tempdir_write(t, "{\"keys\":[]}");
	assert_int_equal(chmod(t->file, 0644), 0);
	assert_int_equal(chmod(t->path, 0777), 0);
	assert_int_equal(in_child(edit_as_nobody, t), 10);
	text_is(t, "{\"keys\":[]}");
	assert_int_equal(tempdir_count(t), 1);
}

/* 77: no right to mount here. */
static int
edit_a_mounted_file(const struct tempdir *t)
{
	struct keyfile_edit *e = NULL;
	struct errmsg why = { "" };
	int r;

	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount(t->file, t->file, NULL, MS_BIND, NULL) != 0)
		return 77;
	if (keyfile_edit_open(t->file, 10, NOW, &e, &why) != 0)
		return 1;
	r = keyfile_edit_commit(e, &why);
	keyfile_edit_close(&e);
	return r == -EBUSY && strstr(why.text, "mount its folder") != NULL &&
		strstr(why.text, "nothing was changed") != NULL
	    ? 0
	    : 2;
}

static void
a_file_that_is_mounted_by_itself_is_left_and_the_error_says_so(void **state)
{
	struct tempdir *t = *state;
	int r;

	tempdir_write(t, "{\"keys\":[]}");
	r = in_child(edit_a_mounted_file, t);
	if (r == 77)
		skip();
	assert_int_equal(r, 0);
	text_is(t, "{\"keys\":[]}");
	assert_int_equal(tempdir_count(t), 1);
}

static void
a_folder_that_does_not_exist_is_named(void **state)
{
	struct tempdir *t = *state;
	char path[128];
	struct keyfile_edit *e;
	struct errmsg why;

	snprintf(path, sizeof(path), "%s/none/keys.json", t->path);
	e = edit(path);
	assert_int_equal(keyfile_edit_commit(e, &why), -ENOENT);
	assert_non_null(strstr(why.text, "none/keys.json"));
	keyfile_edit_close(&e);
}

static void
a_large_file_is_edited_in_a_moment(void **state)
{
	struct tempdir *t = *state;
	FILE *f = fopen(t->file, "w");
	char secret[KEY_SECRET_BYTES + 1];
	struct keyfile_edit *e = NULL;
	struct timespec from, to;
	struct errmsg why;

	assert_non_null(f);
	fprintf(f, "{\"keys\":[");
	for (int i = 0; i < 20000; i++)
		fprintf(f, "%s{\"key_hash\":\"%064d\",\"key_id\":\"user-%d\"}",
		    i == 0 ? "" : ",", i + 1, i);
	fprintf(f, "]}");
	assert_int_equal(fclose(f), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(keyfile_edit_open(t->file, 131072, NOW, &e, &why), 0);
	assert_int_equal(keyfile_edit_rotate(e, "user-19999", 0, secret, &why), 0);
	commit(&e);
	clock_gettime(CLOCK_MONOTONIC, &to);
	print_message("a key among 20000 rotated in %ld ms\n",
	    (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_key_makes_the_file_with_mode_0600),
		TEST(a_key_is_created_with_the_values_given),
		TEST(an_edit_writes_the_seeds_form_and_keeps_unknown_fields_and_order),
		TEST(a_second_edit_of_nothing_writes_the_same_text),
		TEST(set_changes_what_is_given_and_nothing_else),
		TEST(rotation_keeps_id_and_limit_and_the_old_secret_for_its_grace),
		TEST(what_is_done_to_an_id_is_done_to_all_its_entries_but_rotation),
		TEST(ids_that_are_taken_unknown_or_no_good_are_refused),
		TEST(a_faulty_entry_stops_every_edit_but_its_own_deletion),
		TEST(an_empty_id_means_no_entry_not_even_a_faulty_one),
		TEST(a_file_that_is_no_key_file_is_not_edited),
		TEST(more_keys_than_allowed_are_not_written),
		TEST(owner_group_and_mode_stay),
		TEST(a_new_file_of_root_belongs_to_the_folders_owner),
		TEST(a_symbolic_link_stays_and_its_target_is_edited),
		TEST(a_change_by_somebody_who_does_not_lock_is_not_overwritten),
		TEST(eight_editors_at_once_lose_no_key),
		TEST(a_file_that_stays_locked_is_given_up_in_the_end),
		TEST(without_the_right_to_the_folder_nothing_is_changed),
		TEST(without_the_right_to_keep_the_owner_nothing_is_changed),
		TEST(a_file_that_is_mounted_by_itself_is_left_and_the_error_says_so),
		TEST(a_folder_that_does_not_exist_is_named),
		TEST(a_large_file_is_edited_in_a_moment),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	OPENSSL_cleanup();
	return failed;
}
