/*
 * The answers that are made here, in the client's dialect, and the headers that
 * every answer carries, forwarded ones too. Pure: writes into a string builder.
 */
#ifndef GATEHOUSE_WORKER_REPLY_H
#define GATEHOUSE_WORKER_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/sb.h"
#include "common/span.h"
#include "worker/route.h"

enum { REQUEST_ID_MAX = 128, REPLY_MAX_ASKED = 2048 };

/* The window that rate headers speak of. */
struct reply_rate {
	bool set; /* false: no rate headers */
	uint64_t limit;
	uint64_t remaining;
	uint64_t reset_ms; /* from now until the window has room for `limit` again */
};

/* What all answers to one request share. Spans are borrowed for the call. */
struct reply_context {
	struct span request_id;
	enum dialect dialect;
	unsigned minor;  /* the client's HTTP/1.minor */
	bool keep_alive; /* the connection stays; else Connection: close is sent */
	bool head;       /* HEAD: headers as for GET, no body */
	bool hsts;       /* Strict-Transport-Security is sent */
	struct span cors_origin; /* value of Access-Control-Allow-Origin; n 0: none */
	int64_t now_ms;          /* wall clock: Date, and the resets in rate */
	struct reply_rate rate;
};

/* The errors made here: row of a table in reply.c that has status, type, code, message.
 */
enum reply_error {
	REPLY_BAD_REQUEST,          /* 400 malformed HTTP */
	REPLY_BAD_TARGET,           /* 400 */
	REPLY_DUPLICATE_CREDENTIAL, /* 400 two of the same credential header */
	REPLY_HTTPS_ON_TLS_PORT,    /* 400 HTTPS required */
	REPLY_NO_KEY,               /* 401 missing */
	REPLY_BAD_KEY,              /* 401 wrong, expired, disabled: one and the same */
	REPLY_HTTPS_REQUIRED,       /* 403 */
	REPLY_NOT_FOUND,            /* 404 */
	REPLY_METHOD,               /* 405 with Allow */
	REPLY_TIMEOUT,              /* 408 */
	REPLY_TOO_LARGE,            /* 413 */
	REPLY_TARGET_TOO_LONG,      /* 414 */
	REPLY_RATE_LIMITED,     /* 429 with Retry-After, retry-after-ms, x-should-retry */
	REPLY_HEAD_TOO_LARGE,   /* 431 */
	REPLY_BAD_METHOD,       /* 501 */
	REPLY_BAD_VERSION,      /* 505 */
	REPLY_UPSTREAM_CONNECT, /* 502 could not connect: can't have begun */
	REPLY_UPSTREAM_BROKEN,  /* 502 broke off or answered nonsense */
	REPLY_UPSTREAM_AUTH,    /* 502 upstream_auth_failed */
	REPLY_UPSTREAM_UNKNOWN, /* 503 upstream's address is not known yet: can't have
				   begun */
	REPLY_DRAINING,         /* 503 */
	REPLY_NO_MEMORY,        /* 503 */
	REPLY_UPSTREAM_TIMEOUT, /* 504 no answer in time */
	REPLY_CONNECT_TIMEOUT,  /* 504 connecting timed out: can't have begun */
	REPLY_ADMIN_DOWN,       /* 503 the admin process is not there */
};

/* Extras of single errors; zero-initialise. */
struct reply_detail {
	const char *allow;   /* REPLY_METHOD */
	const char *message; /* replaces the table's; a constant, or NULL */
	const char *code;    /* replaces the table's; a constant, or NULL */
	uint64_t retry_after_ms; /* REPLY_RATE_LIMITED; for a limit of 0 the window's length */
};

/* A whole answer for an error: status line, headers, body (none of it for HEAD). */
void reply_error(struct sb *out, const struct reply_context *ctx, enum reply_error e,
    const struct reply_detail *detail);

/* The status that reply_error sends. */
unsigned reply_error_status(enum reply_error e);

/* A whole answer with a JSON body made by the caller. */
void reply_json(
    struct sb *out, const struct reply_context *ctx, unsigned status, struct span body);

/* A preflight's answer (Fetch: CORS preflight). asked: Access-Control-Request-Headers as
 * sent; given back unless it is longer than REPLY_MAX_ASKED bytes or no list of tokens.
 */
void reply_preflight(struct sb *out, const struct reply_context *ctx, struct span asked);

/* A 308 to https://HOST/TARGET for a browser's GET of /admin on a plain port. A location
 * that holds anything but visible ASCII becomes REPLY_BAD_TARGET. */
void reply_redirect(struct sb *out, const struct reply_context *ctx, struct span location);

/*
 * The headers that gatehouse adds to every answer, forwarded ones too: Server, Date,
 * X-Request-Id (request-id), security, CORS, rate limit, Connection. No status line,
 * no Content-*, no final empty line.
 */
void reply_headers(struct sb *out, const struct reply_context *ctx);

/* Is the field of an upstream answer replaced by reply_headers, or gatehouse's alone to
 * say (CORS, Alt-Svc), so not to be copied? */
bool reply_owns_header(const struct reply_context *ctx, struct span name);

/*
 * The body of an error (JSON) in the dialect, for an upstream error put into shape.
 * type     NULL: the dialect's own for the status.
 * code     NULL: null. Anthropic's shape has no place for it.
 */
void reply_error_body(struct sb *out, const struct reply_context *ctx, unsigned status,
    const char *type, const char *code, const char *message);

/*
 * The event that ends a stream which upstream broke off; an event that stands
 * half-written is ended first. chunked: in one chunk's framing, and no last chunk,
 * for the connection is then closed without a proper end.
 */
void reply_stream_error(struct sb *out, const struct reply_context *ctx, bool chunked);

/* Is s 1 to REQUEST_ID_MAX characters of A-Za-z0-9._- ? */
bool reply_request_id_ok(struct span s);

#endif
