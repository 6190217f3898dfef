/* TLS contexts: which files are refused and how, who gets which certificate, what is
 * spoken, who is believed, and tickets over contexts and rotations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "common/tls.h"
#include "common/tls_client.h"
#include "common/tls_tickets.h"
#include "tests/unit/tls_case.h"

/* --- files --- */

static struct tls_server *
must_create(const struct config *cfg, const struct published *p)
{
	struct tls_server *s = NULL;
	struct errmsg why = { { 0 } };

	if (tls_server_create(cfg, p, &s, &why) != 0)
		fail_msg("%s", why.text);
	assert_non_null(s);
	return s;
}

static void
assert_refused(
    const struct config *cfg, const char *field, const char *file, const char *words)
{
	struct tls_server *s = NULL;
	struct errmsg why = { { 0 } };

	assert_int_equal(tls_server_create(cfg, NULL, &s, &why), ERR_INVALID);
	assert_null(s);
	assert_non_null(strstr(why.text, field));
	assert_non_null(strstr(why.text, file));
	assert_non_null(strstr(why.text, words));
	assert_int_equal(ERR_peek_error(), 0);
}

static void
without_a_certificate_there_is_no_context(void **state)
{
	const struct config cfg = { 0 };
	struct tls_server *s = NULL;
	struct errmsg why;

	(void)state;
	assert_int_equal(tls_server_create(&cfg, NULL, &s, &why), 0);
	assert_null(s);
	tls_server_destroy(&s);
}

static void
expiry_is_the_earliest_and_the_fingerprint_follows_the_files(void **state)
{
	struct tls_pair p[2] = { tls_case_pair(*state, "a", "DNS:a", 30, NULL),
		tls_case_pair(*state, "b", "DNS:b", 10, NULL) };
	struct tls_files files;
	const struct config both = tls_case_config(&files, p, 2);
	struct tls_server *s = must_create(&both, NULL);
	uint64_t print = tls_server_fingerprint(s);
	int64_t left = tls_server_expiry(s) - (int64_t)time(NULL);

	assert_in_range(left, 10 * 86400 - 60, 10 * 86400);
	assert_int_equal(tls_server_pair_expiry(s, 1), tls_server_expiry(s));
	assert_in_range(tls_server_pair_expiry(s, 0) - tls_server_expiry(s),
	    20 * 86400 - 60, 20 * 86400 + 60);
	assert_true(tls_server_pair_expiry(s, 2) == INT64_MAX);
	tls_server_destroy(&s);
	s = must_create(&both, NULL);
	assert_int_equal(tls_server_fingerprint(s), print);
	tls_server_destroy(&s);
	p[1] = tls_case_pair(*state, "b", "DNS:b", 10, NULL);
	s = must_create(&both, NULL);
	assert_int_not_equal(tls_server_fingerprint(s), print);
	tls_server_destroy(&s);
	assert_null(s);
}

static void
a_pair_that_is_none_is_refused_by_field_and_file(void **state)
{
	struct tls_pair p[2] = { tls_case_pair(*state, "a", "DNS:a", 30, NULL),
		tls_case_pair(*state, "b", "DNS:b", 30, NULL) };
	struct tls_pair locked = tls_case_pair(*state, "locked", "DNS:c", 30, "pass");
	struct tls_pair bad;
	struct tls_files files;
	struct config cfg;

	bad = p[0];
	memcpy(bad.key, p[1].key, sizeof(bad.key));
	cfg = tls_case_config(&files, &bad, 1);
	assert_refused(&cfg, "TLS_KEY_FILE", "b.key", "does not belong");
	assert_refused(&cfg, "TLS_KEY_FILE", "a.crt", "does not belong");

	bad = p[0];
	memcpy(bad.key, p[0].cert, sizeof(bad.key));
	cfg = tls_case_config(&files, &bad, 1);
	assert_refused(&cfg, "TLS_KEY_FILE", "a.crt", "no usable PEM private key");

	bad = p[0];
	memcpy(bad.cert, p[0].key, sizeof(bad.cert));
	cfg = tls_case_config(&files, &bad, 1);
	assert_refused(&cfg, "TLS_CERT_FILE", "a.key", "no usable PEM certificate");

	bad = p[0];
	snprintf(bad.cert, sizeof(bad.cert), "/nonexistent/x.crt");
	cfg = tls_case_config(&files, &bad, 1);
	assert_refused(&cfg, "TLS_CERT_FILE", "/nonexistent/x.crt", "");

	/* nobody is asked for a pass phrase */
	cfg = tls_case_config(&files, &locked, 1);
	assert_refused(&cfg, "TLS_KEY_FILE", "locked.key", "no usable PEM private key");

	/* a good one before a bad one */
	p[1] = bad;
	cfg = tls_case_config(&files, p, 2);
	assert_refused(&cfg, "TLS_CERT_FILE", "/nonexistent/x.crt", "");
}

/* --- two ends in memory --- */

struct ends {
	SSL *server, *client;
};

/* Join both; the handshake goes as far as it can. Returns whether it is complete. */
static bool
join(struct ends *e)
{
	BIO *a = NULL, *b = NULL;

	assert_int_equal(BIO_new_bio_pair(&a, 1 << 16, &b, 1 << 16), 1);
	SSL_set_bio(e->server, a, a);
	SSL_set_bio(e->client, b, b);
	SSL_set_connect_state(e->client);
	for (int i = 0; i < 10; i++) {
		(void)SSL_do_handshake(e->client);
		(void)SSL_do_handshake(e->server);
	}
	ERR_clear_error();
	return SSL_is_init_finished(e->client) == 1 &&
	    SSL_is_init_finished(e->server) == 1;
}

static void
part(struct ends *e)
{
	SSL_free(e->server);
	SSL_free(e->client);
	ERR_clear_error();
}

static SSL_CTX *
client_ctx(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	assert_non_null(ctx);
	SSL_CTX_set_security_level(ctx, 0);
	return ctx;
}

static struct ends
ends_for(const struct tls_server *s, SSL_CTX *ctx, const char *name)
{
	struct ends e = { .server = tls_server_new(s), .client = SSL_new(ctx) };

	assert_non_null(e.server);
	assert_non_null(e.client);
	if (name != NULL) {
		char copy[64]; /* OpenSSL's macro wants it writable */

		snprintf(copy, sizeof(copy), "%s", name);
		assert_int_equal(SSL_set_tlsext_host_name(e.client, copy), 1);
	}
	return e;
}

/* Is the certificate that the client sees valid for the name? */
static bool
shown_for(const struct ends *e, const char *name)
{
	X509 *cert = SSL_get0_peer_certificate(e->client);

	assert_non_null(cert);
	return X509_check_host(cert, name, 0, 0, NULL) == 1;
}

static void
the_name_asked_for_chooses_the_certificate(void **state)
{
	static const char *const rows[][2] = { { "a.example", "a.example" },
		{ "b.example", "b.example" }, { "x.c.example", "x.c.example" },
		{ "B.EXAMPLE", "b.example" }, { "unknown.example", "a.example" },
		{ "x.y.c.example", "a.example" }, { NULL, "a.example" } };
	struct tls_pair p[3] = { tls_case_pair(*state, "a", "DNS:a.example", 30, NULL),
		tls_case_pair(*state, "b", "DNS:b.example,DNS:b2.example", 30, NULL),
		tls_case_pair(*state, "c", "DNS:*.c.example", 30, NULL) };
	struct tls_files files;
	const struct config cfg = tls_case_config(&files, p, 3);
	struct tls_server *s = must_create(&cfg, NULL);
	SSL_CTX *ctx = client_ctx();

	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			struct ends e = ends_for(s, ctx, rows[i][0]);

			SSL_set_max_proto_version(e.client, version);
			assert_true(join(&e));
			assert_int_equal(SSL_version(e.client), version);
			assert_true(shown_for(&e, rows[i][1]));
			part(&e);
		}
	SSL_CTX_free(ctx);
	tls_server_destroy(&s);
}

static void
a_certificate_of_the_very_name_goes_before_a_wildcards(void **state)
{
	static const char *const rows[][2] = { { "a.c.example", "a.c.example" },
		{ "b.c.example", "b.c.example" }, { "else.c.example", "any.c.example" },
		{ "a.b.c.example", "other" } };
	struct tls_pair p[4] = { tls_case_pair(*state, "other", "DNS:other", 30, NULL),
		tls_case_pair(*state, "wild", "DNS:*.c.example", 30, NULL),
		tls_case_pair(*state, "a", "DNS:a.c.example", 30, NULL),
		tls_case_pair(*state, "b", "DNS:b.c.example", 30, NULL) };
	struct tls_files files;
	const struct config cfg = tls_case_config(&files, p, 4);
	struct tls_server *s = must_create(&cfg, NULL);
	SSL_CTX *ctx = client_ctx();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ends e = ends_for(s, ctx, rows[i][0]);

		assert_true(join(&e));
		assert_true(shown_for(&e, rows[i][1]));
		assert_int_equal(shown_for(&e, "any.c.example"), i == 2);
		part(&e);
	}
	SSL_CTX_free(ctx);
	tls_server_destroy(&s);
}

static void
old_protocols_and_ciphers_are_not_spoken(void **state)
{
	struct tls_pair p = tls_case_pair(*state, "a", "DNS:a", 30, NULL);
	struct tls_files files;
	const struct config cfg = tls_case_config(&files, &p, 1);
	struct tls_server *s = must_create(&cfg, NULL);
	SSL_CTX *ctx = client_ctx();
	struct ends e = ends_for(s, ctx, NULL);

	SSL_set_min_proto_version(e.client, TLS1_VERSION);
	SSL_set_max_proto_version(e.client, TLS1_1_VERSION);
	assert_false(join(&e));
	part(&e);
	/* with CBC, although ephemeral */
	e = ends_for(s, ctx, NULL);
	SSL_set_max_proto_version(e.client, TLS1_2_VERSION);
	assert_int_equal(SSL_set_cipher_list(e.client, "ECDHE-ECDSA-AES256-SHA384"), 1);
	assert_false(join(&e));
	part(&e);
	e = ends_for(s, ctx, NULL);
	SSL_set_max_proto_version(e.client, TLS1_2_VERSION);
	assert_int_equal(
	    SSL_set_cipher_list(e.client, "ECDHE-ECDSA-AES128-GCM-SHA256"), 1);
	assert_true(join(&e));
	part(&e);
	SSL_CTX_free(ctx);
	tls_server_destroy(&s);
}

/* The client's order counts for one thing: whether ChaCha20 comes first. */
static void
aes_128_is_chosen_where_the_client_does_not_put_chacha20_first(void **state)
{
	static const struct {
		int version;
		const char *offered, *chosen;
	} rows[] = {
		{ TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
		    "TLS_AES_128_GCM_SHA256" },
		{ TLS1_3_VERSION,
		    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
		    "TLS_AES_128_GCM_SHA256",
		    "TLS_AES_128_GCM_SHA256" },
		{ TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
		    "TLS_CHACHA20_POLY1305_SHA256" },
		{ TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384" },
		{ TLS1_2_VERSION,
		    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
		    "ECDHE-ECDSA-AES128-GCM-SHA256" },
		{ TLS1_2_VERSION,
		    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256",
		    "ECDHE-ECDSA-CHACHA20-POLY1305" },
		{ TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384",
		    "ECDHE-ECDSA-AES256-GCM-SHA384" },
	};
	struct tls_pair p = tls_case_pair(*state, "a", "DNS:a", 30, NULL);
	struct tls_files files;
	const struct config cfg = tls_case_config(&files, &p, 1);
	struct tls_server *s = must_create(&cfg, NULL);
	SSL_CTX *ctx = client_ctx();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ends e = ends_for(s, ctx, NULL);

		SSL_set_max_proto_version(e.client, rows[i].version);
		assert_int_equal((rows[i].version == TLS1_3_VERSION
					 ? SSL_set_ciphersuites
					 : SSL_set_cipher_list)(e.client, rows[i].offered),
		    1);
		assert_true(join(&e));
		assert_string_equal(SSL_get_cipher_name(e.server), rows[i].chosen);
		part(&e);
	}
	SSL_CTX_free(ctx);
	tls_server_destroy(&s);
}

static void
a_client_that_renegotiates_is_turned_down(void **state)
{
	struct tls_pair p = tls_case_pair(*state, "a", "DNS:a", 30, NULL);
	struct tls_files files;
	const struct config cfg = tls_case_config(&files, &p, 1);
	struct tls_server *s = must_create(&cfg, NULL);
	SSL_CTX *ctx = client_ctx();
	struct ends e = ends_for(s, ctx, NULL);
	char byte;
	bool again = true;

	SSL_set_max_proto_version(e.client, TLS1_2_VERSION);
	assert_true(join(&e));
	assert_int_equal(SSL_renegotiate(e.client), 1);
	for (int i = 0; i < 5; i++) {
		again = SSL_do_handshake(e.client) == 1 &&
		    SSL_renegotiate_pending(e.client) == 0;
		(void)SSL_read(e.server, &byte, 1);
	}
	assert_false(again);
	part(&e);
	SSL_CTX_free(ctx);
	tls_server_destroy(&s);
}

static void
http_1_1_is_agreed_on_and_nothing_else(void **state)
{
	static const unsigned char both[] = "\x02h2\x08http/1.1", h2[] = "\x02h2";
	struct tls_pair p = tls_case_pair(*state, "a", "DNS:a", 30, NULL);
	struct tls_files files;
	const struct config cfg = tls_case_config(&files, &p, 1);
	struct tls_server *s = must_create(&cfg, NULL);
	SSL_CTX *ctx = client_ctx();
	struct ends e = ends_for(s, ctx, NULL);
	const unsigned char *chosen = NULL;
	unsigned n = 0;

	assert_int_equal(SSL_set_alpn_protos(e.client, both, sizeof(both) - 1), 0);
	assert_true(join(&e));
	SSL_get0_alpn_selected(e.client, &chosen, &n);
	assert_int_equal(n, 8);
	assert_memory_equal(chosen, "http/1.1", 8);
	part(&e);
	e = ends_for(s, ctx, NULL);
	assert_int_equal(SSL_set_alpn_protos(e.client, h2, sizeof(h2) - 1), 0);
	assert_false(join(&e));
	part(&e);
	SSL_CTX_free(ctx);
	tls_server_destroy(&s);
}

/* --- the client's side --- */

static struct tls_client *
client_for(char *host, char *ca)
{
	const struct config cfg = { .upstream = { .scheme = UPSTREAM_HTTPS, .host = host },
		.upstream_ca_file = ca };
	struct tls_client *c = NULL;
	struct errmsg why = { { 0 } };

	if (tls_client_create(&cfg, &c, &why) != 0)
		fail_msg("%s", why.text);
	return c;
}

/* Does a connection of the client for that host stand up? */
static bool
is_believed(const struct tls_server *s, char *host, char *ca)
{
	struct tls_client *c = client_for(host, ca);
	struct ends e = { .server = tls_server_new(s), .client = tls_client_new(c) };
	bool ok;

	assert_non_null(e.client);
	ok = join(&e);
	part(&e);
	tls_client_destroy(&c);
	assert_null(c);
	return ok;
}

static void
an_upstream_is_believed_by_its_roots_and_its_name(void **state)
{
	struct tls_pair ours = tls_case_pair(
	    *state, "a", "DNS:up.example,IP:192.0.2.1,IP:2001:db8::1", 30, NULL);
	struct tls_pair old = tls_case_pair(*state, "b", "DNS:up.example", -0, NULL);
	struct tls_files files;
	const struct config cfg = tls_case_config(&files, &ours, 1);
	struct tls_server *s = must_create(&cfg, NULL);
	char name[] = "up.example", wrong[] = "other.example", v4[] = "192.0.2.1",
	     v6[] = "2001:db8::1", v4_wrong[] = "192.0.2.2";

	assert_true(is_believed(s, name, ours.cert));
	assert_true(is_believed(s, v4, ours.cert));
	assert_true(is_believed(s, v6, ours.cert));
	assert_false(is_believed(s, wrong, ours.cert));
	assert_false(is_believed(s, v4_wrong, ours.cert));
	assert_false(is_believed(s, name, old.cert));
	tls_server_destroy(&s);
}

static void
a_ca_file_without_certificates_is_refused_by_name(void **state)
{
	struct tls_pair p = tls_case_pair(*state, "a", "DNS:a", 30, NULL);
	char host[] = "a";
	struct config cfg = { .upstream = { .scheme = UPSTREAM_HTTPS, .host = host },
		.upstream_ca_file = p.key };
	struct tls_client *c = NULL;
	struct errmsg why;

	assert_int_equal(tls_client_create(&cfg, &c, &why), ERR_INVALID);
	assert_null(c);
	assert_non_null(strstr(why.text, "UPSTREAM_CA_FILE"));
	assert_non_null(strstr(why.text, "a.key"));
	cfg.upstream.scheme = UPSTREAM_HTTP;
	assert_int_equal(tls_client_create(&cfg, &c, &why), 0);
	assert_null(c);
}

/* --- tickets --- */

static SSL_SESSION *kept; /* of the last visit that took its ticket along */

static SSL_CTX *
keeping_ctx(int version)
{
	SSL_CTX *ctx = client_ctx();

	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	return ctx;
}

/* One connection with the session that was kept. Returns whether it was resumed. */
static bool
visit(const struct tls_server *s, SSL_CTX *ctx, bool take_ticket)
{
	struct ends e = ends_for(s, ctx, NULL);
	char byte;
	bool resumed;

	if (kept != NULL)
		assert_int_equal(SSL_set_session(e.client, kept), 1);
	assert_true(join(&e));
	resumed = SSL_session_reused(e.server) == 1;
	assert_int_equal(SSL_write(e.server, "x", 1), 1);
	assert_int_equal(SSL_read(e.client, &byte, 1), 1);
	if (take_ticket) {
		SSL_SESSION_free(kept);
		kept = SSL_get1_session(e.client);
		assert_non_null(kept);
	}
	SSL_shutdown(e.client);
	part(&e);
	return resumed;
}

static void
rotate(struct shared *sh)
{
	struct ticket_keys t;

	assert_int_equal(shared_get_tickets(sh->published, &t, NULL), 0);
	assert_int_equal(tls_tickets_rotate(&t), 0);
	shared_put_tickets(sh->published, &t);
}

static void
a_ticket_of_one_worker_is_good_at_another_until_its_key_is_gone(void **state)
{
	struct tls_pair p[2] = { tls_case_pair(*state, "a", "DNS:a", 30, NULL),
		tls_case_pair(*state, "b", "DNS:b", 30, NULL) };
	struct tls_files files;
	const struct config cfg = tls_case_config(&files, p, 2);
	struct shared sh;
	struct tls_server *one, *two;

	assert_int_equal(shared_create(16, &sh), 0);
	rotate(&sh);
	one = must_create(&cfg, sh.published);
	two = must_create(&cfg, sh.published);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *ctx = keeping_ctx(version);

		assert_false(visit(one, ctx, true));
		assert_non_null(kept);
		assert_true(visit(two, ctx, false));
		assert_true(visit(one, ctx, false));
		rotate(&sh);
		assert_true(visit(two, ctx, false));
		rotate(&sh);
		assert_true(visit(one, ctx, false));
		rotate(&sh);
		assert_false(visit(two, ctx, false));
		SSL_SESSION_free(kept);
		kept = NULL;
		SSL_CTX_free(ctx);
	}
	tls_server_destroy(&one);
	tls_server_destroy(&two);
	shared_destroy(&sh);
}

/* A server of one certificate, and the memory where its ticket keys will lie. */
static struct tls_server *
server_with_tickets(const struct tempdir *dir, struct shared *sh)
{
	struct tls_pair p = tls_case_pair(dir, "a", "DNS:a", 30, NULL);
	struct tls_files files;
	const struct config cfg = tls_case_config(&files, &p, 1);

	assert_int_equal(shared_create(16, sh), 0);
	return must_create(&cfg, sh->published);
}

static void
an_old_ticket_is_replaced_by_one_of_the_newest_key(void **state)
{
	struct shared sh;
	struct tls_server *s = server_with_tickets(*state, &sh);

	rotate(&sh);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *ctx = keeping_ctx(version);

		assert_false(visit(s, ctx, true));
		/* each visit brings a newer ticket, so the client stays known for ever */
		for (int i = 0; i < 6; i++) {
			rotate(&sh);
			assert_true(visit(s, ctx, true));
		}
		SSL_SESSION_free(kept);
		kept = NULL;
		SSL_CTX_free(ctx);
	}
	tls_server_destroy(&s);
	shared_destroy(&sh);
}

/* The clients of TLS 1.3 use a ticket once, and OpenSSL gives out no other unless told. */
static void
a_session_taken_up_brings_another_ticket(void **state)
{
	struct shared sh;
	struct tls_server *s = server_with_tickets(*state, &sh);
	SSL_CTX *ctx = keeping_ctx(TLS1_3_VERSION);

	rotate(&sh);
	assert_false(visit(s, ctx, true));
	for (int i = 0; i < 3; i++) {
		SSL_SESSION *before = kept;
		const unsigned char *was, *is;
		size_t was_n, is_n;

		assert_int_equal(SSL_SESSION_up_ref(before), 1);
		assert_true(visit(s, ctx, true));
		SSL_SESSION_get0_ticket(before, &was, &was_n);
		SSL_SESSION_get0_ticket(kept, &is, &is_n);
		assert_true(was_n > 0 && is_n > 0);
		assert_false(was_n == is_n && memcmp(was, is, is_n) == 0);
		SSL_SESSION_free(before);
	}
	SSL_SESSION_free(kept);
	kept = NULL;
	SSL_CTX_free(ctx);
	tls_server_destroy(&s);
	shared_destroy(&sh);
}

static void
without_ticket_keys_every_handshake_is_a_full_one(void **state)
{
	struct shared sh;
	struct tls_server *s = server_with_tickets(*state, &sh);

	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX *ctx = keeping_ctx(version);

		assert_false(visit(s, ctx, true));
		assert_false(visit(s, ctx, true));
		SSL_SESSION_free(kept);
		kept = NULL;
		SSL_CTX_free(ctx);
	}
	tls_server_destroy(&s);
	shared_destroy(&sh);
}

static void
rotating_keeps_the_last_three_keys(void **state)
{
	struct ticket_keys t = { 0 };
	struct ticket_key seen[5];

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(tls_tickets_rotate(&t), 0);
		seen[i] = t.keys[0];
		assert_int_equal(t.n, i < 2 ? i + 1 : 3);
		for (int k = 0; k <= i && k < 3; k++)
			assert_memory_equal(&t.keys[k], &seen[i - k], sizeof(seen[0]));
		for (int k = 0; k < i; k++)
			assert_memory_not_equal(&seen[k], &seen[i], sizeof(seen[0]));
	}
}

#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, tempdir_make, tempdir_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_certificate_there_is_no_context),
		WITH_FOLDER(expiry_is_the_earliest_and_the_fingerprint_follows_the_files),
		WITH_FOLDER(a_pair_that_is_none_is_refused_by_field_and_file),
		WITH_FOLDER(the_name_asked_for_chooses_the_certificate),
		WITH_FOLDER(a_certificate_of_the_very_name_goes_before_a_wildcards),
		WITH_FOLDER(old_protocols_and_ciphers_are_not_spoken),
		WITH_FOLDER(aes_128_is_chosen_where_the_client_does_not_put_chacha20_first),
		WITH_FOLDER(a_client_that_renegotiates_is_turned_down),
		WITH_FOLDER(http_1_1_is_agreed_on_and_nothing_else),
		WITH_FOLDER(an_upstream_is_believed_by_its_roots_and_its_name),
		WITH_FOLDER(a_ca_file_without_certificates_is_refused_by_name),
		WITH_FOLDER(
		    a_ticket_of_one_worker_is_good_at_another_until_its_key_is_gone),
		WITH_FOLDER(an_old_ticket_is_replaced_by_one_of_the_newest_key),
		WITH_FOLDER(a_session_taken_up_brings_another_ticket),
		WITH_FOLDER(without_ticket_keys_every_handshake_is_a_full_one),
		cmocka_unit_test(rotating_keeps_the_last_three_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
