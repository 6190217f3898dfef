/*
 * Fuzz common/keyfile: whatever the file holds, what is loaded keeps the bounds of
 * struct key, and what is said of faults is a line that can be logged.
 */
#include "tests/fuzz/fuzz_file.h"

#include "common/keyfile.h"

enum { MAX_KEYS = 20 };

static void
check_key(const struct key *k)
{
	FUZZ_CHECK(memchr(k->id, '\0', sizeof(k->id)) != NULL);
	FUZZ_CHECK(k->id[0] != '\0' && fuzz_is_line(k->id));
	FUZZ_CHECK(memchr(k->description, '\0', sizeof(k->description)) != NULL);
	FUZZ_CHECK(k->rate_limit >= KEY_NO_LIMIT);
	FUZZ_CHECK(k->created_ms >= 0 && k->expires_ms >= 0);
	FUZZ_CHECK(k->has_previous || k->previous_expires_ms >= 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct strlist none;
	struct keyset *set = NULL;
	struct errmsg why = { 0 };
	int r = keyfile_load(fuzz_file(data, size), &none, MAX_KEYS, &set, &why);

	FUZZ_CHECK((r == 0) == (set != NULL));
	FUZZ_CHECK(fuzz_is_line(why.text));
	if (set == NULL)
		return 0;
	FUZZ_CHECK(set->n <= MAX_KEYS && !set->missing);
	for (size_t i = 0; i < set->n; i++)
		check_key(&set->v[i]);
	fuzz_check_lines(&set->faults);
	fuzz_check_lines(&set->warnings);
	keyset_destroy(&set);
	return 0;
}
