/* InvokeFunction (reference/function-rules.md, section 7): a function that fails is answered with 200. */
#include "api/functions/shared.h"

#include "base/encode.h"

#include <stdatomic.h>

enum { ASYNC_BODY = 256 << 10 };

struct invoking {
    api_route_call *call;
    function_record function;
};

static int find_work(store_session *session, void *argument, pl_error *error) {
    struct invoking *i = argument;
    return functions_find(i->call, session, &i->function, error);
}

static pl_str header(const api_route_call *call, const char *name) {
    return call->header(call->header_context, name);
}

static int later_work(store_session *session, void *argument, pl_error *error) {
    struct invoking *i = argument;
    api_route_call *call = i->call;
    pl_str id = header(call, "x-fc-async-task-id");
    return functions_invoke_later(call->services->functions, session, &i->function, call->body,
                                  id.n ? id : call->request_id, call->now, error);
}

/* An absent one is fine: the request's id stands for it. */
static bool is_task_id(pl_str id) {
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        if (!pl_is_letter(c) && c != '_' && (i == 0 || (!pl_is_digit(c) && c != '-')))
            return false;
    }
    return id.n <= 128;
}

static int invoke_later(struct invoking *i) {
    api_route_call *call = i->call;
    pl_str id = header(call, "x-fc-async-task-id");
    if (call->body.n > ASYNC_BODY)
        return pl_fail_code(call->error, 413, "EntityTooLarge", "an asynchronous event has at most %d KB",
                            ASYNC_BODY >> 10);
    if (!is_task_id(id))
        return functions_refuse(call->error, "x-fc-async-task-id must be 1 to 128 letters, digits, - and _, "
                                             "beginning with a letter or _");
    if (store_write(call->services->store, later_work, i, call->error) != 0)
        return -1;
    call->status = 202;
    return 0;
}

static void add_number(api_route_call *call, const char *name, int64_t value) {
    api_route_add_header(call, name, pl_arena_printf(call->arena, "%lld", (long long)value));
}

static void answer(api_route_call *call, const function_record *function, const functions_outcome *outcome) {
    pl_buf encoded;
    call->content_type = "application/octet-stream";
    pl_buf_add(call->out, outcome->body);
    api_route_add_header(call, "X-Fc-Request-Id", call->request_id);
    if (outcome->error_type.n)
        api_route_add_header(call, "X-Fc-Error-Type", outcome->error_type);
    if (pl_str_is(header(call, "x-fc-log-type"), "Tail")) {
        pl_buf_init(&encoded, 16 << 10);
        pl_base64_encode(&encoded, outcome->log);
        api_route_add_header(call, "X-Fc-Log-Result", pl_arena_copy(call->arena, pl_buf_str(&encoded)));
        pl_buf_free(&encoded);
    }
    add_number(call, "X-Fc-Invocation-Duration", outcome->duration_ms);
    api_route_add_header(call, "X-Fc-Max-Memory-Usage",
                         pl_arena_printf(call->arena, "%lld.00", (long long)outcome->memory_mb));
    api_route_add_header(call, "X-Fc-Code-Checksum", function->code_checksum);
    api_route_add_header(call, "X-Fc-Instance-Id", outcome->instance_id);
    api_route_add_header(call, "X-Fc-Invocation-Service-Version", function->version);
}

/* Callers that wait hold a thread of the gateway, and functions call back: some threads must stay free. */
static int invoke_now(struct invoking *i) {
    api_route_call *call = i->call;
    functions_outcome outcome;
    if (!functions_enter(call->services->functions))
        return pl_fail_code(call->error, 429, "ResourceExhausted",
                            "too many synchronous invocations at once; try again, or invoke asynchronously");
    int status = functions_invoke(call->services->functions, call->arena, &i->function, call->body,
                                  call->request_id, 0, &outcome, call->error);
    functions_leave(call->services->functions);
    if (status != 0)
        return -1;
    answer(call, &i->function, &outcome);
    return 0;
}

int functions_run(api_route_call *call) {
    struct invoking i = {.call = call};
    if (!call->services->functions)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    if (store_read(call->services->store, find_work, &i, call->error) != 0)
        return -1;
    return pl_str_is(header(call, "x-fc-invocation-type"), "Async") ? invoke_later(&i) : invoke_now(&i);
}
