/*
 * What wires have to send: now, at the end of the turn, or once the kernel takes it. For
 * the files of wires alone.
 */
#ifndef GATEHOUSE_WORKER_WIRE_OUT_H
#define GATEHOUSE_WORKER_WIRE_OUT_H

#include <sys/uio.h>

#include "worker/wire.h"

enum wire_when {
	WIRE_LATER, /* small ones may be put off until wire_io_flush() */
	WIRE_NOW,
	WIRE_NOW_MORE, /* but the kernel may keep what does not fill a packet (MSG_MORE) */
};

/*
 * Send the pieces, behind what has been put off; what the kernel does not take is kept.
 * Everything is taken over.
 * Returns 0, -ENOMEM or -errno: the wire is dead then.
 */
int wire_out_send(
    struct wire *w, struct iovec *iov, int n_iov, enum wire_when when) MUSTCHECK;

/* Send what OpenSSL has put out, behind the ticket that it put out before. Returns 0, or what
 * wire_out_send() does. */
int wire_push_out(struct wire *w, enum wire_when when) MUSTCHECK;

/* If anything of this wire has been put off, send that, and all of the others' with it. */
void wire_out_push(struct wire *w);

/* Forget what has not been sent. */
void wire_out_free(struct wire *w);

#endif
