/* Policies attached to RAM users, groups and roles. */
#include "api/operations.gen.h"
#include "api/shared.h"

static identity_attachment read_attachment(const api_call *call, identity_principal_kind kind) {
    static const char *const parameters[] = {
        [IDENTITY_ON_USER] = "UserName", [IDENTITY_ON_GROUP] = "GroupName", [IDENTITY_ON_ROLE] = "RoleName"};
    return (identity_attachment){.kind = kind,
                                 .principal_name = api_text(call, parameters[kind]),
                                 .system = pl_str_is(api_text(call, "PolicyType"), "System"),
                                 .policy_name = api_text(call, "PolicyName"),
                                 .resource_group_id = api_text(call, "ResourceGroupId")};
}

static int attach(api_call *call, store_session *session, identity_principal_kind kind) {
    identity_scope in = api_scope(call, session);
    identity_attachment wanted = read_attachment(call, kind);
    return identity_attach(&in, &wanted, call->error);
}

static int attach_to_user(api_call *call, store_session *session) {
    return attach(call, session, IDENTITY_ON_USER);
}

static int attach_to_group(api_call *call, store_session *session) {
    return attach(call, session, IDENTITY_ON_GROUP);
}

static int attach_to_role(api_call *call, store_session *session) {
    return attach(call, session, IDENTITY_ON_ROLE);
}

int ram_attach_policy_to_user(api_call *call) {
    return api_answer_write(call, attach_to_user);
}

int ram_attach_policy_to_group(api_call *call) {
    return api_answer_write(call, attach_to_group);
}

int ram_attach_policy_to_role(api_call *call) {
    return api_answer_write(call, attach_to_role);
}

static int detach(api_call *call, store_session *session, identity_principal_kind kind) {
    identity_scope in = api_scope(call, session);
    identity_attachment wanted = read_attachment(call, kind);
    return identity_detach(&in, &wanted, call->error);
}

static int detach_from_user(api_call *call, store_session *session) {
    return detach(call, session, IDENTITY_ON_USER);
}

static int detach_from_group(api_call *call, store_session *session) {
    return detach(call, session, IDENTITY_ON_GROUP);
}

static int detach_from_role(api_call *call, store_session *session) {
    return detach(call, session, IDENTITY_ON_ROLE);
}

int ram_detach_policy_from_user(api_call *call) {
    return api_answer_write(call, detach_from_user);
}

int ram_detach_policy_from_group(api_call *call) {
    return api_answer_write(call, detach_from_group);
}

int ram_detach_policy_from_role(api_call *call) {
    return api_answer_write(call, detach_from_role);
}

/* --- Lists
 * --------------------------------------------------------------------------------------------------
 */

/* The same policy may be attached in several resource groups: it is shown once, with its first date. */
static bool same_policy(const identity_attachment *a, const identity_attachment *b) {
    return a->system == b->system && pl_str_eq(a->policy_name, b->policy_name);
}

static void write_policy(pl_writer *out, const identity_attachment *a) {
    pl_write_object(out, PL_STR_NONE);
    api_write_time(out, "AttachDate", a->attached);
    shared_write_version(out, "DefaultVersion", a->default_version);
    api_write_text(out, "Description", a->description);
    api_write_text(out, "PolicyName", a->policy_name);
    api_write_text(out, "PolicyType", identity_policy_type_name(a->system));
    pl_write_object_end(out);
}

static int list_for(api_call *call, const identity_scope *in, identity_principal_kind kind, pl_str name) {
    identity_attachment *list;
    size_t count;
    identity_attachment_filter filter = {.by_kind = true, .kind = kind, .principal_name = name};
    if (identity_attachment_list(in, &filter, &list, &count, call->error) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("Policies"));
    pl_write_array(call->out, PL_STR("Policy"));
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !same_policy(&list[i - 1], &list[i]))
            write_policy(call->out, &list[i]);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

static int list_policies_for_user(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_user user;
    return identity_user_find(&in, api_text(call, "UserName"), &user, call->error) == 0
               ? list_for(call, &in, IDENTITY_ON_USER, user.name)
               : -1;
}

int ram_list_policies_for_user(api_call *call) {
    return api_answer_read(call, list_policies_for_user);
}

static int list_policies_for_group(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_group group;
    return identity_group_find(&in, api_text(call, "GroupName"), &group, call->error) == 0
               ? list_for(call, &in, IDENTITY_ON_GROUP, group.name)
               : -1;
}

int ram_list_policies_for_group(api_call *call) {
    return api_answer_read(call, list_policies_for_group);
}

static int list_policies_for_role(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_role role;
    return identity_role_find(&in, api_text(call, "RoleName"), &role, call->error) == 0
               ? list_for(call, &in, IDENTITY_ON_ROLE, role.name)
               : -1;
}

int ram_list_policies_for_role(api_call *call) {
    return api_answer_read(call, list_policies_for_role);
}

/* --- ListEntitiesForPolicy
 * ----------------------------------------------------------------------------------
 */

static int write_group(api_call *call, const identity_scope *in, const identity_attachment *a) {
    identity_group group;
    if (identity_group_find(in, a->principal_name, &group, call->error) != 0)
        return -1;
    pl_write_object(call->out, PL_STR_NONE);
    api_write_time(call->out, "AttachDate", a->attached);
    api_write_text(call->out, "Comments", group.comments);
    api_write_text(call->out, "GroupName", group.name);
    pl_write_object_end(call->out);
    return 0;
}

static int write_role(api_call *call, const identity_scope *in, const identity_attachment *a) {
    identity_role role;
    if (identity_role_find(in, a->principal_name, &role, call->error) != 0)
        return -1;
    pl_write_object(call->out, PL_STR_NONE);
    api_write_text(call->out, "Arn", identity_role_arn(in, role.name));
    api_write_time(call->out, "AttachDate", a->attached);
    api_write_text(call->out, "Description", role.description);
    api_write_text(call->out, "RoleId", role.id);
    api_write_text(call->out, "RoleName", role.name);
    pl_write_object_end(call->out);
    return 0;
}

static int write_user(api_call *call, const identity_scope *in, const identity_attachment *a) {
    identity_user user;
    if (identity_user_find(in, a->principal_name, &user, call->error) != 0)
        return -1;
    pl_write_object(call->out, PL_STR_NONE);
    api_write_time(call->out, "AttachDate", a->attached);
    api_write_text(call->out, "DisplayName", user.display_name);
    api_write_text(call->out, "UserId", user.id);
    api_write_text(call->out, "UserName", user.name);
    pl_write_object_end(call->out);
    return 0;
}

typedef struct entity_list {
    identity_principal_kind kind;
    const char *outer, *inner;
    int (*write)(api_call *call, const identity_scope *in, const identity_attachment *a);
} entity_list;

static int write_entities(api_call *call, const identity_scope *in, const entity_list *which,
                          const identity_attachment *list, size_t count) {
    const identity_attachment *last = NULL;
    pl_write_object(call->out, pl_str_from(which->outer));
    pl_write_array(call->out, pl_str_from(which->inner));
    for (size_t i = 0; i < count; i++) {
        bool again = last && pl_str_eq(last->principal_name, list[i].principal_name);
        if (list[i].kind != which->kind || again)
            continue;
        last = &list[i];
        if (which->write(call, in, last) != 0)
            return -1;
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

static int list_entities_for_policy(api_call *call, store_session *session) {
    static const entity_list lists[] = {{IDENTITY_ON_GROUP, "Groups", "Group", write_group},
                                        {IDENTITY_ON_ROLE, "Roles", "Role", write_role},
                                        {IDENTITY_ON_USER, "Users", "User", write_user}};
    identity_scope in = api_scope(call, session);
    identity_policy policy;
    identity_attachment *list;
    size_t count;
    bool system = pl_str_is(api_text(call, "PolicyType"), "System");
    if (identity_policy_find(&in, system, api_text(call, "PolicyName"), &policy, call->error) != 0)
        return -1;
    identity_attachment_filter filter = {.policy_type = identity_policy_type_name(system),
                                         .policy_name = policy.name};
    if (identity_attachment_list(&in, &filter, &list, &count, call->error) != 0)
        return -1;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (write_entities(call, &in, &lists[i], list, count) != 0)
            return -1;
    return 0;
}

int ram_list_entities_for_policy(api_call *call) {
    return api_answer_read(call, list_entities_for_policy);
}
