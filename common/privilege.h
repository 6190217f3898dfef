/*
 * What a process may do beyond its user's rights: capabilities (capabilities(7)), and
 * the switches that keep others from looking into it. Without libcap: the kernel's own
 * interface is two calls. The master keeps a few, its children none.
 */
#ifndef GATEHOUSE_COMMON_PRIVILEGE_H
#define GATEHOUSE_COMMON_PRIVILEGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/* A capability as a bit of a mask. */
#define PRIVILEGE(cap) (UINT64_C(1) << (cap))

/*
 * Take all capabilities but those of the mask out of the bounding set, so that no exec
 * brings them back. To be called before the ids change: it takes CAP_SETPCAP.
 * Returns 0; -EPERM where the process may not (the set stays); -errno.
 */
int privilege_bound(uint64_t keep) MUSTCHECK;

/*
 * Give up all capabilities held but those of the mask: permitted, effective,
 * inheritable, ambient. Nothing is gained: what is not held stays so. 0 or -errno.
 */
int privilege_reduce(uint64_t keep) MUSTCHECK;

/* The bounding set; the permitted set of this process. 0 or -errno. */
int privilege_get_bound(uint64_t *out) MUSTCHECK;
int privilege_get(uint64_t *out) MUSTCHECK;

/*
 * No new privileges by exec (PR_SET_NO_NEW_PRIVS), and nobody of the same user may
 * attach to the process, read its memory or get a core of it (PR_SET_DUMPABLE). The
 * latter ends with an exec and may end with a change of ids: call it after that.
 * Returns 0 or -errno.
 */
int privilege_harden(void) MUSTCHECK;

#endif
