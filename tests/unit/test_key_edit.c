/*
 * key_edit: what a change leaves in the file, what it tells of before and after, and that
 * a version which is not the expected one, or a foreign write in between, loses nothing.
 */
#include "admin/key_edit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/key_changes.h"
#include "tests/unit/tempdir.h"

#define NOW_MS INT64_C(1800000000000)

static struct key_edit
edit(const struct tempdir *t, enum key_edit_op op, const char *id)
{
	struct key_edit e = { .op = op, .path = t->file, .max_keys = 10, .now_ms = NOW_MS };

	memcpy(e.id, id, strlen(id) + 1);
	return e;
}

static struct key_edit
make(const struct tempdir *t, const char *id)
{
	struct key_edit e = edit(t, KEY_EDIT_CREATE, id);

	e.values.given = KEYFILE_DESCRIPTION | KEYFILE_RATE_LIMIT;
	e.values.rate_limit = 5;
	memcpy(e.text, "first", 6);
	key_edit_run(&e);
	assert_int_equal(e.result, 0);
	return e;
}

static void
file_holds(const struct tempdir *t, const char *text, bool wanted)
{
	char *now = tempdir_read(t);

	assert_int_equal(strstr(now, text) != NULL, wanted);
	free(now);
}

static void
detail_is(const struct key_edit *e, const char *wanted)
{
	json_t *detail = key_changes(e->before.id[0] != '\0' ? &e->before : NULL,
	    e->after.id[0] != '\0' ? &e->after : NULL);
	char *text = json_dumps(detail, JSON_SORT_KEYS);

	assert_string_equal(text, wanted);
	free(text);
	json_decref(detail);
}

static void
a_new_key_has_a_secret_that_the_file_and_the_audit_do_not(void **state)
{
	struct key_edit e = make(*state, "a");
	struct key_edit copy = e;

	assert_int_equal(strlen(e.secret), KEY_SECRET_BYTES);
	file_holds(*state, e.secret, false);
	file_holds(*state, "\"first\"", true);
	detail_is(&e,
	    "{\"description\": [null, \"first\"], \"enabled\": [null, true], "
	    "\"expires_at\": [null, null], \"rate_limit\": [null, 5]}");
	key_edit_wipe(&e);
	assert_memory_not_equal(&e.secret, &copy.secret, sizeof(e.secret));
	assert_int_equal(e.secret[0], '\0');
	assert_int_equal(e.after.hash[0] | e.after.hash[31], 0);
}

static void
a_change_tells_old_and_new_and_nothing_else(void **state)
{
	struct key_edit e;

	make(*state, "a");
	e = edit(*state, KEY_EDIT_SET, "a");
	e.values.given = KEYFILE_ENABLED | KEYFILE_RATE_LIMIT;
	e.values.rate_limit = KEY_NO_LIMIT;
	key_edit_run(&e);
	assert_int_equal(e.result, 0);
	assert_false(e.after.enabled);
	detail_is(&e, "{\"enabled\": [true, false], \"rate_limit\": [5, null]}");
}

static void
another_revision_is_refused_and_changes_nothing(void **state)
{
	struct key_edit made = make(*state, "a"), e;
	const struct key_row row = key_row_of(&made.after);

	e = edit(*state, KEY_EDIT_DELETE, "a");
	memcpy(e.if_revision, "0000000000000000", KEY_REVISION_BYTES);
	key_edit_run(&e);
	assert_int_equal(e.result, ERR_CHANGED);
	assert_true(e.is_other_revision);
	file_holds(*state, "\"a\"", true);
	e = edit(*state, KEY_EDIT_DELETE, "a");
	key_revision(&row, e.if_revision);
	key_edit_run(&e);
	assert_int_equal(e.result, 0);
	file_holds(*state, "\"a\"", false);
	detail_is(&e,
	    "{\"description\": [\"first\", null], \"enabled\": [true, null], "
	    "\"expires_at\": [null, null], \"rate_limit\": [5, null]}");
}

static void
a_rotation_keeps_all_but_the_secret(void **state)
{
	struct key_edit made = make(*state, "a"), e = edit(*state, KEY_EDIT_ROTATE, "a");

	e.grace_ms = 60000;
	key_edit_run(&e);
	assert_int_equal(e.result, 0);
	assert_string_not_equal(e.secret, made.secret);
	assert_int_equal(e.after.previous_expires_ms, NOW_MS + 60000);
	assert_memory_equal(e.after.previous_hash, made.after.hash, KEY_HASH_BYTES);
	detail_is(&e,
	    "{\"previous_expires_at\": \"2027-01-15T08:01:00Z\", \"secret\": \"new\"}");
}

static void
a_failed_edit_leaves_no_secret_behind(void **state)
{
	struct key_edit e;

	make(*state, "a");
	e = edit(*state, KEY_EDIT_CREATE, "a");
	key_edit_run(&e);
	assert_int_equal(e.result, -EEXIST);
	assert_int_equal(e.secret[0], '\0');
	e = edit(*state, KEY_EDIT_CREATE, "b");
	e.max_keys = 1;
	key_edit_run(&e);
	assert_int_equal(e.result, ERR_FULL);
	assert_int_equal(e.secret[0], '\0');
	assert_true(e.why.text[0] != '\0');
	e = edit(*state, KEY_EDIT_SET, "nobody");
	key_edit_run(&e);
	assert_int_equal(e.result, -ENOENT);
}

static void
a_faulty_entry_can_be_deleted_by_its_id(void **state)
{
	struct key_edit e;

	tempdir_write(*state, "{\"keys\": [{\"key_id\": \"bad\", \"key_hash\": \"x\"}]}");
	e = edit(*state, KEY_EDIT_DELETE, "bad");
	key_edit_run(&e);
	assert_int_equal(e.result, 0);
	file_holds(*state, "bad", false);
}

static void
unknown_fields_survive(void **state)
{
	struct key_edit e;

	tempdir_write(*state,
	    "{\"team\": \"x1\", \"keys\": [{\"key_id\": \"a\", \"key\": \"pm_plain\", \"owner\": \"y2\"}]}");
	e = edit(*state, KEY_EDIT_SET, "a");
	e.values.given = KEYFILE_ENABLED;
	key_edit_run(&e);
	assert_int_equal(e.result, 0);
	file_holds(*state, "\"team\": \"x1\"", true);
	file_holds(*state, "\"owner\": \"y2\"", true);
	file_holds(*state, "pm_plain", false);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_key_has_a_secret_that_the_file_and_the_audit_do_not),
		TEST(a_change_tells_old_and_new_and_nothing_else),
		TEST(another_revision_is_refused_and_changes_nothing),
		TEST(a_rotation_keeps_all_but_the_secret),
		TEST(a_failed_edit_leaves_no_secret_behind),
		TEST(a_faulty_entry_can_be_deleted_by_its_id),
		TEST(unknown_fields_survive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
