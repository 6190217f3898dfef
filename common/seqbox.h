/*
 * A sequence-locked copy of a small struct in shared memory: one writer, any
 * number of readers, nothing that a dead process could hold. The payload is
 * moved as relaxed 64-bit atomics between an odd and an even sequence number.
 * A writer that dies half-way leaves the sequence odd: readers then give up
 * after a bounded number of tries and keep what they had; the next writer heals
 * it.
 */
#ifndef GATEHOUSE_COMMON_SEQBOX_H
#define GATEHOUSE_COMMON_SEQBOX_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* A box for `bytes` of payload (a multiple of 8); zero-filled is valid and reads as zeros. */
#define SEQBOX(bytes)                                                                    \
	struct {                                                                         \
		_Atomic uint64_t seq;                                                    \
		_Atomic uint64_t word[(bytes) / 8];                                      \
	}

/*
 * Copy `bytes` (a multiple of 8) from src to the box whose sequence is *seq and
 * whose words are at word. Single writer.
 */
void seqbox_write(
    _Atomic uint64_t *seq, _Atomic uint64_t *word, const void *src, size_t bytes);

/*
 * Copy the box into dst. seq_out (may be NULL) gets the sequence read, so that a
 * reader can tell cheaply whether anything changed since. Returns 0, or
 * ERR_CHANGED when the writer did not finish within the tries (dst undefined).
 */
int seqbox_read(const _Atomic uint64_t *seq, const _Atomic uint64_t *word, void *dst,
    size_t bytes, uint64_t *seq_out) MUSTCHECK;

#endif
