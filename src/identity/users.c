/* RAM users. Owns identity_users, but for the columns of the login profile. */
#include "identity/rows.h"

#define COLUMNS                                                                                              \
    "user_name, user_id, display_name, mobile_phone, email, comments, created_at, updated_at, "              \
    "last_login_at"

static void read_user(const identity_scope *in, store_statement *row, identity_user *user) {
    *user = (identity_user){.name = identity_column(in, row, 0),
                            .id = identity_column(in, row, 1),
                            .display_name = identity_column(in, row, 2),
                            .mobile_phone = identity_column(in, row, 3),
                            .email = identity_column(in, row, 4),
                            .comments = identity_column(in, row, 5),
                            .created = store_column_i64(row, 6),
                            .updated = store_column_i64(row, 7),
                            .last_login = store_column_i64(row, 8)};
}

int identity_user_find(const identity_scope *in, pl_str name, identity_user *user, pl_error *error) {
    store_statement *row = store_prepare(in->session,
                                         "SELECT " COLUMNS " FROM identity_users "
                                         "WHERE account_id = $1 AND lower(user_name) = lower($2)",
                                         error);
    store_bind_text(row, 1, in->account_id);
    store_bind_text(row, 2, pl_str_or_empty(name));
    int step = store_step(row, error);
    if (step != 1)
        return step == 0 ? pl_fail(error, PL_E_EntityNotExist_User) : -1;
    read_user(in, row, user);
    return identity_done(in, error);
}

static int insert(const identity_scope *in, const identity_user *user, pl_error *error) {
    int result = store_run(in->session, error,
                           "INSERT INTO identity_users (account_id, " COLUMNS ") "
                           "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, NULL)",
                           "ttttttti", in->account_id, user->name, user->id, user->display_name,
                           user->mobile_phone, user->email, user->comments, user->created);
    if (result != 0 && store_is_conflict(error))
        return pl_fail(error, PL_E_EntityAlreadyExists_User);
    return result;
}

int identity_user_create(const identity_scope *in, identity_user *user, pl_error *error) {
    if (identity_check_count(in, "SELECT count(*) FROM identity_users WHERE account_id = $1",
                             IDENTITY_USERS_MAX, PL_E_LimitExceeded_User, error) != 0 ||
        identity_new_id(in, "2", 17, IDENTITY_DIGITS, &user->id, error) != 0)
        return -1;
    user->display_name = pl_str_or_empty(user->display_name);
    user->mobile_phone = pl_str_or_empty(user->mobile_phone);
    user->email = pl_str_or_empty(user->email);
    user->comments = pl_str_or_empty(user->comments);
    user->created = user->updated = in->now;
    if (insert(in, user, error) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

/* The name is the key of what belongs to a user: all of it moves. */
static int rename_user(const identity_scope *in, pl_str from, pl_str to, pl_error *error) {
    static const char *const statements[] = {
        "UPDATE identity_group_members SET user_name = $3 WHERE account_id = $1 AND user_name = $2",
        "UPDATE identity_access_keys SET user_name = $3 WHERE account_id = $1 AND user_name = $2",
        ("UPDATE identity_attachments SET principal_name = $3 "
         "WHERE account_id = $1 AND principal_kind = 'user' AND principal_name = $2"),
    };
    if (pl_str_eq(from, to))
        return 0;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_run(in->session, error, statements[i], "ttt", in->account_id, from, to) != 0)
            return -1;
    return 0;
}

int identity_user_update(const identity_scope *in, pl_str name, const identity_user *changes,
                         identity_user *user, pl_error *error) {
    if (identity_user_find(in, name, user, error) != 0)
        return -1;
    pl_str from = user->name;
    identity_change(&user->name, changes->name);
    identity_change(&user->display_name, changes->display_name);
    identity_change(&user->mobile_phone, changes->mobile_phone);
    identity_change(&user->email, changes->email);
    identity_change(&user->comments, changes->comments);
    user->updated = in->now;
    int result =
        store_run(in->session, error,
                  "UPDATE identity_users SET user_name = $3, display_name = $4, mobile_phone = $5, "
                  "email = $6, comments = $7, updated_at = $8 WHERE account_id = $1 AND user_name = $2",
                  "ttttttti", in->account_id, from, user->name, user->display_name, user->mobile_phone,
                  user->email, user->comments, user->updated);
    if (result != 0)
        return store_is_conflict(error) ? pl_fail(error, PL_E_EntityAlreadyExists_User) : -1;
    if (rename_user(in, from, user->name, error) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

int identity_user_delete(const identity_scope *in, pl_str name, pl_error *error) {
    static const identity_obstacle obstacles[] = {
        {"SELECT 1 FROM identity_group_members WHERE account_id = $1 AND user_name = $2 LIMIT 1",
         PL_E_DeleteConflict_User_Group},
        {"SELECT 1 FROM identity_access_keys WHERE account_id = $1 AND user_name = $2 LIMIT 1",
         PL_E_DeleteConflict_User_AccessKey},
        {"SELECT 1 FROM identity_users WHERE account_id = $1 AND user_name = $2 AND login_password IS NOT "
         "NULL",
         PL_E_DeleteConflict_User_LoginProfile},
        {"SELECT 1 FROM identity_attachments WHERE account_id = $1 AND principal_kind = 'user' "
         "AND principal_name = $2 LIMIT 1",
         PL_E_DeleteConflict_User_Policy},
    };
    identity_user user;
    if (identity_user_find(in, name, &user, error) != 0 ||
        identity_check_free(in, user.name, obstacles, sizeof obstacles / sizeof *obstacles, error) != 0 ||
        store_run(in->session, error, "DELETE FROM identity_users WHERE account_id = $1 AND user_name = $2",
                  "tt", in->account_id, user.name) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

int identity_user_list(const identity_scope *in, pl_str after, int64_t limit, identity_user **users,
                       size_t *count, pl_error *error) {
    size_t capacity = 0;
    *users = NULL;
    *count = 0;
    store_statement *rows = store_prepare(in->session,
                                          "SELECT " COLUMNS " FROM identity_users WHERE account_id = $1 "
                                          "AND user_name > $2 ORDER BY user_name LIMIT $3",
                                          error);
    store_bind_text(rows, 1, in->account_id);
    store_bind_text(rows, 2, pl_str_or_empty(after));
    store_bind_i64(rows, 3, limit);
    int step;
    while ((step = store_step(rows, error)) == 1) {
        identity_user *grown = pl_arena_grow(in->arena, *users, *count, &capacity, sizeof **users);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *users = grown;
        read_user(in, rows, &grown[(*count)++]);
    }
    return step == 0 ? identity_done(in, error) : -1;
}
