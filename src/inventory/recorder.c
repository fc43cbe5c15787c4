/* The recorder of an account: which resource types are monitored (reference/delivery.md, section 8). */
#include "inventory/inventory.h"

#include <stdlib.h>

/* Takes a comma-separated list apart into a sorted array. */
static int split_types(pl_arena *arena, pl_str text, inventory_recorder *out, pl_error *error) {
    pl_str rest = pl_arena_copy(arena, text), part;
    pl_str *types = NULL;
    size_t capacity = 0;
    while (pl_str_split(&rest, ',', &part)) {
        part = pl_str_trim(part);
        if (part.n == 0)
            continue;
        types = pl_arena_grow(arena, types, out->type_count, &capacity, sizeof *types);
        if (!types)
            return pl_fail(error, PL_E_ServiceUnavailable);
        types[out->type_count++] = part;
    }
    if (types)
        qsort(types, out->type_count, sizeof *types, pl_str_order);
    out->types = types;
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

int inventory_recorder_get(store_session *session, pl_arena *arena, pl_str account_id,
                           inventory_recorder *out, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT status, all_types, resource_types FROM recorders WHERE account_id = $1", error);
    store_bind_text(st, 1, account_id);
    *out = (inventory_recorder){.status = PL_STR("REGISTERED"), .all_types = true};
    int row = store_step(st, error);
    if (row <= 0)
        return row;
    out->status = pl_arena_copy(arena, store_column_text(st, 0));
    out->all_types = store_column_i64(st, 1) != 0;
    int status = split_types(arena, store_column_text(st, 2), out, error);
    store_reset(st);
    return status;
}

int inventory_recorder_put(store_session *session, pl_str account_id, const inventory_recorder *recorder,
                           pl_error *error) {
    pl_buf list;
    pl_buf_init(&list, 1 << 20);
    for (size_t i = 0; i < recorder->type_count; i++) {
        if (i)
            pl_buf_add_char(&list, ',');
        pl_buf_add(&list, recorder->types[i]);
    }
    int status =
        list.failed
            ? pl_fail(error, PL_E_ServiceUnavailable)
            : store_run(session, error,
                        "INSERT INTO recorders (account_id, status, all_types, resource_types) VALUES "
                        "($1, $2, $3, $4) ON CONFLICT (account_id) DO UPDATE SET status = "
                        "excluded.status, all_types = excluded.all_types, resource_types = "
                        "excluded.resource_types",
                        "ttit", account_id, recorder->status, (int64_t)recorder->all_types,
                        pl_buf_str(&list));
    pl_buf_free(&list);
    return status;
}

bool inventory_recorder_covers(const inventory_recorder *recorder, pl_str resource_type) {
    if (!pl_str_is(recorder->status, "REGISTERED"))
        return false;
    return recorder->all_types ||
           (recorder->type_count && bsearch(&resource_type, recorder->types, recorder->type_count,
                                            sizeof *recorder->types, pl_str_order));
}

int inventory_delete_account(store_session *session, pl_str account_id, pl_error *error) {
    static const char *const statements[] = {
        "DELETE FROM resources WHERE account_id = $1",
        "DELETE FROM resource_history WHERE account_id = $1",
        "DELETE FROM resource_counts WHERE account_id = $1",
        "UPDATE inventory_accounts SET sequence = sequence + 1 WHERE account_id = $1",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_run(session, error, statements[i], "t", account_id) != 0)
            return -1;
    return 0;
}

int inventory_recorder_delete(store_session *session, pl_str account_id, pl_error *error) {
    return store_run(session, error, "DELETE FROM recorders WHERE account_id = $1", "t", account_id);
}
