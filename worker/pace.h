/*
 * How much of a body is read at once. Where it comes fast, and goes on as fast, a long read
 * wakes up either side less often; but what the next one can't take yet is kept here. So a
 * body has to have filled a read first, and many once it has had to wait. Pure.
 */
#ifndef GATEHOUSE_WORKER_PACE_H
#define GATEHOUSE_WORKER_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* A read of so many bytes, three whole records of TLS, has hardly left none behind. */
	PACE_FULL = 48 * 1024,
	/* 3 MiB and more: no kernel's buffers make it look fast for so long */
	PACE_READS_STALLED = 64
};

/* Of one body. All zero: it begins. */
struct pace {
	bool stalled;  /* it has had to wait */
	uint8_t reads; /* full ones in its course, or since; no more than matter */
};

/* A read has brought n bytes. */
static inline void
pace_read(struct pace *p, size_t n)
{
	if (n >= PACE_FULL && p->reads < PACE_READS_STALLED)
		p->reads++;
}

/* It has to wait: the next one does not keep up. */
static inline void
pace_stall(struct pace *p)
{
	*p = (struct pace){ .stalled = true };
}

/* May the next read be a long one? */
static inline bool
pace_is_fast(const struct pace *p)
{
	return p->reads >= (p->stalled ? PACE_READS_STALLED : 1);
}

#endif
