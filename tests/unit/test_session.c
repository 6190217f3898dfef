/* Sessions: how long they live, what is kept of them, and that they outlive the process. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/session.h"
#include "common/log.h"
#include "tests/unit/tempdir.h"

#define T0 INT64_C(1800000000000)
#define PASSWORD "correct horse battery staple"

static struct session_store *
create(const struct tempdir *t, const char *password, int64_t now_ms)
{
	struct session_store *s = NULL;

	assert_int_equal(session_store_create(t->path, password, now_ms, &s), 0);
	assert_non_null(s);
	return s;
}

/* The text of sessions.json; the caller frees it. */
static char *
file_text(const struct tempdir *t)
{
	struct tempdir at = *t;

	snprintf(at.file, sizeof(at.file), "%s/" SESSION_FILE, t->path);
	return tempdir_read(&at);
}

static void
a_session_is_found_by_its_token_alone(void **state)
{
	struct session_store *s = create(*state, PASSWORD, T0);
	char token[SESSION_TOKEN_BYTES + 1];
	struct session opened, found;

	assert_int_equal(session_store_open(s, "192.0.2.1", T0, token, &opened), 0);
	assert_int_equal(strlen(token), SESSION_TOKEN_BYTES);
	assert_int_equal(strspn(token,
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			     "0123456789-_"),
	    SESSION_TOKEN_BYTES);
	assert_int_equal(session_store_find(s, token, T0 + 5, &found), 0);
	assert_string_equal(found.id, opened.id);
	assert_string_equal(found.from, "192.0.2.1");
	assert_int_equal(found.created_ms, T0);
	assert_int_equal(found.seen_ms, T0 + 5);
	token[0] = token[0] == 'A' ? 'B' : 'A';
	assert_int_equal(session_store_find(s, token, T0, &found), -ENOENT);
	assert_int_equal(session_store_find(s, "", T0, &found), -ENOENT);
	assert_int_equal(session_store_find(s, opened.id, T0, &found), -ENOENT);
	session_store_destroy(&s);
	assert_null(s);
}

static void
a_session_ends_after_two_idle_hours_and_after_a_day(void **state)
{
	struct session_store *s = create(*state, PASSWORD, T0);
	char token[SESSION_TOKEN_BYTES + 1];
	struct session found;
	int64_t now = T0;

	assert_int_equal(session_store_open(s, "a", T0, token, &found), 0);
	assert_int_equal(
	    session_store_find(s, token, T0 + SESSION_IDLE_MS, &found), -ENOENT);
	while (now + SESSION_IDLE_MS - 1 < T0 + SESSION_LIFE_MS) {
		now += SESSION_IDLE_MS - 1;
		assert_int_equal(session_store_find(s, token, now, &found), 0);
	}
	assert_int_equal(
	    session_store_find(s, token, T0 + SESSION_LIFE_MS - 1, &found), 0);
	assert_int_equal(
	    session_store_find(s, token, T0 + SESSION_LIFE_MS, &found), -ENOENT);
	assert_int_equal(session_store_at(s, 0, T0 + SESSION_LIFE_MS, &found), -ENOENT);
	session_store_destroy(&s);
}

static void
sessions_outlive_the_process_as_hashes_that_nobody_else_may_read(void **state)
{
	const struct tempdir *t = *state;
	struct session_store *s = create(t, PASSWORD, T0);
	char token[SESSION_TOKEN_BYTES + 1], path[128];
	struct session found;
	struct stat st;
	char *text;

	assert_int_equal(session_store_open(s, "192.0.2.1", T0, token, &found), 0);
	snprintf(path, sizeof(path), "%s/" SESSION_FILE, t->path);
	assert_int_equal(stat(path, &st), 0); /* at once: a kill must not end it */
	assert_int_equal(st.st_mode & 07777, 0600);
	text = file_text(t);
	assert_non_null(text);
	assert_null(strstr(text, token));
	assert_null(strstr(text, PASSWORD));
	free(text);
	assert_int_equal(session_store_find(s, token, T0 + 60000, &found), 0);
	session_store_destroy(&s);
	s = create(t, PASSWORD, T0 + 61000);
	assert_int_equal(session_store_at(s, 0, T0 + 61000, &found), 0);
	assert_int_equal(found.seen_ms, T0 + 60000);
	assert_int_equal(session_store_find(s, token, T0 + 61000, &found), 0);
	assert_string_equal(found.from, "192.0.2.1");
	session_store_destroy(&s);
	assert_int_equal(tempdir_count(t), 1);
}

static void
another_password_ends_all_sessions(void **state)
{
	struct session_store *s = create(*state, PASSWORD, T0);
	char token[SESSION_TOKEN_BYTES + 1];
	struct session found;

	assert_int_equal(session_store_open(s, "a", T0, token, &found), 0);
	session_store_destroy(&s);
	s = create(*state, PASSWORD "!", T0);
	assert_int_equal(session_store_find(s, token, T0, &found), -ENOENT);
	session_store_destroy(&s);
	s = create(*state, PASSWORD, T0); /* and they do not come back */
	assert_int_equal(session_store_find(s, token, T0, &found), -ENOENT);
	session_store_destroy(&s);
}

static void
one_session_ends_or_all_do_and_stay_so(void **state)
{
	struct session_store *s = create(*state, PASSWORD, T0);
	char token[3][SESSION_TOKEN_BYTES + 1];
	struct session found[3], none;

	for (int i = 0; i < 3; i++)
		assert_int_equal(session_store_open(s, "a", T0, token[i], &found[i]), 0);
	assert_int_equal(session_store_end(s, found[1].id), 1);
	assert_int_equal(session_store_end(s, found[1].id), 0);
	assert_int_equal(session_store_find(s, token[1], T0, &none), -ENOENT);
	assert_int_equal(session_store_find(s, token[2], T0, &none), 0);
	assert_int_equal(session_store_end_all(s), 2);
	session_store_destroy(&s);
	s = create(*state, PASSWORD, T0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(session_store_find(s, token[i], T0, &none), -ENOENT);
	session_store_destroy(&s);
}

static void
the_one_idle_for_longest_makes_room(void **state)
{
	struct tempdir gone = *(struct tempdir *)*state;
	struct session_store *s;
	char first[SESSION_TOKEN_BYTES + 1], second[SESSION_TOKEN_BYTES + 1];
	char token[SESSION_TOKEN_BYTES + 1];
	struct session found;

	snprintf(
	    gone.path, sizeof(gone.path), "/nonexistent"); /* spares a thousand files */
	s = create(&gone, PASSWORD, T0);
	assert_int_equal(session_store_open(s, "a", T0, first, &found), 0);
	assert_int_equal(session_store_open(s, "a", T0, second, &found), 0);
	assert_int_equal(session_store_find(s, first, T0 + 1, &found), 0);
	for (int i = 2; i < SESSION_MAX + 1; i++)
		assert_int_equal(session_store_open(s, "a", T0 + 2, token, &found), 0);
	assert_int_equal(session_store_find(s, first, T0 + 2, &found), 0);
	assert_int_equal(session_store_find(s, second, T0 + 2, &found), -ENOENT);
	assert_int_equal(session_store_at(s, SESSION_MAX, T0 + 2, &found), -ENOENT);
	session_store_destroy(&s);
}

static void
a_file_that_makes_no_sense_ends_all_sessions_and_is_replaced(void **state)
{
	static const char *const bad[] = { "", "[]", "{", "{\"password_salt\":1}",
		"{\"version\":1,\"password_salt\":\"00\",\"password_scrypt\":\"00\"}" };
	const struct tempdir *t = *state;
	char path[128], token[SESSION_TOKEN_BYTES + 1];
	struct session found;

	snprintf(path, sizeof(path), "%s/" SESSION_FILE, t->path);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct session_store *s;

		tempdir_write_at(path, bad[i], strlen(bad[i]), 0600);
		s = create(t, PASSWORD, T0);
		assert_int_equal(session_store_open(s, "a", T0, token, &found), 0);
		session_store_destroy(&s);
		s = create(t, PASSWORD, T0);
		assert_int_equal(session_store_find(s, token, T0, &found), 0);
		session_store_destroy(&s);
	}
}

static void
without_a_place_to_save_them_sessions_live_in_memory(void **state)
{
	struct tempdir *t = *state;
	struct tempdir gone = *t;
	char token[SESSION_TOKEN_BYTES + 1];
	struct session_store *s;
	struct session found;

	snprintf(gone.path, sizeof(gone.path), "%.50s/none", t->path);
	s = create(&gone, PASSWORD, T0);
	assert_int_equal(session_store_open(s, "a", T0, token, &found), 0);
	assert_int_not_equal(session_store_save(s), 0);
	assert_int_equal(session_store_find(s, token, T0, &found), 0);
	assert_int_equal(mkdir(gone.path, 0700), 0); /* there is room again */
	assert_int_equal(session_store_save(s), 0);
	session_store_destroy(&s);
	s = create(&gone, PASSWORD, T0);
	assert_int_equal(session_store_find(s, token, T0, &found), 0);
	session_store_destroy(&s);
}

static void
the_csrf_token_is_the_sessions_own(void **state)
{
	char a[SESSION_CSRF_BYTES + 1], b[SESSION_CSRF_BYTES + 1];

	(void)state;
	session_csrf("one", a);
	session_csrf("two", b);
	assert_int_equal(strlen(a), SESSION_CSRF_BYTES);
	assert_string_not_equal(a, b);
	session_csrf("one", b);
	assert_string_equal(a, b);
}

#define STORE(test) cmocka_unit_test_setup_teardown(test, tempdir_make, tempdir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE(a_session_is_found_by_its_token_alone),
		STORE(a_session_ends_after_two_idle_hours_and_after_a_day),
		STORE(sessions_outlive_the_process_as_hashes_that_nobody_else_may_read),
		STORE(another_password_ends_all_sessions),
		STORE(one_session_ends_or_all_do_and_stay_so),
		STORE(the_one_idle_for_longest_makes_room),
		STORE(a_file_that_makes_no_sense_ends_all_sessions_and_is_replaced),
		STORE(without_a_place_to_save_them_sessions_live_in_memory),
		cmocka_unit_test(the_csrf_token_is_the_sessions_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
