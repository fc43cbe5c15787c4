/*
 * The PostgreSQL driver: connections and transactions. Owns the connections.
 *
 * Writes are SERIALIZABLE, so works need no locks of their own; one that loses against another is run again
 * by the front. Reads are REPEATABLE READ READ ONLY: one snapshot. A connection that the server or the
 * network has dropped is made anew at the next transaction; what had begun on it is run again, and of a
 * commit whose answer was lost the server is asked what became of it.
 *
 * INVARIANT: text columns compare by bytes, as on SQLite, whatever collation the database has.
 */
#include "store/postgres.h"

#include "base/memory.h"
#include "base/random.h"

#include <stdio.h>
#include <time.h>

enum {
    OLDEST_SERVER = 130000,      /* pg_xact_status of 64-bit numbers */
    MIGRATION_LOCK = 0x504c4d42, /* "PLMB", the advisory lock of migrations */
    MIGRATION_WAIT_SECONDS = 600,
    IDLE_SECONDS = 300, /* after which the server ends a transaction whose program says nothing any more */
    SETTLE_PAUSE_NS = 50 * 1000 * 1000,
};

static PGconn *connection_of(store_session *session) {
    return ((store_postgres_session *)session)->connection;
}

static bool is_lost(const PGconn *connection) {
    return PQstatus(connection) != CONNECTION_OK;
}

static int expect(store_session *session, PGresult *result, pl_error *error) {
    ExecStatusType status = PQresultStatus(result);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    int outcome = good ? 0 : store_postgres_fail(session, result, error);
    PQclear(result);
    return outcome;
}

static int execute(store_session *session, const char *sql, pl_error *error) {
    return expect(session, PQexec(connection_of(session), sql), error);
}

/* Connections. */

static int check_server(store_session *session, pl_error *error) {
    const PGconn *connection = connection_of(session);
    const char *encoding = PQparameterStatus(connection, "server_encoding");
    if (PQserverVersion(connection) < OLDEST_SERVER)
        return pl_failf(error, PL_E_ServiceUnavailable, "PostgreSQL %d or newer is needed.",
                        OLDEST_SERVER / 10000);
    if (!encoding || strcmp(encoding, "UTF8") != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "The database has the encoding %s, UTF8 is needed.",
                        encoding ? encoding : "?");
    return 0;
}

static int configure(store_session *session, pl_error *error) {
    char sql[512];
    PQsetNoticeProcessor(connection_of(session), store_postgres_note, &session->store->log);
    if (is_lost(connection_of(session)))
        return store_postgres_fail(session, NULL, error);
    if (check_server(session, error) != 0)
        return -1;
    snprintf(sql, sizeof sql,
             "SET client_min_messages = warning; SET synchronous_commit = on; SET bytea_output = hex;"
             "SET standard_conforming_strings = on; SET lock_timeout = '%us';"
             "SET idle_in_transaction_session_timeout = '%ds'",
             session->store->wait_seconds, IDLE_SECONDS);
    return execute(session, sql, error);
}

static void postgres_disconnect(store_session *base) {
    store_postgres_session *session = (store_postgres_session *)base;
    store_session_free(base);
    PQfinish(session->connection);
    pl_free(session);
}

static store_session *postgres_connect(store *s, bool writer, pl_error *error) {
    (void)writer;
    store_postgres_session *session = pl_calloc(1, sizeof *session);
    if (!session) {
        store_fail_memory(error);
        return NULL;
    }
    store_postgres_parameters parameters;
    store_postgres_parameters_fill(s, &parameters);
    store_session_init(&session->base, s);
    session->connection = PQconnectdbParams(parameters.keywords, parameters.values, 1);
    int result = session->connection ? configure(&session->base, error) : store_fail_memory(error);
    if (result == 0)
        return &session->base;
    postgres_disconnect(&session->base);
    return NULL;
}

/* A new connection under the session whose old one is lost; its statements went with it. */
static int reconnect(store_session *base, pl_error *error) {
    store_postgres_session *session = (store_postgres_session *)base;
    store_statements_free(base);
    PQreset(session->connection);
    session->forgotten = false;
    base->broken = base->retry = false;
    int result = configure(base, error);
    base->retry = false;
    return result;
}

/* Opening. */

/*
 * 1 when the schema is new or Plumbline's, 0 when it holds tables but no schema_version as ours: another
 * program's. Migrations make that table first.
 */
static const char claim_query[] =
    "SELECT (SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('schema_version')"
    " AND attname IN ('version', 'name', 'applied_at')) = 3"
    " OR NOT EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
    " AND relkind IN ('r', 'p', 'v', 'm', 'f'))";

static int claim(store_session *session, pl_error *error) {
    PGresult *result = PQexec(connection_of(session), claim_query);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return expect(session, result, error);
    bool ours = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    PQclear(result);
    if (ours)
        return 0;
    return pl_failf(error, PL_E_ServiceUnavailable, "The database \"%s\" is one of another program.",
                    PQdb(connection_of(session)));
}

static int check_url(const char *url, pl_error *error) {
    char *problem = NULL;
    PQconninfoOption *options = PQconninfoParse(url, &problem);
    int result = 0;
    if (!options)
        result = problem ? pl_failf(error, PL_E_InvalidParameter, "The store URL is wrong: %.*s.",
                                    PL_FMT(pl_str_trim(pl_str_from(problem))))
                         : store_fail_memory(error);
    PQfreemem(problem);
    PQconninfoFree(options);
    return result;
}

static int new_state(store *s, pl_error *error) {
    store_postgres_state *state = pl_calloc(1, sizeof *state);
    pl_random random = pl_random_system();
    if (!state)
        return store_fail_memory(error);
    if (pl_random_hex(&random, state->id, STORE_POSTGRES_ID_DIGITS) != 0) {
        pl_free(state);
        return pl_failf(error, PL_E_ServiceUnavailable, "The system gives no random numbers.");
    }
    pthread_mutex_init(&state->ear_lock, NULL);
    s->state = state;
    return 0;
}

static int postgres_open(store *s, pl_error *error) {
    if (check_url(s->location, error) != 0 || new_state(s, error) != 0)
        return -1;
    store_session *session = postgres_connect(s, false, error);
    if (!session)
        return -1;
    int result = claim(session, error);
    postgres_disconnect(session);
    return result;
}

static void postgres_close(store *s) {
    store_postgres_state *state = s->state;
    store_postgres_ear_close(state);
    pthread_mutex_destroy(&state->ear_lock);
    pl_free(state);
}

/* Transactions. */

static const char *const begin_sql[] = {
    [STORE_MODE_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    [STORE_MODE_WRITE] = "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE; SELECT pg_current_xact_id()",
    [STORE_MODE_EXCLUSIVE] = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
};

static int begin_once(store_postgres_session *session, store_mode mode, pl_error *error) {
    if (session->forgotten && session->base.statements.count == 0) {
        if (execute(&session->base, "DEALLOCATE ALL", error) != 0)
            return -1;
        session->forgotten = false;
    }
    PGresult *result = PQexec(session->connection, begin_sql[mode]);
    if (mode == STORE_MODE_WRITE && PQresultStatus(result) == PGRES_TUPLES_OK)
        snprintf(session->xid, sizeof session->xid, "%s", PQgetvalue(result, 0, 0));
    return expect(&session->base, result, error);
}

static int lock_migrations(store_session *session, pl_error *error) {
    char sql[128];
    snprintf(sql, sizeof sql, "SET LOCAL lock_timeout = '%ds'; SELECT pg_advisory_xact_lock(%d)",
             MIGRATION_WAIT_SECONDS, MIGRATION_LOCK);
    return execute(session, sql, error);
}

static int postgres_begin(store_session *session, store_mode mode, pl_error *error) {
    int result = begin_once((store_postgres_session *)session, mode, error);
    if (result != 0 && session->broken) {
        result = reconnect(session, error);
        if (result == 0)
            result = begin_once((store_postgres_session *)session, mode, error);
    }
    if (result == 0 && mode == STORE_MODE_EXCLUSIVE)
        result = lock_migrations(session, error);
    return result;
}

static bool postgres_in_transaction(store_session *session) {
    return PQtransactionStatus(connection_of(session)) == PQTRANS_INTRANS;
}

static void postgres_rollback(store_session *session) {
    PGTransactionStatusType status = PQtransactionStatus(connection_of(session));
    pl_error ignored;
    bool retry = session->retry;
    if (status == PQTRANS_IDLE)
        return;
    if (status == PQTRANS_ACTIVE || status == PQTRANS_UNKNOWN || execute(session, "ROLLBACK", &ignored) != 0)
        session->broken = true;
    session->retry = retry;
}

/* What the server says of a transaction: "committed", "aborted", "in progress"; NULL when it says nothing. */
static const char *ask_outcome(store_session *session, char text[static 16], pl_error *error) {
    char sql[96];
    store_session *other = postgres_connect(session->store, false, error);
    if (!other)
        return NULL;
    snprintf(sql, sizeof sql, "SELECT pg_xact_status('%s'::xid8)", ((store_postgres_session *)session)->xid);
    PGresult *result = PQexec(connection_of(other), sql);
    bool told = PQresultStatus(result) == PGRES_TUPLES_OK && !PQgetisnull(result, 0, 0);
    if (told)
        snprintf(text, 16, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    postgres_disconnect(other);
    return told ? text : NULL;
}

/* The answer to a commit was lost with the connection: finds out, as long as one waits for the database. */
static int settle(store_session *session, pl_error *error) {
    int64_t deadline = pl_monotonic_ns() + (int64_t)session->store->wait_seconds * 1000000000;
    char text[16];
    session->broken = true;
    session->retry = false;
    while (pl_monotonic_ns() < deadline) {
        const char *outcome = ask_outcome(session, text, error);
        if (outcome && strcmp(outcome, "committed") == 0)
            return 0;
        if (outcome && strcmp(outcome, "aborted") == 0) {
            session->retry = true;
            return pl_failf(error, PL_E_ServiceUnavailable, "The database gave the change up.");
        }
        nanosleep(&(struct timespec){0, SETTLE_PAUSE_NS}, NULL);
    }
    return pl_failf(error, PL_E_ServiceUnavailable,
                    "The connection to the database was lost while the change was being committed: it is "
                    "not known whether it is stored.");
}

static int postgres_commit(store_session *session, pl_error *error) {
    PGresult *result = PQexec(connection_of(session), "COMMIT");
    bool wrote = session->mode == STORE_MODE_WRITE;
    bool rolled_back = result && strcmp(PQcmdStatus(result), "ROLLBACK") == 0;
    int outcome = expect(session, result, error);
    if (outcome == 0 && rolled_back)
        outcome = pl_failf(error, PL_E_InternalError, "The database rolled a finished work back.");
    if (outcome != 0 && session->broken && wrote)
        outcome = settle(session, error);
    if (outcome != 0)
        postgres_rollback(session);
    return outcome;
}

/* Text columns that a migration has made compare by bytes from now on. */
static const char compare_bytes[] =
    "DO $$ DECLARE t record; BEGIN FOR t IN"
    " SELECT c.oid::regclass AS name, string_agg(format('ALTER COLUMN %I TYPE text COLLATE \"C\"',"
    " a.attname), ', ') AS changes FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0"
    " AND NOT a.attisdropped AND a.atttypid = 'text'::regtype AND a.attcollation <> '\"C\"'::regcollation"
    " GROUP BY c.oid LOOP EXECUTE format('ALTER TABLE %s %s', t.name, t.changes); END LOOP; END $$";

static int postgres_script(store_session *session, const char *sql, pl_error *error) {
    if (execute(session, sql, error) != 0)
        return -1;
    return execute(session, compare_bytes, error);
}

const store_driver store_postgres = {
    .name = "postgres",
    .postgres = true,
    .open = postgres_open,
    .close = postgres_close,
    .connect = postgres_connect,
    .disconnect = postgres_disconnect,
    .begin = postgres_begin,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .in_transaction = postgres_in_transaction,
    .script = postgres_script,
    .prepare = store_postgres_prepare,
    .finish = store_postgres_finish,
    .reset = store_postgres_reset,
    .bind = store_postgres_bind,
    .step = store_postgres_step,
    .column = store_postgres_column,
    .column_i64 = store_postgres_column_i64,
    .column_null = store_postgres_column_null,
    .notify = store_postgres_notify,
    .listen = store_postgres_listen,
    .hear = store_postgres_hear,
    .bulk_begin = store_postgres_bulk_begin,
    .bulk_value = store_postgres_bulk_value,
    .bulk_row = store_postgres_bulk_row,
    .bulk_end = store_postgres_bulk_end,
};
