/*
 * Is an answer of the admin API what admin/openapi.json says? Reads as much of JSON Schema
 * as that document uses; a keyword beyond that is no fault of the answer.
 */
#ifndef GATEHOUSE_TESTS_FUZZ_ADMIN_SHAPE_H
#define GATEHOUSE_TESTS_FUZZ_ADMIN_SHAPE_H

#include "tests/fuzz/fuzz_file.h"

#include <jansson.h>

#include "common/span.h"

extern const char _binary_admin_openapi_json_start[];
extern const char _binary_admin_openapi_json_end[];

/* The document; for the life of the process. */
static inline const json_t *
shape_document(void)
{
	static json_t *doc;

	if (doc == NULL)
		doc = json_loadb(_binary_admin_openapi_json_start,
		    (size_t)(_binary_admin_openapi_json_end -
			_binary_admin_openapi_json_start),
		    0, NULL);
	FUZZ_CHECK(doc != NULL);
	return doc;
}

/* What `$ref` stands for, else the value itself. */
static inline const json_t *
shape_follow(const json_t *value)
{
	const char *ref = json_string_value(json_object_get(value, "$ref"));
	const json_t *at = shape_document();
	char name[64];

	if (ref == NULL)
		return value;
	for (ref += 2; at != NULL; ref += strlen(name) + 1) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(ref, "/"), ref);
		at = json_object_get(at, name);
		if (ref[strlen(name)] == '\0')
			break;
	}
	FUZZ_CHECK(at != NULL);
	return at;
}

/* --- paths --- */

static inline bool
shape_path_fits(const char *pattern, struct span path)
{
	size_t i = 0;

	for (; *pattern != '\0' && i < path.n; pattern++) {
		if (*pattern == '{') {
			pattern += strcspn(pattern, "}");
			while (i < path.n && path.p[i] != '/')
				i++;
		} else if (*pattern != path.p[i++]) {
			return false;
		}
	}
	return *pattern == '\0' && i == path.n;
}

/*
 * What is documented of a method (in lower case) and a path that begins with '/', as sent.
 * known_out  the path has another method.
 */
static inline const json_t *
shape_operation(const char *method, struct span path, bool *known_out)
{
	json_t *paths = json_object_get(shape_document(), "paths"), *item;
	const json_t *found = NULL;
	const char *pattern;

	*known_out = false;
	json_object_foreach(paths, pattern, item)
	{
		if (!shape_path_fits(pattern, path))
			continue;
		*known_out = true;
		if (found == NULL)
			found = json_object_get(item, method);
	}
	return found;
}

/* --- values --- */

static inline bool
shape_is_of(const json_t *v, const char *type)
{
	static const struct {
		const char *name;
		json_type type;
	} types[] = { { "object", JSON_OBJECT }, { "array", JSON_ARRAY },
		{ "string", JSON_STRING }, { "integer", JSON_INTEGER },
		{ "number", JSON_INTEGER }, { "number", JSON_REAL },
		{ "boolean", JSON_TRUE }, { "boolean", JSON_FALSE },
		{ "null", JSON_NULL } };

	for (size_t i = 0; type != NULL && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, type) == 0 && json_typeof(v) == types[i].type)
			return true;
	return false;
}

static inline bool
shape_has_type(const json_t *v, const json_t *type)
{
	const json_t *one;
	size_t i;

	if (type == NULL)
		return true;
	if (json_is_string(type))
		return shape_is_of(v, json_string_value(type));
	json_array_foreach(type, i, one)
	{
		if (shape_is_of(v, json_string_value(one)))
			return true;
	}
	return false;
}

static inline bool
shape_is_listed(const json_t *v, const json_t *list)
{
	const json_t *one;
	size_t i;

	if (list == NULL)
		return true;
	json_array_foreach(list, i, one)
	{
		if (json_equal(one, v))
			return true;
	}
	return false;
}

/* A text that stands for a time: 2027-01-31T12:00:00Z, with fractions or not. */
static inline bool
shape_is_time(const char *s)
{
	static const char form[] = "0000-00-00T00:00:00";
	const size_t n = sizeof(form) - 1;

	for (size_t i = 0; i < n; i++)
		if (form[i] == '0' ? s[i] < '0' || s[i] > '9' : s[i] != form[i])
			return false;
	return s[n + strspn(s + n, ".0123456789")] == 'Z';
}

static inline bool shape_fits(const json_t *v, const json_t *schema);

static inline bool
shape_object_fits(const json_t *v, const json_t *schema)
{
	json_t *required = json_object_get(schema, "required"), *name;
	const json_t *known = json_object_get(schema, "properties");
	const json_t *others = json_object_get(schema, "additionalProperties");
	const char *field;
	json_t *value;
	size_t i;

	json_array_foreach(required, i, name)
	{
		if (json_object_get(v, json_string_value(name)) == NULL)
			return false;
	}
	for (void *at = json_object_iter((json_t *)(uintptr_t)v); at != NULL;
	     at = json_object_iter_next((json_t *)(uintptr_t)v, at)) {
		const json_t *of;

		field = json_object_iter_key(at);
		value = json_object_iter_value(at);
		of = json_object_get(known, field);
		of = of != NULL ? of : others;
		if (json_is_false(of) || (json_is_object(of) && !shape_fits(value, of)))
			return false;
	}
	return true;
}

/* Is v as the schema says? What is not is told on stderr. */
static inline bool
shape_fits(const json_t *v, const json_t *schema)
{
	const json_t *s = shape_follow(schema), *items = json_object_get(s, "items"), *one;
	const char *format = json_string_value(json_object_get(s, "format"));
	size_t i;
	bool ok = shape_has_type(v, json_object_get(s, "type")) &&
	    shape_is_listed(v, json_object_get(s, "enum")) &&
	    (!json_is_object(v) || shape_object_fits(v, s));

	if (ok && json_is_string(v) && format != NULL && strcmp(format, "date-time") == 0)
		ok = shape_is_time(json_string_value(v));
	if (ok && json_is_array(v) && items != NULL) {
		json_array_foreach(v, i, one)
		{
			ok = ok && shape_fits(one, items);
		}
	}
	if (!ok) {
		char *text = json_dumps(v, JSON_ENCODE_ANY);

		fprintf(stderr, "not as documented: %s\n", text != NULL ? text : "?");
		free(text);
	}
	return ok;
}

/*
 * Is this answer among those of the operation?
 * type  of its content, without parameters; NULL: no body.
 * body  NULL unless that is JSON.
 */
static inline bool
shape_is_answer(const json_t *operation, int status, const char *type, const json_t *body)
{
	const json_t *answer, *content;
	char digits[16];

	(void)snprintf(digits, sizeof(digits), "%d", status);
	answer = shape_follow(
	    json_object_get(json_object_get(operation, "responses"), digits));
	content = json_object_get(answer, "content");
	if (answer == NULL || (type == NULL) != (content == NULL)) {
		fprintf(stderr, "a status that is not documented: %d\n", status);
		return false;
	}
	if (type == NULL)
		return true;
	content = json_object_get(content, type);
	return content != NULL &&
	    (body == NULL || shape_fits(body, json_object_get(content, "schema")));
}

#endif
