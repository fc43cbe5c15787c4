/* DeleteCompliancePacks, attaching and detaching rules, and the aggregate twins: an item fails by itself. */
#include "api/config/shared.h"
#include "api/operations.gen.h"

enum { PACKS_MAX = 5, RULES_MAX = 200 };

typedef struct items_task {
    api_call *call;
    config_owner owner;
    engine_list ids;
    bool delete_rules, attach;
    pl_error *results; /* one an id; an empty code: success */
} items_task;

/* Runs one item; a failure of the store ends the call, any other stays with the item. */
static int keep_result(int result, const pl_error *item, pl_error *error) {
    if (result != 0 && item->http_status >= 500) {
        *error = *item;
        return -1;
    }
    return 0;
}

static int prepare(items_task *task, pl_error *error) {
    task->results = pl_new(task->call->arena, pl_error, task->ids.count + 1);
    return task->results ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int delete_work(store_session *session, void *argument, pl_error *error) {
    items_task *task = argument;
    engine_context context = config_context(task->call, &task->owner);
    if (prepare(task, error) != 0)
        return -1;
    for (size_t i = 0; i < task->ids.count; i++) {
        int result = engine_pack_delete(&context, session, &task->owner.group, task->ids.items[i],
                                        task->delete_rules, &task->results[i]);
        if (keep_result(result, &task->results[i], error) != 0)
            return -1;
    }
    return 0;
}

static void write_items(const items_task *task, const char *object, const char *array, const char *id_name) {
    pl_writer *out = task->call->out;
    pl_write_object(out, pl_str_from(object));
    pl_write_array(out, pl_str_from(array));
    for (size_t i = 0; i < task->ids.count; i++)
        config_write_item(out, id_name, task->ids.items[i],
                          task->results[i].code[0] ? &task->results[i] : NULL);
    pl_write_array_end(out);
    pl_write_object_end(out);
}

static int delete_packs(api_call *call) {
    items_task task = {.call = call, .delete_rules = api_flag(call, "DeleteRule", false)};
    if (config_owner_of(call, CONFIG_WRITE, &task.owner) != 0 ||
        config_list(call, "CompliancePackIds", &task.ids) != 0)
        return -1;
    if (task.ids.count == 0)
        return api_fail_generic(&call->operation->product->missing, call->error, PL_STR("CompliancePackIds"));
    if (task.ids.count > PACKS_MAX)
        return api_fail(call->operation, call->error, PL_E_Invalid_CompliancePackIds_SizeExceed);
    if (config_write(call, delete_work, &task) != 0)
        return -1;
    write_items(&task, "OperateCompliancePacksResult", "OperateCompliancePacks", "CompliancePackId");
    return 0;
}

static int link_work(store_session *session, void *argument, pl_error *error) {
    items_task *task = argument;
    engine_context context = config_context(task->call, &task->owner);
    engine_pack pack;
    bool found = false;
    pl_str id = pl_str_trim(api_text(task->call, "CompliancePackId"));
    if (prepare(task, error) != 0 ||
        engine_pack_find(session, task->call->arena, &task->owner.group, id, &pack, &found, error) != 0)
        return -1;
    if (!found)
        return pl_fail(error, PL_E_Invalid_CompliancePackId_Value);
    for (size_t i = 0; i < task->ids.count; i++) {
        int result = (task->attach ? engine_pack_attach : engine_pack_detach)(
            &context, session, &pack, task->ids.items[i], &task->results[i]);
        if (keep_result(result, &task->results[i], error) != 0)
            return -1;
    }
    return 0;
}

static int link_rules(api_call *call, bool attach) {
    items_task task = {.call = call, .attach = attach};
    if (config_owner_of(call, CONFIG_WRITE, &task.owner) != 0 ||
        config_list(call, "ConfigRuleIds", &task.ids) != 0)
        return -1;
    if (task.ids.count == 0)
        return api_fail_generic(&call->operation->product->missing, call->error, PL_STR("ConfigRuleIds"));
    if (task.ids.count > RULES_MAX)
        return api_fail(call->operation, call->error, PL_E_Invalid_ConfigRuleIds_SizeExceed);
    if (config_write(call, link_work, &task) != 0)
        return -1;
    write_items(&task, "OperateRuleResult", "OperateRuleItemList", "ConfigRuleId");
    return 0;
}

int config_delete_compliance_packs(api_call *call) {
    return delete_packs(call);
}

int config_delete_aggregate_compliance_packs(api_call *call) {
    return delete_packs(call);
}

int config_attach_config_rule_to_compliance_pack(api_call *call) {
    return link_rules(call, true);
}

int config_attach_aggregate_config_rule_to_compliance_pack(api_call *call) {
    return link_rules(call, true);
}

int config_detach_config_rule_to_compliance_pack(api_call *call) {
    return link_rules(call, false);
}

int config_detach_aggregate_config_rule_to_compliance_pack(api_call *call) {
    return link_rules(call, false);
}
