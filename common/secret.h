/*
 * Secrets in this process's memory: wiped when they are freed, kept out of swap while
 * they are needed. The strings themselves live where their owners keep them, on the
 * heap; it is the heap's pages that are locked.
 */
#ifndef GATEHOUSE_COMMON_SECRET_H
#define GATEHOUSE_COMMON_SECRET_H

#include "common/err.h"

/*
 * Let Jansson and OpenSSL wipe what they free: files of configuration, keys and
 * certificates pass through many of their buffers. To be called once, before the first
 * use of either. Returns 0, or ERR_TLS when it is too late for that.
 */
int secret_wipe_freed(void) MUSTCHECK;

/*
 * In a worker, which reads no file any more: let OpenSSL free as fast as it can. What is
 * secret in a connection it wipes by itself.
 */
void secret_stop_wiping(void);

/*
 * Keep all that is on the heap now out of swap, as long as this process lives; what
 * comes later is locked by a later call. Locks are not inherited over fork.
 * Returns 0; -ENOMEM, -EPERM or -EAGAIN when RLIMIT_MEMLOCK does not allow it (nothing
 * is lost but the lock); -errno when the heap can't be found.
 */
int secret_lock_heap(void) MUSTCHECK;

#endif
