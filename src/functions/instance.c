/*
 * Instances: sandboxes that are reused for the next event of the same function. Owns the pool and the
 * watcher.
 *
 * An instance is busy with one invocation, idle, or ending. Ending means killed: the watcher collects it, so
 * descriptors and directories have one owner, and a crash is seen where everything else is seen.
 */
#include "functions/private.h"

#include "base/memory.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 100, POLLED_MOST = 2 * SANDBOX_SLOTS_MAX + 1, READY_MS = 30000 };
enum { CONNECTIONS_MOST = 32, IDLE_CPU_MS = 2000 };

/* --- The watcher
 * --------------------------------------------------------------------------------------------- */

void instance_wake_watcher(functions *f) {
    ssize_t written = write(f->wake[1], "", 1);
    (void)written; /* a full pipe wakes as well */
}

/* One function must not use up the connections that all functions share. */
static bool may_connect(instance *i) {
    if (i->accepted++ < CONNECTIONS_MOST)
        return true;
    i->accepted = sandbox_connections(i->box.pid);
    return i->accepted <= CONNECTIONS_MOST;
}

static void accept_connections(functions *f, instance *i) {
    for (unsigned rounds = 0; rounds < 16; rounds++) {
        int connection = accept4(i->box.front, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection < 0)
            return;
        if (!may_connect(i) || !atomic_load(&f->linked) || f->link.serve(f->link.context, connection) != 0)
            close(connection);
    }
}

/* An instance must not go on working when nobody asked it to. */
static bool works_unasked(instance *i, int64_t cpu_ms) {
    if (i->busy || i->was_busy)
        i->busy_cpu_ms = cpu_ms;
    i->was_busy = i->busy;
    return cpu_ms - i->busy_cpu_ms > IDLE_CPU_MS;
}

static void measure(instance *i) {
    sandbox_usage used = sandbox_measure(i->box.pid);
    if (used.memory_mb > i->peak_mb)
        i->peak_mb = used.memory_mb;
    if (i->ending || (used.memory_mb <= i->memory_mb && !works_unasked(i, used.cpu_ms)))
        return;
    i->over_memory = used.memory_mb > i->memory_mb;
    i->ending = true;
    kill(i->box.pid, SIGKILL);
}

static void bury(functions *f, instance *i) {
    close(i->box.log);
    if (i->box.control >= 0)
        close(i->box.control);
    if (i->box.front >= 0)
        close(i->box.front);
    if (i->curl)
        curl_easy_cleanup(i->curl);
    f->slots[i->slot] = false;
    f->instance_count--;
    sandbox_remove(i->directory);
    pl_free(i);
    pthread_cond_broadcast(&f->freed);
}

/* Looks after one instance; true when it is gone. */
static bool look_after(functions *f, instance *i, int64_t now_ns, bool tick) {
    int status;
    bool idle = !i->busy && !i->ending;
    bool old = i->started && !i->ending && f->closing;
    if (old ||
        (idle && i->started && now_ns - i->idle_since > (int64_t)f->config.idle_seconds * 1000000000)) {
        i->ending = true;
        kill(i->box.pid, SIGKILL);
    }
    if (i->started && !i->exited && waitpid(i->box.pid, &status, WNOHANG) == i->box.pid) {
        i->exited = i->ending = true;
        i->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (f->host.unsafe)
            kill(-i->box.pid, SIGKILL);
        pthread_cond_broadcast(&f->freed);
    }
    if (i->started && !i->exited && tick)
        measure(i);
    return i->exited && !i->busy;
}

static size_t gather(functions *f, struct pollfd *polled) {
    size_t count = 0;
    polled[count++] = (struct pollfd){f->wake[0], POLLIN, 0};
    for (instance *i = f->instances; i; i = i->next) {
        if (!i->started || i->exited)
            continue;
        if (!i->silent)
            polled[count++] = (struct pollfd){i->box.log, POLLIN, 0};
        if (i->box.front >= 0)
            polled[count++] = (struct pollfd){i->box.front, POLLIN, 0};
    }
    return count;
}

static void look_at_all(functions *f) {
    int64_t now = pl_monotonic_ns();
    bool tick = now - f->measured_ns >= (int64_t)TICK_MS * 1000000; /* not with every line that is written */
    if (tick)
        f->measured_ns = now;
    for (instance **at = &f->instances; *at;) {
        instance *i = *at;
        if (i->started) {
            instance_read_log(f, i);
            if (i->box.front >= 0 && !i->exited)
                accept_connections(f, i);
        }
        if (look_after(f, i, now, tick)) {
            *at = i->next;
            bury(f, i);
        } else {
            at = &i->next;
        }
    }
}

void *instance_watch(void *context) {
    functions *f = context;
    struct pollfd polled[POLLED_MOST];
    char ignored[256];
    pthread_mutex_lock(&f->lock);
    while (!f->closing || f->instances) {
        size_t count = gather(f, polled);
        bool any = f->instances != NULL;
        pthread_mutex_unlock(&f->lock);
        poll(polled, (nfds_t)count, any ? TICK_MS : -1);
        while (read(f->wake[0], ignored, sizeof ignored) > 0)
            ;
        pthread_mutex_lock(&f->lock);
        look_at_all(f);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

/* --- Making one
 * ----------------------------------------------------------------------------------------------- */

/* Waits until the runtime listens; false when it has ended or does not come up in time. */
static bool wait_until_ready(functions *f, instance *i, int64_t deadline_ns) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(i->port)};
    struct timespec pause = {0, 4000000};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int probe = f->host.unsafe ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : sandbox_socket(&i->box);
    bool ready = false, gone = probe < 0;
    while (!ready && !gone && pl_monotonic_ns() < deadline_ns) {
        ready = connect(probe, (struct sockaddr *)&address, sizeof address) == 0;
        if (ready)
            break;
        nanosleep(&pause, NULL);
        pthread_mutex_lock(&f->lock);
        gone = i->ending;
        pthread_mutex_unlock(&f->lock);
    }
    if (probe >= 0)
        close(probe);
    return ready;
}

static int start_instance(functions *f, const function_record *function, instance *i, pl_error *error) {
    int status = instance_start(f, function, i, error);
    pthread_mutex_lock(&f->lock);
    if (status == 0)
        i->started = true;
    pthread_mutex_unlock(&f->lock);
    if (status == 0)
        instance_wake_watcher(f);
    return status;
}

/* --- The pool
 * --------------------------------------------------------------------------------------------------- */

static void key_of(const function_record *r, char key[static INSTANCE_KEY],
                   char function[static FUNCTION_KEY]) {
    snprintf(function, FUNCTION_KEY, "%.*s/%.*s", PL_FMT(pl_str_head(r->account_id, 40)), PL_FMT(r->name));
    snprintf(key, INSTANCE_KEY, "%s/%.*s/%.*s", function, PL_FMT(r->version), PL_FMT(r->revision));
}

static instance *find_idle(functions *f, const char *key) {
    for (instance *i = f->instances; i; i = i->next)
        if (!i->busy && !i->ending && strcmp(i->key, key) == 0)
            return i;
    return NULL;
}

static unsigned count_of(const functions *f, const char *function) {
    unsigned count = 0;
    for (const instance *i = f->instances; i; i = i->next)
        count += !i->ending && strcmp(i->function, function) == 0;
    return count;
}

/* Ends the instance that has been idle longest, of this function (other revisions) or of any. */
static void end_idle(functions *f, const char *function) {
    instance *oldest = NULL;
    for (instance *i = f->instances; i; i = i->next) {
        bool candidate = !i->busy && !i->ending && (!function || strcmp(i->function, function) == 0);
        if (candidate && (!oldest || i->idle_since < oldest->idle_since))
            oldest = i;
    }
    if (!oldest)
        return;
    oldest->ending = true;
    kill(oldest->box.pid, SIGKILL);
    instance_wake_watcher(f);
}

/* A new entry in the pool, busy from birth; NULL when there is no room or memory. */
static instance *add_instance(functions *f, const function_record *function, const char *key,
                              const char *name) {
    unsigned slot = 0;
    while (slot < SANDBOX_SLOTS_MAX && f->slots[slot])
        slot++;
    char directory[33];
    instance *i = slot < SANDBOX_SLOTS_MAX ? pl_calloc(1, sizeof *i) : NULL;
    if (!i)
        return NULL;
    if (pl_random_uuid(&f->config.random, i->id) != 0 ||
        pl_random_hex(&f->config.random, directory, 32) != 0) {
        pl_free(i);
        return NULL;
    }
    snprintf(i->key, sizeof i->key, "%s", key);
    snprintf(i->function, sizeof i->function, "%s", name);
    snprintf(i->directory, sizeof i->directory, "%.440s/%s", f->host.base, directory);
    i->slot = slot;
    i->busy = true;
    i->memory_mb = function->memory_mb;
    i->log = (tail){.bytes = i->log_bytes, .size = sizeof i->log_bytes};
    i->box = (sandbox){.control = -1, .front = -1, .log = -1};
    i->next = f->instances;
    f->instances = i;
    f->instance_count++;
    f->slots[slot] = true;
    f->counts.cold_starts++;
    return i;
}

/* An instance that never got a process. */
static void discard(functions *f, instance *i) {
    pthread_mutex_lock(&f->lock);
    for (instance **at = &f->instances; *at; at = &(*at)->next)
        if (*at == i) {
            *at = i->next;
            break;
        }
    f->slots[i->slot] = false;
    f->instance_count--;
    pthread_cond_broadcast(&f->freed);
    pthread_mutex_unlock(&f->lock);
    sandbox_remove(i->directory);
    pl_free(i);
}

static void wait_for_free(functions *f, int64_t deadline_ns) {
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                             .tv_nsec = (long)(deadline_ns % 1000000000)};
    pthread_cond_timedwait(&f->freed, &f->lock, &until);
}

/* An idle instance, or room for a new one; the lock is held. `*fresh` when it has to be started. */
static instance *take_place(functions *f, const function_record *function, int64_t deadline_ns, bool *fresh) {
    char key[INSTANCE_KEY], name[FUNCTION_KEY];
    key_of(function, key, name);
    *fresh = false;
    while (!f->closing && pl_monotonic_ns() < deadline_ns) {
        instance *i = find_idle(f, key);
        if (i) {
            i->busy = true;
            return i;
        }
        bool own = count_of(f, name) < f->config.per_function;
        if (own && f->instance_count < f->config.instances) {
            *fresh = true;
            return add_instance(f, function, key, name);
        }
        end_idle(f, own ? NULL : name);
        wait_for_free(f, deadline_ns);
    }
    return NULL;
}

int instance_acquire(functions *f, const function_record *function, int64_t deadline_ns, instance **out,
                     pl_error *error) {
    bool fresh;
    functions_settle(f);
    pthread_mutex_lock(&f->lock);
    instance *i = take_place(f, function, deadline_ns, &fresh);
    if (i) {
        i->log_from = i->log.written;
        f->counts.running++;
    }
    pthread_mutex_unlock(&f->lock);
    *out = i;
    if (!i)
        return pl_failf(error, PL_E_ServiceUnavailable, "All instances of the function are busy.");
    if (!fresh)
        return 0;
    if (start_instance(f, function, i, error) != 0) {
        pthread_mutex_lock(&f->lock);
        f->counts.running--;
        pthread_mutex_unlock(&f->lock);
        discard(f, i);
        return -1;
    }
    wait_until_ready(f, i, pl_monotonic_ns() + (int64_t)READY_MS * 1000000);
    return 0;
}

void instance_release(functions *f, instance *i, bool end) {
    pthread_mutex_lock(&f->lock);
    i->busy = false;
    i->was_busy = true;
    i->idle_since = pl_monotonic_ns();
    f->counts.running--;
    if (end && !i->ending) {
        i->ending = true;
        kill(i->box.pid, SIGKILL);
    }
    bool wake = i->ending;
    pthread_cond_broadcast(&f->freed);
    pthread_mutex_unlock(&f->lock);
    if (wake)
        instance_wake_watcher(f);
}

void functions_changed(functions *f, pl_str account_id, pl_str name) {
    char key[FUNCTION_KEY];
    snprintf(key, sizeof key, "%.*s/%.*s", PL_FMT(account_id), PL_FMT(name));
    pthread_mutex_lock(&f->lock);
    for (instance *i = f->instances; i; i = i->next) {
        if (strcmp(i->function, key) != 0 || i->busy || i->ending)
            continue;
        i->ending = true;
        kill(i->box.pid, SIGKILL);
    }
    pthread_mutex_unlock(&f->lock);
    instance_wake_watcher(f);
}
