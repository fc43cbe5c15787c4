/*
 * Copying the write-ahead log into the database file, away from the commits: a thread with a connection of
 * its own, started when the log first grows. Owns that thread and connection (store_sqlite_state).
 *
 * The copying blocks nobody; but the log begins anew only when all of it has been copied and no commit came
 * meanwhile, which may never be while somebody writes. So after the thread has copied most of it, the writer
 * copies the little that is left itself, between two commits. A short log matters: commits that overwrite an
 * old log are flushed in half the time of commits that make the file longer (the file system has a journal to
 * write then).
 *
 * INVARIANT: the log stays near LOG_PAGES_COPY, under heavy writing near LOG_PAGES_MOST, as long as no reader
 * holds an old snapshot.
 */
#include "store/sqlite.h"

#include "base/memory.h"

enum {
    LOG_PAGES_COPY = 4000,  /* from which the thread copies: 16 MiB */
    LOG_PAGES_REST = 500,   /* what the writer copies without much ado */
    LOG_PAGES_MOST = 16000, /* from which it copies whatever is left: 64 MiB */
};

struct store_sqlite_state {
    store *store;
    pthread_t thread;
    bool running, unavailable; /* the writer's: a thread exists; it could not be had */
    int pages, tried;          /* the writer's: of the log, and when it last copied the rest of it */
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    bool due, stop; /* guarded by `lock`, as are the following; `due` until the copying has ended */
    int asked;      /* pages of the log when `due` was set */
    int copied;     /* the same of the last copying that ended; 0: none since the log began */
};

static void copy_log(const store *s, sqlite3 *connection) {
    int code = sqlite3_wal_checkpoint_v2(connection, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
        pl_log_write(&s->log, PL_LOG_ERROR, "database %s: checkpoint: %s (code %d)", s->location,
                     sqlite3_errmsg(connection), code);
}

/* False when the thread has to end. */
static bool wait_until_due(store_sqlite_state *state) {
    pthread_mutex_lock(&state->lock);
    while (!state->due && !state->stop)
        pthread_cond_wait(&state->wanted, &state->lock);
    bool go_on = !state->stop;
    pthread_mutex_unlock(&state->lock);
    return go_on;
}

static void note_copied(store_sqlite_state *state) {
    pthread_mutex_lock(&state->lock);
    state->copied = state->asked;
    state->due = false;
    pthread_mutex_unlock(&state->lock);
}

static void *copy_when_due(void *argument) {
    store_sqlite_state *state = argument;
    sqlite3 *connection = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(state->store->location, &connection, flags, NULL) == SQLITE_OK) {
        while (wait_until_due(state)) {
            copy_log(state->store, connection);
            note_copied(state);
        }
    } else {
        pl_log_write(&state->store->log, PL_LOG_ERROR, "database %s: no connection for checkpoints",
                     state->store->location);
    }
    sqlite3_close(connection);
    return NULL;
}

store_sqlite_state *store_sqlite_state_new(store *s) {
    store_sqlite_state *state = pl_calloc(1, sizeof *state);
    if (!state)
        return NULL;
    state->store = s;
    pthread_mutex_init(&state->lock, NULL);
    pthread_cond_init(&state->wanted, NULL);
    return state;
}

void store_sqlite_state_free(store_sqlite_state *state) {
    if (state->running) {
        pthread_mutex_lock(&state->lock);
        state->stop = true;
        pthread_cond_signal(&state->wanted);
        pthread_mutex_unlock(&state->lock);
        pthread_join(state->thread, NULL);
    }
    pthread_cond_destroy(&state->wanted);
    pthread_mutex_destroy(&state->lock);
    pl_free(state);
}

/* Pages that the thread has copied, 0 while it is at work. */
static int copied_by_thread(store_sqlite_state *state) {
    pthread_mutex_lock(&state->lock);
    int copied = state->due ? 0 : state->copied;
    pthread_mutex_unlock(&state->lock);
    return copied;
}

static void ask_thread(store_sqlite_state *state) {
    if (!state->running && !state->unavailable) {
        state->running = pthread_create(&state->thread, NULL, copy_when_due, state) == 0;
        state->unavailable = !state->running;
    }
    pthread_mutex_lock(&state->lock);
    if (!state->due) {
        state->due = true;
        state->copied = 0;
        state->asked = state->pages;
        pthread_cond_signal(&state->wanted);
    }
    pthread_mutex_unlock(&state->lock);
}

/* What the thread copied of a log that has begun anew since says nothing. */
static void forget_copied(store_sqlite_state *state) {
    pthread_mutex_lock(&state->lock);
    state->copied = state->asked = 0;
    pthread_mutex_unlock(&state->lock);
}

static int note_pages(void *context, sqlite3 *connection, const char *name, int pages) {
    (void)connection, (void)name;
    ((store_sqlite_session *)context)->log_pages = pages;
    return SQLITE_OK;
}

void store_sqlite_watch_log(store_sqlite_session *session) {
    sqlite3_wal_hook(session->connection, note_pages, session);
}

/* The log grows on when a reader holds a snapshot: the next attempt then waits for as many pages again. */
static void copy_rest(store_sqlite_state *state, sqlite3 *connection) {
    copy_log(state->store, connection);
    state->tried = state->pages;
    forget_copied(state);
}

void store_sqlite_tend(store_session *base) {
    store_sqlite_session *session = (store_sqlite_session *)base;
    store_sqlite_state *state = base->store->state;
    int pages = session->log_pages;
    session->log_pages = 0;
    if (pages == 0)
        return;
    if (pages < state->pages) { /* it has begun anew */
        state->tried = 0;
        forget_copied(state);
    }
    state->pages = pages;
    int grown = pages - state->tried, copied = copied_by_thread(state);
    if (grown < LOG_PAGES_COPY)
        return;
    if (grown >= LOG_PAGES_MOST || state->unavailable || (copied && pages - copied <= LOG_PAGES_REST))
        copy_rest(state, session->connection);
    else
        ask_thread(state);
}
