/*
 * The front of the store: opening, closing, and running works in transactions. Owns the store object and the
 * common head of sessions. INVARIANT: a work whose statement failed is rolled back whatever it returns.
 */
#include "store/driver.h"

#include "base/memory.h"

#include <stdlib.h>
#include <time.h>

enum { DEFAULT_CONNECTIONS = 16, DEFAULT_WAIT_SECONDS = 10, ATTEMPTS_MAX = 200 };

extern const char pl_pack_migrations[], pl_pack_migrations_end[];

static const char conflict_code[] = "ConstraintViolation";

int store_fail_memory(pl_error *error) {
    return pl_failf(error, PL_E_ServiceUnavailable, "The server has no memory left for this request.");
}

int store_fail_conflict(pl_error *error, const char *detail) {
    return pl_fail_code(error, 409, conflict_code, "The change conflicts with a stored entry: %s", detail);
}

bool store_is_conflict(const pl_error *error) {
    return strcmp(error->code, conflict_code) == 0;
}

void store_session_init(store_session *session, store *s) {
    session->store = s;
    pl_map_init(&session->statements, 0);
    pl_buf_init(&session->outbox, STORE_OUTBOX_MAX);
    store_kept_init(session);
}

void store_session_free(store_session *session) {
    store_statements_free(session);
    pl_map_free(&session->statements);
    pl_buf_free(&session->outbox);
    store_kept_free(session);
}

int store_session_fail(store_session *session, const pl_error *error) {
    if (!session->failed) {
        session->failed = true;
        session->failure = *error;
    }
    return -1;
}

bool store_is_postgres(const store_session *session) {
    return session->store->driver->postgres;
}

int store_session_work(store_session *session, store_work work, void *argument, pl_error *error) {
    session->failed = session->retry = session->kept.asked = false;
    pl_buf_clear(&session->outbox);
    int result = work(session, argument, error);
    if (session->bulk) {
        store_bulk_abandon(session);
        if (result == 0)
            result = pl_failf(error, PL_E_InternalError, "A work ended without ending its bulk load.");
    }
    if (result == 0 && session->failed) {
        *error = session->failure;
        result = -1;
    }
    store_statements_rest(session);
    return result;
}

/* One run of the work in a transaction of its own, on a session of the pool. */
static int run_once(store_session *session, store_mode mode, store_work work, void *argument, pl_buf *outbox,
                    pl_error *error) {
    const store_driver *driver = session->store->driver;
    session->mode = mode;
    session->retry = session->failed = false;
    if (mode == STORE_MODE_READ)
        store_kept_glance(session);
    if (driver->begin(session, mode, error) != 0)
        return -1;
    if (store_session_work(session, work, argument, error) != 0) {
        driver->rollback(session);
        return -1;
    }
    if (driver->commit(session, error) != 0)
        return -1;
    pl_buf_free(outbox);
    *outbox = session->outbox;
    pl_buf_init(&session->outbox, STORE_OUTBOX_MAX);
    return 0;
}

/* Waits longer with every attempt, with chance in it, so that contenders part. */
static void back_off(unsigned attempt) {
    unsigned shift = attempt < 6 ? attempt : 6;
    long ceiling = 500000L << shift, nanoseconds = (long)(pl_monotonic_ns() / 64 % ceiling);
    struct timespec pause = {0, nanoseconds};
    if (attempt > 0)
        nanosleep(&pause, NULL);
}

static int run_in_pool(store *s, store_mode mode, store_work work, void *argument, pl_buf *outbox,
                       pl_error *error) {
    for (unsigned attempt = 0;; attempt++) {
        store_session *session = store_pool_take(s, error);
        if (!session)
            return -1;
        int result = run_once(session, mode, work, argument, outbox, error);
        bool again = result != 0 && session->retry && attempt + 1 < ATTEMPTS_MAX;
        again = again && !(store_is_conflict(&session->failure) && session->failed && attempt > 0);
        store_pool_give(session);
        if (!again)
            return result;
        back_off(attempt);
    }
}

static int refuse_nested(store *s, pl_error *error) {
    if (!store_pool_is_inside(s))
        return 0;
    return pl_failf(error, PL_E_InternalError, "A work must use its own session, not open another one.");
}

int store_read(store *s, store_work work, void *argument, pl_error *error) {
    if (refuse_nested(s, error) != 0)
        return -1;
    atomic_fetch_add_explicit(&s->reads, 1, memory_order_relaxed);
    pl_buf nothing;
    pl_buf_init(&nothing, 1);
    int result = run_in_pool(s, STORE_MODE_READ, work, argument, &nothing, error);
    pl_buf_free(&nothing);
    return result;
}

bool store_peek(store *s, pl_str key, void (*use)(void *context, pl_str value), void *context) {
    store_session *session = s->driver->glance ? store_pool_take_idle(s) : NULL;
    if (!session)
        return false;
    const pl_str *found = store_kept_peek(session, key);
    if (found) {
        atomic_fetch_add_explicit(&s->reads, 1, memory_order_relaxed);
        use(context, *found);
    }
    store_pool_give(session);
    return found;
}

static int write_in_pool(store *s, store_work work, void *argument, pl_buf *outbox, pl_error *error) {
    pthread_mutex_lock(&s->lock);
    s->waiting++;
    pthread_mutex_unlock(&s->lock);
    int result = run_in_pool(s, STORE_MODE_WRITE, work, argument, outbox, error);
    if (result == 0)
        atomic_fetch_add_explicit(&s->commits, 1, memory_order_relaxed);
    pthread_mutex_lock(&s->lock);
    s->waiting--;
    pthread_mutex_unlock(&s->lock);
    return result;
}

int store_write(store *s, store_work work, void *argument, pl_error *error) {
    if (refuse_nested(s, error) != 0)
        return -1;
    if (s->read_only)
        return pl_failf(error, PL_E_ServiceUnavailable, "The database was opened for reading only.");
    atomic_fetch_add_explicit(&s->writes, 1, memory_order_relaxed);
    pl_buf outbox;
    pl_buf_init(&outbox, STORE_OUTBOX_MAX);
    int result = s->driver->one_writer ? store_writer_run(s, work, argument, &outbox, error)
                                       : write_in_pool(s, work, argument, &outbox, error);
    if (result == 0)
        store_outbox_tell(s, &outbox);
    pl_buf_free(&outbox);
    return result;
}

void store_count(store *s, store_counters *counters) {
    counters->driver = s->driver->name;
    counters->schema_version = s->schema_version;
    counters->reads = atomic_load_explicit(&s->reads, memory_order_relaxed);
    counters->writes = atomic_load_explicit(&s->writes, memory_order_relaxed);
    counters->commits = atomic_load_explicit(&s->commits, memory_order_relaxed);
    pthread_mutex_lock(&s->lock);
    counters->waiting = s->waiting;
    pthread_mutex_unlock(&s->lock);
}

static int set_location(store *s, pl_str url, pl_error *error) {
    bool postgres = pl_str_starts(url, PL_STR("postgres://")) || pl_str_starts(url, PL_STR("postgresql://"));
    s->driver = postgres ? &store_postgres : &store_sqlite;
    pl_str location = url;
    if (pl_str_starts(url, PL_STR("sqlite:")))
        location = pl_str_skip(url, strlen("sqlite:"));
    else if (!postgres && pl_str_find(url, PL_STR("://")) != PL_NOT_FOUND)
        return pl_failf(error, PL_E_InvalidParameter,
                        "The store URL \"%.*s\" is neither postgres://... nor sqlite:/path.", PL_FMT(url));
    if (location.n == 0 || memchr(location.p, '\0', location.n))
        return pl_failf(error, PL_E_InvalidParameter, "The store URL names no database.");
    s->location = pl_calloc(1, location.n + 1);
    if (!s->location)
        return store_fail_memory(error);
    memcpy(s->location, location.p, location.n);
    return 0;
}

static store *new_store(const store_options *options) {
    static const store_options none;
    const store_options *chosen = options ? options : &none;
    store *s = pl_calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->connections = chosen->connections ? chosen->connections : DEFAULT_CONNECTIONS;
    s->wait_seconds = chosen->wait_seconds ? chosen->wait_seconds : DEFAULT_WAIT_SECONDS;
    s->read_only = chosen->read_only;
    if (chosen->log)
        s->log = *chosen->log;
    else
        s->log.fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->freed, NULL);
    pthread_rwlock_init(&s->listeners_lock, NULL);
    return s;
}

static int open_driver(store *s, pl_str pack, pl_error *error) {
    if (s->driver->open(s, error) != 0)
        return -1;
    if (s->read_only)
        return store_migrations_check(s, pack, error);
    if (s->driver->one_writer) {
        s->writer = s->driver->connect(s, true, error);
        if (!s->writer)
            return -1;
    }
    return store_migrate(s, pack, error);
}

int store_open_with(store **out, pl_str url, const store_options *options, pl_str pack, pl_error *error) {
    store *s = new_store(options);
    *out = NULL;
    if (!s)
        return store_fail_memory(error);
    if (set_location(s, url, error) != 0 || open_driver(s, pack, error) != 0) {
        store_close(s);
        return -1;
    }
    *out = s;
    return 0;
}

int store_open(store **out, pl_str url, const store_options *options, pl_error *error) {
    // cppcheck-suppress comparePointers -- both ends of one file, placed by embedded.S
    pl_str pack = {pl_pack_migrations, (size_t)(pl_pack_migrations_end - pl_pack_migrations)};
    return store_open_with(out, url, options, pack, error);
}

void store_close(store *s) {
    if (!s)
        return;
    if (s->driver) {
        store_pool_close(s);
        if (s->writer)
            s->driver->disconnect(s->writer);
        if (s->state)
            s->driver->close(s);
    }
    pthread_rwlock_destroy(&s->listeners_lock);
    pthread_cond_destroy(&s->freed);
    pthread_mutex_destroy(&s->lock);
    pl_free(s->location);
    pl_free(s);
}
