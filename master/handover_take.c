/* See handover_take.h. Runs in the master. */
#include "master/handover_take.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

int
handover_take_fd(int fd, int *out)
{
	if (fd <= STDERR_FILENO)
		return ERR_SYNTAX;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return -errno;
	*out = fd;
	return 0;
}

int
handover_take_listening(int fd, int *out)
{
	int on = 0;
	socklen_t len = sizeof(on);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == -1)
		return -errno;
	return on ? handover_take_fd(fd, out) : ERR_SYNTAX;
}

int
handover_take_list(const json_t *list, struct strlist *out)
{
	int r = json_is_array(list) ? 0 : ERR_SYNTAX;
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v)
	{
		if (r == 0)
			r = json_is_string(v) ? strlist_add(out, json_string_value(v))
					      : ERR_SYNTAX;
	}
	return r;
}
