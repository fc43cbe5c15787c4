/* Login profiles: the login columns of identity_users. */
#include "identity/rows.h"

int identity_login_find(const identity_scope *in, pl_str user, identity_login *login, pl_error *error) {
    identity_user found;
    if (identity_user_find(in, user, &found, error) != 0)
        return -1;
    store_statement *row = store_prepare(
        in->session,
        "SELECT login_password, login_reset_required, login_mfa_required, login_created_at "
        "FROM identity_users WHERE account_id = $1 AND user_name = $2 AND login_password IS NOT NULL",
        error);
    store_bind_text(row, 1, in->account_id);
    store_bind_text(row, 2, found.name);
    int step = store_step(row, error);
    if (step != 1)
        return step == 0 ? pl_fail(error, PL_E_EntityNotExist_User_LoginProfile) : -1;
    *login = (identity_login){.user_name = found.name,
                              .password = identity_column(in, row, 0),
                              .reset_required = store_column_i64(row, 1) != 0,
                              .mfa_required = store_column_i64(row, 2) != 0,
                              .created = store_column_i64(row, 3)};
    return identity_done(in, error);
}

int identity_login_update(const identity_scope *in, const identity_login *login, pl_error *error) {
    return store_run(in->session, error,
                     "UPDATE identity_users SET login_password = $3, login_reset_required = $4, "
                     "login_mfa_required = $5, login_created_at = $6 "
                     "WHERE account_id = $1 AND user_name = $2",
                     "tttiii", in->account_id, login->user_name, login->password,
                     (int64_t)login->reset_required, (int64_t)login->mfa_required, login->created);
}

int identity_login_create(const identity_scope *in, identity_login *login, pl_error *error) {
    identity_login old;
    identity_user user;
    if (identity_user_find(in, login->user_name, &user, error) != 0)
        return -1;
    if (identity_login_find(in, user.name, &old, error) == 0)
        return pl_fail(error, PL_E_EntityAlreadyExists_User_LoginProfile);
    if (!pl_error_is(error, PL_E_EntityNotExist_User_LoginProfile))
        return -1;
    login->user_name = user.name;
    login->created = in->now;
    return identity_login_update(in, login, error);
}

int identity_login_delete(const identity_scope *in, pl_str user, pl_error *error) {
    identity_login login;
    if (identity_login_find(in, user, &login, error) != 0)
        return -1;
    return store_run(in->session, error,
                     "UPDATE identity_users SET login_password = NULL, login_reset_required = NULL, "
                     "login_mfa_required = NULL, login_created_at = NULL "
                     "WHERE account_id = $1 AND user_name = $2",
                     "tt", in->account_id, login.user_name);
}
