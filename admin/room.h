/*
 * The admin's room: all that is under /admin. Puts sessions, tokens, jobs, the audit, the API
 * and the page together; without ADMIN_PASSWORD it says that it is off. Runs in the admin
 * process.
 */
#ifndef GATEHOUSE_ADMIN_ROOM_H
#define GATEHOUSE_ADMIN_ROOM_H

#include "admin/flush.h"
#include "admin/http.h"
#include "admin/metrics.h"
#include "common/config.h"
#include "common/shared.h"

struct room;

/* All borrowed for the room's life. */
struct room_options {
	const struct config *config;
	const struct shared *shared;
	struct flush *flush;
	const struct metrics *metrics; /* need not be filled in yet */
	pid_t master_pid;
	int reload_fd;
};

/* Returns 0 or a code (-ENOMEM, ERR_TLS, -errno). */
int room_create(
    struct event_base *base, const struct room_options *o, struct room **out) MUSTCHECK;

/* Save who is logged in, and free. After the server's end. Accepts NULL inside, leaves NULL. */
void room_destroy(struct room **r);

/* The handler of /admin and all below it; arg is the room. */
void room_handle(struct http_request *rq, void *arg);

#endif
