/*
 * Values that several resources of the API show. All return NULL without memory, which
 * json_pack() and api_reply() take for what it is. Runs in the admin process.
 */
#ifndef GATEHOUSE_ADMIN_API_JSON_H
#define GATEHOUSE_ADMIN_API_JSON_H

#include "admin/api.h"

/*
 * v / 10^decimals as a text, so that nobody reads it as a float: at least min places behind
 * the point, no zeros behind those. min <= decimals <= 18.
 */
json_t *api_decimal_json(uint64_t v, unsigned decimals, unsigned min);

/* Did the last traffic to upstream, or the last probe of it, go well? null: not known. */
json_t *api_upstream_up_json(const struct api_env *env);

#endif
