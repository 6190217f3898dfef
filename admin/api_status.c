/* The state of all processes. See api.h. */
#include "admin/api.h"

const struct api_route api_status_routes[] = { { 0 } };
const size_t api_status_n_routes = 0;
