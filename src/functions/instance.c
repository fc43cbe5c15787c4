/*
 * Instances: sandboxes that are reused for the next event of the same function. Owns the pool and the
 * watcher.
 *
 * An instance is busy with one invocation, idle, or ending. Ending means killed: the watcher collects it, so
 * descriptors and directories have one owner, and a crash is seen where everything else is seen.
 */
#include "functions/private.h"

#include "base/memory.h"
#include "functions/archive.h"
#include "json/parser.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 100, POLLED_MOST = 2 * SANDBOX_SLOTS_MAX + 1, READY_MS = 30000, ENVIRONMENT_MOST = 128 };

static const char runtime_port[] = "9000";

/* --- Logs
 * ---------------------------------------------------------------------------------------------------- */

void tail_add(tail *t, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        t->bytes[(t->written + i) % t->size] = bytes[i];
    t->written += n;
}

pl_str tail_read(const tail *t, pl_arena *arena, uint64_t from) {
    uint64_t first = t->written > t->size ? t->written - t->size : 0;
    from = from > first ? from : first;
    size_t n = (size_t)(t->written - from);
    char *text = pl_arena_alloc(arena, n + 1);
    if (!text)
        return PL_STR_NONE;
    for (size_t i = 0; i < n; i++)
        text[i] = t->bytes[(from + i) % t->size];
    return pl_str_of(text, n);
}

/* The function's log; the oldest one makes room for a new one. */
static function_log *log_of(functions *f, const char *key) {
    function_log **at = &f->logs, *found;
    while (*at && strcmp((*at)->key, key) != 0 && (f->log_count < LOGS_MOST || (*at)->next))
        at = &(*at)->next;
    found = *at;
    if (!found && !(found = pl_calloc(1, sizeof *found)))
        return NULL;
    if (*at)
        *at = found->next;
    else
        f->log_count++;
    if (strcmp(found->key, key) != 0) {
        snprintf(found->key, sizeof found->key, "%s", key);
        found->tail = (tail){.bytes = found->bytes, .size = sizeof found->bytes};
    }
    found->next = f->logs;
    f->logs = found;
    return found;
}

int functions_log(functions *f, pl_arena *arena, pl_str account_id, pl_str name, pl_str *text,
                  pl_error *error) {
    char key[FUNCTION_KEY];
    snprintf(key, sizeof key, "%.*s/%.*s", PL_FMT(account_id), PL_FMT(name));
    *text = PL_STR("");
    pthread_mutex_lock(&f->lock);
    for (const function_log *at = f->logs; at; at = at->next)
        if (strcmp(at->key, key) == 0)
            *text = tail_read(&at->tail, arena, 0);
    pthread_mutex_unlock(&f->lock);
    return text->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

/* Takes what has been written; the lock is held. */
static void read_log(functions *f, instance *i) {
    char block[16384];
    function_log *kept = NULL;
    for (unsigned rounds = 0; rounds < 64; rounds++) {
        ssize_t n = read(i->box.log, block, sizeof block);
        i->silent = n == 0;
        if (n <= 0)
            break;
        tail_add(&i->log, block, (size_t)n);
        if (kept || (kept = log_of(f, i->function)))
            tail_add(&kept->tail, block, (size_t)n);
    }
    if (i->log.written - i->log_from > LOG_MOST && !i->ending) {
        i->over_output = i->ending = true;
        kill(i->box.pid, SIGKILL);
    }
}

/* --- The watcher
 * --------------------------------------------------------------------------------------------- */

void instance_wake_watcher(functions *f) {
    ssize_t written = write(f->wake[1], "", 1);
    (void)written; /* a full pipe wakes as well */
}

static void accept_connections(functions *f, const instance *i) {
    for (unsigned rounds = 0; rounds < 16; rounds++) {
        int connection = accept4(i->box.front, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection < 0)
            return;
        if (!atomic_load(&f->linked) || f->link.serve(f->link.context, connection) != 0)
            close(connection);
    }
}

static void measure(functions *f, instance *i) {
    (void)f;
    int64_t used = sandbox_memory_mb(i->box.pid);
    if (used > i->peak_mb)
        i->peak_mb = used;
    if (used > i->memory_mb && !i->ending) {
        i->over_memory = i->ending = true;
        kill(i->box.pid, SIGKILL);
    }
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
static bool look_after(functions *f, instance *i, int64_t now_ns) {
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
    if (i->started && !i->exited && i->busy)
        measure(f, i);
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
    for (instance **at = &f->instances; *at;) {
        instance *i = *at;
        if (i->started) {
            read_log(f, i);
            if (i->box.front >= 0 && !i->exited)
                accept_connections(f, i);
        }
        if (look_after(f, i, now)) {
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

static bool starts(pl_str runtime, const char *prefix) {
    return pl_str_starts(runtime, pl_str_from(prefix));
}

bool functions_has_runtime(const functions *f, pl_str runtime) {
    functions_settle(f);
    if (starts(runtime, "python3"))
        return f->host.python != NULL;
    if (starts(runtime, "nodejs"))
        return f->host.node != NULL;
    return pl_str_is(runtime, "custom") || starts(runtime, "custom.debian");
}

typedef struct starting {
    functions *f;
    pl_arena arena;
    const function_record *function;
    instance *i;
    const char *command[64];
    const char *environment[ENVIRONMENT_MOST];
    size_t commands, variables;
    pl_error *error;
} starting;

static void add_word(starting *s, pl_str word) {
    if (s->commands < 63)
        s->command[s->commands++] = pl_arena_cstr(&s->arena, word);
}

static void add_variable(starting *s, const char *name, pl_str value) {
    if (s->variables < ENVIRONMENT_MOST - 1)
        s->environment[s->variables++] = pl_arena_printf(&s->arena, "%s=%.*s", name, PL_FMT(value)).p;
}

/* customRuntimeConfig: {"command": [...], "args": [...]}; without it /code/bootstrap. */
static int add_custom_command(starting *s) {
    pl_json root = PL_JSON_NONE, word;
    pl_str unnamed;
    pl_str config = s->function->runtime_config;
    if (config.n && pl_json_parse_in(&s->arena, config, &root, s->error) != 0)
        return -1;
    static const char *const lists[] = {"command", "args"};
    for (size_t n = 0; n < 2; n++) {
        pl_json list = pl_json_get(root, pl_str_from(lists[n]));
        for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &unnamed, &word);)
            add_word(s, pl_json_str(word));
    }
    if (s->commands == 0)
        add_word(s, s->f->host.unsafe ? PL_STR("./bootstrap") : PL_STR("/code/bootstrap"));
    return 0;
}

static int add_command(starting *s) {
    pl_str runtime = s->function->runtime;
    const sandbox_host *host = &s->f->host;
    pl_str bridges = host->unsafe ? pl_str_from(host->base) : PL_STR("/runtime");
    if (starts(runtime, "python3")) {
        add_word(s, pl_str_from(host->python));
        add_word(s, PL_STR("-uB"));
        add_word(s, pl_arena_printf(&s->arena, "%.*s/bridge.py", PL_FMT(bridges)));
    } else if (starts(runtime, "nodejs")) {
        add_word(s, pl_str_from(host->node));
        add_word(s,
                 pl_arena_printf(&s->arena, "--max-old-space-size=%lld", (long long)s->function->memory_mb));
        add_word(s, pl_arena_printf(&s->arena, "%.*s/bridge.mjs", PL_FMT(bridges)));
    } else if (add_custom_command(s) != 0) {
        return -1;
    }
    return s->arena.failed ? pl_fail(s->error, PL_E_ServiceUnavailable) : 0;
}

static int add_environment(starting *s, const char *port) {
    const function_record *r = s->function;
    pl_json variables, value;
    pl_str name;
    add_variable(s, "PATH", PL_STR("/code:/usr/local/bin:/usr/bin:/bin"));
    add_variable(s, "HOME", PL_STR("/tmp"));
    add_variable(s, "TMPDIR", PL_STR("/tmp"));
    add_variable(s, "LANG", PL_STR("C.UTF-8"));
    add_variable(s, "FC_SERVER_PORT", pl_str_from(port));
    add_variable(s, "FC_FUNCTION_NAME", r->name);
    add_variable(s, "FC_FUNCTION_HANDLER", r->handler);
    add_variable(s, "FC_FUNCTION_MEMORY_SIZE", pl_arena_printf(&s->arena, "%lld", (long long)r->memory_mb));
    add_variable(s, "FC_REGION", s->f->config.region);
    add_variable(s, "FC_ACCOUNT_ID", r->account_id);
    add_variable(s, "FC_INSTANCE_ID", pl_str_from(s->i->id));
    add_variable(s, "_HANDLER", r->handler);
    if (s->f->host.unsafe && atomic_load(&s->f->linked) && s->f->link.endpoint)
        add_variable(s, "PLUMBLINE_ENDPOINT", pl_str_from(s->f->link.endpoint));
    if (pl_json_parse_in(&s->arena, r->environment, &variables, s->error) != 0)
        return -1;
    for (pl_json_walk w = pl_json_children(variables); pl_json_step(&w, &name, &value);) {
        char *text = pl_arena_cstr(&s->arena, name);
        if (text)
            add_variable(s, text, pl_json_str(value));
    }
    return s->arena.failed ? pl_fail(s->error, PL_E_ServiceUnavailable) : 0;
}

struct loading {
    pl_arena *arena;
    const function_record *function;
    pl_str package;
};

static int load_code(store_session *session, void *argument, pl_error *error) {
    struct loading *l = argument;
    return function_get_code(session, l->arena, l->function->account_id, l->function->code_checksum,
                             &l->package, error);
}

static int unpack_code(starting *s) {
    char code[SANDBOX_PATH + 8];
    struct loading l = {&s->arena, s->function, PL_STR_NONE};
    snprintf(code, sizeof code, "%s/code", s->i->directory);
    if (mkdir(s->i->directory, 0700) != 0 || mkdir(code, 0755) != 0 || chmod(code, 0755) != 0)
        return pl_failf(s->error, PL_E_ServiceUnavailable, "%s: %s", code, strerror(errno));
    if (store_read(s->f->config.store, load_code, &l, s->error) != 0)
        return -1;
    if (!l.package.p)
        return pl_failf(s->error, PL_E_ServiceUnavailable, "the function has no code");
    if (archive_unpack(l.package, code, s->error) != 0)
        return -1;
    uid_t user = SANDBOX_UID_FIRST + s->i->slot;
    if (s->f->host.root && !s->f->host.unsafe && chown(s->i->directory, user, user) != 0)
        return pl_failf(s->error, PL_E_ServiceUnavailable, "%s: %s", s->i->directory, strerror(errno));
    return 0;
}

/* A port of the host that is free now; only functions without a sandbox need one. */
static uint16_t free_port(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool bound = probe >= 0 && bind(probe, (struct sockaddr *)&address, sizeof address) == 0 &&
                 getsockname(probe, (struct sockaddr *)&address, &size) == 0;
    if (probe >= 0)
        close(probe);
    return bound ? ntohs(address.sin_port) : 0;
}

static int start_runtime(starting *s) {
    char port[8];
    instance *i = s->i;
    i->port = s->f->host.unsafe ? free_port() : 9000;
    snprintf(port, sizeof port, "%u", i->port);
    if (unpack_code(s) != 0 || add_command(s) != 0 ||
        add_environment(s, s->f->host.unsafe ? port : runtime_port) != 0)
        return -1;
    sandbox_order order = {.directory = i->directory,
                           .slot = i->slot,
                           .command = s->command,
                           .environment = s->environment,
                           .memory_mb = i->memory_mb,
                           .disk_mb = s->function->disk_mb,
                           .cpu_seconds = 20 * s->function->timeout_seconds + 60,
                           .generous = starts(s->function->runtime, "nodejs")};
    return sandbox_start(&s->f->host, &order, &i->box, s->error);
}

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
    starting s = {.f = f, .function = function, .i = i, .error = error};
    pl_arena_init(&s.arena, (size_t)FUNCTION_PACKAGE_MAX + (4 << 20));
    int status = start_runtime(&s);
    pl_arena_free(&s.arena);
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
