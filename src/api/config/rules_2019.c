/*
 * PutConfigRule and DescribeConfigRule of version 2019-01-08: the same rules under the names of then.
 * PutConfigRule makes a rule, or changes the one whose id is given.
 */
#include "api/config/rule_answer.h"
#include "api/operations.gen.h"

typedef struct rule_task {
    api_call *call;
    config_owner owner;
    engine_rule sent;
    pl_str rule_id;
    config_rule_view view;
} rule_task;

static int begin(rule_task *task, int access) {
    api_call *call = task->call;
    pl_str member = pl_str_trim(api_text(call, "MemberId"));
    if (config_owner_of(call, access, &task->owner) != 0)
        return -1;
    if (member.n && !pl_str_eq(member, task->owner.group.owner_id))
        return api_fail(call->operation, call->error, PL_E_MemberNotBelongToMaster);
    task->rule_id = pl_str_trim(api_text(call, "ConfigRuleId"));
    return 0;
}

/* Puts what was sent over a record. */
static int read_rule(api_call *call, engine_rule *rule) {
    rule->name = api_text(call, "ConfigRuleName");
    rule->risk_level = (int)api_number(call, "RiskLevel", rule->risk_level);
    if (api_input(call, "Description"))
        rule->description = api_text(call, "Description");
    if (api_input(call, "InputParameters"))
        rule->input_parameters = api_text(call, "InputParameters");
    if (api_input(call, "SourceMaximumExecutionFrequency"))
        rule->frequency = api_text(call, "SourceMaximumExecutionFrequency");
    if (!engine_triggers_find(api_text(call, "SourceDetailMessageType"), &rule->triggers))
        return api_fail_generic(&call->operation->product->invalid, call->error,
                                PL_STR("SourceDetailMessageType"));
    if (api_input(call, "ScopeComplianceResourceId") &&
        config_list(call, "ScopeComplianceResourceId", &rule->scope.resource_ids) != 0)
        return -1;
    return config_list(call, "ScopeComplianceResourceTypes", &rule->scope.resource_types);
}

static int create_work(store_session *session, void *argument, pl_error *error) {
    rule_task *task = argument;
    engine_context context = config_context(task->call, &task->owner);
    engine_rule rule = task->sent;
    if (engine_rule_create(&context, session, &rule, PL_STR_NONE, error) != 0)
        return -1;
    task->rule_id = rule.rule_id;
    return 0;
}

static int find(rule_task *task, store_session *session, engine_rule *rule, pl_error *error) {
    bool found = false;
    if (engine_rule_find(session, task->call->arena, &task->owner.group, task->rule_id, rule, &found,
                         error) != 0)
        return -1;
    return found ? 0 : pl_fail(error, PL_E_ConfigRuleNotExists);
}

/* What a rule is made of stays, and a managed rule keeps the triggers of its making. */
static int update_work(store_session *session, void *argument, pl_error *error) {
    rule_task *task = argument;
    engine_context context = config_context(task->call, &task->owner);
    engine_rule rule;
    if (find(task, session, &rule, error) != 0)
        return -1;
    if (rule.owner != task->sent.owner || !pl_str_eq(rule.identifier, task->sent.identifier))
        return pl_failf(error, PL_E_Invalid_SourceIdentifier_Value,
                        "The source of a rule cannot be changed.");
    unsigned triggers = rule.triggers;
    task->call->error = error;
    if (read_rule(task->call, &rule) != 0)
        return -1;
    if (rule.owner == ENGINE_MANAGED)
        rule.triggers = triggers;
    return engine_rule_update(&context, session, &rule, error);
}

int config_put_config_rule_2019(api_call *call) {
    rule_task task = {.call = call};
    pl_error *error = call->error;
    if (begin(&task, CONFIG_WRITE) != 0)
        return -1;
    task.sent.account_id = task.owner.group.owner_id;
    task.sent.identifier = pl_str_trim(api_text(call, "SourceIdentifier"));
    if (!engine_rule_owner_find(api_text(call, "SourceOwner"), &task.sent.owner))
        return api_fail_generic(&call->operation->product->invalid, call->error, PL_STR("SourceOwner"));
    if (task.rule_id.n == 0 && read_rule(call, &task.sent) != 0)
        return -1;
    int result = config_write(call, task.rule_id.n ? update_work : create_work, &task);
    call->error = error;
    if (result == 0)
        pl_write_string(call->out, PL_STR("ConfigRuleId"), task.rule_id);
    return result;
}

static int view_work(store_session *session, void *argument, pl_error *error) {
    rule_task *task = argument;
    if (find(task, session, &task->view.rule, error) != 0)
        return -1;
    return config_view_rules(task->call, session, &task->owner, &task->view, 1, error);
}

static void write_scope(api_call *call, const engine_scope *scope) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("Scope"));
    pl_write_string(out, PL_STR("ComplianceResourceId"),
                    scope->resource_ids.count ? scope->resource_ids.text : PL_STR(""));
    pl_write_array(out, PL_STR("ComplianceResourceTypes"));
    for (size_t i = 0; i < scope->resource_types.count; i++)
        pl_write_string(out, PL_STR_NONE, scope->resource_types.items[i]);
    pl_write_array_end(out);
    pl_write_object_end(out);
}

static void write_source(api_call *call, const engine_rule *rule) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("Source"));
    pl_write_string(out, PL_STR("Owner"), engine_rule_owner_name(rule->owner));
    pl_write_string(out, PL_STR("Identifier"), rule->identifier);
    pl_write_array(out, PL_STR("SourceConditions"));
    pl_write_array_end(out);
    config_write_source_details(out, rule->triggers, rule->frequency, true);
    pl_write_object_end(out);
}

int config_describe_config_rule_2019(api_call *call) {
    rule_task task = {.call = call};
    const engine_rule *rule = &task.view.rule;
    pl_writer *out = call->out;
    if (begin(&task, CONFIG_READ) != 0 || config_read(call, view_work, &task) != 0)
        return -1;
    pl_write_object(out, PL_STR("ConfigRule"));
    config_write_rule_arn(call, rule);
    pl_write_string(out, PL_STR("ConfigRuleId"), rule->rule_id);
    pl_write_string(out, PL_STR("ConfigRuleName"), rule->name);
    pl_write_string(out, PL_STR("ConfigRuleState"), config_rule_state(&task.view));
    pl_write_string(out, PL_STR("Description"), rule->description);
    pl_write_i64(out, PL_STR("RiskLevel"), rule->risk_level);
    pl_write_i64(out, PL_STR("CreateTimestamp"), rule->created);
    pl_write_i64(out, PL_STR("ModifiedTimestamp"), rule->modified);
    if (rule->triggers & ENGINE_TRIGGER_SCHEDULE)
        pl_write_string(out, PL_STR("MaximumExecutionFrequency"), rule->frequency);
    config_write_rule_parameters(call, rule);
    config_write_rule_status(call, rule);
    config_write_managed(call, rule);
    write_scope(call, &rule->scope);
    write_source(call, rule);
    pl_write_object_end(out);
    return 0;
}
