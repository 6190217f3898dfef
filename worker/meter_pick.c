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
	PICK_AT_NEXT, /* behind a value */
	PICK_IN_KEY,  /* these three are kept in text */
	PICK_IN_STRING,
	PICK_IN_WORD,
	PICK_IN_ARRAY, /* behind the [ of a field */
	PICK_SKIP_STRING,
	PICK_SKIP_WORD,
	PICK_SKIP_NEST,
	PICK_COMPLETE, /* behind the document */
	PICK_MALFORMED,
};

/* Who is told what is found. */
struct listener {
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
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* --- telling --- */

static void
tell(struct pick *k, enum pick_type type, struct span text, bool odd, struct listener to)
{
	const struct pick_value v = { .type = type, .text = text, .odd = odd };

	to.take(to.arg, k->field, &v);
}

static void
tell_type(struct pick *k, enum pick_type type, struct listener to)
{
	tell(k, type, (struct span){ 0 }, false, to);
}

static bool
is_printable(struct span text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < ' ' || text.p[i] > '~')
			return false;
	return true;
}

static void
tell_string(struct pick *k, struct span text, bool odd, struct listener to)
{
	odd = odd || text.n > PICK_TEXT_MAX || !is_printable(text);
	if (odd)
		text = (struct span){ 0 };
	tell(k, PICK_STRING, text, odd, to);
}

static void
tell_word(struct pick *k, struct span text, bool odd, struct listener to)
{
	enum pick_type type = PICK_NUMBER;

	odd = odd || text.n > PICK_TEXT_MAX;
	if (span_eq(text, SPAN("null")))
		type = PICK_NULL;
	else if (span_eq(text, SPAN("true")))
		type = PICK_TRUE;
	else if (span_eq(text, SPAN("false")))
		type = PICK_FALSE;
	if (odd)
		text = (struct span){ 0 };
	tell(k, type, text, odd, to);
}

/* --- names and values that are kept --- */

/* Find the field of that name; its value comes next. */
static inline void
look_up(struct pick *k, struct span name)
{
	const struct pick_fields *in = k->of[k->level - 1]->in;

	k->field = NULL;
	for (size_t i = 0; i < in->n; i++)
		if (span_eq(in->v[i].name, name))
			k->field = &in->v[i];
	k->state = PICK_AT_COLON;
}

static void
text_begin(struct pick *k, enum pick_state state)
{
	k->state = state;
	k->text_n = 0;
	k->odd = false;
	k->escape = false;
	k->hex = 0;
}

static void
text_add(struct pick *k, unsigned c)
{
	if (c < ' ' || c > '~' || k->text_n == PICK_TEXT_MAX)
		k->odd = true;
	else
		k->text[k->text_n++] = (char)c;
}

static struct span
text_kept(const struct pick *k)
{
	return (struct span){ k->text, k->text_n };
}

/* A byte behind a backslash. */
static void
text_add_escape(struct pick *k, char c)
{
	k->escape = false;
	if (c == 'u') {
		k->hex = 4;
		k->code = 0;
	} else if (c == '"' || c == '\\' || c == '/') {
		text_add(k, (unsigned char)c);
	} else {
		k->odd = true; /* control characters, or no escape at all */
	}
}

/* A byte of \uXXXX. Returns false if it is no hexadecimal digit: then it counts anew. */
static bool
text_add_hex(struct pick *k, char c)
{
	unsigned digit;

	if (c >= '0' && c <= '9')
		digit = (unsigned)(c - '0');
	else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		digit = (unsigned)((c | 0x20) - 'a') + 10;
	else
		digit = 16;
	if (digit == 16) {
		k->hex = 0;
		k->odd = true;
		return false;
	}
	k->code = (uint16_t)(k->code << 4 | digit);
	if (--k->hex == 0)
		text_add(k, k->code);
	return true;
}

static void
text_end(struct pick *k, struct listener to)
{
	if (k->state == PICK_IN_KEY) {
		look_up(k, k->odd ? (struct span){ 0 } : text_kept(k));
		return;
	}
	tell_string(k, text_kept(k), k->odd, to);
	k->state = PICK_AT_NEXT;
}

/* Keep bytes of a string up to its quote. */
static const char *
read_text(struct pick *k, const char *p, const char *end, struct listener to)
{
	for (; p < end; p++) {
		if (k->hex > 0 && text_add_hex(k, *p))
			continue;
		if (k->escape) {
			text_add_escape(k, *p);
			continue;
		}
		if (k->odd && (p = scan_either(p, end, '"', '\\')) == end)
			break;
		if (*p == '"') {
			text_end(k, to);
			return p + 1;
		}
		if (*p == '\\')
			k->escape = true;
		else
			text_add(k, (unsigned char)*p);
	}
	return p;
}

/* Read a key or a string from the byte behind its first quote on. */
static inline const char *
begin_text(struct pick *k, enum pick_state state, const char *p, const char *end,
    struct listener to)
{
	const char *quote = scan_either(p, end, '"', '\\');
	const struct span whole = { p, (size_t)(quote - p) };

	if (quote == end || *quote != '"') {
		text_begin(k, state);
		return p;
	}
	if (state == PICK_IN_KEY) {
		look_up(k, whole);
	} else {
		tell_string(k, whole, false, to);
		k->state = PICK_AT_NEXT;
	}
	return quote + 1;
}

static inline bool
ends_word(char c)
{
	return c == ',' || c == '}' || c == ']' || is_space(c);
}

static const char *
read_word(struct pick *k, const char *p, const char *end, struct listener to)
{
	for (; p < end && !ends_word(*p); p++)
		text_add(k, (unsigned char)*p);
	if (p < end) {
		tell_word(k, text_kept(k), k->odd, to);
		k->state = PICK_AT_NEXT;
	}
	return p;
}

/* --- what is skipped --- */

static inline const char *
skip_string(struct pick *k, const char *p, const char *end)
{
	while (p < end) {
		if (k->escape) {
			k->escape = false;
			p++;
			continue;
		}
		p = scan_either(p, end, '"', '\\');
		if (p == end)
			break;
		if (*p++ == '"') {
			k->state = PICK_AT_NEXT;
			break;
		}
		k->escape = true;
	}
	return p;
}

static inline const char *
skip_word(struct pick *k, const char *p, const char *end)
{
	while (p < end && !ends_word(*p))
		p++;
	if (p < end)
		k->state = PICK_AT_NEXT;
	return p;
}

static inline const char *
skip_nest(struct pick *k, const char *p, const char *end)
{
	p = scan_nest(&k->nest, p, end);
	if (k->nest.depth == 0)
		k->state = PICK_AT_NEXT;
	return p;
}

/* Skip the rest of an array or object whose bracket has been read. */
static void
begin_nest(struct pick *k)
{
	k->nest = (struct scan_nest){ .depth = 1 };
	k->state = PICK_SKIP_NEST;
}

/* --- values --- */

/* The field is an object, whose bracket has been read. */
static void
enter(struct pick *k, struct listener to)
{
	tell_type(k, PICK_OBJECT, to);
	if (k->field->in == NULL || k->level == PICK_LEVELS) {
		begin_nest(k);
		return;
	}
	k->of[k->level++] = k->field;
	k->state = PICK_AT_KEY;
}

static void
leave(struct pick *k, struct listener to)
{
	k->field = k->of[--k->level];
	tell_type(k, PICK_OBJECT_END, to);
	k->state = k->level > 0 ? PICK_AT_NEXT : PICK_COMPLETE;
}

/* The value of a field that is looked for begins at p. */
static const char *
begin_value(struct pick *k, const char *p, const char *end, struct listener to)
{
	switch (*p) {
	case '"': return begin_text(k, PICK_IN_STRING, p + 1, end, to);
	case '[': k->state = PICK_IN_ARRAY; return p + 1;
	case '{': enter(k, to); return p + 1;
	default: text_begin(k, PICK_IN_WORD); return p;
	}
}

/* Any other begins at p. */
static inline const char *
begin_skip(struct pick *k, const char *p, const char *end)
{
	switch (*p) {
	case '"':
		k->escape = false;
		k->state = PICK_SKIP_STRING;
		return skip_string(k, p + 1, end);
	case '[':
	case '{': begin_nest(k); return skip_nest(k, p + 1, end);
	default: k->state = PICK_SKIP_WORD; return skip_word(k, p, end);
	}
}

/* --- between values --- */

/* The byte at p is no space; what to do with it depends on where it stands. */
static inline const char *
between(struct pick *k, const char *p, const char *end, struct listener to)
{
	switch ((enum pick_state)k->state) {
	case PICK_AT_ROOT:
		if (*p != '{')
			break;
		k->field = k->root;
		enter(k, to);
		return p + 1;
	case PICK_AT_KEY:
		if (*p == '"')
			return begin_text(k, PICK_IN_KEY, p + 1, end, to);
		if (*p != '}')
			break;
		leave(k, to);
		return p + 1;
	case PICK_AT_COLON:
		if (*p != ':')
			break;
		k->state = PICK_AT_VALUE;
		return p + 1;
	case PICK_AT_VALUE:
		if (ends_word(*p) || *p == ':')
			break;
		return k->field != NULL ? begin_value(k, p, end, to)
					: begin_skip(k, p, end);
	case PICK_AT_NEXT:
		if (*p == ',')
			k->state = PICK_AT_KEY;
		else if (*p == '}')
			leave(k, to);
		else
			break;
		return p + 1;
	case PICK_IN_ARRAY:
		if (*p == ']') {
			tell_type(k, PICK_ARRAY_EMPTY, to);
			k->state = PICK_AT_NEXT;
			return p + 1;
		}
		tell_type(k, PICK_ARRAY, to);
		begin_nest(k);
		return p;
	case PICK_IN_KEY:
	case PICK_IN_STRING:
	case PICK_IN_WORD:
	case PICK_SKIP_STRING:
	case PICK_SKIP_WORD:
	case PICK_SKIP_NEST:
	case PICK_COMPLETE:
	case PICK_MALFORMED: break;
	}
	k->state = PICK_MALFORMED;
	return end;
}

void
pick_feed(struct pick *k, struct span data, pick_take_fn take, void *arg)
{
	const struct listener to = { take, arg };
	const char *p = data.p, *end = p + data.n;

	while (p < end) {
		switch ((enum pick_state)k->state) {
		case PICK_AT_ROOT:
		case PICK_AT_KEY:
		case PICK_AT_COLON:
		case PICK_AT_VALUE:
		case PICK_AT_NEXT:
		case PICK_IN_ARRAY:
			if (is_space(*p))
				p++;
			else
				p = between(k, p, end, to);
			break;
		case PICK_IN_KEY:
		case PICK_IN_STRING: p = read_text(k, p, end, to); break;
		case PICK_IN_WORD: p = read_word(k, p, end, to); break;
		case PICK_SKIP_STRING: p = skip_string(k, p, end); break;
		case PICK_SKIP_WORD: p = skip_word(k, p, end); break;
		case PICK_SKIP_NEST: p = skip_nest(k, p, end); break;
		case PICK_COMPLETE:
		case PICK_MALFORMED: return;
		}
	}
}
