/*
 * What is true of settings together: defaults that follow from others, and
 * combinations that are refused or warned of. Private to config_load().
 */
#ifndef GATEHOUSE_COMMON_CONFIG_CHECK_H
#define GATEHOUSE_COMMON_CONFIG_CHECK_H

#include "common/config_draft.h"

/* Fill what no source has set and no constant default fills. */
void config_fill_defaults(struct config_draft *d);

/* Add a fault for all that can't be so. */
void config_check_faults(struct config_draft *d);

/* Add a warning for all that had better not be so. */
void config_check_warnings(struct config_draft *d);

#endif
