/* See api_field.h. No text of an answer quotes a value. */
#include "admin/api_field.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/keyfile_time.h"

enum { DIGITS_MAX = 18 };

bool
api_refuse(struct api_call *call, const char *name, const char *fmt, ...)
{
	struct errmsg text;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text.text, sizeof(text.text), fmt, ap);
	va_end(ap);
	api_reply_fault(call, 400, "invalid_value", name, "%s", text.text);
	return false;
}

static bool
refuse_number(
    struct api_call *call, const char *name, int64_t lo, int64_t hi, enum api_null null)
{
	return api_refuse(call, name,
	    "%s must be a whole number from %" PRId64 " to %" PRId64 "%s.", name, lo, hi,
	    null == API_NULL_ALLOWED ? ", or null" : "");
}

bool
api_field_number(struct api_call *call, const char *name, int64_t lo, int64_t hi,
    enum api_null null, struct api_number *out)
{
	const json_t *value = json_object_get(call->body, name);

	*out = (struct api_number){ .given = value != NULL };
	if (value == NULL)
		return true;
	out->null = json_is_null(value);
	out->v = json_integer_value(value);
	if (out->null ? null == API_NULL_ALLOWED
		      : json_is_integer(value) && out->v >= lo && out->v <= hi)
		return true;
	return refuse_number(call, name, lo, hi, null);
}

bool
api_field_time(struct api_call *call, const char *name, struct api_number *out)
{
	const json_t *value = json_object_get(call->body, name);

	*out = (struct api_number){ .given = value != NULL };
	out->null = json_is_null(value);
	if (value == NULL || out->null)
		return true;
	if (json_is_string(value) &&
	    keyfile_time_parse(
		(struct span){ json_string_value(value), json_string_length(value) },
		&out->v) == 0)
		return true;
	return api_refuse(
	    call, name, "%s must be a time such as 2027-01-31T12:00:00Z, or null.", name);
}

bool
api_field_bool(struct api_call *call, const char *name, bool *given_out, bool *out)
{
	const json_t *value = json_object_get(call->body, name);

	*given_out = value != NULL;
	if (value == NULL)
		return true;
	if (!json_is_boolean(value))
		return api_refuse(call, name, "%s must be true or false.", name);
	*out = json_is_true(value);
	return true;
}

static bool
has_control(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return true;
	return false;
}

/* Copy a text of n bytes that is good. */
static bool
take_text(struct api_call *call, const char *name, const char *text, size_t n, size_t max,
    char *out)
{
	if (n > max || strlen(text) != n)
		return api_refuse(
		    call, name, "%s must have at most %zu bytes.", name, max);
	if (has_control(text))
		return api_refuse(call, name, "%s holds a control character.", name);
	memcpy(out, text, n + 1);
	return true;
}

bool
api_field_text(
    struct api_call *call, const char *name, size_t max, bool *given_out, char *out)
{
	const json_t *value = json_object_get(call->body, name);

	*given_out = value != NULL;
	if (value == NULL)
		return true;
	if (!json_is_string(value))
		return api_refuse(call, name, "%s must be a text.", name);
	return take_text(
	    call, name, json_string_value(value), json_string_length(value), max, out);
}

bool
api_param_number(struct api_call *call, const char *name, int64_t lo, int64_t hi,
    struct api_number *out)
{
	const char *text = api_query(call, name);
	size_t n;

	*out = (struct api_number){ .given = text != NULL };
	if (text == NULL)
		return true;
	n = strspn(text, "0123456789");
	if (n > 0 && n <= DIGITS_MAX && text[n] == '\0')
		out->v = strtoll(text, NULL, 10);
	else
		out->v = lo - 1;
	if (out->v >= lo && out->v <= hi)
		return true;
	return refuse_number(call, name, lo, hi, API_NULL_REFUSED);
}

bool
api_param_text(
    struct api_call *call, const char *name, size_t max, bool *given_out, char *out)
{
	const char *text = api_query(call, name);

	*given_out = text != NULL;
	return text == NULL || take_text(call, name, text, strlen(text), max, out);
}

bool
api_param_bool(struct api_call *call, const char *name, bool *out)
{
	const char *text = api_query(call, name);

	*out = text != NULL && strcmp(text, "true") == 0;
	if (text == NULL || *out || strcmp(text, "false") == 0)
		return true;
	return api_refuse(call, name, "%s must be true or false.", name);
}
