/*
 * Roles, custom policies and their attachments as ResourceManager shows them. They are the identities of RAM:
 * src/api/shared.h does what both products have.
 */
#include "api/directory/answers.h"
#include "api/shared.h"

/* --- Roles -----------------------------------------------------------------------------------------------
 */

int directory_create_role(api_call *call) {
    return shared_create_role(call);
}

int directory_get_role(api_call *call) {
    return shared_get_role(call);
}

int directory_update_role(api_call *call) {
    return shared_update_role(call);
}

int directory_delete_role(api_call *call) {
    return shared_delete_role(call);
}

static int list_roles(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    shared_role_view view = {.updated = true, .duration = true};
    identity_role *roles;
    size_t count;
    directory_page page = directory_page_of(call);
    if (identity_role_list(&in, &roles, &count, call->error) || shared_domain(&in, &view.domain, call->error))
        return -1;
    pl_write_object(call->out, PL_STR("Roles"));
    pl_write_array(call->out, PL_STR("Role"));
    for (size_t i = 0; i < count; i++) {
        if (directory_page_take(&page))
            shared_write_role(call, PL_STR("Role"), &in, &roles[i], &view);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    directory_write_page(call, &page);
    return 0;
}

int directory_list_roles(api_call *call) {
    return api_answer_read(call, list_roles);
}

/* --- Service-linked roles --------------------------------------------------------------------------------
 */

/* The services known here have one role each and a description of their own. */
static int create_service_role(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    shared_role_view view = {.document = true};
    identity_role role;
    if (api_text(call, "CustomSuffix").n > 0)
        return pl_fail(call->error, PL_E_InvalidParameter_CustomSuffix_NotAllowed);
    if (api_text(call, "Description").n > 0)
        return pl_fail(call->error, PL_E_InvalidParameter_Description_NotAllowed);
    if (identity_service_role_create(&in, api_text(call, "ServiceName"), &role, call->error) ||
        shared_domain(&in, &view.domain, call->error))
        return -1;
    shared_write_role(call, PL_STR("Role"), &in, &role, &view);
    return 0;
}

int directory_create_service_linked_role(api_call *call) {
    return api_answer_write(call, create_service_role);
}

static int delete_service_role(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    pl_str task_id;
    if (identity_service_role_delete(&in, api_text(call, "RoleName"), &task_id, call->error))
        return -1;
    directory_write(call->out, "DeletionTaskId", task_id);
    return 0;
}

int directory_delete_service_linked_role(api_call *call) {
    return api_answer_write(call, delete_service_role);
}

static int get_service_role_deletion(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    pl_str task_id = api_text(call, "DeletionTaskId");
    if (task_id.n == 0)
        return api_refuse_missing(call, "DeletionTaskId");
    if (identity_service_role_deletion(&in, task_id, call->error))
        return -1;
    directory_write(call->out, "Status", PL_STR("SUCCEEDED"));
    return 0;
}

int directory_get_service_linked_role_deletion_status(api_call *call) {
    return api_answer_read(call, get_service_role_deletion);
}

/* --- Policies --------------------------------------------------------------------------------------------
 */

int directory_create_policy(api_call *call) {
    return shared_create_policy(call);
}

int directory_delete_policy(api_call *call) {
    return shared_delete_policy(call);
}

int directory_get_policy(api_call *call) {
    return shared_get_policy(call);
}

int directory_create_policy_version(api_call *call) {
    return shared_create_policy_version(call);
}

int directory_get_policy_version(api_call *call) {
    return shared_get_policy_version(call);
}

int directory_list_policy_versions(api_call *call) {
    return shared_list_policy_versions(call);
}

int directory_set_default_policy_version(api_call *call) {
    return shared_set_default_policy_version(call);
}

int directory_delete_policy_version(api_call *call) {
    return shared_delete_policy_version(call);
}

static int list_policies(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_policy *policies;
    size_t count;
    directory_page page = directory_page_of(call);
    if (identity_policy_list(&in, api_text(call, "PolicyType"), &policies, &count, call->error))
        return -1;
    pl_write_object(call->out, PL_STR("Policies"));
    pl_write_array(call->out, PL_STR("Policy"));
    for (size_t i = 0; i < count; i++) {
        if (directory_page_take(&page))
            shared_write_policy(call->out, PL_STR("Policy"), &policies[i], true, true, NULL, 0);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    directory_write_page(call, &page);
    return 0;
}

int directory_list_policies(api_call *call) {
    return api_answer_read(call, list_policies);
}

/* --- Attachments -----------------------------------------------------------------------------------------
 */

static const char *const principal_types[] = {
    [IDENTITY_ON_USER] = "IMSUser", [IDENTITY_ON_GROUP] = "IMSGroup", [IDENTITY_ON_ROLE] = "ServiceRole"};

static identity_principal_kind principal_kind(const api_call *call) {
    pl_str type = api_text(call, "PrincipalType");
    return pl_str_is(type, "IMSUser")    ? IDENTITY_ON_USER
           : pl_str_is(type, "IMSGroup") ? IDENTITY_ON_GROUP
                                         : IDENTITY_ON_ROLE;
}

/* The name alone, or with the domain behind an @. */
static pl_str principal_name(const api_call *call) {
    pl_str name = api_text(call, "PrincipalName");
    size_t at = pl_str_find_char(name, '@');
    return at == PL_NOT_FOUND ? name : pl_str_head(name, at);
}

/* The account's own id stands for the whole account. */
static pl_str scope_group(const api_call *call) {
    pl_str id = api_text(call, "ResourceGroupId");
    return pl_str_eq(id, call->caller->account_id) ? PL_STR("") : id;
}

static identity_attachment read_attachment(const api_call *call) {
    return (identity_attachment){.kind = principal_kind(call),
                                 .principal_name = principal_name(call),
                                 .system = pl_str_is(api_text(call, "PolicyType"), "System"),
                                 .policy_name = api_text(call, "PolicyName"),
                                 .resource_group_id = scope_group(call)};
}

static int attach(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_attachment wanted = read_attachment(call);
    return identity_attach(&in, &wanted, call->error);
}

int directory_attach_policy(api_call *call) {
    return api_answer_write(call, attach);
}

static int detach(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_attachment wanted = read_attachment(call);
    return identity_detach(&in, &wanted, call->error);
}

int directory_detach_policy(api_call *call) {
    return api_answer_write(call, detach);
}

/* With the domain of the account: alice@<domain>.onaliyun.com and so on. */
static pl_str full_name(const api_call *call, const identity_attachment *attachment, pl_str domain) {
    pl_str name = attachment->principal_name;
    switch (attachment->kind) {
    case IDENTITY_ON_USER:
        return pl_arena_printf(call->arena, "%.*s@%.*s.onaliyun.com", PL_FMT(name), PL_FMT(domain));
    case IDENTITY_ON_GROUP:
        return pl_arena_printf(call->arena, "%.*s@group.%.*s.onaliyun.com", PL_FMT(name), PL_FMT(domain));
    default:
        return pl_arena_printf(call->arena, "%.*s@role.%.*s.onaliyunservice.com", PL_FMT(name),
                               PL_FMT(domain));
    }
}

static void write_attachment(api_call *call, const identity_attachment *attachment, pl_str domain) {
    pl_writer *out = call->out;
    pl_str group = attachment->resource_group_id;
    pl_write_object(out, PL_STR("PolicyAttachment"));
    directory_write_time(out, "AttachDate", attachment->attached);
    directory_write(out, "Description", attachment->description);
    directory_write(out, "PolicyName", attachment->policy_name);
    directory_write(out, "PolicyType", identity_policy_type_name(attachment->system));
    directory_write(out, "PrincipalName", full_name(call, attachment, domain));
    directory_write(out, "PrincipalType", pl_str_from(principal_types[attachment->kind]));
    directory_write(out, "ResourceGroupId", group.n > 0 ? group : call->caller->account_id);
    pl_write_object_end(out);
}

static int list_attachments(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    pl_str name = principal_name(call), policy = api_text(call, "PolicyName"), domain;
    identity_attachment_filter filter = {.by_kind = api_text(call, "PrincipalType").n > 0,
                                         .kind = principal_kind(call),
                                         .principal_name = name.n > 0 ? name : PL_STR_NONE,
                                         .policy_type = api_text(call, "PolicyType"),
                                         .policy_name = policy.n > 0 ? policy : PL_STR_NONE,
                                         .by_group = api_text(call, "ResourceGroupId").n > 0,
                                         .resource_group_id = scope_group(call)};
    identity_attachment *list;
    size_t count;
    directory_page page = directory_page_of(call);
    if (identity_attachment_list(&in, &filter, &list, &count, call->error) ||
        shared_domain(&in, &domain, call->error))
        return -1;
    pl_write_object(call->out, PL_STR("PolicyAttachments"));
    pl_write_array(call->out, PL_STR("PolicyAttachment"));
    for (size_t i = 0; i < count; i++) {
        if (directory_page_take(&page))
            write_attachment(call, &list[i], domain);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    directory_write_page(call, &page);
    return 0;
}

int directory_list_policy_attachments(api_call *call) {
    return api_answer_read(call, list_attachments);
}
