/* The worker pool. Owns its threads and the queue, which one mutex guards. */
#include "gateway/workers.h"

#include "base/memory.h"

#include <pthread.h>

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    gateway_request *first, *last;
    size_t waiting;
    bool stopping;
    void (*done)(gateway_request *r);
    unsigned count;
    pthread_t threads[];
};

/* The next request, or NULL when the pool ends. The lock is held. */
static gateway_request *next(workers *w) {
    while (!w->first && !w->stopping)
        pthread_cond_wait(&w->wake, &w->lock);
    gateway_request *r = w->first;
    if (r) {
        w->first = r->next;
        w->last = w->first ? w->last : NULL;
        w->waiting--;
    }
    return r;
}

static void *work(void *argument) {
    workers *w = argument;
    pthread_mutex_lock(&w->lock);
    for (gateway_request *r = next(w); r; r = next(w)) {
        pthread_mutex_unlock(&w->lock);
        request_run(r);
        w->done(r);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

workers *workers_new(unsigned count, void (*done)(gateway_request *r)) {
    workers *w = pl_calloc(1, sizeof *w + count * sizeof(pthread_t));
    if (!w)
        return NULL;
    w->done = done;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    while (w->count < count && pthread_create(&w->threads[w->count], NULL, work, w) == 0)
        w->count++;
    if (w->count == count)
        return w;
    workers_free(w);
    return NULL;
}

void workers_put(workers *w, gateway_request *r) {
    r->next = NULL;
    pthread_mutex_lock(&w->lock);
    if (w->last)
        w->last->next = r;
    else
        w->first = r;
    w->last = r;
    w->waiting++;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

size_t workers_waiting(workers *w) {
    pthread_mutex_lock(&w->lock);
    size_t waiting = w->waiting;
    pthread_mutex_unlock(&w->lock);
    return waiting;
}

void workers_free(workers *w) {
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->count; i++)
        pthread_join(w->threads[i], NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    pl_free(w);
}
