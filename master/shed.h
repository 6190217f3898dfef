/*
 * What the master has and a child has no use for: secrets of others, descriptors.
 * Called in the child right after the fork, while it still has the master's rights.
 */
#ifndef GATEHOUSE_MASTER_SHED_H
#define GATEHOUSE_MASTER_SHED_H

#include "master/state.h"

/*
 * Wipe the environment and all secrets but the role's own: a worker of g keeps g's
 * certificates and the upstream key; admin (of the current g) keeps neither.
 */
void shed_secrets(struct master *m, struct generation *g, bool is_admin);

/*
 * Close all but what the role needs: stderr, its sockets, and
 * arena  (worker) the journal's lock, which must live as long as its owner; NULL: admin.
 * Standard input and output become /dev/null. Returns 0 or -errno.
 */
int shed_descriptors(struct master *m, const struct arena *arena) MUSTCHECK;

#endif
