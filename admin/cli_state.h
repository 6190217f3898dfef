/*
 * The running gatehouse's state region as `gatehouse status` shows it, asked of the admin
 * process (state_api.h).
 */
#ifndef GATEHOUSE_ADMIN_CLI_STATE_H
#define GATEHOUSE_ADMIN_CLI_STATE_H

#include "common/shared.h"

/*
 * Ask for a copy, for a few seconds at most. Whoever asks is of the same version as what
 * runs. NULL where admin can't be asked; else the caller's, to be given to free().
 */
struct state *cli_state_ask(const char *run_dir);

#endif
