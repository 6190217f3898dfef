/*
 * The bound of load A: the least that a program in front of the upstream can spend on a
 * small request, with the same OpenSSL and the same kernel. TLS 1.3, a look-up of the key,
 * upstream's own in its place, kept connections; no limit, no time-out, no metering, and no
 * check of anything: what is not as the load and the upstream send it ends the program.
 * A yardstick, not a gateway.
 *
 *   build/release/bench/bare --cert FILE --key FILE --keys FILE --secret TEXT --upstream PORT
 *       prints its port, runs until SIGTERM
 * --keys: a client's secret a line; --secret: upstream's own.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/upstream_listen.h"

enum { BUFFER = 16 * 1024, EVENTS = 256, KEYS_MAX = 200000 };

/* A connection of a client (ssl is set) or to the upstream. */
struct conn {
	int fd;
	SSL *ssl;
	struct conn *other; /* the client of a request under way, and its upstream */
	struct conn *next;  /* of upstream's: the next free one */
};

struct options {
	const char *cert, *key, *keys, *secret;
	uint16_t upstream_port;
};

struct bare {
	struct options options;
	SSL_CTX *context;
	int epoll;
	struct conn listener;
	struct conn *free;
	char in[BUFFER + 1];
	char out[2 * BUFFER];
};

static const char bearer[] = "\r\nAuthorization: Bearer ";

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void *
check(void *p, const char *what)
{
	if (p == NULL)
		die(what);
	return p;
}

static void
watch(const struct bare *b, struct conn *c)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	const int on = 1;

	if (epoll_ctl(b->epoll, EPOLL_CTL_ADD, c->fd, &e) == -1)
		die("epoll_ctl");
	if (c != &b->listener &&
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1)
		die("TCP_NODELAY");
}

static void
accept_client(struct bare *b)
{
	struct conn *c = check(calloc(1, sizeof(*c)), "calloc");

	if ((c->fd = accept4(b->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) ==
	    -1)
		die("accept4");
	c->ssl = check(SSL_new(b->context), "SSL_new");
	if (SSL_set_fd(c->ssl, c->fd) != 1)
		die("SSL_set_fd");
	SSL_set_accept_state(c->ssl);
	watch(b, c);
}

static void
client_close(struct conn *c)
{
	if (c->other != NULL)
		c->other->other = NULL;
	SSL_free(c->ssl);
	(void)close(c->fd);
	free(c);
}

static struct conn *
upstream_take(struct bare *b)
{
	const struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(b->options.upstream_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct conn *c = b->free;

	if (c != NULL) {
		b->free = c->next;
		return c;
	}
	c = check(calloc(1, sizeof(*c)), "calloc");
	if ((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    connect(c->fd, (const struct sockaddr *)&a, sizeof(a)) == -1)
		die("upstream");
	watch(b, c);
	return c;
}

/* The message of n bytes at p has to be whole. */
static void
want_whole(const char *p, size_t n)
{
	const char *end = strstr(p, "\r\n\r\n");
	const char *length = strcasestr(p, "\r\ncontent-length:");

	if (end == NULL || length == NULL || length > end ||
	    (size_t)(end + 4 - p) + strtoul(length + 17, NULL, 10) != n) {
		errno = EPROTO;
		die("a message that did not come whole");
	}
}

/* Put upstream's secret in the place of the client's. Returns the new length. */
static size_t
translate(struct bare *b, size_t n)
{
	char *field = check(strcasestr(b->in, bearer), "no key");
	char *secret = field + sizeof(bearer) - 1;
	char *end = check(strstr(secret, "\r\n"), "no end");
	char *p = b->out;

	*end = '\0';
	if (hsearch((ENTRY){ .key = secret }, FIND) == NULL)
		die("an unknown key");
	*end = '\r';
	p = mempcpy(p, b->in, (size_t)(secret - b->in));
	p = mempcpy(p, b->options.secret, strlen(b->options.secret));
	p = mempcpy(p, end, n - (size_t)(end - b->in));
	return (size_t)(p - b->out);
}

/* A request: on to the upstream. Before it the handshake, after it the end. */
static void
client_read(struct bare *b, struct conn *c)
{
	const int n = SSL_read(c->ssl, b->in, BUFFER);
	size_t n_out;

	if (n <= 0) {
		const int error = SSL_get_error(c->ssl, n);

		ERR_clear_error();
		if (error != SSL_ERROR_WANT_READ)
			client_close(c);
		return;
	}
	b->in[n] = '\0';
	want_whole(b->in, (size_t)n);
	n_out = translate(b, (size_t)n);
	c->other = upstream_take(b);
	c->other->other = c;
	if (send(c->other->fd, b->out, n_out, MSG_NOSIGNAL) != (ssize_t)n_out)
		die("send");
}

/* An answer: back to the client. */
static void
upstream_read(struct bare *b, struct conn *c)
{
	const ssize_t n = recv(c->fd, b->in, BUFFER, 0);
	struct conn *client = c->other;

	if (n <= 0)
		die("upstream");
	b->in[n] = '\0';
	want_whole(b->in, (size_t)n);
	c->other = NULL;
	if (client != NULL) { /* else the load's end came before the answer */
		client->other = NULL;
		if (SSL_write(client->ssl, b->in, (int)n) != (int)n)
			ERR_clear_error(); /* the same: its end is read next */
	}
	c->next = b->free;
	b->free = c;
}

static void
parse(struct options *o, int argc, char **argv)
{
	static const struct option names[] = { { "cert", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'k' },
		{ "keys", required_argument, NULL, 'f' },
		{ "secret", required_argument, NULL, 's' },
		{ "upstream", required_argument, NULL, 'u' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1)
		switch (c) {
		case 'c': o->cert = optarg; break;
		case 'k': o->key = optarg; break;
		case 'f': o->keys = optarg; break;
		case 's': o->secret = optarg; break;
		case 'u': o->upstream_port = (uint16_t)strtoul(optarg, NULL, 10); break;
		default: exit(2);
		}
	if (o->cert == NULL || o->key == NULL || o->keys == NULL || o->secret == NULL ||
	    o->upstream_port == 0)
		exit(2);
}

static void
read_keys(const char *path)
{
	FILE *f = check(fopen(path, "re"), path);
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	if (hcreate(KEYS_MAX) == 0)
		die("hcreate");
	while ((n = getline(&line, &room, f)) > 0) {
		line[n - 1] = '\0';
		if (hsearch((ENTRY){ .key = check(strdup(line), path) }, ENTER) == NULL)
			die(path);
	}
	free(line);
	(void)fclose(f);
}

static void
start(struct bare *b)
{
	uint16_t port;

	read_keys(b->options.keys);
	b->context = check(SSL_CTX_new(TLS_server_method()), "SSL_CTX_new");
	if (SSL_CTX_set_min_proto_version(b->context, TLS1_3_VERSION) != 1 ||
	    SSL_CTX_use_certificate_chain_file(b->context, b->options.cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(b->context, b->options.key, SSL_FILETYPE_PEM) != 1)
		die("TLS");
	SSL_CTX_set_read_ahead(b->context, 1);
	if ((b->epoll = epoll_create1(EPOLL_CLOEXEC)) == -1)
		die("epoll_create1");
	if ((b->listener.fd = upstream_listen(&port)) < 0)
		die("listen");
	watch(b, &b->listener);
	printf("%u\n", port);
	(void)fflush(stdout);
}

int
main(int argc, char **argv)
{
	static struct bare b;
	struct epoll_event events[EVENTS];

	parse(&b.options, argc, argv);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		die("SIGPIPE");
	start(&b);
	for (;;) {
		const int n = epoll_wait(b.epoll, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (c == &b.listener)
				accept_client(&b);
			else if (c->ssl != NULL)
				client_read(&b, c);
			else
				upstream_read(&b, c);
		}
	}
}
