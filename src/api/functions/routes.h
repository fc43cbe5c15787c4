/* Function Compute 2023-03-30, as far as rules need it (reference/function-rules.md, section 7): operations
 * by path. */
#ifndef API_FUNCTIONS_ROUTES_H
#define API_FUNCTIONS_ROUTES_H

#include "api/route.h"

extern const api_route_product functions_api;

#endif
