/* Tags of roles and policies. Owns identity_tags. */
#include "identity/rows.h"

pl_str identity_tag_kind_name(identity_tag_kind kind) {
    return kind == IDENTITY_TAG_ROLE ? PL_STR("role") : PL_STR("policy");
}

static int resolve(const identity_scope *in, identity_tag_kind kind, pl_str *name, pl_error *error) {
    identity_role role;
    identity_policy policy;
    if (kind == IDENTITY_TAG_ROLE) {
        if (identity_role_find(in, *name, &role, error) != 0)
            return -1;
        *name = role.name;
        return 0;
    }
    if (identity_policy_find(in, false, *name, &policy, error) != 0)
        return -1;
    *name = policy.name;
    return 0;
}

static int check_number(const identity_scope *in, identity_tag_kind kind, pl_str name, pl_error *error) {
    store_statement *count = store_prepare(
        in->session, "SELECT count(*) FROM identity_tags WHERE account_id = $1 AND kind = $2 AND name = $3",
        error);
    store_bind_text(count, 1, in->account_id);
    store_bind_text(count, 2, identity_tag_kind_name(kind));
    store_bind_text(count, 3, name);
    if (store_step(count, error) != 1)
        return -1;
    if (store_column_i64(count, 0) <= IDENTITY_TAGS_MAX)
        return 0;
    return pl_failf(error, PL_E_InvalidParameter_Tag, "A %.*s can have at most %d tags.",
                    PL_FMT(identity_tag_kind_name(kind)), IDENTITY_TAGS_MAX);
}

int identity_tag_set(const identity_scope *in, identity_tag_kind kind, pl_str name, const identity_tag *tags,
                     size_t count, pl_error *error) {
    if (count == 0)
        return 0;
    if (resolve(in, kind, &name, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (store_run(in->session, error,
                      "INSERT INTO identity_tags (account_id, kind, name, tag_key, tag_value) "
                      "VALUES ($1, $2, $3, $4, $5) "
                      "ON CONFLICT (account_id, kind, name, tag_key) DO UPDATE SET tag_value = $5",
                      "ttttt", in->account_id, identity_tag_kind_name(kind), name, tags[i].key,
                      pl_str_or_empty(tags[i].value)) != 0)
            return -1;
    return check_number(in, kind, name, error);
}

int identity_tag_remove(const identity_scope *in, identity_tag_kind kind, pl_str name, pl_str key,
                        pl_error *error) {
    if (resolve(in, kind, &name, error) != 0)
        return -1;
    if (!key.p)
        return store_run(in->session, error,
                         "DELETE FROM identity_tags WHERE account_id = $1 AND kind = $2 AND name = $3", "ttt",
                         in->account_id, identity_tag_kind_name(kind), name);
    return store_run(in->session, error,
                     "DELETE FROM identity_tags "
                     "WHERE account_id = $1 AND kind = $2 AND name = $3 AND tag_key = $4",
                     "tttt", in->account_id, identity_tag_kind_name(kind), name, key);
}

int identity_tag_read(const identity_scope *in, identity_tag_kind kind, pl_str name, identity_tag **tags,
                      size_t *count, pl_error *error) {
    size_t capacity = 0;
    *tags = NULL;
    *count = 0;
    store_statement *rows =
        store_prepare(in->session,
                      "SELECT tag_key, tag_value FROM identity_tags WHERE account_id = $1 "
                      "AND kind = $2 AND lower(name) = lower($3) ORDER BY tag_key",
                      error);
    store_bind_text(rows, 1, in->account_id);
    store_bind_text(rows, 2, identity_tag_kind_name(kind));
    store_bind_text(rows, 3, name);
    int step;
    while ((step = store_step(rows, error)) == 1) {
        identity_tag *grown = pl_arena_grow(in->arena, *tags, *count, &capacity, sizeof **tags);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *tags = grown;
        grown[(*count)++] = (identity_tag){identity_column(in, rows, 0), identity_column(in, rows, 1)};
    }
    return step == 0 ? identity_done(in, error) : -1;
}

int identity_tag_list(const identity_scope *in, identity_tag_kind kind, identity_tagged **tags, size_t *count,
                      pl_error *error) {
    size_t capacity = 0;
    *tags = NULL;
    *count = 0;
    store_statement *rows = store_prepare(in->session,
                                          "SELECT name, tag_key, tag_value FROM identity_tags "
                                          "WHERE account_id = $1 AND kind = $2 ORDER BY name, tag_key",
                                          error);
    store_bind_text(rows, 1, in->account_id);
    store_bind_text(rows, 2, identity_tag_kind_name(kind));
    int step;
    while ((step = store_step(rows, error)) == 1) {
        identity_tagged *grown = pl_arena_grow(in->arena, *tags, *count, &capacity, sizeof **tags);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *tags = grown;
        grown[(*count)++] = (identity_tagged){identity_column(in, rows, 0),
                                              {identity_column(in, rows, 1), identity_column(in, rows, 2)}};
    }
    return step == 0 ? identity_done(in, error) : -1;
}
