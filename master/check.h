/* `gatehouse check`: read everything as `run` would, and start nothing. */
#ifndef GATEHOUSE_MASTER_CHECK_H
#define GATEHOUSE_MASTER_CHECK_H

#include <stdio.h>

/*
 * Print the effective configuration, secrets redacted, on out, and every fault by
 * file and field on err. Returns 0, or 1 when there are faults.
 */
int check_run(const char *config_file, FILE *out, FILE *err);

#endif
