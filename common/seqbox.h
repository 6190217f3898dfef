/*
 * A small struct in shared memory: one writer, any number of readers, nothing that a
 * dead process could hold. It lies there twice, and the sequence tells which copy is
 * whole: readers always find one, also while the writer is half-way through the other,
 * has been put to sleep there, or has died there; the next writer heals that. The payload
 * is moved as relaxed 64-bit atomics.
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
		_Atomic uint64_t word[2][(bytes) / 8];                                   \
	}

/* seqbox_write() and seqbox_read() for a SEQBOX. */
#define SEQBOX_WRITE(box, src, bytes)                                                    \
	seqbox_write(&(box)->seq, (box)->word[0], sizeof((box)->word[0]), (src), (bytes))
#define SEQBOX_READ(box, dst, bytes, seq_out)                                            \
	seqbox_read(&(box)->seq, (box)->word[0], sizeof((box)->word[0]), (dst), (bytes), \
	    (seq_out))

/*
 * Copy `bytes` (a multiple of 8) from src to the box whose sequence is *seq and whose
 * copies are at word and `room` bytes behind it. Single writer.
 */
void seqbox_write(_Atomic uint64_t *seq, _Atomic uint64_t *word, size_t room,
    const void *src, size_t bytes);

/*
 * Copy `bytes` of the box into dst: what was last written whole. seq_out (may be NULL)
 * gets the sequence read, so that a reader can tell cheaply whether anything changed
 * since; while a write is under way it is another one for the same payload, too. Returns
 * 0, or ERR_CHANGED when a writer came in the middle of each of many tries (dst undefined).
 */
int seqbox_read(const _Atomic uint64_t *seq, const _Atomic uint64_t *word, size_t room,
    void *dst, size_t bytes, uint64_t *seq_out) MUSTCHECK;

#endif
