/*
 * Who may do what; see rights.h.
 *
 * The master is bound by PR_SET_NO_NEW_PRIVS, too: it never needs more than it was
 * started with, dropping rights by setresuid() is no matter of it, and an upgrade by exec
 * in place gives root the capabilities of the bounding set, which are just those kept. It
 * has no filter of system calls: the program of tomorrow may need others.
 */
#include "master/rights.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/log.h"
#include "common/privilege.h"
#include "common/sandbox.h"
#include "common/secret.h"
#include "master/limits.h"

/*
 * binding low ports, also after an upgrade; arenas and folders of another user: making
 * them his, reading and writing them, their modes and set-group-id bits; children of
 * other users: starting them as such, without a bounding set, and ending them.
 */
#define MASTER_KEEPS                                                                     \
	(PRIVILEGE(CAP_NET_BIND_SERVICE) | PRIVILEGE(CAP_CHOWN) |                        \
	    PRIVILEGE(CAP_DAC_OVERRIDE) | PRIVILEGE(CAP_FOWNER) |                        \
	    PRIVILEGE(CAP_FSETID) | PRIVILEGE(CAP_SETUID) | PRIVILEGE(CAP_SETGID) |      \
	    PRIVILEGE(CAP_SETPCAP) | PRIVILEGE(CAP_KILL))

/* The bounding set is nobody's to change without CAP_SETPCAP: reported, and harmless
 * under PR_SET_NO_NEW_PRIVS. */
static int
bound(uint64_t keep)
{
	const int r = privilege_bound(keep);

	return r == -EPERM ? 0 : r;
}

int
rights_take(void)
{
	int r = limits_take();

	if (r == 0)
		r = bound(MASTER_KEEPS);
	if (r == 0)
		r = privilege_reduce(MASTER_KEEPS);
	return r != 0 ? r : privilege_harden();
}

static bool
is_bounded(void)
{
	uint64_t left = 0;

	return privilege_get_bound(&left) == 0 && (left & ~MASTER_KEEPS) == 0;
}

void
rights_report(const struct house *h)
{
	const char *const missing = sandbox_missing();
	const bool own_users = h->worker_id.drop && h->admin_id.drop;
	const bool bounded = is_bounded();
	const bool locked =
	    shared_lock_tickets(&h->shared) == 0 && secret_lock_heap() == 0;

	if (missing != NULL)
		log_warn("sandbox",
		    "workers and admin run without a filter of system calls: %s", missing);
	if (!own_users || !bounded || !locked)
		log_info("rights", "could not be had by this user and its limits:%s%s%s",
		    own_users ? "" : " users of their own for workers and admin;",
		    bounded ? "" : " an empty capability bounding set;",
		    locked ? "" : " all secrets locked in memory (RLIMIT_MEMLOCK);");
}

void
rights_lock(void)
{
	const int r = secret_lock_heap();

	if (r != 0)
		log_debug("rights", "secrets can't be locked in memory: %s", err_text(r));
}

int
rights_drop(const struct identity *id, pid_t master, int signal_at_end)
{
	int r = bound(0);

	if (r == 0)
		r = identity_apply(id);
	if (r == 0)
		r = privilege_reduce(0);
	if (r == 0)
		r = privilege_harden();
	if (r != 0)
		return r;
	if (prctl(PR_SET_PDEATHSIG, signal_at_end, 0, 0, 0) == -1)
		return -errno;
	return getppid() == master ? 0 : -ESRCH;
}
