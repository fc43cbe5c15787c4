/* Roles and their trust policies. Owns identity_roles and identity_role_deletions. */
#include "identity/rows.h"

#include "org/org.h"

#define COLUMNS                                                                                              \
    "role_name, role_id, description, trust_policy, max_session_seconds, service_linked, "                   \
    "created_at, updated_at"

static void read_role(const identity_scope *in, store_statement *row, identity_role *role) {
    *role = (identity_role){.name = identity_column(in, row, 0),
                            .id = identity_column(in, row, 1),
                            .description = identity_column(in, row, 2),
                            .trust_policy = identity_column(in, row, 3),
                            .max_session_seconds = store_column_i64(row, 4),
                            .service_linked = store_column_i64(row, 5) != 0,
                            .created = store_column_i64(row, 6),
                            .updated = store_column_i64(row, 7)};
}

pl_str identity_role_arn(const identity_scope *in, pl_str role_name) {
    return pl_arena_printf(in->arena, "acs:ram::%.*s:role/%.*s", PL_FMT(in->account_id), PL_FMT(role_name));
}

int identity_role_find(const identity_scope *in, pl_str name, identity_role *role, pl_error *error) {
    store_statement *row = store_prepare(in->session,
                                         "SELECT " COLUMNS " FROM identity_roles "
                                         "WHERE account_id = $1 AND lower(role_name) = lower($2)",
                                         error);
    store_bind_text(row, 1, in->account_id);
    store_bind_text(row, 2, pl_str_or_empty(name));
    int step = store_step(row, error);
    if (step != 1)
        return step == 0 ? pl_fail(error, PL_E_EntityNotExist_Role) : -1;
    read_role(in, row, role);
    return identity_done(in, error);
}

static int check_trust(const identity_scope *in, pl_str document, pl_error *error) {
    const pl_policy *policy;
    return pl_policy_parse(in->arena, PL_POLICY_TRUST, document, &policy, error);
}

static int insert(const identity_scope *in, const identity_role *role, pl_error *error) {
    int result =
        store_run(in->session, error,
                  "INSERT INTO identity_roles (account_id, " COLUMNS ") "
                  "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
                  "tttttiii", in->account_id, role->name, role->id, role->description, role->trust_policy,
                  role->max_session_seconds, (int64_t)role->service_linked, role->created);
    if (result != 0 && store_is_conflict(error))
        return pl_fail(error, PL_E_EntityAlreadyExists_Role);
    return result;
}

int identity_role_create(const identity_scope *in, identity_role *role, pl_error *error) {
    if (check_trust(in, role->trust_policy, error) != 0 ||
        identity_check_count(in, "SELECT count(*) FROM identity_roles WHERE account_id = $1",
                             IDENTITY_ROLES_MAX, PL_E_LimitExceeded_Role, error) != 0 ||
        identity_new_id(in, "3", 17, IDENTITY_DIGITS, &role->id, error) != 0)
        return -1;
    role->description = pl_str_or_empty(role->description);
    if (role->max_session_seconds == 0)
        role->max_session_seconds = 3600;
    role->created = role->updated = in->now;
    if (insert(in, role, error) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

static int refuse_service_linked(const identity_role *role, pl_error *error) {
    if (!role->service_linked)
        return 0;
    return pl_fail_code(error, 403, "NoPermission", "The service-linked role %.*s belongs to its service.",
                        PL_FMT(role->name));
}

int identity_role_update(const identity_scope *in, pl_str name, const identity_role *changes,
                         identity_role *role, pl_error *error) {
    if (identity_role_find(in, name, role, error) != 0 || refuse_service_linked(role, error) != 0)
        return -1;
    if (changes->trust_policy.p && check_trust(in, changes->trust_policy, error) != 0)
        return -1;
    identity_change(&role->trust_policy, changes->trust_policy);
    identity_change(&role->description, changes->description);
    if (changes->max_session_seconds)
        role->max_session_seconds = changes->max_session_seconds;
    role->updated = in->now;
    if (store_run(in->session, error,
                  "UPDATE identity_roles SET trust_policy = $3, description = $4, max_session_seconds = $5, "
                  "updated_at = $6 WHERE account_id = $1 AND role_name = $2",
                  "ttttii", in->account_id, role->name, role->trust_policy, role->description,
                  role->max_session_seconds, role->updated) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

/* The role and its tags; attachments are the caller's affair. */
static int delete_rows(const identity_scope *in, pl_str name, pl_error *error) {
    if (store_run(in->session, error, "DELETE FROM identity_roles WHERE account_id = $1 AND role_name = $2",
                  "tt", in->account_id, name) != 0 ||
        store_run(in->session, error,
                  "DELETE FROM identity_tags WHERE account_id = $1 AND kind = 'role' AND name = $2", "tt",
                  in->account_id, name) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

int identity_role_delete(const identity_scope *in, pl_str name, pl_error *error) {
    static const identity_obstacle attached = {
        "SELECT 1 FROM identity_attachments WHERE account_id = $1 AND principal_kind = 'role' "
        "AND principal_name = $2 LIMIT 1",
        PL_E_DeleteConflict_Role_Policy};
    identity_role role;
    if (identity_role_find(in, name, &role, error) != 0 || refuse_service_linked(&role, error) != 0 ||
        identity_check_free(in, role.name, &attached, 1, error) != 0)
        return -1;
    return delete_rows(in, role.name, error);
}

int identity_role_list(const identity_scope *in, identity_role **roles, size_t *count, pl_error *error) {
    size_t capacity = 0;
    *roles = NULL;
    *count = 0;
    store_statement *rows = store_prepare(
        in->session, "SELECT " COLUMNS " FROM identity_roles WHERE account_id = $1 ORDER BY role_name",
        error);
    store_bind_text(rows, 1, in->account_id);
    int step;
    while ((step = store_step(rows, error)) == 1) {
        identity_role *grown = pl_arena_grow(in->arena, *roles, *count, &capacity, sizeof **roles);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *roles = grown;
        read_role(in, rows, &grown[(*count)++]);
    }
    return step == 0 ? identity_done(in, error) : -1;
}

/* --- Roles made by the program ----------------------------------------------------------------------------
 */

/* Attaches a shipped policy without the checks that an account's own attachments need. */
static int give(const identity_scope *in, pl_str role, const char *policy, pl_error *error) {
    return store_run(in->session, error,
                     "INSERT INTO identity_attachments (account_id, principal_kind, principal_name, "
                     "policy_type, policy_name, resource_group_id, attached_at) "
                     "VALUES ($1, 'role', $2, 'System', $3, '', $4)",
                     "ttti", in->account_id, role, pl_str_from(policy), in->now);
}

int identity_access_role_create(const identity_scope *in, pl_str management_id, pl_error *error) {
    identity_role role = {.name = PL_STR(ORG_ACCESS_ROLE),
                          .description = PL_STR("Lets the management account enter this member")};
    role.trust_policy =
        pl_arena_printf(in->arena,
                        "{\"Statement\":[{\"Action\":\"sts:AssumeRole\",\"Effect\":\"Allow\","
                        "\"Principal\":{\"RAM\":[\"acs:ram::%.*s:root\"]}}],\"Version\":\"1\"}",
                        PL_FMT(management_id));
    if (identity_done(in, error) != 0 || identity_role_create(in, &role, error) != 0)
        return -1;
    return give(in, role.name, "AdministratorAccess", error);
}

/* Of services that run elsewhere only the role is known, not the policy. */
typedef struct service_role {
    const char *service, *name, *policy, *description;
} service_role;

static const service_role service_roles[] = {
    {"config.aliyuncs.com", "AliyunServiceRoleForConfig", "AliyunServiceRolePolicyForConfig",
     "Cloud Config reads resources and delivers results with this role"},
    {"remediation.config.aliyuncs.com", "AliyunServiceRoleForConfigRemediation",
     "AliyunServiceRolePolicyForConfigRemediation", "Cloud Config corrects resources with this role"},
    {"resourcemanager.aliyuncs.com", "AliyunServiceRoleForResourceDirectory",
     "AliyunServiceRolePolicyForResourceDirectory",
     "The resource directory manages service-linked roles of members with this role"},
    {"engine.dataworks.aliyuncs.com", "AliyunServiceRoleForDataWorksEngine", NULL,
     "DataWorks uses this role outside this server"},
    {"polardb.aliyuncs.com", "AliyunServiceRoleForPolarDB", NULL,
     "PolarDB uses this role outside this server"},
};

static const service_role *find_service(pl_str service) {
    for (size_t i = 0; i < sizeof service_roles / sizeof *service_roles; i++)
        if (pl_str_is(service, service_roles[i].service))
            return &service_roles[i];
    return NULL;
}

static const service_role *find_by_name(pl_str name) {
    for (size_t i = 0; i < sizeof service_roles / sizeof *service_roles; i++)
        if (pl_str_eq_fold(name, pl_str_from(service_roles[i].name)))
            return &service_roles[i];
    return NULL;
}

pl_str identity_service_of_role(pl_str role_name) {
    const service_role *known = find_by_name(role_name);
    return known ? pl_str_from(known->service) : PL_STR_NONE;
}

int identity_service_role_create(const identity_scope *in, pl_str service, identity_role *role,
                                 pl_error *error) {
    const service_role *known = find_service(service);
    if (!known)
        return pl_fail(error, PL_E_EntityNotExist_Service);
    *role = (identity_role){.name = pl_str_from(known->name),
                            .description = pl_str_from(known->description),
                            .service_linked = true};
    role->trust_policy =
        pl_arena_printf(in->arena,
                        "{\"Statement\":[{\"Action\":\"sts:AssumeRole\",\"Effect\":\"Allow\","
                        "\"Principal\":{\"Service\":[\"%s\"]}}],\"Version\":\"1\"}",
                        known->service);
    if (identity_done(in, error) != 0 || identity_role_create(in, role, error) != 0)
        return -1;
    return known->policy ? give(in, role->name, known->policy, error) : 0;
}

static int new_task(const identity_scope *in, const service_role *known, pl_str *task_id, pl_error *error) {
    char uuid[PL_UUID_TEXT];
    if (pl_random_uuid(&in->room->config.random, uuid) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    *task_id =
        pl_arena_printf(in->arena, "task/acs-service-role/%s/%s/%s", known->service, known->name, uuid);
    if (identity_done(in, error) != 0)
        return -1;
    return store_run(in->session, error,
                     "INSERT INTO identity_role_deletions (account_id, task_id, role_name, created_at) "
                     "VALUES ($1, $2, $3, $4)",
                     "ttti", in->account_id, *task_id, pl_str_from(known->name), in->now);
}

int identity_service_role_delete(const identity_scope *in, pl_str name, pl_str *task_id, pl_error *error) {
    identity_role role;
    if (identity_role_find(in, name, &role, error) != 0)
        return -1;
    const service_role *known = role.service_linked ? find_by_name(role.name) : NULL;
    if (!known)
        return pl_fail(error, PL_E_EntityNotExist_ServiceLinkedRole);
    if (new_task(in, known, task_id, error) != 0 ||
        store_run(in->session, error,
                  "DELETE FROM identity_attachments WHERE account_id = $1 AND principal_kind = 'role' "
                  "AND principal_name = $2",
                  "tt", in->account_id, role.name) != 0)
        return -1;
    return delete_rows(in, role.name, error);
}

int identity_service_role_deletion(const identity_scope *in, pl_str task_id, pl_error *error) {
    store_statement *row = store_prepare(
        in->session, "SELECT 1 FROM identity_role_deletions WHERE account_id = $1 AND task_id = $2", error);
    store_bind_text(row, 1, in->account_id);
    store_bind_text(row, 2, task_id);
    int step = store_step(row, error);
    return step == 0   ? pl_fail(error, PL_E_EntityNotExist_ServiceLinkedRole_DeletionTask)
           : step == 1 ? 0
                       : -1;
}
