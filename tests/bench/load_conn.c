/*
 * Connections of the load; see load_conn.h.
 */
#include "tests/bench/load_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_AHEAD = 64 * 1024 };

/* A ticket has come (RFC 8446 section 4.6.1): the last one counts. */
static int
on_session(SSL *ssl, SSL_SESSION *session)
{
	struct load_conn *c = SSL_get_app_data(ssl);

	SSL_SESSION_free(c->session);
	c->session = session;
	return 1; /* the reference is ours now */
}

SSL_CTX *
load_conn_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (context == NULL ||
	    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) {
		SSL_CTX_free(context);
		return NULL;
	}
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_mode(
	    context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, READ_AHEAD);
	SSL_CTX_set_quiet_shutdown(context, 1);
	SSL_CTX_set_session_cache_mode(
	    context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, on_session);
	return context;
}

static int
open_tls(struct load_conn *c, SSL_CTX *context, bool resume)
{
	if ((c->ssl = SSL_new(context)) == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
		return -ENOMEM;
	SSL_set_app_data(c->ssl, c);
	SSL_set_connect_state(c->ssl);
	if (resume && c->session != NULL && SSL_set_session(c->ssl, c->session) != 1)
		return -EINVAL;
	return 0;
}

int
load_conn_open(struct load_conn *c, uint16_t port, SSL_CTX *context, bool resume)
{
	const struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int on = 1;
	int r = 0;

	c->wants_out = false;
	if ((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return -errno;
	if (connect(c->fd, (const struct sockaddr *)&a, sizeof(a)) == -1 ||
	    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1 ||
	    fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1)
		r = -errno;
	else if (context != NULL)
		r = open_tls(c, context, resume);
	if (r != 0)
		load_conn_close(c);
	return r;
}

void
load_conn_close(struct load_conn *c)
{
	if (c->ssl != NULL)
		(void)SSL_shutdown(c->ssl); /* quiet; without it the session is spoilt */
	ERR_clear_error();
	SSL_free(c->ssl);
	c->ssl = NULL;
	if (c->fd != -1)
		(void)close(c->fd);
	c->fd = -1;
}

void
load_conn_fini(struct load_conn *c)
{
	load_conn_close(c);
	SSL_SESSION_free(c->session);
	c->session = NULL;
}

/* What an OpenSSL call that returned r wants. */
static int
judge(struct load_conn *c, int r)
{
	const int error = SSL_get_error(c->ssl, r);

	c->wants_out = error == SSL_ERROR_WANT_WRITE;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return LOAD_CONN_AGAIN;
	ERR_clear_error();
	return error == SSL_ERROR_ZERO_RETURN ? LOAD_CONN_END : LOAD_CONN_FAILED;
}

int
load_conn_handshake(struct load_conn *c)
{
	int r;

	if (c->ssl == NULL || (r = SSL_do_handshake(c->ssl)) == 1)
		return 0;
	r = judge(c, r);
	return r == LOAD_CONN_AGAIN ? r : LOAD_CONN_FAILED;
}

/* The same of a system call. */
static int
judge_errno(struct load_conn *c, bool is_send)
{
	if (errno != EAGAIN)
		return LOAD_CONN_FAILED;
	c->wants_out = is_send;
	return LOAD_CONN_AGAIN;
}

ssize_t
load_conn_send(struct load_conn *c, const void *p, size_t n)
{
	ssize_t sent;

	c->wants_out = false;
	if (c->ssl != NULL) {
		const int r = SSL_write(c->ssl, p, n < INT32_MAX ? (int)n : INT32_MAX);

		return r > 0 ? r : judge(c, r);
	}
	sent = send(c->fd, p, n, MSG_NOSIGNAL);
	return sent >= 0 ? sent : judge_errno(c, true);
}

ssize_t
load_conn_recv(struct load_conn *c, void *p, size_t room)
{
	ssize_t n;

	c->wants_out = false;
	if (c->ssl != NULL) {
		const int r = SSL_read(c->ssl, p, (int)room);

		return r > 0 ? r : judge(c, r);
	}
	n = recv(c->fd, p, room, 0);
	if (n == 0)
		return LOAD_CONN_END;
	return n > 0 ? n : judge_errno(c, false);
}

bool
load_conn_has_pending(const struct load_conn *c)
{
	return c->ssl != NULL && SSL_has_pending(c->ssl) == 1;
}

bool
load_conn_is_resumed(const struct load_conn *c)
{
	return c->ssl != NULL && SSL_session_reused(c->ssl) == 1;
}
