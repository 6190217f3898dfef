/*
 * All numbers are taken as reals, for the proxy kept integers of any size. A record's id is
 * a hash of what it says and of how many like it stood before it, so two requests that
 * look alike are two, and the file may be read again at any length.
 */
#include "admin/usage_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "admin/usage_id.h"
#include "common/keyfile_time.h"
#include "common/readfile.h"
#include "common/usage.h"

enum { HOUR_MS = 3600 * 1000, FIELD_NAMES = 3 };

#define MS_FROM 1e11   /* times from here on are in milliseconds */
#define AUDIO_MAX 1e15 /* bytes */
#define COST_MAX 1e9   /* euros */
#define OTHER "other"

struct usage_file {
	json_t *root; /* holds the names */
	struct ledger_import *v;
	uint8_t (*ids)[USAGE_ID_BYTES];
	size_t n, cap;
	size_t odd;
};

/* Where a reading stands, for what is said of a fault. */
struct place {
	struct usage_file *f;
	const char *path;
	const char *what; /* "records" or "keys": which list the entry is in */
	size_t entry;
	int64_t now_ms;
	struct errmsg *why;
};

static int
fault(const struct place *p, const char *field, const char *text)
{
	errmsg_set(p->why, "%s: %s[%zu]: %s%s%s", p->path, p->what, p->entry, field,
	    field[0] != '\0' ? ": " : "", text);
	return ERR_INVALID;
}

/* --- fields --- */

/* The first of a field's names that the entry has; NULL, and names[0], if none. */
static const json_t *
field_of(const json_t *entry, const char *const names[FIELD_NAMES], const char **name_out)
{
	*name_out = names[0];
	for (size_t i = 0; i < FIELD_NAMES && names[i] != NULL; i++) {
		const json_t *value = json_object_get(entry, names[i]);

		if (value != NULL && !json_is_null(value)) {
			*name_out = names[i];
			return value;
		}
	}
	return NULL;
}

/* A number of at most max, in units of 1 / scale; nonsense counts as 0. */
static int
take_number(const struct place *p, const json_t *entry,
    const char *const names[FIELD_NAMES], double max, double *out)
{
	const char *name;
	const json_t *value = field_of(entry, names, &name);

	*out = 0;
	if (value == NULL)
		return 0;
	if (!json_is_number(value))
		return fault(p, name, "must be a number");
	*out = json_number_value(value);
	if (isfinite(*out) && *out >= 0 && *out <= max)
		return 0;
	*out = 0;
	p->f->odd++;
	return 0;
}

static int
take_count(const struct place *p, const json_t *entry,
    const char *const names[FIELD_NAMES], double max, int64_t *out)
{
	double v;
	int r = take_number(p, entry, names, max, &v);

	if (r == 0 && v != floor(v)) {
		v = 0;
		p->f->odd++;
	}
	*out = (int64_t)v;
	return r;
}

/* Euros as they are written, in billionths: by their digits, for money is no float here. */
static int64_t
neur_of(double euros)
{
	char text[48];
	int64_t v = 0;

	(void)snprintf(text, sizeof(text), "%.9f", euros);
	for (const char *c = text; *c != '\0'; c++)
		if (*c >= '0' && *c <= '9')
			v = v * 10 + (*c - '0');
	return v;
}

static int
take_name(const struct place *p, const json_t *entry, const char *field,
    const char *absent, const char **out)
{
	const json_t *value = json_object_get(entry, field);

	*out = absent;
	if (value == NULL || json_is_null(value))
		return absent != NULL ? 0 : fault(p, field, "is missing");
	if (!json_is_string(value))
		return fault(p, field, "must be a text");
	if (json_string_length(value) > LEDGER_NAME_MAX)
		return fault(p, field, "is too long");
	if (json_string_length(value) > 0)
		*out = json_string_value(value);
	return *out != NULL ? 0 : fault(p, field, "is empty");
}

static int
take_time(const struct place *p, const json_t *entry, bool needed, int64_t *ms_out)
{
	static const char *const names[FIELD_NAMES] = { "timestamp", "time", "ts" };
	const char *name;
	const json_t *value = field_of(entry, names, &name);
	double v;

	*ms_out = p->now_ms;
	if (value == NULL)
		return needed ? fault(p, name, "is missing") : 0;
	if (json_is_string(value)) {
		const struct span text = span_of(json_string_value(value));

		return keyfile_time_parse(text, ms_out) == 0
		    ? 0
		    : fault(p, name, "is no time");
	}
	if (!json_is_number(value))
		return fault(p, name, "must be a time");
	v = json_number_value(value);
	v = v < MS_FROM ? v * 1000 : v;
	if (!isfinite(v) || v <= 0 || v > (double)KEYFILE_TIME_MAX_MS)
		return fault(p, name, "is no time");
	*ms_out = (int64_t)v;
	return 0;
}

static int
take_counters(const struct place *p, const json_t *entry, struct ledger_counters *c)
{
	static const char *const input[FIELD_NAMES] = { "prompt_tokens", "input_tokens" };
	static const char *const output[FIELD_NAMES] = { "completion_tokens",
		"output_tokens" };
	static const char *const all[FIELD_NAMES] = { "total_tokens", "tokens" };
	static const char *const audio[FIELD_NAMES] = { "audio_bytes" };
	static const char *const cost[FIELD_NAMES] = { "cost_eur", "cost" };
	int64_t total;
	double euros;
	int r;

	*c = (struct ledger_counters){ 0 };
	if ((r = take_count(p, entry, input, (double)USAGE_TOKENS_MAX,
		 &c->v[LEDGER_INPUT_TOKENS])) != 0 ||
	    (r = take_count(p, entry, output, (double)USAGE_TOKENS_MAX,
		 &c->v[LEDGER_OUTPUT_TOKENS])) != 0 ||
	    (r = take_count(p, entry, all, 2.0 * (double)USAGE_TOKENS_MAX, &total)) != 0 ||
	    (r = take_count(p, entry, audio, AUDIO_MAX, &c->v[LEDGER_AUDIO_BYTES])) != 0 ||
	    (r = take_number(p, entry, cost, COST_MAX, &euros)) != 0)
		return r;
	total -= c->v[LEDGER_INPUT_TOKENS] + c->v[LEDGER_OUTPUT_TOKENS];
	if (total > 0)
		c->v[LEDGER_INPUT_TOKENS] += total;
	c->v[LEDGER_COST_NEUR] = neur_of(euros);
	return 0;
}

/* --- records --- */

static int
grow(struct usage_file *f)
{
	const size_t cap = f->cap != 0 ? 2 * f->cap : 256;
	struct ledger_import *v = realloc(f->v, cap * sizeof(*v));
	uint8_t(*ids)[USAGE_ID_BYTES];

	if (v == NULL)
		return -ENOMEM;
	f->v = v;
	ids = realloc(f->ids, cap * sizeof(*ids));
	if (ids == NULL)
		return -ENOMEM;
	f->ids = ids;
	f->cap = cap;
	return 0;
}

static int
add_record(const struct place *p, struct ledger_import *v, int64_t ms)
{
	struct usage_file *f = p->f;
	int r = f->n == f->cap ? grow(f) : 0;

	if (r != 0) {
		errmsg_set(p->why, "%s: %s", p->path, err_text(r));
		return r;
	}
	v->key.hour = (uint32_t)(ms / HOUR_MS);
	usage_id_hash(v, ms, f->ids[f->n]);
	f->v[f->n++] = *v;
	return 0;
}

/* One request. */
static int
take_record(const struct place *p, const json_t *entry)
{
	struct ledger_import v = { .grows = false };
	int64_t ms;
	int r;

	if (!json_is_object(entry))
		return fault(p, "", "must be an object");
	if ((r = take_time(p, entry, true, &ms)) != 0 ||
	    (r = take_name(p, entry, "key_id", NULL, &v.key.key_id)) != 0 ||
	    (r = take_name(p, entry, "model", OTHER, &v.key.model)) != 0 ||
	    (r = take_name(p, entry, "endpoint", OTHER, &v.key.endpoint)) != 0 ||
	    (r = take_counters(p, entry, &v.counters)) != 0)
		return r;
	v.counters.v[LEDGER_REQUESTS] = 1;
	return add_record(p, &v, ms);
}

static int
take_list(struct place *p, const json_t *list)
{
	int r = 0;

	p->what = "records";
	for (p->entry = 0; r == 0 && p->entry < json_array_size(list); p->entry++)
		r = take_record(p, json_array_get(list, p->entry));
	return r;
}

/* A key's total, of one model or of all. */
static int
take_total(
    const struct place *p, const char *key_id, const char *model, const json_t *entry)
{
	static const char *const requests[FIELD_NAMES] = { "requests" };
	struct ledger_import v = { .key = { .key_id = key_id, .model = model },
		.grows = true };
	int64_t ms;
	int r;

	if (!json_is_object(entry))
		return fault(p, "by_model", "must be an object of objects");
	if (strlen(key_id) > LEDGER_NAME_MAX || strlen(model) > LEDGER_NAME_MAX)
		return fault(p, "", "a name is too long");
	if ((r = take_time(p, entry, false, &ms)) != 0 ||
	    (r = take_name(p, entry, "endpoint", OTHER, &v.key.endpoint)) != 0 ||
	    (r = take_counters(p, entry, &v.counters)) != 0 ||
	    (r = take_count(p, entry, requests, (double)USAGE_TOKENS_MAX,
		 &v.counters.v[LEDGER_REQUESTS])) != 0)
		return r;
	return add_record(p, &v, ms);
}

static int
take_key(const struct place *p, const char *key_id, const json_t *entry)
{
	json_t *models = json_object_get(entry, "by_model");
	const char *model;
	json_t *part;
	int r = 0;

	if (!json_is_object(entry))
		return fault(p, "", "neither `records` nor totals of a key");
	if (models == NULL)
		return take_total(p, key_id, OTHER, entry);
	if (!json_is_object(models))
		return fault(p, "by_model", "must be an object of objects");
	json_object_foreach(models, model, part)
	{
		r = take_total(p, key_id, model, part);
		if (r != 0)
			break;
	}
	return r;
}

static int
take_totals(struct place *p, json_t *root)
{
	const char *key_id;
	json_t *entry;
	int r = 0;

	p->what = "keys";
	p->entry = 0;
	json_object_foreach(root, key_id, entry)
	{
		r = take_key(p, key_id, entry);
		if (r != 0)
			break;
		p->entry++;
	}
	return r;
}

static int
take_root(struct place *p, json_t *root)
{
	const json_t *records = json_object_get(root, "records");

	if (json_is_array(root))
		return take_list(p, root);
	if (json_is_array(records))
		return take_list(p, records);
	if (records == NULL && json_is_object(root))
		return take_totals(p, root);
	errmsg_set(p->why, "%s: %s", p->path,
	    records != NULL ? "records: must be a list"
			    : "neither a list nor an object: no usage file");
	return ERR_INVALID;
}

/* --- reading it --- */

static int
parse(struct place *p, const char *text, size_t n)
{
	json_error_t e;
	int r;

	p->f->root = json_loadb(text, n, JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY, &e);
	if (p->f->root == NULL) {
		errmsg_set(p->why, "%s: no JSON at line %d, column %d", p->path, e.line,
		    e.column);
		return ERR_SYNTAX;
	}
	r = take_root(p, p->f->root);
	if (r == 0 && (r = usage_id_number(p->f->ids, p->f->v, p->f->n)) != 0)
		errmsg_set(p->why, "%s: %s", p->path, err_text(r));
	return r;
}

int
usage_file_load(
    const char *path, int64_t now_ms, struct usage_file **out, struct errmsg *why)
{
	struct usage_file *f = calloc(1, sizeof(*f));
	struct place p = { .f = f, .path = path, .now_ms = now_ms, .why = why };
	char *text = NULL;
	size_t n = 0;
	int r = f != NULL ? readfile(path, USAGE_FILE_MAX, &text, &n) : -ENOMEM;

	if (r != 0)
		errmsg_set(why, "%s: %s", path, err_text(r));
	else
		r = parse(&p, text, n);
	if (r == 0) {
		*out = f;
		f = NULL;
	}
	readfile_free(&text, n);
	usage_file_destroy(&f);
	return r;
}

void
usage_file_destroy(struct usage_file **fp)
{
	struct usage_file *f = *fp;

	if (f == NULL)
		return;
	json_decref(f->root);
	free(f->v);
	free(f->ids);
	free(f);
	*fp = NULL;
}

size_t
usage_file_count(const struct usage_file *f)
{
	return f->n;
}

const struct ledger_import *
usage_file_records(const struct usage_file *f)
{
	return f->v;
}

size_t
usage_file_odd(const struct usage_file *f)
{
	return f->odd;
}
