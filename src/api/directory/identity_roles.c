/* Roles and service-linked roles, by way of Resource Management. */
#include "api/operations.gen.h"
#include "api/shared.h"

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
    identity_role *roles;
    size_t count;
    int64_t page, take, skip;
    shared_role_view view = {.updated = true, .duration = true};
    if (identity_role_list(&in, &roles, &count, call->error) != 0 ||
        shared_domain(&in, &view.domain, call->error) != 0)
        return -1;
    api_page(call, 10, &page, &take, &skip);
    pl_write_i64(call->out, PL_STR("PageNumber"), page);
    pl_write_i64(call->out, PL_STR("PageSize"), take);
    pl_write_object(call->out, PL_STR("Roles"));
    pl_write_array(call->out, PL_STR("Role"));
    for (int64_t i = skip; i < (int64_t)count && i - skip < take; i++)
        shared_write_role(call, PL_STR_NONE, &in, &roles[i], &view);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    pl_write_i64(call->out, PL_STR("TotalCount"), (int64_t)count);
    return 0;
}

int directory_list_roles(api_call *call) {
    return api_answer_read(call, list_roles);
}

/* --- Service-linked roles
 * -----------------------------------------------------------------------------------
 */

/* The services that Plumbline knows have one role each, with a description of their own. */
static int create_service_linked_role(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_role role;
    shared_role_view view = {.document = true};
    if (identity_service_role_create(&in, api_text(call, "ServiceName"), &role, call->error) != 0)
        return -1;
    if (api_text(call, "CustomSuffix").n)
        return api_fail(call->operation, call->error, PL_E_InvalidParameter_CustomSuffix_NotAllowed);
    if (api_text(call, "Description").n)
        return api_fail(call->operation, call->error, PL_E_InvalidParameter_Description_NotAllowed);
    if (shared_domain(&in, &view.domain, call->error) != 0)
        return -1;
    shared_write_role(call, PL_STR("Role"), &in, &role, &view);
    return 0;
}

int directory_create_service_linked_role(api_call *call) {
    return api_answer_write(call, create_service_linked_role);
}

static int delete_service_linked_role(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    pl_str task_id;
    if (identity_service_role_delete(&in, api_text(call, "RoleName"), &task_id, call->error) != 0)
        return -1;
    api_write_text(call->out, "DeletionTaskId", task_id);
    return 0;
}

int directory_delete_service_linked_role(api_call *call) {
    return api_answer_write(call, delete_service_linked_role);
}

/* Deletions are done at once, so a known task has succeeded and there is no reason to tell. */
static int get_deletion_status(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    pl_str task_id = api_text(call, "DeletionTaskId");
    if (task_id.n == 0)
        return api_refuse_missing(call, "DeletionTaskId");
    if (task_id.n > 256)
        return api_fail(call->operation, call->error, PL_E_InvalidParameter_DeletionTaskId_Length);
    if (!pl_str_starts(task_id, PL_STR("task/acs-service-role/")))
        return api_refuse_invalid(call, "DeletionTaskId");
    if (identity_service_role_deletion(&in, task_id, call->error) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("Reason"));
    api_write_text(call->out, "Message", PL_STR(""));
    pl_write_object(call->out, PL_STR("RoleUsages"));
    pl_write_array(call->out, PL_STR("RoleUsage"));
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    pl_write_object_end(call->out);
    api_write_text(call->out, "Status", PL_STR("SUCCEEDED"));
    return 0;
}

int directory_get_service_linked_role_deletion_status(api_call *call) {
    return api_answer_read(call, get_deletion_status);
}
