/*
 * What every operation asks of its call: the function that the path names, and how the call is refused. Keeps
 * nothing; a refusal always carries the code by which clients know it.
 */
#include "api/functions/shared.h"

#include <stdarg.h>
#include <stdio.h>

int functions_refuse(pl_error *error, const char *format, ...) {
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return pl_fail_code(error, 400, "InvalidArgument", "%s", message);
}

int functions_missing(api_route_call *call, pl_str name) {
    return pl_fail_code(call->error, 404, "FunctionNotFound", "function '%.*s' does not exist", PL_FMT(name));
}

int functions_may_pass(api_route_call *call, pl_str role) {
    pl_str name = role, prefix = PL_STR("acs:ram::");
    identity_denial denial;
    const identity_fact service = {PL_STR("acs:Service"), PL_STR("fc.aliyuncs.com")};
    if (role.n == 0)
        return 0;
    if (pl_str_starts(role, prefix))
        name = pl_arena_printf(call->arena, "acs:ram:*:%.*s", PL_FMT(pl_str_skip(role, prefix.n)));
    identity_request question = {.action = PL_STR("ram:PassRole"),
                                 .resources = &name,
                                 .resource_count = 1,
                                 .source_ip = call->source_ip,
                                 .secure = call->secure,
                                 .now = call->now,
                                 .facts = &service,
                                 .fact_count = 1};
    if (!name.p)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    return identity_authorize(call->services->identity, call->arena, call->caller, &question, &denial,
                              call->error);
}

int functions_find(api_route_call *call, store_session *session, function_record *out, pl_error *error) {
    bool found;
    pl_str name = call->parameters[0];
    if (function_find(session, call->arena, call->caller->account_id, name,
                      api_fields_text(call->query, PL_STR("qualifier")), out, &found, error) != 0)
        return -1;
    return found
               ? 0
               : pl_fail_code(error, 404, "FunctionNotFound", "function '%.*s' does not exist", PL_FMT(name));
}
