/*
 * Operations on results: StartConfigRuleEvaluation (by rule, pack or resource), IgnoreEvaluationResults,
 * RevertEvaluationResults, and their aggregate twins.
 */
#include "api/config/results.h"
#include "api/operations.gen.h"

enum { RESOURCES_MAX = 100 };

typedef struct operate_task {
    api_call *call;
    config_owner owner;
    pl_str rule_id, pack_id, resource_id;
    bool revert;
    engine_resource_name *resources;
    size_t count;
    pl_str date, reason;
    size_t evaluated;
} operate_task;

/* --- Starting
 * --------------------------------------------------------------------------------------------------- */

static int start_work(store_session *session, void *argument, pl_error *error) {
    operate_task *task = argument;
    api_call *call = task->call;
    engine_rule *rules;
    size_t count;
    if (config_named_rules(call, session, &task->owner, task->rule_id, task->pack_id, &rules, &count,
                           error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        bool active = rules[i].state == ENGINE_ACTIVE;
        if (!active && task->rule_id.n)
            return pl_fail(error, PL_E_ConfigRuleStatusNotActive);
        if (active && engine_evaluate_rule(call->services->engine, session, rules + i, task->revert,
                                           call->now, error) != 0)
            return -1;
    }
    return 0;
}

static int start(api_call *call) {
    operate_task task = {.call = call,
                         .rule_id = pl_str_trim(api_text(call, "ConfigRuleId")),
                         .pack_id = pl_str_trim(api_text(call, "CompliancePackId")),
                         .revert = api_flag(call, "RevertEvaluation", false)};
    if (task.rule_id.n == 0 && task.pack_id.n == 0)
        return api_fail_generic(&call->operation->product->missing, call->error, PL_STR("ConfigRuleId"));
    if (task.rule_id.n && task.pack_id.n)
        return api_fail_generic(&call->operation->product->invalid, call->error, PL_STR("CompliancePackId"));
    if (config_owner_of(call, CONFIG_WRITE, &task.owner) != 0 || config_write(call, start_work, &task) != 0)
        return -1;
    pl_write_bool(call->out, PL_STR("Result"), true);
    return 0;
}

int config_start_config_rule_evaluation(api_call *call) {
    return start(call);
}

int config_start_aggregate_config_rule_evaluation(api_call *call) {
    return start(call);
}

int config_start_config_rule_evaluation_2019(api_call *call) {
    return start(call);
}

/* The answer has room for one rule: that of the resource's first result. */
static int find_rule(operate_task *task, store_session *session, pl_error *error) {
    api_call *call = task->call;
    engine_group owner = {api_account(call), PL_STR_NONE};
    engine_rule *rules;
    engine_result *results;
    size_t count, found;
    pl_str next;
    if (engine_rule_list(session, call->arena, &owner, NULL, &rules, &count, error) != 0)
        return -1;
    const engine_rule **all = pl_new(call->arena, const engine_rule *, count + 1);
    if (!all)
        return pl_fail(error, PL_E_ServiceUnavailable);
    size_t active = 0;
    for (size_t i = 0; i < count; i++)
        if (rules[i].state == ENGINE_ACTIVE)
            all[active++] = rules + i;
    engine_result_filter filter = {.rules = all,
                                   .rule_count = active,
                                   .accounts = &owner.owner_id,
                                   .account_count = 1,
                                   .resource_id = task->resource_id};
    if (engine_list_results(call->services->engine, session, call->arena, &filter, PL_STR_NONE, 1, &results,
                            &found, &next, error) != 0)
        return -1;
    task->rule_id = found ? results[0].rule->rule_id : PL_STR("");
    return 0;
}

static int resource_work(store_session *session, void *argument, pl_error *error) {
    operate_task *task = argument;
    api_call *call = task->call;
    if (engine_evaluate_resource(call->services->engine, session, api_account(call), task->resource_id,
                                 call->now, &task->evaluated, error) != 0)
        return -1;
    return task->evaluated ? find_rule(task, session, error) : pl_fail(error, PL_E_Invalid_ResourceId_Value);
}

int config_start_config_rule_evaluation_by_resource(api_call *call) {
    operate_task task = {.call = call, .resource_id = pl_str_trim(api_text(call, "ResourceId"))};
    if (config_write(call, resource_work, &task) != 0)
        return -1;
    pl_write_string(call->out, PL_STR("ConfigRuleId"), task.rule_id);
    pl_write_bool(call->out, PL_STR("Result"), true);
    return 0;
}

/* --- Ignoring and restoring
 * ----------------------------------------------------------------------------------- */

static bool owns(const config_owner *owner, pl_str account_id) {
    for (size_t i = 0; i < owner->account_count; i++)
        if (pl_str_eq(owner->accounts[i], account_id))
            return true;
    return false;
}

static int take_resources(operate_task *task) {
    api_call *call = task->call;
    const api_value *list = api_input(call, "Resources");
    if (!list || list->count == 0)
        return api_fail(call->operation, call->error, PL_E_Invalid_Resources_Empty);
    if (list->count > RESOURCES_MAX)
        return api_fail(call->operation, call->error, PL_E_Invalid_Resources_SizeExceed);
    task->count = list->count;
    task->resources = pl_new(call->arena, engine_resource_name, list->count);
    if (!task->resources)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < list->count; i++) {
        const api_value *item = list->items + i;
        task->resources[i] = (engine_resource_name){
            pl_str_trim(api_member_text(item, "ResourceAccountId")), api_member_text(item, "ResourceType"),
            api_member_text(item, "Region"), api_member_text(item, "ResourceId")};
        if (!owns(&task->owner, task->resources[i].account_id))
            return api_fail(call->operation, call->error, PL_E_Invalid_Resources_Value);
    }
    return 0;
}

static int mark_work(store_session *session, void *argument, pl_error *error) {
    operate_task *task = argument;
    api_call *call = task->call;
    engine_rule *rules;
    size_t count;
    engine *e = call->services->engine;
    if (config_named_rules(call, session, &task->owner, task->rule_id, PL_STR_NONE, &rules, &count, error) !=
        0)
        return -1;
    if (task->revert)
        return engine_revert_results(e, session, rules, task->resources, task->count, call->now, error);
    return engine_ignore_results(e, session, rules, task->resources, task->count, task->date, task->reason,
                                 call->now, error);
}

static int mark(api_call *call, bool revert) {
    operate_task task = {.call = call,
                         .revert = revert,
                         .rule_id = pl_str_trim(api_text(call, "ConfigRuleId")),
                         .date = pl_str_trim(api_text(call, "IgnoreDate")),
                         .reason = api_text(call, "Reason")};
    if (config_owner_of(call, CONFIG_WRITE, &task.owner) != 0 || take_resources(&task) != 0)
        return -1;
    return config_write(call, mark_work, &task);
}

int config_ignore_evaluation_results(api_call *call) {
    return mark(call, false);
}

int config_ignore_aggregate_evaluation_results(api_call *call) {
    return mark(call, false);
}

int config_revert_evaluation_results(api_call *call) {
    return mark(call, true);
}

int config_revert_aggregate_evaluation_results(api_call *call) {
    return mark(call, true);
}
