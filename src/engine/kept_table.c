/* Kept columns in the store: pages by range, marks of what has changed since. */
#include "engine/kept.h"

int engine_kept_next(store_session *session, pl_str account_id, pl_str type, int64_t after,
                     engine_kept_range *out, bool *found, pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT from_key, until_key, records FROM kept_pages WHERE account_id = $1 AND "
                      "resource_type = $2 AND from_key >= $3 ORDER BY from_key LIMIT 1",
                      error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, type);
    store_bind_i64(st, 3, after);
    int step = store_step(st, error);
    *found = step == 1;
    if (step <= 0)
        return step;
    *out = (engine_kept_range){store_column_i64(st, 0), store_column_i64(st, 1), store_column_i64(st, 2)};
    store_reset(st);
    return 0;
}

static void bind_page(store_statement *st, pl_str account_id, pl_str type, int64_t from) {
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, type);
    store_bind_i64(st, 3, from);
}

/* SQLite knows how long a value is before it reads it; PostgreSQL would be asked once more for nothing. */
static int expect_body(store_session *session, pl_str account_id, pl_str type, int64_t from,
                       pl_error *error) {
    int64_t length = 0;
    if (store_is_postgres(session))
        return 0;
    store_statement *st = store_prepare(
        session,
        "SELECT length(body) FROM kept_pages WHERE account_id = $1 AND resource_type = $2 AND from_key = $3",
        error);
    bind_page(st, account_id, type, from);
    if (store_number(st, &length, error) != 0)
        return -1;
    store_expect(session, length);
    return 0;
}

int engine_kept_load(store_session *session, pl_arena *arena, pl_str account_id, pl_str type, int64_t from,
                     engine_kept_page *out, bool *found, pl_error *error) {
    if (expect_body(session, account_id, type, from, error) != 0)
        return -1;
    store_statement *st = store_prepare(
        session, "SELECT body FROM kept_pages WHERE account_id = $1 AND resource_type = $2 AND from_key = $3",
        error);
    bind_page(st, account_id, type, from);
    int step = store_step(st, error);
    *found = step == 1 && engine_kept_open(arena, store_column_blob(st, 0), out);
    if (step == 1)
        store_reset(st);
    store_expect(session, 0);
    if (arena->failed)
        return pl_fail(error, PL_E_ServiceUnavailable);
    return step < 0 ? -1 : 0;
}

int engine_kept_marks(store_session *session, pl_str account_id, pl_str type, int64_t after, int64_t until,
                      int64_t *keys, size_t capacity, size_t *count, pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT resource_key FROM kept_marks WHERE account_id = $1 AND resource_type = $2 AND "
                      "resource_key > $3 AND resource_key <= $4 ORDER BY resource_key",
                      error);
    int step;
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, type);
    store_bind_i64(st, 3, after);
    store_bind_i64(st, 4, until);
    for (*count = 0; (step = store_step(st, error)) == 1; ++*count)
        if (*count < capacity)
            keys[*count] = store_column_i64(st, 0);
    return step;
}

static int drop_overlapping(store_session *session, pl_str account_id, pl_str type,
                            const engine_kept_range *range, pl_error *error) {
    if (store_run(
            session, error,
            "DELETE FROM kept_pages WHERE account_id = $1 AND resource_type = $2 AND until_key > $3 AND "
            "from_key = (SELECT from_key FROM kept_pages WHERE account_id = $1 AND resource_type = $2 "
            "AND from_key < $3 ORDER BY from_key DESC LIMIT 1)",
            "tti", account_id, type, range->from) != 0)
        return -1;
    return store_run(session, error,
                     "DELETE FROM kept_pages WHERE account_id = $1 AND resource_type = $2 AND from_key >= $3 "
                     "AND from_key < $4",
                     "ttii", account_id, type, range->from, range->until);
}

int engine_kept_store(store_session *session, pl_str account_id, pl_str type, const engine_kept_range *range,
                      pl_str body, pl_error *error) {
    if (drop_overlapping(session, account_id, type, range, error) != 0 ||
        store_run(session, error,
                  "DELETE FROM kept_marks WHERE account_id = $1 AND resource_type = $2 AND resource_key > $3 "
                  "AND resource_key <= $4",
                  "ttii", account_id, type, range->from, range->until) != 0)
        return -1;
    return store_run(session, error,
                     "INSERT INTO kept_pages (account_id, resource_type, from_key, until_key, records, body) "
                     "VALUES ($1, $2, $3, $4, $5, $6)",
                     "ttiiib", account_id, type, range->from, range->until, range->records, body);
}

int engine_kept_mark(store_session *session, pl_str account_id, pl_str type, int64_t resource_key,
                     pl_error *error) {
    return store_run(
        session, error,
        "INSERT INTO kept_marks (account_id, resource_type, resource_key) SELECT account_id, resource_type, "
        "CAST($3 AS BIGINT) FROM kept_pages WHERE account_id = $1 AND resource_type = $2 AND until_key >= $3 "
        "AND from_key = (SELECT from_key FROM kept_pages WHERE account_id = $1 AND resource_type = $2 AND "
        "from_key < $3 ORDER BY from_key DESC LIMIT 1) ON CONFLICT (account_id, resource_type, resource_key) "
        "DO NOTHING",
        "tti", account_id, type, resource_key);
}

int engine_kept_mark_changes(store_session *session, const inventory_change *changes, size_t count,
                             pl_error *error) {
    for (size_t i = 0; i < count; i++)
        if (changes[i].event != INVENTORY_UNCHANGED && !changes[i].created &&
            engine_kept_mark(session, changes[i].item->account_id, changes[i].item->resource_type,
                             changes[i].resource_key, error) != 0)
            return -1;
    return 0;
}
