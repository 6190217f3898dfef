/*
 * models.json: what is read, what is refused and by which name, and what use costs.
 */
#include "common/models.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define DEFAULT "\"default\":{\"kind\":\"chat\",\"prices\":[{\"from\":\"1970-01-01\"}]}"
#define DAY_MS INT64_C(86400000)

static struct models *list;

static int
set_up(void **state)
{
	(void)state;
	list = calloc(1, sizeof(*list));
	return list == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	free(list);
	return 0;
}

/* Load text through a file; why is filled. */
static int
load(const char *text, struct errmsg *why)
{
	char path[] = "/tmp/gatehouse-models-XXXXXX";
	int fd = mkstemp(path);
	int r;

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	r = models_load(path, list, why);
	unlink(path);
	return r;
}

static void
the_list_that_is_built_in_has_todays_prices(void **state)
{
	struct errmsg why = { "" };
	const struct model *m;

	(void)state;
	assert_int_equal(models_load(NULL, list, &why), 0);
	m = models_find(list, SPAN("gpt-oss-120b"));
	assert_string_equal(m->id, "gpt-oss-120b");
	assert_int_equal(model_price_at(m, 1)->input_neur, 5000);
	assert_int_equal(model_price_at(m, 1)->cache_read_neur, 5000);
	m = models_find(list, SPAN("whisper-large-v3"));
	assert_int_equal(m->kind, MODEL_SPEECH);
	assert_int_equal(model_price_at(m, 1)->mib_neur, 96000000);
	assert_ptr_equal(models_find(list, SPAN("nobody-knows")), &list->v[0]);
	assert_int_equal(model_price_at(&list->v[0], 1)->output_neur, 5000);
}

static void
an_alias_finds_its_model(void **state)
{
	struct errmsg why = { "" };

	(void)state;
	assert_int_equal(models_load(NULL, list, &why), 0);
	assert_string_equal(
	    models_find(list, SPAN("openai/gpt-oss-120b"))->id, "gpt-oss-120b");
}

static void
a_price_holds_from_its_date_on(void **state)
{
	const struct model *m;
	struct errmsg why = { "" };

	(void)state;
	assert_int_equal(load("{" DEFAULT ",\"models\":[{\"id\":\"m\",\"kind\":\"chat\","
			      "\"prices\":[{\"from\":\"1970-01-02\","
			      "\"prompt_token_neur\":1},"
			      "{\"from\":\"1970-01-03\",\"prompt_token_neur\":2,"
			      "\"cached_token_neur\":1}]}]}",
			     &why),
	    0);
	m = models_find(list, SPAN("m"));
	assert_int_equal(model_price_at(m, DAY_MS - 1)->input_neur, 0);
	assert_int_equal(model_price_at(m, DAY_MS)->input_neur, 1);
	assert_int_equal(model_price_at(m, 2 * DAY_MS - 1)->input_neur, 1);
	assert_int_equal(model_price_at(m, 2 * DAY_MS)->input_neur, 2);
	assert_int_equal(model_price_at(m, 2 * DAY_MS)->cache_read_neur, 1);
	assert_int_equal(model_price_at(m, 2 * DAY_MS)->cache_write_neur, 2);
}

static void
what_is_wrong_is_named_by_entry_and_field(void **state)
{
	static const struct {
		const char *text, *named;
	} cases[] = {
		{ "[]", "top level" },
		{ "{", "line 1" },
		{ "{" DEFAULT "}", "models" },
		{ "{\"models\":[]}", "default" },
		{ "{" DEFAULT ",\"models\":[],\"modles\":1}", "modles" },
		{ "{" DEFAULT ",\"models\":[{}]}", "model 1: id" },
		{ "{" DEFAULT ",\"models\":[{\"id\":\"a\\\"b\"}]}", "model 1: id" },
		{ "{" DEFAULT ",\"models\":[{\"id\":\"m\",\"kind\":\"x\"}]}", "m: kind" },
		{ "{" DEFAULT ",\"models\":[{\"id\":\"m\",\"kind\":\"chat\"}]}",
		    "m: prices" },
		{ "{" DEFAULT ",\"models\":[{\"id\":\"m\",\"kind\":\"chat\","
		  "\"prices\":[]}]}",
		    "m: prices" },
		{ "{" DEFAULT ",\"models\":[{\"id\":\"m\",\"kind\":\"chat\","
		  "\"prices\":[{\"from\":\"2026-02-30\"}]}]}",
		    "m: from" },
		{ "{" DEFAULT ",\"models\":[{\"id\":\"m\",\"kind\":\"chat\","
		  "\"prices\":[{\"from\":\"2026-01-01\",\"prompt_token_neur\":1.5}]}]}",
		    "m: prompt_token_neur" },
		{ "{" DEFAULT ",\"models\":[{\"id\":\"m\",\"kind\":\"chat\","
		  "\"prices\":[{\"from\":\"2026-01-01\",\"prompt_token_neur\":-1}]}]}",
		    "m: prompt_token_neur" },
		{ "{" DEFAULT ",\"models\":[{\"id\":\"m\",\"kind\":\"chat\","
		  "\"prices\":[{\"from\":\"2026-01-01\",\"promt_token_neur\":1}]}]}",
		    "m: promt_token_neur" },
		{ "{" DEFAULT ",\"models\":[{\"id\":\"m\",\"kind\":\"chat\","
		  "\"prices\":[{\"from\":\"2026-01-02\"},{\"from\":\"2026-01-01\"}]}]}",
		    "m: from" },
		{ "{" DEFAULT ",\"models\":["
		  "{\"id\":\"m\",\"kind\":\"chat\",\"prices\":[{\"from\":\"1970-01-01\"}]},"
		  "{\"id\":\"n\",\"aliases\":[\"m\"],\"kind\":\"chat\","
		  "\"prices\":[{\"from\":\"1970-01-01\"}]}]}",
		    "n: aliases" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct errmsg why = { "" };

		assert_int_not_equal(load(cases[i].text, &why), 0);
		if (strstr(why.text, cases[i].named) == NULL)
			fail_msg("%s does not name %s", why.text, cases[i].named);
	}
}

static void
a_file_that_is_not_there_is_named(void **state)
{
	struct errmsg why = { "" };

	(void)state;
	assert_int_not_equal(models_load("/nonexistent/models.json", list, &why), 0);
	assert_non_null(strstr(why.text, "/nonexistent/models.json"));
}

static void
use_costs_to_the_billionth(void **state)
{
	const struct model_price p = { .input_neur = 5000,
		.cache_read_neur = 1,
		.cache_write_neur = 7,
		.output_neur = 11,
		.mib_neur = 96000000,
		.second_neur = 1000 };
	struct usage u = { 0 };

	(void)state;
	assert_int_equal(model_cost(&p, &u), 0);
	u.v[USAGE_INPUT] = 3;
	u.v[USAGE_CACHE_READ] = 10;
	u.v[USAGE_CACHE_WRITE] = 2;
	u.v[USAGE_OUTPUT] = 4;
	assert_int_equal(model_cost(&p, &u), 15000 + 10 + 14 + 44);
	u = (struct usage){ .v[USAGE_AUDIO_BYTES] = 1 << 19 };
	assert_int_equal(model_cost(&p, &u), 48000000);
	u = (struct usage){ .v[USAGE_AUDIO_BYTES] = 1 };
	assert_int_equal(model_cost(&p, &u), 92); /* 91.55, rounded half up */
	u = (struct usage){ .v[USAGE_AUDIO_MS] = 1500 };
	assert_int_equal(model_cost(&p, &u), 1500);
	u = (struct usage){ .v[USAGE_INPUT] = UINT64_MAX };
	assert_int_equal(model_cost(&p, &u), INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_that_is_built_in_has_todays_prices),
		cmocka_unit_test(an_alias_finds_its_model),
		cmocka_unit_test(a_price_holds_from_its_date_on),
		cmocka_unit_test(what_is_wrong_is_named_by_entry_and_field),
		cmocka_unit_test(a_file_that_is_not_there_is_named),
		cmocka_unit_test(use_costs_to_the_billionth),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
