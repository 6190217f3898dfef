/*
 * `gatehouse import FILE`: takes over a usage.json of the Python proxy
 * (admin/usage_file.h says what is read). Each record once, however often it is read.
 */
#ifndef GATEHOUSE_ADMIN_CLI_IMPORT_H
#define GATEHOUSE_ADMIN_CLI_IMPORT_H

#include "admin/cli_admin.h"

/* Run the command; argv[0] is "import". Returns the exit status (enum cli_result). */
int cli_import(int argc, char **argv, const struct cli_service *s);

#endif
