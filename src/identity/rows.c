/* What the tables of the identity room share: counting against a limit, obstacles, fresh ids. */
#include "identity/rows.h"

int identity_check_count(const identity_scope *in, const char *sql, int64_t max, pl_error_code code,
                         pl_error *error) {
    store_statement *count = store_prepare(in->session, sql, error);
    store_bind_text(count, 1, in->account_id);
    if (store_step(count, error) != 1)
        return -1;
    return store_column_i64(count, 0) >= max ? pl_fail(error, code) : 0;
}

int identity_check_free(const identity_scope *in, pl_str name, const identity_obstacle *obstacles,
                        size_t count, pl_error *error) {
    for (size_t i = 0; i < count; i++) {
        store_statement *found = store_prepare(in->session, obstacles[i].sql, error);
        store_bind_text(found, 1, in->account_id);
        store_bind_text(found, 2, name);
        int step = store_step(found, error);
        if (step != 0)
            return step == 1 ? pl_fail(error, obstacles[i].code) : -1;
    }
    return 0;
}

int identity_new_id(const identity_scope *in, const char *prefix, size_t length, const char *alphabet,
                    pl_str *id, pl_error *error) {
    char text[64];
    size_t head = strlen(prefix);
    if (head + length >= sizeof text)
        return pl_fail(error, PL_E_InternalError);
    memcpy(text, prefix, head);
    if (pl_random_text(&in->room->config.random, text + head, length, pl_str_from(alphabet)) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    *id = pl_arena_copy(in->arena, pl_str_of(text, head + length));
    return identity_done(in, error);
}
