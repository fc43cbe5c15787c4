/*
 * The headers of a request, found by name. Owns nothing: their texts are the connection's, their names are in
 * lower case, and of a header that was sent again the first counts.
 */
#include "gateway/request.h"

pl_str request_header_named(const gateway_request *r, pl_str name) {
    for (size_t i = 0; i < r->header_count; i++) {
        if (pl_str_eq(r->headers[i].name, name))
            return r->headers[i].value;
    }
    return PL_STR_NONE;
}
