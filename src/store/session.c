/*
 * The common head of sessions, and one work inside an open transaction.
 * INVARIANT: a work whose statement failed fails, whatever it returns.
 */
#include "store/driver.h"

void store_session_init(store_session *session, store *s) {
    session->store = s;
    pl_map_init(&session->statements, 0);
    pl_buf_init(&session->outbox, STORE_OUTBOX_MAX);
    store_kept_init(session);
}

void store_session_free(store_session *session) {
    store_statements_free(session);
    pl_map_free(&session->statements);
    pl_buf_free(&session->outbox);
    store_kept_free(session);
}

bool store_is_postgres(const store_session *session) {
    return session->store->driver->postgres;
}

int store_session_work(store_session *session, store_work work, void *argument, pl_error *error) {
    session->failed = session->retry = session->kept.asked = false;
    pl_buf_clear(&session->outbox);
    int result = work(session, argument, error);
    if (session->bulk) {
        store_bulk_abandon(session);
        if (result == 0)
            result = pl_failf(error, PL_E_InternalError, "A work ended without ending its bulk load.");
    }
    if (result == 0 && session->failed) {
        *error = session->failure;
        result = -1;
    }
    store_statements_rest(session);
    return result;
}
