/*
 * One thread, one mutex, two lists: what waits, and what is done. An eventfd wakes the loop.
 * A job is in one list, or in the thread's hands; done functions run in the loop alone.
 */
#include "admin/job.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

enum { JOB_MAGIC = 0x6a6f6271 };

struct job {
	STAILQ_ENTRY(job) link;
	job_work_fn work;
	job_done_fn done;
	void *arg;
};

STAILQ_HEAD(job_list, job);

struct job_queue {
	uint32_t magic;
	pthread_t thread;
	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t more;
	struct job_list waiting, finished;
	size_t n_waiting;
	bool ending;
	int fd; /* eventfd: something is finished */
	struct event *event;
};

static void
wake_loop(struct job_queue *q)
{
	const uint64_t one = 1;
	ssize_t n;

	do
		n = write(q->fd, &one, sizeof(one));
	while (n == -1 && errno == EINTR);
	if (n != (ssize_t)sizeof(one))
		abort(); /* a counter that only we add to can't be full */
}

/* The next job, NULL at the queue's end. Held: the lock. */
static struct job *
next_job(struct job_queue *q)
{
	struct job *j;

	while (STAILQ_EMPTY(&q->waiting) && !q->ending)
		pthread_cond_wait(&q->more, &q->lock);
	if (q->ending)
		return NULL;
	j = STAILQ_FIRST(&q->waiting);
	STAILQ_REMOVE_HEAD(&q->waiting, link);
	q->n_waiting--;
	return j;
}

static void *
run(void *arg)
{
	struct job_queue *q = arg;
	struct job *j;

	pthread_mutex_lock(&q->lock);
	while ((j = next_job(q)) != NULL) {
		pthread_mutex_unlock(&q->lock);
		j->work(j->arg);
		pthread_mutex_lock(&q->lock);
		STAILQ_INSERT_TAIL(&q->finished, j, link);
		wake_loop(q);
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

/* Tell those in the list, in their order. */
static void
tell(struct job_list *list, bool cancelled)
{
	struct job *j;

	while ((j = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		j->done(j->arg, cancelled);
		free(j);
	}
}

static void
on_finished(evutil_socket_t fd, short what, void *arg)
{
	struct job_queue *q = arg;
	struct job_list done = STAILQ_HEAD_INITIALIZER(done);
	uint64_t n;

	(void)what;
	if (q->magic != JOB_MAGIC)
		abort();
	if (read(fd, &n, sizeof(n)) == -1 && errno != EAGAIN && errno != EINTR)
		abort();
	pthread_mutex_lock(&q->lock);
	STAILQ_CONCAT(&done, &q->finished);
	pthread_mutex_unlock(&q->lock);
	tell(&done, false);
}

/*
 * Start the thread with all signals blocked: they are the loop's. But for SIGSYS, which is
 * the thread's own fault (sandbox.h). Returns 0 or -errno.
 */
static int
start_thread(struct job_queue *q)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	sigdelset(&all, SIGSYS);
	r = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (r == 0) {
		r = pthread_create(&q->thread, NULL, run, q);
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	return -r;
}

int
job_queue_create(struct event_base *base, struct job_queue **out)
{
	struct job_queue *q = calloc(1, sizeof(*q));
	int r = -ENOMEM;

	if (q == NULL)
		return r;
	q->magic = JOB_MAGIC;
	STAILQ_INIT(&q->waiting);
	STAILQ_INIT(&q->finished);
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->more, NULL);
	if ((q->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) == -1) {
		r = -errno;
		goto out;
	}
	q->event = event_new(base, q->fd, EV_READ | EV_PERSIST, on_finished, q);
	if (q->event == NULL || event_add(q->event, NULL) != 0)
		goto out;
	if ((r = start_thread(q)) != 0)
		goto out;
	*out = q;
	return 0;
out:
	if (q->event != NULL)
		event_free(q->event);
	if (q->fd != -1)
		close(q->fd);
	free(q);
	return r;
}

void
job_queue_destroy(struct job_queue **qp)
{
	struct job_queue *q = *qp;

	if (q == NULL)
		return;
	pthread_mutex_lock(&q->lock);
	q->ending = true;
	pthread_cond_signal(&q->more);
	pthread_mutex_unlock(&q->lock);
	pthread_join(q->thread, NULL);
	tell(&q->finished, false); /* alone from here on */
	tell(&q->waiting, true);
	event_free(q->event);
	close(q->fd);
	pthread_cond_destroy(&q->more);
	pthread_mutex_destroy(&q->lock);
	q->magic = 0;
	free(q);
	*qp = NULL;
}

int
job_submit(struct job_queue *q, job_work_fn work, job_done_fn done, void *arg)
{
	struct job *j = malloc(sizeof(*j));
	int r = 0;

	if (j == NULL)
		return -ENOMEM;
	*j = (struct job){ .work = work, .done = done, .arg = arg };
	pthread_mutex_lock(&q->lock);
	if (q->n_waiting == JOB_QUEUE_MAX || q->ending) {
		r = ERR_FULL;
	} else {
		STAILQ_INSERT_TAIL(&q->waiting, j, link);
		q->n_waiting++;
		pthread_cond_signal(&q->more);
	}
	pthread_mutex_unlock(&q->lock);
	if (r != 0)
		free(j);
	return r;
}
