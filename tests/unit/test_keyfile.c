/*
 * Key files: every format of the contract, each fault named by entry and field
 * without quoting a value, and the time that a large file takes.
 */
#include "common/keyfile.h"
#include "common/sb.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/crypto.h>

#include <cmocka.h>

#include "common/keyfile_time.h"
#include "tests/unit/tempdir.h"

#define HASH_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01"
#define HASH_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb02"
/* the SHA-256 of "abc" (FIPS 180-4, appendix B.1) */
#define HASH_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static struct keyset *
load_with(const struct tempdir *t, const char *text, const struct strlist *api_keys)
{
	struct keyset *set = NULL;
	struct errmsg why = { "" };

	if (text != NULL)
		tempdir_write(t, text);
	if (keyfile_load(t->file, api_keys, 1000, &set, &why) != 0)
		fail_msg("not loaded: %s", why.text);
	return set;
}

static struct keyset *
load(const struct tempdir *t, const char *text)
{
	return load_with(t, text, NULL);
}

/* Load a file of one good entry, hash A with `fields` besides. */
static struct key
load_one(const struct tempdir *t, const char *fields)
{
	char text[1024];
	struct keyset *set;
	struct key k;

	snprintf(text, sizeof(text), "{\"keys\":[{\"key_hash\":\"" HASH_A "\"%s%s}]}",
	    fields[0] != '\0' ? "," : "", fields);
	set = load(t, text);
	if (set->n != 1)
		fail_msg("%s: %s", fields, set->faults.n > 0 ? set->faults.v[0] : "none");
	assert_int_equal(set->faults.n, 0);
	k = set->v[0];
	keyset_destroy(&set);
	return k;
}

static void
hex_of(const uint8_t *hash, char out[65])
{
	for (size_t i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static void
an_entry_with_a_hash_only_gets_the_default_for_all_else(void **state)
{
	struct key k = load_one(*state, "");
	char hex[65];

	hex_of(k.hash, hex);
	assert_string_equal(hex, HASH_A);
	assert_string_equal(k.id, "aaaaaaaa");
	assert_string_equal(k.description, "");
	assert_true(k.enabled);
	assert_false(k.has_previous);
	assert_true(k.created_ms == 0);
	assert_true(k.expires_ms == 0);
	assert_true(k.rate_limit == KEY_NO_LIMIT);
}

static void
all_fields_of_the_seeds_form_are_read(void **state)
{
	struct key k = load_one(*state,
	    "\"key_id\":\"k1\",\"description\":\"Anna's "
	    "laptop\",\"created_at\":1700000000.25,"
	    "\"expires_at\":1800000000,\"rate_limit\":60,\"enabled\":false,"
	    "\"previous_hash\":\"" HASH_B
	    "\",\"previous_expires_at\":1750000000.5,\"x\":[1]");
	char hex[65];

	assert_string_equal(k.id, "k1");
	assert_string_equal(k.description, "Anna's laptop");
	assert_true(k.created_ms == INT64_C(1700000000250));
	assert_true(k.expires_ms == INT64_C(1800000000000));
	assert_true(k.previous_expires_ms == INT64_C(1750000000500));
	assert_true(k.rate_limit == 60);
	assert_false(k.enabled);
	assert_true(k.has_previous);
	hex_of(k.previous_hash, hex);
	assert_string_equal(hex, HASH_B);
}

static void
the_readmes_form_with_api_key_name_and_iso_dates_is_read(void **state)
{
	struct keyset *set = load(*state,
	    "{\"keys\":[{\"api_key\":\"abc\",\"name\":\"Bob\",\"created_at\":"
	    "\"2024-01-01T00:00:00\",\"expires_at\":\"2027-01-01T00:00:00+01:00\"}]}");
	char hex[65];

	assert_int_equal(set->n, 1);
	hex_of(set->v[0].hash, hex);
	assert_string_equal(hex, HASH_ABC);
	assert_string_equal(set->v[0].id, "ba7816bf");
	assert_string_equal(set->v[0].description, "Bob");
	assert_true(set->v[0].created_ms == INT64_C(1704067200000));
	assert_true(set->v[0].expires_ms == INT64_C(1798758000000));
	assert_int_equal(set->warnings.n, 1);
	assert_non_null(strstr(set->warnings.v[0], "plain text"));
	assert_null(strstr(set->warnings.v[0], "abc"));
	keyset_destroy(&set);
}

static void
null_fields_are_as_good_as_absent_ones(void **state)
{
	struct key k = load_one(*state,
	    "\"key\":null,\"api_key\":null,\"key_id\":null,\"description\":null,"
	    "\"name\":\"n\",\"created_at\":null,\"expires_at\":null,\"rate_limit\":null,"
	    "\"enabled\":null,\"previous_hash\":null,\"previous_expires_at\":null");

	assert_string_equal(k.id, "aaaaaaaa");
	assert_string_equal(k.description, "n");
	assert_true(k.enabled);
	assert_true(k.rate_limit == KEY_NO_LIMIT);
	assert_true(k.expires_ms == 0);
}

static void
a_time_of_zero_is_never_but_the_smallest_fraction_is_not(void **state)
{
	assert_true(load_one(*state, "\"expires_at\":0").expires_ms == 0);
	assert_true(load_one(*state, "\"expires_at\":0.0").expires_ms == 0);
	assert_true(load_one(*state, "\"expires_at\":0.00001").expires_ms == 1);
}

static void
a_limit_of_zero_is_kept_and_whole_reals_are_limits(void **state)
{
	assert_true(load_one(*state, "\"rate_limit\":0").rate_limit == 0);
	assert_true(load_one(*state, "\"rate_limit\":100.0").rate_limit == 100);
	assert_true(
	    load_one(*state, "\"rate_limit\":4294967295").rate_limit == 4294967295);
}

static void
a_long_description_is_cut_between_characters(void **state)
{
	char fields[600];
	struct sb out = sb_init(fields, sizeof(fields));
	struct key k;

	SB_LIT(&out, "\"description\":\"x");
	for (int i = 0; i < 128; i++)
		SB_LIT(&out, "\xc3\xa4"); /* 257 bytes with the x */
	SB_LIT(&out, "\"\0");
	assert_false(out.over);
	k = load_one(*state, fields);
	assert_int_equal(strlen(k.description), 255);
	assert_int_equal((unsigned char)k.description[254], 0xa4);
}

/* clang-format off */
static const struct {
	const char *fields; /* of an entry with the good id "k9" */
	const char *says;
} faulty[] = {
	{ "", "none of key_hash, key and api_key is given" },
	{ "\"key_hash\":null", "none of key_hash" },
	{ "\"key_hash\":\"" HASH_A "\",\"key\":\"SECRET\"", "more than one of key_hash" },
	{ "\"key\":\"SECRET\",\"api_key\":\"SECRET\"", "more than one of key_hash" },
	{ "\"key_hash\":\"SECRET\"", "key_hash is not 64" },
	{ "\"key_hash\":\"AAAAAAAAaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01\"", "key_hash is not 64" },
	{ "\"key_hash\":\"" HASH_A "0\"", "key_hash is not 64" },
	{ "\"key_hash\":17", "key_hash is not 64" },
	{ "\"key\":\"\"", "key (or api_key)" },
	{ "\"key\":[\"SECRET\"]", "key (or api_key)" },
	{ "\"api_key\":\"SECRET\\n\"", "key (or api_key)" },
	{ "\"key\":\"SECRET\",\"description\":5", "description is no text" },
	{ "\"key\":\"SECRET\",\"name\":{}", "name is no text" },
	{ "\"key\":\"SECRET\",\"created_at\":\"SECRET\"", "created_at is neither" },
	{ "\"key\":\"SECRET\",\"expires_at\":\"\"", "expires_at is neither" },
	{ "\"key\":\"SECRET\",\"expires_at\":-1", "expires_at is neither" },
	{ "\"key\":\"SECRET\",\"expires_at\":1700000000000", "expires_at is neither" },
	{ "\"key\":\"SECRET\",\"expires_at\":1e300", "expires_at is neither" },
	{ "\"key\":\"SECRET\",\"expires_at\":true", "expires_at is neither" },
	{ "\"key\":\"SECRET\",\"expires_at\":\"2027-02-29\"", "expires_at is neither" },
	{ "\"key\":\"SECRET\",\"rate_limit\":-1", "rate_limit is no whole" },
	{ "\"key\":\"SECRET\",\"rate_limit\":1.5", "rate_limit is no whole" },
	{ "\"key\":\"SECRET\",\"rate_limit\":4294967296", "rate_limit is no whole" },
	{ "\"key\":\"SECRET\",\"rate_limit\":\"60\"", "rate_limit is no whole" },
	{ "\"key\":\"SECRET\",\"rate_limit\":true", "rate_limit is no whole" },
	{ "\"key\":\"SECRET\",\"enabled\":1", "enabled is neither" },
	{ "\"key\":\"SECRET\",\"enabled\":\"false\"", "enabled is neither" },
	{ "\"key\":\"SECRET\",\"previous_hash\":\"SECRET\"", "previous_hash is not 64" },
	{ "\"key\":\"SECRET\",\"previous_hash\":\"" HASH_B "\"", "previous_expires_at is missing" },
	{ "\"key\":\"SECRET\",\"previous_hash\":\"" HASH_B "\",\"previous_expires_at\":0", "previous_expires_at is missing" },
	{ "\"key\":\"SECRET\",\"previous_expires_at\":[]", "previous_expires_at is neither" },
};
/* clang-format on */

static void
each_fault_is_named_by_entry_id_and_field_and_never_quoted(void **state)
{
	struct tempdir *t = *state;

	for (size_t i = 0; i < sizeof(faulty) / sizeof(faulty[0]); i++) {
		char text[1024], start[256];
		struct keyset *set;

		snprintf(text, sizeof(text),
		    "{\"keys\":[{\"key_hash\":\"" HASH_B "\"},{\"key_id\":\"k9\"%s%s}]}",
		    faulty[i].fields[0] != '\0' ? "," : "", faulty[i].fields);
		set = load(t, text);
		if (set->n != 1 || set->faults.n != 1)
			fail_msg("%s: no fault", faulty[i].fields);
		snprintf(start, sizeof(start), "%s: entry 2 (key_id \"k9\"): %s", t->file,
		    faulty[i].says);
		if (strncmp(set->faults.v[0], start, strlen(start)) != 0)
			fail_msg("%s: %s", faulty[i].fields, set->faults.v[0]);
		assert_null(strstr(set->faults.v[0], "SECRET"));
		assert_string_equal(set->v[0].id, "bbbbbbbb");
		keyset_destroy(&set);
	}
}

static void
an_id_that_is_no_good_is_a_fault_and_not_repeated(void **state)
{
	static const char *const ids[] = { "\"\"", "7", "\"a\\nSECRET\"",
		"\"SECRET\\u007f\"", "\"SECRET\\u0085\"" };
	char text[1024], longest[140];
	struct keyset *set;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		snprintf(text, sizeof(text),
		    "{\"keys\":[{\"key_hash\":\"" HASH_A "\",\"key_id\":%s}]}", ids[i]);
		set = load(*state, text);
		assert_int_equal(set->n, 0);
		assert_int_equal(set->faults.n, 1);
		assert_non_null(strstr(set->faults.v[0], "entry 1: key_id "));
		assert_null(strstr(set->faults.v[0], "SECRET"));
		keyset_destroy(&set);
	}
	memset(longest, 'i', sizeof(longest));
	longest[KEY_ID_MAX] = '\0';
	snprintf(text, sizeof(text), "\"key_id\":\"%s\"", longest);
	assert_string_equal(load_one(*state, text).id, longest);
	snprintf(text, sizeof(text),
	    "{\"keys\":[{\"key_hash\":\"" HASH_A "\",\"key_id\":\"%si\"}]}", longest);
	set = load(*state, text);
	assert_int_equal(set->faults.n, 1);
	keyset_destroy(&set);
}

static void
a_secret_in_the_place_of_the_id_is_replaced_and_never_shown(void **state)
{
	struct keyset *set = load(*state,
	    "{\"keys\":[{\"key\":\"my-old-long-secret\",\"key_id\":\"my-old-long-"
	    "secret\"},"
	    "{\"key\":\"my-old-long-secret\",\"key_id\":\"my-old-long-secret\","
	    "\"enabled\":2},"
	    "{\"key_id\":\"pm_0123456789012345678901234567890123456789012\"}]}");

	assert_int_equal(set->n, 1);
	assert_int_equal(strlen(set->v[0].id), 8);
	assert_int_equal(set->faults.n, 2);
	for (size_t i = 0; i < set->faults.n; i++) {
		assert_null(strstr(set->faults.v[i], "my-old"));
		assert_null(strstr(set->faults.v[i], "pm_"));
	}
	for (size_t i = 0; i < set->warnings.n; i++)
		assert_null(strstr(set->warnings.v[i], "my-old"));
	assert_int_equal(set->warnings.n, 2);
	keyset_destroy(&set);
}

static void
a_file_that_does_not_exist_is_an_empty_one(void **state)
{
	struct keyset *set = load(*state, NULL);

	assert_true(set->missing);
	assert_int_equal(set->n, 0);
	assert_int_equal(set->faults.n, 0);
	assert_int_equal(set->warnings.n, 1);
	keyset_destroy(&set);
	set = load(*state, "{\"keys\":[]}");
	assert_false(set->missing);
	assert_int_equal(set->n, 0);
	assert_int_equal(set->warnings.n, 0);
	keyset_destroy(&set);
}

static void
what_is_no_key_file_is_refused_by_line_and_without_a_quote(void **state)
{
	static const char *const texts[] = { "", "SECRET", "[]", "{}", "{\"keys\":{}}",
		"{\"keys\":[\"SECRET\",]}", "{\"keys\":[{\"key\":\"SECRET\"}]",
		"{\"keys\":[]}SECRET", "{\"keys\":[],\"keys\":[]}", "{\"SECRET\":1e999}",
		"{\"keys\":[{\"key\":\"SECRET\",\"key\":\"SECRET\"}],\"a\":1,\"a\":2}",
		"{\"keys\":[{\"a\":1,\"a\":2},]}", "{\"keys\":[{\"a\":1,\"a\":2}",
		"{\"keys\":[{\"a\":1,\"a\":2]}", "\xff" };
	struct tempdir *t = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct keyset *set = NULL;
		struct errmsg why = { "" };

		tempdir_write(t, texts[i]);
		if (keyfile_load(t->file, NULL, 10, &set, &why) != ERR_SYNTAX)
			fail_msg("taken: %s", texts[i]);
		assert_null(set);
		assert_int_equal(strncmp(why.text, t->file, strlen(t->file)), 0);
		assert_null(strstr(why.text, "SECRET"));
	}
}

static void
an_entry_that_no_parser_may_read_costs_no_other_entry(void **state)
{
	struct keyset *set = load(*state,
	    "{\"version\": 1, \"keys\" : [ {\"key\":\"one\"},\n"
	    "{\"key\":\"two\",\"enabled\":false,\n\"enabled\":true},\n"
	    "{\"key\":\"three\",\"expires_at\":99999999999999999999999999},\n"
	    "{\"key\":\"four\",\"x\":1e999, \"y\":\"]}\\\"\"},{\"key\":\"fi\xff\"},\n"
	    "{\"key\":\"six\\u0000\"}, {\"key\":\"seven\"}]}");

	assert_int_equal(set->n, 2);
	assert_int_equal(set->faults.n, 5);
	assert_non_null(
	    strstr(set->faults.v[0], ": entry 2: line 3: a field stands twice"));
	assert_non_null(strstr(set->faults.v[1], ": entry 3: line 4: a number is out of"));
	assert_non_null(strstr(set->faults.v[2], ": entry 4: line 5: a number is out of"));
	assert_non_null(
	    strstr(set->faults.v[3], ": entry 5: line 5: it is no valid UTF-8"));
	assert_non_null(strstr(set->faults.v[4], ": entry 6: line 6: it holds a NUL"));
	keyset_destroy(&set);
}

static void
nesting_without_end_is_a_fault_of_its_entry(void **state)
{
	size_t depth = 200000, n = 0;
	char *text = malloc(2 * depth + 100);
	struct keyset *set;

	assert_non_null(text);
	n = (size_t)snprintf(text, 100, "{\"keys\":[{\"key\":\"a\",\"x\":");
	memset(text + n, '[', depth);
	memset(text + n + depth, ']', depth);
	(void)snprintf(text + n + 2 * depth, 50, "},{\"key\":\"b\"}]}");
	set = load(*state, text);
	assert_int_equal(set->n, 1);
	assert_int_equal(set->faults.n, 1);
	keyset_destroy(&set);
	free(text);
}

static void
of_two_entries_with_one_hash_the_last_holds(void **state)
{
	struct keyset *set = load(*state,
	    "{\"keys\":[{\"key\":\"abc\",\"key_id\":\"a\"},{\"key\":\"x\",\"key_id\":"
	    "\"b\"},"
	    "{\"key_hash\":\"" HASH_ABC "\",\"key_id\":\"c\",\"enabled\":false}]}");

	assert_int_equal(set->n, 2);
	assert_string_equal(set->v[0].id, "b");
	assert_string_equal(set->v[1].id, "c");
	assert_false(set->v[1].enabled);
	assert_int_equal(set->faults.n, 0);
	assert_int_equal(set->warnings.n, 2);
	assert_non_null(strstr(set->warnings.v[1],
	    "entry 1 (key_id \"a\") is the same key as entry 3 (key_id \"c\")"));
	keyset_destroy(&set);
}

static void
entries_with_one_id_share_the_lower_limit(void **state)
{
	struct keyset *set = load(*state,
	    "{\"keys\":[{\"key\":\"1\",\"key_id\":\"a\"},{\"key\":\"2\",\"key_id\":\"a\","
	    "\"rate_limit\":7},{\"key\":\"3\",\"key_id\":\"a\",\"rate_limit\":9}]}");

	assert_int_equal(set->n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(set->v[i].rate_limit == 7);
	keyset_destroy(&set);
}

static void
keys_of_the_environment_are_added_and_the_file_holds_over_them(void **state)
{
	char one[] = "env-one", abc[] = "abc", *v[] = { one, abc };
	struct strlist api_keys = { v, 2 };
	struct keyset *set = load_with(*state,
	    "{\"keys\":[{\"key_hash\":\"" HASH_ABC "\",\"rate_limit\":3}]}", &api_keys);

	assert_int_equal(set->n, 2);
	assert_string_equal(set->v[0].id, "env_key_0");
	assert_true(set->v[0].enabled);
	assert_true(set->v[0].rate_limit == KEY_NO_LIMIT);
	assert_true(set->v[1].rate_limit == 3);
	keyset_destroy(&set);
}

static void
more_keys_than_allowed_are_refused(void **state)
{
	struct tempdir *t = *state;
	char one[] = "env-one", *v[] = { one };
	struct strlist api_keys = { v, 1 };
	struct keyset *set = NULL;
	struct errmsg why = { "" };

	tempdir_write(t, "{\"keys\":[{\"key\":\"a\"},{\"key\":\"b\"}]}");
	assert_int_equal(keyfile_load(t->file, &api_keys, 2, &set, &why), ERR_FULL);
	assert_null(set);
	assert_non_null(strstr(why.text, "MAX_KEYS"));
	assert_int_equal(keyfile_load(t->file, &api_keys, 3, &set, &why), 0);
	assert_int_equal(set->n, 3);
	keyset_destroy(&set);
}

static void
a_file_that_everybody_can_read_is_warned_of(void **state)
{
	struct tempdir *t = *state;
	struct keyset *set;

	tempdir_write(t, "{\"keys\":[]}");
	assert_int_equal(chmod(t->file, 0644), 0);
	set = load(t, NULL);
	assert_int_equal(set->warnings.n, 1);
	assert_non_null(strstr(set->warnings.v[0], "mode 0644"));
	keyset_destroy(&set);
	assert_int_equal(chmod(t->file, 0640), 0);
	set = load(t, NULL);
	assert_int_equal(set->warnings.n, 0);
	keyset_destroy(&set);
}

static void
an_examples_placeholder_is_warned_of(void **state)
{
	struct keyset *set = load(*state,
	    "{\"keys\":[{\"key_hash\":"
	    "\"0000000000000000000000000000000000000000000000000000000000000000\"}]}");

	assert_int_equal(set->n, 1);
	assert_int_equal(set->warnings.n, 1);
	assert_non_null(strstr(set->warnings.v[0], "placeholder"));
	keyset_destroy(&set);
}

static void
the_example_is_a_good_key_file_that_lets_nobody_in(void **state)
{
	struct keyset *set = NULL;
	struct errmsg why;

	(void)state;
	assert_int_equal(
	    keyfile_load("etc/api_keys.json.example", NULL, 10, &set, &why), 0);
	assert_int_equal(set->faults.n, 0);
	assert_int_equal(set->n, 1);
	assert_false(set->v[0].enabled);
	keyset_destroy(&set);
}

static void
a_folder_and_a_fifo_are_refused_without_waiting(void **state)
{
	struct tempdir *t = *state;
	struct keyset *set = NULL;
	struct errmsg why = { "" };

	assert_int_equal(keyfile_load(t->path, NULL, 10, &set, &why), ERR_INVALID);
	assert_int_equal(mkfifo(t->file, 0600), 0);
	assert_int_equal(keyfile_load(t->file, NULL, 10, &set, &why), ERR_INVALID);
	assert_non_null(strstr(why.text, "no regular file"));
	assert_null(set);
}

/* clang-format off */
static const struct {
	const char *text;
	int64_t ms; /* 0: refused */
} times[] = {
	{ "1970-01-01T00:00:01Z", 1000 },
	{ "2000-02-29T12:34:56Z", INT64_C(951827696000) },
	{ "2024-02-29", INT64_C(1709164800000) },
	{ "2024-02-29T00:00", INT64_C(1709164800000) },
	{ "2024-02-29 01:02:03.456789", INT64_C(1709168523456) },
	{ "2024-02-29t01:02:03,4z", INT64_C(1709168523400) },
	{ "2024-02-29T01:02:03+01:00", INT64_C(1709164923000) },
	{ "2024-02-29T01:02:03-0130", INT64_C(1709173923000) },
	{ "2024-02-29T01:02:03+01", INT64_C(1709164923000) },
	{ "2016-12-31T23:59:60Z", INT64_C(1483228800000) },
	{ "9999-12-31T23:59:59.999Z", KEYFILE_TIME_MAX_MS },
	{ "1970-01-01T00:00:00Z", 0 }, { "1969-12-31", 0 }, { "2023-02-29", 0 },
	{ "1900-02-29", 0 }, { "2024-13-01", 0 }, { "2024-00-01", 0 }, { "2024-01-32", 0 },
	{ "2024-01-00", 0 }, { "2024-01-01T24:00", 0 }, { "2024-01-01T00:60", 0 },
	{ "2024-01-01T00:00:61", 0 }, { "2024-01-01T", 0 }, { "2024-01-01Z", 0 },
	{ "2024-01-01T00:00:00.", 0 }, { "2024-01-01T00:00:00+", 0 },
	{ "2024-01-01T00:00:00+1", 0 }, { "2024-01-01T00:00:00+24:00", 0 },
	{ "2024-01-01T00:00:00+01:60", 0 }, { "2024-01-01T00:00:00Zx", 0 },
	{ "2024-01-01T00:00:00+01:00x", 0 }, { " 2024-01-01", 0 }, { "2024-1-1", 0 },
	{ "1704067200", 0 }, { "", 0 }, { "0000-01-01", 0 },
	{ "9999-12-31T23:59:59-01:00", 0 },
};
/* clang-format on */

static void
times_are_read_with_and_without_zones_and_dates_that_are_none_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int64_t ms = -7;
		int r = keyfile_time_parse(span_of(times[i].text), &ms);

		if (times[i].ms == 0 ? r != ERR_SYNTAX || ms != -7
				     : r != 0 || ms != times[i].ms)
			fail_msg("%s: %d, %lld", times[i].text, r, (long long)ms);
	}
}

static void
every_day_of_four_hundred_years_is_written_as_it_is_read(void **state)
{
	(void)state;
	for (int64_t day = 1; day < 400 * 366; day++) {
		int64_t ms = day * 86400000 + 3723000, again = 0;
		char text[KEYFILE_TIME_TEXT_BYTES];
		time_t seconds = (time_t)(ms / 1000);
		struct tm tm;
		char expected[40];

		keyfile_time_format(ms, text);
		assert_int_equal(keyfile_time_parse(span_of(text), &again), 0);
		assert_true(again == ms);
		assert_non_null(gmtime_r(&seconds, &tm));
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &tm);
		assert_string_equal(text, expected);
	}
}

static void
generated_secrets_have_the_promised_form_and_differ(void **state)
{
	char a[KEY_SECRET_BYTES + 1], b[KEY_SECRET_BYTES + 1];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(key_generate(a), 0);
		assert_int_equal(strlen(a), 46);
		assert_int_equal(strncmp(a, "pm_", 3), 0);
		assert_int_equal(strspn(a + 3,
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789-_"),
		    43);
		assert_int_equal(key_generate(b), 0);
		assert_string_not_equal(a, b);
	}
}

static void
a_hundred_thousand_keys_load_in_a_moment(void **state)
{
	struct tempdir *t = *state;
	FILE *f = fopen(t->file, "w");
	struct timespec from, to;
	struct keyset *set = NULL;
	struct errmsg why;
	int n = 100000;

	assert_non_null(f);
	fprintf(f, "{\"keys\": [\n");
	for (int i = 0; i < n; i++)
		fprintf(f,
		    "  {\"key_id\": \"user-%06d\", \"key_hash\": \"%08x%056d\", "
		    "\"created_at\": 1700000000.123, \"expires_at\": null, "
		    "\"description\": \"Key number %d of a large team\", "
		    "\"rate_limit\": 60, \"enabled\": true}%s\n",
		    i, i * 2654435761u, i, i, i + 1 < n ? "," : "");
	fprintf(f, "]}\n");
	assert_int_equal(fclose(f), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(keyfile_load(t->file, NULL, 131072, &set, &why), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_int_equal(set->n, n);
	assert_string_equal(set->v[n - 1].id, "user-099999");
	keyset_destroy(&set);
	print_message("100000 keys loaded in %ld ms\n",
	    (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_entry_with_a_hash_only_gets_the_default_for_all_else),
		TEST(all_fields_of_the_seeds_form_are_read),
		TEST(the_readmes_form_with_api_key_name_and_iso_dates_is_read),
		TEST(null_fields_are_as_good_as_absent_ones),
		TEST(a_time_of_zero_is_never_but_the_smallest_fraction_is_not),
		TEST(a_limit_of_zero_is_kept_and_whole_reals_are_limits),
		TEST(a_long_description_is_cut_between_characters),
		TEST(each_fault_is_named_by_entry_id_and_field_and_never_quoted),
		TEST(an_id_that_is_no_good_is_a_fault_and_not_repeated),
		TEST(a_secret_in_the_place_of_the_id_is_replaced_and_never_shown),
		TEST(a_file_that_does_not_exist_is_an_empty_one),
		TEST(what_is_no_key_file_is_refused_by_line_and_without_a_quote),
		TEST(an_entry_that_no_parser_may_read_costs_no_other_entry),
		TEST(nesting_without_end_is_a_fault_of_its_entry),
		TEST(of_two_entries_with_one_hash_the_last_holds),
		TEST(entries_with_one_id_share_the_lower_limit),
		TEST(keys_of_the_environment_are_added_and_the_file_holds_over_them),
		TEST(more_keys_than_allowed_are_refused),
		TEST(a_file_that_everybody_can_read_is_warned_of),
		TEST(an_examples_placeholder_is_warned_of),
		cmocka_unit_test(the_example_is_a_good_key_file_that_lets_nobody_in),
		TEST(a_folder_and_a_fifo_are_refused_without_waiting),
		cmocka_unit_test(
		    times_are_read_with_and_without_zones_and_dates_that_are_none_refused),
		cmocka_unit_test(every_day_of_four_hundred_years_is_written_as_it_is_read),
		cmocka_unit_test(generated_secrets_have_the_promised_form_and_differ),
		TEST(a_hundred_thousand_keys_load_in_a_moment),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	OPENSSL_cleanup();
	return failed;
}
