/* Held claims in a list, and the thread that renews them. */
#include "store/leases.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { RENEW_MS = 5000, HELD_MOST = 256 };

struct store_leases {
    store_leases_config config;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool stopping, running;
    store_lease *held;
    pthread_t thread;
};

int store_leases_open(store_leases **out, const store_leases_config *config, pl_error *error) {
    store_leases *l = pl_calloc(1, sizeof *l);
    pthread_condattr_t monotonic;
    *out = l;
    if (!l)
        return pl_fail(error, PL_E_ServiceUnavailable);
    l->config = *config;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return 0;
}

int store_lease_hold(store_leases *l, store_lease *lease, pl_error *error) {
    if (pl_random_hex(&l->config.random, lease->name, STORE_LEASE_NAME - 1) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pthread_mutex_lock(&l->lock);
    lease->next = l->held;
    l->held = lease;
    pthread_mutex_unlock(&l->lock);
    return 0;
}

void store_lease_let_go(store_leases *l, store_lease *lease) {
    pthread_mutex_lock(&l->lock);
    for (store_lease **at = &l->held; *at; at = &(*at)->next)
        if (*at == lease) {
            *at = lease->next;
            break;
        }
    pthread_mutex_unlock(&l->lock);
}

/* --- Renewing ----------------------------------------------------------------------------------------------
 */

/* Names are copied: a holder may let go while the others are renewed. */
struct renewing {
    const store_leases *leases;
    int64_t until;
    char names[HELD_MOST][STORE_LEASE_NAME];
    size_t count;
};

static int renew_work(store_session *session, void *argument, pl_error *error) {
    struct renewing *r = argument;
    for (size_t i = 0; i < r->count; i++)
        if (r->leases->config.renew(session, pl_str_from(r->names[i]), r->until, error) != 0)
            return -1;
    return 0;
}

int store_leases_renew(store_leases *l, pl_error *error) {
    struct renewing r = {.leases = l, .until = pl_now(&l->config.clock) + STORE_LEASE_MS};
    pthread_mutex_lock(&l->lock);
    for (const store_lease *at = l->held; at && r.count < HELD_MOST; at = at->next)
        memcpy(r.names[r.count++], at->name, STORE_LEASE_NAME);
    pthread_mutex_unlock(&l->lock);
    return r.count ? store_write(l->config.store, renew_work, &r, error) : 0;
}

/* True when a renewal is due, false when the thread is to end. */
static bool wait_for_turn(store_leases *l) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RENEW_MS / 1000;
    pthread_mutex_lock(&l->lock);
    int status = 0;
    while (!l->stopping && status == 0)
        status = pthread_cond_timedwait(&l->wake, &l->lock, &until);
    bool go_on = !l->stopping;
    pthread_mutex_unlock(&l->lock);
    return go_on;
}

static void *renew_loop(void *context) {
    store_leases *l = context;
    while (wait_for_turn(l)) {
        pl_error error = {0};
        if (store_leases_renew(l, &error) != 0 && l->config.log)
            pl_log_write(l->config.log, PL_LOG_WARNING, "store: claims cannot be renewed: %s: %s", error.code,
                         error.message);
    }
    return NULL;
}

int store_leases_start(store_leases *l, pl_error *error) {
    if (pthread_create(&l->thread, NULL, renew_loop, l) != 0)
        return pl_failf(error, PL_E_ServiceUnavailable, "The thread that renews claims cannot be started.");
    l->running = true;
    return 0;
}

void store_leases_close(store_leases *l) {
    if (!l)
        return;
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_cond_broadcast(&l->wake);
    pthread_mutex_unlock(&l->lock);
    if (l->running)
        pthread_join(l->thread, NULL);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    pl_free(l);
}
