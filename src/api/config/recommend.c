/* ListRecommendManagedRules and its aggregate twin (reference/evaluation-semantics.md, section 11). */
#include "api/config/managed.h"
#include "api/operations.gen.h"

#include <stdlib.h>

typedef struct recommendation {
    const catalogue_rule *rule;
    int64_t count;
} recommendation;

typedef struct recommend_task {
    api_call *call;
    config_owner owner;
    engine_scope scope;
    bool has_scope;
    config_type_count *types;
    size_t type_count;
} recommend_task;

static int types_work(store_session *session, void *argument, pl_error *error) {
    recommend_task *task = argument;
    return config_uncovered_types(task->call, session, &task->owner, task->has_scope ? &task->scope : NULL,
                                  &task->types, &task->type_count, error);
}

/* Types of the selected rules are left out. */
static int leave_out_selected(recommend_task *task) {
    engine_list selected;
    if (config_list(task->call, "SelectedManagedRuleIdentifiers", &selected) != 0)
        return -1;
    for (size_t i = 0; i < selected.count; i++) {
        const catalogue_rule *rule =
            catalogue_find_rule(task->call->services->catalogue, selected.items[i], task->call->error);
        if (!rule && task->call->error->code[0])
            return -1;
        size_t kept = 0;
        for (size_t k = 0; k < task->type_count; k++)
            if (!rule || !catalogue_rule_covers(rule, task->types[k].type))
                task->types[kept++] = task->types[k];
        task->type_count = kept;
    }
    return 0;
}

static int by_count(const void *a, const void *b) {
    const recommendation *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return pl_str_cmp(x->rule->identifier, y->rule->identifier);
}

/* Rules that recorded configuration cannot decide are not recommended. */
static int choose(recommend_task *task, recommendation **list, size_t *count) {
    const catalogue *all = task->call->services->catalogue;
    size_t n = catalogue_rule_count(all);
    *count = 0;
    *list = pl_new(task->call->arena, recommendation, n + 1);
    if (!*list)
        return pl_fail(task->call->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < n; i++) {
        const catalogue_rule *rule = catalogue_rule_at(all, i, task->call->error);
        if (!rule)
            return -1;
        int64_t resources = config_uncovered_count(rule, task->types, task->type_count);
        if (resources > 0 && rule->missing.n == 0)
            (*list)[(*count)++] = (recommendation){rule, resources};
    }
    qsort(*list, *count, sizeof **list, by_count);
    return 0;
}

static int write_one(api_call *call, const catalogue_rule *rule) {
    engine_list types;
    if (engine_list_join(call->arena, rule->resource_types.items, rule->resource_types.count, &types,
                         call->error) != 0)
        return -1;
    pl_write_object(call->out, PL_STR_NONE);
    pl_write_string(call->out, PL_STR("ConfigRuleName"), rule->name);
    pl_write_string(call->out, PL_STR("Description"), rule->description);
    pl_write_string(call->out, PL_STR("Identifier"), rule->identifier);
    pl_write_string(call->out, PL_STR("ResourceTypeScope"), types.text);
    pl_write_object_end(call->out);
    return 0;
}

static int write_answer(recommend_task *task, const recommendation *list, size_t count, int64_t from) {
    pl_writer *out = task->call->out;
    int64_t take = api_number(task->call, "MaxResults", 200);
    int64_t end = from + take < (int64_t)count ? from + take : (int64_t)count;
    pl_write_object(out, PL_STR("RecommendedManagedRules"));
    pl_write_i64(out, PL_STR("MaxResults"), take);
    pl_write_i64(out, PL_STR("TotalCount"), (int64_t)count);
    pl_str next = end < (int64_t)count
                      ? api_token_make(task->call, pl_arena_printf(task->call->arena, "%lld", (long long)end))
                      : PL_STR("");
    pl_write_string(out, PL_STR("NextToken"), next);
    pl_write_array(out, PL_STR("RecommendedManagedRuleList"));
    for (int64_t i = from; i < end; i++)
        if (write_one(task->call, list[i].rule) != 0)
            return -1;
    pl_write_array_end(out);
    pl_write_object_end(out);
    return 0;
}

static int recommend(api_call *call) {
    recommend_task task = {.call = call};
    recommendation *list;
    size_t count;
    pl_str key;
    int64_t from = 0;
    if (config_owner_of(call, CONFIG_READ, &task.owner) != 0 || config_scope(call, &task.scope) != 0 ||
        api_token_open(call, &key) != 0)
        return -1;
    const engine_scope none = {0};
    task.has_scope = !engine_scope_equal(&none, &task.scope);
    if (key.n && !pl_str_to_i64(key, &from))
        return pl_fail(call->error, PL_E_InvalidNextToken);
    if (config_read(call, types_work, &task) != 0 || leave_out_selected(&task) != 0 ||
        choose(&task, &list, &count) != 0)
        return -1;
    return write_answer(&task, list, count, from);
}

int config_list_recommend_managed_rules(api_call *call) {
    return recommend(call);
}

int config_list_aggregate_recommend_managed_rules(api_call *call) {
    return recommend(call);
}
