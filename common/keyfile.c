/*
 * Loading the key file and API_KEYS into a set (CONTRACT section 3). Runs in the
 * master, at start and reload, and in the CLI. Nothing is logged here: faults and
 * warnings go into the set, and the caller decides. The rule: the text of a fault
 * has the file, the entry's number and id, and the field, never a value.
 */
#include "common/keyfile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "common/keyfile_doc.h"
#include "common/keyfile_entry.h"
#include "common/keyfile_index.h"

enum { WARNINGS_MAX = 50, SECRET_RANDOM_BYTES = 32 };

/* A load in progress. */
struct load {
	const char *path;
	struct keyset *set;
	uint32_t *number;   /* of set->v[i]'s entry in the file, from 1; 0: of API_KEYS */
	size_t warnings;    /* the left out ones too */
	size_t plain;       /* entries in plain text */
	size_t plain_first; /* number of the first of them */
};

int
key_generate(char out[KEY_SECRET_BYTES + 1])
{
	unsigned char random[SECRET_RANDOM_BYTES], text[SECRET_RANDOM_BYTES / 3 * 4 + 5];

	if (RAND_bytes(random, sizeof(random)) != 1) {
		ERR_clear_error();
		return ERR_TLS;
	}
	EVP_EncodeBlock(text, random, sizeof(random)); /* 43 characters and one '=' */
	memcpy(out, "pm_", 3);
	for (size_t i = 3; i < KEY_SECRET_BYTES; i++) {
		char c = (char)text[i - 3];

		out[i] = (char)(c == '+' ? '-' : c == '/' ? '_' : c);
	}
	out[KEY_SECRET_BYTES] = '\0';
	OPENSSL_cleanse(random, sizeof(random));
	OPENSSL_cleanse(text, sizeof(text));
	return 0;
}

void
keyset_destroy(struct keyset **set)
{
	struct keyset *s = *set;

	if (s == NULL)
		return;
	if (s->v != NULL)
		OPENSSL_cleanse(s->v, s->n * sizeof(*s->v));
	free(s->v);
	strlist_free(&s->faults);
	strlist_free(&s->warnings);
	free(s);
	*set = NULL;
}

/* Add a warning, or count it when there are many already. */
static int PRINTF_LIKE(2, 3) warn(struct load *ld, const char *fmt, ...)
{
	char text[sizeof(struct errmsg)];
	va_list ap;

	if (++ld->warnings > WARNINGS_MAX)
		return 0;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return strlist_add(&ld->set->warnings, text);
}

/* Name an entry by its number and, when good, its id. */
static void
entry_name(size_t number, const char *id, struct errmsg *out)
{
	if (number == 0)
		errmsg_set(out, "API_KEYS (key_id \"%s\")", id);
	else if (id[0] == '\0')
		errmsg_set(out, "entry %zu", number);
	else
		errmsg_set(out, "entry %zu (key_id \"%s\")", number, id);
}

static int
fault(struct load *ld, size_t number, const char *id, const char *what)
{
	struct errmsg name, line;

	entry_name(number, id, &name);
	errmsg_set(&line, "%s: %s: %s", ld->path, name.text, what);
	return strlist_add(&ld->set->faults, line.text);
}

static int
warn_of_notes(struct load *ld, size_t number, const char *id, unsigned notes)
{
	struct errmsg name;
	int r = 0;

	if (notes == 0)
		return 0;
	entry_name(number, id, &name);
	if (notes & KEYFILE_NOTE_PLAIN && ld->plain++ == 0)
		ld->plain_first = number;
	if (notes & KEYFILE_NOTE_PLACEHOLDER)
		r = warn(ld, "%s: %s: key_hash is an example's placeholder", ld->path,
		    name.text);
	if (r == 0 && notes & KEYFILE_NOTE_SECRET_ID)
		r = warn(ld,
		    "%s: %s: its key_id is a secret, and ids are shown and logged: "
		    "the beginning of the hash is its id instead",
		    ld->path, name.text);
	return r;
}

static int
add_entry(struct load *ld, size_t number, const json_t *entry)
{
	struct keyset *set = ld->set;
	struct key *k = &set->v[set->n];
	unsigned notes;
	const char *what = keyfile_entry_parse(entry, k, &notes);

	if (what != NULL)
		return fault(ld, number, k->id, what);
	ld->number[set->n++] = (uint32_t)number;
	return warn_of_notes(ld, number, k->id, notes);
}

static int
add_entries(struct load *ld, const struct keyfile_doc *doc)
{
	size_t flaws = 0; /* taken */
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_array_size(doc->keys); i++) {
		const struct keyfile_flaw *flaw;
		struct errmsg what;

		if (flaws == doc->n_flaws || doc->flaws[flaws].entry != i) {
			r = add_entry(ld, i + 1, json_array_get(doc->keys, i));
			continue;
		}
		flaw = &doc->flaws[flaws++];
		errmsg_set(&what, "line %d: %s", flaw->line, flaw->what);
		r = fault(ld, i + 1, "", what.text);
	}
	return r;
}

/* Those of the environment come first, so that the file holds where both have a key. */
static void
add_api_keys(struct load *ld, const struct strlist *api_keys)
{
	for (size_t i = 0; i < api_keys->n; i++) {
		struct key *k = &ld->set->v[ld->set->n++];

		*k = (struct key){ .enabled = true, .rate_limit = KEY_NO_LIMIT };
		snprintf(k->id, sizeof(k->id), "env_key_%zu", i);
		key_hash(api_keys->v[i], strlen(api_keys->v[i]), k->hash);
	}
}

/* Take out of the set each key whose hash comes again further on. */
static int
drop_doubled_hashes(struct load *ld, uint32_t *place)
{
	struct keyset *set = ld->set;
	size_t kept = 0;
	int r = keyfile_index_hashes(set, place);

	for (size_t i = 0; r == 0 && i < set->n; i++) {
		struct errmsg first, last;

		if (place[i] == i) {
			if (kept != i) {
				set->v[kept] = set->v[i];
				ld->number[kept] = ld->number[i];
			}
			kept++;
			continue;
		}
		entry_name(ld->number[i], set->v[i].id, &first);
		entry_name(ld->number[place[i]], set->v[place[i]].id, &last);
		r = warn(ld, "%s: %s is the same key as %s, which holds", ld->path,
		    first.text, last.text);
	}
	if (r != 0)
		return r;
	OPENSSL_cleanse(&set->v[kept], (set->n - kept) * sizeof(*set->v));
	set->n = kept;
	return 0;
}

static bool
limit_less(int64_t a, int64_t b)
{
	return a != KEY_NO_LIMIT && (b == KEY_NO_LIMIT || a < b);
}

/* Keys with one id share one window: the lowest of their limits is for all. */
static int
share_limits(struct load *ld, uint32_t *first)
{
	struct keyset *set = ld->set;
	int r = keyfile_index_ids(set, first);

	for (size_t i = 0; r == 0 && i < set->n; i++) {
		struct key *shared = &set->v[first[i]];
		struct errmsg name;

		if (first[i] == i)
			continue;
		if (limit_less(set->v[i].rate_limit, shared->rate_limit))
			shared->rate_limit = set->v[i].rate_limit;
		entry_name(ld->number[i], set->v[i].id, &name);
		r = warn(ld,
		    "%s: %s has the key_id of an entry before it: they share counts and "
		    "the lower limit",
		    ld->path, name.text);
	}
	for (size_t i = 0; r == 0 && i < set->n; i++)
		set->v[i].rate_limit = set->v[first[i]].rate_limit;
	return r;
}

static int
warn_of_mode(struct load *ld, mode_t mode)
{
	if ((mode & (S_IROTH | S_IWOTH)) == 0)
		return 0;
	return warn(ld,
	    "%s: everybody on this machine may %s it (mode %04o): chmod o-rwx it",
	    ld->path, mode & S_IWOTH ? "write" : "read", (unsigned)mode & 07777);
}

/* Read and parse the file; one that does not exist is an empty document. */
static int
load_doc(struct load *ld, struct keyfile_doc *doc, struct errmsg *why)
{
	struct keyfile_text text = { 0 };
	int fd = -1, r = keyfile_open(ld->path, &fd, why);

	if (r == -ENOENT) {
		ld->set->missing = true;
		return warn(ld, "%s: does not exist: no keys from there", ld->path);
	}
	if (r == 0)
		r = keyfile_read(fd, ld->path, &text, why);
	if (r == 0)
		r = warn_of_mode(ld, text.st.st_mode);
	if (r == 0)
		r = keyfile_doc_parse_lenient(&text, ld->path, doc, why);
	keyfile_text_free(&text);
	if (fd != -1)
		close(fd);
	return r;
}

static int
load_keys(struct load *ld, const struct keyfile_doc *doc, const struct strlist *api_keys)
{
	int r;

	add_api_keys(ld, api_keys);
	if ((r = add_entries(ld, doc)) != 0)
		return r;
	if (ld->plain > 0)
		r = warn(ld,
		    "%s: %zu of its keys stand in plain text, the first in entry %zu: an "
		    "edit with `gatehouse keys` replaces them by their hashes",
		    ld->path, ld->plain, ld->plain_first);
	return r;
}

static int
finish(struct load *ld, size_t n)
{
	uint32_t *place = calloc(n + 1, sizeof(*place));
	int r = -ENOMEM;

	if (place != NULL && (r = drop_doubled_hashes(ld, place)) == 0)
		r = share_limits(ld, place);
	free(place);
	if (r == 0 && ld->warnings > WARNINGS_MAX) {
		size_t more = ld->warnings - WARNINGS_MAX;

		ld->warnings = 0;
		r = warn(ld, "%s: and %zu more warnings", ld->path, more);
	}
	return r;
}

int
keyfile_load(const char *path, const struct strlist *api_keys, size_t max_keys,
    struct keyset **set_out, struct errmsg *why)
{
	static const struct strlist none = { 0 };
	struct keyset *set = calloc(1, sizeof(*set));
	struct load ld = { .path = path, .set = set };
	struct keyfile_doc doc = { 0 };
	size_t n = 0;
	int r = -ENOMEM;

	api_keys = api_keys != NULL ? api_keys : &none;
	errmsg_set(why, "%s: %s", path, err_text(-ENOMEM));
	if (set == NULL || (r = load_doc(&ld, &doc, why)) != 0)
		goto out;
	n = json_array_size(doc.keys) + api_keys->n;
	if (n > max_keys) {
		errmsg_set(why, "%s: more keys than MAX_KEYS (%zu)", path, max_keys);
		r = ERR_FULL;
		goto out;
	}
	r = -ENOMEM;
	set->v = calloc(n + 1, sizeof(*set->v));
	ld.number = calloc(n + 1, sizeof(*ld.number));
	if (set->v == NULL || ld.number == NULL ||
	    (r = load_keys(&ld, &doc, api_keys)) != 0 || (r = finish(&ld, n)) != 0)
		goto out;
	*set_out = set;
	set = NULL; /* given to the caller */
out:
	keyset_destroy(&set);
	free(ld.number);
	keyfile_doc_free(&doc);
	return r;
}
