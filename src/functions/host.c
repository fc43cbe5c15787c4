/*
 * What the host offers to functions: a sandbox, runtimes, or nothing and why. Owns the thread that finds it
 * out aside, as trying a sandbox takes longer than all else of a start.
 *
 * INVARIANT: `host` belongs to that thread until functions_settle has returned, and does not change
 * afterwards.
 */
#include "functions/private.h"

#include "base/memory.h"

#include <stdio.h>

struct preparing {
    pthread_mutex_t lock;
    pthread_t thread; /* guarded by `lock`, as is the following */
    bool running;
};

/* A refusal tells what the operator can do about it. */
static void advise(sandbox_host *host) {
    static const char advice[] = "; let this user make namespaces (docs/operating.md), or allow functions "
                                 "without a sandbox with --unsafe-functions";
    size_t n = strlen(host->refusal);
    if (n + sizeof advice <= sizeof host->refusal)
        memcpy(host->refusal + n, advice, sizeof advice);
}

static void *prepare_host(void *context) {
    functions *f = context;
    pl_error error = {0};
    if (sandbox_prepare(&f->host, f->config.program, f->config.unsafe, &error) != 0) {
        f->host.available = f->host.unsafe = false;
        snprintf(f->host.refusal, sizeof f->host.refusal, "%.*s", (int)sizeof f->host.refusal - 1,
                 error.message);
    } else if (!f->host.available && !f->host.unsafe) {
        advise(&f->host);
    }
    if (f->config.log && f->host.unsafe)
        pl_log_write(f->config.log, PL_LOG_WARNING, "functions run without a sandbox: %s", f->host.refusal);
    else if (f->config.log && !f->host.available)
        pl_log_write(f->config.log, PL_LOG_WARNING, "functions are refused: %s", f->host.refusal);
    return NULL;
}

int functions_prepare_host(functions *f, pl_error *error) {
    f->finding = pl_calloc(1, sizeof *f->finding);
    if (!f->finding)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pthread_mutex_init(&f->finding->lock, NULL);
    f->finding->running = pthread_create(&f->finding->thread, NULL, prepare_host, f) == 0;
    if (!f->finding->running)
        prepare_host(f);
    return 0;
}

void functions_settle(const functions *f) {
    pthread_mutex_lock(&f->finding->lock);
    if (f->finding->running)
        pthread_join(f->finding->thread, NULL);
    f->finding->running = false;
    pthread_mutex_unlock(&f->finding->lock);
}

pl_str functions_refusal(const functions *f) {
    functions_settle(f);
    return f->host.available || f->host.unsafe ? PL_STR_NONE : pl_str_from(f->host.refusal);
}

void functions_clean_host(functions *f) {
    if (!f->finding)
        return;
    functions_settle(f);
    sandbox_clean(&f->host);
    pthread_mutex_destroy(&f->finding->lock);
    pl_free(f->finding);
    f->finding = NULL;
}
