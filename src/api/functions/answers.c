/*
 * The answers of the operations: their beginning and end, and the function object that most of them hold.
 * Keeps nothing; what was stored is shown as it was stored, and members that were only kept as they came.
 */
#include "api/functions/shared.h"

#include "json/parser.h"

#include <stdio.h>

void functions_begin(api_route_call *call, pl_writer *w) {
    pl_buf_clear(call->out);
    pl_writer_begin(w, call->out, PL_FORMAT_JSON, PL_STR(""));
    pl_write_string(w, PL_STR("requestId"), call->request_id);
}

int functions_end(api_route_call *call, pl_writer *w) {
    pl_writer_end(w);
    return call->out->failed ? pl_fail(call->error, PL_E_InternalError) : 0;
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
