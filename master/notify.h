/*
 * Telling systemd how it goes (sd_notify(3)): READY, RELOADING, STOPPING, a line for
 * people, and the watchdog, as datagrams to NOTIFY_SOCKET. Without that variable nothing
 * happens. A datagram that can't be sent is one warning.
 */
#ifndef GATEHOUSE_MASTER_NOTIFY_H
#define GATEHOUSE_MASTER_NOTIFY_H

#include "master/state.h"

/* Look at the environment: NOTIFY_SOCKET (a path, or @ and an abstract name),
 * WATCHDOG_USEC, WATCHDOG_PID. */
void notify_open(struct master *m);

/* A reload or an upgrade begins: nothing of it has been done yet. */
void notify_reloading(struct master *m);

/* Tell what has changed, and that the loop runs. */
void notify_step(struct master *m, uint64_t now_ms);

void notify_close(struct master *m);

#endif
