/* The log: whole lines of valid JSON, bounded, never in anybody's way. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

/* stderr is a pipe while lines are caught. */
struct catcher {
	int saved;
	int rd;
	char text[1 << 16];
	size_t n;
};

static void
catch_begin(struct catcher *c)
{
	int p[2];

	assert_int_equal(pipe(p), 0);
	c->saved = dup(STDERR_FILENO);
	assert_true(c->saved >= 0);
	assert_int_equal(dup2(p[1], STDERR_FILENO), STDERR_FILENO);
	close(p[1]);
	c->rd = p[0];
	c->n = 0;
}

/* Put stderr back and read what was written. */
static void
catch_end(struct catcher *c)
{
	ssize_t n;

	assert_int_equal(dup2(c->saved, STDERR_FILENO), STDERR_FILENO);
	close(c->saved);
	while ((n = read(c->rd, c->text + c->n, sizeof(c->text) - 1 - c->n)) > 0)
		c->n += (size_t)n;
	assert_int_equal(n, 0);
	c->text[c->n] = '\0';
	close(c->rd);
}

/* The caught text as one JSON object on one line. */
static json_t *
one_object(const struct catcher *c)
{
	json_t *j;

	assert_true(c->n > 0);
	assert_ptr_equal(memchr(c->text, '\n', c->n), c->text + c->n - 1);
	j = json_loadb(c->text, c->n, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	return j;
}

static const char *
field(const json_t *j, const char *name)
{
	const char *s = json_string_value(json_object_get(j, name));

	assert_non_null(s);
	return s;
}

static void
a_line_is_one_json_object_with_the_promised_fields(void **state)
{
	struct catcher c;
	json_t *j;

	(void)state;
	log_init("master", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	catch_begin(&c);
	log_warn("reload", "%s is %d bytes", "a \"file\"\n", 12);
	catch_end(&c);
	j = one_object(&c);
	assert_int_equal(json_object_size(j), 6);
	assert_string_equal(field(j, "level"), "warn");
	assert_string_equal(field(j, "role"), "master");
	assert_string_equal(field(j, "event"), "reload");
	assert_string_equal(field(j, "msg"), "a \"file\"\n is 12 bytes");
	assert_int_equal(json_integer_value(json_object_get(j, "pid")), getpid());
	json_decref(j);
}

static void
any_byte_in_a_message_leaves_valid_json_on_one_line(void **state)
{
	struct catcher c;

	(void)state;
	log_init("master", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (int v = 1; v < 256; v++) {
		const char in[] = { 'a', (char)v, 'z', '\0' };
		json_t *j;

		catch_begin(&c);
		log_info("byte", "%s", in);
		catch_end(&c);
		j = one_object(&c);
		if (v < 128)
			assert_string_equal(field(j, "msg"), in);
		else
			assert_string_equal(field(j, "msg"), "a\xEF\xBF\xBDz");
		json_decref(j);
	}
}

static void
the_time_is_utc_in_rfc_3339_with_milliseconds(void **state)
{
	struct timespec before, after;
	struct catcher c;
	struct tm tm = { 0 };
	const char *ts, *rest;
	long long ms, lo, hi;
	json_t *j;

	(void)state;
	assert_int_equal(setenv("TZ", "America/New_York", 1), 0);
	tzset();
	log_init("master", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	catch_begin(&c);
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &before), 0);
	log_info("time", "now");
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &after), 0);
	catch_end(&c);
	j = one_object(&c);
	ts = field(j, "ts");
	assert_int_equal(strlen(ts), 24);
	rest = strptime(ts, "%Y-%m-%dT%H:%M:%S", &tm);
	assert_non_null(rest);
	assert_int_equal(rest[0], '.');
	assert_string_equal(rest + 4, "Z");
	ms = (long long)timegm(&tm) * 1000 + strtol(rest + 1, NULL, 10);
	lo = (long long)before.tv_sec * 1000 + before.tv_nsec / 1000000;
	hi = (long long)after.tv_sec * 1000 + after.tv_nsec / 1000000;
	assert_true(ms >= lo && ms <= hi);
	json_decref(j);
}

static void
lines_below_the_level_are_not_written(void **state)
{
	static const enum log_level levels[] = { LOG_LEVEL_ERROR, LOG_LEVEL_WARN,
		LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
	struct log_limit limit = { 0 };
	struct catcher c;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		log_init("master", levels[i], LOG_FORMAT_TEXT);
		for (size_t k = 0; k < 4; k++) {
			assert_int_equal(log_enabled(levels[k]), k <= i);
			catch_begin(&c);
			log_write(levels[k], "e", "m");
			catch_end(&c);
			assert_int_equal(c.n > 0, k <= i);
		}
	}
	log_init("master", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	catch_begin(&c);
	log_write_limited(&limit, 1, 1, LOG_LEVEL_WARN, "e", "m");
	log_write_fields(LOG_LEVEL_WARN, "e", "\"a\":1");
	catch_end(&c);
	assert_int_equal(c.n, 0);
	assert_int_equal(limit.written, 0);
}

static void
a_plain_line_says_the_same_and_stays_one_line(void **state)
{
	struct catcher c;
	char want[64];

	(void)state;
	log_init("worker", LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	catch_begin(&c);
	log_error("child_exit", "two\nlines %s", "\x1b[0m");
	catch_end(&c);
	assert_ptr_equal(memchr(c.text, '\n', c.n), c.text + c.n - 1);
	assert_true(snprintf(want, sizeof(want),
			"Z error worker[%d] child_exit: ", (int)getpid()) > 0);
	assert_non_null(strstr(c.text, want));
	assert_non_null(strstr(c.text, "two\\nlines \\u001b[0m\n"));
}

static void
a_message_that_is_too_long_is_cut_and_says_so(void **state)
{
	static char longer[3 * PIPE_BUF];
	struct catcher c;
	const char *msg;
	json_t *j;

	(void)state;
	memset(longer, '\n', sizeof(longer) - 1);
	log_init("master", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	catch_begin(&c);
	log_info("long", "%s", longer);
	catch_end(&c);
	assert_true(c.n <= PIPE_BUF); /* what a pipe takes whole */
	j = one_object(&c);
	msg = field(j, "msg");
	assert_string_equal(msg + strlen(msg) - 3, "...");
	json_decref(j);
}

static void
ready_made_fields_follow_the_common_ones(void **state)
{
	static char longer[3 * PIPE_BUF];
	struct catcher c;
	json_t *j;

	(void)state;
	log_init("worker", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	catch_begin(&c);
	log_write_fields(LOG_LEVEL_INFO, "request", "\"code\":200,\"ms\":3");
	catch_end(&c);
	j = one_object(&c);
	assert_string_equal(field(j, "event"), "request");
	assert_int_equal(json_integer_value(json_object_get(j, "code")), 200);
	assert_int_equal(json_integer_value(json_object_get(j, "ms")), 3);
	json_decref(j);

	memset(longer, '1', sizeof(longer) - 1);
	memcpy(longer, "\"a\":", 4);
	catch_begin(&c);
	log_write_fields(LOG_LEVEL_INFO, "request", longer);
	catch_end(&c);
	j = one_object(&c);
	assert_true(json_is_true(json_object_get(j, "cut")));
	json_decref(j);
}

static void
logging_keeps_errno(void **state)
{
	struct log_limit limit = { 0 };
	int null, saved;

	(void)state;
	log_init("master", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	saved = dup(STDERR_FILENO);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC); /* each write fails: EBADF */
	assert_true(saved >= 0 && null >= 0);
	assert_int_equal(dup2(null, STDERR_FILENO), STDERR_FILENO);
	errno = ENOTTY;
	log_error("e", "m");
	log_write_limited(&limit, 1, 1, LOG_LEVEL_ERROR, "e", "m");
	log_write_fields(LOG_LEVEL_ERROR, "e", "\"a\":1");
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(errno, ENOTTY);
	close(null);
	close(saved);
}

/* Runs in a child of its own, for a broken log would kill it. */
static void
log_into_a_closed_pipe(void)
{
	int p[2];

	if (pipe(p) != 0 || dup2(p[1], STDERR_FILENO) == -1)
		_exit(1);
	close(p[0]);
	close(p[1]);
	signal(SIGPIPE, SIG_DFL);
	log_init("master", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	log_error("e", "nobody reads this");
	_exit(7);
}

static void
a_reader_that_went_away_kills_nobody(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		log_into_a_closed_pipe();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void
a_full_pipe_loses_lines_but_says_how_many(void **state)
{
	static char junk[4096];
	struct catcher c;
	ssize_t n;
	json_t *j;
	int flags;

	(void)state;
	log_init("master", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	catch_begin(&c);
	log_info("settle", "whatever was lost before is told here");
	flags = fcntl(STDERR_FILENO, F_GETFL);
	assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK), 0);
	memset(junk, 'x', sizeof(junk));
	while ((n = write(STDERR_FILENO, junk, sizeof(junk))) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	for (int i = 0; i < 5; i++)
		log_info("lost", "not to be seen"); /* returns at once */
	assert_int_equal(fcntl(c.rd, F_SETFL, O_NONBLOCK), 0);
	while ((n = read(c.rd, c.text, sizeof(c.text))) > 0)
		assert_null(memmem(c.text, (size_t)n, "not to be seen", 14));
	assert_int_equal(errno, EAGAIN);
	log_info("found", "again");
	catch_end(&c);
	j = one_object(&c);
	assert_int_equal(json_integer_value(json_object_get(j, "lost")), 5);
	json_decref(j);
}

static void
a_flood_is_held_to_the_burst_in_any_ten_seconds(void **state)
{
	enum { BURST = 3, STEPS = 2000, STEP_MS = 37, SPAN_MS = 10000 };
	static uint64_t written_at[STEPS];
	struct log_limit limit = { 0 };
	struct catcher c;
	size_t n = 0;

	(void)state;
	log_init("worker", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (uint64_t i = 0; i < STEPS; i++) {
		const uint64_t now_ms = 5 + i * STEP_MS;

		catch_begin(&c);
		log_write_limited(&limit, BURST, now_ms, LOG_LEVEL_WARN, "flood", "x");
		catch_end(&c);
		if (c.n > 0)
			written_at[n++] = now_ms;
	}
	assert_true(n >= 2 * BURST);
	for (size_t i = BURST; i < n; i++)
		assert_true(written_at[i] - written_at[i - BURST] >= SPAN_MS);
}

static void
the_line_after_a_flood_says_how_many_were_left_out(void **state)
{
	struct log_limit limit = { 0 };
	struct catcher c;
	json_t *j;

	(void)state;
	log_init("worker", LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	catch_begin(&c);
	for (int i = 0; i < 10; i++)
		log_write_limited(&limit, 3, 1000, LOG_LEVEL_WARN, "flood", "x");
	catch_end(&c);
	assert_null(strstr(c.text, "left_out"));
	catch_begin(&c);
	log_write_limited(&limit, 3, 11000, LOG_LEVEL_WARN, "flood", "x");
	catch_end(&c);
	j = one_object(&c);
	assert_int_equal(json_integer_value(json_object_get(j, "left_out")), 7);
	json_decref(j);
	catch_begin(&c);
	log_write_limited(&limit, 3, 11001, LOG_LEVEL_WARN, "flood", "x");
	catch_end(&c);
	assert_null(strstr(c.text, "left_out"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_one_json_object_with_the_promised_fields),
		cmocka_unit_test(any_byte_in_a_message_leaves_valid_json_on_one_line),
		cmocka_unit_test(the_time_is_utc_in_rfc_3339_with_milliseconds),
		cmocka_unit_test(lines_below_the_level_are_not_written),
		cmocka_unit_test(a_plain_line_says_the_same_and_stays_one_line),
		cmocka_unit_test(a_message_that_is_too_long_is_cut_and_says_so),
		cmocka_unit_test(ready_made_fields_follow_the_common_ones),
		cmocka_unit_test(logging_keeps_errno),
		cmocka_unit_test(a_reader_that_went_away_kills_nobody),
		cmocka_unit_test(a_full_pipe_loses_lines_but_says_how_many),
		cmocka_unit_test(a_flood_is_held_to_the_burst_in_any_ten_seconds),
		cmocka_unit_test(the_line_after_a_flood_says_how_many_were_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
