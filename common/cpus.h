/*
 * How many processors this process may use: its scheduler affinity, held to the
 * processor quota of its control group and of all those above it.
 */
#ifndef GATEHOUSE_COMMON_CPUS_H
#define GATEHOUSE_COMMON_CPUS_H

#include <stdint.h>

/* Usable processors, at least 1. A quota of 1.5 processors counts as 2. */
uint32_t cpus_usable(void);

/*
 * The smaller of cpus and the quota found under root ("" on a real system),
 * rounded up: cgroup v2's cpu.max and v1's cpu.cfs_quota_us, both read where
 * /proc/self/cgroup says and in each group above. What can't be read is no quota.
 */
uint32_t cpus_under_quota(const char *root, uint32_t cpus);

#endif
