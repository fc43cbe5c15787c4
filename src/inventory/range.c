/* Ranges of resource keys: what full runs read piece by piece. */
#include "inventory/history.h"
#include "inventory/rows.h"

int inventory_next_key(store_session *session, pl_str account_id, int64_t *next, pl_error *error) {
    store_statement *st =
        store_prepare(session, "SELECT next_key FROM inventory_accounts WHERE account_id = $1", error);
    store_bind_text(st, 1, account_id);
    int row = store_step(st, error);
    *next = 1;
    if (row <= 0)
        return row;
    *next = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

int inventory_touch(store_session *session, pl_str account_id, pl_error *error) {
    return store_run(session, error,
                     "UPDATE inventory_accounts SET sequence = sequence + 1 WHERE account_id = $1", "t",
                     account_id);
}

static void bind_range(store_statement *st, pl_str account_id, pl_str resource_type, int64_t after,
                       int64_t until) {
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, resource_type);
    store_bind_i64(st, 3, after);
    store_bind_i64(st, 4, until);
}

int inventory_scan_range(store_session *session, pl_str account_id, pl_str resource_type, int64_t after,
                         int64_t until, int64_t limit, inventory_visit visit, void *context,
                         pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT " INVENTORY_COLUMNS ", configuration FROM resources WHERE account_id = $1 AND "
                      "resource_type = $2 AND resource_key > $3 AND resource_key <= $4 AND deleted = 0 ORDER "
                      "BY resource_key LIMIT $5",
                      error);
    bind_range(st, account_id, resource_type, after, until);
    store_bind_i64(st, 5, limit);
    return inventory_visit_rows(st, account_id, visit, context, error);
}

int inventory_captures(store_session *session, pl_arena *arena, pl_str account_id, pl_str resource_type,
                       int64_t after, int64_t until, inventory_capture **captures, size_t *count,
                       pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT resource_key, capture_time FROM resources WHERE account_id = $1 AND "
                      "resource_type = $2 AND resource_key > $3 AND resource_key <= $4 AND deleted = 0 ORDER "
                      "BY resource_key",
                      error);
    size_t capacity = 0;
    int row;
    bind_range(st, account_id, resource_type, after, until);
    *captures = NULL;
    *count = 0;
    while ((row = store_step(st, error)) == 1) {
        inventory_capture *grown = pl_arena_grow(arena, *captures, *count, &capacity, sizeof *grown);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *captures = grown;
        grown[(*count)++] = (inventory_capture){store_column_i64(st, 0), store_column_i64(st, 1)};
    }
    return row;
}

int inventory_next_account(store_session *session, pl_arena *arena, pl_str after, pl_str *account_id,
                           pl_error *error) {
    store_statement *st = store_prepare(
        session,
        "SELECT account_id FROM inventory_accounts WHERE account_id > $1 ORDER BY account_id LIMIT 1", error);
    store_bind_text(st, 1, after);
    *account_id = PL_STR_NONE;
    int row = store_step(st, error);
    if (row <= 0)
        return row;
    *account_id = pl_arena_copy(arena, store_column_text(st, 0));
    store_reset(st);
    return account_id->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

int inventory_walk(store_session *session, pl_str account_id, int64_t after_key, int64_t limit,
                   inventory_visit visit, void *context, pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT " INVENTORY_COLUMNS ", configuration FROM resources WHERE "
                      "account_id = $1 AND resource_key > $2 ORDER BY resource_key LIMIT $3",
                      error);
    int row;
    store_bind_text(st, 1, account_id);
    store_bind_i64(st, 2, after_key);
    store_bind_i64(st, 3, limit);
    while ((row = store_step(st, error)) == 1) {
        inventory_resource r;
        inventory_read_row(st, account_id, true, &r);
        if (visit(context, &r, error) != 0) {
            store_reset(st);
            return -1;
        }
    }
    return row;
}

int inventory_resource_at(store_session *session, pl_arena *arena, inventory_resource *r, int64_t at,
                          bool *existed, pl_error *error) {
    store_statement *st = store_prepare(
        session,
        "SELECT event, name, zone, tags, capture_time FROM resource_history WHERE account_id "
        "= $1 AND resource_key = $2 AND capture_time <= $3 UNION ALL SELECT 1, name, zone, tags, "
        "capture_time" INVENTORY_UNCHANGED_RESOURCE
        " AND capture_time <= $3 ORDER BY capture_time DESC LIMIT 1",
        error);
    store_bind_text(st, 1, r->account_id);
    store_bind_i64(st, 2, r->resource_key);
    store_bind_i64(st, 3, at);
    int row = store_step(st, error);
    *existed = row == 1 && store_column_i64(st, 0) != INVENTORY_REMOVE;
    if (row <= 0)
        return row;
    r->name = pl_arena_copy(arena, store_column_text(st, 1));
    r->zone = pl_arena_copy(arena, store_column_text(st, 2));
    r->tags = pl_arena_copy(arena, store_column_text(st, 3));
    store_reset(st);
    if (!r->name.p || !r->zone.p || !r->tags.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_str configuration = PL_STR_NONE;
    int status = *existed ? inventory_configuration_at(session, arena, r, at, &configuration, error) : 0;
    r->configuration = configuration;
    r->capture_time = at;
    return status;
}
