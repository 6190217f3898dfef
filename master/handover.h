/*
 * What one program of the master hands to the next when it executes it in its own
 * process (DESIGN: Upgrade): a JSON text in a sealed memfd, whose number stands in the
 * environment, and the descriptors that are named in it. The text holds what is known of
 * children, sockets, regions, arenas, locks and counters; keys and secrets are in none
 * of it, they are read from their files anew.
 */
#ifndef GATEHOUSE_MASTER_HANDOVER_H
#define GATEHOUSE_MASTER_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "master/state.h"

#define HANDOVER_ENV "GATEHOUSE_HANDOVER"

enum { HANDOVER_VERSION = 1, HANDOVER_MAX_BYTES = 4 << 20 };

/* A handover that was made. */
struct handover {
	int fd; /* the memfd; -1: none */
	int *fds;
	size_t n;
	bool failed; /* no memory for a descriptor */
};

/* Write m down. Returns 0, or a negative code with why set; nothing stays then. */
int handover_make(struct master *m, struct handover *out, struct errmsg *why) MUSTCHECK;

/* Do its descriptors outlive execve()? They do not, unless this says so. */
int handover_keep(const struct handover *h, bool keep) MUSTCHECK;

/* Close the memfd, forget the rest. */
void handover_fini(struct handover *h);

/* The memfd that the environment names; -1: none. */
int handover_find(void);

/*
 * Read the text behind fd, which must be sealed, of this version, and from the process
 * pid. Returns 0 and the text, the caller's, or a negative code with why set.
 */
int handover_open(int fd, pid_t pid, json_t **root_out, struct errmsg *why) MUSTCHECK;

/*
 * Fill m, which is empty but for its pid, with what root says; regions of another layout
 * are left out, and what is known of them goes to m->resumed. Changes nothing outside of
 * this process, so a check may do it, too.
 * running_out  the settings that need a restart, as in force; config_destroy().
 * Returns 0, or a negative code with why set; handover_drop() in both cases.
 */
int handover_read(struct master *m, const json_t *root, struct config **running_out,
    struct errmsg *why) MUSTCHECK;

/* Close and free what handover_read() put into m. Nothing outside notices. */
void handover_drop(struct master *m);

#endif
