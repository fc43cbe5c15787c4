/*
 * Bulk loads of the PostgreSQL driver: COPY in its text form, which fits every column type. Owns the copy in
 * progress. INVARIANT: the connection is in copy mode from begin to end, whatever fails in between.
 */
#include "store/postgres.h"

#include "base/memory.h"

enum {
    SENT_AT = 64 << 10, /* gathered bytes that are sent */
    PIECE = 16 << 10,   /* bytes of a value written at once */
    GATHERED_MAX = 256 << 10,
    SQL_MAX = 16 << 10,
};

typedef struct postgres_bulk {
    store_bulk base;
    PGconn *connection;
    pl_buf gathered;
} postgres_bulk;

static int start_copy(store_session *session, const char *table, const char *const *columns,
                      size_t column_count, pl_error *error) {
    pl_buf sql;
    pl_buf_init(&sql, SQL_MAX);
    pl_buf_printf(&sql, "COPY %s(", table);
    for (size_t i = 0; i < column_count; i++)
        pl_buf_printf(&sql, i ? ",%s" : "%s", columns[i]);
    pl_buf_add(&sql, PL_STR(") FROM STDIN"));
    pl_buf_add_char(&sql, '\0');
    int outcome = sql.failed ? store_fail_memory(error) : 0;
    if (outcome == 0) {
        PGresult *result = PQexec(((store_postgres_session *)session)->connection, sql.p);
        if (PQresultStatus(result) != PGRES_COPY_IN)
            outcome = store_postgres_fail(session, result, error);
        PQclear(result);
    }
    pl_buf_free(&sql);
    return outcome;
}

store_bulk *store_postgres_bulk_begin(store_session *session, const char *table, const char *const *columns,
                                      size_t column_count, pl_error *error) {
    postgres_bulk *bulk = pl_calloc(1, sizeof *bulk);
    if (!bulk) {
        store_fail_memory(error);
        return NULL;
    }
    bulk->connection = ((store_postgres_session *)session)->connection;
    pl_buf_init(&bulk->gathered, GATHERED_MAX);
    if (start_copy(session, table, columns, column_count, error) == 0)
        return &bulk->base;
    pl_free(bulk);
    return NULL;
}

static int send_gathered(postgres_bulk *bulk) {
    store_bulk *base = &bulk->base;
    if (bulk->gathered.failed)
        return store_fail_memory(&base->failure);
    if (bulk->gathered.n > 0 && PQputCopyData(bulk->connection, bulk->gathered.p, (int)bulk->gathered.n) != 1)
        return store_postgres_fail(base->session, NULL, &base->failure);
    pl_buf_clear(&bulk->gathered);
    return 0;
}

/* A backslash before what ends a value or a row. */
static void escape(pl_buf *out, pl_str s) {
    size_t done = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        char letter = c == '\\' ? '\\' : c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : '\0';
        if (!letter)
            continue;
        pl_buf_add(out, pl_str_of(s.p + done, i - done));
        pl_buf_add_char(out, '\\');
        pl_buf_add_char(out, letter);
        done = i + 1;
    }
    pl_buf_add(out, pl_str_skip(s, done));
}

/* In pieces, so that a large value does not exist a second time. */
static int add_text(postgres_bulk *bulk, pl_str rest) {
    while (rest.n > 0) {
        escape(&bulk->gathered, pl_str_head(rest, PIECE));
        rest = pl_str_skip(rest, PIECE);
        if (bulk->gathered.n > SENT_AT && send_gathered(bulk) != 0)
            return -1;
    }
    return 0;
}

int store_postgres_bulk_value(store_bulk *base, const store_value *value) {
    postgres_bulk *bulk = (postgres_bulk *)base;
    if (base->column > 0)
        pl_buf_add_char(&bulk->gathered, '\t');
    switch (value->kind) {
    case STORE_NULL:
    case STORE_BLOB: pl_buf_add(&bulk->gathered, PL_STR("\\N")); break; /* bulk loads have no blobs */
    case STORE_I64: pl_buf_add_i64(&bulk->gathered, value->number); break;
    case STORE_TEXT: return add_text(bulk, value->bytes);
    }
    return 0;
}

int store_postgres_bulk_row(store_bulk *base) {
    postgres_bulk *bulk = (postgres_bulk *)base;
    pl_buf_add_char(&bulk->gathered, '\n');
    return bulk->gathered.n > SENT_AT || bulk->gathered.failed ? send_gathered(bulk) : 0;
}

/* The answer to the whole copy. */
static int receive(postgres_bulk *bulk, bool wanted, pl_error *error) {
    int outcome = 0;
    PGresult *result;
    while ((result = PQgetResult(bulk->connection))) {
        if (wanted && outcome == 0 && PQresultStatus(result) != PGRES_COMMAND_OK)
            outcome = store_postgres_fail(bulk->base.session, result, error);
        ExecStatusType status = PQresultStatus(result);
        PQclear(result);
        if (status == PGRES_COPY_IN)
            break;
    }
    return outcome;
}

int store_postgres_bulk_end(store_bulk *base, bool give_up, pl_error *error) {
    postgres_bulk *bulk = (postgres_bulk *)base;
    int outcome = give_up ? 0 : send_gathered(bulk);
    if (outcome != 0)
        *error = base->failure;
    bool wanted = !give_up && outcome == 0;
    if (PQputCopyEnd(bulk->connection, wanted ? NULL : "given up") != 1)
        outcome = wanted ? store_postgres_fail(base->session, NULL, error) : outcome;
    else if (receive(bulk, wanted, error) != 0)
        outcome = -1;
    pl_buf_free(&bulk->gathered);
    pl_free(bulk);
    return outcome;
}
