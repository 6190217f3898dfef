/* The API's document and its routes say the same: each has all that the other has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admin/api.h"

extern const char _binary_admin_openapi_json_start[];
extern const char _binary_admin_openapi_json_end[];

static const struct {
	unsigned method;
	const char *name;
} methods[] = { { EVHTTP_REQ_GET, "get" }, { EVHTTP_REQ_POST, "post" },
	{ EVHTTP_REQ_PATCH, "patch" }, { EVHTTP_REQ_PUT, "put" },
	{ EVHTTP_REQ_DELETE, "delete" } };

enum { METHODS = sizeof(methods) / sizeof(methods[0]) };

static int
load(void **state)
{
	*state = json_loadb(_binary_admin_openapi_json_start,
	    (size_t)(_binary_admin_openapi_json_end - _binary_admin_openapi_json_start),
	    JSON_REJECT_DUPLICATES, NULL);
	return *state != NULL ? 0 : -1;
}

static int
unload(void **state)
{
	json_decref(*state);
	return 0;
}

/* All routes, one after the other; NULL behind the last. */
static const struct api_route *
route_at(size_t i)
{
	const struct {
		const struct api_route *v;
		size_t n;
	} tables[] = { { api_session_routes, api_session_n_routes },
		{ api_tokens_routes, api_tokens_n_routes },
		{ api_keys_routes, api_keys_n_routes },
		{ api_settings_routes, api_settings_n_routes },
		{ api_usage_routes, api_usage_n_routes },
		{ api_status_routes, api_status_n_routes },
		{ api_audit_routes, api_audit_n_routes } };

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		if (i < tables[t].n)
			return &tables[t].v[i];
		i -= tables[t].n;
	}
	return NULL;
}

static const char *
name_of(unsigned method)
{
	for (size_t i = 0; i < METHODS; i++) {
		if (methods[i].method == method)
			return methods[i].name;
	}
	return NULL;
}

/* Are the two the same but for the names in braces? */
static bool
same_path(const char *a, const char *b)
{
	while (*a != '\0' && *b != '\0') {
		if (*a == '{' && *b == '{') {
			a += strcspn(a, "}");
			b += strcspn(b, "}");
		}
		if (*a++ != *b++)
			return false;
	}
	return *a == *b;
}

static const json_t *
documented(const json_t *doc, const struct api_route *r)
{
	json_t *item;
	const char *path;

	json_object_foreach(json_object_get(doc, "paths"), path, item)
	{
		if (same_path(path + 1, r->path))
			return json_object_get(item, name_of(r->method));
	}
	return NULL;
}

static void
every_route_is_documented_with_its_scope(void **state)
{
	const struct api_route *r;

	for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
		static const char *const scopes[] = { [API_SCOPE_ADMIN] = "`admin`",
			[API_SCOPE_READ] = "`read`",
			[API_SCOPE_METRICS] = "`metrics`" };
		const json_t *op = documented(*state, r);
		const char *text = json_string_value(json_object_get(op, "description"));
		const char *said = text != NULL ? strstr(text, "Needs scope ") : NULL;

		if (op == NULL || (said != NULL) != (r->scope != 0) ||
		    (said != NULL && strstr(said, scopes[r->scope]) == NULL))
			fail_msg("%s %s: missing, or with another scope",
			    name_of(r->method), r->path);
	}
	assert_true(route_at(0) != NULL);
}

static bool
has_route(const char *path, unsigned method)
{
	const struct api_route *r;

	for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
		if (r->method == method && same_path(path, r->path))
			return true;
	}
	return false;
}

static void
everything_documented_has_a_route(void **state)
{
	json_t *item;
	const char *path;

	json_object_foreach(json_object_get(*state, "paths"), path, item)
	{
		for (size_t i = 0; i < METHODS; i++) {
			if (json_object_get(item, methods[i].name) != NULL &&
			    !has_route(path + 1, methods[i].method))
				fail_msg("%s %s has no route", methods[i].name, path);
		}
	}
}

#define OPENAPI(test) cmocka_unit_test_setup_teardown(test, load, unload)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OPENAPI(every_route_is_documented_with_its_scope),
		OPENAPI(everything_documented_has_a_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
