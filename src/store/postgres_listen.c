/*
 * Notifications of the PostgreSQL driver. Owns the ear: one connection and one thread that hear what other
 * processes tell; what this process tells is told by the front after the commit, and skipped here by the
 * identifier that leads every payload.
 *
 * INVARIANT: after a lost connection every listener is told to refresh everything, after it listens again, so
 * that nothing falls between.
 */
#include "store/postgres.h"

#include "base/memory.h"

#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { PAUSE_LEAST_MS = 100, PAUSE_MOST_MS = 5000 };

static const char channel_prefix[] = "plumbline_";

struct store_postgres_ear {
    store *store;
    pthread_t thread;
    PGconn *connection;   /* the thread's alone once it runs */
    int bell;             /* eventfd: wanted or stop has changed */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t heard;
    size_t wanted;     /* listeners asked for */
    size_t served;     /* of them, those whose channels are listened to */
    uint64_t asked;    /* questions whether all was heard, counted */
    uint64_t answered; /* of them, those that are answered */
    bool deaf;         /* without a connection: all will be told to refresh */
    bool stop;
};

int store_postgres_notify(store_session *session, pl_str channel, pl_str payload, pl_error *error) {
    const store_postgres_state *state = session->store->state;
    char name[sizeof channel_prefix + STORE_CHANNEL_MAX];
    char text[STORE_POSTGRES_ID_DIGITS + STORE_PAYLOAD_MAX + 1];
    int name_length = snprintf(name, sizeof name, "%s%.*s", channel_prefix, PL_FMT(channel));
    int text_length = snprintf(text, sizeof text, "%s%.*s", state->id, PL_FMT(payload));
    return store_run(session, error, "SELECT pg_notify($1, $2)", "tt", pl_str_of(name, (size_t)name_length),
                     pl_str_of(text, (size_t)text_length));
}

/* The thread. */

static void hear(store_postgres_ear *ear) {
    const store_postgres_state *state = ear->store->state;
    pl_str own = pl_str_of(state->id, STORE_POSTGRES_ID_DIGITS);
    PGnotify *notification;
    while ((notification = PQnotifies(ear->connection))) {
        pl_str channel = pl_str_skip(pl_str_from(notification->relname), sizeof channel_prefix - 1);
        pl_str payload = pl_str_from(notification->extra);
        if (payload.n >= own.n && !pl_str_starts(payload, own))
            store_listeners_tell(ear->store, channel, pl_str_skip(payload, own.n));
        PQfreemem(notification);
    }
}

/* Copies the distinct channels as LISTEN statements, and tells how many listeners they serve. */
static size_t write_listen(store *s, pl_buf *sql) {
    pthread_rwlock_rdlock(&s->listeners_lock);
    for (size_t i = 0; i < s->listener_count; i++)
        pl_buf_printf(sql, "LISTEN %s%s;", channel_prefix, s->listeners[i].channel);
    size_t count = s->listener_count;
    pthread_rwlock_unlock(&s->listeners_lock);
    pl_buf_add_char(sql, '\0');
    return count;
}

static bool listen_to_all(store_postgres_ear *ear) {
    pl_buf sql;
    pl_buf_init(&sql, STORE_LISTENERS_MAX * 128);
    size_t count = write_listen(ear->store, &sql);
    PGresult *result = sql.failed ? NULL : PQexec(ear->connection, sql.p);
    bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    pl_buf_free(&sql);
    pthread_mutex_lock(&ear->lock);
    if (done)
        ear->served = count;
    pthread_cond_broadcast(&ear->heard);
    pthread_mutex_unlock(&ear->lock);
    return done;
}

static bool is_stopped(store_postgres_ear *ear) {
    pthread_mutex_lock(&ear->lock);
    bool stop = ear->stop;
    pthread_mutex_unlock(&ear->lock);
    return stop;
}

static bool is_asked_for_more(store_postgres_ear *ear) {
    pthread_mutex_lock(&ear->lock);
    bool more = ear->wanted > ear->served;
    pthread_mutex_unlock(&ear->lock);
    return more;
}

/* Waits for the socket (when `events` are given) or the bell. */
static void wait_for(store_postgres_ear *ear, short events, int milliseconds) {
    struct pollfd ends[2] = {{.fd = ear->bell, .events = POLLIN}, {.fd = -1, .events = events}};
    uint64_t rung;
    if (events)
        ends[1].fd = PQsocket(ear->connection);
    if (poll(ends, 2, milliseconds) > 0 && ends[0].revents && read(ear->bell, &rung, sizeof rung) < 0)
        return;
}

/* The number of the last question; 0: all are answered. */
static uint64_t open_question(store_postgres_ear *ear) {
    pthread_mutex_lock(&ear->lock);
    uint64_t question = ear->asked > ear->answered ? ear->asked : 0;
    pthread_mutex_unlock(&ear->lock);
    return question;
}

static void answer(store_postgres_ear *ear, uint64_t question) {
    pthread_mutex_lock(&ear->lock);
    ear->answered = question;
    pthread_cond_broadcast(&ear->heard);
    pthread_mutex_unlock(&ear->lock);
}

/* The database hands out what was notified before it answers: what was committed before the question is heard
 * then. */
static bool hear_all(store_postgres_ear *ear) {
    uint64_t question = open_question(ear);
    if (question == 0)
        return true;
    PGresult *result = PQexec(ear->connection, "SELECT 1");
    bool answered = PQresultStatus(result) == PGRES_TUPLES_OK;
    PQclear(result);
    hear(ear);
    if (answered)
        answer(ear, question);
    return answered;
}

/* Hears until the connection is lost or the ear is stopped. */
static void hear_on(store_postgres_ear *ear) {
    bool connected = true;
    while (connected && !is_stopped(ear)) {
        if (is_asked_for_more(ear))
            connected = listen_to_all(ear);
        connected = connected && hear_all(ear);
        hear(ear);
        if (connected && !is_asked_for_more(ear) && open_question(ear) == 0) {
            wait_for(ear, POLLIN, -1);
            connected = PQconsumeInput(ear->connection) == 1;
        }
    }
}

static void set_deaf(store_postgres_ear *ear, bool deaf) {
    pthread_mutex_lock(&ear->lock);
    ear->deaf = deaf;
    pthread_cond_broadcast(&ear->heard);
    pthread_mutex_unlock(&ear->lock);
}

/* Makes the connection without blocking for longer than the bell allows. */
static bool connect_once(store_postgres_ear *ear) {
    store_postgres_parameters parameters;
    store_postgres_parameters_fill(ear->store, &parameters);
    PQfinish(ear->connection);
    ear->connection = PQconnectStartParams(parameters.keywords, parameters.values, 1);
    PQsetNoticeProcessor(ear->connection, store_postgres_note, &ear->store->log);
    int64_t deadline = pl_monotonic_ns() + (int64_t)ear->store->wait_seconds * 1000000000;
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (PQstatus(ear->connection) != CONNECTION_BAD && status != PGRES_POLLING_FAILED &&
           status != PGRES_POLLING_OK && !is_stopped(ear) && pl_monotonic_ns() < deadline) {
        wait_for(ear, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, 1000);
        status = PQconnectPoll(ear->connection);
    }
    return status == PGRES_POLLING_OK;
}

static void reconnect(store_postgres_ear *ear) {
    int pause = PAUSE_LEAST_MS;
    pl_log_write(&ear->store->log, PL_LOG_WARNING, "database: the listening connection is lost");
    set_deaf(ear, true);
    while (!is_stopped(ear)) {
        if (connect_once(ear) && listen_to_all(ear))
            break;
        wait_for(ear, 0, pause);
        pause = pause * 2 < PAUSE_MOST_MS ? pause * 2 : PAUSE_MOST_MS;
    }
    if (!is_stopped(ear))
        store_listeners_alarm(ear->store);
    set_deaf(ear, false);
}

static void *run_ear(void *argument) {
    store_postgres_ear *ear = argument;
    while (!is_stopped(ear)) {
        hear_on(ear);
        if (!is_stopped(ear))
            reconnect(ear);
    }
    return NULL;
}

/* The other threads. */

static void free_ear(store_postgres_ear *ear) {
    PQfinish(ear->connection);
    if (ear->bell >= 0)
        close(ear->bell);
    pthread_cond_destroy(&ear->heard);
    pthread_mutex_destroy(&ear->lock);
    pl_free(ear);
}

static int fail_connection(store_postgres_ear *ear, pl_error *error) {
    return pl_failf(error, PL_E_ServiceUnavailable, "The database cannot be reached: %.*s.",
                    PL_FMT(pl_str_trim(pl_str_from(PQerrorMessage(ear->connection)))));
}

static int start_ear(store_postgres_ear *ear, pl_error *error) {
    if (ear->bell < 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "The system has no file descriptors left.");
    if (!connect_once(ear))
        return fail_connection(ear, error);
    if (pthread_create(&ear->thread, NULL, run_ear, ear) != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "The system has no threads left.");
    return 0;
}

static store_postgres_ear *new_ear(store *s, pl_error *error) {
    store_postgres_ear *ear = pl_calloc(1, sizeof *ear);
    if (!ear) {
        store_fail_memory(error);
        return NULL;
    }
    ear->store = s;
    ear->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&ear->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&ear->heard, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (start_ear(ear, error) == 0)
        return ear;
    free_ear(ear);
    return NULL;
}

static void ring(store_postgres_ear *ear) {
    uint64_t once = 1;
    while (write(ear->bell, &once, sizeof once) < 0)
        continue;
}

/* Returns when the new listener is served, or sure to be told to refresh later. */
static void ask_for_more(store_postgres_ear *ear, size_t wanted) {
    pthread_mutex_lock(&ear->lock);
    if (wanted > ear->wanted)
        ear->wanted = wanted;
    ring(ear);
    while (ear->served < wanted && !ear->deaf)
        pthread_cond_wait(&ear->heard, &ear->lock);
    pthread_mutex_unlock(&ear->lock);
}

int store_postgres_listen(store *s, pl_error *error) {
    store_postgres_state *state = s->state;
    pthread_mutex_lock(&state->ear_lock);
    if (!state->ear)
        state->ear = new_ear(s, error);
    store_postgres_ear *ear = state->ear;
    pthread_mutex_unlock(&state->ear_lock);
    if (!ear)
        return -1;
    pthread_rwlock_rdlock(&s->listeners_lock);
    size_t wanted = s->listener_count;
    pthread_rwlock_unlock(&s->listeners_lock);
    ask_for_more(ear, wanted);
    return 0;
}

int store_postgres_hear(store *s, pl_error *error) {
    store_postgres_state *state = s->state;
    struct timespec until;
    int status = 0;
    pthread_mutex_lock(&state->ear_lock);
    store_postgres_ear *ear = state->ear;
    pthread_mutex_unlock(&state->ear_lock);
    if (!ear)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += s->wait_seconds;
    pthread_mutex_lock(&ear->lock);
    uint64_t question = ++ear->asked;
    ring(ear);
    while (ear->answered < question && status == 0)
        status = pthread_cond_timedwait(&ear->heard, &ear->lock, &until);
    bool heard = ear->answered >= question;
    pthread_mutex_unlock(&ear->lock);
    return heard ? 0 : pl_failf(error, PL_E_ServiceUnavailable, "The database cannot be heard.");
}

void store_postgres_ear_close(store_postgres_state *state) {
    store_postgres_ear *ear = state->ear;
    if (!ear)
        return;
    pthread_mutex_lock(&ear->lock);
    ear->stop = true;
    ring(ear);
    pthread_mutex_unlock(&ear->lock);
    pthread_join(ear->thread, NULL);
    free_ear(ear);
    state->ear = NULL;
}
