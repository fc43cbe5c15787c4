/* Custom policies and their versions, and the shipped ones seen the same way. Owns identity_policies and
 * identity_policy_versions. */
#include "identity/rows.h"

/* Shipped policies are as old as the program's first interface. */
#define SHIPPED_AT INT64_C(1793491200000)

#define COLUMNS                                                                                              \
    "p.policy_name, p.description, p.default_version, p.created_at, p.updated_at, "                          \
    "(SELECT count(*) FROM identity_attachments a WHERE a.account_id = p.account_id "                        \
    "AND a.policy_type = 'Custom' AND a.policy_name = p.policy_name)"

pl_str identity_policy_type_name(bool system) {
    return system ? PL_STR("System") : PL_STR("Custom");
}

static void read_policy(const identity_scope *in, store_statement *row, identity_policy *policy) {
    *policy = (identity_policy){.name = identity_column(in, row, 0),
                                .description = identity_column(in, row, 1),
                                .default_version = store_column_i64(row, 2),
                                .created = store_column_i64(row, 3),
                                .updated = store_column_i64(row, 4),
                                .attachment_count = store_column_i64(row, 5)};
}

static int describe_shipped(const identity_scope *in, const identity_system_policy *shipped,
                            identity_policy *policy, pl_error *error) {
    store_statement *count = store_prepare(in->session,
                                           "SELECT count(*) FROM identity_attachments WHERE account_id = $1 "
                                           "AND policy_type = 'System' AND policy_name = $2",
                                           error);
    store_bind_text(count, 1, in->account_id);
    store_bind_text(count, 2, shipped->name);
    if (store_step(count, error) != 1)
        return -1;
    *policy = (identity_policy){true,       shipped->name, shipped->description,      1,
                                SHIPPED_AT, SHIPPED_AT,    store_column_i64(count, 0)};
    return 0;
}

int identity_policy_find(const identity_scope *in, bool system, pl_str name, identity_policy *policy,
                         pl_error *error) {
    if (system) {
        const identity_system_policy *shipped = identity_system_policy_find(name);
        return shipped ? describe_shipped(in, shipped, policy, error)
                       : pl_fail(error, PL_E_EntityNotExist_Policy);
    }
    store_statement *row = store_prepare(in->session,
                                         "SELECT " COLUMNS " FROM identity_policies p "
                                         "WHERE p.account_id = $1 AND lower(p.policy_name) = lower($2)",
                                         error);
    store_bind_text(row, 1, in->account_id);
    store_bind_text(row, 2, pl_str_or_empty(name));
    int step = store_step(row, error);
    if (step != 1)
        return step == 0 ? pl_fail(error, PL_E_EntityNotExist_Policy) : -1;
    read_policy(in, row, policy);
    return identity_done(in, error);
}

static int check_document(const identity_scope *in, pl_str document, pl_error *error) {
    const pl_policy *policy;
    return pl_policy_parse(in->arena, PL_POLICY_IDENTITY, document, &policy, error);
}

static int insert_version(const identity_scope *in, pl_str name, int64_t version, pl_str document,
                          pl_error *error) {
    return store_run(in->session, error,
                     "INSERT INTO identity_policy_versions (account_id, policy_name, version, document, "
                     "created_at) VALUES ($1, $2, $3, $4, $5)",
                     "ttiti", in->account_id, name, version, document, in->now);
}

int identity_policy_create(const identity_scope *in, identity_policy *policy, pl_str document,
                           pl_error *error) {
    if (check_document(in, document, error) != 0 ||
        identity_check_count(in, "SELECT count(*) FROM identity_policies WHERE account_id = $1",
                             IDENTITY_POLICIES_MAX, PL_E_LimitExceeded_Policy, error) != 0)
        return -1;
    policy->description = pl_str_or_empty(policy->description);
    policy->default_version = 1;
    policy->created = policy->updated = in->now;
    int result = store_run(in->session, error,
                           "INSERT INTO identity_policies (account_id, policy_name, description, "
                           "default_version, last_version, created_at, updated_at) "
                           "VALUES ($1, $2, $3, 1, 1, $4, $4)",
                           "ttti", in->account_id, policy->name, policy->description, policy->created);
    if (result != 0)
        return store_is_conflict(error) ? pl_fail(error, PL_E_EntityAlreadyExists_Policy) : -1;
    if (insert_version(in, policy->name, 1, document, error) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

int identity_policy_describe(const identity_scope *in, pl_str name, pl_str description,
                             identity_policy *policy, pl_error *error) {
    if (identity_policy_find(in, false, name, policy, error) != 0)
        return -1;
    policy->description = pl_str_or_empty(description);
    policy->updated = in->now;
    return store_run(in->session, error,
                     "UPDATE identity_policies SET description = $3, updated_at = $4 "
                     "WHERE account_id = $1 AND policy_name = $2",
                     "ttti", in->account_id, policy->name, policy->description, policy->updated);
}

static int delete_rows(const identity_scope *in, pl_str name, pl_error *error) {
    static const char *const statements[] = {
        "DELETE FROM identity_policy_versions WHERE account_id = $1 AND policy_name = $2",
        "DELETE FROM identity_policies WHERE account_id = $1 AND policy_name = $2",
        "DELETE FROM identity_tags WHERE account_id = $1 AND kind = 'policy' AND name = $2",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_run(in->session, error, statements[i], "tt", in->account_id, name) != 0)
            return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

int identity_policy_delete(const identity_scope *in, pl_str name, bool with_versions, pl_error *error) {
#define ATTACHED_TO(kind)                                                                                    \
    "SELECT 1 FROM identity_attachments WHERE account_id = $1 AND policy_type = 'Custom' "                   \
    "AND policy_name = $2 AND principal_kind = '" kind "' LIMIT 1"
    static const identity_obstacle obstacles[] = {
        {ATTACHED_TO("user"), PL_E_DeleteConflict_Policy_User},
        {ATTACHED_TO("group"), PL_E_DeleteConflict_Policy_Group},
        {ATTACHED_TO("role"), PL_E_DeleteConflict_Policy_Role},
        {"SELECT 1 FROM identity_policy_versions WHERE account_id = $1 AND policy_name = $2 LIMIT 1 OFFSET 1",
         PL_E_DeleteConflict_Policy_Version},
    };
#undef ATTACHED_TO
    identity_policy policy;
    size_t count = sizeof obstacles / sizeof *obstacles - (with_versions ? 1 : 0);
    if (identity_policy_find(in, false, name, &policy, error) != 0 ||
        identity_check_free(in, policy.name, obstacles, count, error) != 0)
        return -1;
    return delete_rows(in, policy.name, error);
}

static identity_policy *add(const identity_scope *in, identity_policy **policies, size_t *count,
                            size_t *capacity) {
    identity_policy *grown = pl_arena_grow(in->arena, *policies, *count, capacity, sizeof **policies);
    if (!grown)
        return NULL;
    *policies = grown;
    return &grown[(*count)++];
}

static int list_shipped(const identity_scope *in, identity_policy **policies, size_t *count, size_t *capacity,
                        pl_error *error) {
    size_t shipped_count;
    const identity_system_policy *shipped = identity_system_policies(&shipped_count);
    for (size_t i = 0; i < shipped_count; i++) {
        identity_policy *policy = add(in, policies, count, capacity);
        if (!policy)
            return pl_fail(error, PL_E_ServiceUnavailable);
        if (describe_shipped(in, &shipped[i], policy, error) != 0)
            return -1;
    }
    return 0;
}

int identity_policy_list(const identity_scope *in, pl_str which, identity_policy **policies, size_t *count,
                         pl_error *error) {
    size_t capacity = 0;
    *policies = NULL;
    *count = 0;
    if (!pl_str_is(which, "Custom") && list_shipped(in, policies, count, &capacity, error) != 0)
        return -1;
    if (pl_str_is(which, "System"))
        return 0;
    store_statement *rows = store_prepare(in->session,
                                          "SELECT " COLUMNS " FROM identity_policies p "
                                          "WHERE p.account_id = $1 ORDER BY p.policy_name",
                                          error);
    store_bind_text(rows, 1, in->account_id);
    int step;
    while ((step = store_step(rows, error)) == 1) {
        identity_policy *policy = add(in, policies, count, &capacity);
        if (!policy)
            return pl_fail(error, PL_E_ServiceUnavailable);
        read_policy(in, rows, policy);
    }
    return step == 0 ? identity_done(in, error) : -1;
}

/* --- Versions ---------------------------------------------------------------------------------------------
 */

static int list_shipped_version(const identity_scope *in, pl_str name, identity_policy_version **versions,
                                size_t *count, pl_error *error) {
    const identity_system_policy *shipped = identity_system_policy_find(name);
    if (!shipped)
        return pl_fail(error, PL_E_EntityNotExist_Policy);
    *versions = pl_new(in->arena, identity_policy_version, 1);
    if (!*versions)
        return pl_fail(error, PL_E_ServiceUnavailable);
    **versions = (identity_policy_version){1, true, shipped->document, SHIPPED_AT};
    *count = 1;
    return 0;
}

int identity_version_list(const identity_scope *in, bool system, pl_str name,
                          identity_policy_version **versions, size_t *count, pl_error *error) {
    identity_policy policy;
    if (system)
        return list_shipped_version(in, name, versions, count, error);
    size_t capacity = 0;
    *versions = NULL;
    *count = 0;
    if (identity_policy_find(in, false, name, &policy, error) != 0)
        return -1;
    store_statement *rows =
        store_prepare(in->session,
                      "SELECT version, document, created_at FROM identity_policy_versions "
                      "WHERE account_id = $1 AND policy_name = $2 ORDER BY version",
                      error);
    store_bind_text(rows, 1, in->account_id);
    store_bind_text(rows, 2, policy.name);
    int step;
    while ((step = store_step(rows, error)) == 1) {
        identity_policy_version *grown =
            pl_arena_grow(in->arena, *versions, *count, &capacity, sizeof **versions);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *versions = grown;
        int64_t version = store_column_i64(rows, 0);
        grown[(*count)++] =
            (identity_policy_version){version, version == policy.default_version,
                                      identity_column(in, rows, 1), store_column_i64(rows, 2)};
    }
    return step == 0 ? identity_done(in, error) : -1;
}

int identity_version_find(const identity_scope *in, bool system, pl_str name, int64_t version,
                          identity_policy_version *found, pl_error *error) {
    identity_policy_version *versions;
    size_t count;
    if (identity_version_list(in, system, name, &versions, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (versions[i].version == version) {
            *found = versions[i];
            return 0;
        }
    }
    return pl_fail(error, PL_E_EntityNotExist_Policy_Version);
}

/* Room for one more version. */
static int make_room(const identity_scope *in, pl_str name, bool rotate, pl_error *error) {
    identity_policy_version *versions;
    size_t count;
    if (identity_version_list(in, false, name, &versions, &count, error) != 0)
        return -1;
    if (count < IDENTITY_VERSIONS_MAX)
        return 0;
    for (size_t i = 0; rotate && i < count; i++)
        if (!versions[i].is_default)
            return identity_version_delete(in, name, versions[i].version, error);
    return pl_fail(error, PL_E_LimitExceeded_Policy_Version);
}

static int next_version(const identity_scope *in, pl_str name, int64_t *version, pl_error *error) {
    store_statement *row = store_prepare(in->session,
                                         "UPDATE identity_policies SET last_version = last_version + 1, "
                                         "updated_at = $3 WHERE account_id = $1 AND policy_name = $2 "
                                         "RETURNING last_version",
                                         error);
    store_bind_text(row, 1, in->account_id);
    store_bind_text(row, 2, name);
    store_bind_i64(row, 3, in->now);
    if (store_step(row, error) != 1)
        return -1;
    *version = store_column_i64(row, 0);
    return 0;
}

static int make_default(const identity_scope *in, pl_str name, int64_t version, pl_error *error) {
    return store_run(in->session, error,
                     "UPDATE identity_policies SET default_version = $3, updated_at = $4 "
                     "WHERE account_id = $1 AND policy_name = $2",
                     "ttii", in->account_id, name, version, in->now);
}

int identity_version_create(const identity_scope *in, pl_str name, pl_str document, bool set_default,
                            bool rotate, identity_policy_version *version, pl_error *error) {
    identity_policy policy;
    *version = (identity_policy_version){.is_default = set_default, .document = document, .created = in->now};
    if (identity_policy_find(in, false, name, &policy, error) != 0 ||
        check_document(in, document, error) != 0 || make_room(in, policy.name, rotate, error) != 0 ||
        next_version(in, policy.name, &version->version, error) != 0 ||
        insert_version(in, policy.name, version->version, document, error) != 0)
        return -1;
    if (set_default && make_default(in, policy.name, version->version, error) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

int identity_version_set_default(const identity_scope *in, pl_str name, int64_t version, pl_error *error) {
    identity_policy policy;
    identity_policy_version found;
    if (identity_policy_find(in, false, name, &policy, error) != 0 ||
        identity_version_find(in, false, policy.name, version, &found, error) != 0 ||
        make_default(in, policy.name, version, error) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

int identity_version_delete(const identity_scope *in, pl_str name, int64_t version, pl_error *error) {
    identity_policy policy;
    identity_policy_version found;
    if (identity_policy_find(in, false, name, &policy, error) != 0 ||
        identity_version_find(in, false, policy.name, version, &found, error) != 0)
        return -1;
    if (found.is_default)
        return pl_fail(error, PL_E_DeleteConflict_Policy_Version_Default);
    return store_run(in->session, error,
                     "DELETE FROM identity_policy_versions "
                     "WHERE account_id = $1 AND policy_name = $2 AND version = $3",
                     "tti", in->account_id, policy.name, version);
}
