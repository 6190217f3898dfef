/*
 * The files of ACME's HTTP challenge (RFC 8555 section 8.3), as certbot and others
 * lay them under ACME_WEBROOT. Runs in the admin process, for workers open no file.
 */
#ifndef GATEHOUSE_ADMIN_ACME_H
#define GATEHOUSE_ADMIN_ACME_H

#include <event2/buffer.h>

#include "common/err.h"
#include "common/span.h"

#define ACME_PREFIX "/.well-known/acme-challenge/"

enum { ACME_TOKEN_MAX = 128, ACME_FILE_MAX = 4096 }; /* bytes */

/*
 * Append WEBROOT/.well-known/acme-challenge/TOKEN to out.
 * webroot  our own setting; it alone may be a symbolic link.
 * token    what the client asked for; [A-Za-z0-9_-]+ or nothing is opened.
 * Returns 0; ERR_SYNTAX (no token), ERR_INVALID (no regular file), ERR_TOO_LARGE or
 * -errno: out is then as it was.
 */
int acme_read(const char *webroot, struct span token, struct evbuffer *out) MUSTCHECK;

#endif
