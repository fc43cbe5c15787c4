/*
 * ActiveConfigRules, DeactiveConfigRules, DeleteConfigRules, their aggregate twins and the version of 2019
 * (StopConfigRules): each id succeeds or fails by itself, the call does not.
 */
#include "api/config/shared.h"
#include "api/operations.gen.h"

enum { IDS_MAX = 20 };

typedef struct operate_task {
    api_call *call;
    config_owner owner;
    engine_list ids;
    pl_str pack_id;
    engine_rule_action action;
    pl_error *results; /* one an id; an empty code: success */
} operate_task;

/* All rules of the pack join the ids that were given. */
static int add_pack_rules(operate_task *task, store_session *session, pl_error *error) {
    engine_pack pack;
    engine_rule *rules;
    size_t count;
    bool found = false;
    pl_arena *arena = task->call->arena;
    if (engine_pack_find(session, arena, &task->owner.group, task->pack_id, &pack, &found, error) != 0)
        return -1;
    if (!found)
        return pl_fail(error, PL_E_Invalid_CompliancePackId_Value);
    if (engine_pack_rules(session, arena, &pack, &rules, &count, error) != 0)
        return -1;
    pl_str *items = pl_new(arena, pl_str, task->ids.count + count + 1);
    if (!items)
        return pl_fail(error, PL_E_ServiceUnavailable);
    size_t total = 0;
    for (size_t i = 0; i < task->ids.count; i++)
        items[total++] = task->ids.items[i];
    for (size_t i = 0; i < count; i++)
        if (!engine_list_has(&task->ids, rules[i].rule_id))
            items[total++] = rules[i].rule_id;
    return engine_list_join(arena, items, total, &task->ids, error);
}

static int operate_work(store_session *session, void *argument, pl_error *error) {
    operate_task *task = argument;
    engine_context context = config_context(task->call, &task->owner);
    if (task->pack_id.n && add_pack_rules(task, session, error) != 0)
        return -1;
    task->results = pl_new(task->call->arena, pl_error, task->ids.count + 1);
    if (!task->results)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < task->ids.count; i++) {
        pl_error *result = &task->results[i];
        if (engine_rule_act(&context, session, &task->owner.group, task->ids.items[i], task->action,
                            result) != 0 &&
            result->http_status >= 500) {
            *error = *result;
            return -1;
        }
    }
    return 0;
}

static int operate(api_call *call, engine_rule_action action) {
    operate_task task = {
        .call = call, .action = action, .pack_id = pl_str_trim(api_text(call, "CompliancePackId"))};
    if (config_owner_of(call, CONFIG_WRITE, &task.owner) != 0 ||
        config_list(call, "ConfigRuleIds", &task.ids) != 0)
        return -1;
    if (task.ids.count > IDS_MAX)
        return api_fail(call->operation, call->error, PL_E_Invalid_ConfigRuleIds_SizeExceed);
    if (task.ids.count == 0 && task.pack_id.n == 0)
        return api_fail_generic(&call->operation->product->missing, call->error, PL_STR("ConfigRuleIds"));
    if (config_write(call, operate_work, &task) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("OperateRuleResult"));
    pl_write_array(call->out, PL_STR("OperateRuleItemList"));
    for (size_t i = 0; i < task.ids.count; i++)
        config_write_item(call->out, "ConfigRuleId", task.ids.items[i],
                          task.results[i].code[0] ? &task.results[i] : NULL);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

#define OPERATION(name, action)                                                                              \
    int name(api_call *call) {                                                                               \
        return operate(call, action);                                                                        \
    }

OPERATION(config_active_config_rules, ENGINE_ACTIVATE)
OPERATION(config_active_aggregate_config_rules, ENGINE_ACTIVATE)
OPERATION(config_active_config_rules_2019, ENGINE_ACTIVATE)
OPERATION(config_deactive_config_rules, ENGINE_DEACTIVATE)
OPERATION(config_deactive_aggregate_config_rules, ENGINE_DEACTIVATE)
OPERATION(config_stop_config_rules_2019, ENGINE_DEACTIVATE)
OPERATION(config_delete_config_rules, ENGINE_DELETE)
OPERATION(config_delete_aggregate_config_rules, ENGINE_DELETE)
OPERATION(config_delete_config_rules_2019, ENGINE_DELETE)
