/* What the audit is told of an edit: what has changed, and no secret. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/key_changes.h"

static struct key
some_key(void)
{
	struct key k = {
		.id = "k", .description = "team", .enabled = true, .rate_limit = 5
	};

	memset(k.hash, 0xab, sizeof(k.hash));
	return k;
}

static void
assert_changes(const struct key *before, const struct key *after, const char *expected)
{
	json_t *j = key_changes(before, after);
	char *text = json_dumps(j, JSON_COMPACT);

	assert_string_equal(text, expected);
	free(text);
	json_decref(j);
}

static void
a_new_key_is_told_as_it_is(void **state)
{
	const struct key k = some_key();

	(void)state;
	assert_changes(NULL, &k,
	    "{\"description\":[null,\"team\"],\"expires_at\":[null,null],"
	    "\"rate_limit\":[null,5],\"enabled\":[null,true]}");
}

static void
a_key_that_is_gone_is_told_as_it_was(void **state)
{
	struct key k = some_key();

	(void)state;
	k.expires_ms = 1800000000000;
	assert_changes(&k, NULL,
	    "{\"description\":[\"team\",null],"
	    "\"expires_at\":[\"2027-01-15T08:00:00Z\",null],"
	    "\"rate_limit\":[5,null],\"enabled\":[true,null]}");
}

static void
of_a_change_only_what_differs_is_told_old_and_new(void **state)
{
	const struct key before = some_key();
	struct key after = before;

	(void)state;
	assert_changes(&before, &after, "{}");
	after.rate_limit = KEY_NO_LIMIT;
	after.enabled = false;
	assert_changes(
	    &before, &after, "{\"rate_limit\":[5,null],\"enabled\":[true,false]}");
}

static void
of_a_rotation_the_grace_is_told_and_no_secret(void **state)
{
	const struct key before = some_key();
	struct key after = before;

	(void)state;
	memset(after.hash, 0xcd, sizeof(after.hash));
	assert_changes(
	    &before, &after, "{\"secret\":\"new\",\"previous_expires_at\":null}");
	after.has_previous = true;
	after.previous_expires_ms = 1800000000000;
	assert_changes(&before, &after,
	    "{\"secret\":\"new\",\"previous_expires_at\":\"2027-01-15T08:00:00Z\"}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_key_is_told_as_it_is),
		cmocka_unit_test(a_key_that_is_gone_is_told_as_it_was),
		cmocka_unit_test(of_a_change_only_what_differs_is_told_old_and_new),
		cmocka_unit_test(of_a_rotation_the_grace_is_told_and_no_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
