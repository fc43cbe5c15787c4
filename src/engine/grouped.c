/* Results by region and by resource type: rows are grouped by the store, the compliant rest is what is left.
 */
#include "engine/evaluate.h"
#include "engine/listed.h"
#include "engine/summary.h"

#include <stdlib.h>

struct grouping {
    engine *e;
    store_session *session;
    pl_arena *arena;
    engine_grouping by;
    engine_group_counts *groups;
    size_t count, capacity;
    pl_error *error;
};

static engine_counts *group_of(struct grouping *g, pl_str name) {
    for (size_t i = 0; i < g->count; i++)
        if (pl_str_eq(g->groups[i].name, name))
            return &g->groups[i].counts;
    engine_group_counts *grown = pl_arena_grow(g->arena, g->groups, g->count, &g->capacity, sizeof *grown);
    pl_str copy = grown ? pl_arena_copy(g->arena, name) : PL_STR_NONE;
    if (!copy.p) {
        pl_fail(g->error, PL_E_ServiceUnavailable);
        return NULL;
    }
    g->groups = grown;
    grown[g->count] = (engine_group_counts){.name = copy};
    return &grown[g->count++].counts;
}

/* Adds covered resources as compliant, or as not known while the rule has never run to its end. */
static int add_covered(struct grouping *g, const engine_rule *rule, pl_str name, int64_t n) {
    engine_counts *counts = group_of(g, name);
    if (!counts)
        return -1;
    counts->by[rule->run_ordering ? ENGINE_COMPLIANT : ENGINE_INSUFFICIENT_DATA] += n;
    counts->total += n;
    return 0;
}

static int move_row(struct grouping *g, const engine_rule *rule, pl_str name, engine_compliance shown,
                    int64_t n) {
    engine_counts *counts = group_of(g, name);
    if (!counts)
        return -1;
    counts->by[rule->run_ordering ? ENGINE_COMPLIANT : ENGINE_INSUFFICIENT_DATA] -= n;
    counts->by[shown] += n;
    return 0;
}

/* Those that are listed and those that wait to be (engine/listed.h). */
#define ROWS_OF_RULE                                                                                         \
    "(SELECT resource_key, shown FROM results WHERE account_id = $1 AND rule_key = $2 AND listed = 1 UNION " \
    "ALL SELECT x.resource_key, x.shown FROM " ENGINE_WAITING ENGINE_WAITING_WHERE " AND x.rule_key = $2)"

/* Not of a type that leaves (engine/leaving.h). */
#define TYPE_STAYS                                                                                           \
    " AND NOT EXISTS (SELECT 1 FROM results_leaving l WHERE l.account_id = $1 AND l.rule_key = $2 AND "      \
    "l.resource_type = r.resource_type)"

/* CROSS JOIN: from the rule's rows to their resources, and not through all resources of the account. */
static int add_rows(struct grouping *g, pl_str account_id, const engine_rule *rule) {
    int step;
    store_statement *st = store_prepare(
        g->session,
        g->by == ENGINE_BY_REGION
            ? "SELECT r.region_id, x.shown, COUNT(*) FROM " ROWS_OF_RULE " x CROSS JOIN resources r "
              "WHERE r.account_id = $1 AND r.resource_key = x.resource_key" TYPE_STAYS
              " GROUP BY r.region_id, x.shown"
            : "SELECT r.resource_type, x.shown, COUNT(*) FROM " ROWS_OF_RULE " x CROSS JOIN resources r "
              "WHERE r.account_id = $1 AND r.resource_key = x.resource_key" TYPE_STAYS
              " GROUP BY r.resource_type, x.shown",
        g->error);
    store_bind_text(st, 1, account_id);
    store_bind_i64(st, 2, rule->rule_key);
    while ((step = store_step(st, g->error)) == 1)
        if (move_row(g, rule, store_column_text(st, 0), (engine_compliance)store_column_i64(st, 1),
                     store_column_i64(st, 2)) != 0)
            return -1;
    return step;
}

struct visiting {
    struct grouping *g;
    const engine_bound *bound;
};

static int visit(void *context, const inventory_resource *r, pl_error *error) {
    struct visiting *v = context;
    engine_scope_subject subject;
    pl_arena arena;
    pl_arena_init(&arena, 1 << 20);
    int status = engine_scope_subject_of(&arena, r, &subject, error);
    if (status == 0 && engine_bound_covers(v->bound, &subject))
        status = add_covered(v->g, v->bound->rule,
                             v->g->by == ENGINE_BY_REGION ? r->region_id : r->resource_type, 1);
    pl_arena_free(&arena);
    return status;
}

static int add_whole(struct grouping *g, pl_str account_id, const engine_bound *bound, pl_str type,
                     int64_t n) {
    inventory_group *regions;
    size_t count;
    if (g->by == ENGINE_BY_TYPE)
        return add_covered(g, bound->rule, type, n);
    if (inventory_count_by_region(g->session, g->arena, account_id, type, &regions, &count, g->error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (add_covered(g, bound->rule, regions[i].name, regions[i].count) != 0)
            return -1;
    return 0;
}

static int add_resources(struct grouping *g, pl_str account_id, const engine_bound *bound) {
    inventory_group *types;
    size_t count;
    if (inventory_count_by_type(g->session, g->arena, account_id, PL_STR_NONE, &types, &count, g->error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        inventory_filter filter = {.account_id = account_id, .types = &types[i].name, .type_count = 1};
        struct visiting v = {g, bound};
        if (!engine_bound_has_type(bound, types[i].name))
            continue;
        if ((bound->whole ? add_whole(g, account_id, bound, types[i].name, types[i].count)
                          : inventory_list(g->session, &filter, 0, visit, &v, g->error)) != 0)
            return -1;
    }
    return 0;
}

static int add_rule(struct grouping *g, pl_str account_id, const engine_rule *rule) {
    engine_bound bound;
    bool inside;
    if (rule->aggregator_id.n == 0 && !pl_str_eq(rule->account_id, account_id))
        return 0;
    if (engine_bind_rule(g->e, g->session, g->arena, account_id, rule, &bound, &inside, g->error) != 0)
        return -1;
    if (!inside)
        return 0;
    return add_resources(g, account_id, &bound) != 0 ? -1 : add_rows(g, account_id, rule);
}

static int compare_groups(const void *a, const void *b) {
    return pl_str_cmp(((const engine_group_counts *)a)->name, ((const engine_group_counts *)b)->name);
}

int engine_count_grouped(engine *e, store_session *session, pl_arena *arena, const engine_summary_input *in,
                         engine_grouping grouping, engine_group_counts **groups, size_t *count,
                         pl_error *error) {
    struct grouping g = {.e = e, .session = session, .arena = arena, .by = grouping, .error = error};
    for (size_t a = 0; a < in->account_count; a++)
        for (size_t i = 0; i < in->rule_count; i++)
            if (add_rule(&g, in->accounts[a], in->rules + i) != 0)
                return -1;
    if (g.count)
        qsort(g.groups, g.count, sizeof *g.groups, compare_groups);
    *groups = g.groups;
    *count = g.count;
    return 0;
}
