/* Policies attached to users, groups and roles, in the whole account or in one resource group. Owns
 * identity_attachments. */
#include "identity/rows.h"

#include "org/org.h"

typedef struct kind_facts {
    const char *name;
    pl_error_code exists, missing, limit;
} kind_facts;

static const kind_facts kinds[] = {
    [IDENTITY_ON_USER] = {"user", PL_E_EntityAlreadyExists_User_Policy, PL_E_EntityNotExist_User_Policy,
                          PL_E_LimitExceeded_User_Policy},
    [IDENTITY_ON_GROUP] = {"group", PL_E_EntityAlreadyExists_Group_Policy, PL_E_EntityNotExist_Group_Policy,
                           PL_E_LimitExceeded_Group_Policy},
    [IDENTITY_ON_ROLE] = {"role", PL_E_EntityAlreadyExists_Role_Policy, PL_E_EntityNotExist_Role_Policy,
                          PL_E_LimitExceeded_Role_Policy},
};

static pl_str kind_name(identity_principal_kind kind) {
    return pl_str_from(kinds[kind].name);
}

static int resolve_role(const identity_scope *in, pl_str *name, pl_error *error) {
    identity_role role;
    if (identity_role_find(in, *name, &role, error) != 0)
        return -1;
    if (role.service_linked)
        return pl_fail_code(error, 403, "NoPermission",
                            "The policies of service-linked role %.*s belong to its service.",
                            PL_FMT(role.name));
    *name = role.name;
    return 0;
}

static int resolve_principal(const identity_scope *in, identity_attachment *a, pl_error *error) {
    identity_user user;
    identity_group group;
    if (a->kind == IDENTITY_ON_ROLE)
        return resolve_role(in, &a->principal_name, error);
    if (a->kind == IDENTITY_ON_USER) {
        if (identity_user_find(in, a->principal_name, &user, error) != 0)
            return -1;
        a->principal_name = user.name;
        return 0;
    }
    if (identity_group_find(in, a->principal_name, &group, error) != 0)
        return -1;
    a->principal_name = group.name;
    return 0;
}

/* Canonical names, and everything there. */
static int resolve(const identity_scope *in, identity_attachment *a, pl_error *error) {
    identity_policy policy;
    a->resource_group_id = pl_str_or_empty(a->resource_group_id);
    if (resolve_principal(in, a, error) != 0 ||
        identity_policy_find(in, a->system, a->policy_name, &policy, error) != 0 ||
        (a->resource_group_id.n &&
         org_check_resource_group(in->session, in->account_id, a->resource_group_id, true, error) != 0))
        return -1;
    a->policy_name = policy.name;
    return 0;
}

/* Counted with the attachment that is being made, so that a double one is told as such first. */
static int check_number(const identity_scope *in, const identity_attachment *a, pl_error *error) {
    store_statement *count = store_prepare(
        in->session,
        "SELECT count(*) FROM identity_attachments WHERE account_id = $1 AND principal_kind = $2 "
        "AND principal_name = $3 AND policy_type = $4",
        error);
    store_bind_text(count, 1, in->account_id);
    store_bind_text(count, 2, kind_name(a->kind));
    store_bind_text(count, 3, a->principal_name);
    store_bind_text(count, 4, identity_policy_type_name(a->system));
    if (store_step(count, error) != 1)
        return -1;
    int64_t max = a->system ? IDENTITY_SYSTEM_ATTACHED_MAX : IDENTITY_CUSTOM_ATTACHED_MAX;
    return store_column_i64(count, 0) > max ? pl_fail(error, kinds[a->kind].limit) : 0;
}

int identity_attach(const identity_scope *in, const identity_attachment *wanted, pl_error *error) {
    identity_attachment a = *wanted;
    if (resolve(in, &a, error) != 0)
        return -1;
    int result = store_run(in->session, error,
                           "INSERT INTO identity_attachments (account_id, principal_kind, principal_name, "
                           "policy_type, policy_name, resource_group_id, attached_at) "
                           "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                           "tttttti", in->account_id, kind_name(a.kind), a.principal_name,
                           identity_policy_type_name(a.system), a.policy_name, a.resource_group_id, in->now);
    if (result != 0)
        return store_is_conflict(error) ? pl_fail(error, kinds[a.kind].exists) : -1;
    if (check_number(in, &a, error) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

int identity_detach(const identity_scope *in, const identity_attachment *wanted, pl_error *error) {
    identity_attachment a = *wanted;
    int64_t changes;
    if (resolve(in, &a, error) != 0 ||
        store_run_counted(in->session, &changes, error,
                          "DELETE FROM identity_attachments WHERE account_id = $1 AND principal_kind = $2 "
                          "AND principal_name = $3 AND policy_type = $4 AND policy_name = $5 "
                          "AND resource_group_id = $6",
                          "tttttt", in->account_id, kind_name(a.kind), a.principal_name,
                          identity_policy_type_name(a.system), a.policy_name, a.resource_group_id) != 0)
        return -1;
    if (changes == 0)
        return pl_fail(error, kinds[a.kind].missing);
    return identity_changed(in->room, in->session, in->account_id, error);
}

static identity_principal_kind kind_of(pl_str name) {
    return pl_str_is(name, "user")    ? IDENTITY_ON_USER
           : pl_str_is(name, "group") ? IDENTITY_ON_GROUP
                                      : IDENTITY_ON_ROLE;
}

static void read_attachment(const identity_scope *in, store_statement *row, identity_attachment *a) {
    bool system = pl_str_is(store_column_text(row, 2), "System");
    *a = (identity_attachment){.kind = kind_of(store_column_text(row, 0)),
                               .principal_name = identity_column(in, row, 1),
                               .system = system,
                               .policy_name = identity_column(in, row, 3),
                               .resource_group_id = identity_column(in, row, 4),
                               .attached = store_column_i64(row, 5),
                               .description = identity_column(in, row, 6),
                               .default_version = store_column_i64(row, 7)};
    const identity_system_policy *shipped = system ? identity_system_policy_find(a->policy_name) : NULL;
    if (shipped) {
        a->description = shipped->description;
        a->default_version = 1;
    }
}

/* NULL leaves a column unlimited. */
static store_statement *prepare_list(const identity_scope *in, const identity_attachment_filter *f,
                                     pl_error *error) {
    store_statement *rows = store_prepare(
        in->session,
        "SELECT a.principal_kind, a.principal_name, a.policy_type, a.policy_name, a.resource_group_id, "
        "a.attached_at, p.description, p.default_version FROM identity_attachments a "
        "LEFT JOIN identity_policies p ON p.account_id = a.account_id AND p.policy_name = a.policy_name "
        "AND a.policy_type = 'Custom' WHERE a.account_id = $1 "
        "AND (CAST($2 AS TEXT) IS NULL OR a.principal_kind = $2) "
        "AND (CAST($3 AS TEXT) IS NULL OR a.principal_name = $3) "
        "AND (CAST($4 AS TEXT) IS NULL OR a.policy_type = $4) "
        "AND (CAST($5 AS TEXT) IS NULL OR a.policy_name = $5) "
        "AND (CAST($6 AS TEXT) IS NULL OR a.resource_group_id = $6) "
        "ORDER BY a.policy_type, a.policy_name, a.principal_kind, a.principal_name, a.resource_group_id",
        error);
    store_bind_text(rows, 1, in->account_id);
    store_bind_text(rows, 2, f->by_kind ? kind_name(f->kind) : PL_STR_NONE);
    store_bind_text(rows, 3, f->principal_name);
    store_bind_text(rows, 4, f->policy_type);
    store_bind_text(rows, 5, f->policy_name);
    store_bind_text(rows, 6, f->by_group ? pl_str_or_empty(f->resource_group_id) : PL_STR_NONE);
    return rows;
}

int identity_attachment_list(const identity_scope *in, const identity_attachment_filter *filter,
                             identity_attachment **attachments, size_t *count, pl_error *error) {
    size_t capacity = 0;
    int step;
    *attachments = NULL;
    *count = 0;
    store_statement *rows = prepare_list(in, filter, error);
    while ((step = store_step(rows, error)) == 1) {
        identity_attachment *grown =
            pl_arena_grow(in->arena, *attachments, *count, &capacity, sizeof **attachments);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *attachments = grown;
        read_attachment(in, rows, &grown[(*count)++]);
    }
    return step == 0 ? identity_done(in, error) : -1;
}
