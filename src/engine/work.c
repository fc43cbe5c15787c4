/*
 * The threads of the engine, and what they look for: stored runs, results that leave, and schedules, marks
 * and days now and then.
 */
#include "engine/work.h"
#include "engine/leaving.h"
#include "engine/links.h"
#include "engine/listed.h"
#include "engine/pass.h"

enum { TICK_MILLISECONDS = 5000, TYPES_ARENA_LIMIT = 512 << 20 };

/* --- Runs ------------------------------------------------------------------------------------------------
 */

struct unlinked {
    engine_pass *pass;
    pl_arena arena;
    pl_str *types;
    size_t count;
};

static int find_unlinked(store_session *session, void *argument, pl_error *error) {
    struct unlinked *u = argument;
    return engine_links_missing(&u->pass->run, session, &u->arena, &u->types, &u->count, error);
}

/* Before a run whose rules look at related resources: so that those are found by key. */
static int link_types(engine_pass *p, pl_error *error) {
    struct unlinked u = {.pass = p};
    pl_arena_init(&u.arena, TYPES_ARENA_LIMIT);
    int status = store_read(p->e->config.store, find_unlinked, &u, error);
    for (size_t i = 0; status == 0 && i < u.count; i++)
        status = engine_links_build(p->e, p->run.account_id, u.types[i], error);
    pl_arena_free(&u.arena);
    return status;
}

/* A run that nobody has taken, else one that another thread works at. */
static int work_any_run(engine *e, bool one_batch, bool *worked, pl_error *error) {
    engine_pass *p;
    if (engine_pass_take(e, &p, worked, error) != 0)
        return -1;
    if (p && link_types(p, error) != 0) {
        engine_pass_abandon(p);
        return -1;
    }
    if (p && !one_batch)
        engine_pass_publish(p);
    if (!p && !one_batch)
        p = engine_pass_join(e);
    if (!p)
        return 0;
    *worked = true;
    return engine_pass_work(p, one_batch, error);
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
    if (work_calendar(e, worked, error) != 0 || engine_leave_work(e, worked, error) != 0)
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
        while (worked && !engine_is_stopping(e)) {
            worked = false;
            if (engine_leave_work(e, &worked, &error) != 0 || work_any_run(e, false, &worked, &error) != 0) {
                report(e, &error);
                break;
            }
        }
    } while (wait_for_work(e, &seen));
    return NULL;
}
