/*
 * Work that may block (the key file and its lock, big JSON documents): done one after the
 * other by one thread beside the loop, so that flush, metrics and the page go on. A job
 * touches nothing but what it was handed; results come back in the loop. Runs in the admin
 * process.
 */
#ifndef GATEHOUSE_ADMIN_JOB_H
#define GATEHOUSE_ADMIN_JOB_H

#include <stdbool.h>

#include <event2/event.h>

#include "common/err.h"

enum { JOB_QUEUE_MAX = 64 };

struct job_queue;

/* The work, in the thread. */
typedef void (*job_work_fn)(void *arg);
/* After it, in the loop. cancelled: the queue ends and the work was never begun. */
typedef void (*job_done_fn)(void *arg, bool cancelled);

/* The thread blocks all signals but SIGSYS. Returns 0, -ENOMEM or -errno. */
int job_queue_create(struct event_base *base, struct job_queue **out) MUSTCHECK;

/*
 * Wait for the job that runs, cancel those that wait (each is told), end the thread.
 * Accepts NULL inside, leaves NULL.
 */
void job_queue_destroy(struct job_queue **q);

/*
 * Queue a job: work(arg) in the thread, then done(arg) in the loop, jobs in the order of
 * their submission. arg stays the caller's. Returns 0, or ERR_FULL (JOB_QUEUE_MAX wait) or
 * -ENOMEM, and neither is ever called.
 */
int job_submit(
    struct job_queue *q, job_work_fn work, job_done_fn done, void *arg) MUSTCHECK;

#endif
