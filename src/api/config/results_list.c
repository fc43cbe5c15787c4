/*
 * Lists of evaluation results: by rule (ListConfigRuleEvaluationResults), by resource
 * (ListResourceEvaluationResults), their aggregate twins, and DescribeEvaluationResults of 2019.
 */
#include "api/config/results.h"
#include "api/operations.gen.h"
#include "engine/remedy.h"

enum { DEFAULT_RESULTS = 10, PAGES_2019 = 1000 };

typedef struct list_task {
    api_call *call;
    config_owner owner;
    config_accounts accounts;
    engine_result_filter filter;
    engine_list types, regions, groups;
    pl_str rule_id, pack_id;
    int risk_level; /* 0: any */
    pl_str after, next;
    size_t limit;
    engine_result *results;
    size_t count;
    pl_str *remediated; /* rules whose remediation may run */
    size_t remediated_count;
    engine_counts counts; /* of version 2019 */
} list_task;

/* The rules of the call; for a listing by resource only those of the risk level that was asked for. */
static int find_rules(list_task *task, store_session *session, pl_error *error) {
    engine_rule *rules;
    size_t count;
    if (config_named_rules(task->call, session, &task->owner, task->rule_id, task->pack_id, &rules, &count,
                           error) != 0)
        return -1;
    const engine_rule **kept = pl_new(task->call->arena, const engine_rule *, count + 1);
    if (!kept)
        return pl_fail(error, PL_E_ServiceUnavailable);
    task->filter.rules = kept;
    task->filter.rule_count = 0;
    for (size_t i = 0; i < count; i++)
        if (task->risk_level == 0 || rules[i].risk_level == task->risk_level)
            kept[task->filter.rule_count++] = rules + i;
    return 0;
}

static int find_remediated(list_task *task, store_session *session, pl_error *error) {
    return engine_remedy_enabled(session, task->call->arena, &task->owner.group, &task->remediated,
                                 &task->remediated_count, error);
}

static bool is_remediated(const list_task *task, const engine_rule *rule) {
    for (size_t i = 0; i < task->remediated_count; i++)
        if (pl_str_eq(task->remediated[i], rule->rule_id))
            return true;
    return false;
}

static int list_work(store_session *session, void *argument, pl_error *error) {
    list_task *task = argument;
    if (find_rules(task, session, error) != 0 || find_remediated(task, session, error) != 0)
        return -1;
    return engine_list_results(task->call->services->engine, session, task->call->arena, &task->filter,
                               task->after, task->limit, &task->results, &task->count, &task->next, error);
}

static int begin(list_task *task) {
    api_call *call = task->call;
    if (config_owner_of(call, CONFIG_READ, &task->owner) != 0 ||
        config_accounts_of(call, &task->owner, &task->accounts) != 0 ||
        api_token_open(call, &task->after) != 0)
        return -1;
    task->filter.accounts = task->accounts.items;
    task->filter.account_count = task->accounts.count;
    task->filter.has_compliance = config_compliance(call, &task->filter.compliance);
    task->limit = (size_t)api_number(call, "MaxResults", DEFAULT_RESULTS);
    return 0;
}

static void write_results(list_task *task) {
    pl_writer *out = task->call->out;
    pl_write_array(out, PL_STR("EvaluationResultList"));
    for (size_t i = 0; i < task->count; i++)
        config_write_result(task->call, task->results + i, is_remediated(task, task->results[i].rule));
    pl_write_array_end(out);
}

static int answer(list_task *task) {
    api_call *call = task->call;
    if (config_read(call, list_work, task) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("EvaluationResults"));
    write_results(task);
    pl_write_i64(call->out, PL_STR("MaxResults"), (int64_t)task->limit);
    pl_write_string(call->out, PL_STR("NextToken"),
                    task->next.p ? api_token_make(call, task->next) : PL_STR(""));
    pl_write_object_end(call->out);
    return 0;
}

static int list_by_rule(api_call *call) {
    list_task task = {.call = call,
                      .rule_id = pl_str_trim(api_text(call, "ConfigRuleId")),
                      .pack_id = pl_str_trim(api_text(call, "CompliancePackId"))};
    if (begin(&task) != 0 || config_types(call, "ResourceTypes", &task.types) != 0 ||
        config_list(call, "Regions", &task.regions) != 0 ||
        config_list(call, "ResourceGroupIds", &task.groups) != 0)
        return -1;
    task.filter.types = task.types.items;
    task.filter.type_count = task.types.count;
    task.filter.regions = task.regions.items;
    task.filter.region_count = task.regions.count;
    task.filter.group_ids = task.groups.items;
    task.filter.group_id_count = task.groups.count;
    return answer(&task);
}

/* SortBy has one value and is meant for non-compliant results. */
static int take_order(api_call *call, engine_result_filter *filter) {
    pl_str order = pl_str_trim(api_text(call, "SortBy"));
    if (order.n == 0)
        return 0;
    if (!pl_str_is(order, "LastNonCompliantRecordTimestamp-Asc") || !filter->has_compliance ||
        filter->compliance != ENGINE_NON_COMPLIANT)
        return api_fail_generic(&call->operation->product->invalid, call->error, PL_STR("SortBy"));
    filter->oldest_non_compliant_first = true;
    return 0;
}

static int list_by_resource(api_call *call) {
    list_task task = {.call = call, .risk_level = (int)api_number(call, "RiskLevel", 0)};
    if (begin(&task) != 0 || take_order(call, &task.filter) != 0)
        return -1;
    task.filter.resource_id = pl_str_trim(api_text(call, "ResourceId"));
    task.filter.resource_type =
        catalogue_type_name(call->services->catalogue, api_text(call, "ResourceType"));
    task.filter.region_id = pl_str_trim(api_text(call, "Region"));
    if (task.filter.resource_id.n == 0) {
        task.filter.types = &task.filter.resource_type;
        task.filter.type_count = task.filter.resource_type.n ? 1 : 0;
        task.filter.regions = &task.filter.region_id;
        task.filter.region_count = task.filter.region_id.n ? 1 : 0;
    }
    return answer(&task);
}

int config_list_config_rule_evaluation_results(api_call *call) {
    return list_by_rule(call);
}

int config_list_aggregate_config_rule_evaluation_results(api_call *call) {
    return list_by_rule(call);
}

int config_list_resource_evaluation_results(api_call *call) {
    return list_by_resource(call);
}

int config_list_aggregate_resource_evaluation_results(api_call *call) {
    return list_by_resource(call);
}

/* --- 2019-01-08 -------------------------------------------------------------------------------------------
 */

/* Walks all pages of the engine's list up to the wanted one, counting the rest. */
static int page_work(store_session *session, void *argument, pl_error *error) {
    list_task *task = argument;
    api_call *call = task->call;
    int64_t page, take, skip, seen = 0;
    engine_result *results, *wanted;
    api_page(call, DEFAULT_RESULTS, &page, &take, &skip);
    wanted = pl_new(call->arena, engine_result, (size_t)take + 1);
    if (!wanted)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (find_rules(task, session, error) != 0 || find_remediated(task, session, error) != 0)
        return -1;
    task->count = 0;
    task->results = wanted;
    for (task->next = PL_STR_NONE;;) {
        size_t count;
        if (engine_list_results(call->services->engine, session, call->arena, &task->filter, task->next,
                                PAGES_2019, &results, &count, &task->next, error) != 0)
            return -1;
        for (size_t i = 0; i < count; i++, seen++)
            if (seen >= skip && (int64_t)task->count < take)
                wanted[task->count++] = results[i];
        if (!task->next.p)
            break;
    }
    task->counts.total = seen;
    return 0;
}

int config_describe_evaluation_results_2019(api_call *call) {
    int64_t page, take, skip;
    list_task task = {.call = call, .rule_id = pl_str_trim(api_text(call, "ConfigRuleId"))};
    if (begin(&task) != 0)
        return -1;
    task.filter.resource_id = pl_str_trim(api_text(call, "ResourceId"));
    task.filter.resource_type =
        catalogue_type_name(call->services->catalogue, api_text(call, "ResourceType"));
    if (config_read(call, page_work, &task) != 0)
        return -1;
    api_page(call, DEFAULT_RESULTS, &page, &take, &skip);
    pl_write_object(call->out, PL_STR("EvaluationResults"));
    write_results(&task);
    config_write_page(call->out, page, take, task.counts.total);
    pl_write_object_end(call->out);
    return 0;
}
