/*
 * enforce: an answer speaks for all that was written before its enactment began, and for
 * nothing that was written later; a file that is refused is tried again for a while.
 */
#include "admin/enforce.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/admin.h"

enum { WAIT_MS = 300, PATIENCE_MS = 60, TOLD_MAX = 8 };

/* A loop, shared memory, and both ends of the pipe: the test is the master. */
struct bench {
	struct event_base *base;
	struct state *state;
	int pipe[2];
	struct enforce *e;
	struct event *guard;
	unsigned told;
	enum enforce_result result[TOLD_MAX];
	char reason[TOLD_MAX][64];
	bool late;
};

static void
on_guard(evutil_socket_t fd, short what, void *arg)
{
	struct bench *b = arg;

	(void)fd;
	(void)what;
	b->late = true;
}

static int
set_up(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	const struct timeval deadline = { .tv_sec = 20 };
	struct enforce_options o = { .wait_ms = WAIT_MS, .patience_ms = PATIENCE_MS };

	if (b == NULL || (b->state = calloc(1, sizeof(*b->state))) == NULL ||
	    pipe2(b->pipe, O_NONBLOCK | O_CLOEXEC) == -1)
		return -1;
	b->base = event_base_new();
	b->guard = evtimer_new(b->base, on_guard, b);
	evtimer_add(b->guard, &deadline);
	o.state = b->state;
	o.ask_fd = b->pipe[1];
	*state = b;
	return enforce_create(b->base, &o, &b->e);
}

static int
tear_down(void **state)
{
	struct bench *b = *state;

	enforce_destroy(&b->e);
	event_free(b->guard);
	event_base_free(b->base);
	close(b->pipe[0]);
	close(b->pipe[1]);
	free(b->state);
	free(b);
	return 0;
}

static void
on_told(enum enforce_result result, const char *reason, void *arg)
{
	struct bench *b = arg;

	assert_true(b->told < TOLD_MAX);
	b->result[b->told] = result;
	strncpy(b->reason[b->told], reason, sizeof(b->reason[0]) - 1);
	b->told++;
}

/* Take the wishes out of the pipe. */
static size_t
wishes(const struct bench *b)
{
	char bytes[64];
	ssize_t n = read(b->pipe[0], bytes, sizeof(bytes));

	for (ssize_t i = 0; i < n; i++)
		assert_int_equal(bytes[i], ADMIN_WISH_ENACT);
	return n > 0 ? (size_t)n : 0;
}

static uint64_t
begin(struct bench *b)
{
	return atomic_fetch_add(&b->state->figures.enact_started, 1) + 1;
}

/* End enactment `number`, the keys with a code, the settings well. */
static void
end(struct bench *b, uint64_t number, int code)
{
	struct shared_enacted e;

	assert_int_equal(shared_get_enacted(b->state, &e), 0);
	e.number = number;
	e.keys.code = code;
	e.settings.code = 0;
	e.settings.good = number;
	if (code == 0)
		e.keys.good = number;
	errmsg_set(&e.keys.reason, "%s", code != 0 ? "entry 3 is faulty" : "");
	shared_put_enacted(b->state, &e);
}

static void
await(struct bench *b, unsigned told)
{
	while (b->told < told && !b->late)
		assert_int_equal(event_base_loop(b->base, EVLOOP_ONCE), 0);
	assert_false(b->late);
	assert_int_equal(b->told, told);
}

/* Some rounds of the loop in which nobody may be told anything. */
static void
nobody_is_told(struct bench *b, unsigned told)
{
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(event_base_loop(b->base, EVLOOP_ONCE), 0);
	assert_int_equal(b->told, told);
}

static void
one_enactment_answers_all_that_wrote_before_it_began(void **state)
{
	struct bench *b = *state;

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(enforce_wait(b->e, ENFORCE_KEYS, on_told, b), 0);
	assert_int_equal(wishes(b), 1);
	end(b, begin(b), 0);
	await(b, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(b->result[i], ENFORCE_DONE);
	assert_int_equal(wishes(b), 0);
}

static void
what_was_written_after_it_began_needs_another(void **state)
{
	struct bench *b = *state;
	uint64_t number;

	assert_int_equal(enforce_wait(b->e, ENFORCE_KEYS, on_told, b), 0);
	assert_int_equal(wishes(b), 1);
	number = begin(b);
	assert_int_equal(enforce_wait(b->e, ENFORCE_KEYS, on_told, b), 0);
	assert_int_equal(wishes(b), 1);
	end(b, number, 0);
	await(b, 1);
	nobody_is_told(b, 1);
	end(b, begin(b), 0);
	await(b, 2);
	assert_int_equal(b->result[1], ENFORCE_DONE);
}

static void
a_file_that_is_whole_again_in_time_is_in_force(void **state)
{
	struct bench *b = *state;

	assert_int_equal(enforce_wait(b->e, ENFORCE_KEYS, on_told, b), 0);
	end(b, begin(b), ERR_SYNTAX);
	nobody_is_told(b, 0);
	end(b, begin(b), 0);
	await(b, 1);
	assert_int_equal(b->result[0], ENFORCE_DONE);
}

static void
what_was_good_once_is_in_force_whatever_comes_after(void **state)
{
	struct bench *b = *state;

	assert_int_equal(enforce_wait(b->e, ENFORCE_KEYS, on_told, b), 0);
	end(b, begin(b), 0);
	end(b, begin(b), ERR_SYNTAX);
	await(b, 1);
	assert_int_equal(b->result[0], ENFORCE_DONE);
}

static void
a_refusal_is_told_with_its_reason_after_some_patience(void **state)
{
	struct bench *b = *state;

	assert_int_equal(enforce_wait(b->e, ENFORCE_KEYS, on_told, b), 0);
	assert_int_equal(enforce_wait(b->e, ENFORCE_SETTINGS, on_told, b), 0);
	end(b, begin(b), ERR_INVALID);
	await(b, 1);
	assert_int_equal(b->result[0], ENFORCE_DONE); /* the settings were not the fault */
	await(b, 2);
	assert_int_equal(b->result[1], ENFORCE_REFUSED);
	assert_string_equal(b->reason[1], "entry 3 is faulty");
}

static void
a_master_that_does_not_answer_is_asked_again_and_given_up(void **state)
{
	struct bench *b = *state;

	assert_int_equal(enforce_wait(b->e, ENFORCE_KEYS, on_told, b), 0);
	await(b, 1);
	assert_int_equal(b->result[0], ENFORCE_UNKNOWN);
	assert_true(wishes(b) >= 1);
}

static void
a_full_pipe_keeps_nobody_from_waiting(void **state)
{
	struct bench *b = *state;
	char bytes[4096];

	memset(bytes, ADMIN_WISH_ENACT, sizeof(bytes));
	while (write(b->pipe[1], bytes, sizeof(bytes)) > 0)
		continue;
	assert_int_equal(enforce_wait(b->e, ENFORCE_KEYS, on_told, b), 0);
	end(b, begin(b), 0);
	await(b, 1);
	assert_int_equal(b->result[0], ENFORCE_DONE);
}

static void
who_waits_when_admin_leaves_is_told(void **state)
{
	struct bench *b = *state;

	assert_int_equal(enforce_wait(b->e, ENFORCE_KEYS, on_told, b), 0);
	enforce_destroy(&b->e);
	assert_int_equal(b->told, 1);
	assert_int_equal(b->result[0], ENFORCE_CANCELLED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_enactment_answers_all_that_wrote_before_it_began),
		TEST(what_was_written_after_it_began_needs_another),
		TEST(a_file_that_is_whole_again_in_time_is_in_force),
		TEST(what_was_good_once_is_in_force_whatever_comes_after),
		TEST(a_refusal_is_told_with_its_reason_after_some_patience),
		TEST(a_master_that_does_not_answer_is_asked_again_and_given_up),
		TEST(a_full_pipe_keeps_nobody_from_waiting),
		TEST(who_waits_when_admin_leaves_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
