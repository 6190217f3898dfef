/* Users of the children; see identity.h. */
#include "master/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "common/log.h"

enum { NOBODY_ID = 65534 };

/* nobody's ids; the usual number where there is no such entry (small containers). */
static struct identity
nobody(void)
{
	const struct passwd *pw = getpwnam("nobody");

	if (pw == NULL || pw->pw_uid == 0)
		return (struct identity){ true, NOBODY_ID, NOBODY_ID };
	return (struct identity){ true, pw->pw_uid, pw->pw_gid };
}

struct identity
identity_find(const char *setting, const char *user)
{
	const struct passwd *pw;

	if (geteuid() != 0)
		return (struct identity){ .drop = false };
	pw = getpwnam(user);
	if (pw == NULL) {
		log_warn("user",
		    "%s: there is no user \"%s\", so nobody is used; create it with: "
		    "useradd --system --no-create-home --shell /usr/sbin/nologin %s",
		    setting, user, user);
		return nobody();
	}
	if (pw->pw_uid == 0) {
		log_warn("user", "%s: root is not used for this, nobody is", setting);
		return nobody();
	}
	return (struct identity){ true, pw->pw_uid, pw->pw_gid };
}

int
identity_apply(const struct identity *id)
{
	if (!id->drop)
		return 0;
	if (setgroups(0, NULL) == -1 || setresgid(id->gid, id->gid, id->gid) == -1 ||
	    setresuid(id->uid, id->uid, id->uid) == -1)
		return -errno;
	return setuid(0) == -1 ? 0 : -EPERM; /* it must not come back */
}
