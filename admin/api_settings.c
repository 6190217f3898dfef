/* Limits in force, and the state of what surrounds them. See api.h. */
#include "admin/api.h"

const struct api_route api_settings_routes[] = { { 0 } };
const size_t api_settings_n_routes = 0;
