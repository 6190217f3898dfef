/*
 * The master: the supervising loop. It serves nobody and parses nothing from the
 * network, so it has no reason to die.
 */
#ifndef GATEHOUSE_MASTER_MASTER_H
#define GATEHOUSE_MASTER_MASTER_H

/*
 * Run in the foreground until told to stop. argv is the process's own: its bytes
 * become the process title.
 * config_file  the -c option, or NULL; not inside argv.
 * Returns the exit status: 0, or 1 when the start was refused (one line was logged).
 */
int master_run(const char *config_file, int argc, char **argv);

#endif
