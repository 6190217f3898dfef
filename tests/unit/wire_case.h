/*
 * TLS for both ends of a wire in one process: a certificate for localhost that the client
 * believes.
 */
#ifndef GATEHOUSE_TESTS_WIRE_CASE_H
#define GATEHOUSE_TESTS_WIRE_CASE_H

#include <errno.h>

#include "common/tls.h"
#include "common/tls_client.h"
#include "tests/unit/tls_case.h"
#include "worker/wire.h"

struct wire_case {
	struct tempdir *dir;
	struct tls_server *server;
	struct tls_client *client;
	struct shared shared;
};

static inline void
wire_case_make(struct wire_case *c)
{
	static char host[] = "localhost";
	void *dir = NULL;
	struct tls_pair pair;
	struct tls_files files;
	struct config cfg;
	struct errmsg why;
	struct ticket_keys t = { .n = 1 };

	assert_int_equal(tempdir_make(&dir), 0);
	c->dir = dir;
	pair = tls_case_pair(dir, "a", "DNS:localhost", 30, NULL);
	cfg = tls_case_config(&files, &pair, 1);
	cfg.upstream = (struct upstream_url){ .scheme = UPSTREAM_HTTPS, .host = host };
	cfg.upstream_ca_file = pair.cert;
	assert_int_equal(shared_create(16, &c->shared), 0);
	shared_put_tickets(c->shared.published, &t);
	assert_int_equal(
	    tls_server_create(&cfg, c->shared.published, &c->server, &why), 0);
	assert_int_equal(tls_client_create(&cfg, &c->client, &why), 0);
}

/* Returns 0, or what tempdir_remove() does. */
static inline int
wire_case_remove(struct wire_case *c)
{
	void *dir = c->dir;

	tls_server_destroy(&c->server);
	tls_client_destroy(&c->client);
	shared_destroy(&c->shared);
	return tempdir_remove(&dir);
}

static inline void
wire_case_shake_hands(struct wire *server, struct wire *client)
{
	struct span none;

	assert_int_equal(wire_start_handshake(client), 0);
	for (int i = 0; i < 10 && !(server->handshaken && client->handshaken); i++) {
		assert_int_equal(wire_read(server, &none), -EAGAIN);
		assert_int_equal(wire_read(client, &none), -EAGAIN);
	}
	assert_true(server->handshaken);
	assert_true(client->handshaken);
}

#endif
