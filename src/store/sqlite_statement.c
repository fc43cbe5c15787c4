/* Statements of the SQLite driver. Owns the compiled statements; bound bytes stay the caller's. */
#include "store/sqlite.h"

#include "base/memory.h"

typedef struct sqlite_statement {
    store_statement base;
    sqlite3_stmt *handle;
    int places[STORE_PARAMETERS_MAX + 1]; /* number of the parameter to SQLite's index */
} sqlite_statement;

/* "$7" is a name to SQLite: finds the index for each number. */
static bool number_parameters(sqlite_statement *st) {
    int count = sqlite3_bind_parameter_count(st->handle);
    st->base.parameter_count = count;
    for (int i = 1; i <= count && count <= STORE_PARAMETERS_MAX; i++) {
        const char *name = sqlite3_bind_parameter_name(st->handle, i);
        int64_t number = 0;
        if (!name || *name != '$' || !pl_str_to_i64(pl_str_from(name + 1), &number) || number < 1 ||
            number > count)
            return false;
        st->places[number] = i;
    }
    return count <= STORE_PARAMETERS_MAX;
}

static int compile(sqlite_statement *st, const char *sql, pl_error *error) {
    store_session *session = st->base.session;
    const char *tail = NULL;
    int code = sqlite3_prepare_v3(((store_sqlite_session *)session)->connection, sql, -1,
                                  SQLITE_PREPARE_PERSISTENT, &st->handle, &tail);
    if (code != SQLITE_OK)
        return store_sqlite_fail(session, code, error);
    if (!st->handle || pl_str_trim(pl_str_from(tail)).n > 0)
        return pl_failf(error, PL_E_InternalError, "Not one SQL statement: %.200s", sql);
    if (!number_parameters(st))
        return pl_failf(error, PL_E_InternalError, "Parameters must be $1, $2, ... without gaps: %.200s",
                        sql);
    return 0;
}

store_statement *store_sqlite_prepare(store_session *session, const char *sql, pl_error *error) {
    size_t length = strlen(sql);
    sqlite_statement *st = pl_calloc(1, sizeof *st);
    char *copy = pl_malloc(length + 1);
    if (!st || !copy) {
        pl_free(copy);
        pl_free(st);
        store_fail_memory(error);
        return NULL;
    }
    memcpy(copy, sql, length + 1);
    st->base.sql = copy;
    st->base.session = session;
    if (compile(st, sql, error) == 0)
        return &st->base;
    store_sqlite_finish(&st->base);
    return NULL;
}

void store_sqlite_finish(store_statement *base) {
    sqlite_statement *st = (sqlite_statement *)base;
    sqlite3_finalize(st->handle);
    pl_free(base->sql);
    pl_free(st);
}

void store_sqlite_reset(store_statement *base, bool forget_parameters) {
    sqlite_statement *st = (sqlite_statement *)base;
    sqlite3_reset(st->handle);
    if (forget_parameters)
        sqlite3_clear_bindings(st->handle);
}

void store_sqlite_bind(store_statement *base, int index, const store_value *value) {
    sqlite_statement *st = (sqlite_statement *)base;
    int place = st->places[index], code = SQLITE_OK;
    switch (value->kind) {
    case STORE_NULL: code = sqlite3_bind_null(st->handle, place); break;
    case STORE_I64: code = sqlite3_bind_int64(st->handle, place, value->number); break;
    case STORE_TEXT:
        code = sqlite3_bind_text64(st->handle, place, value->bytes.p, value->bytes.n, SQLITE_STATIC,
                                   SQLITE_UTF8);
        break;
    case STORE_BLOB:
        code = sqlite3_bind_blob64(st->handle, place, value->bytes.p, value->bytes.n, SQLITE_STATIC);
        break;
    }
    if (code != SQLITE_OK)
        base->bind_problem = code == SQLITE_MISUSE ? "A statement was bound while its rows were being read."
                                                   : "A value to be stored was refused by the database.";
}

int store_sqlite_step(store_statement *base, pl_error *error) {
    sqlite_statement *st = (sqlite_statement *)base;
    int code = sqlite3_step(st->handle);
    if (code == SQLITE_ROW)
        return 1;
    if (code == SQLITE_DONE && !sqlite3_stmt_readonly(st->handle))
        base->changes = sqlite3_changes64(sqlite3_db_handle(st->handle));
    if (code != SQLITE_DONE)
        store_sqlite_fail(base->session, code, error);
    sqlite3_reset(st->handle);
    return code == SQLITE_DONE ? 0 : -1;
}

pl_str store_sqlite_column(store_statement *base, int column, store_kind kind) {
    sqlite3_stmt *handle = ((sqlite_statement *)base)->handle;
    if (sqlite3_column_type(handle, column) == SQLITE_NULL)
        return PL_STR_NONE;
    const void *bytes = kind == STORE_TEXT ? (const void *)sqlite3_column_text(handle, column)
                                           : sqlite3_column_blob(handle, column);
    size_t length = (size_t)sqlite3_column_bytes(handle, column);
    return pl_str_of(bytes ? bytes : "", bytes ? length : 0);
}

int64_t store_sqlite_column_i64(store_statement *base, int column) {
    return sqlite3_column_int64(((sqlite_statement *)base)->handle, column);
}

bool store_sqlite_column_null(store_statement *base, int column) {
    return sqlite3_column_type(((sqlite_statement *)base)->handle, column) == SQLITE_NULL;
}
