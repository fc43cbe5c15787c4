/*
 * The engine itself: opening, closing, workers, and what concerns an account as a whole.
 *
 * Views of other nodes need no telling: every transaction compares the versions of the rules it evaluates
 * with (engine/view.h). Workers are woken by a notification when another node has queued runs.
 */
#include "engine/remedy.h"
#include "engine/run.h"
#include "engine/work.h"

#include "base/memory.h"

static void wake(void *context, pl_str payload) {
    (void)payload;
    engine_after_commit(context);
}

void engine_after_commit(engine *e) {
    pthread_mutex_lock(&e->work_lock);
    e->work_wanted++;
    pthread_cond_broadcast(&e->work_wake);
    pthread_mutex_unlock(&e->work_lock);
}

/* SQLite has one process: leases that are left over belong to nobody. */
static int release_leases(store_session *session, void *argument, pl_error *error) {
    (void)argument;
    if (store_is_postgres(session))
        return 0;
    return store_run(session, error, "UPDATE evaluation_runs SET node = '', leased_until = 0", "");
}

static int start_workers(engine *e, pl_error *error) {
    unsigned wanted = e->config.workers < ENGINE_WORKERS_MAX ? e->config.workers : ENGINE_WORKERS_MAX;
    if (wanted == 0)
        return 0;
    if (store_listen(e->config.store, ENGINE_WAKE_CHANNEL, wake, e, error) != 0)
        return -1;
    e->listens = true;
    for (; e->worker_count < wanted; e->worker_count++)
        if (pthread_create(&e->workers[e->worker_count], NULL, engine_worker, e) != 0)
            return pl_failf(error, PL_E_ServiceUnavailable, "The evaluation's threads cannot be started.");
    return 0;
}

int engine_open(engine **out, const engine_config *config, pl_error *error) {
    engine *e = pl_calloc(1, sizeof *e);
    uint64_t seed;
    *out = NULL;
    if (!e)
        return pl_fail(error, PL_E_ServiceUnavailable);
    e->config = *config;
    e->unlisted = -1;
    pthread_mutex_init(&e->views_lock, NULL);
    pthread_mutex_init(&e->work_lock, NULL);
    pthread_cond_init(&e->work_wake, NULL);
    int status = pl_random_hex(&config->random, e->node, ENGINE_NODE_TEXT - 1);
    if (status == 0)
        status = pl_random_fill(&config->random, &seed, sizeof seed);
    pl_map_init(&e->views, status == 0 ? seed : 0);
    if (status != 0)
        pl_failf(error, PL_E_ServiceUnavailable, "There is no randomness to be had.");
    if (status == 0)
        status = store_write(config->store, release_leases, NULL, error);
    if (status == 0)
        status = start_workers(e, error);
    if (status != 0) {
        engine_close(e);
        return -1;
    }
    *out = e;
    return 0;
}

void engine_stop(engine *e) {
    if (!e)
        return;
    pthread_mutex_lock(&e->work_lock);
    e->work_stop = true;
    pthread_cond_broadcast(&e->work_wake);
    pthread_mutex_unlock(&e->work_lock);
    if (e->listens)
        store_unlisten(e->config.store, ENGINE_WAKE_CHANNEL, wake, e);
    e->listens = false;
    for (; e->worker_count > 0; e->worker_count--)
        pthread_join(e->workers[e->worker_count - 1], NULL);
}

void engine_close(engine *e) {
    size_t cursor = 0;
    pl_str key;
    void *view;
    if (!e)
        return;
    engine_stop(e);
    while (pl_map_next(&e->views, &cursor, &key, &view))
        engine_view_release(view);
    pl_map_free(&e->views);
    pthread_cond_destroy(&e->work_wake);
    pthread_mutex_destroy(&e->work_lock);
    pthread_mutex_destroy(&e->views_lock);
    pl_free(e);
}

/* --- Rules and accounts ----------------------------------------------------------------------------------
 */

int engine_check_rule(engine *e, const engine_rule *rule, pl_error *error) {
    pl_arena arena;
    pl_program_rule described;
    pl_str insufficient;
    pl_arena_init(&arena, 16 << 20);
    int status = engine_describe_rule(e->config.catalogue, e->config.strict, &arena, rule, &described,
                                      &insufficient, error);
    pl_program *program = status == 0 && !insufficient.p ? pl_program_new() : NULL;
    described.readable = rule->owner == ENGINE_CONDITION;
    if (program && pl_program_add(program, &described, error) != 0)
        status = -1;
    if (status == 0 && !insufficient.p && !program)
        status = pl_fail(error, PL_E_ServiceUnavailable);
    pl_program_release(program);
    pl_arena_free(&arena);
    return status;
}

int engine_channels_changed(engine *e, store_session *session, pl_str account_id, pl_error *error) {
    return engine_version_renew(e, session, account_id, error);
}

int engine_delete_account(engine *e, store_session *session, pl_str account_id, pl_error *error) {
    static const char *const statements[] = {
        "DELETE FROM results WHERE account_id = $1",
        "DELETE FROM results_waiting WHERE account_id = $1",
        "DELETE FROM results_leaving WHERE account_id = $1",
        "DELETE FROM rule_counts WHERE account_id = $1",
        "DELETE FROM compliance_changes WHERE account_id = $1",
        "DELETE FROM compliance_history WHERE account_id = $1",
        "DELETE FROM former_rules WHERE account_id = $1",
        "DELETE FROM evaluation_runs WHERE account_id = $1",
        "DELETE FROM function_events WHERE account_id = $1",
        "DELETE FROM evaluation_statistics WHERE account_id = $1",
        "DELETE FROM kept_pages WHERE account_id = $1",
        "DELETE FROM kept_marks WHERE account_id = $1",
        "DELETE FROM kept_results WHERE account_id = $1",
        "DELETE FROM resource_links WHERE account_id = $1",
        "DELETE FROM linked_types WHERE account_id = $1",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_run(session, error, statements[i], "t", account_id) != 0)
            return -1;
    if (engine_remedy_forget_account(session, account_id, error) != 0)
        return -1;
    return engine_version_renew(e, session, account_id, error);
}
