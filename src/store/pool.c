/*
 * The pool of connections: one session to a working thread, at most store->connections of them. Owns the idle
 * and active lists. INVARIANT: a session is in exactly one of the two lists, and `open_count` counts both and
 * those being made.
 */
#include "store/driver.h"

#include <errno.h>
#include <time.h>

static struct timespec deadline_after(unsigned seconds) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += (time_t)seconds;
    return deadline;
}

static store_session *take_idle(store *s) {
    store_session *session = s->idle;
    s->idle = session->next;
    return session;
}

static void activate(store *s, store_session *session) {
    session->owner = pthread_self();
    session->next = s->active;
    s->active = session;
}

static store_session *connect_unlocked(store *s, pl_error *error) {
    s->open_count++;
    pthread_mutex_unlock(&s->lock);
    store_session *session = s->driver->connect(s, false, error);
    pthread_mutex_lock(&s->lock);
    if (!session) {
        s->open_count--;
        pthread_cond_signal(&s->freed);
    }
    return session;
}

store_session *store_pool_take(store *s, pl_error *error) {
    struct timespec deadline = deadline_after(s->wait_seconds);
    pthread_mutex_lock(&s->lock);
    int waited = 0;
    while (!s->idle && s->open_count >= s->connections && waited != ETIMEDOUT)
        waited = pthread_cond_timedwait(&s->freed, &s->lock, &deadline);
    store_session *session = NULL;
    if (s->idle)
        session = take_idle(s);
    else if (s->open_count < s->connections)
        session = connect_unlocked(s, error);
    else
        pl_failf(error, PL_E_ServiceUnavailable, "All %u database connections have been busy for %u seconds.",
                 s->connections, s->wait_seconds);
    if (session)
        activate(s, session);
    pthread_mutex_unlock(&s->lock);
    return session;
}

store_session *store_pool_take_idle(store *s) {
    pthread_mutex_lock(&s->lock);
    store_session *session = s->idle ? take_idle(s) : NULL;
    if (session)
        activate(s, session);
    pthread_mutex_unlock(&s->lock);
    return session;
}

static void remove_active(store *s, store_session *session) {
    store_session **link = &s->active;
    while (*link != session)
        link = &(*link)->next;
    *link = session->next;
}

void store_pool_give(store_session *session) {
    store *s = session->store;
    bool broken = session->broken;
    pthread_mutex_lock(&s->lock);
    remove_active(s, session);
    if (broken) {
        s->open_count--;
    } else {
        session->next = s->idle;
        s->idle = session;
    }
    pthread_cond_signal(&s->freed);
    pthread_mutex_unlock(&s->lock);
    if (broken)
        s->driver->disconnect(session);
}

bool store_pool_is_inside(store *s) {
    pthread_t self = pthread_self();
    bool inside = false;
    pthread_mutex_lock(&s->lock);
    for (store_session *session = s->active; session && !inside; session = session->next)
        inside = pthread_equal(session->owner, self);
    pthread_mutex_unlock(&s->lock);
    return inside;
}

void store_pool_enter_writer(store *s, bool enter) {
    pthread_mutex_lock(&s->lock);
    if (enter)
        activate(s, s->writer);
    else
        remove_active(s, s->writer);
    pthread_mutex_unlock(&s->lock);
}

void store_pool_close(store *s) {
    while (s->idle)
        s->driver->disconnect(take_idle(s));
}
