/*
 * `gatehouse admin-token` (CONTRACT section 1): makes, lists and revokes the tokens of the
 * admin API. Edits their file; a running gatehouse looks at it at each request with one.
 */
#ifndef GATEHOUSE_ADMIN_CLI_TOKEN_H
#define GATEHOUSE_ADMIN_CLI_TOKEN_H

#include "admin/cli_admin.h"

/* Run the command; argv[0] is "admin-token". Returns the exit status (enum cli_result). */
int cli_token(int argc, char **argv, const struct cli_service *s);

#endif
