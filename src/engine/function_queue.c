/*
 * The queue of events for functions (table function_events). An event leaves it when its result has come,
 * when it is given up, or when its object is gone; a claim is a lease, so what a killed process had is
 * delivered again. A later event for the same rule and resource replaces an earlier one.
 */
#include "engine/function.h"
#include "engine/run.h"

pl_str engine_function_trigger(int64_t message) {
    return message >= ENGINE_BY_CHANGE && message <= ENGINE_BY_HAND
               ? engine_message_name((engine_message_type)message)
               : PL_STR("");
}

static int put_event(store_session *session, pl_str account_id, const engine_rule *rule, int64_t resource_key,
                     int64_t ordering, engine_message_type message, pl_error *error) {
    return store_run(
        session, error,
        "INSERT INTO function_events (account_id, rule_key, resource_key, owner_id, ordering, message_type) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account_id, rule_key, resource_key) DO UPDATE SET "
        "ordering = excluded.ordering, message_type = excluded.message_type, attempts = 0, due = 0, awaiting "
        "= 0, node = ''",
        "tiitii", account_id, rule->rule_key, resource_key, rule->account_id, ordering, (int64_t)message);
}

int engine_queue_function(engine_writing *w, const engine_outcome *o) {
    w->functions_queued = true;
    return put_event(w->session, o->account_id, o->rule, o->resource_key, o->ordering, o->message_type,
                     w->error);
}

int engine_queue_account(store_session *session, pl_str account_id, const engine_rule *rule, int64_t ordering,
                         engine_message_type message, pl_error *error) {
    if (put_event(session, account_id, rule, 0, ordering, message, error) != 0)
        return -1;
    return store_notify(session, ENGINE_FUNCTION_CHANNEL, PL_STR(""), error);
}

/* --- Taking events ---------------------------------------------------------------------------------------
 */

int engine_function_next_rule(store_session *session, pl_arena *arena, int64_t after, int64_t *rule_key,
                              pl_str *owner_id, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT rule_key, owner_id FROM function_events WHERE rule_key > $1 "
                                        "ORDER BY rule_key LIMIT 1",
                                        error);
    store_bind_i64(st, 1, after);
    int step = store_step(st, error);
    *rule_key = 0;
    if (step <= 0)
        return step;
    *rule_key = store_column_i64(st, 0);
    *owner_id = pl_arena_copy(arena, store_column_text(st, 1));
    store_reset(st);
    return owner_id->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

int engine_function_has_due(store_session *session, int64_t rule_key, int64_t now, bool *due,
                            pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT 1 FROM function_events WHERE rule_key = $1 AND due <= $2 LIMIT 1", error);
    store_bind_i64(st, 1, rule_key);
    store_bind_i64(st, 2, now);
    return store_any(st, due, error);
}

#define CLAIM                                                                                                \
    "SELECT account_id, owner_id, resource_key, ordering, message_type, attempts, awaiting FROM "            \
    "function_events WHERE rule_key = $1 AND due <= $2 ORDER BY due, ordering LIMIT $3"

static int read_events(store_statement *st, pl_arena *arena, int64_t rule_key, engine_function_event *events,
                       size_t *count, pl_error *error) {
    int step;
    *count = 0;
    while ((step = store_step(st, error)) == 1) {
        events[(*count)++] = (engine_function_event){
            .account_id = pl_arena_copy(arena, store_column_text(st, 0)),
            .owner_id = pl_arena_copy(arena, store_column_text(st, 1)),
            .rule_key = rule_key,
            .resource_key = store_column_i64(st, 2),
            .ordering = store_column_i64(st, 3),
            .message = store_column_i64(st, 4),
            .attempts = store_column_i64(st, 5),
            .awaiting = store_column_i64(st, 6) != 0,
        };
        if (arena->failed)
            return pl_fail(error, PL_E_ServiceUnavailable);
    }
    return step;
}

int engine_function_claim(store_session *session, pl_arena *arena, int64_t rule_key, pl_str node, int64_t now,
                          int64_t lease, size_t limit, engine_function_event **events, size_t *count,
                          pl_error *error) {
    *events = pl_new(arena, engine_function_event, limit ? limit : 1);
    *count = 0;
    if (!*events)
        return pl_fail(error, PL_E_ServiceUnavailable);
    store_statement *st =
        store_prepare(session, store_is_postgres(session) ? CLAIM " FOR UPDATE SKIP LOCKED" : CLAIM, error);
    store_bind_i64(st, 1, rule_key);
    store_bind_i64(st, 2, now);
    store_bind_i64(st, 3, (int64_t)limit);
    if (read_events(st, arena, rule_key, *events, count, error) != 0)
        return -1;
    for (size_t i = 0; i < *count; i++)
        if (store_run(
                session, error,
                "UPDATE function_events SET due = $4, node = $5 WHERE account_id = $1 AND rule_key = $2 "
                "AND resource_key = $3",
                "tiiit", (*events)[i].account_id, rule_key, (*events)[i].resource_key, lease, node) != 0)
            return -1;
    return 0;
}

int engine_function_release(store_session *session, pl_str node, pl_error *error) {
    if (!node.p && store_is_postgres(session))
        return 0;
    return store_run(
        session, error,
        "UPDATE function_events SET due = 0, node = '' WHERE node <> '' AND (CAST($1 AS TEXT) IS "
        "NULL OR node = $1)",
        "t", node);
}

int engine_function_renew(store_session *session, pl_str node, int64_t lease, pl_error *error) {
    return store_run(session, error, "UPDATE function_events SET due = $2 WHERE node = $1 AND node <> ''",
                     "ti", node, lease);
}

/* --- What becomes of an event -----------------------------------------------------------------------------
 */

int engine_function_is_pending(store_session *session, const engine_function_event *event, bool *pending,
                               pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT 1 FROM function_events WHERE account_id = $1 AND rule_key = "
                                        "$2 AND resource_key = $3 AND ordering = $4",
                                        error);
    store_bind_text(st, 1, event->account_id);
    store_bind_i64(st, 2, event->rule_key);
    store_bind_i64(st, 3, event->resource_key);
    store_bind_i64(st, 4, event->ordering);
    return store_any(st, pending, error);
}

int engine_function_await(store_session *session, const engine_function_event *event, int64_t deadline,
                          pl_error *error) {
    return store_run(session, error,
                     "UPDATE function_events SET due = $5, awaiting = 1, node = '' WHERE account_id = $1 AND "
                     "rule_key = $2 AND resource_key = $3 AND ordering = $4",
                     "tiiii", event->account_id, event->rule_key, event->resource_key, event->ordering,
                     deadline);
}

int engine_function_drop(store_session *session, const engine_function_event *event, pl_error *error) {
    return store_run(session, error,
                     "DELETE FROM function_events WHERE account_id = $1 AND rule_key = $2 AND resource_key = "
                     "$3 AND ordering = $4",
                     "tiii", event->account_id, event->rule_key, event->resource_key, event->ordering);
}

static int note_failure(store_session *session, const engine_function_event *event, pl_str code,
                        pl_str message, int64_t started, int64_t now, pl_error *error) {
    return store_run(session, error,
                     "UPDATE rules SET last_failure_started = $3, last_failure_ended = $4, last_error_code = "
                     "$5, last_error_message = $6 WHERE account_id = $1 AND rule_key = $2",
                     "tiiitt", event->owner_id, event->rule_key, started, now, code, message);
}

int engine_function_failed(store_session *session, const engine_function_event *event, pl_str code,
                           pl_str message, int64_t started, int64_t retry, int64_t now, pl_error *error) {
    bool pending;
    if (engine_function_is_pending(session, event, &pending, error) != 0)
        return -1;
    if (!pending)
        return 0;
    if (note_failure(session, event, code, message, started, now, error) != 0)
        return -1;
    if (retry == 0)
        return engine_function_drop(session, event, error);
    return store_run(session, error,
                     "UPDATE function_events SET due = $5, attempts = $6, awaiting = 0, node = '' WHERE "
                     "account_id = $1 AND rule_key = $2 AND resource_key = $3 AND ordering = $4",
                     "tiiiii", event->account_id, event->rule_key, event->resource_key, event->ordering,
                     retry, event->attempts + 1);
}

int engine_function_count(store_session *session, int64_t *events, pl_error *error) {
    store_statement *st = store_prepare(session, "SELECT COUNT(*) FROM function_events", error);
    return store_number(st, events, error);
}
