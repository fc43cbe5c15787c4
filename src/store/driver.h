/*
 * The store's inside: what the front (store.c, transaction.c, writer.c, pool.c, session.c, statement.c,
 * notify.c, bulk.c, failure.c) and the two drivers share. Not for other rooms.
 *
 * A session belongs to one thread from store_pool_take to store_pool_give (the writer's session: to the
 * thread that leads the writing). What `lock` guards is said at the members.
 */
#ifndef STORE_DRIVER_H
#define STORE_DRIVER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "store/db.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    STORE_STATEMENTS_MAX = 400, /* prepared statements kept by one connection */
    STORE_FAST_SLOTS = 128,     /* a power of two */
    STORE_OUTBOX_MAX = 4 << 20, /* bytes of notifications of one work */
    STORE_LISTENERS_MAX = 64,
};

typedef enum store_mode {
    STORE_MODE_READ,
    STORE_MODE_WRITE,
    STORE_MODE_EXCLUSIVE, /* alone among all processes: migrations */
} store_mode;

typedef enum store_point { STORE_POINT_SET, STORE_POINT_KEEP, STORE_POINT_UNDO } store_point;

typedef enum store_kind { STORE_NULL, STORE_I64, STORE_TEXT, STORE_BLOB } store_kind;

/* A value on its way in. */
typedef struct store_value {
    store_kind kind;
    int64_t number;
    pl_str bytes;
} store_value;

/* The common head of a driver's statement. */
struct store_statement {
    store_session *session;
    char *sql;                  /* own copy; the key in session->statements */
    store_statement *used_next; /* list of those asked for in this work */
    bool used;
    int parameter_count;
    int64_t changes;
    const char *bind_problem; /* NULL, or why the next step must fail; static text */
};

/* What changes with every commit and can be read without a transaction; see store_driver.glance. */
typedef struct store_mark {
    bool known;
    uint64_t words[12];
} store_mark;

/* What works keep with their connection: kept.c. */
typedef struct store_kept {
    pl_map values; /* key to pl_str, in the arena */
    pl_arena arena;
    int64_t version; /* of the database that the values were made of; -1: nothing was kept yet */
    bool asked;      /* in this work, whether that is still its version */
    bool current;    /* the answer */
    store_mark seen; /* before this work's transaction began */
    store_mark mark; /* while it stands, the values are what the database says */
} store_kept;

/* The common head of a driver's session. */
struct store_session {
    store *store;
    store_session *next; /* in the idle or active list */
    pthread_t owner;     /* while active */
    store_mode mode;
    bool failed; /* a statement of this work failed: only a rollback can follow */
    bool retry;  /* it failed for a reason that another run may not meet */
    bool broken; /* the connection is of no use any more */
    pl_error failure;
    pl_map statements;                       /* SQL text to statement */
    store_statement *fast[STORE_FAST_SLOTS]; /* by address of the SQL text */
    const char *fast_address[STORE_FAST_SLOTS];
    store_statement *used;
    store_bulk *bulk; /* NULL, or the load in progress */
    pl_buf outbox;    /* notifications of this work: store_outbox_add */
    store_kept kept;
};

/* The common head of a driver's bulk load. */
struct store_bulk {
    store_session *session;
    size_t column_count;
    size_t column; /* next column of the current row */
    bool failed;   /* `failure` tells why; nothing more is sent */
    pl_error failure;
};

/*
 * A driver. Functions that can fail fill `error` and mark the session (store_session_fail) when the work can
 * only be rolled back afterwards.
 */
typedef struct store_driver {
    const char *name;
    bool postgres;
    bool one_writer; /* all writes go through one session, many works to a commit */

    /* Takes over s->location; s->state is the driver's. */
    int (*open)(store *s, pl_error *error);
    void (*close)(store *s);
    /* A new connection, ready for work; `writer` asks for the one that may write (one_writer only). */
    store_session *(*connect)(store *s, bool writer, pl_error *error);
    void (*disconnect)(store_session *session);

    int (*begin)(store_session *session, store_mode mode, pl_error *error);
    int (*commit)(store_session *session, pl_error *error);
    void (*rollback)(store_session *session);
    bool (*in_transaction)(store_session *session);
    /* A number that differs when the snapshot of this reading work is another one than that of the
     * connection's work before. NULL: it cannot be told. */
    int (*version)(store_session *session, int64_t *version, pl_error *error);
    /* Takes the mark of the database as it is now, outside of a transaction, on a connection that has read
     * before; unknown while a commit is being made. NULL: it cannot be told. */
    void (*glance)(store_session *session, store_mark *mark);
    int (*point)(store_session *session, store_point point, pl_error *error);
    /* Between a commit and the next begin, with the writer's session: chores that are due. */
    void (*tend)(store_session *session);
    /* Several statements without parameters or results, inside a transaction. */
    int (*script)(store_session *session, const char *sql, pl_error *error);

    store_statement *(*prepare)(store_session *session, const char *sql, pl_error *error);
    void (*finish)(store_statement *st);
    void (*reset)(store_statement *st, bool forget_parameters);
    void (*bind)(store_statement *st, int index, const store_value *value);
    int (*step)(store_statement *st, pl_error *error);
    void (*expect)(store_session *session, int64_t bytes);              /* store_expect; may be NULL */
    pl_str (*column)(store_statement *st, int column, store_kind kind); /* STORE_TEXT or STORE_BLOB */
    int64_t (*column_i64)(store_statement *st, int column);
    bool (*column_null)(store_statement *st, int column);

    int (*notify)(store_session *session, pl_str channel, pl_str payload, pl_error *error); /* may be NULL */
    int (*listen)(store *s, pl_error *error); /* s->listeners has grown; may be NULL */
    int (*hear)(store *s, pl_error *error);   /* store_hear; may be NULL */

    store_bulk *(*bulk_begin)(store_session *session, const char *table, const char *const *columns,
                              size_t column_count, pl_error *error);
    /* Both return -1 with bulk->failure filled. */
    int (*bulk_value)(store_bulk *bulk, const store_value *value);
    int (*bulk_row)(store_bulk *bulk);
    /* Sends what is left unless `give_up`, and frees the bulk. */
    int (*bulk_end)(store_bulk *bulk, bool give_up, pl_error *error);
} store_driver;

extern const store_driver store_sqlite;
extern const store_driver store_postgres;

typedef struct store_listener_entry {
    char channel[STORE_CHANNEL_MAX + 1];
    store_listener callback;
    void *context;
} store_listener_entry;

struct store_request; /* writer.c */

struct store {
    const store_driver *driver;
    void *state;
    char *location; /* file path, or connection URL */
    unsigned connections;
    unsigned wait_seconds;
    pl_log log;
    int schema_version;
    bool read_only;

    pthread_mutex_t lock; /* guards the lists, the queue and `leading` */
    pthread_cond_t freed; /* a connection came back */
    store_session *idle;
    store_session *active;
    unsigned open_count;   /* sessions of the pool, idle, active or being made */
    store_session *writer; /* one_writer: made by store_open */
    struct store_request *queue_head, *queue_tail;
    bool leading; /* a thread holds the writer's session */
    size_t waiting;

    atomic_uint_fast64_t reads, writes, commits;

    pthread_rwlock_t listeners_lock;
    store_listener_entry listeners[STORE_LISTENERS_MAX];
    size_t listener_count;
};

/* pool.c: a free connection, made when there is room, waited for when not; NULL after wait_seconds. */
store_session *store_pool_take(store *s, pl_error *error);
store_session *store_pool_take_idle(store *s); /* NULL when none is idle: waits for nobody */
/* Back to the pool, or closed when broken. */
void store_pool_give(store_session *session);
/* True when this thread is inside a work of this store. */
bool store_pool_is_inside(store *s);
/* Marks the writer's session as run by this thread, or by none. */
void store_pool_enter_writer(store *s, bool enter);
/* Closes what is idle. */
void store_pool_close(store *s);

/* writer.c: queues the work and returns after the commit that carries it; `outbox` gets its notifications. */
int store_writer_run(store *s, store_work work, void *argument, pl_buf *outbox, pl_error *error);

/* session.c: the head of a new session. */
void store_session_init(store_session *session, store *s);
/* Frees what the head owns, statements first. */
void store_session_free(store_session *session);
/* Runs the work inside the open transaction; what remains to be done is commit (0) or rollback (-1). */
int store_session_work(store_session *session, store_work work, void *argument, pl_error *error);

/* failure.c: marks the work as failed; returns -1 and `error` as it was filled. */
int store_session_fail(store_session *session, const pl_error *error);
/* ServiceUnavailable: memory is exhausted. */
int store_fail_memory(pl_error *error);
/* The error that store_is_conflict knows. */
int store_fail_conflict(pl_error *error, const char *detail);

/* statement.c: resets the statements of the work that ends, and drops all when there are too many. */
void store_statements_rest(store_session *session);
void store_statements_free(store_session *session);
/* A NUL, a length: NULL when the value may be stored, else why not. */
const char *store_value_problem(const store_value *value);

/* kept.c */
void store_kept_init(store_session *session);
void store_kept_free(store_session *session);
/* Before the transaction of a reading work. */
void store_kept_glance(store_session *session);
/* A kept value as long as nothing was committed since, asked outside of a transaction; NULL: read again. */
const pl_str *store_kept_peek(store_session *session, pl_str key);

/* notify.c */
bool store_outbox_add(pl_buf *outbox, pl_str channel, pl_str payload);
void store_outbox_tell(store *s, pl_buf *outbox);
void store_listeners_tell(store *s, pl_str channel, pl_str payload);
/* Absent payload to every listener. */
void store_listeners_alarm(store *s);

/* bulk.c: ends a load that the work left open. */
void store_bulk_abandon(store_session *session);

/*
 * migrate.c: applies the migrations of `pack` (tools/pack-data.py) that are missing, each in a transaction of
 * its own, and sets s->schema_version. Fails when the database has one that the pack has not.
 */
int store_migrate(store *s, pl_str pack, pl_error *error);

/* For a store that is only read: its schema must not be newer than the program. */
int store_migrations_check(store *s, pl_str pack, pl_error *error);

/* store_open with other migrations than the program's own; for tests. */
int store_open_with(store **out, pl_str url, const store_options *options, pl_str pack, pl_error *error);

#endif
