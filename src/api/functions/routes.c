/* The table of paths, and what the handlers share. */
#include "api/functions/shared.h"

#include "json/parser.h"

#include <stdarg.h>
#include <stdio.h>

enum { CREATE_BODY = 92 << 20, EVENT_BODY = 32 << 20 };

#define ALL "functions/*"
#define ONE "functions/{}"

static const api_route routes[] = {
    {"POST", "/2023-03-30/functions", "CreateFunction", "fc:CreateFunction", ALL, CREATE_BODY, false,
     functions_create},
    {"GET", "/2023-03-30/functions", "ListFunctions", "fc:ListFunctions", ALL, 0, false, functions_list},
    {"GET", "/2023-03-30/functions/{}", "GetFunction", "fc:GetFunction", ONE, 0, false, functions_get},
    {"PUT", "/2023-03-30/functions/{}", "UpdateFunction", "fc:UpdateFunction", ONE, CREATE_BODY, false,
     functions_update},
    {"DELETE", "/2023-03-30/functions/{}", "DeleteFunction", "fc:DeleteFunction", ONE, 0, false,
     functions_delete},
    {"GET", "/2023-03-30/functions/{}/code", "GetFunctionCode", "fc:GetFunctionCode", ONE, 0, false,
     functions_get_code},
    {"GET", "/2023-03-30/functions/{}/package", "DownloadFunctionCode", "fc:GetFunctionCode", ONE, 0, true,
     functions_download_code},
    {"GET", "/2023-03-30/functions/{}/log", "GetFunctionLog", "fc:GetFunction", ONE, 0, false,
     functions_get_log},
    {"POST", "/2023-03-30/functions/{}/invocations", "InvokeFunction", "fc:InvokeFunction", ONE, EVENT_BODY,
     false, functions_run},
    {"POST", "/2023-03-30/functions/{}/versions", "PublishFunctionVersion", "fc:PublishFunctionVersion", ONE,
     0, false, functions_publish},
    {"GET", "/2023-03-30/functions/{}/versions", "ListFunctionVersions", "fc:ListFunctionVersions", ONE, 0,
     false, functions_list_published},
    {"DELETE", "/2023-03-30/functions/{}/versions/{}", "DeleteFunctionVersion", "fc:DeleteFunctionVersion",
     ONE, 0, false, functions_delete_published},
    {"POST", "/2023-03-30/functions/{}/aliases", "CreateAlias", "fc:CreateAlias", ONE, 0, false,
     functions_create_alias},
    {"GET", "/2023-03-30/functions/{}/aliases", "ListAliases", "fc:ListAliases", ONE, 0, false,
     functions_list_of_aliases},
    {"GET", "/2023-03-30/functions/{}/aliases/{}", "GetAlias", "fc:GetAlias", ONE, 0, false,
     functions_get_alias},
    {"PUT", "/2023-03-30/functions/{}/aliases/{}", "UpdateAlias", "fc:UpdateAlias", ONE, 0, false,
     functions_update_alias},
    {"DELETE", "/2023-03-30/functions/{}/aliases/{}", "DeleteAlias", "fc:DeleteAlias", ONE, 0, false,
     functions_delete_alias},
};

/* Clients of these sign in a way of their own, so that paths alone would not help them. */
static const char *const former[] = {"/2016-08-15/", "/2021-04-06/", NULL};

const api_route_product functions_api = {
    .prefix = PL_STR_INIT("/2023-03-30/"),
    .ram_code = PL_STR_INIT("fc"),
    .routes = routes,
    .count = sizeof routes / sizeof *routes,
    .former = former,
    .advice =
        "Function Compute 2.0 (services) is not served. Use the paths of /2023-03-30/: functions of both "
        "generations share one set of names, and ARNs of both forms lead to them."};

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

static void write_time(pl_writer *w, const char *name, int64_t milliseconds) {
    char text[PL_TIME_TEXT];
    pl_write_string(w, pl_str_from(name), pl_time_iso(milliseconds, text));
}

static void write_json_text(pl_writer *w, const char *name, pl_str json) {
    pl_arena arena;
    pl_json root;
    pl_error ignored;
    pl_arena_init(&arena, 1 << 20);
    if (json.n && pl_json_parse_in(&arena, json, &root, &ignored) == 0)
        pl_write_json(w, pl_str_from(name), root);
    pl_arena_free(&arena);
}

void functions_write_members(pl_writer *w, const function_record *r, pl_str region) {
    char arn[256];
    bool latest = pl_str_eq(r->version, FUNCTION_LATEST);
    snprintf(arn, sizeof arn, "acs:fc:%.*s:%.*s:functions/%.*s%s%.*s", PL_FMT(region), PL_FMT(r->account_id),
             PL_FMT(r->name), latest ? "" : "/", PL_FMT(latest ? PL_STR("") : r->version));
    pl_write_string(w, PL_STR("functionName"), r->name);
    pl_write_string(w, PL_STR("functionArn"), pl_str_from(arn));
    pl_write_string(w, PL_STR("functionId"), r->function_id);
    pl_write_string(w, PL_STR("description"), r->description);
    pl_write_string(w, PL_STR("runtime"), r->runtime);
    pl_write_string(w, PL_STR("handler"), r->handler);
    write_json_text(w, "environmentVariables", r->environment);
    write_json_text(w, "customRuntimeConfig", r->runtime_config);
    pl_write_i64(w, PL_STR("timeout"), r->timeout_seconds);
    pl_write_i64(w, PL_STR("memorySize"), r->memory_mb);
    pl_write_i64(w, PL_STR("diskSize"), r->disk_mb);
    pl_write_i64(w, PL_STR("instanceConcurrency"), 1);
    pl_write_bool(w, PL_STR("internetAccess"), false);
    pl_write_string(w, PL_STR("role"), r->role);
    functions_write_kept(w, r->members);
    if (r->endpoint.n)
        pl_write_string(w, PL_STR("remoteEndpoint"), r->endpoint);
    pl_write_string(w, PL_STR("codeChecksum"), r->code_checksum);
    pl_write_i64(w, PL_STR("codeSize"), r->code_size);
    write_time(w, "createdTime", r->created);
    write_time(w, "lastModifiedTime", r->modified);
    pl_write_string(w, PL_STR("state"), PL_STR("Active"));
    pl_write_string(w, PL_STR("lastUpdateStatus"), PL_STR("Successful"));
}

void functions_write(pl_writer *w, pl_str name, const function_record *r, pl_str region) {
    pl_write_object(w, name);
    functions_write_members(w, r, region);
    pl_write_object_end(w);
}

void functions_begin(api_route_call *call, pl_writer *w) {
    pl_buf_clear(call->out);
    pl_writer_begin(w, call->out, PL_FORMAT_JSON, PL_STR(""));
    pl_write_string(w, PL_STR("requestId"), call->request_id);
}

int functions_end(api_route_call *call, pl_writer *w) {
    pl_writer_end(w);
    return call->out->failed ? pl_fail(call->error, PL_E_InternalError) : 0;
}
