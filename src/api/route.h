/*
 * Operations found by path and method (the ROA style) instead of by name: what a product says about them, and
 * one call as their handlers see it. Signature, replay, throttling and authorization are the gateway's, as
 * for named operations; parameters, body and answer are the handler's own.
 */
#ifndef API_ROUTE_H
#define API_ROUTE_H

#include "api/call.h"
#include "api/fields.h"

enum { API_ROUTE_PARAMETERS = 4, API_ROUTE_HEADERS = 16 };

typedef struct api_route_header {
    const char *name;
    pl_str value;
} api_route_header;

/*
 * An answer that is sent piece by piece. `read` appends bytes from `position` on, at least one, -1 when there
 * are none to be had: the connection is closed then. It is called on a thread that serves other connections
 * as well, and should take no longer than reading one row.
 */
typedef struct api_stream {
    int (*read)(void *context, uint64_t position, pl_buf *out); /* NULL: `out` is the answer */
    void *context;
    uint64_t size;
} api_stream;

typedef struct api_route_call {
    const struct api_route *route;
    api_services *services;
    const struct identity_caller *caller;
    pl_arena *arena;
    pl_error *error;
    int64_t now;
    pl_str request_id, host;
    pl_str path; /* decoded */
    bool secure;
    pl_str source_ip;
    pl_str parameters[API_ROUTE_PARAMETERS]; /* what {} in the pattern stands for, decoded */
    const api_fields *query;
    pl_str body;
    pl_str (*header)(const void *context, const char *name); /* of the request; absent when it was not sent */
    const void *header_context;
    /* The answer: status 200, JSON and no headers unless the handler says otherwise. */
    int status;
    const char *content_type;
    pl_buf *out;
    api_route_header headers[API_ROUTE_HEADERS];
    size_t header_count;
    api_stream stream;
} api_route_call;

typedef struct api_route {
    const char *method;
    const char *pattern; /* "/2023-03-30/functions/{}/invocations" */
    const char *name;    /* of the operation */
    const char *ram_action;
    const char *ram_resource; /* what follows acs:fc:*:<account>: with {} for the first parameter */
    uint32_t max_body;        /* bytes; 0: the gateway's common limit */
    bool anonymous;           /* comes without signature: the handler checks by itself */
    int (*run)(api_route_call *call);
} api_route;

typedef struct api_route_product {
    pl_str prefix; /* "/2023-03-30/": every pattern begins so */
    pl_str ram_code;
    const api_route *routes;
    size_t count;
    const char *const *former; /* prefixes of versions that are not served; NULL at the end; may be NULL */
    const char *advice;        /* what callers of those are told */
} api_route_product;

/* True for a path of a version that is not served any more. */
bool api_route_is_former(const api_route_product *product, pl_str path);

/* The route for a decoded path; fills the parameters. NULL: none. */
const api_route *api_route_find(const api_route_product *product, pl_str method, pl_str path,
                                pl_str parameters[static API_ROUTE_PARAMETERS]);

/* Adds a header to the answer; the value lives in the call's arena or is static. */
void api_route_add_header(api_route_call *call, const char *name, pl_str value);

#endif
