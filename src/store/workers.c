/* Threads that share a condition variable and a count of reasons to look for work. */
#include "store/workers.h"

#include "base/memory.h"

#include <pthread.h>
#include <time.h>

/* One thread and its number. */
struct worker {
    store_workers *workers;
    unsigned number;
    pthread_t thread;
};

struct store_workers {
    store_workers_config config;
    pthread_mutex_t lock; /* guards `stopping` and `wanted` */
    pthread_cond_t wake;
    bool stopping;
    uint64_t wanted; /* goes up with all news */
    struct worker threads[STORE_WORKERS_MOST];
    unsigned count; /* running */
    bool listens;   /* on the channel; the store is there as long */
};

int store_workers_open(store_workers **out, const store_workers_config *config, pl_error *error) {
    store_workers *w = pl_calloc(1, sizeof *w);
    pthread_condattr_t monotonic;
    *out = w;
    if (!w)
        return pl_fail(error, PL_E_ServiceUnavailable);
    w->config = *config;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return 0;
}

bool store_workers_stopping(store_workers *w) {
    pthread_mutex_lock(&w->lock);
    bool stopping = w->stopping;
    pthread_mutex_unlock(&w->lock);
    return stopping;
}

static void note_news(void *context, pl_str payload) {
    store_workers *w = context;
    (void)payload;
    pthread_mutex_lock(&w->lock);
    w->wanted++;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

static struct timespec end_of_wait(const store_workers *w) {
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t nanoseconds = end.tv_nsec + w->config.wait_ms % 1000 * 1000000;
    end.tv_sec += w->config.wait_ms / 1000 + nanoseconds / 1000000000;
    end.tv_nsec = nanoseconds % 1000000000;
    return end;
}

/* True when there may be work, false when the thread is to end. `*seen`: the news it has looked after. */
static bool wait_for_news(store_workers *w, uint64_t *seen) {
    struct timespec end = end_of_wait(w);
    int status = 0;
    pthread_mutex_lock(&w->lock);
    while (!w->stopping && *seen == w->wanted && status == 0)
        status = pthread_cond_timedwait(&w->wake, &w->lock, &end);
    *seen = w->wanted;
    bool go_on = !w->stopping;
    pthread_mutex_unlock(&w->lock);
    return go_on;
}

static void complain(const store_workers *w, const pl_error *error) {
    if (w->config.log)
        pl_log_write(w->config.log, PL_LOG_WARNING, "%s: %s: %s", w->config.name, error->code,
                     error->message);
}

static void work_off(struct worker *t) {
    store_workers *w = t->workers;
    bool worked = true;
    while (worked && !store_workers_stopping(w)) {
        pl_error error = {0};
        worked = false;
        if (w->config.work(w->config.context, t->number, &worked, &error) != 0) {
            complain(w, &error);
            return;
        }
    }
}

static void *work_loop(void *context) {
    struct worker *t = context;
    store_workers *w = t->workers;
    uint64_t seen = 0;
    do {
        pl_error error = {0};
        if (t->number == 0 && w->config.look_first && w->config.look_first(w->config.context, &error) != 0)
            complain(w, &error);
        work_off(t);
    } while (wait_for_news(w, &seen));
    return NULL;
}

int store_workers_start(store_workers *w, pl_error *error) {
    const store_workers_config *c = &w->config;
    unsigned wanted = c->threads < STORE_WORKERS_MOST ? c->threads : (unsigned)STORE_WORKERS_MOST;
    if (c->channel.p && store_listen(c->store, c->channel, note_news, w, error) != 0)
        return -1;
    w->listens = c->channel.p != NULL;
    for (; w->count < wanted; w->count++) {
        struct worker *t = &w->threads[w->count];
        *t = (struct worker){.workers = w, .number = w->count};
        if (pthread_create(&t->thread, NULL, work_loop, t) != 0)
            return pl_failf(error, PL_E_ServiceUnavailable, "The threads of %s cannot be started.", c->name);
    }
    return 0;
}

void store_workers_stop(store_workers *w) {
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (w->listens)
        store_unlisten(w->config.store, w->config.channel, note_news, w);
    w->listens = false;
    for (; w->count > 0; w->count--)
        pthread_join(w->threads[w->count - 1].thread, NULL);
}

void store_workers_close(store_workers *w) {
    if (!w)
        return;
    store_workers_stop(w);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    pl_free(w);
}
