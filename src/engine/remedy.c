/* Records of remediations, the queue of what they are to be run for, and their executions. */
#include "engine/remedy.h"

#include "engine/outcome.h"
#include "engine/results.h"
#include "engine/view.h"

/* --- Records ---------------------------------------------------------------------------------------------
 */

#define COLUMNS                                                                                              \
    "account_id, remediation_id, aggregator_id, rule_id, remediation_type, template_id, source_type, "       \
    "invoke_type, params, last_success_id, last_success_type, created, modified, last_success_time"

static int read_remedy(store_statement *st, pl_arena *arena, engine_remedy *out, pl_error *error) {
    pl_str *const texts[] = {
        &out->account_id, &out->remediation_id,  &out->aggregator_id,    &out->rule_id,
        &out->type,       &out->template_id,     &out->source_type,      &out->invoke_type,
        &out->params,     &out->last_success_id, &out->last_success_type};
    for (int i = 0; i < 11; i++)
        *texts[i] = pl_arena_copy(arena, store_column_text(st, i));
    out->created = store_column_i64(st, 11);
    out->modified = store_column_i64(st, 12);
    out->last_success_time = store_column_i64(st, 13);
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static int read_one(store_statement *st, pl_arena *arena, engine_remedy *out, bool *found, pl_error *error) {
    int step = store_step(st, error);
    *found = step == 1;
    if (step <= 0)
        return step;
    int status = read_remedy(st, arena, out, error);
    store_reset(st);
    return status;
}

int engine_remedy_find(store_session *session, pl_arena *arena, const engine_group *owner, pl_str id,
                       engine_remedy *out, bool *found, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT " COLUMNS " FROM remediations WHERE account_id = $1 AND "
                                        "remediation_id = $2 AND aggregator_id = $3",
                                        error);
    store_bind_text(st, 1, owner->owner_id);
    store_bind_text(st, 2, id);
    store_bind_text(st, 3, pl_str_or_empty(owner->aggregator_id));
    return read_one(st, arena, out, found, error);
}

int engine_remedy_of_rule(store_session *session, pl_arena *arena, pl_str owner_id, pl_str rule_id,
                          engine_remedy *out, bool *found, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT " COLUMNS " FROM remediations WHERE account_id = $1 AND rule_id = $2", error);
    store_bind_text(st, 1, owner_id);
    store_bind_text(st, 2, rule_id);
    return read_one(st, arena, out, found, error);
}

static bool has(const engine_list *rules, pl_str rule_id) {
    for (size_t i = 0; i < rules->count; i++)
        if (pl_str_eq(rules->items[i], rule_id))
            return true;
    return rules->count == 0;
}

int engine_remedy_list(store_session *session, pl_arena *arena, const engine_group *owner,
                       const engine_list *rules, engine_remedy **remedies, size_t *count, pl_error *error) {
    size_t capacity = 0;
    int step;
    store_statement *st = store_prepare(session,
                                        "SELECT " COLUMNS " FROM remediations WHERE account_id = $1 AND "
                                        "aggregator_id = $2 ORDER BY created, remediation_id",
                                        error);
    store_bind_text(st, 1, owner->owner_id);
    store_bind_text(st, 2, pl_str_or_empty(owner->aggregator_id));
    *remedies = NULL;
    *count = 0;
    while ((step = store_step(st, error)) == 1) {
        if (!has(rules, store_column_text(st, 3)))
            continue;
        engine_remedy *grown = pl_arena_grow(arena, *remedies, *count, &capacity, sizeof *grown);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *remedies = grown;
        if (read_remedy(st, arena, grown + (*count)++, error) != 0)
            return -1;
    }
    return step;
}

int engine_remedy_enabled(store_session *session, pl_arena *arena, const engine_group *owner, pl_str **rules,
                          size_t *count, pl_error *error) {
    size_t capacity = 0;
    int step;
    store_statement *st = store_prepare(session,
                                        "SELECT rule_id FROM remediations WHERE account_id = $1 AND "
                                        "aggregator_id = $2 AND invoke_type IN ('AUTO_EXECUTION', "
                                        "'MANUAL_EXECUTION')",
                                        error);
    store_bind_text(st, 1, owner->owner_id);
    store_bind_text(st, 2, pl_str_or_empty(owner->aggregator_id));
    *rules = NULL;
    *count = 0;
    while ((step = store_step(st, error)) == 1) {
        pl_str *grown = pl_arena_grow(arena, *rules, *count, &capacity, sizeof *grown);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *rules = grown;
        grown[(*count)++] = pl_arena_copy(arena, store_column_text(st, 0));
    }
    return step == 0 && arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : step;
}

static int mark_rule(engine_context *context, store_session *session, const engine_remedy *r, bool remediates,
                     pl_error *error) {
    if (store_run(session, error, "UPDATE rules SET remediates = $3 WHERE account_id = $1 AND rule_id = $2",
                  "tti", r->account_id, r->rule_id, (int64_t)remediates) != 0)
        return -1;
    return engine_version_renew(context->engine, session, r->account_id, error);
}

static int forget_runs(store_session *session, pl_str owner_id, pl_str rule_id, pl_error *error) {
    return store_run(session, error,
                     "DELETE FROM remediation_executions WHERE owner_id = $1 AND rule_id = $2", "tt",
                     owner_id, rule_id);
}

int engine_remedy_put(engine_context *context, store_session *session, engine_remedy *r, bool forget,
                      pl_error *error) {
    char digits[21];
    if (r->remediation_id.n == 0) {
        if (pl_random_hex(&context->random, digits, 16) != 0)
            return pl_fail(error, PL_E_ServiceUnavailable);
        r->remediation_id = pl_arena_printf(context->arena, "crr-%s", digits);
        r->created = context->now;
    }
    if (!r->remediation_id.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (forget && forget_runs(session, r->account_id, r->rule_id, error) != 0)
        return -1;
    if (forget) {
        r->last_success_id = r->last_success_type = PL_STR("");
        r->last_success_time = 0;
    }
    if (store_run(
            session, error,
            "INSERT INTO remediations (account_id, remediation_id, aggregator_id, rule_id, "
            "remediation_type, template_id, source_type, invoke_type, params, created, modified, "
            "last_success_id, last_success_time, last_success_type) VALUES ($1, $2, $3, $4, $5, $6, $7, "
            "$8, $9, $10, $11, $12, $13, $14) ON CONFLICT (account_id, remediation_id) DO UPDATE SET "
            "remediation_type = excluded.remediation_type, template_id = excluded.template_id, "
            "source_type = excluded.source_type, invoke_type = excluded.invoke_type, params = "
            "excluded.params, modified = excluded.modified, last_success_id = "
            "excluded.last_success_id, last_success_time = excluded.last_success_time, "
            "last_success_type = excluded.last_success_type",
            "tttttttttiitit", r->account_id, r->remediation_id, r->aggregator_id, r->rule_id, r->type,
            r->template_id, r->source_type, r->invoke_type, r->params, r->created, context->now,
            r->last_success_id, r->last_success_time, r->last_success_type) != 0)
        return -1;
    return mark_rule(context, session, r, pl_str_is(r->invoke_type, "AUTO_EXECUTION"), error);
}

int engine_remedy_delete(engine_context *context, store_session *session, const engine_remedy *r,
                         pl_error *error) {
    if (forget_runs(session, r->account_id, r->rule_id, error) != 0 ||
        store_run(session, error, "DELETE FROM remediations WHERE account_id = $1 AND remediation_id = $2",
                  "tt", r->account_id, r->remediation_id) != 0)
        return -1;
    return mark_rule(context, session, r, false, error);
}

int engine_remedy_forget_rule(store_session *session, const engine_rule *rule, pl_error *error) {
    if (forget_runs(session, rule->account_id, rule->rule_id, error) != 0 ||
        store_run(session, error, "DELETE FROM remediations WHERE account_id = $1 AND rule_id = $2", "tt",
                  rule->account_id, rule->rule_id) != 0 ||
        store_run(session, error, "DELETE FROM remediation_events WHERE rule_key = $1", "i",
                  rule->rule_key) != 0)
        return -1;
    return store_run(session, error, "DELETE FROM remediation_runs WHERE rule_key = $1", "i", rule->rule_key);
}

int engine_remedy_forget_account(store_session *session, pl_str account_id, pl_error *error) {
    static const char *const statements[] = {
        "DELETE FROM remediations WHERE account_id = $1",
        "DELETE FROM remediation_events WHERE account_id = $1",
        "DELETE FROM remediation_runs WHERE account_id = $1",
        "DELETE FROM remediation_executions WHERE owner_id = $1",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_run(session, error, statements[i], "t", account_id) != 0)
            return -1;
    return 0;
}

/* --- Events ----------------------------------------------------------------------------------------------
 */

int engine_remedy_queue(store_session *session, const engine_remedy_event *e, pl_error *error) {
    return store_run(session, error,
                     "INSERT INTO remediation_events (account_id, rule_key, resource_key, owner_id, manual, "
                     "due, node) VALUES ($1, $2, $3, $4, $5, 0, '') ON CONFLICT (account_id, rule_key, "
                     "resource_key) DO UPDATE SET manual = excluded.manual",
                     "tiiti", e->account_id, e->rule_key, e->resource_key, e->owner_id, (int64_t)e->manual);
}

int engine_remedy_queue_by_itself(store_session *session, const engine_remedy_event *e, int64_t now,
                                  bool *queued, pl_error *error) {
    int64_t changed;
    if (store_run_counted(session, &changed, error,
                          "INSERT INTO remediation_runs (account_id, rule_key, resource_key, started) VALUES "
                          "($1, $2, $3, $4) ON CONFLICT (account_id, rule_key, resource_key) DO UPDATE SET "
                          "started = excluded.started WHERE remediation_runs.started <= $5",
                          "tiiii", e->account_id, e->rule_key, e->resource_key, now,
                          now - ENGINE_REMEDY_PAUSE) != 0)
        return -1;
    *queued = changed > 0;
    return *queued ? engine_remedy_queue(session, e, error) : 0;
}

int engine_remedy_any_due(store_session *session, int64_t now, bool *due, pl_error *error) {
    store_statement *st =
        store_prepare(session, "SELECT 1 FROM remediation_events WHERE due <= $1 LIMIT 1", error);
    store_bind_i64(st, 1, now);
    return store_any(st, due, error);
}

#define CLAIM                                                                                                \
    "SELECT account_id, owner_id, rule_key, resource_key, manual FROM remediation_events WHERE due <= $1 "   \
    "ORDER BY rule_key, account_id, resource_key LIMIT $2"

int engine_remedy_claim(store_session *session, pl_arena *arena, pl_str node, int64_t now, int64_t lease,
                        size_t limit, engine_remedy_event *events, size_t *count, pl_error *error) {
    int step;
    store_statement *st =
        store_prepare(session, store_is_postgres(session) ? CLAIM " FOR UPDATE SKIP LOCKED" : CLAIM, error);
    store_bind_i64(st, 1, now);
    store_bind_i64(st, 2, (int64_t)limit);
    *count = 0;
    while ((step = store_step(st, error)) == 1)
        events[(*count)++] =
            (engine_remedy_event){.account_id = pl_arena_copy(arena, store_column_text(st, 0)),
                                  .owner_id = pl_arena_copy(arena, store_column_text(st, 1)),
                                  .rule_key = store_column_i64(st, 2),
                                  .resource_key = store_column_i64(st, 3),
                                  .manual = store_column_i64(st, 4) != 0};
    if (step < 0 || arena->failed)
        return step < 0 ? -1 : pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < *count; i++)
        if (store_run(
                session, error,
                "UPDATE remediation_events SET due = $4, node = $5 WHERE account_id = $1 AND rule_key = "
                "$2 AND resource_key = $3",
                "tiiit", events[i].account_id, events[i].rule_key, events[i].resource_key, lease, node) != 0)
            return -1;
    return 0;
}

int engine_remedy_release(store_session *session, pl_str node, pl_error *error) {
    if (!node.p && store_is_postgres(session))
        return 0;
    return store_run(
        session, error,
        "UPDATE remediation_events SET due = 0, node = '' WHERE node <> '' AND (CAST($1 AS TEXT) "
        "IS NULL OR node = $1)",
        "t", node);
}

int engine_remedy_renew(store_session *session, pl_str node, int64_t lease, pl_error *error) {
    return store_run(session, error, "UPDATE remediation_events SET due = $2 WHERE node = $1", "ti", node,
                     lease);
}

int engine_remedy_drop(store_session *session, const engine_remedy_event *e, pl_error *error) {
    return store_run(
        session, error,
        "DELETE FROM remediation_events WHERE account_id = $1 AND rule_key = $2 AND resource_key "
        "= $3",
        "tii", e->account_id, e->rule_key, e->resource_key);
}

int engine_remedy_is_needed(store_session *session, pl_arena *arena, const engine_remedy_event *e,
                            const engine_rule *rule, bool *needed, pl_error *error) {
    engine_row row;
    bool found;
    if (engine_row_of(session, arena, e->account_id, e->rule_key, e->resource_key, &row, &found, error) != 0)
        return -1;
    *needed = engine_shown(rule, found ? &row : NULL) == ENGINE_NON_COMPLIANT;
    return 0;
}

int engine_remedy_count(store_session *session, int64_t *waiting, pl_error *error) {
    store_statement *st = store_prepare(session, "SELECT COUNT(*) FROM remediation_events", error);
    if (store_step(st, error) != 1)
        return -1;
    *waiting = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

/* --- Executions ------------------------------------------------------------------------------------------
 */

int engine_remedy_note(store_session *session, const engine_remedy_run *run, pl_str invoke_type,
                       pl_error *error) {
    if (store_run(session, error,
                  "INSERT INTO remediation_executions (owner_id, rule_id, created, execution_id, account_id, "
                  "status, message, resource_ids, resource_type) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                  "ttitttttt", run->owner_id, run->rule_id, run->created, run->execution_id, run->account_id,
                  run->success ? PL_STR("Success") : PL_STR("Failed"), run->message, run->resource_ids,
                  run->resource_type) != 0)
        return -1;
    if (!run->success)
        return 0;
    return store_run(
        session, error,
        "UPDATE remediations SET last_success_id = $3, last_success_time = $4, last_success_type "
        "= $5 WHERE account_id = $1 AND rule_id = $2",
        "tttit", run->owner_id, run->rule_id, run->execution_id, run->created, invoke_type);
}

static int read_run(store_statement *st, pl_arena *arena, engine_remedy_run *out, pl_error *error) {
    *out = (engine_remedy_run){.execution_id = pl_arena_copy(arena, store_column_text(st, 0)),
                               .account_id = pl_arena_copy(arena, store_column_text(st, 1)),
                               .success = pl_str_is(store_column_text(st, 2), "Success"),
                               .message = pl_arena_copy(arena, store_column_text(st, 3)),
                               .resource_ids = pl_arena_copy(arena, store_column_text(st, 4)),
                               .resource_type = pl_arena_copy(arena, store_column_text(st, 5)),
                               .created = store_column_i64(st, 6)};
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

int engine_remedy_runs(store_session *session, pl_arena *arena, const engine_remedy_page *page,
                       engine_remedy_run *runs, size_t *count, pl_error *error) {
    int step;
    store_statement *st = store_prepare(
        session,
        "SELECT execution_id, account_id, status, message, resource_ids, resource_type, created FROM "
        "remediation_executions WHERE owner_id = $1 AND rule_id = $2 AND ($3 = '' OR status = $3) AND ($4 = "
        "'' OR account_id = $4) AND (created < $5 OR (created = $5 AND execution_id < $6)) ORDER BY created "
        "DESC, execution_id DESC LIMIT $7",
        error);
    store_bind_text(st, 1, page->owner_id);
    store_bind_text(st, 2, page->rule_id);
    store_bind_text(st, 3, page->status);
    store_bind_text(st, 4, page->account_id);
    store_bind_i64(st, 5, page->before);
    store_bind_text(st, 6, page->before_id);
    store_bind_i64(st, 7, (int64_t)page->limit);
    *count = 0;
    while ((step = store_step(st, error)) == 1)
        if (read_run(st, arena, runs + (*count)++, error) != 0)
            return -1;
    return step;
}
