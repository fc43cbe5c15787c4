/*
 * Bulk loads, what both drivers share: the order of calls, checking values, and remembering the first
 * failure. INVARIANT: a session has at most one load, and it ends before the work's transaction does.
 */
#include "store/driver.h"

store_bulk *store_bulk_begin(store_session *session, const char *table, const char *const *columns,
                             size_t column_count, pl_error *error) {
    if (session->failed) {
        *error = session->failure;
        return NULL;
    }
    store_bulk *bulk = NULL;
    if (session->bulk || column_count < 1 || column_count > STORE_COLUMNS_MAX)
        pl_failf(error, PL_E_InternalError, "A bulk load needs 1 to %d columns and the session for itself.",
                 STORE_COLUMNS_MAX);
    else
        bulk = session->store->driver->bulk_begin(session, table, columns, column_count, error);
    if (!bulk) {
        store_session_fail(session, error);
        return NULL;
    }
    bulk->session = session;
    bulk->column_count = column_count;
    session->bulk = bulk;
    return bulk;
}

static void add(store_bulk *bulk, const store_value *value) {
    if (!bulk || bulk->failed)
        return;
    const char *problem = store_value_problem(value);
    if (problem || bulk->column == bulk->column_count) {
        bulk->failed = true;
        pl_failf(&bulk->failure, problem ? PL_E_InvalidParameter : PL_E_InternalError, "%s",
                 problem ? problem : "A row of a bulk load has too many values.");
        return;
    }
    bulk->failed = bulk->session->store->driver->bulk_value(bulk, value) != 0;
    bulk->column++;
}

void store_bulk_text(store_bulk *bulk, pl_str value) {
    add(bulk, &(store_value){.kind = value.p ? STORE_TEXT : STORE_NULL, .bytes = value});
}

void store_bulk_i64(store_bulk *bulk, int64_t value) {
    add(bulk, &(store_value){.kind = STORE_I64, .number = value});
}

void store_bulk_null(store_bulk *bulk) {
    add(bulk, &(store_value){.kind = STORE_NULL});
}

static int report(store_bulk *bulk, pl_error *error) {
    if (!bulk->failed)
        return 0;
    *error = bulk->failure;
    return store_session_fail(bulk->session, error);
}

int store_bulk_row(store_bulk *bulk, pl_error *error) {
    if (!bulk)
        return -1;
    if (!bulk->failed && bulk->column != bulk->column_count) {
        bulk->failed = true;
        pl_failf(&bulk->failure, PL_E_InternalError, "A row of a bulk load has too few values.");
    }
    if (!bulk->failed)
        bulk->failed = bulk->session->store->driver->bulk_row(bulk) != 0;
    bulk->column = 0;
    return report(bulk, error);
}

int store_bulk_end(store_bulk *bulk, pl_error *error) {
    if (!bulk)
        return -1;
    store_session *session = bulk->session;
    if (!bulk->failed && bulk->column != 0) {
        bulk->failed = true;
        pl_failf(&bulk->failure, PL_E_InternalError, "A bulk load ended in the middle of a row.");
    }
    bool give_up = bulk->failed;
    int result = report(bulk, error);
    session->bulk = NULL;
    pl_error ending;
    if (session->store->driver->bulk_end(bulk, give_up, &ending) != 0 && result == 0) {
        *error = ending;
        result = store_session_fail(session, error);
    }
    return result;
}

void store_bulk_abandon(store_session *session) {
    pl_error ignored;
    store_bulk *bulk = session->bulk;
    session->bulk = NULL;
    session->store->driver->bulk_end(bulk, true, &ignored);
}
