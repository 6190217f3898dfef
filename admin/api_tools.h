/*
 * What the handlers of keys, settings and status work with, made and ended together.
 * Runs in the admin process.
 */
#ifndef GATEHOUSE_ADMIN_API_TOOLS_H
#define GATEHOUSE_ADMIN_API_TOOLS_H

#include "admin/api.h"

/*
 * Fill in env's enforce, keys, probes and census; base, config, shared and reload_fd stand
 * already. Returns 0 or -ENOMEM; what was made is api_tools_destroy()'s in any case.
 */
int api_tools_create(struct api_env *env) MUSTCHECK;

/* After the job queue has ended, while there is an HTTP server to answer who still waits. */
void api_tools_destroy(struct api_env *env);

#endif
