/*
 * upstream/check, for the table in api_settings.c: connects to upstream, and never sends it
 * a request. Runs in the admin process.
 */
#ifndef GATEHOUSE_ADMIN_API_CHECK_H
#define GATEHOUSE_ADMIN_API_CHECK_H

#include "admin/api.h"

void api_check_upstream(struct api_call *call);

#endif
