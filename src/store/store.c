/* The front of the store: opening, closing and counting. Owns the store object. */
#include "store/driver.h"

#include "base/memory.h"

enum { DEFAULT_CONNECTIONS = 16, DEFAULT_WAIT_SECONDS = 10 };

extern const char pl_pack_migrations[], pl_pack_migrations_end[];

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
