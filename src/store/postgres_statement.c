/*
 * Statements of the PostgreSQL driver. Owns the server's prepared statements (by name) and the result being
 * read; bound bytes stay the caller's.
 *
 * Texts and blobs travel as they are (the binary form of both), numbers as eight bytes where the parameter is
 * a BIGINT. Results come as text; the bytes of the row's BYTEA columns are decoded when the row is entered,
 * so that reading a column cannot fail.
 */
#include "store/postgres.h"

#include "base/arena.h"
#include "base/encode.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

enum { TYPE_BOOL = 16, TYPE_BYTEA = 17, TYPE_BIGINT = 20, TYPE_TEXT = 25, TYPE_VARCHAR = 1043 };

typedef struct postgres_statement {
    store_statement base;
    char name[16];
    Oid *types;          /* of the parameters */
    store_value *values; /* bound */
    PGresult *result;    /* NULL: not running */
    int row, row_count;
    pl_buf blobs; /* bytes of the row's BYTEA columns, one behind the other */
} postgres_statement;

static PGconn *connection_of(const postgres_statement *st) {
    return ((store_postgres_session *)st->base.session)->connection;
}

/* Preparing. */

static int note_parameters(postgres_statement *st, const PGresult *described, pl_error *error) {
    int count = PQnparams(described);
    if (count > STORE_PARAMETERS_MAX)
        return pl_failf(error, PL_E_InternalError, "A statement has more than %d parameters: %.200s",
                        STORE_PARAMETERS_MAX, st->base.sql);
    st->types = pl_calloc((size_t)count, sizeof *st->types);
    st->values = pl_calloc((size_t)count, sizeof *st->values);
    if (!st->types || !st->values)
        return store_fail_memory(error);
    st->base.parameter_count = count;
    for (int i = 0; i < count; i++)
        st->types[i] = PQparamtype(described, i);
    return 0;
}

static int compile(postgres_statement *st, pl_error *error) {
    store_postgres_session *session = (store_postgres_session *)st->base.session;
    snprintf(st->name, sizeof st->name, "s%u", ++session->statement_number);
    PGresult *result = PQprepare(session->connection, st->name, st->base.sql, 0, NULL);
    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        PQclear(result);
        result = PQdescribePrepared(session->connection, st->name);
    }
    int outcome = PQresultStatus(result) == PGRES_COMMAND_OK
                      ? note_parameters(st, result, error)
                      : store_postgres_fail(st->base.session, result, error);
    PQclear(result);
    return outcome;
}

store_statement *store_postgres_prepare(store_session *session, const char *sql, pl_error *error) {
    size_t length = strlen(sql);
    postgres_statement *st = pl_calloc(1, sizeof *st);
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
    pl_buf_init(&st->blobs, STORE_TEXT_MAX);
    if (compile(st, error) == 0)
        return &st->base;
    store_postgres_finish(&st->base);
    return NULL;
}

static void end_result(postgres_statement *st) {
    PQclear(st->result);
    st->result = NULL;
}

void store_postgres_finish(store_statement *base) {
    postgres_statement *st = (postgres_statement *)base;
    ((store_postgres_session *)base->session)->forgotten = true;
    end_result(st);
    pl_buf_free(&st->blobs);
    pl_free(st->types);
    pl_free(st->values);
    pl_free(base->sql);
    pl_free(st);
}

void store_postgres_reset(store_statement *base, bool forget_parameters) {
    postgres_statement *st = (postgres_statement *)base;
    end_result(st);
    if (forget_parameters)
        for (int i = 0; i < base->parameter_count; i++)
            st->values[i] = (store_value){.kind = STORE_NULL};
}

void store_postgres_bind(store_statement *base, int index, const store_value *value) {
    postgres_statement *st = (postgres_statement *)base;
    if (st->result)
        base->bind_problem = "A statement was bound while its rows were being read.";
    else
        st->values[index - 1] = *value;
}

/* Running. */

typedef struct arguments {
    const char *values[STORE_PARAMETERS_MAX];
    int lengths[STORE_PARAMETERS_MAX];
    int binary[STORE_PARAMETERS_MAX];
    char numbers[STORE_PARAMETERS_MAX][24];
    pl_arena texts; /* copies that end in NUL */
} arguments;

static bool takes_bytes(Oid type) {
    return type == TYPE_TEXT || type == TYPE_BYTEA || type == TYPE_VARCHAR;
}

static void set_number(arguments *a, int i, Oid type, int64_t number) {
    char *text = a->numbers[i];
    a->values[i] = text;
    a->binary[i] = type == TYPE_BIGINT || takes_bytes(type);
    if (type == TYPE_BIGINT) {
        for (int byte = 0; byte < 8; byte++)
            text[byte] = (char)((uint64_t)number >> (56 - 8 * byte));
        a->lengths[i] = 8;
    } else {
        a->lengths[i] = snprintf(text, sizeof a->numbers[i], "%lld", (long long)number);
    }
}

/* False without memory. */
static bool set_bytes(arguments *a, int i, Oid type, pl_str bytes) {
    a->binary[i] = takes_bytes(type);
    a->values[i] = a->binary[i] ? bytes.p : pl_arena_cstr(&a->texts, bytes);
    a->lengths[i] = (int)bytes.n;
    return a->values[i] != NULL;
}

static bool set_arguments(const postgres_statement *st, arguments *a) {
    bool done = true;
    for (int i = 0; done && i < st->base.parameter_count; i++) {
        const store_value *value = &st->values[i];
        a->values[i] = NULL;
        a->binary[i] = 0;
        if (value->kind == STORE_I64)
            set_number(a, i, st->types[i], value->number);
        else if (value->kind != STORE_NULL)
            done = set_bytes(a, i, st->types[i], value->bytes);
    }
    return done;
}

static int check_result(postgres_statement *st, PGresult *result, pl_error *error) {
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK: return 0;
    case PGRES_EMPTY_QUERY:
        return pl_failf(error, PL_E_InternalError, "Not one SQL statement: %.200s", st->base.sql);
    case PGRES_FATAL_ERROR: break;
    default: st->base.session->broken = true; break;
    }
    return store_postgres_fail(st->base.session, result, error);
}

static int64_t rows_changed(PGresult *result) {
    const char *tag = PQcmdStatus(result);
    bool changes =
        strncmp(tag, "INSERT", 6) == 0 || strncmp(tag, "UPDATE", 6) == 0 || strncmp(tag, "DELETE", 6) == 0;
    int64_t count = 0;
    if (changes)
        pl_str_to_i64(pl_str_from(PQcmdTuples(result)), &count);
    return count;
}

static int run(postgres_statement *st, pl_error *error) {
    arguments a;
    pl_arena_init(&a.texts, 0);
    PGresult *result = NULL;
    int outcome = set_arguments(st, &a) ? 0 : store_fail_memory(error);
    if (outcome == 0) {
        result = PQexecPrepared(connection_of(st), st->name, st->base.parameter_count, a.values, a.lengths,
                                a.binary, 0);
        outcome = check_result(st, result, error);
    }
    pl_arena_free(&a.texts);
    if (outcome != 0) {
        PQclear(result);
        return -1;
    }
    st->result = result;
    st->row = -1;
    st->row_count = PQntuples(result);
    return 0;
}

/* Columns. */

static bool is_null(const postgres_statement *st, int column) {
    return !st->result || column < 0 || column >= PQnfields(st->result) ||
           PQgetisnull(st->result, st->row, column);
}

/* The hexadecimal digits of a BYTEA come behind "\x". */
static pl_str digits_of(const postgres_statement *st, int column) {
    if (is_null(st, column) || PQftype(st->result, column) != TYPE_BYTEA)
        return PL_STR_NONE;
    pl_str text = {PQgetvalue(st->result, st->row, column), (size_t)PQgetlength(st->result, st->row, column)};
    return pl_str_skip(text, 2);
}

static int enter_row(postgres_statement *st, pl_error *error) {
    int columns = PQnfields(st->result);
    pl_buf_clear(&st->blobs);
    for (int column = 0; column < columns; column++) {
        pl_str digits = digits_of(st, column);
        if (digits.n > 0 && (!pl_hex_decode(&st->blobs, digits) || st->blobs.failed))
            return store_fail_memory(error);
    }
    return 1;
}

int store_postgres_step(store_statement *base, pl_error *error) {
    postgres_statement *st = (postgres_statement *)base;
    if (!st->result && run(st, error) != 0)
        return -1;
    if (++st->row < st->row_count)
        return enter_row(st, error);
    base->changes = rows_changed(st->result);
    end_result(st);
    return 0;
}

static pl_str blob_of(const postgres_statement *st, int column) {
    size_t from = 0;
    for (int before = 0; before < column; before++)
        from += digits_of(st, before).n / 2;
    return pl_str_head(pl_str_skip(pl_buf_str(&st->blobs), from), digits_of(st, column).n / 2);
}

pl_str store_postgres_column(store_statement *base, int column, store_kind kind) {
    const postgres_statement *st = (postgres_statement *)base;
    (void)kind;
    if (is_null(st, column))
        return PL_STR_NONE;
    const char *value = PQgetvalue(st->result, st->row, column);
    switch (PQftype(st->result, column)) {
    case TYPE_BYTEA: return blob_of(st, column);
    case TYPE_BOOL: return *value == 't' ? PL_STR("1") : PL_STR("0");
    default: return pl_str_of(value, (size_t)PQgetlength(st->result, st->row, column));
    }
}

int64_t store_postgres_column_i64(store_statement *base, int column) {
    pl_str text = store_postgres_column(base, column, STORE_TEXT);
    int64_t value = 0;
    pl_str_to_i64(text, &value);
    return value;
}

bool store_postgres_column_null(store_statement *base, int column) {
    return is_null((postgres_statement *)base, column);
}
