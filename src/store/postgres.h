/* What the files of the PostgreSQL driver share. Not for others. */
#ifndef STORE_POSTGRES_H
#define STORE_POSTGRES_H

#include "store/driver.h"

#include <libpq-fe.h>

enum {
    STORE_POSTGRES_ID_DIGITS = 16,
    STORE_POSTGRES_XID_SIZE = 24,
};

typedef struct store_postgres_session {
    store_session base;
    PGconn *connection;
    unsigned statement_number;         /* of the newest statement; names are never used twice */
    bool forgotten;                    /* the server holds statements that the cache has dropped */
    char xid[STORE_POSTGRES_XID_SIZE]; /* of the write transaction, to ask what became of a lost commit */
} store_postgres_session;

typedef struct store_postgres_ear store_postgres_ear; /* postgres_listen.c */

/* store->state */
typedef struct store_postgres_state {
    char id[STORE_POSTGRES_ID_DIGITS + 1]; /* leads every payload: tells our own notifications from others' */
    pthread_mutex_t ear_lock;              /* guards `ear` */
    store_postgres_ear *ear;               /* NULL until somebody listens */
} store_postgres_state;

/* Keywords and values of every connection, for PQconnectdbParams and PQconnectStartParams (expanded). */
enum { STORE_POSTGRES_PARAMETERS = 10 };
typedef struct store_postgres_parameters {
    const char *keywords[STORE_POSTGRES_PARAMETERS];
    const char *values[STORE_POSTGRES_PARAMETERS];
    char seconds[16];
} store_postgres_parameters;
void store_postgres_parameters_fill(store *s, store_postgres_parameters *parameters);

/* Logs what the server notes; for PQsetNoticeProcessor, with the store's log. */
void store_postgres_note(void *log, const char *message);

/*
 * Fills `error` from what the server, or libpq, said of the last call; marks the session as broken when the
 * connection is lost and for another run when that may help. `result` may be NULL. Returns -1.
 */
int store_postgres_fail(store_session *session, const PGresult *result, pl_error *error);

/* The driver's functions (driver.h) that do not live in postgres.c. */
store_statement *store_postgres_prepare(store_session *session, const char *sql, pl_error *error);
void store_postgres_finish(store_statement *st);
void store_postgres_reset(store_statement *st, bool forget_parameters);
void store_postgres_bind(store_statement *st, int index, const store_value *value);
int store_postgres_step(store_statement *st, pl_error *error);
pl_str store_postgres_column(store_statement *st, int column, store_kind kind);
int64_t store_postgres_column_i64(store_statement *st, int column);
bool store_postgres_column_null(store_statement *st, int column);
store_bulk *store_postgres_bulk_begin(store_session *session, const char *table, const char *const *columns,
                                      size_t column_count, pl_error *error);
int store_postgres_bulk_value(store_bulk *bulk, const store_value *value);
int store_postgres_bulk_row(store_bulk *bulk);
int store_postgres_bulk_end(store_bulk *bulk, bool give_up, pl_error *error);
int store_postgres_notify(store_session *session, pl_str channel, pl_str payload, pl_error *error);
int store_postgres_listen(store *s, pl_error *error);
int store_postgres_hear(store *s, pl_error *error);

/* Ends the listening thread; waits for a callback that runs. */
void store_postgres_ear_close(store_postgres_state *state);

#endif
