/* How far stored runs are: positions and counts from their rows, totals from the inventory. */
#include "engine/run.h"

static int read_rows(store_session *session, pl_arena *arena, pl_str owner_id, size_t limit,
                     engine_progress *rows, size_t *count, pl_error *error) {
    int step = 0;
    store_statement *st = store_prepare(
        session,
        "SELECT account_id, rule_key, ordering, resource_type, resource_key, covered, node "
        "FROM evaluation_runs WHERE owner_id = $1 ORDER BY ordering, account_id, rule_key LIMIT $2",
        error);
    store_bind_text(st, 1, owner_id);
    store_bind_i64(st, 2, (int64_t)limit);
    for (*count = 0; *count < limit && (step = store_step(st, error)) == 1; ++*count)
        rows[*count] =
            (engine_progress){.account_id = pl_arena_copy(arena, store_column_text(st, 0)),
                              .rule_key = store_column_i64(st, 1),
                              .started = store_column_i64(st, 2),
                              .resource_type = pl_arena_copy(arena, store_column_text(st, 3)),
                              .resource_key = store_column_i64(st, 4),
                              .evaluated = store_column_i64(st, 5),
                              .begun = store_column_text(st, 6).n > 0 || store_column_text(st, 3).n > 0};
    if (*count == limit)
        store_reset(st);
    else if (step < 0)
        return -1;
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static int count_resources(engine *e, store_session *session, pl_arena *arena, pl_str owner_id,
                           engine_progress *row, pl_error *error) {
    engine_rule rule;
    engine_bound bound;
    inventory_group *types;
    size_t count;
    bool found, inside = false;
    if (engine_rule_find_key(session, arena, owner_id, row->rule_key, &rule, &found, error) != 0)
        return -1;
    if (!found)
        return 0;
    row->rule_id = rule.rule_id;
    if (engine_bind_rule(e, session, arena, row->account_id, &rule, &bound, &inside, error) != 0 ||
        inventory_count_by_type(session, arena, row->account_id, PL_STR_NONE, &types, &count, error) != 0)
        return -1;
    for (size_t i = 0; inside && i < count; i++)
        if (engine_bound_has_type(&bound, types[i].name))
            row->resources += types[i].count;
    return 0;
}

int engine_list_progress(engine *e, store_session *session, pl_arena *arena, pl_str owner_id, size_t limit,
                         engine_progress **rows, size_t *count, pl_error *error) {
    *rows = pl_new(arena, engine_progress, limit + 1);
    if (!*rows)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (read_rows(session, arena, owner_id, limit, *rows, count, error) != 0)
        return -1;
    for (size_t i = 0; i < *count; i++)
        if (count_resources(e, session, arena, owner_id, *rows + i, error) != 0)
            return -1;
    return 0;
}

int engine_sum_progress(store_session *session, int64_t *runs, int64_t *evaluated, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT COUNT(*), CAST(COALESCE(SUM(covered), 0) AS BIGINT) FROM "
                                        "evaluation_runs WHERE node <> '' OR resource_type <> ''",
                                        error);
    if (store_step(st, error) != 1)
        return -1;
    *runs = store_column_i64(st, 0);
    *evaluated = store_column_i64(st, 1);
    store_reset(st);
    return 0;
}
