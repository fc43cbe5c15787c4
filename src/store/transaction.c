/*
 * Works in transactions of their own: reading, writing, and again where another run may meet what this one
 * could not. INVARIANT: a work that failed is rolled back, and tells nobody anything.
 */
#include "store/driver.h"

#include <time.h>

enum { ATTEMPTS_MAX = 200 };

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
