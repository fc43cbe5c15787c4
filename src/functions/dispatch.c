/*
 * Delivery: a claimer takes due events from the store into lanes, one lane a function; workers take from the
 * lanes in turn. A lane holds and runs only so much at once, so a slow function holds up nobody but itself.
 *
 * A claim is a short lease that the claimer renews while its process lives. What happens between invocation
 * and settlement leaves the event in the store: a killed server delivers it again, and the result of a run
 * counts once (engine/function.h).
 */
#include "functions/private.h"

#include "base/memory.h"
#include "functions/later.h"

#include <stdio.h>
#include <time.h>

enum {
    LEASE_MS = 15000,
    RENEW_MS = 5000,
    IDLE_MS = 1000,
    LANE_HELD = 16,
    CLAIMED_RULES = 256,
    ARENA_LIMIT = 64 << 20
};
enum { OWNER = 48, INVOCATION = 160 };

/* One thing to run: an event of a rule, or an asynchronous invocation. */
typedef struct job {
    bool later;
    char account[OWNER], owner[OWNER], invocation[INVOCATION];
    engine_function_event event; /* its texts are those above */
} job;

struct lane {
    struct lane *next;
    char key[INSTANCE_KEY];
    job jobs[LANE_HELD]; /* a ring */
    size_t first, held;
    unsigned running;
};

/* --- Lanes: the queue lock is held
 * ---------------------------------------------------------------------------- */

static lane *find_lane(functions *f, const char *key) {
    lane *l = f->lanes;
    while (l && strcmp(l->key, key) != 0)
        l = l->next;
    if (l || f->lane_count == LANES_MOST || !(l = pl_calloc(1, sizeof *l)))
        return l;
    snprintf(l->key, sizeof l->key, "%s", key);
    l->next = f->lanes;
    f->lanes = l;
    f->lane_count++;
    return l;
}

static void drop_if_empty(functions *f, lane *l) {
    if (l->held || l->running)
        return;
    for (lane **at = &f->lanes; *at; at = &(*at)->next)
        if (*at == l) {
            *at = l->next;
            break;
        }
    if (f->next_lane == l)
        f->next_lane = l->next;
    f->lane_count--;
    pl_free(l);
}

/* The last free workers are for functions that run nothing yet: busy ones cannot take them all. */
static bool may_run(const functions *f, const lane *l) {
    unsigned spare = f->running_jobs < f->config.workers ? f->config.workers - f->running_jobs : 0;
    bool another = l->running < f->config.per_function && spare > f->config.workers / 4;
    return l->held > 0 && (l->running == 0 || another);
}

/* The next lane in turn that has something to run. */
static lane *choose_lane(functions *f) {
    lane *start = f->next_lane ? f->next_lane : f->lanes;
    for (lane *l = start; l; l = l->next)
        if (may_run(f, l))
            return l;
    for (lane *l = f->lanes; l && l != start; l = l->next)
        if (may_run(f, l))
            return l;
    return NULL;
}

static size_t room_of(functions *f, const char *key) {
    pthread_mutex_lock(&f->queue_lock);
    const lane *l = f->lanes;
    while (l && strcmp(l->key, key) != 0)
        l = l->next;
    size_t room = l ? LANE_HELD - l->held : f->lane_count < LANES_MOST ? LANE_HELD : 0;
    pthread_mutex_unlock(&f->queue_lock);
    return room;
}

static bool push(functions *f, const char *key, const job *j) {
    pthread_mutex_lock(&f->queue_lock);
    lane *l = find_lane(f, key);
    bool fits = l && l->held < LANE_HELD;
    if (fits) {
        l->jobs[(l->first + l->held++) % LANE_HELD] = *j;
        pthread_cond_signal(&f->work);
    }
    pthread_mutex_unlock(&f->queue_lock);
    return fits;
}

static void set_owner(char to[static OWNER], pl_str text) {
    snprintf(to, OWNER, "%.*s", PL_FMT(text));
}

/* --- Claiming
 * -------------------------------------------------------------------------------------------------- */

struct due_rule {
    int64_t key;
    char lane[INSTANCE_KEY];
};

struct claiming {
    functions *f;
    pl_arena *arena;
    int64_t now;
    struct due_rule rules[CLAIMED_RULES];
    size_t rule_count;
    int64_t last_key; /* of the rules that were looked at; 0: all were */
    const struct due_rule *rule;
    size_t room;
    engine_function_event *events;
    later *laters;
    size_t count;
};

/* Functions of one name share a lane, whichever rule calls them. */
static void lane_of(pl_str identifier, char key[static INSTANCE_KEY]) {
    function_name name;
    if (function_arn_parse(identifier, &name))
        snprintf(key, INSTANCE_KEY, "%.*s/%.*s", PL_FMT(name.account_id), PL_FMT(name.name));
    else
        snprintf(key, INSTANCE_KEY, "%.*s", PL_FMT(pl_str_head(identifier, INSTANCE_KEY - 1)));
}

static int note_due(struct claiming *c, store_session *session, int64_t key, pl_str owner, pl_error *error) {
    bool due, found;
    engine_rule rule;
    if (engine_function_has_due(session, key, c->now, &due, error) != 0)
        return -1;
    if (!due)
        return 0;
    if (engine_rule_find_key(session, c->arena, owner, key, &rule, &found, error) != 0)
        return -1;
    struct due_rule *out = &c->rules[c->rule_count++];
    out->key = key;
    lane_of(found ? rule.identifier : PL_STR("gone"), out->lane);
    return 0;
}

/* Goes on behind where the last look ended, once around, so that no rule hides another for ever. */
static int find_due(store_session *session, void *argument, pl_error *error) {
    struct claiming *c = argument;
    int64_t start = c->f->claimed_key, key = start;
    bool around = false;
    pl_str owner;
    c->rule_count = 0;
    while (c->rule_count < CLAIMED_RULES) {
        int64_t before = key;
        if (engine_function_next_rule(session, c->arena, before, &key, &owner, error) != 0)
            return -1;
        if (key == 0 && (around || start == 0))
            break;
        if (key == 0) {
            around = true;
            continue;
        }
        if (around && key > start)
            break;
        if (note_due(c, session, key, owner, error) != 0)
            return -1;
    }
    c->last_key = c->rule_count == CLAIMED_RULES ? key : 0;
    return 0;
}

static int claim_work(store_session *session, void *argument, pl_error *error) {
    struct claiming *c = argument;
    return engine_function_claim(session, c->arena, c->rule->key, pl_str_from(c->f->node), c->now,
                                 c->now + LEASE_MS, c->room, &c->events, &c->count, error);
}

static int claim_rule(struct claiming *c, const struct due_rule *rule, pl_error *error) {
    c->rule = rule;
    c->room = room_of(c->f, rule->lane);
    if (c->room == 0)
        return 0;
    if (store_write(c->f->config.store, claim_work, c, error) != 0)
        return -1;
    for (size_t i = 0; i < c->count; i++) {
        job j = {.event = c->events[i]};
        set_owner(j.account, c->events[i].account_id);
        set_owner(j.owner, c->events[i].owner_id);
        push(c->f, rule->lane, &j);
    }
    return 0;
}

static int claim_later_work(store_session *session, void *argument, pl_error *error) {
    struct claiming *c = argument;
    return later_claim(session, c->arena, pl_str_from(c->f->node), c->now, c->now + LEASE_MS, LANE_HELD,
                       c->laters, &c->count, error);
}

static int any_later(store_session *session, void *argument, pl_error *error) {
    struct claiming *c = argument;
    store_statement *st =
        store_prepare(session, "SELECT 1 FROM function_invocations WHERE due <= $1 LIMIT 1", error);
    store_bind_i64(st, 1, c->now);
    int step = store_step(st, error);
    c->count = step == 1;
    if (step == 1)
        store_reset(st);
    return step < 0 ? -1 : 0;
}

/* What finds no room in its lane is given back. */
static int put_back_work(store_session *session, void *argument, pl_error *error) {
    struct claiming *c = argument;
    return later_put_back(session, c->laters + c->count, c->now + IDLE_MS, error);
}

static bool push_later(struct claiming *c, const later *l) {
    char key[INSTANCE_KEY];
    job j = {.later = true};
    set_owner(j.account, l->account_id);
    snprintf(j.invocation, sizeof j.invocation, "%.*s", PL_FMT(l->id));
    snprintf(key, sizeof key, "%.*s/%.*s", PL_FMT(l->account_id), PL_FMT(l->name));
    return push(c->f, key, &j);
}

static int claim_laters(struct claiming *c, pl_error *error) {
    c->laters = pl_new(c->arena, later, LANE_HELD);
    if (!c->laters)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (store_read(c->f->config.store, any_later, c, error) != 0)
        return -1;
    if (c->count == 0)
        return 0;
    if (store_write(c->f->config.store, claim_later_work, c, error) != 0)
        return -1;
    for (size_t left = c->count; left > 0; left--) {
        c->count = left - 1;
        if (!push_later(c, c->laters + left - 1) &&
            store_write(c->f->config.store, put_back_work, c, error) != 0)
            return -1;
    }
    return 0;
}

static int claim_all(functions *f, pl_error *error) {
    pl_arena arena;
    struct claiming *c = pl_calloc(1, sizeof *c);
    if (!c)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_arena_init(&arena, ARENA_LIMIT);
    c->f = f;
    c->arena = &arena;
    c->now = pl_now(&f->config.clock);
    int status = store_read(f->config.store, find_due, c, error);
    if (status == 0)
        f->claimed_key = c->last_key;
    for (size_t i = 0; status == 0 && i < c->rule_count; i++)
        status = claim_rule(c, c->rules + i, error);
    if (status == 0)
        status = claim_laters(c, error);
    pl_arena_free(&arena);
    pl_free(c);
    return status;
}

struct renewing {
    pl_str node;
    int64_t lease;
};

static int renew_work(store_session *session, void *argument, pl_error *error) {
    struct renewing *r = argument;
    if (engine_function_renew(session, r->node, r->lease, error) != 0)
        return -1;
    return later_renew(session, r->node, r->lease, error);
}

/* What this process holds stays its own while it lives, however long the functions take. */
static int renew_claims(functions *f, bool holds_any, pl_error *error) {
    int64_t now = pl_monotonic_ns() / 1000000;
    if (now - f->renewed_ms < RENEW_MS)
        return 0;
    f->renewed_ms = now;
    struct renewing r = {pl_str_from(f->node), pl_now(&f->config.clock) + LEASE_MS};
    return holds_any ? store_write(f->config.store, renew_work, &r, error) : 0;
}

static void report(functions *f, const char *what, const pl_error *error) {
    if (f->config.log)
        pl_log_write(f->config.log, PL_LOG_WARNING, "functions: %s: %s: %s", what, error->code,
                     error->message);
}

static void *claim_loop(void *context) {
    functions *f = context;
    uint64_t seen = 0;
    pthread_mutex_lock(&f->queue_lock);
    while (!f->stopping) {
        seen = f->wanted;
        bool holds_any = f->lanes != NULL;
        pthread_mutex_unlock(&f->queue_lock);
        pl_error error = {0};
        if (renew_claims(f, holds_any, &error) != 0)
            report(f, "claims cannot be renewed", &error);
        if (claim_all(f, &error) != 0)
            report(f, "events cannot be read", &error);
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += IDLE_MS / 1000;
        pthread_mutex_lock(&f->queue_lock);
        if (!f->stopping && seen == f->wanted)
            pthread_cond_timedwait(&f->queue_wake, &f->queue_lock, &until);
    }
    pthread_mutex_unlock(&f->queue_lock);
    return NULL;
}

static void wake_claimer(void *context, pl_str payload) {
    functions *f = context;
    (void)payload;
    pthread_mutex_lock(&f->queue_lock);
    f->wanted++;
    pthread_cond_signal(&f->queue_wake);
    pthread_mutex_unlock(&f->queue_lock);
}

/* --- Events of rules
 * -------------------------------------------------------------------------------------------- */

struct delivery {
    functions *f;
    pl_arena *arena;
    const engine_function_event *event;
    int64_t now, began;
    pl_str document;
    engine_rule rule;
    function_record function;
    bool found, has_function, pending;
    functions_outcome outcome;
    pl_str code, message; /* of a failure */
};

static int prepare_work(store_session *session, void *argument, pl_error *error) {
    struct delivery *d = argument;
    function_name name;
    d->has_function = false;
    if (event_document(d->f, session, d->arena, d->event, d->now, &d->document, &d->rule, &d->found, error) !=
        0)
        return -1;
    /* A rule calls functions of its own account only. */
    if (!d->found || !function_arn_parse(d->rule.identifier, &name) ||
        !pl_str_eq(name.account_id, d->rule.account_id))
        return 0;
    return function_find(session, d->arena, name.account_id, name.name, name.qualifier, &d->function,
                         &d->has_function, error);
}

static int drop_work(store_session *session, void *argument, pl_error *error) {
    return engine_function_drop(session, ((struct delivery *)argument)->event, error);
}

static int pending_work(store_session *session, void *argument, pl_error *error) {
    struct delivery *d = argument;
    return engine_function_is_pending(session, d->event, &d->pending, error);
}

static int await_work(store_session *session, void *argument, pl_error *error) {
    struct delivery *d = argument;
    int64_t wait = d->function.timeout_seconds * 1000;
    wait = wait < REPORT_MS_MOST ? wait : REPORT_MS_MOST;
    return engine_function_await(session, d->event, d->began + wait, error);
}

static int64_t retry_at(const functions *f, int64_t attempts, int64_t now) {
    int64_t wait = f->config.retry_ms;
    if (attempts + 1 >= ATTEMPTS)
        return 0;
    for (int64_t i = 0; i < attempts; i++)
        wait *= 5;
    return now + wait;
}

static int failed_work(store_session *session, void *argument, pl_error *error) {
    struct delivery *d = argument;
    int64_t now = pl_now(&d->f->config.clock);
    return engine_function_failed(session, d->event, d->code, d->message, d->began,
                                  retry_at(d->f, d->event->attempts, now), now, error);
}

static bool is_stopping(functions *f) {
    pthread_mutex_lock(&f->queue_lock);
    bool stopping = f->stopping;
    pthread_mutex_unlock(&f->queue_lock);
    return stopping;
}

/* Runs the function; false when the event has failed, with code and message. */
static bool try_function(struct delivery *d) {
    char request_id[PL_UUID_TEXT] = "";
    pl_error error = {0};
    d->code = PL_STR("FunctionNotFound");
    d->message = pl_arena_printf(d->arena, "The function %.*s does not exist.", PL_FMT(d->rule.identifier));
    if (!d->has_function)
        return false;
    d->code = PL_STR("FunctionInvokeError");
    if (pl_random_uuid(&d->f->config.random, request_id) != 0 ||
        functions_invoke(d->f, d->arena, &d->function, d->document, pl_str_from(request_id),
                         d->event->attempts, &d->outcome, &error) != 0) {
        d->message = pl_arena_copy(d->arena, pl_str_from(error.message));
        return false;
    }
    d->code = d->outcome.code;
    d->message = d->outcome.message;
    return d->outcome.error_type.n == 0;
}

static int settle(struct delivery *d, bool ran, pl_error *error) {
    store *s = d->f->config.store;
    if (is_stopping(d->f)) /* its instance was ended under it; it is delivered again */
        return 0;
    if (!ran)
        return store_write(s, failed_work, d, error);
    if (store_read(s, pending_work, d, error) != 0)
        return -1;
    return d->pending ? store_write(s, await_work, d, error) : 0;
}

static int deliver(functions *f, pl_arena *arena, const engine_function_event *event, pl_error *error) {
    struct delivery d = {.f = f, .arena = arena, .event = event, .now = pl_now(&f->config.clock)};
    d.began = d.now;
    if (store_read(f->config.store, prepare_work, &d, error) != 0)
        return -1;
    if (!d.found)
        return store_write(f->config.store, drop_work, &d, error);
    if (event->awaiting) {
        d.code = PL_STR("TimeOut");
        d.message = PL_STR("The function has ended without handing in a result in time.");
        return store_write(f->config.store, failed_work, &d, error);
    }
    return settle(&d, try_function(&d), error);
}

/* --- Asynchronous invocations
 * --------------------------------------------------------------------------------- */

struct later_run {
    functions *f;
    pl_arena *arena;
    later item;
    function_record function;
    bool found, has_function;
    int64_t retry;
};

static int load_later(store_session *session, void *argument, pl_error *error) {
    struct later_run *r = argument;
    r->has_function = false;
    if (later_load(session, r->arena, &r->item, &r->found, error) != 0 || !r->found)
        return r->found ? -1 : 0;
    return function_find(session, r->arena, r->item.account_id, r->item.name, r->item.version, &r->function,
                         &r->has_function, error);
}

static int end_later(store_session *session, void *argument, pl_error *error) {
    struct later_run *r = argument;
    return later_end(session, &r->item, r->retry, error);
}

static int run_later(functions *f, pl_arena *arena, const job *j, pl_error *error) {
    struct later_run r = {.f = f, .arena = arena};
    functions_outcome outcome = {.error_type = PL_STR("")};
    pl_error unavailable = {0};
    r.item = (later){.account_id = pl_str_from(j->account), .id = pl_str_from(j->invocation)};
    if (store_read(f->config.store, load_later, &r, error) != 0)
        return -1;
    if (!r.found)
        return 0;
    bool failed = r.has_function && (functions_invoke(f, arena, &r.function, r.item.payload, r.item.id,
                                                      r.item.attempts, &outcome, &unavailable) != 0 ||
                                     outcome.error_type.n > 0);
    if (is_stopping(f))
        return 0;
    r.retry = failed ? retry_at(f, r.item.attempts, pl_now(&f->config.clock)) : 0;
    return store_write(f->config.store, end_later, &r, error);
}

/* --- Workers
 * ------------------------------------------------------------------------------------------------------ */

static void run_job(functions *f, const job *j) {
    pl_arena arena;
    pl_error error = {0};
    engine_function_event event = j->event;
    event.account_id = pl_str_from(j->account);
    event.owner_id = pl_str_from(j->owner);
    pl_arena_init(&arena, ARENA_LIMIT);
    int status = j->later ? run_later(f, &arena, j, &error) : deliver(f, &arena, &event, &error);
    if (status != 0)
        report(f, "an event could not be delivered now", &error);
    pl_arena_free(&arena);
}

static void *work_loop(void *context) {
    functions *f = context;
    pthread_mutex_lock(&f->queue_lock);
    while (!f->stopping) {
        lane *l = choose_lane(f);
        if (!l) {
            pthread_cond_wait(&f->work, &f->queue_lock);
            continue;
        }
        job j = l->jobs[l->first];
        l->first = (l->first + 1) % LANE_HELD;
        l->held--;
        l->running++;
        f->running_jobs++;
        f->next_lane = l->next;
        bool low = l->held <= LANE_HELD / 2;
        if (low) {
            f->wanted++;
            pthread_cond_signal(&f->queue_wake);
        }
        pthread_mutex_unlock(&f->queue_lock);
        run_job(f, &j);
        pthread_mutex_lock(&f->queue_lock);
        l->running--;
        f->running_jobs--;
        drop_if_empty(f, l);
        pthread_cond_broadcast(&f->work);
    }
    pthread_mutex_unlock(&f->queue_lock);
    return NULL;
}

/* --- Starting and stopping
 * ------------------------------------------------------------------------------------------ */

struct releasing {
    pl_str node;
};

static int release_work(store_session *session, void *argument, pl_error *error) {
    pl_str node = ((struct releasing *)argument)->node;
    return engine_function_release(session, node, error) == 0 ? later_release(session, node, error) : -1;
}

int dispatch_start(functions *f, pl_error *error) {
    struct releasing before = {PL_STR_NONE};
    if (store_write(f->config.store, release_work, &before, error) != 0 ||
        store_listen(f->config.store, ENGINE_FUNCTION_CHANNEL, wake_claimer, f, error) != 0)
        return -1;
    f->listens = true;
    for (; f->worker_count < f->config.workers; f->worker_count++)
        if (pthread_create(&f->workers[f->worker_count], NULL, work_loop, f) != 0)
            return pl_failf(error, PL_E_ServiceUnavailable, "The threads of functions cannot be started.");
    f->has_claimer = pthread_create(&f->claimer, NULL, claim_loop, f) == 0;
    return f->has_claimer
               ? 0
               : pl_failf(error, PL_E_ServiceUnavailable, "The threads of functions cannot be started.");
}

void dispatch_stop(functions *f) {
    struct releasing own = {pl_str_from(f->node)};
    pl_error error = {0};
    if (f->listens)
        store_unlisten(f->config.store, ENGINE_FUNCTION_CHANNEL, wake_claimer, f);
    f->listens = false;
    if (f->has_claimer)
        pthread_join(f->claimer, NULL);
    for (unsigned i = 0; i < f->worker_count; i++)
        pthread_join(f->workers[i], NULL);
    while (f->lanes) {
        lane *l = f->lanes;
        f->lanes = l->next;
        pl_free(l);
    }
    if (f->worker_count && store_write(f->config.store, release_work, &own, &error) != 0)
        report(f, "claims could not be given back", &error);
    f->has_claimer = false;
    f->worker_count = 0;
}
