/* What the files of the SQLite driver share. Not for others. */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include "store/driver.h"

#include <sqlite3.h>

enum { STORE_SQLITE_APPLICATION = 0x504c4d42 }; /* "PLMB": the mark of our files */

typedef struct store_sqlite_plan store_sqlite_plan; /* sqlite_bulk.c */

typedef struct store_sqlite_session {
    store_session base;
    sqlite3 *connection;
    sqlite3_stmt *begin, *commit, *version;
    sqlite3_stmt *points[3];  /* by store_point; the writer's only */
    store_sqlite_plan *plans; /* prepared bulk loads */
    const uint64_t *index;    /* head of the index of the write-ahead log, shared memory; NULL: not looked */
    int log_pages;            /* in the write-ahead log after the last commit; the writer's only */
} store_sqlite_session;

typedef struct store_sqlite_state store_sqlite_state; /* store->state; sqlite_checkpoint.c */

/* NULL without memory. Freeing waits for a copying that runs. */
store_sqlite_state *store_sqlite_state_new(store *s);
void store_sqlite_state_free(store_sqlite_state *state);

/* Has the writer's connection count the pages of the log instead of copying them when it commits. */
void store_sqlite_watch_log(store_sqlite_session *session);
void store_sqlite_tend(store_session *session);

/* The layer beneath the writer's connection (sqlite_log.c): for sqlite3_open_v2, once it is registered. */
#define STORE_SQLITE_LOG "plumbline"
void store_sqlite_log_register(void);

/* The layer beneath the readers' connections (sqlite_ahead.c). */
#define STORE_SQLITE_AHEAD "plumbline-ahead"
void store_sqlite_ahead_register(void);
void store_sqlite_expect(store_session *session, int64_t bytes);

/* Fills `error` from a result code of SQLite; returns -1. */
int store_sqlite_fail(store_session *session, int code, pl_error *error);

/* The driver's functions (driver.h) that do not live in sqlite.c. */
store_statement *store_sqlite_prepare(store_session *session, const char *sql, pl_error *error);
void store_sqlite_finish(store_statement *st);
void store_sqlite_reset(store_statement *st, bool forget_parameters);
void store_sqlite_bind(store_statement *st, int index, const store_value *value);
int store_sqlite_step(store_statement *st, pl_error *error);
pl_str store_sqlite_column(store_statement *st, int column, store_kind kind);
int64_t store_sqlite_column_i64(store_statement *st, int column);
bool store_sqlite_column_null(store_statement *st, int column);
store_bulk *store_sqlite_bulk_begin(store_session *session, const char *table, const char *const *columns,
                                    size_t column_count, pl_error *error);
int store_sqlite_bulk_value(store_bulk *bulk, const store_value *value);
int store_sqlite_bulk_row(store_bulk *bulk);
int store_sqlite_bulk_end(store_bulk *bulk, bool give_up, pl_error *error);

void store_sqlite_plans_free(store_sqlite_session *session);

#endif
