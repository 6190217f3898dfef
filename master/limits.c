/*
 * Resource limits; see limits.h. A child lowers soft and hard limits alike, so that
 * nothing raises them again.
 *
 * Limits on processes and on files written stay off in builds with sanitizers, whose
 * leak checker forks and whose reports are files.
 */
#include "master/limits.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/sandbox.h"

enum {
	DESCRIPTORS_MOST = 1 << 20, /* the kernel's own bound as a rule (fs.nr_open) */
	SPARE_DESCRIPTORS = 128,    /* beside connections: epoll, pipes, the journal */
	ADMIN_DESCRIPTORS = 4096
};

static int
set_both(__rlimit_resource_t what, rlim_t most)
{
	const struct rlimit l = { .rlim_cur = most, .rlim_max = most };

	return setrlimit(what, &l) == -1 ? -errno : 0;
}

/* As much as the hard limit allows; root raises that one, too. */
static void
raise_to(__rlimit_resource_t what, const char *name, rlim_t wish)
{
	struct rlimit l;

	if (getrlimit(what, &l) == 0 && l.rlim_max < wish && set_both(what, wish) == 0)
		return;
	if (getrlimit(what, &l) == -1 || l.rlim_cur == l.rlim_max)
		return;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(what, &l) == -1)
		log_warn("limits", "%s can't be raised: %s", name, err_text(-errno));
}

/* Lower a limit to n, or leave it where it is lower. */
static int
bound(__rlimit_resource_t what, rlim_t n)
{
	struct rlimit l;

	if (getrlimit(what, &l) == -1)
		return -errno;
	return set_both(what, l.rlim_max < n ? l.rlim_max : n);
}

int
limits_take(void)
{
	raise_to(RLIMIT_NOFILE, "RLIMIT_NOFILE", DESCRIPTORS_MOST);
	raise_to(RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK", RLIM_INFINITY);
	/* 1: not even through a pipe, unlike 0, which only PR_SET_DUMPABLE makes up for */
	return bound(RLIMIT_CORE, 1);
}

/* A worker's share of the connections, each with one to upstream. */
static rlim_t
worker_descriptors(const struct config *cfg, size_t n_listeners)
{
	const rlim_t share =
	    ((rlim_t)cfg->max_connections + cfg->workers - 1) / cfg->workers;

	return 2 * share + n_listeners + SPARE_DESCRIPTORS;
}

void
limits_check(const struct config *cfg, size_t n_listeners)
{
	const rlim_t need = worker_descriptors(cfg, n_listeners);
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_max < need)
		log_warn("limits",
		    "RLIMIT_NOFILE is %llu: a worker may need %llu descriptors for its "
		    "share of MAX_CONNECTIONS, and makes clients wait when there are "
		    "none",
		    (unsigned long long)l.rlim_max, (unsigned long long)need);
}

/* No file grows by a worker's hand, but for the log where that is one. */
static int
forbid_files(void)
{
	struct stat st;

	if (fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	return set_both(RLIMIT_FSIZE, 0);
}

int
limits_apply_worker(const struct config *cfg, size_t n_listeners)
{
	/* what is open already stays open */
	int r = bound(RLIMIT_NOFILE, worker_descriptors(cfg, n_listeners));

	if (r == 0)
		r = set_both(RLIMIT_MEMLOCK, 0); /* what is locked stays locked */
	if (r != 0 || sandbox_is_sanitized())
		return r;
	r = set_both(RLIMIT_NPROC, 0);
	return r != 0 ? r : forbid_files();
}

int
limits_apply_admin(void)
{
	const int r = bound(RLIMIT_NOFILE, ADMIN_DESCRIPTORS);

	return r != 0 ? r : set_both(RLIMIT_MEMLOCK, 0);
}
