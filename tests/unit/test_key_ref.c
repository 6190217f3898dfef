/* key_ref: what needs no encoding stays, all else comes back as it was. */
#include "admin/key_ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
comes_back(const char *id, const char *ref)
{
	char coded[KEY_REF_BYTES], back[KEY_ID_MAX + 1];

	key_ref_format(id, coded);
	if (ref != NULL)
		assert_string_equal(coded, ref);
	assert_int_equal(strspn(coded,
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			     "0123456789_-~"),
	    strlen(coded));
	assert_int_equal(key_ref_parse(coded, back), 0);
	assert_string_equal(back, id);
}

static void
an_id_of_plain_characters_is_its_own_reference(void **state)
{
	(void)state;
	comes_back("team-n8n_2", "team-n8n_2");
	comes_back("-", "-");
}

static void
any_other_id_is_coded_and_comes_back(void **state)
{
	char longest[KEY_ID_MAX + 1];

	(void)state;
	comes_back(".", "~Lg");
	comes_back("..", "~Li4");
	comes_back("a/b", "~YS9i");
	comes_back("~YS9i", NULL);
	comes_back("\"><script>alert(1)</script>", NULL);
	comes_back("Schl\xc3\xbcssel 100%", NULL);
	memset(longest, '/', KEY_ID_MAX);
	longest[KEY_ID_MAX] = '\0';
	comes_back(longest, NULL);
	for (size_t n = 1; n < KEY_ID_MAX; n++) {
		memset(longest, '.', n);
		longest[n] = '\0';
		comes_back(longest, NULL);
	}
}

static void
an_id_as_it_is_stands_for_itself(void **state)
{
	char id[KEY_ID_MAX + 1];

	(void)state;
	assert_int_equal(key_ref_parse("a/b", id), 0);
	assert_string_equal(id, "a/b");
	assert_int_equal(key_ref_parse("~", id), 0);
	assert_string_equal(id, "~");
	assert_int_equal(key_ref_parse("~YWJj", id), 0); /* "abc" is written plainly */
	assert_string_equal(id, "~YWJj");
}

static void
what_no_key_can_have_is_refused(void **state)
{
	char id[KEY_ID_MAX + 1], long_one[KEY_ID_MAX + 2];

	(void)state;
	memset(long_one, 'a', KEY_ID_MAX + 1);
	long_one[KEY_ID_MAX + 1] = '\0';
	assert_int_equal(key_ref_parse("", id), ERR_SYNTAX);
	assert_int_equal(key_ref_parse("a\nb", id), ERR_SYNTAX);
	assert_int_equal(key_ref_parse(long_one, id), ERR_SYNTAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_of_plain_characters_is_its_own_reference),
		cmocka_unit_test(any_other_id_is_coded_and_comes_back),
		cmocka_unit_test(an_id_as_it_is_stands_for_itself),
		cmocka_unit_test(what_no_key_can_have_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
