/*
 * What the CLI asks of the admin process over its socket, under /internal/: usage, forget,
 * import, backup, audit. For root and admin's own user only, and never for what comes through a
 * worker.
 */
#ifndef GATEHOUSE_ADMIN_USAGE_API_H
#define GATEHOUSE_ADMIN_USAGE_API_H

#include "admin/flush.h"
#include "admin/http.h"

#define USAGE_API_PREFIX "/internal/"
#define USAGE_API_USAGE "/internal/usage"   /* GET ?from=HOUR&to=HOUR&by=MASK: lines */
#define USAGE_API_FORGET "/internal/forget" /* POST a key id: {"rows"} */
#define USAGE_API_IMPORT "/internal/import" /* POST lines: {"added"} */
#define USAGE_API_BACKUP "/internal/backup" /* POST: {"staged"} */

#define USAGE_API_AUDIT                                                                  \
	"/internal/audit" /* GET ?since=MS&until=MS: an object a line;
					   POST what a command did */
#define USAGE_API_AUDIT_VERIFY                                                           \
	"/internal/audit/verify" /* GET: the verdict on its chain */

/*
 * May this be asked under /internal/? Workers set X-Gatehouse-Client on all that they
 * pass on; where they run as admin's own user, that tells them from the CLI.
 * uid_out  who asks.
 */
bool usage_api_is_allowed(const struct http_request *rq, uid_t *uid_out);

/* Answer a request whose path begins with USAGE_API_PREFIX. */
void usage_api_handle(struct http_request *rq, struct flush *f, const char *data_dir);

#endif
