/*
 * Bulk loads of the SQLite driver: rows gather until there are enough for one insert of many rows, which
 * costs about half of as many single inserts. Owns the gathered values and, per session, the statements of
 * each table and column list, so that a short load pays no preparation.
 */
#include "store/sqlite.h"

#include "base/arena.h"
#include "base/memory.h"

enum {
    ROWS = 32,                /* rows of one insert */
    FEW = 4,                  /* of one that is sent when there are fewer */
    GATHERED_MAX = 256 << 10, /* bytes from which rows are sent at once, however few they are */
    SQL_MAX = 1 << 16,
};

/* The statements for one table and column list. Lives as long as the session. */
struct store_sqlite_plan {
    store_sqlite_plan *next;
    char *head; /* "INSERT OR FAIL INTO t(a,b) VALUES " */
    size_t column_count;
    sqlite3_stmt *one, *few, *many; /* made when first needed */
};

typedef struct sqlite_bulk {
    store_bulk base;
    store_sqlite_plan *plan;
    pl_arena arena; /* the bytes of `values` */
    size_t row_count, gathered;
    store_value values[]; /* ROWS times column_count */
} sqlite_bulk;

void store_sqlite_plans_free(store_sqlite_session *session) {
    while (session->plans) {
        store_sqlite_plan *plan = session->plans;
        session->plans = plan->next;
        sqlite3_finalize(plan->one);
        sqlite3_finalize(plan->few);
        sqlite3_finalize(plan->many);
        pl_free(plan->head);
        pl_free(plan);
    }
}

static const char before_table[] = "INSERT OR FAIL INTO ";

/*
 * OR FAIL: a statement of many rows that fails may leave some of them, because the work is rolled back as a
 * whole then. Otherwise SQLite would keep a copy of every page that the statement touches, for that case.
 */
static void write_head(pl_buf *out, const char *table, const char *const *columns, size_t column_count) {
    pl_buf_printf(out, "%s%s(", before_table, table);
    for (size_t i = 0; i < column_count; i++)
        pl_buf_printf(out, i ? ",%s" : "%s", columns[i]);
    pl_buf_add(out, PL_STR(") VALUES "));
    pl_buf_add_char(out, '\0');
}

/* Takes a word and the character behind it off the front of a text. */
static bool take_word(const char **text, const char *word, char end) {
    size_t n = strlen(word);
    if (strncmp(*text, word, n) != 0 || (*text)[n] != end)
        return false;
    *text += n + 1;
    return true;
}

/* True when write_head would write this plan's head. */
static bool is_plan_of(const store_sqlite_plan *plan, const char *table, const char *const *columns,
                       size_t column_count) {
    const char *rest = plan->head + strlen(before_table);
    if (plan->column_count != column_count || !take_word(&rest, table, '('))
        return false;
    for (size_t i = 0; i < column_count; i++)
        if (!take_word(&rest, columns[i], i + 1 < column_count ? ',' : ')'))
            return false;
    return true;
}

/* Takes over the text of `head`. */
static store_sqlite_plan *new_plan(store_sqlite_session *session, char *head, size_t column_count) {
    store_sqlite_plan *plan = pl_calloc(1, sizeof *plan);
    if (!plan)
        return NULL;
    plan->head = head;
    plan->column_count = column_count;
    plan->next = session->plans;
    session->plans = plan;
    return plan;
}

static store_sqlite_plan *find_plan(store_sqlite_session *session, const char *table,
                                    const char *const *columns, size_t column_count) {
    for (store_sqlite_plan *plan = session->plans; plan; plan = plan->next)
        if (is_plan_of(plan, table, columns, column_count))
            return plan;
    pl_buf head;
    pl_buf_init(&head, SQL_MAX);
    write_head(&head, table, columns, column_count);
    store_sqlite_plan *made = head.failed ? NULL : new_plan(session, head.p, column_count);
    if (!made)
        pl_buf_free(&head);
    return made;
}

store_bulk *store_sqlite_bulk_begin(store_session *session, const char *table, const char *const *columns,
                                    size_t column_count, pl_error *error) {
    sqlite_bulk *bulk = pl_malloc(sizeof *bulk + ROWS * column_count * sizeof bulk->values[0]);
    if (bulk)
        memset(bulk, 0, sizeof *bulk); /* the values are written before they are read */
    if (bulk)
        bulk->plan = find_plan((store_sqlite_session *)session, table, columns, column_count);
    if (!bulk || !bulk->plan) {
        pl_free(bulk);
        store_fail_memory(error);
        return NULL;
    }
    pl_arena_init(&bulk->arena, 0);
    return &bulk->base;
}

int store_sqlite_bulk_value(store_bulk *base, const store_value *value) {
    sqlite_bulk *bulk = (sqlite_bulk *)base;
    store_value *kept = &bulk->values[bulk->row_count * base->column_count + base->column];
    *kept = *value;
    if (value->kind < STORE_TEXT)
        return 0;
    kept->bytes = pl_arena_copy(&bulk->arena, value->bytes);
    if (!kept->bytes.p)
        return store_fail_memory(&base->failure);
    bulk->gathered += value->bytes.n;
    return 0;
}

static int bind_value(sqlite3_stmt *handle, int place, const store_value *value) {
    switch (value->kind) {
    case STORE_NULL:
    case STORE_BLOB: break; /* bulk loads have no blobs */
    case STORE_I64: return sqlite3_bind_int64(handle, place, value->number);
    case STORE_TEXT:
        return sqlite3_bind_text64(handle, place, value->bytes.p, value->bytes.n, SQLITE_STATIC, SQLITE_UTF8);
    }
    return sqlite3_bind_null(handle, place);
}

static int insert(sqlite_bulk *bulk, sqlite3_stmt *handle, size_t first_row, size_t rows) {
    size_t columns = bulk->base.column_count;
    const store_value *values = &bulk->values[first_row * columns];
    int code = SQLITE_OK;
    for (size_t i = 0; i < rows * columns && code == SQLITE_OK; i++)
        code = bind_value(handle, (int)i + 1, &values[i]);
    if (code == SQLITE_OK)
        code = sqlite3_step(handle);
    if (code != SQLITE_DONE)
        store_sqlite_fail(bulk->base.session, code, &bulk->base.failure);
    sqlite3_reset(handle);
    sqlite3_clear_bindings(handle);
    return code == SQLITE_DONE ? 0 : -1;
}

static void write_rows(pl_buf *out, size_t rows, size_t columns) {
    for (size_t row = 0; row < rows; row++) {
        pl_buf_add(out, row ? PL_STR(",(") : PL_STR("("));
        for (size_t i = 0; i < columns; i++)
            pl_buf_add(out, i ? PL_STR(",?") : PL_STR("?"));
        pl_buf_add_char(out, ')');
    }
    pl_buf_add_char(out, '\0');
}

/* The plan's statement for so many rows; NULL with the bulk's failure filled. */
static sqlite3_stmt *statement(sqlite_bulk *bulk, sqlite3_stmt **slot, size_t rows) {
    sqlite3_stmt *known = *slot;
    if (known)
        return known;
    store_session *session = bulk->base.session;
    pl_buf sql;
    pl_buf_init(&sql, SQL_MAX);
    pl_buf_add(&sql, pl_str_from(bulk->plan->head));
    write_rows(&sql, rows, bulk->plan->column_count);
    int code = sql.failed ? SQLITE_NOMEM
                          : sqlite3_prepare_v3(((store_sqlite_session *)session)->connection, sql.p, -1,
                                               SQLITE_PREPARE_PERSISTENT, slot, NULL);
    if (sql.failed)
        store_fail_memory(&bulk->base.failure);
    else if (code != SQLITE_OK)
        store_sqlite_fail(session, code, &bulk->base.failure);
    pl_buf_free(&sql);
    return *slot;
}

static int send_some(sqlite_bulk *bulk, sqlite3_stmt **slot, size_t step, size_t *sent) {
    while (bulk->row_count - *sent >= step) {
        sqlite3_stmt *handle = statement(bulk, slot, step);
        if (!handle || insert(bulk, handle, *sent, step) != 0)
            return -1;
        *sent += step;
    }
    return 0;
}

static int send(sqlite_bulk *bulk) {
    size_t sent = 0;
    if (send_some(bulk, &bulk->plan->many, ROWS, &sent) != 0 ||
        send_some(bulk, &bulk->plan->few, FEW, &sent) != 0 ||
        send_some(bulk, &bulk->plan->one, 1, &sent) != 0)
        return -1;
    bulk->row_count = bulk->gathered = 0;
    pl_arena_reset(&bulk->arena);
    return 0;
}

int store_sqlite_bulk_row(store_bulk *base) {
    sqlite_bulk *bulk = (sqlite_bulk *)base;
    bulk->row_count++;
    return bulk->row_count == ROWS || bulk->gathered > GATHERED_MAX ? send(bulk) : 0;
}

int store_sqlite_bulk_end(store_bulk *base, bool give_up, pl_error *error) {
    sqlite_bulk *bulk = (sqlite_bulk *)base;
    int result = give_up || bulk->row_count == 0 ? 0 : send(bulk);
    if (result != 0)
        *error = base->failure;
    pl_arena_free(&bulk->arena);
    pl_free(bulk);
    return result;
}
