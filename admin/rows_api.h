/*
 * The workers' counters for `gatehouse status`, over admin's socket: whoever started
 * gatehouse can't look into the master's memory, unless he is root. As the rest of
 * /internal/, for root and admin's own user only.
 */
#ifndef GATEHOUSE_ADMIN_ROWS_API_H
#define GATEHOUSE_ADMIN_ROWS_API_H

#include "admin/http.h"
#include "common/shared.h"

/* GET: a line for each worker: generation, slot, connections, in flight, requests. */
#define ROWS_API_PATH "/internal/workers"

void rows_api_handle(struct http_request *rq, struct state *state);

#endif
