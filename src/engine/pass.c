/*
 * A pass's way through the inventory. Owns passes.
 *
 * Every thread of the engine may take part: each gathers the next range, and stores it when those before it
 * are stored. So memory is bounded by the threads, and positions only ever go forward.
 */
#include "engine/pass.h"

#include "base/memory.h"

#include <stdio.h>

enum { BATCH_ARENA_LIMIT = 512 << 20 };

/* One thread's part in it. */
struct hand {
    engine_pass *pass;
    engine_range range;
    bool claimed;
    bool lost; /* when it last looked, no run was left */
    uint64_t ticket;
    engine_batch batch;
    pl_arena arena; /* of the batch */
    int64_t now;
};

bool engine_is_stopping(engine *e) {
    pthread_mutex_lock(&e->work_lock);
    bool stop = e->work_stop;
    pthread_mutex_unlock(&e->work_lock);
    return stop;
}

/* --- Taking ----------------------------------------------------------------------------------------------
 */

struct taking {
    engine_pass *pass;
    bool any;
    int64_t now;
};

static int any_work(store_session *session, void *argument, pl_error *error) {
    struct taking *t = argument;
    return engine_pass_any(session, t->now, &t->any, error);
}

/* What a former attempt of the same transaction began is ended first. */
static int take_work(store_session *session, void *argument, pl_error *error) {
    struct taking *t = argument;
    if (t->any)
        engine_run_end(&t->pass->run);
    return engine_pass_fill(t->pass, session, t->now, &t->any, error);
}

static void free_pass(engine_pass *p, bool begun) {
    if (begun)
        engine_run_end(&p->run);
    pthread_cond_destroy(&p->turned);
    pthread_mutex_destroy(&p->lock);
    pl_free(p);
}

int engine_pass_take(engine *e, engine_pass **out, bool *worked, pl_error *error) {
    struct taking t = {.now = pl_now(&e->config.clock)};
    *out = NULL;
    if (store_read(e->config.store, any_work, &t, error) != 0)
        return -1;
    if (!t.any)
        return 0;
    t.pass = pl_calloc(1, sizeof *t.pass);
    if (!t.pass)
        return pl_fail(error, PL_E_ServiceUnavailable);
    t.pass->e = e;
    t.pass->hands = 1;
    snprintf(t.pass->lease, sizeof t.pass->lease, "%s-%llu", e->node,
             (unsigned long long)__atomic_add_fetch(&e->passes_begun, 1, __ATOMIC_RELAXED));
    pthread_mutex_init(&t.pass->lock, NULL);
    pthread_cond_init(&t.pass->turned, NULL);
    t.any = false;
    int status = store_write(e->config.store, take_work, &t, error);
    *worked = *worked || t.any;
    if (status == 0 && t.any && t.pass->run.count)
        *out = t.pass;
    else
        free_pass(t.pass, t.any);
    return status;
}

/* --- Batches ---------------------------------------------------------------------------------------------
 */

/* The next range and its ticket, or none. */
static int claim(struct hand *h, store_session *session, pl_error *error) {
    engine_pass *p = h->pass;
    pthread_mutex_lock(&p->lock);
    int status = engine_run_claim(&p->run, session, &p->run.cursor, &h->range, error);
    if (status == 0 && h->range.type.p) {
        h->ticket = p->tickets++;
        h->claimed = true;
    }
    pthread_mutex_unlock(&p->lock);
    return status;
}

static int gather_work(store_session *session, void *argument, pl_error *error) {
    struct hand *h = argument;
    pl_arena_reset(&h->arena);
    if (!h->claimed && claim(h, session, error) != 0)
        return -1;
    if (!h->claimed)
        return 0;
    return engine_run_gather(&h->pass->run, session, &h->arena, h->now, &h->range, &h->batch, error);
}

/* Stores the hand's batch; one without a type is the end. */
static int store_work_of(store_session *session, void *argument, pl_error *error) {
    struct hand *h = argument;
    engine_pass *p = h->pass;
    bool ends = !h->batch.range.type.p;
    p->run.stored_type = p->type;
    p->run.stored_key = p->key;
    if (engine_pass_check(p, session, &h->lost, error) != 0)
        return -1;
    if (h->lost)
        return 0;
    if (engine_run_store(&p->run, session, &h->arena, h->now, &h->batch, error) != 0)
        return -1;
    return engine_pass_move(p, session, h->now, ends, error);
}

/* Waits until everything before the hand's range is stored; false when the pass has ended. */
static bool wait_for_turn(struct hand *h) {
    engine_pass *p = h->pass;
    pthread_mutex_lock(&p->lock);
    while (p->turn != h->ticket && !p->failed && !p->lost)
        pthread_cond_wait(&p->turned, &p->lock);
    bool mine = !p->failed && !p->lost;
    pthread_mutex_unlock(&p->lock);
    return mine;
}

static void end_turn(struct hand *h, int status, bool passes_on) {
    engine_pass *p = h->pass;
    pthread_mutex_lock(&p->lock);
    p->failed = p->failed || status != 0;
    p->lost = p->lost || h->lost;
    if (status == 0) {
        p->type = p->run.stored_type;
        p->key = p->run.stored_key;
    }
    p->turn += passes_on;
    pthread_cond_broadcast(&p->turned);
    pthread_mutex_unlock(&p->lock);
}

/* Gathers and stores one range; `*any` false: there is none, or the pass has ended. */
static int work_range(struct hand *h, bool *any, pl_error *error) {
    store *db = h->pass->e->config.store;
    int status = 0;
    *any = false;
    h->claimed = false;
    do {
        h->now = pl_now(&h->pass->e->config.clock);
        status = store_read(db, gather_work, h, error);
        if (status == 0 && !h->claimed)
            return 0;
        if (status == 0 && !wait_for_turn(h))
            return 0;
        if (status == 0)
            status = store_write(db, store_work_of, h, error);
        end_turn(h, status, !h->batch.full);
        h->range.after = h->batch.range.until;
        h->range.page = false;
    } while (status == 0 && h->batch.full);
    *any = status == 0;
    return status;
}

/* --- Ending ----------------------------------------------------------------------------------------------
 */

static int release_work(store_session *session, void *argument, pl_error *error) {
    return engine_pass_release(argument, session, error);
}

/* The last hand is the one that ends the runs. */
static int conclude(struct hand *h, pl_error *error) {
    engine_pass *p = h->pass;
    if (p->failed || p->lost)
        return 0;
    h->now = pl_now(&p->e->config.clock);
    h->batch.range.type = PL_STR_NONE;
    pl_arena_reset(&h->arena);
    int status = store_write(p->e->config.store, store_work_of, h, error);
    p->done = status == 0;
    p->lost = p->lost || h->lost;
    return status;
}

/* Runs that did not end are given back for anybody to go on with; at the latest their lease ends. */
static void give_back(engine_pass *p) {
    pl_error unread;
    if (!p->done && !p->lost)
        (void)store_write(p->e->config.store, release_work, p, &unread);
}

static void unlink_pass(engine *e, const engine_pass *p) {
    for (engine_pass **at = &e->passes; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            return;
        }
}

/* Leaves the pass; true for the last hand, who has it alone then. */
static bool leave(engine_pass *p, bool closes) {
    engine *e = p->e;
    pthread_mutex_lock(&e->work_lock);
    p->closed = p->closed || closes;
    bool last = --p->hands == 0;
    if (last) {
        p->closed = true;
        unlink_pass(e, p);
    }
    pthread_mutex_unlock(&e->work_lock);
    return last;
}

int engine_pass_work(engine_pass *p, bool one_batch, pl_error *error) {
    struct hand *h = pl_calloc(1, sizeof *h);
    int status = h ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
    bool any = true;
    if (h) {
        h->pass = p;
        pl_arena_init(&h->arena, BATCH_ARENA_LIMIT);
    }
    while (status == 0 && any && !engine_is_stopping(p->e)) {
        status = work_range(h, &any, error);
        if (one_batch)
            break;
    }
    bool at_end = status == 0 && !any;
    if (leave(p, status != 0 || at_end)) {
        if (at_end && conclude(h, error) != 0)
            status = -1;
        give_back(p);
        free_pass(p, true);
    }
    if (h)
        pl_arena_free(&h->arena);
    pl_free(h);
    return status;
}

void engine_pass_abandon(engine_pass *p) {
    give_back(p);
    free_pass(p, true);
}

/* --- Other threads ---------------------------------------------------------------------------------------
 */

void engine_pass_publish(engine_pass *p) {
    engine *e = p->e;
    pthread_mutex_lock(&e->work_lock);
    p->next = e->passes;
    e->passes = p;
    e->work_wanted++;
    pthread_cond_broadcast(&e->work_wake);
    pthread_mutex_unlock(&e->work_lock);
}

engine_pass *engine_pass_join(engine *e) {
    pthread_mutex_lock(&e->work_lock);
    engine_pass *p = e->passes;
    while (p && p->closed)
        p = p->next;
    if (p)
        p->hands++;
    pthread_mutex_unlock(&e->work_lock);
    return p;
}
