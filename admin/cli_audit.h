/*
 * `gatehouse audit` (CONTRACT section 1): who changed what, and whether the record of it is
 * whole; and how the other commands add to it.
 */
#ifndef GATEHOUSE_ADMIN_CLI_AUDIT_H
#define GATEHOUSE_ADMIN_CLI_AUDIT_H

#include "admin/cli_admin.h"

/* Run the command; argv[0] is "audit". Returns the exit status (enum cli_result). */
int cli_audit(int argc, char **argv, const struct cli_service *s);

#endif
