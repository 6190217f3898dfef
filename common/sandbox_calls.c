/*
 * What each role's code, and the libraries below it, ask of the kernel while it serves.
 * Pure data. Found by running the whole test suite under strace, and widened by what
 * newer C libraries use for the same ends (Debian 13, Ubuntu 24.04): one function of
 * theirs may be another call there.
 *
 * Not there on purpose, for anybody: execve, fork, ptrace, kill, everything about ids,
 * mounts, namespaces, keys, modules, bpf, io_uring. A worker opens no file: it has no
 * open. What admin opens is bounded by its user.
 */
#include "common/sandbox_calls.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>

#define WORKER (1u << SANDBOX_WORKER)
#define ADMIN (1u << SANDBOX_ADMIN)
#define BOTH (WORKER | ADMIN)

#define WORD UINT64_C(0xffffffff) /* int arguments: the kernel ignores the upper half */

/* clang-format off */
static const struct sandbox_call calls[] = {
	/* bytes */
	{ "read", BOTH }, { "readv", BOTH }, { "write", BOTH }, { "writev", BOTH },
	{ "recvfrom", BOTH }, { "recvmsg", BOTH }, { "recv", BOTH }, { "recvmmsg", ADMIN },
	{ "sendto", BOTH }, { "sendmsg", BOTH }, { "send", BOTH }, { "sendmmsg", ADMIN },
	{ "close", BOTH }, { "lseek", BOTH }, { "_llseek", BOTH },
	{ "dup", ADMIN }, { "dup3", ADMIN }, { "close_range", ADMIN },
	{ "pread64", ADMIN }, { "preadv", ADMIN }, { "preadv2", ADMIN },
	{ "pwrite64", ADMIN }, { "pwritev", ADMIN }, { "pwritev2", ADMIN },
	{ "pipe2", ADMIN }, { "eventfd2", ADMIN }, { "sendfile", ADMIN },
	/* sockets: who they are made for stands in the rules */
	{ "accept", BOTH }, { "accept4", BOTH }, { "connect", BOTH }, { "shutdown", BOTH },
	{ "getsockopt", BOTH }, { "setsockopt", BOTH },
	{ "getsockname", BOTH }, { "getpeername", BOTH }, { "bind", ADMIN },
	/* waiting */
	{ "epoll_wait", BOTH }, { "epoll_pwait", BOTH }, { "epoll_pwait2", BOTH },
	{ "epoll_ctl", BOTH }, { "epoll_create1", ADMIN },
	{ "poll", BOTH }, { "ppoll", BOTH }, { "ppoll_time64", BOTH },
	{ "select", ADMIN }, { "_newselect", ADMIN }, { "pselect6", ADMIN },
	{ "futex", BOTH }, { "futex_time64", BOTH }, { "futex_waitv", BOTH },
	{ "nanosleep", BOTH }, { "clock_nanosleep", BOTH }, { "clock_nanosleep_time64", BOTH },
	{ "sched_yield", BOTH }, { "restart_syscall", BOTH },
	/* memory: mmap and mprotect stand in the rules */
	{ "brk", BOTH }, { "munmap", BOTH }, { "mremap", BOTH }, { "madvise", BOTH },
	{ "msync", ADMIN }, { "fadvise64", ADMIN },
	/* time, chance, itself; the vdso falls back on the first ones */
	{ "clock_gettime", BOTH }, { "clock_gettime64", BOTH }, { "clock_getres", BOTH },
	{ "gettimeofday", BOTH }, { "time", BOTH }, { "times", ADMIN },
	{ "getrandom", BOTH }, { "getpid", BOTH }, { "getppid", BOTH }, { "gettid", BOTH },
	{ "getuid", BOTH }, { "geteuid", BOTH }, { "getgid", BOTH }, { "getegid", BOTH },
	{ "uname", BOTH }, { "sysinfo", BOTH }, { "getcpu", BOTH }, { "getrusage", BOTH },
	{ "getrlimit", BOTH }, { "ugetrlimit", BOTH },
	{ "sched_getaffinity", BOTH }, { "membarrier", BOTH },
	{ "rseq", BOTH }, { "set_robust_list", BOTH },
	{ "exit", BOTH }, { "exit_group", BOTH },
	/* signals */
	{ "rt_sigaction", BOTH }, { "rt_sigprocmask", BOTH }, { "rt_sigreturn", BOTH },
	{ "sigreturn", BOTH }, { "sigaltstack", BOTH },
	/* files: what is open may be looked at; the rest is admin's */
	{ "fstat", BOTH }, { "fstat64", BOTH },
	{ "open", ADMIN }, { "openat", ADMIN }, { "openat2", ADMIN },
	{ "stat", ADMIN }, { "stat64", ADMIN }, { "lstat", ADMIN }, { "lstat64", ADMIN },
	{ "newfstatat", ADMIN }, { "fstatat64", ADMIN }, { "statx", ADMIN },
	{ "statfs", ADMIN }, { "statfs64", ADMIN }, { "fstatfs", ADMIN }, { "fstatfs64", ADMIN },
	{ "access", ADMIN }, { "faccessat", ADMIN }, { "faccessat2", ADMIN },
	{ "readlink", ADMIN }, { "readlinkat", ADMIN },
	{ "getdents64", ADMIN }, { "getdents", ADMIN }, { "getcwd", ADMIN },
	{ "mkdir", ADMIN }, { "mkdirat", ADMIN }, { "rmdir", ADMIN },
	{ "unlink", ADMIN }, { "unlinkat", ADMIN },
	{ "rename", ADMIN }, { "renameat", ADMIN }, { "renameat2", ADMIN },
	{ "link", ADMIN }, { "linkat", ADMIN },
	{ "chmod", ADMIN }, { "fchmod", ADMIN }, { "fchmodat", ADMIN }, { "fchmodat2", ADMIN },
	{ "chown", ADMIN }, { "fchown", ADMIN }, { "fchownat", ADMIN }, { "lchown", ADMIN },
	{ "umask", ADMIN }, { "utimensat", ADMIN },
	{ "fsync", ADMIN }, { "fdatasync", ADMIN }, { "flock", ADMIN },
	{ "ftruncate", ADMIN }, { "ftruncate64", ADMIN }, { "fallocate", ADMIN },
	{ "fgetxattr", ADMIN }, { "fsetxattr", ADMIN }, { "flistxattr", ADMIN },
};

/* Threads only: a process of its own would not share these. */
#define THREAD (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)

static const struct sandbox_rule rules[] = {
	{ "socket", BOTH, 0, WORD, AF_UNIX },
	{ "socket", BOTH, 0, WORD, AF_INET },
	{ "socket", BOTH, 0, WORD, AF_INET6 },
	{ "socket", ADMIN, 0, WORD, AF_NETLINK }, /* getaddrinfo(): which addresses are there */
	{ "socketpair", ADMIN, 0, WORD, AF_UNIX },
	/* Nothing that was written may be executed. Admin loads the libraries that
	 * nsswitch.conf names when the first name is looked up. */
	{ "mmap", BOTH, 2, PROT_EXEC, 0 },
	{ "mmap2", BOTH, 2, PROT_EXEC, 0 },
	{ "mmap", ADMIN, 2, PROT_EXEC | PROT_WRITE, PROT_EXEC },
	{ "mmap2", ADMIN, 2, PROT_EXEC | PROT_WRITE, PROT_EXEC },
	{ "mprotect", BOTH, 2, PROT_EXEC, 0 },
	{ "clone", ADMIN, 0, THREAD, THREAD },
	{ "ioctl", BOTH, 1, WORD, FIONREAD },
	{ "ioctl", BOTH, 1, WORD, FIONBIO },
	{ "ioctl", BOTH, 1, WORD, TCGETS }, /* isatty() */
	{ "fcntl", BOTH, 1, WORD, F_GETFD },
	{ "fcntl", BOTH, 1, WORD, F_SETFD },
	{ "fcntl", BOTH, 1, WORD, F_GETFL },
	{ "fcntl", BOTH, 1, WORD, F_SETFL },
	{ "fcntl", ADMIN, 1, WORD, F_DUPFD },
	{ "fcntl", ADMIN, 1, WORD, F_DUPFD_CLOEXEC },
	{ "fcntl", ADMIN, 1, WORD, F_GETLK },
	{ "fcntl", ADMIN, 1, WORD, F_SETLK },
	{ "fcntl", ADMIN, 1, WORD, F_SETLKW },
	{ "fcntl", ADMIN, 1, WORD, F_OFD_GETLK },
	{ "fcntl", ADMIN, 1, WORD, F_OFD_SETLK },
	{ "fcntl", ADMIN, 1, WORD, F_OFD_SETLKW },
	{ "fcntl64", BOTH, 1, WORD, F_GETFL },
	{ "fcntl64", BOTH, 1, WORD, F_SETFL },
	{ "prctl", BOTH, 0, WORD, PR_SET_NAME },
	{ "prctl", BOTH, 0, WORD, PR_GET_NAME },
	{ "prctl", BOTH, 0, WORD, PR_SET_VMA }, /* malloc() names its memory */
	{ "prlimit64", BOTH, 2, UINT64_MAX, 0 }, /* looks, and sets nothing */
};
/* clang-format on */

const struct sandbox_call *
sandbox_calls(size_t *n_out)
{
	*n_out = sizeof(calls) / sizeof(calls[0]);
	return calls;
}

const struct sandbox_rule *
sandbox_rules(size_t *n_out)
{
	*n_out = sizeof(rules) / sizeof(rules[0]);
	return rules;
}
