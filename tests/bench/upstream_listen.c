/*
 * The listener of the benchmark's upstream; see upstream_listen.h.
 */
#include "tests/bench/upstream_listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int
upstream_listen(uint16_t *port_out)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd == -1)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&a, n) == -1 || listen(fd, SOMAXCONN) == -1 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) == -1) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	*port_out = ntohs(a.sin_port);
	return fd;
}
