/* ListConfigRules and ListAggregateConfigRules, in the version of 2019 too. */
#include "api/config/rule_answer.h"
#include "api/operations.gen.h"

typedef struct list_task {
    api_call *call;
    config_owner owner;
    engine_rule_filter filter;
    pl_str state, compliance; /* filters on what is not in the record; empty: none */
    config_rule_view *views;
    size_t count;
} list_task;

static bool wanted(const list_task *task, const config_rule_view *view) {
    if (task->state.n && !pl_str_eq(task->state, config_rule_state(view)))
        return false;
    return task->compliance.n == 0 || pl_str_eq(task->compliance, engine_compliance_name(view->compliance));
}

static int list_work(store_session *session, void *argument, pl_error *error) {
    list_task *task = argument;
    engine_rule *rules;
    size_t count;
    if (engine_rule_list(session, task->call->arena, &task->owner.group, &task->filter, &rules, &count,
                         error) != 0)
        return -1;
    task->count = 0;
    task->views = pl_new(task->call->arena, config_rule_view, count ? count : 1);
    if (!task->views)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < count; i++) /* newest first */
        task->views[i].rule = rules[count - 1 - i];
    if (config_view_rules(task->call, session, &task->owner, task->views, count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (wanted(task, &task->views[i]))
            task->views[task->count++] = task->views[i];
    return 0;
}

static int read_filter(api_call *call, list_task *task) {
    task->filter.pack_id = pl_str_trim(api_text(call, "CompliancePackId"));
    task->filter.name = api_text(call, "ConfigRuleName");
    task->filter.keyword = api_text(call, "Keyword");
    task->filter.risk_level = (int)api_number(call, "RiskLevel", 0);
    task->state = api_text(call, "ConfigRuleState");
    task->compliance = api_text(call, "ComplianceType");
    pl_str order = api_text(call, "SortBy");
    if (order.n && !pl_str_is(order, "CreateDate-Desc"))
        return api_fail_generic(&call->operation->product->invalid, call->error, PL_STR("SortBy"));
    if (config_list(call, "ResourceTypes", &task->filter.resource_types) != 0)
        return -1;
    return config_tags_filter(call, &task->filter.tags);
}

static int list(api_call *call) {
    list_task task = {.call = call};
    int64_t page, take, skip;
    if (config_owner_of(call, CONFIG_READ, &task.owner) != 0 || read_filter(call, &task) != 0 ||
        config_read(call, list_work, &task) != 0)
        return -1;
    api_page(call, 10, &page, &take, &skip);
    pl_write_object(call->out, PL_STR("ConfigRules"));
    pl_write_array(call->out, PL_STR("ConfigRuleList"));
    for (int64_t i = skip; i < (int64_t)task.count && i - skip < take; i++)
        config_write_rule_line(call, &task.owner, &task.views[i]);
    pl_write_array_end(call->out);
    config_write_page(call->out, page, take, (int64_t)task.count);
    pl_write_object_end(call->out);
    return 0;
}

int config_list_config_rules(api_call *call) {
    return list(call);
}

int config_list_aggregate_config_rules(api_call *call) {
    return list(call);
}

int config_list_config_rules_2019(api_call *call) {
    return list(call);
}
