/*
 * Operations by path: which one a request means, whether its caller may do that, and its handler's call. Owns
 * nothing; when these steps are taken is said in request.c.
 */
#include "gateway/request.h"

#include "base/encode.h"

static const api_route_product *find_product(const gateway_options *options, pl_str path) {
    for (size_t i = 0; i < options->route_count; i++)
        if (pl_str_starts(path, options->routes[i]->prefix))
            return options->routes[i];
    return NULL;
}

bool request_find_route(gateway_request *r) {
    pl_buf path;
    r->route = NULL;
    r->route_product = find_product(r->shared->options, r->path);
    if (!r->route_product)
        return false;
    pl_buf_init(&path, r->path.n + 1);
    bool decoded = pl_percent_decode(&path, r->path, false) && !path.failed;
    r->route_path = decoded ? pl_arena_copy(&r->arena, pl_buf_str(&path)) : PL_STR_NONE;
    pl_buf_free(&path);
    if (r->route_path.p)
        r->route = api_route_find(r->route_product, r->method, r->route_path, r->route_call.parameters);
    return true;
}

static pl_str header_of(const void *context, const char *name) {
    return request_header(context, name);
}

int request_authorize_route(gateway_request *r) {
    const api_route *route = r->route;
    pl_str pattern = pl_str_from(route->ram_resource), first = r->route_call.parameters[0];
    size_t mark = pl_str_find(pattern, PL_STR("{}"));
    pl_str head = pl_str_head(pattern, mark),
           tail = mark == PL_NOT_FOUND ? PL_STR("") : pl_str_skip(pattern, mark + 2);
    pl_str resource =
        pl_arena_printf(&r->arena, "acs:%.*s:*:%.*s:%.*s%.*s%.*s", PL_FMT(r->route_product->ram_code),
                        PL_FMT(r->caller.account_id), PL_FMT(head),
                        PL_FMT(mark == PL_NOT_FOUND ? PL_STR("") : first), PL_FMT(tail));
    identity_request question = {.action = pl_str_from(route->ram_action),
                                 .resources = &resource,
                                 .resource_count = 1,
                                 .source_ip = r->source_ip,
                                 .secure = r->secure,
                                 .now = r->now};
    if (!resource.p)
        return pl_fail(&r->error, PL_E_ServiceUnavailable);
    if (r->shared->options->guard.authorize(r->shared->services->identity, &r->arena, &r->caller, &question,
                                            &r->denial, &r->error) == 0)
        return 0;
    r->denied = r->denial.no_permission_type.n > 0;
    return -1;
}

int request_call_route(gateway_request *r) {
    api_route_call *call = &r->route_call;
    call->route = r->route;
    call->services = r->shared->services;
    call->caller = &r->caller;
    call->arena = &r->arena;
    call->error = &r->error;
    call->now = r->now;
    call->request_id = pl_str_of(r->request_id, PL_UUID_TEXT - 1);
    call->host = request_header(r, "host");
    call->path = r->route_path;
    call->secure = r->secure;
    call->source_ip = r->source_ip;
    call->query = &r->query;
    call->body = pl_buf_str(&r->body);
    call->header = header_of;
    call->header_context = r;
    call->status = 200;
    call->content_type = "application/json;charset=utf-8";
    call->out = &r->out;
    r->error = (pl_error){0};
    pl_buf_clear(&r->out);
    if (r->route->run(call) != 0)
        return r->error.http_status ? -1 : pl_fail(&r->error, PL_E_InternalError);
    r->status = call->status;
    r->content_type = pl_str_from(call->content_type);
    return r->out.failed ? pl_fail(&r->error, PL_E_InternalError) : 0;
}
