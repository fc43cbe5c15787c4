/*
 * Statements: the cache of each session, and what binding and stepping have in common. Owns the cached
 * statements through the driver. INVARIANT: every statement asked for in a work is in session->used until the
 * work ends, so that no row or bound value outlives it.
 */
#include "store/driver.h"

#include <stdarg.h>

static size_t slot_of(const char *address) {
    return (size_t)(((uintptr_t)address * 0x9E3779B97F4A7C15u) >> 32) & (STORE_FAST_SLOTS - 1);
}

static int prepare_new(store_session *session, const char *sql, store_statement **out, pl_error *error) {
    const store_driver *driver = session->store->driver;
    store_statement *st = NULL;
    if (session->bulk)
        pl_failf(error, PL_E_InternalError, "A statement was prepared in the middle of a bulk load.");
    else
        st = driver->prepare(session, sql, error);
    if (!st)
        return store_session_fail(session, error);
    if (!pl_map_put(&session->statements, pl_str_from(st->sql), st)) {
        driver->finish(st);
        store_fail_memory(error);
        return store_session_fail(session, error);
    }
    *out = st;
    return 0;
}

static store_statement *find(store_session *session, const char *sql, pl_error *error) {
    size_t slot = slot_of(sql);
    store_statement *st = session->fast[slot];
    if (st && session->fast_address[slot] == sql && strcmp(st->sql, sql) == 0)
        return st;
    st = pl_map_get(&session->statements, pl_str_from(sql));
    if (!st && prepare_new(session, sql, &st, error) != 0)
        return NULL;
    session->fast[slot] = st;
    session->fast_address[slot] = sql;
    return st;
}

store_statement *store_prepare(store_session *session, const char *sql, pl_error *error) {
    if (session->failed) {
        *error = session->failure;
        return NULL;
    }
    store_statement *st = find(session, sql, error);
    if (!st)
        return NULL;
    store_reset(st);
    if (!st->used) {
        st->used = true;
        st->used_next = session->used;
        session->used = st;
    }
    return st;
}

void store_statements_free(store_session *session) {
    size_t cursor = 0;
    pl_str key;
    void *value;
    while (pl_map_next(&session->statements, &cursor, &key, &value))
        session->store->driver->finish(value);
    pl_map_clear(&session->statements);
    memset(session->fast, 0, sizeof session->fast);
    session->used = NULL;
}

void store_statements_rest(store_session *session) {
    while (session->used) {
        store_statement *st = session->used;
        session->used = st->used_next;
        st->used = false;
        store_reset(st);
    }
    if (session->statements.count > STORE_STATEMENTS_MAX)
        store_statements_free(session);
}

void store_reset(store_statement *st) {
    if (!st)
        return;
    st->session->store->driver->reset(st, true);
    st->bind_problem = NULL;
    st->changes = 0;
}

const char *store_value_problem(const store_value *value) {
    if (value->kind == STORE_TEXT && value->bytes.n > 0 && memchr(value->bytes.p, '\0', value->bytes.n))
        return "A text to be stored must not contain a NUL character.";
    if (value->kind >= STORE_TEXT && value->bytes.n > STORE_TEXT_MAX)
        return "A value to be stored is too long.";
    return NULL;
}

static void bind(store_statement *st, int index, const store_value *value) {
    if (!st)
        return;
    const char *problem = store_value_problem(value);
    if (index < 1 || index > st->parameter_count)
        problem = "The statement has no parameter of that number.";
    if (problem)
        st->bind_problem = problem;
    else
        st->session->store->driver->bind(st, index, value);
}

void store_bind_text(store_statement *st, int index, pl_str value) {
    bind(st, index, &(store_value){.kind = value.p ? STORE_TEXT : STORE_NULL, .bytes = value});
}

void store_bind_blob(store_statement *st, int index, pl_str value) {
    bind(st, index, &(store_value){.kind = value.p ? STORE_BLOB : STORE_NULL, .bytes = value});
}

void store_bind_i64(store_statement *st, int index, int64_t value) {
    bind(st, index, &(store_value){.kind = STORE_I64, .number = value});
}

int store_step(store_statement *st, pl_error *error) {
    if (!st)
        return -1;
    store_session *session = st->session;
    if (session->failed) {
        *error = session->failure;
        return -1;
    }
    int result;
    if (st->bind_problem)
        result = pl_failf(error, PL_E_InvalidParameter, "%s", st->bind_problem);
    else if (session->bulk)
        result = pl_failf(error, PL_E_InternalError, "A statement was run in the middle of a bulk load.");
    else
        result = session->store->driver->step(st, error);
    return result < 0 ? store_session_fail(session, error) : result;
}

void store_expect(store_session *session, int64_t bytes) {
    if (session->store->driver->expect)
        session->store->driver->expect(session, bytes);
}

int store_any(store_statement *st, bool *any, pl_error *error) {
    int step = store_step(st, error);
    *any = step == 1;
    if (step == 1)
        store_reset(st);
    return step < 0 ? -1 : 0;
}

int store_number(store_statement *st, int64_t *number, pl_error *error) {
    int step = store_step(st, error);
    *number = step == 1 ? store_column_i64(st, 0) : 0;
    if (step == 1)
        store_reset(st);
    return step < 0 ? -1 : 0;
}

pl_str store_column_text(store_statement *st, int column) {
    return st ? st->session->store->driver->column(st, column, STORE_TEXT) : PL_STR_NONE;
}

pl_str store_column_blob(store_statement *st, int column) {
    return st ? st->session->store->driver->column(st, column, STORE_BLOB) : PL_STR_NONE;
}

int64_t store_column_i64(store_statement *st, int column) {
    return st ? st->session->store->driver->column_i64(st, column) : 0;
}

bool store_column_null(store_statement *st, int column) {
    return !st || st->session->store->driver->column_null(st, column);
}

int64_t store_changes(store_statement *st) {
    return st ? st->changes : 0;
}

static void bind_list(store_statement *st, const char *types, va_list args) {
    if (!st)
        return;
    if (strlen(types) != (size_t)st->parameter_count || strspn(types, "tib") != strlen(types)) {
        st->bind_problem = "The types of the values do not fit the statement's parameters.";
        return;
    }
    for (int index = 1; index <= st->parameter_count; index++) {
        char type = types[index - 1];
        if (type == 'i')
            store_bind_i64(st, index, va_arg(args, int64_t));
        else if (type == 'b')
            store_bind_blob(st, index, va_arg(args, pl_str));
        else
            store_bind_text(st, index, va_arg(args, pl_str));
    }
}

static int run_list(store_session *session, int64_t *changes, pl_error *error, const char *sql,
                    const char *types, va_list args) {
    store_statement *st = store_prepare(session, sql, error);
    bind_list(st, types, args);
    int result = store_step(st, error);
    while (result == 1)
        result = store_step(st, error);
    if (result == 0 && changes)
        *changes = store_changes(st);
    return result;
}

int store_run(store_session *session, pl_error *error, const char *sql, const char *types, ...) {
    va_list args;
    va_start(args, types);
    int result = run_list(session, NULL, error, sql, types, args);
    va_end(args);
    return result;
}

int store_run_counted(store_session *session, int64_t *changes, pl_error *error, const char *sql,
                      const char *types, ...) {
    va_list args;
    va_start(args, types);
    int result = run_list(session, changes, error, sql, types, args);
    va_end(args);
    return result;
}
