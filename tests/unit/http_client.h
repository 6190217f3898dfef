/*
 * A client for tests of the admin process' HTTP: sends raw bytes to a socket address
 * and collects the answer until the server closes. Blocking, with a deadline.
 */
#ifndef GATEHOUSE_TESTS_HTTP_CLIENT_H
#define GATEHOUSE_TESTS_HTTP_CLIENT_H

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct http_place {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_un un;
	} u;
	socklen_t len;
};

/* Listen on a free loopback port, or on the UNIX path. Returns the socket or -1. */
static inline int
http_place_listen(struct http_place *p, const char *unix_path)
{
	int fd;

	memset(p, 0, sizeof(*p));
	if (unix_path != NULL) {
		p->u.un.sun_family = AF_UNIX;
		snprintf(p->u.un.sun_path, sizeof(p->u.un.sun_path), "%s", unix_path);
		p->len = sizeof(p->u.un);
	} else {
		p->u.in.sin_family = AF_INET;
		p->u.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		p->len = sizeof(p->u.in);
	}
	fd = socket(p->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, &p->u.sa, p->len) == -1 || listen(fd, 16) == -1 ||
	    (unix_path == NULL && getsockname(fd, &p->u.sa, &p->len) == -1))
		return -1;
	return fd;
}

/* Connect with 10 s of patience for every read and write. Returns the socket or -1. */
static inline int
http_place_connect(const struct http_place *p)
{
	const struct timeval patience = { .tv_sec = 10 };
	int fd = socket(p->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || connect(fd, &p->u.sa, p->len) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == -1)
		return -1;
	return fd;
}

/* Read to the end, NUL-terminated. Returns the bytes, -1 when the deadline passed. */
static inline ssize_t
http_read_all(int fd, char *buf, size_t cap)
{
	size_t n = 0;
	ssize_t got;

	while (n < cap - 1 && (got = recv(fd, buf + n, cap - 1 - n, 0)) != 0) {
		if (got == -1 && errno == ECONNRESET)
			break;
		if (got == -1)
			return -1;
		n += (size_t)got;
	}
	buf[n] = '\0';
	return (ssize_t)n;
}

/* Send n bytes and read the answer to the end. Returns its bytes or -1. */
static inline ssize_t
http_ask_bytes(
    const struct http_place *p, const char *request, size_t n, char *buf, size_t cap)
{
	int fd = http_place_connect(p);
	ssize_t r = -1;
	size_t sent = 0;

	if (fd == -1)
		return -1;
	while (sent < n) {
		ssize_t now = send(fd, request + sent, n - sent, MSG_NOSIGNAL);

		if (now == -1)
			break; /* the server may answer early and close */
		sent += (size_t)now;
	}
	r = http_read_all(fd, buf, cap);
	close(fd);
	return r;
}

/* METHOD TARGET with a Host, Connection: close and `extra` header lines (each in CRLF). */
static inline ssize_t
http_ask(const struct http_place *p, const char *method, const char *target,
    const char *extra, char *buf, size_t cap)
{
	char request[4096];
	int n = snprintf(request, sizeof(request),
	    "%s %s HTTP/1.1\r\nHost: gatehouse\r\nConnection: close\r\n%s\r\n", method,
	    target, extra);

	return n < 0 ? -1 : http_ask_bytes(p, request, (size_t)n, buf, cap);
}

/* The status code of an answer, 0 if it is none. */
static inline int
http_status(const char *answer)
{
	const char begin[] = "HTTP/1.1 ";

	if (strncmp(answer, begin, sizeof(begin) - 1) != 0)
		return 0;
	return (int)strtol(answer + sizeof(begin) - 1, NULL, 10);
}

#endif
