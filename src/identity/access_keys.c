/* Access keys as objects: listing, switching, deleting. Making and finding them is in keys.c. */
#include "identity/rows.h"

/* The canonical user name; an empty one is the account's root identity. */
static int resolve(const identity_scope *in, pl_str *user, pl_error *error) {
    identity_user found;
    if (user->n == 0) {
        *user = PL_STR("");
        return 0;
    }
    if (identity_user_find(in, *user, &found, error) != 0)
        return -1;
    *user = found.name;
    return 0;
}

int identity_access_key_list(const identity_scope *in, pl_str user, identity_access_key **keys, size_t *count,
                             pl_error *error) {
    size_t capacity = 0;
    *keys = NULL;
    *count = 0;
    if (resolve(in, &user, error) != 0)
        return -1;
    store_statement *rows =
        store_prepare(in->session,
                      "SELECT access_key_id, status, created_at, last_used_at FROM identity_access_keys "
                      "WHERE account_id = $1 AND user_name = $2 ORDER BY created_at, access_key_id",
                      error);
    store_bind_text(rows, 1, in->account_id);
    store_bind_text(rows, 2, user);
    int step;
    while ((step = store_step(rows, error)) == 1) {
        identity_access_key *grown = pl_arena_grow(in->arena, *keys, *count, &capacity, sizeof **keys);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *keys = grown;
        pl_str id = identity_column(in, rows, 0);
        grown[(*count)++] = (identity_access_key){
            id, pl_str_is(store_column_text(rows, 1), "Active"), store_column_i64(rows, 2),
            identity_key_last_used(in->room, id, store_column_i64(rows, 3))};
    }
    return step == 0 ? identity_done(in, error) : -1;
}

int identity_access_key_find(const identity_scope *in, pl_str user, pl_str id, identity_access_key *key,
                             pl_error *error) {
    identity_access_key *keys;
    size_t count;
    if (identity_access_key_list(in, user, &keys, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (pl_str_eq(keys[i].id, id)) {
            *key = keys[i];
            return 0;
        }
    }
    return pl_fail(error, PL_E_EntityNotExist_User_AccessKey);
}

int identity_access_key_set_active(const identity_scope *in, pl_str user, pl_str id, bool active,
                                   pl_error *error) {
    identity_access_key key;
    if (identity_access_key_find(in, user, id, &key, error) != 0 ||
        store_run(in->session, error,
                  "UPDATE identity_access_keys SET status = $3 WHERE account_id = $1 AND access_key_id = $2",
                  "ttt", in->account_id, id, active ? PL_STR("Active") : PL_STR("Inactive")) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

int identity_access_key_delete(const identity_scope *in, pl_str user, pl_str id, pl_error *error) {
    identity_access_key key;
    if (identity_access_key_find(in, user, id, &key, error) != 0 ||
        store_run(in->session, error,
                  "DELETE FROM identity_access_keys WHERE account_id = $1 AND access_key_id = $2", "tt",
                  in->account_id, id) != 0 ||
        store_run(in->session, error,
                  "DELETE FROM identity_key_owners WHERE access_key_id = $1 AND account_id = $2", "tt", id,
                  in->account_id) != 0)
        return -1;
    return identity_changed(in->room, in->session, in->account_id, error);
}

int identity_access_key_create(const identity_scope *in, pl_str user, identity_root *key, pl_error *error) {
    identity_access_key *keys;
    size_t count;
    if (resolve(in, &user, error) != 0 || identity_access_key_list(in, user, &keys, &count, error) != 0)
        return -1;
    if (count >= IDENTITY_KEYS_PER_USER_MAX)
        return pl_fail(error, PL_E_LimitExceeded_User_AccessKey);
    *key = (identity_root){.account_id = ""};
    return identity_key_create(in->room, in->session, in->account_id, user, in->now, key, error);
}
