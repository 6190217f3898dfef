/*
 * Capabilities; see privilege.h. Runs in the master at its start and in each child
 * after the fork, single-threaded: capset() is about the calling thread.
 */
#include "common/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CAPABILITIES = 64, WORD_BITS = 32 };

/* The sets of this process as the kernel lays them out. 0 or -errno. */
static int
get_sets(struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3])
{
	struct __user_cap_header_struct header = { .version =
						       _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &header, sets) == -1 ? -errno : 0;
}

static int
put_sets(const struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3])
{
	struct __user_cap_header_struct header = { .version =
						       _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capset, &header, sets) == -1 ? -errno : 0;
}

static bool
is_kept(uint64_t keep, unsigned cap)
{
	return (keep & PRIVILEGE(cap)) != 0;
}

int
privilege_get_bound(uint64_t *out)
{
	uint64_t bound = 0;

	for (unsigned cap = 0; cap < CAPABILITIES; cap++) {
		const int r = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (r == -1 && errno == EINVAL)
			break; /* the kernel knows no more */
		if (r == -1)
			return -errno;
		if (r == 1)
			bound |= PRIVILEGE(cap);
	}
	*out = bound;
	return 0;
}

int
privilege_get(uint64_t *out)
{
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	const int r = get_sets(sets);

	if (r == 0)
		*out = (uint64_t)sets[1].permitted << WORD_BITS | sets[0].permitted;
	return r;
}

int
privilege_bound(uint64_t keep)
{
	uint64_t bound = 0;
	int r = privilege_get_bound(&bound);

	for (unsigned cap = 0; cap < CAPABILITIES && r == 0; cap++)
		if (is_kept(bound, cap) && !is_kept(keep, cap) &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			r = -errno;
	return r;
}

/* Ambient ones survive an exec that a plain inheritable one would not. */
static int
reduce_ambient(uint64_t keep)
{
	for (unsigned cap = 0; cap < CAPABILITIES; cap++) {
		const int r = prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0);

		if (r == -1 && errno == EINVAL)
			break;
		if (r == -1 ||
		    (r == 1 && !is_kept(keep, cap) &&
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, cap, 0, 0) == -1))
			return -errno;
	}
	return 0;
}

int
privilege_reduce(uint64_t keep)
{
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
	int r = reduce_ambient(keep);

	if (r == 0)
		r = get_sets(sets);
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3 && r == 0; i++) {
		const uint32_t word = (uint32_t)(keep >> (i * WORD_BITS));

		sets[i].permitted &= word;
		sets[i].effective &= word;
		sets[i].inheritable &= word;
	}
	return r != 0 ? r : put_sets(sets);
}

int
privilege_harden(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return -errno;
	return 0;
}
