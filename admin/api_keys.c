/* Keys: list, create, show, change, rotate, revoke, enable, delete. See api.h. */
#include "admin/api.h"

const struct api_route api_keys_routes[] = { { 0 } };
const size_t api_keys_n_routes = 0;
