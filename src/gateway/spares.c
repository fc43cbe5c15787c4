/*
 * The spares. Owns them: one for each processor in a place that is exchanged without a lock, the others in a
 * list under one. A thread that moves to another processor between finding its place and using it takes or
 * fills somebody else's, which is harmless.
 */
#include "gateway/spares.h"

#include "base/memory.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { CACHE_LINE = 64 };

/* No two share a cache line, wherever the first begins. */
typedef struct place {
    _Atomic(gateway_request *) request;
    char apart[CACHE_LINE - sizeof(gateway_request *)];
} place;

struct spares {
    place places[SPARES_PLACES];
    request_shared *shared;
    pthread_mutex_t lock;
    gateway_request *list;
    size_t count; /* in the list */
};

spares *spares_new(request_shared *shared) {
    spares *s = pl_calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->shared = shared;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void spares_free(spares *s) {
    if (!s)
        return;
    for (size_t i = 0; i < SPARES_PLACES; i++)
        request_free(atomic_load(&s->places[i].request));
    while (s->list) {
        gateway_request *next = s->list->next;
        request_free(s->list);
        s->list = next;
    }
    pthread_mutex_destroy(&s->lock);
    pl_free(s);
}

static place *own_place(spares *s) {
    int processor = sched_getcpu();
    return &s->places[processor > 0 ? processor % SPARES_PLACES : 0];
}

static gateway_request *take_listed(spares *s) {
    pthread_mutex_lock(&s->lock);
    gateway_request *r = s->list;
    if (r) {
        s->list = r->next;
        s->count--;
        r->next = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

gateway_request *spares_take(spares *s) {
    gateway_request *r = atomic_exchange_explicit(&own_place(s)->request, NULL, memory_order_acq_rel);
    if (!r)
        r = take_listed(s);
    return r ? r : request_new(s->shared);
}

static bool list(spares *s, gateway_request *r) {
    pthread_mutex_lock(&s->lock);
    bool room = s->count < SPARES_MOST;
    if (room) {
        r->next = s->list;
        s->list = r;
        s->count++;
    }
    pthread_mutex_unlock(&s->lock);
    return room;
}

void spares_give(spares *s, gateway_request *r) {
    if (!r)
        return;
    gateway_request *other = atomic_exchange_explicit(&own_place(s)->request, r, memory_order_acq_rel);
    if (other && !list(s, other))
        request_free(other);
}

size_t spares_count(spares *s) {
    pthread_mutex_lock(&s->lock);
    size_t count = s->count;
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < SPARES_PLACES; i++)
        count += atomic_load(&s->places[i].request) != NULL;
    return count;
}
