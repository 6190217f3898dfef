/* Admin tokens: the file and its edits, and that admin sees each of them at once. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "admin/token.h"
#include "tests/unit/tempdir.h"

#define T0 INT64_C(1800000000000)

static struct token
new_token(const char *name, unsigned scopes)
{
	struct token t = { .scopes = scopes, .created_ms = T0 };

	snprintf(t.name, sizeof(t.name), "%s", name);
	snprintf(t.created_by, sizeof(t.created_by), "cli root");
	return t;
}

static struct token
create(const struct tempdir *d, const char *name, char secret[TOKEN_SECRET_BYTES + 1])
{
	struct token t = new_token(name, 2);
	struct errmsg why;

	assert_int_equal(token_file_create(d->path, &t, secret, &why), 0);
	return t;
}

static struct token_store *
open_store(const struct tempdir *d)
{
	struct token_store *s = NULL;

	assert_int_equal(token_store_create(d->path, &s), 0);
	return s;
}

static int
find(struct token_store *s, const char *secret, int64_t now_ms)
{
	struct token t;

	return token_store_find(s, span_of(secret), now_ms, &t);
}

static void
a_new_token_is_let_in_until_it_is_revoked(void **state)
{
	const struct tempdir *d = *state;
	struct token_store *s = open_store(d);
	char secret[TOKEN_SECRET_BYTES + 1], other[TOKEN_SECRET_BYTES + 1];
	struct token t, gone;
	struct errmsg why;

	assert_int_equal(find(s,
			     "gha_"
			     "0123456789012345678901234567890123456789012",
			     T0),
	    -ENOENT);
	t = create(d, "ci", secret);
	(void)create(d, "other", other);
	assert_int_equal(strlen(secret), TOKEN_SECRET_BYTES);
	assert_int_equal(strncmp(secret, TOKEN_PREFIX, 4), 0);
	assert_int_equal(token_store_find(s, span_of(secret), T0 + 7, &gone), 0);
	assert_string_equal(gone.id, t.id);
	assert_int_equal(gone.scopes, 2);
	assert_int_equal(gone.used_ms, T0 + 7);
	assert_int_equal(token_file_revoke(d->path, t.id, &gone, &why), 0);
	assert_string_equal(gone.name, "ci");
	assert_int_equal(find(s, secret, T0), -ENOENT);
	assert_int_equal(find(s, other, T0), 0);
	assert_int_equal(token_file_revoke(d->path, t.id, &gone, &why), -ENOENT);
	token_store_destroy(&s);
	assert_null(s);
}

static void
the_file_has_hashes_alone_and_is_its_owners(void **state)
{
	const struct tempdir *d = *state;
	char secret[TOKEN_SECRET_BYTES + 1], path[128];
	struct tempdir at = *d;
	struct stat st;
	char *text;

	(void)create(d, "ci", secret);
	snprintf(path, sizeof(path), "%s/" TOKEN_FILE, d->path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	memcpy(at.file, path, sizeof(at.file));
	text = tempdir_read(&at);
	assert_non_null(text);
	assert_null(strstr(text, secret + strlen(TOKEN_PREFIX)));
	free(text);
	assert_int_equal(tempdir_count(d), 1);
}

static void
root_leaves_the_file_to_its_owner(void **state)
{
	const struct tempdir *d = *state;
	char secret[TOKEN_SECRET_BYTES + 1], path[128];
	struct stat st;

	if (geteuid() != 0) {
		print_message("not root: can't give files away\n");
		skip();
	}
	assert_int_equal(chown(d->path, 65534, 65534), 0);
	snprintf(path, sizeof(path), "%s/" TOKEN_FILE, d->path);
	for (int i = 0; i < 2; i++) { /* a new file, then a change */
		(void)create(d, "ci", secret);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_uid, 65534);
		assert_int_equal(st.st_gid, 65534);
	}
}

static void
a_token_is_revoked_by_a_name_that_only_it_has(void **state)
{
	const struct tempdir *d = *state;
	char secret[TOKEN_SECRET_BYTES + 1];
	struct token gone;
	struct errmsg why;

	(void)create(d, "twice", secret);
	(void)create(d, "twice", secret);
	(void)create(d, "once", secret);
	assert_int_equal(token_file_revoke(d->path, "twice", &gone, &why), ERR_INVALID);
	assert_int_equal(token_file_revoke(d->path, "once", &gone, &why), 0);
	assert_int_equal(token_file_revoke(d->path, "none", &gone, &why), -ENOENT);
}

static void
an_expired_token_is_refused(void **state)
{
	const struct tempdir *d = *state;
	struct token_store *s = open_store(d);
	char secret[TOKEN_SECRET_BYTES + 1];
	struct token t = new_token("short", 1);
	struct errmsg why;
	json_t *shown;

	t.expires_ms = T0 + 1000;
	assert_int_equal(token_file_create(d->path, &t, secret, &why), 0);
	assert_int_equal(find(s, secret, T0 + 999), 0);
	assert_int_equal(find(s, secret, T0 + 1000), -ENOENT);
	shown = token_json(&t, T0 + 1000);
	assert_string_equal(
	    json_string_value(json_object_get(shown, "status")), "expired");
	assert_null(json_object_get(shown, "token_hash"));
	json_decref(shown);
	token_store_destroy(&s);
}

static void
what_is_no_token_is_refused(void **state)
{
	const struct tempdir *d = *state;
	static const char *const names[] = { "", "a\nb", "\xff", "a\x7f" };
	char secret[TOKEN_SECRET_BYTES + 1];
	struct errmsg why;
	struct token t;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		t = new_token(names[i], 1);
		assert_int_equal(
		    token_file_create(d->path, &t, secret, &why), ERR_INVALID);
	}
	t = new_token("ok", 0);
	assert_int_equal(token_file_create(d->path, &t, secret, &why), ERR_INVALID);
	assert_int_equal(tempdir_count(d), 0);
}

static void
a_file_that_makes_no_sense_lets_nobody_in_and_is_not_replaced(void **state)
{
	const struct tempdir *d = *state;
	static const char *const bad[] = { "", "[]", "{\"tokens\":{}}",
		"{\"tokens\":[{\"id\":\"x\"}]}", "{\"tokens\":[1]}" };
	char secret[TOKEN_SECRET_BYTES + 1], path[128];
	struct token_store *s = open_store(d);
	const struct token *v;
	struct errmsg why;
	struct token t;
	size_t n;

	snprintf(path, sizeof(path), "%s/" TOKEN_FILE, d->path);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct stat st;

		unlink(path);
		(void)create(d, "ci", secret);
		assert_int_equal(find(s, secret, T0), 0);
		tempdir_write_at(path, bad[i], strlen(bad[i]), 0600);
		assert_int_equal(find(s, secret, T0), -ENOENT);
		assert_int_equal(token_store_list(s, &v, &n), ERR_SYNTAX);
		t = new_token("new", 1);
		assert_int_equal(token_file_create(d->path, &t, secret, &why), ERR_SYNTAX);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_size, strlen(bad[i]));
	}
	token_store_destroy(&s);
}

static void
use_is_kept_and_brings_no_revoked_token_back(void **state)
{
	const struct tempdir *d = *state;
	struct token_store *s = open_store(d);
	char secret[2][TOKEN_SECRET_BYTES + 1];
	struct token copy[2], gone;
	const struct token *v;
	struct errmsg why;
	size_t n;

	copy[0] = create(d, "a", secret[0]);
	copy[1] = create(d, "b", secret[1]);
	assert_false(token_store_take_used(s));
	assert_int_equal(find(s, secret[0], T0 + 1), 0);
	assert_int_equal(find(s, secret[1], T0 + 2), 0);
	assert_true(token_store_take_used(s));
	assert_false(token_store_take_used(s));
	assert_int_equal(token_store_list(s, &v, &n), 0);
	assert_int_equal(n, 2);
	memcpy(copy, v, sizeof(copy));
	assert_int_equal(token_file_revoke(d->path, copy[0].id, &gone, &why), 0);
	assert_int_equal(token_file_note_used(d->path, copy, 2, &why), 0);
	token_store_destroy(&s);
	s = open_store(d);
	assert_int_equal(token_store_list(s, &v, &n), 0);
	assert_int_equal(n, 1);
	assert_string_equal(v[0].name, "b");
	assert_int_equal(v[0].used_ms, T0 + 2);
	token_store_destroy(&s);
}

/* Eight processes create twenty tokens each: all are there. */
static void
edits_at_the_same_time_lose_nothing(void **state)
{
	const struct tempdir *d = *state;
	struct token_store *s;
	const struct token *v;
	size_t n;

	for (int i = 0; i < 8; i++) {
		const pid_t pid = fork();

		assert_int_not_equal(pid, -1);
		if (pid == 0) {
			for (int k = 0; k < 20; k++) {
				char secret[TOKEN_SECRET_BYTES + 1];
				struct token t = new_token("many", 1);
				struct errmsg why;

				if (token_file_create(d->path, &t, secret, &why) != 0)
					_exit(1);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < 8; i++) {
		int status;

		assert_int_not_equal(wait(&status), -1);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	s = open_store(d);
	assert_int_equal(token_store_list(s, &v, &n), 0);
	assert_int_equal(n, 160);
	token_store_destroy(&s);
	assert_int_equal(tempdir_count(d), 1);
}

static void
scopes_have_names(void **state)
{
	json_t *list = token_scopes_json(5);

	(void)state;
	assert_int_equal(token_scope(span_of("admin")), 1);
	assert_int_equal(token_scope(span_of("read")), 2);
	assert_int_equal(token_scope(span_of("metrics")), 4);
	assert_int_equal(token_scope(span_of("Admin")), 0);
	assert_int_equal(token_scope(span_of(NULL)), 0);
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_string_value(json_array_get(list, 1)), "metrics");
	json_decref(list);
}

#define TOKENS(test) cmocka_unit_test_setup_teardown(test, tempdir_make, tempdir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TOKENS(a_new_token_is_let_in_until_it_is_revoked),
		TOKENS(the_file_has_hashes_alone_and_is_its_owners),
		TOKENS(root_leaves_the_file_to_its_owner),
		TOKENS(a_token_is_revoked_by_a_name_that_only_it_has),
		TOKENS(an_expired_token_is_refused),
		TOKENS(what_is_no_token_is_refused),
		TOKENS(a_file_that_makes_no_sense_lets_nobody_in_and_is_not_replaced),
		TOKENS(use_is_kept_and_brings_no_revoked_token_back),
		TOKENS(edits_at_the_same_time_lose_nothing),
		cmocka_unit_test(scopes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
