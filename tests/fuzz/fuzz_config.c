/*
 * Fuzz common/config: an input is an environment, a line each, and behind the first
 * NUL the JSON file. What is accepted keeps its bounds and is printed without its
 * secrets; what is refused is refused with a reason that can be logged.
 */
#include "tests/fuzz/fuzz_file.h"

#include "common/config.h"

enum { MAX_VARIABLES = 32, SECRET_MIN = 12 };

/* Names of files that a setting could have read: nothing outside is to be opened. */
static bool
names_a_file(const char *text)
{
	return strstr(text, "_FILE") != NULL || strstr(text, "_file") != NULL ||
	    strstr(text, "\\u") != NULL;
}

/* Cut text into lines. Returns how many; v is ended by NULL. */
static size_t
split(char *text, char *v[MAX_VARIABLES + 1])
{
	size_t n = 0;
	char *line;

	while (n < MAX_VARIABLES && (line = strsep(&text, "\n")) != NULL)
		if (*line != '\0')
			v[n++] = line;
	v[n] = NULL;
	return n;
}

static void
check_redacted(const char *printed, const char *secret)
{
	if (secret != NULL && strlen(secret) >= SECRET_MIN && strchr(secret, '\n') == NULL)
		FUZZ_CHECK(strstr(printed, secret) == NULL);
}

/* A secret is looked for only if no other setting says the same. */
static bool
is_said_once(const char *text, size_t n, const char *secret)
{
	const size_t m = secret != NULL ? strlen(secret) : 0;
	size_t count = 0;

	for (size_t i = 0; m > 0 && i + m <= n; i++)
		count += memcmp(text + i, secret, m) == 0;
	return count == 1;
}

static void
check_accepted(const struct config *cfg, const char *input, size_t n)
{
	char *printed = NULL;
	size_t printed_n = 0;
	FILE *out = open_memstream(&printed, &printed_n);

	FUZZ_CHECK(out != NULL);
	config_print(cfg, out);
	FUZZ_CHECK(fclose(out) == 0 && printed_n > 0);
	if (is_said_once(input, n, cfg->privatemode_api_key))
		check_redacted(printed, cfg->privatemode_api_key);
	if (is_said_once(input, n, cfg->admin_password))
		check_redacted(printed, cfg->admin_password);
	if (is_said_once(input, n, cfg->metrics_token))
		check_redacted(printed, cfg->metrics_token);
	free(printed);
	FUZZ_CHECK(cfg->workers >= 1 && cfg->workers <= CONFIG_MAX_WORKERS);
	FUZZ_CHECK(cfg->rate.window_s > 0 && cfg->ip_rate.window_s > 0);
	FUZZ_CHECK(cfg->n_listen > 0 && cfg->max_keys > 0 && cfg->max_connections > 0);
	FUZZ_CHECK(cfg->header_timeout_ms > 0 && cfg->max_header > 0);
	FUZZ_CHECK(cfg->tls_cert_files.n == cfg->tls_key_files.n);
	FUZZ_CHECK(
	    cfg->upstream.authority != NULL && fuzz_is_line(cfg->upstream.authority));
	fuzz_check_lines(&cfg->warnings);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
	const size_t n = nul != NULL ? (size_t)(nul - data) : 0;
	const uint8_t *file = nul != NULL ? nul + 1 : data;
	char *env[MAX_VARIABLES + 1];
	char *text = malloc(size + 1), *whole = malloc(size + 1);
	struct config *cfg = NULL;
	struct strlist faults = { 0 };
	int r;

	FUZZ_CHECK(text != NULL && whole != NULL);
	memcpy(whole, data, size);
	for (size_t i = 0; i < size; i++) /* one string of both halves */
		if (whole[i] == '\0')
			whole[i] = '\n';
	whole[size] = '\0';
	memcpy(text, data, n);
	text[n] = '\0';
	(void)split(text, env);
	if (!names_a_file(whole)) {
		r = config_load(
		    fuzz_file(file, size - (size_t)(file - data)), env, &cfg, &faults);
		FUZZ_CHECK((r == 0) == (cfg != NULL) && (r == 0) == (faults.n == 0));
		if (cfg != NULL)
			check_accepted(cfg, whole, size);
		fuzz_check_lines(&faults);
		strlist_free(&faults);
		config_destroy(&cfg);
	}
	free(text);
	free(whole);
	return 0;
}
