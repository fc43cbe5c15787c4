/*
 * Group commit for a driver with one writing connection. Works queue; the first in the queue leads: it takes
 * works off the queue and runs them in one transaction until the queue is empty (or the batch is full),
 * commits once and wakes everybody whose work was in it. Nobody waits for a timer, and while a commit is on
 * its way to the disk the next batch gathers. The leader goes on with that one, because waking another thread
 * for it would cost as much as the commit; after a few batches it hands the lead to the next in the queue.
 *
 * INVARIANT: a request is answered only after the commit that carries it, or after its own rollback.
 */
#include "store/driver.h"

#include <errno.h>
#include <semaphore.h>

enum { BATCH_MAX = 128, BATCH_NS = 20 * 1000 * 1000, LEAD_NS = 2 * 1000 * 1000 };

typedef struct store_request {
    store_work work;
    void *argument;
    pl_error *error;
    pl_buf *outbox;
    int result;
    bool lead;   /* woken to lead, not because it is answered */
    sem_t woken; /* needs no lock of those who wake, for which a whole batch would queue */
    struct store_request *next;
} store_request;

typedef struct batch {
    store_request *items[BATCH_MAX];
    size_t count;
    size_t kept;     /* works whose changes are in the open transaction */
    bool lost;       /* the database gave the whole transaction up */
    int64_t started; /* monotonic nanoseconds */
} batch;

static void enqueue(store *s, store_request *request) {
    if (s->queue_tail)
        s->queue_tail->next = request;
    else
        s->queue_head = request;
    s->queue_tail = request;
    s->waiting++;
}

static store_request *take(store *s, batch *b) {
    if (b->count == BATCH_MAX || (b->count > 0 && pl_monotonic_ns() - b->started > BATCH_NS))
        return NULL;
    pthread_mutex_lock(&s->lock);
    store_request *request = s->queue_head;
    if (request) {
        s->queue_head = request->next;
        if (!s->queue_head)
            s->queue_tail = NULL;
        b->items[b->count++] = request;
    }
    pthread_mutex_unlock(&s->lock);
    return request;
}

static void run_work(store_session *session, store_request *request) {
    request->result = store_session_work(session, request->work, request->argument, request->error);
    if (request->result != 0)
        return;
    pl_buf_free(request->outbox);
    *request->outbox = session->outbox;
    pl_buf_init(&session->outbox, STORE_OUTBOX_MAX);
}

/* Rolls back one work; alone in the transaction it may take the transaction with it. */
static bool undo(store_session *session, bool alone) {
    const store_driver *driver = session->store->driver;
    pl_error ignored;
    if (!alone)
        return driver->in_transaction(session) && driver->point(session, STORE_POINT_UNDO, &ignored) == 0;
    driver->rollback(session);
    return driver->begin(session, STORE_MODE_WRITE, &ignored) == 0;
}

/*
 * Runs one work of the batch. The first needs no savepoint, because its failure may roll back everything
 * there is, which spares the common case (one work to a commit) the journal of the savepoint.
 */
static void run_in_batch(store_session *session, batch *b, store_request *request) {
    const store_driver *driver = session->store->driver;
    bool alone = b->kept == 0;
    if (!alone && driver->point(session, STORE_POINT_SET, request->error) != 0) {
        request->result = -1;
        b->lost = !driver->in_transaction(session);
        return;
    }
    run_work(session, request);
    if (request->result == 0 && !alone)
        request->result = driver->point(session, STORE_POINT_KEEP, request->error);
    if (request->result == 0)
        b->kept++;
    else
        b->lost = !undo(session, alone);
}

/* Each work that had succeeded in a transaction that could not be committed gets one of its own. */
static void run_apart(store_session *session, batch *b) {
    const store_driver *driver = session->store->driver;
    for (size_t i = 0; i < b->count; i++) {
        store_request *request = b->items[i];
        if (request->result != 0)
            continue;
        request->result = driver->begin(session, STORE_MODE_WRITE, request->error);
        if (request->result != 0)
            continue;
        run_work(session, request);
        if (request->result == 0)
            request->result = driver->commit(session, request->error);
        else
            driver->rollback(session);
    }
}

static void fail_kept(batch *b, const pl_error *error) {
    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i]->result == 0) {
            *b->items[i]->error = *error;
            b->items[i]->result = -1;
        }
    }
}

static void commit_batch(store_session *session, batch *b) {
    const store_driver *driver = session->store->driver;
    pl_error error;
    if (b->lost || b->kept == 0) {
        driver->rollback(session);
        if (b->kept > 0)
            run_apart(session, b);
    } else if (driver->commit(session, &error) == 0) {
        atomic_fetch_add_explicit(&session->store->commits, 1, memory_order_relaxed);
    } else if (b->kept > 1) {
        run_apart(session, b);
    } else {
        fail_kept(b, &error);
    }
}

static void run_batch(store *s, batch *b) {
    store_session *session = s->writer;
    store_request *request = take(s, b);
    request->result = s->driver->begin(session, STORE_MODE_WRITE, request->error);
    if (request->result != 0)
        return;
    session->mode = STORE_MODE_WRITE;
    while (request) {
        run_in_batch(session, b, request);
        request = b->lost ? NULL : take(s, b);
    }
    commit_batch(session, b);
}

/*
 * Takes the batch off the count; true when the leader, who is answered too, shall lead the next one as well.
 * Otherwise `*next` shall, or nobody when the queue is empty.
 */
static bool close_batch(store *s, const batch *b, int64_t leading_since, store_request **next) {
    pthread_mutex_lock(&s->lock);
    s->waiting -= b->count;
    *next = s->queue_head;
    s->leading = *next != NULL;
    pthread_mutex_unlock(&s->lock);
    return *next && pl_monotonic_ns() - leading_since < LEAD_NS;
}

/* A request that is answered may be gone at once: it lies on the stack of its thread. */
static void answer(batch *b, const store_request *own) {
    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i] != own)
            sem_post(&b->items[i]->woken);
    }
}

static void lead(store *s, const store_request *own) {
    int64_t since = pl_monotonic_ns();
    store_request *next;
    bool go_on = true;
    while (go_on) {
        batch b = {.started = pl_monotonic_ns()};
        store_pool_enter_writer(s, true);
        run_batch(s, &b);
        s->driver->tend(s->writer);
        store_pool_enter_writer(s, false);
        go_on = close_batch(s, &b, since, &next);
        if (!go_on && next) {
            next->lead = true;
            sem_post(&next->woken);
        }
        answer(&b, own);
    }
}

static void wait_woken(store_request *request) {
    while (sem_wait(&request->woken) != 0 && errno == EINTR) {
    }
}

int store_writer_run(store *s, store_work work, void *argument, pl_buf *outbox, pl_error *error) {
    store_request request = {.work = work, .argument = argument, .error = error, .outbox = outbox};
    sem_init(&request.woken, 0, 0);
    pthread_mutex_lock(&s->lock);
    enqueue(s, &request);
    bool leads = !s->leading;
    s->leading = true;
    pthread_mutex_unlock(&s->lock);
    if (!leads) {
        wait_woken(&request);
        leads = request.lead;
    }
    if (leads)
        lead(s, &request);
    sem_destroy(&request.woken);
    return request.result;
}
