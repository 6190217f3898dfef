/*
 * Sockets that systemd has bound (sd_listen_fds(3)): LISTEN_PID, LISTEN_FDS, descriptors
 * from 3 on. Each must be a listening TCP socket of an address in LISTEN, ADMIN_LISTEN
 * or METRICS_LISTEN, and no two of one; their names do not matter. All workers accept
 * from the same socket then: one with SO_REUSEPORT for each, as otherwise, would leave
 * connections to nobody while gatehouse does not run.
 */
#ifndef GATEHOUSE_MASTER_ACTIVATION_H
#define GATEHOUSE_MASTER_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "common/err.h"
#include "common/proctitle.h"

struct activated {
	int fd;
	struct sockaddr_storage sa;
	bool used;
};

/* Zero-initialised: none was passed. */
struct activation {
	struct activated *v;
	size_t n;
};

/*
 * Take what was passed to this process, and the variables out of the environment.
 * Returns 0, or a negative code with why set (a descriptor that is no such socket).
 * activation_fini() in both cases.
 */
int activation_take(
    struct proctitle *title, struct activation *out, struct errmsg *why) MUSTCHECK;

/* The socket of that address and port, which counts as used then; -1: none. Borrowed. */
int activation_find(struct activation *a, const struct sockaddr_storage *sa);

/* None counts as used any more. */
void activation_reset(struct activation *a);

/* Was every socket used? If not, ERR_INVALID and why names the first. */
int activation_check(const struct activation *a, struct errmsg *why) MUSTCHECK;

/* Close what was passed; duplicates live on. */
void activation_fini(struct activation *a);

#endif
