/*
 * What the kernel says of a process that may be another user's: /proc/PID/stat and
 * status, which are open to all. Used by the metrics.
 */
#ifndef GATEHOUSE_ADMIN_PROCSTAT_H
#define GATEHOUSE_ADMIN_PROCSTAT_H

#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"
#include "common/span.h"

/* Times in milliseconds. */
struct procstat {
	uint64_t cpu_ms;        /* its own */
	uint64_t reaped_cpu_ms; /* of its children that have ended and were waited for */
	uint64_t started_ms;    /* since boot */
	uint64_t virtual_bytes;
	uint64_t resident_bytes;
};

/* Read a process' figures. 0, -errno (-ENOENT: gone) or ERR_SYNTAX. */
int procstat_read(pid_t pid, struct procstat *out) MUSTCHECK;

/* Take the text of /proc/PID/stat apart (proc(5)). ticks: clock ticks a second;
 * page: bytes of a page. 0 or ERR_SYNTAX. */
int procstat_parse(
    struct span text, uint64_t ticks, uint64_t page, struct procstat *out) MUSTCHECK;

/* The effective user of a process. 0, -errno or ERR_SYNTAX. */
int procstat_uid(pid_t pid, uid_t *out) MUSTCHECK;

/* Seconds since 1970 of the boot. 0, -errno or ERR_SYNTAX. */
int procstat_boot(uint64_t *out) MUSTCHECK;

/* Open descriptors of this process, and the most it may have. 0 or -errno. */
int procstat_own_fds(uint64_t *open_out, uint64_t *max_out) MUSTCHECK;

#endif
