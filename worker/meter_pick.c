/*
 * A state machine over the objects that are looked into. It goes by whole names, values
 * and runs wherever they lie in one piece, and byte by byte where a piece ends in them;
 * both ways lead to the same calls.
 */
#include "worker/meter_pick.h"

#include <string.h>

enum pick_state {
	PICK_AT_ROOT, /* before the document */
	PICK_AT_KEY,  /* behind { or , */
	PICK_AT_COLON,
	PICK_AT_VALUE,
	PICK_AT_NEXT,  /* behind a value */
	PICK_IN_ARRAY, /* behind the [ of a field */
	PICK_IN_KEY,   /* this and the next two are kept in text */
	PICK_IN_STRING,
	PICK_IN_WORD,
	PICK_SKIP_STRING,
	PICK_SKIP_WORD,
	PICK_SKIP_NEST,
	PICK_COMPLETE, /* behind the document */
	PICK_MALFORMED,
};

/* What is being read, and who is told what is found. */
struct source {
	const char *end;
	pick_take_fn take;
	void *arg;
};

void
pick_init(struct pick *k, const struct pick_field *root)
{
	memset(k, 0, sizeof(*k));
	k->root = root;
}

void
pick_again(struct pick *k)
{
	k->state = PICK_AT_ROOT;
	k->level = 0;
	k->nest_from = NULL;
	k->nest_to = NULL;
}

bool
pick_is_complete(const struct pick *k)
{
	return k->state == PICK_COMPLETE;
}

bool
pick_is_over(const struct pick *k)
{
	return k->state >= PICK_COMPLETE;
}

static inline bool
is_space(char c)
{
	return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
}

/* Does c end a number, true, false or null? */
static inline bool
ends_word(char c)
{
	return c <= ',' ? c == ',' || is_space(c) : c == '}' || c == ']';
}

static inline const char *
find_word_end(const char *p, const char *end)
{
	while (p < end && !ends_word(*p))
		p++;
	return p;
}

/* --- telling --- */

static void
tell(const struct pick *k, enum pick_type type, struct span text, bool odd,
    const struct source *s)
{
	const struct pick_value v = { type, text, odd };

	s->take(s->arg, k->field, &v);
}

static void
tell_string(const struct pick *k, struct span text, bool odd, const struct source *s)
{
	odd = odd || !text_is_plain(text);
	tell(k, PICK_STRING, (struct span){ text.p, odd ? 0 : text.n }, odd, s);
}

static void
tell_word(const struct pick *k, struct span text, bool odd, const struct source *s)
{
	enum pick_type type = PICK_NUMBER;

	if (text.n > 0 && text.p[0] >= 'a') {
		if (span_eq(text, SPAN("null")))
			type = PICK_NULL;
		else if (span_eq(text, SPAN("true")))
			type = PICK_TRUE;
		else if (span_eq(text, SPAN("false")))
			type = PICK_FALSE;
	}
	odd = odd || !text_is_plain(text);
	tell(k, type, (struct span){ text.p, odd ? 0 : text.n }, odd, s);
}

/* --- what is skipped --- */

/* The value that ends before p is complete. */
static inline const char *
end_value(struct pick *k, const char *p, const struct source *s)
{
	if (p < s->end && *p == ',') {
		k->state = PICK_AT_KEY;
		return p + 1;
	}
	k->state = PICK_AT_NEXT;
	return p;
}

static inline const char *
skip_string(struct pick *k, const char *p, const struct source *s)
{
	while (p < s->end) {
		if (k->text.escape) {
			k->text.escape = false;
			p++;
			continue;
		}
		p = scan_either(p, s->end, '"', '\\');
		if (p == s->end)
			break;
		if (*p++ == '"')
			return end_value(k, p, s);
		k->text.escape = true;
	}
	return p;
}

static inline const char *
skip_word(struct pick *k, const char *p, const struct source *s)
{
	p = find_word_end(p, s->end);
	return p < s->end ? end_value(k, p, s) : p;
}

static inline const char *
skip_nest(struct pick *k, const char *p, const struct source *s)
{
	p = scan_nest(&k->nest, p, s->end);
	if (k->nest.depth > 0)
		return p;
	if (k->nest_to == NULL)
		k->nest_to = p;
	return end_value(k, p, s);
}

/* Skip the rest of an array or object whose bracket has been read, from p on. */
static void
begin_nest(struct pick *k, const char *p)
{
	if (k->nest_from == NULL)
		k->nest_from = p;
	k->nest = (struct scan_nest){ .depth = 1 };
	k->state = PICK_SKIP_NEST;
}

/* A value that is not looked for begins at p. */
static inline const char *
begin_skip(struct pick *k, const char *p, const struct source *s)
{
	switch (*p) {
	case '"':
		k->text.escape = false;
		k->state = PICK_SKIP_STRING;
		return skip_string(k, p + 1, s);
	case '[':
	case '{': begin_nest(k, p + 1); return skip_nest(k, p + 1, s);
	default: k->state = PICK_SKIP_WORD; return skip_word(k, p, s);
	}
}

/* --- values that are looked for --- */

static inline const char *
begin_string(struct pick *k, const char *p, const struct source *s)
{
	const char *quote = scan_either(p, s->end, '"', '\\');

	if (quote < s->end && *quote == '"') {
		tell_string(k, (struct span){ p, (size_t)(quote - p) }, false, s);
		return end_value(k, quote + 1, s);
	}
	text_begin(&k->text);
	k->state = PICK_IN_STRING;
	return p;
}

static const char *
read_string(struct pick *k, const char *p, const struct source *s)
{
	p = text_read(&k->text, p, s->end);
	if (p == s->end)
		return p;
	tell_string(k, text_span(&k->text), k->text.odd, s);
	return end_value(k, p + 1, s);
}

static inline const char *
begin_word(struct pick *k, const char *p, const struct source *s)
{
	const char *to = find_word_end(p, s->end);

	if (to < s->end) {
		tell_word(k, (struct span){ p, (size_t)(to - p) }, false, s);
		return end_value(k, to, s);
	}
	text_begin(&k->text);
	k->state = PICK_IN_WORD;
	return p;
}

static const char *
read_word(struct pick *k, const char *p, const struct source *s)
{
	const char *to = find_word_end(p, s->end);

	text_add(&k->text, (struct span){ p, (size_t)(to - p) });
	if (to == s->end)
		return to;
	tell_word(k, text_span(&k->text), k->text.odd, s);
	return end_value(k, to, s);
}

/* The field is an object, whose bracket stands before p. */
static void
enter(struct pick *k, const char *p, const struct source *s)
{
	tell(k, PICK_OBJECT, (struct span){ 0 }, false, s);
	if (k->field->in == NULL || k->level == PICK_LEVELS) {
		begin_nest(k, p);
		return;
	}
	k->of[k->level++] = k->field;
	k->state = PICK_AT_KEY;
}

/* The } of the innermost object that is looked into stands before p. */
static const char *
leave(struct pick *k, const char *p, const struct source *s)
{
	k->field = k->of[--k->level];
	tell(k, PICK_OBJECT_END, (struct span){ 0 }, false, s);
	if (k->level > 0)
		return end_value(k, p, s);
	k->state = PICK_COMPLETE;
	return p;
}

/* What is in a field that is an array: something or nothing. */
static const char *
read_array(struct pick *k, const char *p, const struct source *s)
{
	if (*p == ']') {
		tell(k, PICK_ARRAY_EMPTY, (struct span){ 0 }, false, s);
		return end_value(k, p + 1, s);
	}
	tell(k, PICK_ARRAY, (struct span){ 0 }, false, s);
	begin_nest(k, p);
	return p;
}

static inline const char *
begin_value(struct pick *k, const char *p, const struct source *s)
{
	if (k->field == NULL)
		return begin_skip(k, p, s);
	switch (*p) {
	case '"': return begin_string(k, p + 1, s);
	case '[': k->state = PICK_IN_ARRAY; return p + 1;
	case '{': enter(k, p + 1, s); return p + 1;
	default: return begin_word(k, p, s);
	}
}

/* --- names --- */

/* Find the field of that name, whose value comes next. A colon should stand at p. */
static inline const char *
end_key(struct pick *k, struct span name, const char *p, const struct source *s)
{
	const struct pick_fields *in = k->of[k->level - 1]->in;

	k->field = NULL;
	for (size_t i = 0; i < in->n && k->field == NULL; i++)
		if (in->v[i].name.n == name.n && span_eq(in->v[i].name, name))
			k->field = &in->v[i];
	k->state = PICK_AT_COLON;
	if (p < s->end && *p == ':') {
		k->state = PICK_AT_VALUE;
		p++;
	}
	return p;
}

static inline const char *
begin_key(struct pick *k, const char *p, const struct source *s)
{
	const char *quote = scan_either(p, s->end, '"', '\\');

	if (quote < s->end && *quote == '"')
		return end_key(k, (struct span){ p, (size_t)(quote - p) }, quote + 1, s);
	text_begin(&k->text);
	k->state = PICK_IN_KEY;
	return p;
}

static const char *
read_key(struct pick *k, const char *p, const struct source *s)
{
	p = text_read(&k->text, p, s->end);
	return p < s->end ? end_key(k, text_span(&k->text), p + 1, s) : p;
}

/* --- between values --- */

static const char *
malformed(struct pick *k, const struct source *s)
{
	k->state = PICK_MALFORMED;
	return s->end;
}

/* The byte at p stands outside of names and values, and is no space. */
static inline const char *
read_between(struct pick *k, const char *p, const struct source *s)
{
	switch (k->state) {
	case PICK_AT_ROOT:
		if (*p != '{')
			break;
		k->field = k->root;
		enter(k, p + 1, s);
		return p + 1;
	case PICK_AT_KEY:
		if (*p == '"')
			return begin_key(k, p + 1, s);
		return *p == '}' ? leave(k, p + 1, s) : malformed(k, s);
	case PICK_AT_COLON:
		if (*p != ':')
			break;
		k->state = PICK_AT_VALUE;
		return p + 1;
	case PICK_AT_VALUE:
		if (ends_word(*p) || *p == ':')
			break;
		return begin_value(k, p, s);
	case PICK_IN_ARRAY: return read_array(k, p, s);
	default: /* PICK_AT_NEXT */
		if (*p == ',')
			return end_value(k, p, s);
		return *p == '}' ? leave(k, p + 1, s) : malformed(k, s);
	}
	return malformed(k, s);
}

void
pick_feed(struct pick *k, struct span data, pick_take_fn take, void *arg)
{
	const struct source s = { data.p + data.n, take, arg };
	const char *p = data.p;

	while (p < s.end) {
		switch ((enum pick_state)k->state) {
		case PICK_AT_ROOT:
		case PICK_AT_KEY:
		case PICK_AT_COLON:
		case PICK_AT_VALUE:
		case PICK_AT_NEXT:
		case PICK_IN_ARRAY:
			p = is_space(*p) ? p + 1 : read_between(k, p, &s);
			break;
		case PICK_IN_KEY: p = read_key(k, p, &s); break;
		case PICK_IN_STRING: p = read_string(k, p, &s); break;
		case PICK_IN_WORD: p = read_word(k, p, &s); break;
		case PICK_SKIP_STRING: p = skip_string(k, p, &s); break;
		case PICK_SKIP_WORD: p = skip_word(k, p, &s); break;
		case PICK_SKIP_NEST: p = skip_nest(k, p, &s); break;
		case PICK_COMPLETE:
		case PICK_MALFORMED: return;
		}
	}
}
