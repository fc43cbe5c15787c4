/*
 * The worker pool. Owns its threads, the stack of those that are idle and the queue of requests; one mutex
 * guards both.
 *
 * A request goes to the thread that became idle last: its stack, its piece of the heap and its database
 * connection are still in a cache. INVARIANT: while a thread is idle, no request is queued.
 */
#include "gateway/workers.h"

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

typedef struct worker {
    struct workers *pool;
    struct worker *below;   /* in the stack of the idle */
    gateway_request *given; /* NULL when woken to end */
    sem_t woken;            /* its own, so that nobody else is woken and it needs no lock then */
    pthread_t thread;
} worker;

struct workers {
    pthread_mutex_t lock;
    worker *idle;
    size_t idle_count;
    gateway_request *first, *last;
    bool stopping;
    void (*run)(gateway_request *r);
    unsigned count;
    worker items[];
};

/* A request that nobody was idle for, or NULL after putting the thread among the idle. `*end` when it ends.
 */
static gateway_request *take_or_rest(workers *w, worker *me, bool *end) {
    pthread_mutex_lock(&w->lock);
    gateway_request *r = w->first;
    *end = !r && w->stopping;
    if (r) {
        w->first = r->next;
        w->last = w->first ? w->last : NULL;
    } else if (!w->stopping) {
        me->given = NULL;
        me->below = w->idle;
        w->idle = me;
        w->idle_count++;
    }
    pthread_mutex_unlock(&w->lock);
    return r;
}

/* The next request, or NULL when the pool ends. */
static gateway_request *next(worker *me) {
    bool end;
    gateway_request *r = take_or_rest(me->pool, me, &end);
    if (r || end)
        return r;
    while (sem_wait(&me->woken) != 0 && errno == EINTR) {
    }
    return me->given;
}

static void *work(void *argument) {
    worker *me = argument;
    for (gateway_request *r = next(me); r; r = next(me))
        me->pool->run(r);
    return NULL;
}

static bool start(workers *w, worker *item) {
    item->pool = w;
    sem_init(&item->woken, 0, 0);
    if (pthread_create(&item->thread, NULL, work, item) == 0)
        return true;
    sem_destroy(&item->woken);
    return false;
}

workers *workers_new(unsigned count, void (*run)(gateway_request *r)) {
    workers *w = pl_calloc(1, sizeof *w + count * sizeof(worker));
    if (!w)
        return NULL;
    w->run = run;
    pthread_mutex_init(&w->lock, NULL);
    while (w->count < count && start(w, &w->items[w->count]))
        w->count++;
    if (w->count == count)
        return w;
    workers_free(w);
    return NULL;
}

static worker *pop_idle(workers *w) {
    worker *item = w->idle;
    if (item) {
        w->idle = item->below;
        w->idle_count--;
    }
    return item;
}

void workers_put(workers *w, gateway_request *r) {
    r->next = NULL;
    pthread_mutex_lock(&w->lock);
    worker *item = pop_idle(w);
    if (item)
        item->given = r;
    else if (w->last)
        w->last->next = r;
    else
        w->first = r;
    if (!item)
        w->last = r;
    pthread_mutex_unlock(&w->lock);
    if (item)
        sem_post(&item->woken);
}

size_t workers_idle(workers *w) {
    pthread_mutex_lock(&w->lock);
    size_t count = w->idle_count;
    pthread_mutex_unlock(&w->lock);
    return count;
}

void workers_free(workers *w) {
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    for (worker *item = pop_idle(w); item; item = pop_idle(w))
        sem_post(&item->woken);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->count; i++) {
        pthread_join(w->items[i].thread, NULL);
        sem_destroy(&w->items[i].woken);
    }
    pthread_mutex_destroy(&w->lock);
    pl_free(w);
}
