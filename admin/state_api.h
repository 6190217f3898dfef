/*
 * The state region for `gatehouse status`, over admin's socket: whoever started gatehouse
 * can't look into the master's memory, unless he is root. As the rest of /internal/, for
 * root and admin's own user only.
 */
#ifndef GATEHOUSE_ADMIN_STATE_API_H
#define GATEHOUSE_ADMIN_STATE_API_H

#include "admin/http.h"
#include "common/shared.h"

#define STATE_API_PATH "/internal/state" /* GET: struct state, as it lies in memory */

/* What follows struct state, windows of keys and addresses of clients, is left out. */
void state_api_handle(struct http_request *rq, const struct state *state);

#endif
