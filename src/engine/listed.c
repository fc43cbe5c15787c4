/* Listing results later: how many wait, and moving them into the lists of their rules. */
#include "engine/listed.h"

enum { PIECE = 512 };

static int count_waiting(store_session *session, int64_t *count, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT COUNT(*) FROM (SELECT 1 FROM results WHERE listed = 0 LIMIT $1) AS waiting", error);
    store_bind_i64(st, 1, ENGINE_UNLISTED_MAX);
    if (store_step(st, error) != 1)
        return -1;
    *count = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

/* The count is of this process; only the first time it is taken from the table. */
static int known_waiting(engine *e, store_session *session, int64_t *count, pl_error *error) {
    *count = __atomic_load_n(&e->unlisted, __ATOMIC_RELAXED);
    if (*count >= 0)
        return 0;
    if (count_waiting(session, count, error) != 0)
        return -1;
    __atomic_store_n(&e->unlisted, *count, __ATOMIC_RELAXED);
    return 0;
}

int engine_list_later(engine_writing *w, size_t rows, bool *later) {
    int64_t waiting;
    *later = false;
    if (store_is_postgres(w->session) || rows > ENGINE_LATER_ROWS)
        return 0;
    if (known_waiting(w->e, w->session, &waiting, w->error) != 0)
        return -1;
    *later = waiting + (int64_t)rows <= ENGINE_UNLISTED_MAX;
    if (*later)
        __atomic_fetch_add(&w->e->unlisted, (int64_t)rows, __ATOMIC_RELAXED);
    return 0;
}

int engine_list_account(store_session *session, pl_str account_id, pl_error *error) {
    return store_run(session, error, "UPDATE results SET listed = 1 WHERE account_id = $1 AND listed = 0",
                     "t", account_id);
}

struct listing {
    engine *e;
    bool more;
};

/* A work that was undone may have been counted: the count begins anew when nothing is left. */
static int list_piece(store_session *session, void *argument, pl_error *error) {
    struct listing *l = argument;
    int64_t moved;
    if (store_run_counted(
            session, &moved, error,
            "UPDATE results SET listed = 1 WHERE (account_id, resource_key, rule_key) IN (SELECT "
            "account_id, resource_key, rule_key FROM results WHERE listed = 0 LIMIT $1)",
            "i", (int64_t)PIECE) != 0)
        return -1;
    l->more = moved == PIECE;
    if (l->more)
        __atomic_fetch_sub(&l->e->unlisted, moved, __ATOMIC_RELAXED);
    else
        __atomic_store_n(&l->e->unlisted, 0, __ATOMIC_RELAXED);
    return 0;
}

static int ask_waiting(store_session *session, void *argument, pl_error *error) {
    struct listing *l = argument;
    int64_t waiting;
    if (known_waiting(l->e, session, &waiting, error) != 0)
        return -1;
    l->more = waiting > 0;
    return 0;
}

int engine_list_waiting(engine *e, pl_error *error) {
    struct listing l = {.e = e};
    int status = store_read(e->config.store, ask_waiting, &l, error);
    while (status == 0 && l.more)
        status = store_write(e->config.store, list_piece, &l, error);
    return status;
}
