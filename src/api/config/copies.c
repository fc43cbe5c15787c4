/* CopyConfigRules and CopyCompliancePacks: all or nothing. */
#include "api/config/shared.h"
#include "api/operations.gen.h"

enum { RULES_MAX = 99, PACKS_MAX = 9, TARGETS_MAX = 100 };

typedef struct copy_task {
    api_call *call;
    config_owner source;
    config_owner *targets;
    size_t target_count;
    engine_list ids;
    bool packs;
} copy_task;

static int copy_rule(copy_task *task, engine_context *context, store_session *session, pl_str id,
                     const engine_group *to, pl_error *error) {
    engine_rule rule;
    bool found = false;
    if (engine_rule_find(session, context->arena, &task->source.group, id, &rule, &found, error) != 0)
        return -1;
    return found ? engine_rule_copy(context, session, &rule, to, PL_STR_NONE, error)
                 : pl_fail(error, PL_E_ConfigRuleNotExists);
}

static int copy_pack(copy_task *task, engine_context *context, store_session *session, pl_str id,
                     const engine_group *to, pl_error *error) {
    engine_pack pack;
    bool found = false;
    if (engine_pack_find(session, context->arena, &task->source.group, id, &pack, &found, error) != 0)
        return -1;
    return found ? engine_pack_copy(context, session, &pack, to, error)
                 : pl_fail(error, PL_E_Invalid_CompliancePackId_Value);
}

static int copy_work(store_session *session, void *argument, pl_error *error) {
    copy_task *task = argument;
    for (size_t t = 0; t < task->target_count; t++) {
        engine_context context = config_context(task->call, &task->targets[t]);
        for (size_t i = 0; i < task->ids.count; i++)
            if ((task->packs ? copy_pack : copy_rule)(task, &context, session, task->ids.items[i],
                                                      &task->targets[t].group, error) != 0)
                return -1;
    }
    return 0;
}

/* The groups to copy to; none given: where the source is. */
static int read_targets(copy_task *task) {
    api_call *call = task->call;
    engine_list groups;
    if (config_list(call, "DesAggregatorIds", &groups) != 0)
        return -1;
    pl_str source = pl_str_trim(api_text(call, "SrcAggregatorId"));
    if (groups.count == 0 && engine_list_join(call->arena, &source, 1, &groups, call->error) != 0)
        return -1;
    task->targets = pl_new(call->arena, config_owner, groups.count + 1);
    if (!task->targets)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    if (groups.count == 0)
        return config_owner_by_id(call, PL_STR_NONE, CONFIG_WRITE, &task->targets[task->target_count++]);
    if (groups.count > TARGETS_MAX)
        return api_fail(call->operation, call->error, PL_E_Invalid_AggregatorId_Value);
    for (; task->target_count < groups.count; task->target_count++)
        if (config_owner_by_id(call, groups.items[task->target_count], CONFIG_WRITE,
                               &task->targets[task->target_count]) != 0)
            return -1;
    return 0;
}

static int copy(api_call *call, bool packs, const char *ids, size_t most, pl_error_code too_many) {
    copy_task task = {.call = call, .packs = packs};
    pl_str source = pl_str_trim(api_text(call, "SrcAggregatorId"));
    if (config_list(call, ids, &task.ids) != 0)
        return -1;
    if (task.ids.count == 0)
        return api_fail_generic(&call->operation->product->missing, call->error, pl_str_from(ids));
    if (task.ids.count > most)
        return api_fail(call->operation, call->error, too_many);
    if (config_owner_by_id(call, source, CONFIG_READ, &task.source) != 0 || read_targets(&task) != 0 ||
        config_write(call, copy_work, &task) != 0)
        return -1;
    pl_write_bool(call->out, PL_STR("CopyRulesResult"), true);
    return 0;
}

int config_copy_config_rules(api_call *call) {
    return copy(call, false, "SrcConfigRuleIds", RULES_MAX, PL_E_ConfigRuleCopyLimit);
}

int config_copy_compliance_packs(api_call *call) {
    return copy(call, true, "SrcCompliancePackIds", PACKS_MAX, PL_E_CompliancePackCopyLimit);
}
