/* The form of answers and errors (reference/gateway.md, sections 7 and 8; ram-authorization.md, section 4).
 */
#include "gateway/request.h"
#include "json/parser.h"

static void set_content_type(gateway_request *r) {
    r->content_type = r->format == PL_FORMAT_XML ? PL_STR("text/xml;charset=utf-8")
                                                 : PL_STR("application/json;charset=utf-8");
}

static pl_str request_id(const gateway_request *r) {
    return pl_str_of(r->request_id, PL_UUID_TEXT - 1);
}

void envelope_begin(gateway_request *r, pl_writer *w) {
    pl_str root = PL_STR("Response");
    if (r->format == PL_FORMAT_XML)
        root = pl_arena_printf(&r->arena, "%.*sResponse", PL_FMT(r->operation->name));
    pl_buf_clear(&r->out);
    pl_writer_begin(w, &r->out, r->format, root);
    pl_write_string(w, PL_STR("RequestId"), request_id(r));
}

void envelope_end(gateway_request *r, pl_writer *w) {
    pl_writer_end(w);
    r->status = 200;
    set_content_type(r);
}

int envelope_from_json(gateway_request *r, pl_str members) {
    pl_json root, value;
    pl_str name;
    pl_writer w;
    if (pl_json_parse_in(&r->arena, members, &root, &r->error) != 0)
        return pl_fail(&r->error, PL_E_InternalError);
    envelope_begin(r, &w);
    for (pl_json_walk walk = pl_json_children(root); pl_json_step(&walk, &name, &value);)
        pl_write_json(&w, name, value);
    envelope_end(r, &w);
    return r->out.failed ? pl_fail(&r->error, PL_E_InternalError) : 0;
}

static pl_str recommend(const gateway_request *r, pl_arena *arena) {
    if (!r->operation)
        return pl_arena_printf(arena, "https://api.aliyun.com/troubleshoot?q=%s&requestId=%s", r->error.code,
                               r->request_id);
    return pl_arena_printf(arena, "https://api.aliyun.com/troubleshoot?q=%s&product=%.*s&requestId=%s",
                           r->error.code, PL_FMT(r->operation->product->name), r->request_id);
}

/* XML carries the address unescaped in a CDATA section, as clients have seen it. */
static void write_recommend(gateway_request *r, pl_writer *w) {
    pl_str address = recommend(r, &r->arena);
    if (r->format == PL_FORMAT_JSON || pl_str_find(address, PL_STR("]]>")) != PL_NOT_FOUND) {
        pl_write_string(w, PL_STR("Recommend"), address);
        return;
    }
    pl_buf_add(&r->out, PL_STR("<Recommend><![CDATA["));
    pl_buf_add(&r->out, address);
    pl_buf_add(&r->out, PL_STR("]]></Recommend>"));
}

static void write_denial(gateway_request *r, pl_writer *w) {
    pl_write_object(w, PL_STR("AccessDeniedDetail"));
    pl_write_string(w, PL_STR("AuthAction"), r->denial.action);
    pl_write_string(w, PL_STR("AuthPrincipalType"), r->denial.principal_type);
    pl_write_string(w, PL_STR("AuthPrincipalOwnerId"), r->denial.principal_owner);
    pl_write_string(w, PL_STR("AuthPrincipalDisplayName"), r->denial.principal_name);
    pl_write_string(w, PL_STR("NoPermissionType"), r->denial.no_permission_type);
    pl_write_string(w, PL_STR("PolicyType"), r->denial.policy_type);
    pl_write_optional(w, PL_STR("EncodedDiagnosticMessage"), r->denial.encoded_message);
    pl_write_object_end(w);
}

void envelope_error(gateway_request *r) {
    pl_writer w;
    pl_str message = pl_str_from(r->error.message);
    if (r->error_tail.n)
        message = pl_arena_printf(&r->arena, "%.*s%.*s", PL_FMT(message), PL_FMT(r->error_tail));
    pl_buf_clear(&r->out);
    pl_writer_begin(&w, &r->out, r->format, PL_STR("Error"));
    pl_write_string(&w, PL_STR("RequestId"), request_id(r));
    pl_write_string(&w, PL_STR("HostId"), request_header(r, "host"));
    pl_write_string(&w, PL_STR("Code"), pl_str_from(r->error.code));
    pl_write_string(&w, PL_STR("Message"), message);
    write_recommend(r, &w);
    if (r->denied)
        write_denial(r, &w);
    pl_writer_end(&w);
    r->status = r->error.http_status;
    set_content_type(r);
}
