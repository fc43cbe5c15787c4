/*
 * The store: one database interface, two drivers (SQLite and PostgreSQL).
 *
 * Domains keep their tables here and nowhere else. Everything that reads or writes is a `store_work`: a
 * function that gets a session (one connection, in use by one thread) inside a transaction.
 *
 * SQL is the subset both databases share, with numbered parameters $1, $2, ...; column types are BIGINT, TEXT
 * and BYTEA. Where the dialects must differ, both statements stand side by side behind store_is_postgres.
 * Rules of the subset that are easily missed: `INSERT ... ON CONFLICT (...) DO NOTHING / DO UPDATE` and
 * RETURNING exist in both; a bare parameter in an expression needs CAST($1 AS BIGINT); no `INSERT OR
 * REPLACE`, no rowid, no AUTOINCREMENT; GROUP BY names every bare column; LIKE is made case-insensitive by
 * lower() on both sides; booleans are BIGINT 0 and 1.
 *
 * Errors: ServiceUnavailable (503) for a full disk, a damaged or unreachable database, a lock or connection
 * not had in time, and memory exhausted: nothing has been written then. InternalError (500) for a statement
 * that is wrong. A violated constraint is told apart by store_is_conflict.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

typedef struct store store;                     /* the opened database: writer, readers, driver */
typedef struct store_session store_session;     /* one connection in use by one thread */
typedef struct store_statement store_statement; /* one prepared statement of a session */
typedef struct store_bulk store_bulk;           /* a bulk load in progress */

enum {
    STORE_PARAMETERS_MAX = 64,  /* numbered parameters in one statement */
    STORE_COLUMNS_MAX = 64,     /* columns of one bulk load */
    STORE_CHANNEL_MAX = 48,     /* bytes of a channel name: a-z, 0-9, _ */
    STORE_PAYLOAD_MAX = 4096,   /* bytes of a notification */
    STORE_TEXT_MAX = 256 << 20, /* bytes of one text or blob value */
};

/* How to open. All zero is a good start. */
typedef struct store_options {
    unsigned connections;  /* most sessions at once besides SQLite's writer; 0: 16 */
    unsigned wait_seconds; /* longest wait for a lock or a free connection; 0: 10 */
    const pl_log *log;     /* may be NULL; must outlive the store */
    bool read_only;        /* look at a database that is there: nothing is made, migrated or written */
} store_options;

/*
 * Opens the database and applies the migrations that are missing. `url` is "postgres://..." (or
 * "postgresql://..."), "sqlite:/path/file.db", or a plain path of a SQLite file, which is created with mode
 * 0600 when it does not exist. `options` may be NULL. The caller closes *out. Fails with ServiceUnavailable
 * when the database cannot be reached, is not Plumbline's, or is newer than the program.
 */
int store_open(store **out, pl_str url, const store_options *options, pl_error *error);

/* Waits for nobody: no work may be running. NULL is fine. Callbacks are not called any more afterwards. */
void store_close(store *s);

/*
 * Copies a SQLite database, whole as of one moment, while others read and write it, into a new file `to`
 * (mode 0600), which is on disk when this returns. -1: InvalidParameter when `url` is a PostgreSQL database
 * (its own tools back it up) or no database of Plumbline, ServiceUnavailable when a file cannot be read or
 * made; nothing is left then.
 */
int store_backup(pl_str url, const char *to, pl_error *error);

/*
 * What runs inside a transaction. Returns 0 to commit, -1 (error filled) to roll back. It may run on another
 * thread than the one that asked (which waits meanwhile), and more than once (after a serialization failure),
 * so it starts from its argument afresh and has no effects outside the session before it is durable.
 */
typedef int (*store_work)(store_session *session, void *argument, pl_error *error);

/*
 * Runs `work` in a write transaction and returns 0 after it is durable (survives kill -9 and power loss);
 * works that wait together share one commit, and one that fails rolls back only itself. On -1 nothing of it
 * is stored. After a failed statement a work can only fail: its changes are rolled back even if it returns 0.
 * An error when called from inside a work: use the session at hand.
 */
int store_write(store *s, store_work work, void *argument, pl_error *error);

/*
 * Runs `work` on one consistent snapshot: all that was committed when it first read, nothing later.
 * Statements that write fail. An error when called from inside a work.
 */
int store_read(store *s, store_work work, void *argument, pl_error *error);

/*
 * For answers that are asked for again and again: a reading work may keep what it made of the database, and
 * later works find it as long as no process has changed anything in between, so that they need not read it
 * again. `key` names everything else that the value depends on: the operation, the account, the parameters.
 * The value must come from this session's reads alone. It belongs to the connection and is valid until the
 * work returns. What cannot be kept (a database that does not tell its changes, no memory) is forgotten.
 */
bool store_recall(store_session *session, pl_str key, pl_str *value);
void store_keep(store_session *session, pl_str key, pl_str value);

/*
 * The same outside of a work and without a transaction: hands a kept value to `use` when it is certain that
 * nothing was committed since it was kept, by any process; false otherwise, then a work has to look. A change
 * whose store_write has returned is never missed. The value is valid until `use` returns.
 */
bool store_peek(store *s, pl_str key, void (*use)(void *context, pl_str value), void *context);

/*
 * The statement for this SQL text, prepared once per connection, reset and ready to bind (all parameters
 * NULL). It stays valid until the work returns and belongs to the session; asking for the same text again
 * while walking its rows starts it over. NULL on failure, which every function below accepts: binding does
 * nothing and store_step returns -1 and leaves `error` as it was filled here, so one check at the step is
 * enough. `sql` must not change while the store is open if it is not a literal.
 */
store_statement *store_prepare(store_session *session, const char *sql, pl_error *error);

/*
 * Binds parameter `index` (from 1). The absent view binds NULL, an empty one the empty value. The bytes are
 * not copied: they must stay valid until the next store_reset or store_prepare of this statement. A text with
 * a NUL byte in it, a value over STORE_TEXT_MAX or a wrong index makes the next store_step fail.
 */
void store_bind_text(store_statement *st, int index, pl_str value);
void store_bind_i64(store_statement *st, int index, int64_t value);
void store_bind_blob(store_statement *st, int index, pl_str value);

/*
 * Runs the statement to its next row: 1 a row, 0 done (the statement is then ready to be bound and stepped
 * again; the parameters keep their values), -1 error. PostgreSQL delivers the whole result at the first step,
 * so read large tables in pages by key.
 */
int store_step(store_statement *st, pl_error *error);

/*
 * Tells that what the next step reads is one value of so many bytes, and all else that it needs this work has
 * read already. The value is then read at once where it would be read piece by piece; a wrong guess costs
 * time and changes nothing. 0 takes it back.
 */
void store_expect(store_session *session, int64_t bytes);

/* Whether the statement has a row, and the first number of its first row, 0 without one; both reset it. */
int store_any(store_statement *st, bool *any, pl_error *error);
int store_number(store_statement *st, int64_t *number, pl_error *error);

/* True when `error` came from a violated UNIQUE, PRIMARY KEY, CHECK or NOT NULL constraint. */
bool store_is_conflict(const pl_error *error);

/*
 * The column (from 0) of the current row. Text and blobs stay valid until the next store_step, store_reset or
 * store_prepare of this statement; NULL gives the absent view, 0. A number's decimal text is readable as text
 * and back.
 */
pl_str store_column_text(store_statement *st, int column);
int64_t store_column_i64(store_statement *st, int column);
pl_str store_column_blob(store_statement *st, int column);
bool store_column_null(store_statement *st, int column);

/* Rows changed by the INSERT, UPDATE or DELETE that store_step has just run to the end (0 returned). */
int64_t store_changes(store_statement *st);

/* Forgets rows and parameters; the statement is ready to bind. */
void store_reset(store_statement *st);

/*
 * Prepares (once), binds and runs a statement to its end. `types` has one letter for each parameter: 't' a
 * pl_str text, 'i' an int64_t, 'b' a pl_str blob, e.g.
 *     store_run(session, error, "DELETE FROM settings WHERE name = $1", "t", PL_STR("a"))
 */
int store_run(store_session *session, pl_error *error, const char *sql, const char *types, ...);

/* As store_run, and tells the number of rows changed. */
int store_run_counted(store_session *session, int64_t *changes, pl_error *error, const char *sql,
                      const char *types, ...);

/* Which of two statements to use where the dialects differ. */
bool store_is_postgres(const store_session *session);

/*
 * Tells the listeners of `channel` in every process that uses this database, after the commit; nothing is
 * told when the work rolls back. Listeners of this process have been called when store_write returns.
 */
int store_notify(store_session *session, pl_str channel, pl_str payload, pl_error *error);

/*
 * Calls `callback` for notifications of this and of other processes, on the thread that wrote or on a thread
 * of the store, so it may be called by several threads at once; it should be brief (mark, wake) and must not
 * call store_write or store_listen. An absent payload means that notifications may have been missed (a lost
 * connection): refresh everything. Listening ends with store_unlisten or store_close.
 */
typedef void (*store_listener)(void *context, pl_str payload);
int store_listen(store *s, pl_str channel, store_listener callback, void *context, pl_error *error);

/*
 * Ends what store_listen began with the same channel, callback and context; nothing when nobody listens so.
 * When it returns the callback is not running and will not be called again, so its context may go. Not to be
 * called by a listener, nor while holding a lock that the callback takes.
 */
void store_unlisten(store *s, pl_str channel, store_listener callback, void *context);

/*
 * Returns when the listeners have been told all that other processes committed before the call, so that what
 * is decided next is decided by what holds now. Costs a way to the database where there are other processes,
 * shared by all who ask at the same time; nothing with SQLite. ServiceUnavailable while the database cannot
 * be heard.
 */
int store_hear(store *s, pl_error *error);

/*
 * Bulk load of many rows into one table, inside store_write: COPY on PostgreSQL, multi-row inserts on SQLite.
 * Values come in the order of `columns` (names are the program's own, never a client's); store_bulk_row ends
 * a row. Values are copied. store_bulk_end always frees the bulk; -1 when any row failed (a conflict is told
 * by store_is_conflict), and then the work must fail. No other statement may run on the session between begin
 * and end. store_bulk_begin returns NULL on failure, which the others accept.
 */
store_bulk *store_bulk_begin(store_session *session, const char *table, const char *const *columns,
                             size_t column_count, pl_error *error);
void store_bulk_text(store_bulk *bulk, pl_str value);
void store_bulk_i64(store_bulk *bulk, int64_t value);
void store_bulk_null(store_bulk *bulk);
int store_bulk_row(store_bulk *bulk, pl_error *error);
int store_bulk_end(store_bulk *bulk, pl_error *error);

/* What GetServerStatus and /metrics tell. */
typedef struct store_counters {
    const char *driver; /* "sqlite" or "postgres" */
    int schema_version; /* number of the newest migration applied */
    uint64_t reads;     /* works run since the store was opened */
    uint64_t writes;
    uint64_t commits; /* durable commits that carried the writes */
    size_t waiting;   /* write works queued or running now */
} store_counters;

/* May be called by any thread. */
void store_count(store *s, store_counters *counters);

#endif
