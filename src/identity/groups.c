/* User groups and their members. Owns identity_groups and identity_group_members. */
#include "identity/rows.h"

#define COLUMNS "group_name, group_id, comments, created_at, updated_at"

static void read_group(const identity_scope *in, store_statement *row, identity_group *group) {
    *group = (identity_group){.name = identity_column(in, row, 0),
                              .id = identity_column(in, row, 1),
                              .comments = identity_column(in, row, 2),
                              .created = store_column_i64(row, 3),
                              .updated = store_column_i64(row, 4)};
}

int identity_group_find(const identity_scope *in, pl_str name, identity_group *group, pl_error *error) {
    store_statement *row = store_prepare(in->session,
                                         "SELECT " COLUMNS " FROM identity_groups "
                                         "WHERE account_id = $1 AND lower(group_name) = lower($2)",
                                         error);
    store_bind_text(row, 1, in->account_id);
    store_bind_text(row, 2, pl_str_or_empty(name));
    int step = store_step(row, error);
    if (step != 1)
        return step == 0 ? pl_fail(error, PL_E_EntityNotExist_Group) : -1;
    read_group(in, row, group);
    return identity_done(in, error);
}

int identity_group_create(const identity_scope *in, identity_group *group, pl_error *error) {
    if (identity_check_count(in, "SELECT count(*) FROM identity_groups WHERE account_id = $1",
                             IDENTITY_GROUPS_MAX, PL_E_LimitExceeded_Group, error) != 0 ||
        identity_new_id(in, "g-", 16, IDENTITY_LETTERS, &group->id, error) != 0)
        return -1;
    group->comments = pl_str_or_empty(group->comments);
    group->created = group->updated = in->now;
    int result =
        store_run(in->session, error,
                  "INSERT INTO identity_groups (account_id, " COLUMNS ") VALUES ($1, $2, $3, $4, $5, $5)",
                  "tttti", in->account_id, group->name, group->id, group->comments, group->created);
    if (result != 0)
        return store_is_conflict(error) ? pl_fail(error, PL_E_EntityAlreadyExists_Group) : -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

static int rename_group(const identity_scope *in, pl_str from, pl_str to, pl_error *error) {
    if (pl_str_eq(from, to))
        return 0;
    if (store_run(
            in->session, error,
            "UPDATE identity_group_members SET group_name = $3 WHERE account_id = $1 AND group_name = $2",
            "ttt", in->account_id, from, to) != 0)
        return -1;
    return store_run(in->session, error,
                     "UPDATE identity_attachments SET principal_name = $3 "
                     "WHERE account_id = $1 AND principal_kind = 'group' AND principal_name = $2",
                     "ttt", in->account_id, from, to);
}

int identity_group_update(const identity_scope *in, pl_str name, const identity_group *changes,
                          identity_group *group, pl_error *error) {
    if (identity_group_find(in, name, group, error) != 0)
        return -1;
    pl_str from = group->name;
    identity_change(&group->name, changes->name);
    identity_change(&group->comments, changes->comments);
    group->updated = in->now;
    int result = store_run(in->session, error,
                           "UPDATE identity_groups SET group_name = $3, comments = $4, updated_at = $5 "
                           "WHERE account_id = $1 AND group_name = $2",
                           "tttti", in->account_id, from, group->name, group->comments, group->updated);
    if (result != 0)
        return store_is_conflict(error) ? pl_fail(error, PL_E_EntityAlreadyExists_Group) : -1;
    if (rename_group(in, from, group->name, error) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

int identity_group_delete(const identity_scope *in, pl_str name, pl_error *error) {
    static const identity_obstacle obstacles[] = {
        {"SELECT 1 FROM identity_group_members WHERE account_id = $1 AND group_name = $2 LIMIT 1",
         PL_E_DeleteConflict_Group_User},
        {"SELECT 1 FROM identity_attachments WHERE account_id = $1 AND principal_kind = 'group' "
         "AND principal_name = $2 LIMIT 1",
         PL_E_DeleteConflict_Group_Policy},
    };
    identity_group group;
    if (identity_group_find(in, name, &group, error) != 0 ||
        identity_check_free(in, group.name, obstacles, sizeof obstacles / sizeof *obstacles, error) != 0 ||
        store_run(in->session, error, "DELETE FROM identity_groups WHERE account_id = $1 AND group_name = $2",
                  "tt", in->account_id, group.name) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

/* Walks the rows of a prepared and bound statement of COLUMNS, and of the time of joining behind them. */
static int collect(const identity_scope *in, store_statement *rows, identity_group **groups, size_t *count,
                   bool joined, pl_error *error) {
    size_t capacity = 0;
    int step;
    *groups = NULL;
    *count = 0;
    while ((step = store_step(rows, error)) == 1) {
        identity_group *grown = pl_arena_grow(in->arena, *groups, *count, &capacity, sizeof **groups);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *groups = grown;
        read_group(in, rows, &grown[*count]);
        if (joined)
            grown[*count].joined = store_column_i64(rows, 5);
        ++*count;
    }
    return step == 0 ? identity_done(in, error) : -1;
}

int identity_group_list(const identity_scope *in, pl_str after, int64_t limit, identity_group **groups,
                        size_t *count, pl_error *error) {
    store_statement *rows = store_prepare(in->session,
                                          "SELECT " COLUMNS " FROM identity_groups WHERE account_id = $1 "
                                          "AND group_name > $2 ORDER BY group_name LIMIT $3",
                                          error);
    store_bind_text(rows, 1, in->account_id);
    store_bind_text(rows, 2, pl_str_or_empty(after));
    store_bind_i64(rows, 3, limit);
    return collect(in, rows, groups, count, false, error);
}

int identity_group_list_of_user(const identity_scope *in, pl_str user, identity_group **groups, size_t *count,
                                pl_error *error) {
    identity_user found;
    if (identity_user_find(in, user, &found, error) != 0)
        return -1;
    store_statement *rows =
        store_prepare(in->session,
                      "SELECT g.group_name, g.group_id, g.comments, g.created_at, g.updated_at, m.joined_at "
                      "FROM identity_group_members m JOIN identity_groups g "
                      "ON g.account_id = m.account_id AND g.group_name = m.group_name "
                      "WHERE m.account_id = $1 AND m.user_name = $2 ORDER BY g.group_name",
                      error);
    store_bind_text(rows, 1, in->account_id);
    store_bind_text(rows, 2, found.name);
    return collect(in, rows, groups, count, true, error);
}

/* --- Members ----------------------------------------------------------------------------------------------
 */

static int find_both(const identity_scope *in, pl_str *group, pl_str *user, pl_error *error) {
    identity_user found_user;
    identity_group found_group;
    if (identity_user_find(in, *user, &found_user, error) != 0 ||
        identity_group_find(in, *group, &found_group, error) != 0)
        return -1;
    *user = found_user.name;
    *group = found_group.name;
    return 0;
}

/* Counted with the join that is being made: an existing membership is told as such first. */
static int check_memberships(const identity_scope *in, pl_str user, pl_error *error) {
    store_statement *count = store_prepare(
        in->session, "SELECT count(*) FROM identity_group_members WHERE account_id = $1 AND user_name = $2",
        error);
    store_bind_text(count, 1, in->account_id);
    store_bind_text(count, 2, user);
    if (store_step(count, error) != 1)
        return -1;
    return store_column_i64(count, 0) > IDENTITY_GROUPS_PER_USER_MAX
               ? pl_fail(error, PL_E_LimitExceeded_User_Group)
               : 0;
}

int identity_group_join(const identity_scope *in, pl_str group, pl_str user, pl_error *error) {
    if (find_both(in, &group, &user, error) != 0)
        return -1;
    int result =
        store_run(in->session, error,
                  "INSERT INTO identity_group_members (account_id, group_name, user_name, joined_at) "
                  "VALUES ($1, $2, $3, $4)",
                  "ttti", in->account_id, group, user, in->now);
    if (result != 0)
        return store_is_conflict(error) ? pl_fail(error, PL_E_EntityAlreadyExists_User_Group) : -1;
    if (check_memberships(in, user, error) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

int identity_group_leave(const identity_scope *in, pl_str group, pl_str user, pl_error *error) {
    int64_t changes;
    if (find_both(in, &group, &user, error) != 0 ||
        store_run_counted(in->session, &changes, error,
                          "DELETE FROM identity_group_members "
                          "WHERE account_id = $1 AND group_name = $2 AND user_name = $3",
                          "ttt", in->account_id, group, user) != 0)
        return -1;
    if (changes == 0)
        return pl_fail(error, PL_E_EntityNotExist_User_Group);
    return identity_changed(in->room, in->session, in->account_id, error);
}

static int collect_members(const identity_scope *in, store_statement *rows, identity_member **members,
                           size_t *count, pl_error *error) {
    size_t capacity = 0;
    int step;
    *members = NULL;
    *count = 0;
    while ((step = store_step(rows, error)) == 1) {
        identity_member *grown = pl_arena_grow(in->arena, *members, *count, &capacity, sizeof **members);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *members = grown;
        grown[(*count)++] = (identity_member){identity_column(in, rows, 0), identity_column(in, rows, 1),
                                              store_column_i64(rows, 2)};
    }
    return step == 0 ? identity_done(in, error) : -1;
}

int identity_group_members(const identity_scope *in, pl_str group, pl_str after, int64_t limit,
                           identity_member **members, size_t *count, pl_error *error) {
    identity_group found;
    if (identity_group_find(in, group, &found, error) != 0)
        return -1;
    store_statement *rows = store_prepare(
        in->session,
        "SELECT m.user_name, u.display_name, m.joined_at FROM identity_group_members m "
        "JOIN identity_users u ON u.account_id = m.account_id AND u.user_name = m.user_name "
        "WHERE m.account_id = $1 AND m.group_name = $2 AND m.user_name > $3 ORDER BY m.user_name LIMIT $4",
        error);
    store_bind_text(rows, 1, in->account_id);
    store_bind_text(rows, 2, found.name);
    store_bind_text(rows, 3, pl_str_or_empty(after));
    store_bind_i64(rows, 4, limit);
    return collect_members(in, rows, members, count, error);
}
