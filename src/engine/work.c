/*
 * Background work: stored runs, and a look at schedules, marks and days now and then.
 *
 * All runs of an account that stand at the same place are taken together and go through the inventory as one.
 * They are taken with leases that each batch renews; the work of a killed node goes on elsewhere, from the
 * last batch that was stored. A run whose row is gone, or was started anew, is abandoned at its next batch.
 *
 * Every thread of the engine may take part in a run: each gathers the next range, and stores it when those
 * before it are stored. So memory is bounded by the threads, and positions only ever go forward.
 */
#include "engine/work.h"
#include "engine/links.h"
#include "engine/listed.h"

#include "base/memory.h"

#include <stdio.h>

enum {
    LEASE_MILLISECONDS = 60000,
    TICK_MILLISECONDS = 5000,
    BATCH_ARENA_LIMIT = 512 << 20,
};

/* Runs that go through the inventory together, in this process. */
struct engine_pass {
    engine *e;
    engine_run run;
    char lease[ENGINE_NODE_TEXT + 21]; /* names this pass of this process in the rows */
    unsigned hands; /* threads that take part; with `next` and `closed` guarded by the engine's work_lock */
    bool closed;    /* nobody joins any more */
    struct engine_pass *next;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t turned;
    uint64_t tickets, turn; /* handed out; the one to be stored next */
    pl_str type;            /* position of what is stored durably */
    int64_t key;
    bool lost; /* all rules are */
    bool failed;
    bool done;
};

/* One thread's part in it. */
struct hand {
    struct engine_pass *pass;
    engine_range range;
    bool claimed;
    bool lost; /* when it last looked, no run was left */
    uint64_t ticket;
    engine_batch batch;
    pl_arena arena; /* of the batch */
    int64_t now;
};

/* --- Taking runs -----------------------------------------------------------------------------------------
 */

static int forget_row(store_session *session, pl_str account_id, int64_t rule_key, pl_error *error) {
    return store_run(session, error, "DELETE FROM evaluation_runs WHERE account_id = $1 AND rule_key = $2",
                     "ti", account_id, rule_key);
}

/* A stored run as its row tells it. */
struct waiting {
    int64_t rule_key, ordering, message_type, revert;
    pl_str owner_id;
};

static int add_run(struct engine_pass *p, store_session *session, const struct waiting *row, int64_t now,
                   pl_error *error) {
    engine_rule rule;
    bool found, inside = false;
    engine_run_rule *added = NULL;
    if (engine_rule_find_key(session, &p->run.arena, row->owner_id, row->rule_key, &rule, &found, error) != 0)
        return -1;
    if (found && !(added = engine_run_add(&p->run, session, &rule, &inside, error)))
        return -1;
    if (!inside)
        return forget_row(session, p->run.account_id, row->rule_key, error);
    added->ordering = row->ordering;
    added->message_type = (engine_message_type)row->message_type;
    added->revert = row->revert != 0;
    return store_run(
        session, error,
        "UPDATE evaluation_runs SET node = $3, leased_until = $4 WHERE account_id = $1 AND rule_key = $2",
        "titi", p->run.account_id, row->rule_key, pl_str_from(p->lease), now + LEASE_MILLISECONDS);
}

static int read_waiting(struct engine_pass *p, store_session *session, int64_t now, struct waiting *rows,
                        size_t *count, pl_error *error) {
    int step;
    store_statement *st = store_prepare(
        session,
        store_is_postgres(session)
            ? "SELECT rule_key, ordering, message_type, revert, owner_id FROM evaluation_runs WHERE "
              "account_id = $1 AND resource_type = $2 AND resource_key = $3 AND leased_until < $4 ORDER BY "
              "ordering, rule_key LIMIT $5 FOR UPDATE SKIP LOCKED"
            : "SELECT rule_key, ordering, message_type, revert, owner_id FROM evaluation_runs WHERE "
              "account_id = $1 AND resource_type = $2 AND resource_key = $3 AND leased_until < $4 ORDER BY "
              "ordering, rule_key LIMIT $5",
        error);
    store_bind_text(st, 1, p->run.account_id);
    store_bind_text(st, 2, p->run.stored_type);
    store_bind_i64(st, 3, p->run.stored_key);
    store_bind_i64(st, 4, now);
    store_bind_i64(st, 5, ENGINE_RUN_RULES);
    for (*count = 0; (step = store_step(st, error)) == 1; ++*count) {
        rows[*count] =
            (struct waiting){store_column_i64(st, 0), store_column_i64(st, 1), store_column_i64(st, 2),
                             store_column_i64(st, 3), pl_arena_copy(&p->run.arena, store_column_text(st, 4))};
        if (!rows[*count].owner_id.p)
            return pl_fail(error, PL_E_ServiceUnavailable);
    }
    return step;
}

/* The run that waits longest, and all that stand where it stands. */
static int begin_first(struct engine_pass *p, store_session *session, int64_t now, bool *any,
                       pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT account_id, resource_type, resource_key FROM evaluation_runs "
                                        "WHERE leased_until < $1 ORDER BY ordering, account_id, rule_key "
                                        "LIMIT 1",
                                        error);
    store_bind_i64(st, 1, now);
    int step = store_step(st, error);
    *any = step == 1;
    if (step <= 0)
        return step;
    int status = engine_run_begin(&p->run, p->e, store_column_text(st, 0), ENGINE_RUN_RULES, error);
    if (status == 0)
        status = engine_run_resume(&p->run, store_column_text(st, 1), store_column_i64(st, 2), error);
    p->run.makes_pages = true;
    store_reset(st);
    return status;
}

struct taking {
    engine *e;
    struct engine_pass *pass;
    bool any;
    int64_t now;
};

static int take_rows(struct taking *t, store_session *session, pl_error *error) {
    static const size_t most = ENGINE_RUN_RULES;
    struct engine_pass *p = t->pass;
    size_t count;
    struct waiting *rows = pl_new(&p->run.arena, struct waiting, most);
    if (!rows)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (read_waiting(p, session, t->now, rows, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (add_run(p, session, &rows[i], t->now, error) != 0)
            return -1;
    p->type = p->run.stored_type;
    p->key = p->run.stored_key;
    return 0;
}

static int take_work(store_session *session, void *argument, pl_error *error) {
    struct taking *t = argument;
    if (t->any)
        engine_run_end(&t->pass->run);
    t->any = false;
    if (begin_first(t->pass, session, t->now, &t->any, error) != 0)
        return -1;
    return t->any ? take_rows(t, session, error) : 0;
}

static int any_work(store_session *session, void *argument, pl_error *error) {
    struct taking *t = argument;
    store_statement *st =
        store_prepare(session, "SELECT 1 FROM evaluation_runs WHERE leased_until < $1 LIMIT 1", error);
    store_bind_i64(st, 1, t->now);
    int step = store_step(st, error);
    t->any = step == 1;
    if (step == 1)
        store_reset(st);
    return step < 0 ? -1 : 0;
}

static void free_pass(struct engine_pass *p, bool begun) {
    if (begun)
        engine_run_end(&p->run);
    pthread_cond_destroy(&p->turned);
    pthread_mutex_destroy(&p->lock);
    pl_free(p);
}

/* Takes what waits; `*out` NULL: nothing does, or nothing is left of it. */
static int take_pass(engine *e, struct engine_pass **out, bool *worked, pl_error *error) {
    struct taking t = {.e = e, .now = pl_now(&e->config.clock)};
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

static bool is_stopping(engine *e) {
    pthread_mutex_lock(&e->work_lock);
    bool stop = e->work_stop;
    pthread_mutex_unlock(&e->work_lock);
    return stop;
}

/* The next range and its ticket, or none. */
static int claim(struct hand *h, store_session *session, pl_error *error) {
    struct engine_pass *p = h->pass;
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

/* Which runs are still ours as their rows stand. */
static int check_rows(struct hand *h, store_session *session, pl_error *error) {
    engine_run *run = &h->pass->run;
    int step;
    store_statement *st = store_prepare(
        session, "SELECT rule_key, ordering FROM evaluation_runs WHERE account_id = $1 AND node = $2", error);
    store_bind_text(st, 1, run->account_id);
    store_bind_text(st, 2, pl_str_from(h->pass->lease));
    for (size_t i = 0; i < run->count; i++) {
        run->rules[i].lost = true;
        run->rules[i].counts = (engine_counts){0};
    }
    h->lost = true;
    while ((step = store_step(st, error)) == 1)
        for (size_t i = 0; i < run->count; i++)
            if (run->rules[i].rule.rule_key == store_column_i64(st, 0) &&
                run->rules[i].ordering == store_column_i64(st, 1))
                h->lost = run->rules[i].lost = false;
    return step;
}

static int move_row(struct engine_pass *p, store_session *session, const engine_run_rule *rule, int64_t now,
                    pl_error *error) {
    const int64_t *by = rule->counts.by;
    return store_run(session, error,
                     "UPDATE evaluation_runs SET resource_type = $3, resource_key = $4, leased_until = $5, "
                     "covered = covered + $6, non_compliant = non_compliant + $7, not_applicable = "
                     "not_applicable + $8, insufficient = insufficient + $9, ignored = ignored + $10 WHERE "
                     "account_id = $1 AND rule_key = $2",
                     "titiiiiiii", p->run.account_id, rule->rule.rule_key, p->run.stored_type,
                     p->run.stored_key, now + LEASE_MILLISECONDS, rule->counts.total,
                     by[ENGINE_NON_COMPLIANT], by[ENGINE_NOT_APPLICABLE], by[ENGINE_INSUFFICIENT_DATA],
                     by[ENGINE_IGNORED]);
}

/* The row's counts become the rule's; when it was the last row of the rule, the rule's run has ended. */
static int finish_rule(struct engine_pass *p, store_session *session, engine_run_rule *rule,
                       pl_error *error) {
    engine_counts counts = {0};
    bool more;
    store_statement *st =
        store_prepare(session,
                      "SELECT covered, non_compliant, not_applicable, insufficient, ignored "
                      "FROM evaluation_runs WHERE account_id = $1 AND rule_key = $2",
                      error);
    store_bind_text(st, 1, p->run.account_id);
    store_bind_i64(st, 2, rule->rule.rule_key);
    if (store_step(st, error) != 1)
        return -1;
    counts.total = store_column_i64(st, 0);
    for (int i = ENGINE_NON_COMPLIANT; i < ENGINE_COMPLIANCE_COUNT; i++)
        counts.by[i] = store_column_i64(st, i);
    store_reset(st);
    if (engine_run_settle(session, p->run.account_id, rule, &counts, error) != 0 ||
        forget_row(session, p->run.account_id, rule->rule.rule_key, error) != 0 ||
        engine_has_runs(session, &rule->rule, &more, error) != 0)
        return -1;
    if (more)
        return 0;
    engine_rule record = rule->rule;
    return engine_note_success(session, &record, rule->message_type, rule->ordering,
                               pl_now(&p->e->config.clock), error);
}

/* Stores the hand's batch; one without a type is the end. */
static int store_work_of(store_session *session, void *argument, pl_error *error) {
    struct hand *h = argument;
    struct engine_pass *p = h->pass;
    bool ends = !h->batch.range.type.p;
    p->run.stored_type = p->type;
    p->run.stored_key = p->key;
    if (check_rows(h, session, error) != 0)
        return -1;
    if (h->lost)
        return 0;
    if (engine_run_store(&p->run, session, &h->arena, h->now, &h->batch, error) != 0)
        return -1;
    for (size_t i = 0; i < p->run.count; i++) {
        engine_run_rule *rule = &p->run.rules[i];
        if (!rule->lost && (move_row(p, session, rule, h->now, error) != 0 ||
                            (ends && finish_rule(p, session, rule, error) != 0)))
            return -1;
    }
    return 0;
}

/* Waits until everything before the hand's range is stored; false when the pass has ended. */
static bool wait_for_turn(struct hand *h) {
    struct engine_pass *p = h->pass;
    pthread_mutex_lock(&p->lock);
    while (p->turn != h->ticket && !p->failed && !p->lost)
        pthread_cond_wait(&p->turned, &p->lock);
    bool mine = !p->failed && !p->lost;
    pthread_mutex_unlock(&p->lock);
    return mine;
}

static void end_turn(struct hand *h, int status, bool passes_on) {
    struct engine_pass *p = h->pass;
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

/* Gives the runs back, so that they go on at once, here or elsewhere. */
static int release_work(store_session *session, void *argument, pl_error *error) {
    struct engine_pass *p = argument;
    for (size_t i = 0; i < p->run.count; i++)
        if (store_run(session, error,
                      "UPDATE evaluation_runs SET node = '', leased_until = 0 WHERE account_id = $1 AND "
                      "rule_key = $2 AND node = $3 AND ordering = $4",
                      "titi", p->run.account_id, p->run.rules[i].rule.rule_key, pl_str_from(p->lease),
                      p->run.rules[i].ordering) != 0)
            return -1;
    return 0;
}

/* The last hand is the one that ends the runs. */
static int conclude(struct hand *h, pl_error *error) {
    struct engine_pass *p = h->pass;
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
static void give_back(struct engine_pass *p) {
    pl_error unread;
    if (!p->done && !p->lost)
        (void)store_write(p->e->config.store, release_work, p, &unread);
}

static void unlink_pass(engine *e, const struct engine_pass *p) {
    for (struct engine_pass **at = &e->passes; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            return;
        }
}

/* Leaves the pass; true for the last hand, who has it alone then. */
static bool leave(struct engine_pass *p, bool closes) {
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

/* A thread's whole part in a pass. With `one_batch` it stops after one, and is the only hand. */
static int take_part(struct engine_pass *p, bool one_batch, pl_error *error) {
    struct hand *h = pl_calloc(1, sizeof *h);
    int status = h ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
    bool any = true;
    if (h) {
        h->pass = p;
        pl_arena_init(&h->arena, BATCH_ARENA_LIMIT);
    }
    while (status == 0 && any && !is_stopping(p->e)) {
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

/* --- Threads ---------------------------------------------------------------------------------------------
 */

struct unlinked {
    struct engine_pass *pass;
    pl_arena arena;
    pl_str *types;
    size_t count;
};

static int find_unlinked(store_session *session, void *argument, pl_error *error) {
    struct unlinked *u = argument;
    return engine_links_missing(&u->pass->run, session, &u->arena, &u->types, &u->count, error);
}

/* Before a run whose rules look at related resources: so that those are found by key. */
static int link_types(struct engine_pass *p, pl_error *error) {
    struct unlinked u = {.pass = p};
    pl_arena_init(&u.arena, BATCH_ARENA_LIMIT);
    int status = store_read(p->e->config.store, find_unlinked, &u, error);
    for (size_t i = 0; status == 0 && i < u.count; i++)
        status = engine_links_build(p->e, p->run.account_id, u.types[i], error);
    pl_arena_free(&u.arena);
    return status;
}

static void abandon(struct engine_pass *p) {
    give_back(p);
    free_pass(p, true);
}

/* Shows the pass to the other threads. */
static void publish(engine *e, struct engine_pass *p) {
    pthread_mutex_lock(&e->work_lock);
    p->next = e->passes;
    e->passes = p;
    e->work_wanted++;
    pthread_cond_broadcast(&e->work_wake);
    pthread_mutex_unlock(&e->work_lock);
}

static struct engine_pass *join(engine *e) {
    pthread_mutex_lock(&e->work_lock);
    struct engine_pass *p = e->passes;
    while (p && p->closed)
        p = p->next;
    if (p)
        p->hands++;
    pthread_mutex_unlock(&e->work_lock);
    return p;
}

/* A run that nobody has taken, else one that another thread works at. */
static int work_any_run(engine *e, bool one_batch, bool *worked, pl_error *error) {
    struct engine_pass *p;
    if (take_pass(e, &p, worked, error) != 0)
        return -1;
    if (p && link_types(p, error) != 0) {
        abandon(p);
        return -1;
    }
    if (p && !one_batch)
        publish(e, p);
    if (!p && !one_batch)
        p = join(e);
    if (!p)
        return 0;
    *worked = true;
    return take_part(p, one_batch, error);
}

/* --- Now and then ----------------------------------------------------------------------------------------
 */

static int work_calendar(engine *e, bool *worked, pl_error *error) {
    int64_t now = pl_now(&e->config.clock);
    if (engine_work_schedules(e, now, worked, error) != 0 || engine_work_marks(e, now, worked, error) != 0)
        return -1;
    return engine_work_statistics(e, now, worked, error);
}

int engine_work(engine *e, bool *worked, pl_error *error) {
    *worked = false;
    if (work_calendar(e, worked, error) != 0)
        return -1;
    return work_any_run(e, true, worked, error);
}

int engine_count_queues(store_session *session, int64_t *runs, int64_t *functions, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT (SELECT COUNT(*) FROM evaluation_runs), (SELECT COUNT(*) FROM function_events)",
        error);
    if (store_step(st, error) != 1)
        return -1;
    *runs = store_column_i64(st, 0);
    *functions = store_column_i64(st, 1);
    store_reset(st);
    return 0;
}

static void report(engine *e, const pl_error *error) {
    if (e->config.log)
        pl_log_write(e->config.log, PL_LOG_WARNING, "evaluation: %s: %s", error->code, error->message);
}

/* Sleeps until there is a reason to look again; false at the end. */
static bool wait_for_work(engine *e, uint64_t *seen) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += TICK_MILLISECONDS / 1000;
    pthread_mutex_lock(&e->work_lock);
    if (!e->work_stop && *seen == e->work_wanted)
        pthread_cond_timedwait(&e->work_wake, &e->work_lock, &until);
    *seen = e->work_wanted;
    bool go_on = !e->work_stop;
    pthread_mutex_unlock(&e->work_lock);
    return go_on;
}

/* Now and then, however often there is work: many results at once cost less. */
static int work_lists(engine *e, int64_t *last, pl_error *error) {
    int64_t now = pl_monotonic_ns();
    if (now - *last < (int64_t)TICK_MILLISECONDS * 1000000)
        return 0;
    *last = now;
    return engine_list_waiting(e, error);
}

/* The first worker also minds calendar and lists; each failure is reported and tried again later. */
void *engine_worker(void *context) {
    engine *e = context;
    bool minds_calendar = __atomic_fetch_add(&e->workers_begun, 1, __ATOMIC_RELAXED) == 0;
    uint64_t seen = 0;
    int64_t listed = pl_monotonic_ns();
    do {
        pl_error error = {0};
        bool worked = true;
        if (minds_calendar && work_calendar(e, &worked, &error) != 0)
            report(e, &error);
        if (minds_calendar && work_lists(e, &listed, &error) != 0)
            report(e, &error);
        while (worked && !is_stopping(e)) {
            worked = false;
            if (work_any_run(e, false, &worked, &error) != 0) {
                report(e, &error);
                break;
            }
        }
    } while (wait_for_work(e, &seen));
    return NULL;
}
