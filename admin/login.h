/*
 * Logins: the password, and what makes guessing it slow. Attempts that have to wait do so
 * with a timer each; a bounded number of them. Runs in the admin process.
 */
#ifndef GATEHOUSE_ADMIN_LOGIN_H
#define GATEHOUSE_ADMIN_LOGIN_H

#include "admin/api.h"

enum { LOGIN_WAITING_MAX = 256, LOGIN_PASSWORD_MAX = 1024 };

struct login_queue;

/* Returns 0 or -ENOMEM. */
int login_queue_create(struct event_base *base, struct login_queue **out) MUSTCHECK;

/* Those that wait are given up. Accepts NULL inside, leaves NULL. */
void login_queue_destroy(struct login_queue **q);

/* The handler of POST session. */
void login_handle(struct api_call *call);

/* Note in the audit how many attempts a lock has turned away; to be called now and then. */
void login_note_locked(const struct api_env *env);

/* The answer to GET session and to a login: who asks. token: of the session, NULL for an
 * admin token. NULL without memory. */
json_t *login_json(
    const struct api_env *env, const struct api_caller *caller, const char *token);

#endif
