/*
 * Where a request belongs, decided on the path as it will be forwarded. Pure.
 * CONTRACT section 5: dot segments, encoded slashes, doubled slashes and absolute
 * forms can't reach another route.
 */
#ifndef GATEHOUSE_WORKER_ROUTE_H
#define GATEHOUSE_WORKER_ROUTE_H

#include "common/endpoint.h"
#include "common/err.h"
#include "common/span.h"
#include "worker/http1.h"

enum route {
	ROUTE_HEALTH,    /* GET /health */
	ROUTE_READY,     /* GET /health/ready */
	ROUTE_KEY_INFO,  /* GET /auth/key-info */
	ROUTE_ADMIN,     /* /admin, /admin/... */
	ROUTE_ACME,      /* /.well-known/acme-challenge/TOKEN */
	ROUTE_API,       /* /v1/..., /unstructured/...: forwarded */
	ROUTE_NOT_FOUND, /* 404; hint may name the right path */
};

/* Whose error shape and header names the client expects. */
enum dialect { DIALECT_OPENAI, DIALECT_ANTHROPIC };

struct route_match {
	enum route route;
	enum endpoint endpoint;
	enum dialect dialect; /* by path; exchange.c also looks at anthropic-version */
	const char *allow; /* not NULL: the method is not allowed (405), this is Allow's value */
	const char *hint; /* ROUTE_NOT_FOUND: a constant message that names the right
			     path, or NULL */
	const char *code; /* ROUTE_NOT_FOUND: error code, "not_found" or "unsupported_endpoint" */
};

/*
 * Match method and target (origin-form, query included).
 * Returns 0, or ERR_SYNTAX for a target that could mean two things: answer 400.
 * OPTIONS to ROUTE_API is allowed here (preflight; admission.c decides).
 */
int route_match(
    enum http_method method, struct span target, struct route_match *out) MUSTCHECK;

#endif
