/*
 * Background work: batches of stored runs, and a look at schedules, marks and days now and then.
 *
 * A run is taken with a lease that each batch renews; the work of a killed node goes on elsewhere, from the
 * last batch that was stored. A run whose row is gone, or was started anew, is abandoned at its next batch.
 */
#include "engine/work.h"

#include "base/memory.h"

enum {
    LEASE_MILLISECONDS = 60000,
    TICK_MILLISECONDS = 5000,
    BATCH_ARENA_LIMIT = 256 << 20,
};

/* One run under way on this thread. */
struct working {
    engine *e;
    engine_run run;
    engine_batch batch;
    engine_counts found;
    pl_arena arena; /* of the batch */
    int64_t now;
    bool taken; /* there is a run */
    bool lost;  /* its row is gone or another's */
    bool done;
};

/* --- Taking a run ----------------------------------------------------------------------------------------
 */

/* The row's rule; a row without one (deleted meanwhile) is deleted as well. */
static int load_run(struct working *w, store_session *session, pl_str account_id, pl_str owner_id,
                    int64_t rule_key, pl_error *error) {
    engine_rule rule;
    bool found, inside;
    if (engine_rule_find_key(session, &w->arena, owner_id, rule_key, &rule, &found, error) != 0)
        return -1;
    w->lost = !found;
    if (!found)
        return store_run(session, error,
                         "DELETE FROM evaluation_runs WHERE account_id = $1 AND rule_key = $2", "ti",
                         account_id, rule_key);
    if (engine_run_begin(&w->run, w->e, session, account_id, &rule, &inside, error) != 0)
        return -1;
    w->taken = true;
    return engine_rule_find_key(session, &w->run.arena, owner_id, rule_key, &w->run.rule, &found, error);
}

static int lease(struct working *w, store_session *session, pl_str account_id, int64_t rule_key,
                 pl_error *error) {
    return store_run(
        session, error,
        "UPDATE evaluation_runs SET node = $3, leased_until = $4 WHERE account_id = $1 AND rule_key "
        "= $2",
        "titi", account_id, rule_key, pl_str_from(w->e->node), w->now + LEASE_MILLISECONDS);
}

static int take_work(store_session *session, void *argument, pl_error *error) {
    struct working *w = argument;
    if (w->taken)
        engine_run_end(&w->run);
    w->taken = false;
    pl_arena_reset(&w->arena);
    store_statement *st = store_prepare(
        session,
        store_is_postgres(session)
            ? "SELECT account_id, rule_key, owner_id, ordering, message_type, revert, resource_type, "
              "resource_key "
              "FROM evaluation_runs WHERE leased_until < $1 ORDER BY ordering, account_id, rule_key LIMIT 1 "
              "FOR "
              "UPDATE SKIP LOCKED"
            : "SELECT account_id, rule_key, owner_id, ordering, message_type, revert, resource_type, "
              "resource_key "
              "FROM evaluation_runs WHERE leased_until < $1 ORDER BY ordering, account_id, rule_key LIMIT 1",
        error);
    store_bind_i64(st, 1, w->now);
    int step = store_step(st, error);
    if (step <= 0)
        return step;
    pl_str account_id = pl_arena_copy(&w->arena, store_column_text(st, 0));
    pl_str owner_id = pl_arena_copy(&w->arena, store_column_text(st, 2));
    pl_str type = pl_arena_copy(&w->arena, store_column_text(st, 6));
    int64_t rule_key = store_column_i64(st, 1), ordering = store_column_i64(st, 3);
    int64_t message_type = store_column_i64(st, 4), revert = store_column_i64(st, 5);
    int64_t resource_key = store_column_i64(st, 7);
    store_reset(st);
    if (!account_id.p || !owner_id.p || !type.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (load_run(w, session, account_id, owner_id, rule_key, error) != 0)
        return -1;
    if (w->lost)
        return 0;
    w->run.ordering = ordering;
    w->run.message_type = (engine_message_type)message_type;
    w->run.revert = revert != 0;
    w->run.resource_type = pl_arena_copy(&w->run.arena, type);
    w->run.resource_key = resource_key;
    return lease(w, session, account_id, rule_key, error);
}

/* --- Batches ---------------------------------------------------------------------------------------------
 */

static int gather_work(store_session *session, void *argument, pl_error *error) {
    struct working *w = argument;
    pl_arena_reset(&w->arena);
    return engine_run_gather(&w->run, session, &w->arena, w->now, &w->batch, error);
}

/* The row as it stands: is the run still ours? */
static int check_row(struct working *w, store_session *session, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT ordering FROM evaluation_runs WHERE account_id = $1 AND rule_key = $2 AND node = $3",
        error);
    store_bind_text(st, 1, w->run.account_id);
    store_bind_i64(st, 2, w->run.rule.rule_key);
    store_bind_text(st, 3, pl_str_from(w->e->node));
    int step = store_step(st, error);
    w->lost = step == 0;
    if (step == 1) {
        w->lost = store_column_i64(st, 0) != w->run.ordering;
        store_reset(st);
    }
    return step < 0 ? -1 : 0;
}

static int move_row(struct working *w, store_session *session, pl_error *error) {
    const int64_t *by = w->found.by;
    return store_run(session, error,
                     "UPDATE evaluation_runs SET resource_type = $3, resource_key = $4, leased_until = $5, "
                     "covered = covered + $6, non_compliant = non_compliant + $7, not_applicable = "
                     "not_applicable + $8, insufficient = insufficient + $9, ignored = ignored + $10 WHERE "
                     "account_id = $1 AND rule_key = $2",
                     "titiiiiiii", w->run.account_id, w->run.rule.rule_key, w->run.resource_type,
                     w->run.resource_key, w->now + LEASE_MILLISECONDS, w->found.total,
                     by[ENGINE_NON_COMPLIANT], by[ENGINE_NOT_APPLICABLE], by[ENGINE_INSUFFICIENT_DATA],
                     by[ENGINE_IGNORED]);
}

/* The row's counts become the rule's; when it was the last row of the rule, the rule's run has ended. */
static int finish(struct working *w, store_session *session, pl_error *error) {
    engine_counts counts = {0};
    bool more;
    store_statement *st =
        store_prepare(session,
                      "SELECT covered, non_compliant, not_applicable, insufficient, ignored "
                      "FROM evaluation_runs WHERE account_id = $1 AND rule_key = $2",
                      error);
    store_bind_text(st, 1, w->run.account_id);
    store_bind_i64(st, 2, w->run.rule.rule_key);
    if (store_step(st, error) != 1)
        return -1;
    counts.total = store_column_i64(st, 0);
    for (int i = ENGINE_NON_COMPLIANT; i < ENGINE_COMPLIANCE_COUNT; i++)
        counts.by[i] = store_column_i64(st, i);
    store_reset(st);
    if (engine_run_settle(session, w->run.account_id, w->run.rule.rule_key, &counts, error) != 0 ||
        store_run(session, error, "DELETE FROM evaluation_runs WHERE account_id = $1 AND rule_key = $2", "ti",
                  w->run.account_id, w->run.rule.rule_key) != 0 ||
        engine_has_runs(session, &w->run.rule, &more, error) != 0)
        return -1;
    if (more)
        return 0;
    return engine_note_success(session, &w->run.rule, w->run.message_type, w->run.ordering,
                               pl_now(&w->e->config.clock), error);
}

static int store_batch(store_session *session, void *argument, pl_error *error) {
    struct working *w = argument;
    w->found = (engine_counts){0};
    w->done = false;
    if (check_row(w, session, error) != 0 || w->lost)
        return w->lost ? 0 : -1;
    /* The end is only believed inside the write transaction, where nothing can be added behind it. */
    if (!w->batch.resource_type.p &&
        engine_run_gather(&w->run, session, &w->arena, w->now, &w->batch, error) != 0)
        return -1;
    if (!w->batch.resource_type.p) {
        w->done = true;
        return finish(w, session, error);
    }
    if (engine_run_store(&w->run, session, &w->arena, w->now, &w->batch, &w->found, error) != 0)
        return -1;
    return move_row(w, session, error);
}

static bool is_stopping(engine *e) {
    pthread_mutex_lock(&e->work_lock);
    bool stop = e->work_stop;
    pthread_mutex_unlock(&e->work_lock);
    return stop;
}

static int work_run(struct working *w, bool one_batch, pl_error *error) {
    while (!w->lost && !w->done && !is_stopping(w->e)) {
        w->now = pl_now(&w->e->config.clock);
        if (store_read(w->e->config.store, gather_work, w, error) != 0 ||
            store_write(w->e->config.store, store_batch, w, error) != 0)
            return -1;
        if (one_batch)
            break;
    }
    return 0;
}

/* Gives the run back, so that it goes on at once, here or elsewhere. */
static int release_work(store_session *session, void *argument, pl_error *error) {
    struct working *w = argument;
    return store_run(
        session, error,
        "UPDATE evaluation_runs SET node = '', leased_until = 0 WHERE account_id = $1 AND rule_key "
        "= $2 AND node = $3",
        "tit", w->run.account_id, w->run.rule.rule_key, pl_str_from(w->e->node));
}

static int any_run(store_session *session, void *argument, pl_error *error) {
    struct working *w = argument;
    store_statement *st =
        store_prepare(session, "SELECT 1 FROM evaluation_runs WHERE leased_until < $1 LIMIT 1", error);
    store_bind_i64(st, 1, w->now);
    int step = store_step(st, error);
    w->taken = step == 1;
    if (step == 1)
        store_reset(st);
    return step < 0 ? -1 : 0;
}

static int work_any_run(engine *e, bool one_batch, bool *worked, pl_error *error) {
    struct working *w = pl_calloc(1, sizeof *w);
    if (!w)
        return pl_fail(error, PL_E_ServiceUnavailable);
    w->e = e;
    w->now = pl_now(&e->config.clock);
    pl_arena_init(&w->arena, BATCH_ARENA_LIMIT);
    int status = store_read(e->config.store, any_run, w, error);
    bool any = w->taken;
    w->taken = false;
    if (status == 0 && any)
        status = store_write(e->config.store, take_work, w, error);
    if (status == 0 && w->taken) {
        *worked = true;
        status = work_run(w, one_batch, error);
        pl_error ignored = {0};
        if (!w->done && !w->lost)
            (void)store_write(e->config.store, release_work, w, &ignored);
    }
    if (w->taken)
        engine_run_end(&w->run);
    pl_arena_free(&w->arena);
    pl_free(w);
    return status;
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

/* The first worker also minds the calendar; each failure is reported and tried again later. */
void *engine_worker(void *context) {
    engine *e = context;
    bool minds_calendar = __atomic_fetch_add(&e->workers_begun, 1, __ATOMIC_RELAXED) == 0;
    uint64_t seen = 0;
    do {
        pl_error error = {0};
        bool worked = true;
        if (minds_calendar && work_calendar(e, &worked, &error) != 0)
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
