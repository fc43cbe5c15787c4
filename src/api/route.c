/* Finding routes. No state. */
#include "api/route.h"

static bool matches(pl_str pattern, pl_str path, pl_str *parameters) {
    pl_str wanted, part;
    size_t count = 0;
    while (pl_str_split(&pattern, '/', &wanted)) {
        if (!pl_str_split(&path, '/', &part))
            return false;
        if (!pl_str_is(wanted, "{}")) {
            if (!pl_str_eq(wanted, part))
                return false;
        } else if (part.n == 0 || count == API_ROUTE_PARAMETERS) {
            return false;
        } else {
            parameters[count++] = part;
        }
    }
    return !path.p;
}

const api_route *api_route_find(const api_route_product *product, pl_str method, pl_str path,
                                pl_str parameters[static API_ROUTE_PARAMETERS]) {
    for (size_t i = 0; i < product->count; i++) {
        const api_route *route = &product->routes[i];
        if (pl_str_is(method, route->method) && matches(pl_str_from(route->pattern), path, parameters))
            return route;
    }
    return NULL;
}

bool api_route_is_former(const api_route_product *product, pl_str path) {
    for (const char *const *at = product->former; at && *at; at++)
        if (pl_str_starts(path, pl_str_from(*at)))
            return true;
    return false;
}

void api_route_add_header(api_route_call *call, const char *name, pl_str value) {
    if (call->header_count < API_ROUTE_HEADERS)
        call->headers[call->header_count++] = (api_route_header){name, value};
}
