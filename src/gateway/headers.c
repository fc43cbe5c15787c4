/*
 * The headers of a request, found by name. Owns nothing: their texts are the connection's, their names are in
 * lower case, and of a header that was sent again the first counts.
 */
#include "gateway/request.h"

pl_str request_header(const gateway_request *r, const char *name) {
    pl_str wanted = pl_str_from(name);
    for (size_t i = 0; i < r->header_count; i++) {
        if (pl_str_eq(r->headers[i].name, wanted))
            return r->headers[i].value;
    }
    return PL_STR_NONE;
}
