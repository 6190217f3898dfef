/*
 * settings as the API shows it: limits in force and where they come from, how upstream,
 * certificates and ledger stand, the effective configuration with secrets left out. Runs in
 * the admin process, in its loop.
 */
#ifndef GATEHOUSE_ADMIN_SETTINGS_JSON_H
#define GATEHOUSE_ADMIN_SETTINGS_JSON_H

#include "admin/api.h"
#include "admin/settings_save.h"

/*
 * file      what the settings file says.
 * warnings  besides those of the configuration.
 * certs     cert_list_json(); taken over.
 * Returns NULL without memory.
 */
json_t *settings_json(const struct api_env *env, const struct settings_values *file,
    const struct strlist *warnings, json_t *certs);

#endif
