/*
 * Whose ids the children take on. Only a master that runs as root changes them; a
 * configured user that does not exist is replaced by nobody, with a warning. Looked
 * up in the master, which may open /etc/passwd; the children only apply.
 */
#ifndef GATEHOUSE_MASTER_IDENTITY_H
#define GATEHOUSE_MASTER_IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/err.h"

struct identity {
	bool drop; /* false: the children stay who the master is */
	uid_t uid;
	gid_t gid;
};

/*
 * Find the ids for user. setting names where it comes from, for the warning, which
 * is logged here. A user that is root itself is refused: replaced by nobody too.
 */
struct identity identity_find(const char *setting, const char *user);

/* In a child: give up root for good. Returns 0 or -errno. */
int identity_apply(const struct identity *id) MUSTCHECK;

#endif
