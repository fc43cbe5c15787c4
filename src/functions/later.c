/* Rows of asynchronous invocations. */
#include "functions/later.h"

int later_put(store_session *session, const later *l, int64_t now, pl_error *error) {
    return store_run(session, error,
                     "INSERT INTO function_invocations (account_id, invocation_id, name, version, payload, "
                     "attempts, due, node, created) VALUES ($1, $2, $3, $4, $5, 0, 0, '', $6) ON CONFLICT "
                     "(account_id, invocation_id) DO NOTHING",
                     "ttttbi", l->account_id, l->id, l->name, l->version, l->payload, now);
}

int later_claim(store_session *session, pl_arena *arena, pl_str node, int64_t now, int64_t lease,
                size_t limit, later *items, size_t *count, pl_error *error) {
    int step;
    store_statement *st =
        store_prepare(session,
                      store_is_postgres(session) ? "SELECT account_id, invocation_id, name, version, "
                                                   "attempts FROM function_invocations WHERE due <= "
                                                   "$1 ORDER BY due LIMIT $2 FOR UPDATE SKIP LOCKED"
                                                 : "SELECT account_id, invocation_id, name, version, "
                                                   "attempts FROM function_invocations WHERE due <= "
                                                   "$1 ORDER BY due LIMIT $2",
                      error);
    store_bind_i64(st, 1, now);
    store_bind_i64(st, 2, (int64_t)limit);
    *count = 0;
    while ((step = store_step(st, error)) == 1)
        items[(*count)++] = (later){.account_id = pl_arena_copy(arena, store_column_text(st, 0)),
                                    .id = pl_arena_copy(arena, store_column_text(st, 1)),
                                    .name = pl_arena_copy(arena, store_column_text(st, 2)),
                                    .version = pl_arena_copy(arena, store_column_text(st, 3)),
                                    .attempts = store_column_i64(st, 4)};
    if (step < 0 || arena->failed)
        return step < 0 ? -1 : pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < *count; i++)
        if (store_run(session, error,
                      "UPDATE function_invocations SET due = $3, node = $4 WHERE account_id = $1 AND "
                      "invocation_id = $2",
                      "ttit", items[i].account_id, items[i].id, lease, node) != 0)
            return -1;
    return 0;
}

int later_load(store_session *session, pl_arena *arena, later *l, bool *found, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT name, version, payload, attempts FROM function_invocations "
                                        "WHERE account_id = $1 AND invocation_id = $2",
                                        error);
    store_bind_text(st, 1, l->account_id);
    store_bind_text(st, 2, l->id);
    int step = store_step(st, error);
    *found = step == 1;
    if (step <= 0)
        return step;
    l->name = pl_arena_copy(arena, store_column_text(st, 0));
    l->version = pl_arena_copy(arena, store_column_text(st, 1));
    l->payload = pl_arena_copy(arena, store_column_blob(st, 2));
    l->attempts = store_column_i64(st, 3);
    store_reset(st);
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

int later_end(store_session *session, const later *l, int64_t retry, pl_error *error) {
    if (retry == 0)
        return store_run(session, error,
                         "DELETE FROM function_invocations WHERE account_id = $1 AND invocation_id = $2",
                         "tt", l->account_id, l->id);
    return store_run(session, error,
                     "UPDATE function_invocations SET due = $3, attempts = attempts + 1, node = '' WHERE "
                     "account_id = $1 AND invocation_id = $2",
                     "tti", l->account_id, l->id, retry);
}

int later_put_back(store_session *session, const later *l, int64_t due, pl_error *error) {
    return store_run(session, error,
                     "UPDATE function_invocations SET due = $3, node = '' WHERE account_id = $1 AND "
                     "invocation_id = $2",
                     "tti", l->account_id, l->id, due);
}

int later_release(store_session *session, pl_str node, pl_error *error) {
    if (!node.p && store_is_postgres(session))
        return 0;
    return store_run(
        session, error,
        "UPDATE function_invocations SET due = 0, node = '' WHERE node <> '' AND (CAST($1 AS TEXT) "
        "IS NULL OR node = $1)",
        "t", node);
}

int later_renew(store_session *session, pl_str node, int64_t lease, pl_error *error) {
    return store_run(session, error,
                     "UPDATE function_invocations SET due = $2 WHERE node = $1 AND node <> ''", "ti", node,
                     lease);
}
