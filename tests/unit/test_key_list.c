/*
 * key_list and key_json: what the API shows of a key file, in which order, page by page,
 * and when the file is read again.
 */
#include "admin/key_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/key_json.h"
#include "tests/unit/tempdir.h"

enum { MAX_KEYS = 1000, NOW_S = 1800000000 };

#define NOW_MS (NOW_S * INT64_C(1000))
#define HASH(digit)                                                                            \
	"\"key_hash\": \"00000000000000000000000000000000000000000000000000000000000000" digit \
	"\""

static const struct strlist none;

static struct key_list *
load(const struct tempdir *t, const struct strlist *api_keys)
{
	struct key_list *l = NULL;
	struct errmsg why = { "" };

	assert_int_equal(key_list_load(t->file, api_keys, MAX_KEYS, &l, &why), 0);
	return l;
}

/* One page as the ids on it, by commas, and what comes next behind a `|`. */
static void
page_is(const struct key_list *l, struct key_search s, const char *wanted)
{
	json_t *page, *key;
	char text[256] = "";
	size_t i, n = 0;

	s.limit = s.limit != 0 ? s.limit : KEY_PAGE_DEFAULT;
	page = key_page_json(l, &s, MAX_KEYS, NOW_MS);
	assert_non_null(page);
	json_array_foreach(json_object_get(page, "keys"), i, key) n +=
	    (size_t)snprintf(text + n, sizeof(text) - n, "%s,",
		json_string_value(json_object_get(key, "key_id")));
	if (json_is_string(json_object_get(page, "next")))
		snprintf(text + n, sizeof(text) - n, "|%s",
		    json_string_value(json_object_get(page, "next")));
	assert_string_equal(text, wanted);
	json_decref(page);
}

static void
keys_are_listed_by_id_with_status_and_source(void **state)
{
	struct strlist api_keys = { 0 };
	struct key_list *l;
	json_t *key;

	tempdir_write(*state,
	    "{\"keys\": [{\"key_id\": \"b\", " HASH(
		"01") ", \"enabled\": false},"
		      " {\"key_id\": \"a\", " HASH(
			  "02") ", \"expires_at\": 5, \"rate_limit\": 7,"
				" \"description\": \"<b>\\\"x\\\"</b>\", \"created_at\": 1}]}");
	assert_int_equal(strlist_add(&api_keys, "a secret of the environment"), 0);
	l = load(*state, &api_keys);
	assert_int_equal(l->n, 3);
	page_is(l, (struct key_search){ .status = KEY_STATUSES }, "a,b,env_key_0,");
	page_is(l, (struct key_search){ .status = KEY_ACTIVE }, "env_key_0,");
	page_is(l, (struct key_search){ .status = KEY_REVOKED }, "b,");
	page_is(l, (struct key_search){ .status = KEY_EXPIRED }, "a,");
	key = key_json(key_list_find(l, "a"), NOW_MS);
	assert_string_equal(
	    json_string_value(json_object_get(key, "description")), "<b>\"x\"</b>");
	assert_string_equal(json_string_value(json_object_get(key, "created_at")),
	    "1970-01-01T00:00:01Z");
	assert_string_equal(json_string_value(json_object_get(key, "source")), "file");
	assert_int_equal(json_integer_value(json_object_get(key, "rate_limit")), 7);
	json_decref(key);
	assert_true(key_list_find(l, "env_key_0")->environment);
	assert_false(key_list_find(l, "b")->environment);
	assert_null(key_list_find(l, "c"));
	key_list_destroy(&l);
	strlist_free(&api_keys);
}

static void
a_page_goes_on_where_the_last_one_ended_even_if_that_key_has_gone(void **state)
{
	struct key_search s = { .limit = 2, .status = KEY_STATUSES };
	struct key_list *l;

	tempdir_write(*state,
	    "{\"keys\": [{\"key_id\": \"a/\", " HASH("01") "}, {\"key_id\": \"b\", " HASH("02") "}, {\"key_id\": \"c\", " HASH(
		"03") "}, {\"key_id\": \"b\", " HASH("04") "}, {\"key_id\": \"d\", " HASH("05") "}]}");
	l = load(*state, &none);
	page_is(l, s, "a/,b,b,|b"); /* who shares an id stays together */
	memcpy(s.after, "b", sizeof("b"));
	page_is(l, s, "c,d,");
	memcpy(s.after, "bb", sizeof("bb"));
	page_is(l, s, "c,d,");
	s.after[0] = '\0';
	s.limit = 1;
	page_is(l, s, "a/,|~YS8");
	key_list_destroy(&l);
}

static void
text_is_looked_for_in_ids_and_descriptions_in_any_case(void **state)
{
	struct key_search s = { .status = KEY_STATUSES };
	struct key_list *l;

	tempdir_write(*state,
	    "{\"keys\": [{\"key_id\": \"Alpha\", " HASH("01") "}, {\"key_id\": \"b\", " HASH(
		"02") ", \"description\": \"for ALPHAbet \\u00dc\"}, {\"key_id\": \"c\", " HASH("03") "}]}");
	l = load(*state, &none);
	memcpy(s.text, "aLPHa", sizeof("aLPHa"));
	page_is(l, s, "Alpha,b,");
	memcpy(s.text, "\xc3\x9c", sizeof("\xc3\x9c"));
	page_is(l, s, "b,");
	memcpy(s.text, "alphabets", sizeof("alphabets"));
	page_is(l, s, "");
	key_list_destroy(&l);
}

static void
a_revision_differs_when_what_is_shown_does(void **state)
{
	struct key k = { .id = "a", .enabled = true, .rate_limit = KEY_NO_LIMIT };
	struct key_row row = key_row_of(&k);
	char first[KEY_REVISION_BYTES], second[KEY_REVISION_BYTES];

	(void)state;
	key_revision(&row, first);
	key_revision(&row, second);
	assert_string_equal(first, second);
	row.rate_limit = 0;
	key_revision(&row, second);
	assert_string_not_equal(first, second);
	row = key_row_of(&k);
	row.description = "x";
	key_revision(&row, second);
	assert_string_not_equal(first, second);
}

static void
a_faulty_entry_is_named_and_the_others_are_shown(void **state)
{
	struct key_list *l;

	tempdir_write(*state,
	    "{\"keys\": [{\"key_id\": \"a\", \"key_hash\": \"nonsense\"}, {\"key_id\": \"b\", " HASH(
		"02") "}]}");
	l = load(*state, &none);
	assert_int_equal(l->faults.n, 1);
	assert_non_null(strstr(l->faults.v[0], "entry 1"));
	assert_null(strstr(l->faults.v[0], "nonsense"));
	page_is(l, (struct key_search){ .status = KEY_STATUSES }, "b,");
	key_list_destroy(&l);
}

static void
the_file_is_read_again_only_when_it_has_changed(void **state)
{
	const struct tempdir *t = *state;
	struct key_cache *c = NULL;
	const struct key_list *first, *second;
	struct errmsg why = { "" };

	tempdir_write(t, "{\"keys\": [{\"key_id\": \"a\", " HASH("01") "}]}");
	assert_int_equal(key_cache_create(t->file, &none, MAX_KEYS, &c), 0);
	assert_int_equal(key_cache_get(c, &first, &why), 0);
	assert_int_equal(key_cache_get(c, &second, &why), 0);
	assert_ptr_equal(first, second);
	tempdir_write(t,
	    "{\"keys\": [{\"key_id\": \"a\", " HASH("01") "}, {\"key_id\": \"b\", " HASH(
		"02") "}]}");
	assert_int_equal(key_cache_get(c, &second, &why), 0);
	assert_int_equal(second->n, 2);
	tempdir_write(t, "no JSON");
	assert_int_equal(key_cache_get(c, &second, &why), ERR_SYNTAX);
	assert_true(why.text[0] != '\0');
	key_cache_destroy(&c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_are_listed_by_id_with_status_and_source),
		TEST(a_page_goes_on_where_the_last_one_ended_even_if_that_key_has_gone),
		TEST(text_is_looked_for_in_ids_and_descriptions_in_any_case),
		TEST(a_revision_differs_when_what_is_shown_does),
		TEST(a_faulty_entry_is_named_and_the_others_are_shown),
		TEST(the_file_is_read_again_only_when_it_has_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
