/* `gatehouse check`: read everything as `run` would, and start nothing. */
#ifndef GATEHOUSE_MASTER_CHECK_H
#define GATEHOUSE_MASTER_CHECK_H

#include <stdio.h>

/*
 * Print the effective configuration, secrets redacted, on out, and every fault by
 * file and field on err. Returns 0, or 1 when there are faults.
 */
int check_run(const char *config_file, FILE *out, FILE *err);

/*
 * `gatehouse check --upgrade`, which the running master asks of the executable that it
 * is to become: is all well, and can what is handed over be gone on with? Prints faults
 * only. By hand, with nothing handed over, it is check_run().
 */
int check_upgrade(const char *config_file, FILE *out, FILE *err);

#endif
