/*
 * Reading models.json; see models.h. The list that is built in is etc/models.json as
 * it was when the executable was linked. Faults name the entry and the field.
 */
#include "common/models.h"

#include <errno.h>
#include <stdlib.h>
#include <jansson.h>

#include "common/keyfile_time.h"
#include "common/readfile.h"

enum { MODELS_FILE_MAX = 4 * 1024 * 1024 };

/* Made by the linker from etc/models.json (Makefile). */
extern const char _binary_etc_models_json_start[];
extern const char _binary_etc_models_json_end[];

/* Where in the file we are, for messages. */
struct place {
	const char *file;
	const char *entry; /* "default", or a model's checked id, or number */
	char number[32];   /* "model 3", where the id is not known */
	struct errmsg *why;
};

static int
refuse(const struct place *at, const char *field, const char *what)
{
	errmsg_set(
	    at->why, "MODELS_FILE: %s: %s: %s: %s", at->file, at->entry, field, what);
	return ERR_INVALID;
}

/* A model's name: printable ASCII, no quote and no backslash, so that it can stand
 * everywhere as it is. */
static bool
name_ok(const char *s)
{
	size_t n = 0;

	for (; s[n] != '\0'; n++) {
		if (s[n] <= ' ' || s[n] > '~' || s[n] == '"' || s[n] == '\\')
			return false;
	}
	return n > 0 && n <= MODEL_NAME_MAX;
}

static int
get_name(const struct place *at, const char *field, const json_t *v,
    char out[MODEL_NAME_MAX + 1])
{
	const char *s = json_string_value(v);

	if (s == NULL || !name_ok(s))
		return refuse(at, field,
		    "must be a name of 1 to 63 printable characters, without quotes");
	memcpy(out, s, strlen(s) + 1);
	return 0;
}

/* A whole number of neur, absent: `otherwise`. */
static int
get_neur(const struct place *at, const json_t *price, const char *field,
    uint64_t otherwise, uint64_t *out)
{
	const json_t *v = json_object_get(price, field);

	*out = otherwise;
	if (v == NULL)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return refuse(at, field,
		    "must be a whole number of billionths of a euro, 0 or more");
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

/* A date, UTC midnight; the first day of 1970 is "since ever". */
static int
get_date(const struct place *at, const json_t *v, int64_t *out_ms)
{
	struct span text = span_of(json_string_value(v));

	*out_ms = 0;
	if (span_eq(text, SPAN("1970-01-01")) || keyfile_time_parse(text, out_ms) == 0)
		return 0;
	return refuse(at, "from", "must be a date, as in \"2026-01-31\"");
}

static const char *const price_fields[] = { "from", "prompt_token_neur",
	"cached_token_neur", "cache_write_token_neur", "completion_token_neur",
	"audio_mib_neur", "audio_second_neur" };
static const char *const model_fields[] = { "id", "aliases", "kind", "prices" };
static const char *const file_fields[] = { "comment", "default", "models" };

/* Only fields that are known: a typing error must not make a model free of charge. */
static int
only_fields(const struct place *at, json_t *object, const char *const *names, size_t n)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		size_t i = 0;

		while (i < n && strcmp(key, names[i]) != 0)
			i++;
		if (i == n)
			return refuse(at, name_ok(key) ? key : "a field", "is not known");
	}
	return 0;
}

#define ONLY(at, object, names)                                                          \
	only_fields((at), (object), (names), sizeof(names) / sizeof((names)[0]))

static int
load_price(const struct place *at, json_t *v, struct model_price *p)
{
	int r;

	if (!json_is_object(v))
		return refuse(at, "prices", "must be a list of objects");
	if ((r = ONLY(at, v, price_fields)) != 0 ||
	    (r = get_date(at, json_object_get(v, "from"), &p->from_ms)) != 0 ||
	    (r = get_neur(at, v, "prompt_token_neur", 0, &p->input_neur)) != 0 ||
	    (r = get_neur(
		 at, v, "cached_token_neur", p->input_neur, &p->cache_read_neur)) != 0 ||
	    (r = get_neur(at, v, "cache_write_token_neur", p->input_neur,
		 &p->cache_write_neur)) != 0 ||
	    (r = get_neur(at, v, "completion_token_neur", 0, &p->output_neur)) != 0 ||
	    (r = get_neur(at, v, "audio_mib_neur", 0, &p->mib_neur)) != 0)
		return r;
	return get_neur(at, v, "audio_second_neur", 0, &p->second_neur);
}

static int
load_prices(const struct place *at, const json_t *list, struct model *m)
{
	int r = 0;

	if (!json_is_array(list) || json_array_size(list) == 0 ||
	    json_array_size(list) > MODEL_PRICES_MAX)
		return refuse(at, "prices", "must be a list of 1 to 8 prices");
	for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
		r = load_price(at, json_array_get(list, i), &m->prices[i]);
		if (r == 0 && i > 0 && m->prices[i].from_ms <= m->prices[i - 1].from_ms)
			r = refuse(at, "from", "must be later than the price before");
	}
	m->n_prices = json_array_size(list);
	return r;
}

static int
load_kind(const struct place *at, const json_t *v, uint32_t *out)
{
	static const char *const names[] = { [MODEL_CHAT] = "chat",
		[MODEL_EMBEDDING] = "embedding",
		[MODEL_SPEECH] = "speech",
		[MODEL_OTHER] = "other" };
	const char *s = json_string_value(v);

	for (uint32_t i = 0; s != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(s, names[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	return refuse(at, "kind", "must be chat, embedding, speech or other");
}

static int
load_aliases(const struct place *at, const json_t *list, struct model *m)
{
	int r = 0;

	if (list == NULL)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > MODEL_ALIASES_MAX)
		return refuse(at, "aliases", "must be a list of at most 8 names");
	for (size_t i = 0; i < json_array_size(list) && r == 0; i++)
		r = get_name(at, "aliases", json_array_get(list, i), m->aliases[i]);
	m->n_aliases = (uint32_t)json_array_size(list);
	return r;
}

/* One entry; the default one has no id and no aliases. */
static int
load_model(struct place *at, json_t *v, bool is_default, struct model *m)
{
	int r;

	if (!json_is_object(v))
		return refuse(at, "entry", "must be an object");
	if (!is_default) {
		if ((r = get_name(at, "id", json_object_get(v, "id"), m->id)) != 0)
			return r;
		at->entry = m->id;
	}
	if ((r = ONLY(at, v, model_fields)) != 0 ||
	    (r = load_kind(at, json_object_get(v, "kind"), &m->kind)) != 0 ||
	    (!is_default && (r = load_aliases(at, json_object_get(v, "aliases"), m)) != 0))
		return r;
	return load_prices(at, json_object_get(v, "prices"), m);
}

/* No two models may answer to one name. */
static int
check_unique(struct place *at, const struct models *m)
{
	for (uint64_t i = 1; i <= m->n; i++) {
		at->entry = m->v[i].id;
		if (models_find(m, span_of(m->v[i].id)) != &m->v[i])
			return refuse(at, "id", "stands for another model, too");
		for (uint32_t k = 0; k < m->v[i].n_aliases; k++) {
			if (models_find(m, span_of(m->v[i].aliases[k])) != &m->v[i])
				return refuse(
				    at, "aliases", "one stands for another model, too");
		}
	}
	return 0;
}

static int
load_root(struct place *at, json_t *root, struct models *out)
{
	const json_t *list = json_object_get(root, "models");
	int r;

	memset(out, 0, sizeof(*out));
	at->entry = "file";
	if (!json_is_object(root))
		return refuse(at, "top level", "must be an object");
	if ((r = ONLY(at, root, file_fields)) != 0)
		return r;
	if (!json_is_array(list) || json_array_size(list) > MODELS_MAX)
		return refuse(at, "models", "must be a list of at most 256 models");
	at->entry = "default";
	if ((r = load_model(at, json_object_get(root, "default"), true, &out->v[0])) != 0)
		return r;
	for (size_t i = 0; i < json_array_size(list); i++) {
		(void)snprintf(at->number, sizeof(at->number), "model %zu", i + 1);
		at->entry = at->number;
		r = load_model(at, json_array_get(list, i), false, &out->v[i + 1]);
		if (r != 0)
			return r;
		out->n = i + 1;
	}
	return check_unique(at, out);
}

static int
load_text(
    const char *file, const char *text, size_t n, struct models *out, struct errmsg *why)
{
	struct place at = { .file = file, .why = why };
	json_error_t e;
	json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
	int r;

	if (root == NULL) {
		errmsg_set(why, "MODELS_FILE: %s: no valid JSON at line %d, column %d",
		    file, e.line, e.column);
		return ERR_SYNTAX;
	}
	r = load_root(&at, root, out);
	json_decref(root);
	return r;
}

int
models_load(const char *path, struct models *out, struct errmsg *why)
{
	char *text = NULL;
	size_t n = 0;
	int r;

	if (path == NULL) /* both ends are of one object, though C can't know */
		/* cppcheck-suppress comparePointers */
		return load_text("(built in)", _binary_etc_models_json_start,
		    (size_t)(_binary_etc_models_json_end - _binary_etc_models_json_start),
		    out, why);
	r = readfile(path, MODELS_FILE_MAX, &text, &n);
	if (r != 0) {
		errmsg_set(why, "MODELS_FILE: %s: %s", path, err_text(r));
		return r;
	}
	r = load_text(path, text, n, out, why);
	readfile_free(&text, n);
	return r;
}
