/* Routing: which path goes where, what is refused, and which way a 404 points. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "worker/route.h"

static struct route_match
match(enum http_method method, const char *target)
{
	struct route_match m;

	memset(&m, 0x5a, sizeof(m));
	if (route_match(method, span_of(target), &m) != 0)
		fail_msg("refused: %s", target);
	return m;
}

static void
known_endpoints_are_forwarded_with_their_name_and_dialect(void **state)
{
	/* clang-format off */
	static const struct {
		const char *target;
		enum endpoint endpoint;
		enum dialect dialect;
	} row[] = {
		{ "/v1/chat/completions", ENDPOINT_CHAT, DIALECT_OPENAI },
		{ "/v1/chat/completions?a=/../b//c", ENDPOINT_CHAT, DIALECT_OPENAI },
		{ "/v1/completions", ENDPOINT_COMPLETIONS, DIALECT_OPENAI },
		{ "/v1/embeddings", ENDPOINT_EMBEDDINGS, DIALECT_OPENAI },
		{ "/v1/models", ENDPOINT_MODELS, DIALECT_OPENAI },
		{ "/v1/models/gpt-oss-120b", ENDPOINT_MODELS, DIALECT_OPENAI },
		{ "/v1/audio/transcriptions", ENDPOINT_TRANSCRIPTIONS, DIALECT_OPENAI },
		{ "/v1/audio/translations", ENDPOINT_TRANSLATIONS, DIALECT_OPENAI },
		{ "/v1/messages", ENDPOINT_MESSAGES, DIALECT_ANTHROPIC },
		{ "/v1/messages?beta=true", ENDPOINT_MESSAGES, DIALECT_ANTHROPIC },
		{ "/v1/messages/count_tokens", ENDPOINT_OTHER, DIALECT_ANTHROPIC },
		{ "/v1/messagesx", ENDPOINT_OTHER, DIALECT_OPENAI },
		{ "/v1/files", ENDPOINT_OTHER, DIALECT_OPENAI },
		{ "/v1/files/a.b/content", ENDPOINT_OTHER, DIALECT_OPENAI },
		{ "/v1/files/.hidden", ENDPOINT_OTHER, DIALECT_OPENAI },
		{ "/v1/files/...", ENDPOINT_OTHER, DIALECT_OPENAI },
		{ "/v1/files/a%20b%C3%A9", ENDPOINT_OTHER, DIALECT_OPENAI },
		{ "/v1/Chat/Completions", ENDPOINT_OTHER, DIALECT_OPENAI },
		{ "/v1/responsesx", ENDPOINT_OTHER, DIALECT_OPENAI },
		{ "/unstructured/general/v0/general", ENDPOINT_UNSTRUCTURED, DIALECT_OPENAI },
		{ "/unstructured/", ENDPOINT_UNSTRUCTURED, DIALECT_OPENAI },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct route_match m = match(HTTP_POST, row[i].target);

		if (m.route != ROUTE_API || m.endpoint != row[i].endpoint ||
		    m.dialect != row[i].dialect || m.allow != NULL || m.hint != NULL)
			fail_msg("%s: route %d, endpoint %s", row[i].target, (int)m.route,
			    endpoint_name(m.endpoint));
	}
}

static void
what_is_served_here_is_found_byte_for_byte(void **state)
{
	(void)state;
	assert_int_equal(match(HTTP_GET, "/health").route, ROUTE_HEALTH);
	assert_int_equal(match(HTTP_HEAD, "/health?x=1").route, ROUTE_HEALTH);
	assert_int_equal(match(HTTP_GET, "/health/ready").route, ROUTE_READY);
	assert_int_equal(match(HTTP_GET, "/auth/key-info").route, ROUTE_KEY_INFO);
	assert_int_equal(match(HTTP_GET, "/admin").route, ROUTE_ADMIN);
	assert_int_equal(match(HTTP_POST, "/admin/api/v1/keys").route, ROUTE_ADMIN);
	assert_int_equal(match(HTTP_PATCH, "/admin/").route, ROUTE_ADMIN);
	assert_null(match(HTTP_PATCH, "/admin/").allow);
	assert_int_equal(
	    match(HTTP_GET, "/.well-known/acme-challenge/aB-_9").route, ROUTE_ACME);
	assert_int_equal(match(HTTP_GET, "/health").endpoint, ENDPOINT_NONE);

	assert_int_equal(match(HTTP_GET, "/").route, ROUTE_NOT_FOUND);
	assert_int_equal(match(HTTP_GET, "/Health").route, ROUTE_NOT_FOUND);
	assert_int_equal(match(HTTP_GET, "/administrator").route, ROUTE_NOT_FOUND);
	assert_int_equal(match(HTTP_GET, "/metrics").route, ROUTE_NOT_FOUND);
	assert_int_equal(match(HTTP_GET, "/unstructuredx").route, ROUTE_NOT_FOUND);
	assert_int_equal(
	    match(HTTP_GET, "/.well-known/acme-challenge/").route, ROUTE_NOT_FOUND);
	assert_int_equal(
	    match(HTTP_GET, "/.well-known/acme-challenge/a/b").route, ROUTE_NOT_FOUND);
	assert_int_equal(
	    match(HTTP_GET, "/.well-known/acme-challenge/a.pem").route, ROUTE_NOT_FOUND);
	assert_int_equal(match(HTTP_OPTIONS, "*").route, ROUTE_NOT_FOUND);
	assert_string_equal(match(HTTP_GET, "/metrics").code, "not_found");
	assert_null(match(HTTP_GET, "/metrics").hint);
}

static void
a_target_that_could_mean_two_things_is_refused(void **state)
{
	static const char *const bad[] = { "", "v1/models", "*", "?",
		"http://h/v1/models", "//h/v1/models", "/v1//chat/completions",
		"/v1/chat//completions", "/v1/models//", "/v1/../admin", "/v1/./models",
		"/v1/..", "/v1/.", "/..", "/v1/..;/admin", "/v1/.;x/models",
		"/v1;/models", "/v1/models;x=y", "/admin;/login", "/v1/%c0%af../admin",
		"/v1/%c1%9c", "/v1/%e0%80%af", "/v1/%f0%80%80%af", "/v1/%ff", "/v1/%e0",
		"/v1/%f5%80%80%80", "/v1/%2e%2e/admin", "/v1/.%2E/admin", "/v1/%2E",
		"/v1%2fmodels", "/v1/a%2Fb", "/v1/a%5cb", "/v1/a\\b", "/v1/%252e%252e/a",
		"/%61dmin", "/v1/ch%61t/completions", "/v1/mod%2Dels", "/v1/x%00",
		"/v1/x%0a", "/v1/x%7f", "/v1/x%3fy", "/v1/x%23y", "/v1/x%3by", "/v1/x%",
		"/v1/x%4", "/v1/x%zz", "/v1/models#x", "/v1/models?a#b", "/v1/mod els",
		"/v1/models?a b", "/v1/mod\tels", "/v1/mod\x7f", "/v1/mod\xc3\xa9",
		"/admin/..", "/admin//x", "/health/../v1/models",
		"/.well-known/acme-challenge/../x" };
	struct route_match m;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (route_match(HTTP_GET, span_of(bad[i]), &m) != ERR_SYNTAX)
			fail_msg("let through: %s", bad[i]);
}

static void
a_404_near_a_known_path_names_the_right_one(void **state)
{
	/* clang-format off */
	static const struct {
		const char *target, *names;
		enum dialect dialect;
	} row[] = {
		{ "/chat/completions", "Use /v1/chat/completions;", DIALECT_OPENAI },
		{ "/chat/completions?x", "Use /v1/chat/completions;", DIALECT_OPENAI },
		{ "/chat/completions/", "Use /v1/chat/completions;", DIALECT_OPENAI },
		{ "/v1/chat/completions/", "Use /v1/chat/completions;", DIALECT_OPENAI },
		{ "/v1/v1/chat/completions", "Use /v1/chat/completions;", DIALECT_OPENAI },
		{ "/v1/v1/v1/chat/completions/", "Use /v1/chat/completions;", DIALECT_OPENAI },
		{ "/completions", "Use /v1/completions;", DIALECT_OPENAI },
		{ "/v1/embeddings/", "Use /v1/embeddings;", DIALECT_OPENAI },
		{ "/models", "Use /v1/models;", DIALECT_OPENAI },
		{ "/v1/models/", "Use /v1/models;", DIALECT_OPENAI },
		{ "/audio/transcriptions", "Use /v1/audio/transcriptions;", DIALECT_OPENAI },
		{ "/v1/v1/audio/translations", "Use /v1/audio/translations;", DIALECT_OPENAI },
		{ "/messages", "Use /v1/messages;", DIALECT_ANTHROPIC },
		{ "/v1/v1/messages", "Use /v1/messages;", DIALECT_ANTHROPIC },
		{ "/v1/messages/", "Use /v1/messages;", DIALECT_ANTHROPIC },
		{ "/v1", "Use /v1/chat/completions,", DIALECT_OPENAI },
		{ "/v1/", "Use /v1/chat/completions,", DIALECT_OPENAI },
		{ "/v1/v1/files", "Use /v1/chat/completions,", DIALECT_OPENAI },
		{ "/unstructured", "Use /unstructured/.", DIALECT_OPENAI },
		{ "/health/", "Use /health.", DIALECT_OPENAI },
		{ "/health/ready/", "Use /health/ready.", DIALECT_OPENAI },
		{ "/auth/key-info/", "Use /auth/key-info.", DIALECT_OPENAI },
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const struct route_match m = match(HTTP_POST, row[i].target);

		if (m.route != ROUTE_NOT_FOUND || m.hint == NULL ||
		    strstr(m.hint, row[i].names) == NULL || m.dialect != row[i].dialect ||
		    strcmp(m.code, "not_found") != 0 || m.endpoint != ENDPOINT_NONE)
			fail_msg(
			    "%s: %s", row[i].target, m.hint != NULL ? m.hint : "no hint");
	}
}

static void
the_responses_api_is_refused_with_advice(void **state)
{
	static const char *const target[] = { "/v1/responses", "/v1/responses/",
		"/responses", "/v1/v1/responses", "/v1/responses/resp_1",
		"/v1/responses?stream=true" };

	(void)state;
	for (size_t i = 0; i < sizeof(target) / sizeof(target[0]); i++) {
		const struct route_match m = match(HTTP_POST, target[i]);

		assert_int_equal(m.route, ROUTE_NOT_FOUND);
		assert_string_equal(m.code, "unsupported_endpoint");
		assert_non_null(strstr(m.hint, "\"Use Responses API\""));
		assert_non_null(strstr(m.hint, "openai.chat("));
		assert_non_null(strstr(m.hint, "/v1/chat/completions"));
	}
}

static void
a_wrong_method_is_told_which_are_allowed(void **state)
{
	static const char *const post_only[] = { "/v1/chat/completions",
		"/v1/completions", "/v1/embeddings", "/v1/audio/transcriptions",
		"/v1/audio/translations", "/v1/messages" };
	static const char *const get_only[] = { "/health", "/health/ready",
		"/auth/key-info", "/.well-known/acme-challenge/x" };

	(void)state;
	for (size_t i = 0; i < sizeof(post_only) / sizeof(post_only[0]); i++) {
		assert_string_equal(match(HTTP_GET, post_only[i]).allow, "POST");
		assert_string_equal(match(HTTP_HEAD, post_only[i]).allow, "POST");
		assert_string_equal(match(HTTP_DELETE, post_only[i]).allow, "POST");
		assert_null(match(HTTP_POST, post_only[i]).allow);
		assert_null(match(HTTP_OPTIONS, post_only[i]).allow);
	}
	for (size_t i = 0; i < sizeof(get_only) / sizeof(get_only[0]); i++) {
		assert_string_equal(match(HTTP_POST, get_only[i]).allow, "GET, HEAD");
		assert_string_equal(match(HTTP_OPTIONS, get_only[i]).allow, "GET, HEAD");
		assert_null(match(HTTP_GET, get_only[i]).allow);
		assert_null(match(HTTP_HEAD, get_only[i]).allow);
	}
	assert_null(match(HTTP_DELETE, "/v1/models").allow);
	assert_null(match(HTTP_PUT, "/v1/files/x").allow);
}

static void
every_endpoint_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int a = 0; a < ENDPOINT_COUNT; a++) {
		assert_non_null(endpoint_name((enum endpoint)a));
		for (int b = 0; b < a; b++)
			assert_string_not_equal(endpoint_name((enum endpoint)a),
			    endpoint_name((enum endpoint)b));
	}
	assert_string_equal(endpoint_name(ENDPOINT_CHAT), "chat");
	assert_string_equal(endpoint_name(ENDPOINT_NONE), "none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_endpoints_are_forwarded_with_their_name_and_dialect),
		cmocka_unit_test(what_is_served_here_is_found_byte_for_byte),
		cmocka_unit_test(a_target_that_could_mean_two_things_is_refused),
		cmocka_unit_test(a_404_near_a_known_path_names_the_right_one),
		cmocka_unit_test(the_responses_api_is_refused_with_advice),
		cmocka_unit_test(a_wrong_method_is_told_which_are_allowed),
		cmocka_unit_test(every_endpoint_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
