/* Counts of a rule's results, and what they add up to (reference/evaluation-semantics.md, section 9). */
#include "engine/listed.h"

static int read_counts(store_session *session, pl_str account_id, int64_t rule_key, engine_counts *out,
                       pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT covered, non_compliant, not_applicable, insufficient, ignored "
                      "FROM rule_counts WHERE account_id = $1 AND rule_key = $2",
                      error);
    store_bind_text(st, 1, account_id);
    store_bind_i64(st, 2, rule_key);
    *out = (engine_counts){0};
    int step = store_step(st, error);
    if (step < 0)
        return -1;
    out->total = step ? store_column_i64(st, 0) : 0;
    for (int i = ENGINE_NON_COMPLIANT; step && i < ENGINE_COMPLIANCE_COUNT; i++)
        out->by[i] = store_column_i64(st, i);
    store_reset(st);
    return engine_count_waiting(session, account_id, rule_key, out, error);
}

/* Rules that cover whole types have as many resources as there are of them. */
static int count_whole(store_session *session, pl_arena *arena, pl_str account_id, const engine_bound *bound,
                       int64_t *total, pl_error *error) {
    inventory_group *types;
    size_t count;
    *total = 0;
    if (inventory_count_by_type(session, arena, account_id, PL_STR_NONE, &types, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (engine_bound_has_type(bound, types[i].name))
            *total += types[i].count;
    return 0;
}

static int count_account(engine *e, store_session *session, pl_arena *arena, const engine_rule *rule,
                         pl_str account_id, engine_counts *out, pl_error *error) {
    engine_bound bound;
    engine_counts found;
    bool inside;
    if (engine_bind_rule(e, session, arena, account_id, rule, &bound, &inside, error) != 0)
        return -1;
    if (!inside)
        return 0;
    if (read_counts(session, account_id, rule->rule_key, &found, error) != 0 ||
        (bound.whole && count_whole(session, arena, account_id, &bound, &found.total, error) != 0))
        return -1;
    int64_t rest = found.total;
    for (int i = ENGINE_NON_COMPLIANT; i < ENGINE_COMPLIANCE_COUNT; i++)
        rest -= found.by[i];
    /* What a rule that has never run to its end has not looked at is not known to be compliant. */
    found.by[rule->run_ordering ? ENGINE_COMPLIANT : ENGINE_INSUFFICIENT_DATA] += rest > 0 ? rest : 0;
    for (int i = 0; i < ENGINE_COMPLIANCE_COUNT; i++)
        out->by[i] += found.by[i];
    out->total += found.total;
    return 0;
}

int engine_count_rule(engine *e, store_session *session, const engine_rule *rule, const pl_str *accounts,
                      size_t account_count, engine_counts *out, pl_error *error) {
    pl_arena arena;
    int status = 0;
    *out = (engine_counts){0};
    pl_arena_init(&arena, 64 << 20);
    for (size_t i = 0; status == 0 && i < account_count; i++)
        if (rule->aggregator_id.n || pl_str_eq(rule->account_id, accounts[i]))
            status = count_account(e, session, &arena, rule, accounts[i], out, error);
    pl_arena_free(&arena);
    return status;
}

engine_compliance engine_aggregate(const engine_counts *counts, int64_t *size) {
    static const engine_compliance order[] = {ENGINE_NON_COMPLIANT, ENGINE_COMPLIANT, ENGINE_IGNORED,
                                              ENGINE_NOT_APPLICABLE};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (counts->by[order[i]] > 0) {
            *size = counts->by[order[i]];
            return order[i];
        }
    *size = 0;
    return ENGINE_INSUFFICIENT_DATA;
}
