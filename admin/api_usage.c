/* Usage and models. See api.h. */
#include "admin/api.h"

const struct api_route api_usage_routes[] = { { 0 } };
const size_t api_usage_n_routes = 0;
