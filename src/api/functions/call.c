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
