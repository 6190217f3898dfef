/*
 * Fields of a request's body and parameters of its query, read and checked. What is wrong
 * is answered here with 400 `invalid_value` and the field's name; the handler is done then.
 */
#ifndef GATEHOUSE_ADMIN_API_FIELD_H
#define GATEHOUSE_ADMIN_API_FIELD_H

#include "admin/api.h"

/* A number or a time; given and null say whether it was there, and whether it was null. */
struct api_number {
	bool given, null;
	int64_t v;
};

enum api_null { API_NULL_REFUSED, API_NULL_ALLOWED };

/* A whole number from lo to hi. */
bool api_field_number(struct api_call *call, const char *name, int64_t lo, int64_t hi,
    enum api_null null, struct api_number *out) MUSTCHECK;

/* RFC 3339, as ms since 1970; null is allowed and leaves v at 0. */
bool api_field_time(
    struct api_call *call, const char *name, struct api_number *out) MUSTCHECK;

/* true or false. *out stays as it was when the field is not there. */
bool api_field_bool(
    struct api_call *call, const char *name, bool *given_out, bool *out) MUSTCHECK;

/*
 * A text without control characters, copied to out, which has room for max bytes and a NUL;
 * *given_out: whether it was there.
 */
bool api_field_text(struct api_call *call, const char *name, size_t max, bool *given_out,
    char *out) MUSTCHECK;

/* The same for a parameter of the query. */
bool api_param_number(struct api_call *call, const char *name, int64_t lo, int64_t hi,
    struct api_number *out) MUSTCHECK;
bool api_param_text(struct api_call *call, const char *name, size_t max, bool *given_out,
    char *out) MUSTCHECK;
bool api_param_bool(struct api_call *call, const char *name, bool *out) MUSTCHECK;

/* Answer 400 `invalid_value`. Returns false. */
bool api_refuse(struct api_call *call, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

#endif
