/* Jobs beside the loop: their order, the queue's bound, and its end. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/job.h"

struct bench {
	struct event_base *base;
	struct job_queue *q;
	sem_t gate;  /* work that waits */
	sem_t begun; /* it has begun */
	pthread_t loop;
	_Atomic int worked;
	int done, cancelled;
};

struct work {
	struct bench *b;
	int number; /* by which it must be the next */
	bool waits;
	int cancelled; /* -1: not told */
};

static int
set_up(void **state)
{
	static struct bench b;

	b = (struct bench){ .base = event_base_new(), .loop = pthread_self() };
	*state = &b;
	if (b.base == NULL || sem_init(&b.gate, 0, 0) == -1 ||
	    sem_init(&b.begun, 0, 0) == -1)
		return -1;
	return job_queue_create(b.base, &b.q);
}

static int
tear_down(void **state)
{
	struct bench *b = *state;

	job_queue_destroy(&b->q);
	event_base_free(b->base);
	sem_destroy(&b->gate);
	sem_destroy(&b->begun);
	return b->q == NULL ? 0 : -1;
}

static void
work(void *arg)
{
	struct work *w = arg;

	assert_false(pthread_equal(pthread_self(), w->b->loop));
	assert_int_equal(atomic_fetch_add(&w->b->worked, 1), w->number);
	if (w->waits) {
		sem_post(&w->b->begun);
		sem_wait(&w->b->gate);
	}
}

static void
done(void *arg, bool cancelled)
{
	struct work *w = arg;

	assert_true(pthread_equal(pthread_self(), w->b->loop));
	assert_int_equal(w->b->done + w->b->cancelled, w->number);
	w->cancelled = cancelled;
	if (cancelled)
		w->b->cancelled++;
	else
		w->b->done++;
}

static void
jobs_are_done_in_their_order_and_told_in_the_loop(void **state)
{
	struct bench *b = *state;
	struct work v[JOB_QUEUE_MAX];

	for (int i = 0; i < JOB_QUEUE_MAX; i++) {
		v[i] = (struct work){ b, i, false, -1 };
		assert_int_equal(job_submit(b->q, work, done, &v[i]), 0);
	}
	while (b->done < JOB_QUEUE_MAX)
		assert_int_equal(event_base_loop(b->base, EVLOOP_ONCE), 0);
	assert_int_equal(b->cancelled, 0);
	assert_int_equal(b->worked, JOB_QUEUE_MAX);
}

static void
a_full_queue_refuses_and_its_end_cancels_what_waits(void **state)
{
	struct bench *b = *state;
	struct work v[JOB_QUEUE_MAX + 2];

	for (int i = 0; i < JOB_QUEUE_MAX + 2; i++)
		v[i] = (struct work){ b, i, i == 0, -1 };
	assert_int_equal(job_submit(b->q, work, done, &v[0]), 0);
	sem_wait(&b->begun);
	for (int i = 1; i <= JOB_QUEUE_MAX; i++)
		assert_int_equal(job_submit(b->q, work, done, &v[i]), 0);
	assert_int_equal(job_submit(b->q, work, done, &v[JOB_QUEUE_MAX + 1]), ERR_FULL);
	sem_post(&b->gate);
	job_queue_destroy(&b->q);
	assert_null(b->q);
	assert_int_equal(v[0].cancelled, false); /* it was waited for */
	assert_int_equal(b->done + b->cancelled, JOB_QUEUE_MAX + 1);
	assert_int_equal(b->worked, b->done);
	assert_int_equal(v[JOB_QUEUE_MAX + 1].cancelled, -1);
}

static void
an_empty_queue_ends_at_once(void **state)
{
	struct bench *b = *state;

	job_queue_destroy(&b->q);
	assert_null(b->q);
	job_queue_destroy(&b->q);
}

/* done may submit the next. */
static void
done_and_more(void *arg, bool cancelled)
{
	struct work *w = arg;

	done(arg, cancelled);
	if (w->number < 99) {
		w->number++;
		assert_int_equal(job_submit(w->b->q, work, done_and_more, w), 0);
	}
}

static void
a_job_that_is_done_may_submit_the_next(void **state)
{
	struct bench *b = *state;
	struct work w = { b, 0, false, -1 };

	assert_int_equal(job_submit(b->q, work, done_and_more, &w), 0);
	while (b->done < 100)
		assert_int_equal(event_base_loop(b->base, EVLOOP_ONCE), 0);
}

#define JOBS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		JOBS(jobs_are_done_in_their_order_and_told_in_the_loop),
		JOBS(a_full_queue_refuses_and_its_end_cancels_what_waits),
		JOBS(an_empty_queue_ends_at_once),
		JOBS(a_job_that_is_done_may_submit_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
