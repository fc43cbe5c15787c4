/* Roles, for RAM and for Resource Management. */
#include "api/shared.h"

bool shared_is_directory(const api_call *call) {
    return pl_str_is(call->operation->product->name, "ResourceManager");
}

int shared_domain(const identity_scope *in, pl_str *domain, pl_error *error) {
    if (identity_alias_get(in, domain, error) != 0)
        return -1;
    if (!domain->p)
        *domain = in->account_id;
    return 0;
}

void shared_write_tags(pl_writer *out, pl_str object, const identity_tagged *tags, size_t count) {
    pl_write_object(out, PL_STR("Tags"));
    pl_write_array(out, PL_STR("Tag"));
    for (size_t i = 0; i < count; i++) {
        if (!pl_str_eq(tags[i].name, object))
            continue;
        pl_write_object(out, PL_STR_NONE);
        api_write_text(out, "TagKey", tags[i].tag.key);
        api_write_text(out, "TagValue", tags[i].tag.value);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
    pl_write_object_end(out);
}

void shared_write_role(api_call *call, pl_str name, const identity_scope *in, const identity_role *role,
                       const shared_role_view *view) {
    pl_writer *out = call->out;
    bool directory = shared_is_directory(call);
    pl_write_object(out, name);
    api_write_text(out, "Arn", identity_role_arn(in, role->name));
    if (view->document)
        api_write_text(out, "AssumeRolePolicyDocument", role->trust_policy);
    api_write_time(out, "CreateDate", role->created);
    api_write_text(out, "Description", role->description);
    if (directory)
        pl_write_bool(out, PL_STR("IsServiceLinkedRole"), role->service_linked);
    if (view->duration)
        pl_write_i64(out, PL_STR("MaxSessionDuration"), role->max_session_seconds);
    api_write_text(out, "RoleId", role->id);
    api_write_text(out, "RoleName", role->name);
    if (directory)
        api_write_text(out, "RolePrincipalName",
                       pl_arena_printf(call->arena, "%.*s@role.%.*s.onaliyunservice.com", PL_FMT(role->name),
                                       PL_FMT(view->domain)));
    if (view->tags)
        shared_write_tags(out, role->name, view->tags, view->tag_count);
    if (view->updated)
        api_write_time(out, "UpdateDate", role->updated);
    pl_write_object_end(out);
}

static int answer(api_call *call, const identity_scope *in, const identity_role *role, bool updated) {
    shared_role_view view = {.document = true, .updated = updated, .duration = true};
    if (shared_is_directory(call) && shared_domain(in, &view.domain, call->error) != 0)
        return -1;
    shared_write_role(call, PL_STR("Role"), in, role, &view);
    return 0;
}

/* The pattern of names is not in ResourceManager's specification, but roles are the same ones. */
static bool name_valid(pl_str name, size_t most) {
    return name.n > 0 && name.n <= most && pl_str_is_plain(name, "-._");
}

static int create_role(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_tag *tags;
    size_t count;
    identity_role role = {.name = api_text(call, "RoleName"),
                          .description = api_text(call, "Description"),
                          .trust_policy = api_text(call, "AssumeRolePolicyDocument"),
                          .max_session_seconds = api_number(call, "MaxSessionDuration", 3600)};
    if (!name_valid(role.name, 64))
        return api_refuse_invalid(call, "RoleName");
    if (api_read_tags(call, "Tag", &tags, &count) != 0)
        return -1;
    if (identity_role_create(&in, &role, call->error) != 0)
        return api_refuse_document(call, PL_E_InvalidParameter_AssumeRolePolicyDocument_Length);
    if (identity_tag_set(&in, IDENTITY_TAG_ROLE, role.name, tags, count, call->error) != 0)
        return -1;
    return answer(call, &in, &role, false);
}

int shared_create_role(api_call *call) {
    return api_answer_write(call, create_role);
}

static int get_role(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_role role;
    if (identity_role_find(&in, api_text(call, "RoleName"), &role, call->error) != 0)
        return -1;
    return answer(call, &in, &role, true);
}

int shared_get_role(api_call *call) {
    return api_answer_read(call, get_role);
}

/* An empty text is no change: a trust policy cannot be empty. NewMaxSessionDuration is changed only when
 * sent; its documented default would otherwise reset a longer one with every change of the description. */
static int update_role(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    pl_str document = api_text(call, "NewAssumeRolePolicyDocument");
    const api_value *duration = api_input(call, "NewMaxSessionDuration");
    identity_role role;
    identity_role changes = {.trust_policy = document.n ? document : PL_STR_NONE,
                             .description = api_text(call, "NewDescription"),
                             .max_session_seconds = duration ? duration->number : 0};
    if (identity_role_update(&in, api_text(call, "RoleName"), &changes, &role, call->error) != 0)
        return api_refuse_document(call, PL_E_InvalidParameter_NewAssumeRolePolicyDocument_Length);
    return answer(call, &in, &role, true);
}

int shared_update_role(api_call *call) {
    return api_answer_write(call, update_role);
}

static int delete_role(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    return identity_role_delete(&in, api_text(call, "RoleName"), call->error);
}

int shared_delete_role(api_call *call) {
    return api_answer_write(call, delete_role);
}
