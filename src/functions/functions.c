/* Opening and closing the room. Owns its memory; the parts have their own files. */
#include "functions/private.h"

#include "base/memory.h"
#include "functions/later.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static void set_defaults(functions_config *c) {
    c->workers = c->workers ? c->workers : 8;
    c->workers = c->workers < WORKERS_MOST ? c->workers : WORKERS_MOST;
    c->instances = c->instances ? c->instances : 16;
    c->instances = c->instances < SANDBOX_SLOTS_MAX ? c->instances : SANDBOX_SLOTS_MAX;
    c->per_function = c->per_function ? c->per_function : 4;
    c->idle_seconds = c->idle_seconds ? c->idle_seconds : 60;
    c->retry_ms = c->retry_ms ? c->retry_ms : 5000;
    c->region = c->region.n ? c->region : PL_STR("cn-shanghai");
}

static void make_locks(functions *f) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&f->lock, NULL);
    pthread_mutex_init(&f->queue_lock, NULL);
    pthread_cond_init(&f->freed, &monotonic);
    pthread_cond_init(&f->queue_wake, &monotonic);
    pthread_cond_init(&f->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static int start_all(functions *f, pl_error *error) {
    if (pl_random_hex(&f->config.random, f->node, sizeof f->node - 1) != 0 ||
        pipe2(f->wake, O_CLOEXEC | O_NONBLOCK) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (functions_prepare_host(f, error) != 0)
        return -1;
    f->has_watcher = pthread_create(&f->watcher, NULL, instance_watch, f) == 0;
    if (!f->has_watcher)
        return pl_failf(error, PL_E_ServiceUnavailable, "The threads of functions cannot be started.");
    return 0;
}

int functions_open(functions **out, const functions_config *config, pl_error *error) {
    functions *f = pl_calloc(1, sizeof *f);
    *out = NULL;
    if (!f)
        return pl_fail(error, PL_E_ServiceUnavailable);
    f->config = *config;
    f->wake[0] = f->wake[1] = -1;
    set_defaults(&f->config);
    make_locks(f);
    if (start_all(f, error) != 0) {
        functions_close(f);
        return -1;
    }
    *out = f;
    return 0;
}

int functions_start(functions *f, const functions_link *link, pl_error *error) {
    f->link = *link;
    atomic_store(&f->linked, true);
    return dispatch_start(f, error);
}

/* The threads of what runs then come to their end. */
void functions_stop(functions *f) {
    if (!f)
        return;
    pthread_mutex_lock(&f->queue_lock);
    f->stopping = true;
    pthread_cond_broadcast(&f->queue_wake);
    pthread_cond_broadcast(&f->work);
    pthread_mutex_unlock(&f->queue_lock);
    pthread_mutex_lock(&f->lock);
    f->closing = true;
    for (instance *i = f->instances; i; i = i->next) {
        if (i->started && !i->exited)
            kill(i->box.pid, SIGKILL);
        i->ending = i->ending || i->started;
    }
    pthread_cond_broadcast(&f->freed);
    pthread_mutex_unlock(&f->lock);
    if (f->wake[1] >= 0)
        instance_wake_watcher(f);
    dispatch_stop(f);
    if (f->has_watcher)
        pthread_join(f->watcher, NULL);
    f->has_watcher = false;
}

void functions_close(functions *f) {
    if (!f)
        return;
    functions_stop(f);
    functions_clean_host(f);
    while (f->logs) {
        function_log *log = f->logs;
        f->logs = log->next;
        pl_free(log);
    }
    for (int i = 0; i < 2; i++)
        if (f->wake[i] >= 0)
            close(f->wake[i]);
    pthread_cond_destroy(&f->work);
    pthread_cond_destroy(&f->queue_wake);
    pthread_cond_destroy(&f->freed);
    pthread_mutex_destroy(&f->queue_lock);
    pthread_mutex_destroy(&f->lock);
    pl_free(f);
}

void functions_count_all(functions *f, functions_counts *counts) {
    pthread_mutex_lock(&f->lock);
    *counts = f->counts;
    counts->instances = f->instance_count;
    for (const instance *i = f->instances; i; i = i->next)
        counts->idle += !i->busy && !i->ending;
    pthread_mutex_unlock(&f->lock);
}

bool functions_enter(functions *f) {
    pthread_mutex_lock(&f->lock);
    bool entered = f->waiting_callers < WAITING_CALLERS;
    f->waiting_callers += entered;
    pthread_mutex_unlock(&f->lock);
    return entered;
}

void functions_leave(functions *f) {
    pthread_mutex_lock(&f->lock);
    f->waiting_callers--;
    pthread_mutex_unlock(&f->lock);
}

int functions_invoke_later(functions *f, store_session *session, const function_record *function,
                           pl_str payload, pl_str request_id, int64_t now, pl_error *error) {
    later l = {.account_id = function->account_id,
               .id = request_id,
               .name = function->name,
               .version = function->version,
               .payload = payload};
    (void)f;
    if (later_put(session, &l, now, error) != 0)
        return -1;
    return store_notify(session, ENGINE_FUNCTION_CHANNEL, PL_STR(""), error);
}
