/*
 * One entry of a key file: JSON to struct key, and back in the seed's own form.
 * Used by keyfile.c (load) and keyfile_edit.c. No text that comes out of here
 * holds a value that could be a secret.
 */
#ifndef GATEHOUSE_COMMON_KEYFILE_ENTRY_H
#define GATEHOUSE_COMMON_KEYFILE_ENTRY_H

#include <jansson.h>

#include "common/err.h"
#include "common/keyfile.h"

enum { KEY_HASH_HEX = 2 * KEY_HASH_BYTES };

/* What a good entry deserves a warning for. */
enum keyfile_note {
	KEYFILE_NOTE_PLAIN = 1, /* holds its secret in plain text */
	KEYFILE_NOTE_PLACEHOLDER =
	    2, /* the hash is one digit over and over: an example's */
	KEYFILE_NOTE_SECRET_ID = 4, /* key_id was the secret: replaced by the default id */
};

/*
 * Read one entry.
 * entry     borrowed.
 * out       filled on 0. On a fault out->id is the entry's key_id when that was
 *           good, else empty; nothing else may be used.
 * notes_out enum keyfile_note, or-ed.
 * Returns NULL when the entry is good, else a constant text "FIELD what is wrong".
 */
const char *keyfile_entry_parse(
    const json_t *entry, struct key *out, unsigned *notes_out) MUSTCHECK;

/*
 * The entry in the seed's form: key_id and key_hash instead of plain text,
 * `description` instead of `name`, times as numbers. Order and unknown fields stay.
 * k        what keyfile_entry_parse() made of entry.
 * out      a new object, the caller's; set on 0 only.
 * Returns 0 or -ENOMEM.
 */
int keyfile_entry_rewrite(json_t *entry, const struct key *k, json_t **out) MUSTCHECK;

/* A time as it is written: null for 0, else seconds. NULL when memory is short. */
json_t *keyfile_entry_time(int64_t ms);

/* The hash in lower-case hex, NUL-terminated. */
void keyfile_entry_hex(const uint8_t hash[KEY_HASH_BYTES], char out[KEY_HASH_HEX + 1]);

/* Give k the id that an entry without one has: the first 8 hex digits of its hash. */
void keyfile_entry_default_id(struct key *k);

/* Wipe the plain-text secrets of an entry before it is freed. entry may be anything. */
void keyfile_entry_wipe(json_t *entry);

/* NULL when id is a good key_id, else what is wrong, as above. */
const char *keyfile_entry_check_id(const char *id, size_t n) MUSTCHECK;

#endif
