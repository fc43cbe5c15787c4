/*
 * Copying the write-ahead log into the database file, away from the commits: a thread with a connection of
 * its own, started when the log first grows. Owns that thread and connection (store_sqlite_state).
 *
 * The copying blocks nobody; but the log begins anew only when all of it has been copied and no commit came
 * meanwhile, which may never be while somebody writes. So after the thread has copied most of it, the writer
 * copies the little that is left itself, between two commits. The thread does not wait until then: commits
 * wait for what it flushes, so it copies often and little. A short log matters: commits that overwrite an old
 * log are flushed in half the time of commits that make the file longer (the file system has a journal to
 * write then).
 *
 * INVARIANT: the log stays near LOG_PAGES_COPY, under heavy writing near LOG_PAGES_MOST, as long as no reader
 * holds an old snapshot.
 */
#include "store/sqlite.h"

#include "base/memory.h"

enum {
    LOG_PAGES_COPY = 4000,  /* from which it shall begin anew: 16 MiB */
    LOG_PAGES_STEP = 1000,  /* what the thread copies at once: 4 MiB, flushed in a few milliseconds */
    LOG_PAGES_LITTLE = 64,  /* what the thread leaves to the writer when it can */
    LOG_PAGES_REST = 500,   /* what the writer copies without much ado */
    LOG_PAGES_MOST = 16000, /* from which it copies whatever is left: 64 MiB */
    ROUNDS_MOST = 6,        /* of the thread, each for what was added during the one before */
};

struct store_sqlite_state {
    store *store;
    pthread_t thread;
    bool running, unavailable; /* the writer's: a thread exists; it could not be had */
    int tried, asked;          /* the writer's: pages of the log when it last copied the rest, and asked */
    atomic_int pages;          /* of the log; set by the writer */
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    bool due, stop; /* guarded by `lock`, as are the following; `due` until the copying has ended */
    bool stale;     /* the log has begun anew since `due` was set */
    int copied;     /* pages copied by the last copying that ended; 0: none since the log began */
};

/* Pages at the beginning of the log that are in the database file now. */
static int copy_log(const store *s, sqlite3 *connection) {
    int pages = 0, copied = 0;
    int code = sqlite3_wal_checkpoint_v2(connection, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY)
        pl_log_write(&s->log, PL_LOG_ERROR, "database %s: checkpoint: %s (code %d)", s->location,
                     sqlite3_errmsg(connection), code);
    return copied > 0 ? copied : 0;
}

/*
 * Where commits came meanwhile, SQLite leaves flushing the database file to whoever copies the last page of
 * the log, which is the writer. What fails here fails there again.
 */
static void flush_copied(sqlite3 *connection) {
    sqlite3_file *file = NULL;
    if (sqlite3_file_control(connection, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK && file &&
        file->pMethods)
        file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

/* Commits go on meanwhile: each round is shorter than the one before, unless a reader's snapshot stops it. */
static int copy_most(store_sqlite_state *state, sqlite3 *connection) {
    int copied = 0, before = -1;
    for (int round = 0; round < ROUNDS_MOST && copied > before; round++) {
        before = copied;
        copied = copy_log(state->store, connection);
        flush_copied(connection);
        if (atomic_load(&state->pages) - copied <= LOG_PAGES_LITTLE)
            break;
    }
    return copied;
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

static void note_copied(store_sqlite_state *state, int copied) {
    pthread_mutex_lock(&state->lock);
    state->copied = state->stale ? 0 : copied;
    state->due = false;
    pthread_mutex_unlock(&state->lock);
}

/* A connection knows of the log only once it has read: before, SQLite copies nothing and says OK. */
static bool open_log(const store *s, sqlite3 **connection) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    return sqlite3_open_v2(s->location, connection, flags, NULL) == SQLITE_OK &&
           sqlite3_exec(*connection, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL) == SQLITE_OK;
}

static void *copy_when_due(void *argument) {
    store_sqlite_state *state = argument;
    sqlite3 *connection = NULL;
    if (open_log(state->store, &connection)) {
        while (wait_until_due(state))
            note_copied(state, copy_most(state, connection));
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
    state->asked = state->pages;
    pthread_mutex_lock(&state->lock);
    if (!state->due) {
        state->due = true;
        state->stale = false;
        state->copied = 0;
        pthread_cond_signal(&state->wanted);
    }
    pthread_mutex_unlock(&state->lock);
}

/* What the thread copied of a log that has begun anew since says nothing. */
static void forget_copied(store_sqlite_state *state) {
    pthread_mutex_lock(&state->lock);
    state->copied = 0;
    state->stale = true;
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
        state->tried = state->asked = 0;
        forget_copied(state);
    }
    state->pages = pages;
    int grown = pages - state->tried, copied = copied_by_thread(state);
    bool little = state->unavailable || (copied && pages - copied <= LOG_PAGES_REST);
    if (grown >= LOG_PAGES_MOST || (grown >= LOG_PAGES_COPY && little))
        copy_rest(state, session->connection);
    else if (pages - state->asked >= LOG_PAGES_STEP)
        ask_thread(state);
}
