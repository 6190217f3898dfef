/*
 * The JSON file: one object whose fields are the settings' names in lower case.
 * Runs in whoever calls config_load(). Jansson's error text quotes its input,
 * which may be a secret: only line and column are told.
 */
#include "common/config_source.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <openssl/crypto.h>

#include "common/readfile.h"

enum { FILE_BYTES = 1024 * 1024, NAME_BYTES = 128 };

static bool
is_number_type(enum config_type type)
{
	return type == CONFIG_COUNT || type == CONFIG_SECONDS || type == CONFIG_MS ||
	    type == CONFIG_BYTES || type == CONFIG_BYTES32;
}

/* The text of one JSON value that is no list; NULL when its type does not fit. */
static const char *
scalar_text(const struct config_row *row, const json_t *value, char *room, size_t bytes)
{
	const bool number = is_number_type(row->type), boolean = row->type == CONFIG_BOOL;

	if (json_is_string(value))
		return json_string_value(value);
	if (boolean && json_is_boolean(value))
		return json_is_true(value) ? "true" : "false";
	if ((number || boolean) && json_is_integer(value)) {
		snprintf(room, bytes, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return room;
	}
	return NULL;
}

static void
take_array(struct config_draft *d, const struct config_row *row, const json_t *array,
    struct config_raw *raw, const char *field)
{
	const json_t *item;
	size_t i;

	if (!config_type_is_list(row->type)) {
		config_fault(d, raw->origin, field, "is no list");
		return;
	}
	json_array_foreach(array, i, item)
	{
		const char *text = json_string_value(item);

		if (text == NULL)
			config_fault(d, raw->origin, field, "entry %zu is no string", i);
		else if (text[0] != '\0')
			config_draft_check(d, strlist_add(&raw->items, text));
	}
}

static void
take_scalar(struct config_draft *d, const struct config_row *row, const json_t *value,
    struct config_raw *raw, const char *field)
{
	char room[32];
	const char *text = scalar_text(row, value, room, sizeof(room));

	if (text == NULL)
		config_fault(d, raw->origin, field, "has a JSON type that does not fit");
	else if (config_type_is_list(row->type))
		config_draft_check(d, strlist_split(&raw->items, text));
	else if (text[0] != '\0')
		config_draft_check(d, strlist_add(&raw->items, text));
}

/* The row whose value, or file of a secret, the field names. */
static const struct config_row *
find_field(const char *field, bool *from_file_out)
{
	static const char suffix[] = "_FILE";
	const struct config_row *row;
	char name[NAME_BYTES];
	size_t n;

	*from_file_out = false;
	for (n = 0; field[n] != '\0'; n++) {
		if (n >= sizeof(name) || isupper((unsigned char)field[n]))
			return NULL;
		name[n] = (char)toupper((unsigned char)field[n]);
	}
	row = config_row_find((struct span){ name, n });
	if (row != NULL || n < sizeof(suffix))
		return row;
	n -= sizeof(suffix) - 1;
	row = config_row_find((struct span){ name, n });
	if (row == NULL || !(row->flags & CONFIG_FROM_FILE) ||
	    memcmp(name + n, suffix, sizeof(suffix) - 1) != 0)
		return NULL;
	*from_file_out = true;
	return row;
}

/* Does the field say anything? Null and the empty string count as unset. */
static bool
is_set(const json_t *value)
{
	return value != NULL && !json_is_null(value) &&
	    !(json_is_string(value) && json_string_length(value) == 0);
}

static void
take_secret_file(struct config_draft *d, const struct config_row *row, const json_t *root,
    const char *field, struct config_raw *raw)
{
	const char *path = json_string_value(json_object_get(root, field));
	char plain[NAME_BYTES];
	const int n = snprintf(plain, sizeof(plain), "%s", field);

	plain[n - 5] = '\0'; /* find_field() has seen its "_file" */
	raw->suffix = "_FILE";
	if (path == NULL)
		config_fault(d, raw->origin, field, "has a JSON type that does not fit");
	else if (path[0] != '\0' && is_set(json_object_get(root, plain)))
		config_fault(d, raw->origin, plain, "is set and %s too", field);
	else if (path[0] != '\0')
		config_read_secret(d, row, field, path, raw);
}

static void
take_field(struct config_draft *d, const char *origin, const json_t *root,
    const char *field, const json_t *value)
{
	struct config_raw raw = { .origin = origin, .suffix = "", .lower = true };
	const struct config_row *row;
	bool from_file;

	row = find_field(field, &from_file);
	if (row == NULL) {
		config_fault(d, origin, field, "unknown field");
		return;
	}
	if (json_is_null(value))
		return;
	if (from_file) {
		take_secret_file(d, row, root, field, &raw);
		return;
	}
	if (json_is_array(value))
		take_array(d, row, value, &raw, field);
	else
		take_scalar(d, row, value, &raw, field);
	config_draft_set(d, row, &raw);
}

/* Wipe every string in a tree that is about to be freed. */
static void
wipe(json_t *tree)
{
	const char *key, *text = json_string_value(tree);
	json_t *child;
	size_t i;

	if (text != NULL) /* Jansson's own copy, on the heap: only its view is const */
		OPENSSL_cleanse((void *)(uintptr_t)text, json_string_length(tree));
	json_array_foreach(tree, i, child)
	{
		wipe(child);
	}
	json_object_foreach(tree, key, child)
	{
		wipe(child);
	}
}

static void
take_object(struct config_draft *d, const char *origin, json_t *root)
{
	const char *field;
	json_t *value;

	json_object_foreach(root, field, value)
	{
		take_field(d, origin, root, field, value);
	}
	wipe(root);
}

void
config_read_file(struct config_draft *d, const char *path)
{
	json_error_t e = { .line = -1, .column = -1 };
	char *text = NULL;
	json_t *root;
	size_t n = 0;
	int r;

	r = readfile(path, FILE_BYTES, &text, &n);
	if (r != 0) {
		if (r == -ENOMEM)
			config_draft_check(d, r);
		config_fault(d, path, "file", "%s", err_text(r));
		return;
	}
	root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
	if (root == NULL)
		config_fault(
		    d, path, "file", "is no JSON: line %d, column %d", e.line, e.column);
	else if (!json_is_object(root))
		config_fault(d, path, "file", "is no JSON object");
	else
		take_object(d, path, root);
	json_decref(root);
	readfile_free(&text, n);
}
