/*
 * One thread an attempt, none between: it owns its job and the write end of a
 * pipe, and is joined when its result has come. Everything else here happens in
 * the loop's thread.
 */
#include "admin/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/span.h"

enum { RESOLVE_MAGIC = 0x7265736f };

/* What goes through the pipe, in one write. */
struct resolve_result {
	int code; /* 0 or EAI_ */
	struct upstream_addrs found;
};
_Static_assert(sizeof(struct resolve_result) <= PIPE_BUF, "a result must go in one write");

/* The thread's own; freed by it. */
struct resolve_job {
	resolve_lookup_fn lookup;
	int fd; /* write end */
	char host[];
};

struct resolve {
	uint32_t magic;
	struct event_base *base;
	struct state *state;
	char *host;
	struct resolve_options o;
	struct event *timer;
	struct event *result; /* NULL unless an attempt runs */
	int fd;               /* read end, -1 unless an attempt runs */
	pthread_t thread;
	struct upstream_addrs known; /* as published */
	bool failing;
};

static bool
is_known(const struct upstream_addrs *l, const struct upstream_addr *a)
{
	for (uint64_t i = 0; i < l->n; i++) {
		if (l->v[i].family == a->family && addr_eq(&l->v[i].addr, &a->addr))
			return true;
	}
	return false;
}

static void
add_address(struct upstream_addrs *l, const struct sockaddr *sa)
{
	struct upstream_addr a = { .family = sa->sa_family };

	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return;
	addr_from_sockaddr(sa, &a.addr);
	if (l->n < SHARED_ADDRESSES && !is_known(l, &a))
		l->v[l->n++] = a;
}

static bool
is_localhost(const char *host)
{
	size_t n = strlen(host);

	if (n > 0 && host[n - 1] == '.')
		n--;
	return n == 9 && strncasecmp(host, "localhost", 9) == 0;
}

/* For machines without a hosts file. */
static void
add_loopback(struct upstream_addrs *l)
{
	struct upstream_addr six = { .family = AF_INET6 };
	struct upstream_addr four = { .family = AF_INET };

	six.addr.b[15] = 1;
	four.addr.b[10] = four.addr.b[11] = 0xff;
	four.addr.b[12] = 127;
	four.addr.b[15] = 1;
	l->v[0] = six;
	l->v[1] = four;
	l->n = 2;
}

int
resolve_lookup(const char *host, struct upstream_addrs *out)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int code = getaddrinfo(host, NULL, &hints, &list);

	out->n = 0;
	if (code == 0) {
		for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next)
			add_address(out, ai->ai_addr);
		freeaddrinfo(list);
	}
	if (out->n == 0 && is_localhost(host))
		add_loopback(out);
	if (out->n > 0)
		return 0;
	return code != 0 ? code : EAI_NONAME;
}

/* The thread. A loop that has gone makes the write fail: then nobody wants the result. */
static void *
run_job(void *arg)
{
	struct resolve_job *job = arg;
	struct resolve_result result = { 0 };
	ssize_t n;

	result.code = job->lookup(job->host, &result.found);
	do
		n = write(job->fd, &result, sizeof(result));
	while (n == -1 && errno == EINTR);
	close(job->fd);
	free(job);
	return NULL;
}

/*
 * Start run_job with all signals blocked: they are the loop's. But for SIGSYS, which is
 * the thread's own fault (sandbox.h). Takes job on 0.
 */
static int
start_thread(struct resolve *r, struct resolve_job *job)
{
	sigset_t all, before;
	int code;

	sigfillset(&all);
	sigdelset(&all, SIGSYS);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&r->thread, NULL, run_job, job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -code;
}

static void
publish(struct resolve *r, const struct resolve_result *result)
{
	r->known.tries++;
	if (result->code == 0) {
		r->known.ok++;
		r->known.n = result->found.n;
		memcpy(r->known.v, result->found.v, sizeof(r->known.v));
	}
	shared_put_upstream(r->state, &r->known);
}

/* Only changes between found and not found are worth a line. */
static void
report(struct resolve *r, const struct resolve_result *result)
{
	bool failed = result->code != 0;

	if (failed && !r->failing)
		log_warn("upstream_resolve",
		    "upstream's host \"%s\" can't be resolved: %s%s", r->host,
		    gai_strerror(result->code),
		    r->known.n > 0 ? "; its last known addresses stay in use" : "");
	else if (!failed && r->failing)
		log_info("upstream_resolve",
		    "upstream's host \"%s\" is resolved again: %u "
		    "addresses",
		    r->host, (unsigned)r->known.n);
	r->failing = failed;
}

static void
schedule(struct resolve *r, uint32_t ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L };

	if (evtimer_add(r->timer, &tv) != 0)
		abort(); /* without it the name would never be looked up again */
}

/* Give back what an attempt in the loop holds. */
static void
end_attempt(struct resolve *r)
{
	event_free(r->result);
	r->result = NULL;
	close(r->fd);
	r->fd = -1;
}

static void
on_result(evutil_socket_t fd, short what, void *arg)
{
	struct resolve *r = arg;
	struct resolve_result result;
	ssize_t n;

	(void)what;
	if (r->magic != RESOLVE_MAGIC)
		abort();
	n = read((int)fd, &result, sizeof(result));
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(result))
		result = (struct resolve_result){ .code = EAI_SYSTEM };
	end_attempt(r);
	pthread_join(r->thread, NULL);
	publish(r, &result);
	report(r, &result);
	schedule(r, result.code == 0 ? r->o.interval_ms : r->o.retry_ms);
}

static struct resolve_job *
job_create(const struct resolve *r, int fd)
{
	size_t n = strlen(r->host) + 1;
	struct resolve_job *job = malloc(sizeof(*job) + n);

	if (job == NULL)
		return NULL;
	job->lookup = r->o.lookup;
	job->fd = fd;
	memcpy(job->host, r->host, n);
	return job;
}

/* Returns 0 when an attempt runs; -errno, and nothing is left behind. */
static int
begin_attempt(struct resolve *r)
{
	struct resolve_job *job = NULL;
	int fds[2], code = -ENOMEM;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return -errno;
	r->fd = fds[0];
	r->result = event_new(r->base, r->fd, EV_READ | EV_PERSIST, on_result, r);
	job = job_create(r, fds[1]);
	if (r->result == NULL || job == NULL || event_add(r->result, NULL) != 0)
		goto out;
	code = start_thread(r, job);
out:
	if (code != 0) {
		free(job);
		close(fds[1]);
		if (r->result != NULL)
			event_free(r->result);
		r->result = NULL;
		close(r->fd);
		r->fd = -1;
	}
	return code;
}

static void
on_timer(evutil_socket_t none, short what, void *arg)
{
	struct resolve *r = arg;
	int code;

	(void)none;
	(void)what;
	if (r->magic != RESOLVE_MAGIC)
		abort();
	if ((code = begin_attempt(r)) == 0)
		return;
	log_error("upstream_resolve", "can't start resolving upstream's host: %s",
	    err_text(code));
	schedule(r, r->o.retry_ms);
}

int
resolve_create(struct event_base *base, struct state *state,
    const struct resolve_options *o, struct resolve **out)
{
	struct resolve *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	r->magic = RESOLVE_MAGIC;
	r->base = base;
	r->state = state;
	r->o = *o;
	r->fd = -1;
	r->host = strdup(o->host);
	r->timer = evtimer_new(base, on_timer, r);
	if (r->host == NULL || r->timer == NULL) {
		resolve_destroy(&r);
		return -ENOMEM;
	}
	if (shared_get_upstream(state, &r->known, NULL) != 0 ||
	    !shared_is_upstream_of(&r->known, o->host)) {
		r->known = (struct upstream_addrs){ 0 };
		snprintf(r->known.host, sizeof(r->known.host), "%s", o->host);
		shared_put_upstream(state, &r->known); /* the others' are nobody's now */
	}
	schedule(r, 0);
	*out = r;
	return 0;
}

void
resolve_first(struct resolve *r, uint32_t ms)
{
	struct pollfd p = { .events = POLLIN };

	if (r->result != NULL || event_del(r->timer) != 0)
		return; /* it goes on in the loop */
	on_timer(-1, 0, r);
	p.fd = r->fd;
	if (r->result != NULL && poll(&p, 1, (int)ms) == 1)
		on_result(r->fd, EV_READ, r);
}

void
resolve_destroy(struct resolve **rp)
{
	struct resolve *r = *rp;

	if (r == NULL)
		return;
	if (r->result != NULL) {
		pthread_detach(r->thread);
		end_attempt(r);
	}
	if (r->timer != NULL)
		event_free(r->timer);
	free(r->host);
	r->magic = 0;
	free(r);
	*rp = NULL;
}
