/*
 * The allow-lists: calls by name, with the arguments that matter. Private to sandbox.c
 * and its test.
 */
#ifndef GATEHOUSE_COMMON_SANDBOX_CALLS_H
#define GATEHOUSE_COMMON_SANDBOX_CALLS_H

#include <stddef.h>
#include <stdint.h>

#include "common/sandbox.h"

/* A call that is allowed whatever its arguments are. */
struct sandbox_call {
	const char *name; /* as the kernel's; one that this libseccomp does not know is left out */
	unsigned roles; /* bits 1 << enum sandbox_role */
};

/* A call that is allowed where (argument & mask) == value; several rows are ors. */
struct sandbox_rule {
	const char *name;
	unsigned roles;
	unsigned argument; /* from 0 */
	uint64_t mask, value;
};

const struct sandbox_call *sandbox_calls(size_t *n_out);
const struct sandbox_rule *sandbox_rules(size_t *n_out);

#endif
