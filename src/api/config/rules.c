/* CreateConfigRule, UpdateConfigRule, GetConfigRule and their aggregate twins. */
#include "api/answer.h"
#include "api/config/rule_answer.h"
#include "api/operations.gen.h"

/* Puts the parameters that were sent over a record. */
static int read_rule(api_call *call, engine_rule *rule) {
    unsigned triggers = 0;
    const struct {
        const char *name;
        pl_str *text;
    } texts[] = {{"ConfigRuleName", &rule->name},
                 {"Description", &rule->description},
                 {"Conditions", &rule->conditions},
                 {"InputParameters", &rule->input_parameters},
                 {"MaximumExecutionFrequency", &rule->frequency},
                 {"ExtendContent", &rule->extend_content}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (api_input(call, texts[i].name))
            *texts[i].text = api_text(call, texts[i].name);
    rule->risk_level = (int)api_number(call, "RiskLevel", rule->risk_level);
    engine_list list;
    if (config_list(call, "ConfigRuleTriggerTypes", &list) != 0)
        return -1;
    if (list.count && !engine_triggers_find(list.text, &triggers))
        return api_fail(call->operation, call->error, PL_E_Invalid_ConfigRuleTriggerTypes_Value);
    if (triggers)
        rule->triggers = triggers;
    pl_str tags;
    if (config_tags_text(call, &tags) != 0)
        return -1;
    if (tags.p)
        rule->tags = tags;
    return config_scope(call, &rule->scope);
}

typedef struct rule_task {
    api_call *call;
    config_owner owner;
    engine_rule sent; /* of a creation */
    pl_str rule_id;
    config_rule_view view; /* the result */
} rule_task;

static int create_work(store_session *session, void *argument, pl_error *error) {
    rule_task *task = argument;
    engine_context context = config_context(task->call, &task->owner);
    engine_rule rule = task->sent;
    if (engine_rule_create(&context, session, &rule, PL_STR_NONE, error) != 0)
        return -1;
    task->rule_id = rule.rule_id;
    return 0;
}

static int create(api_call *call) {
    rule_task task = {.call = call};
    if (config_owner_of(call, CONFIG_WRITE, &task.owner) != 0)
        return -1;
    task.sent.account_id = task.owner.group.owner_id;
    task.sent.aggregator_id = task.owner.group.aggregator_id;
    task.sent.identifier = pl_str_trim(api_text(call, "SourceIdentifier"));
    if (!engine_rule_owner_find(api_text(call, "SourceOwner"), &task.sent.owner))
        return api_fail_generic(&call->operation->product->invalid, call->error, PL_STR("SourceOwner"));
    if (read_rule(call, &task.sent) != 0 || config_write(call, create_work, &task) != 0)
        return -1;
    pl_write_string(call->out, PL_STR("ConfigRuleId"), task.rule_id);
    return 0;
}

/* The hour goes when the rule is no longer to run daily; UpdateAggregateConfigRule has no other way to lose
 * it. */
static void settle_hour(api_call *call, engine_rule *rule) {
    pl_str period = api_text(call, "MaximumExecutionFrequency");
    bool daily = period.n == 0 || pl_str_is(period, "TwentyFour_Hours");
    if ((!daily && !api_input(call, "ExtendContent")) || rule->extend_content.n == 0)
        rule->extend_content = PL_STR_NONE;
}

/* A managed rule keeps the triggers of its making (reference/evaluation-semantics.md, section 1). */
static int update_work(store_session *session, void *argument, pl_error *error) {
    rule_task *task = argument;
    engine_context context = config_context(task->call, &task->owner);
    engine_rule rule;
    bool found = false;
    if (engine_rule_find(session, task->call->arena, &task->owner.group, task->rule_id, &rule, &found,
                         error) != 0)
        return -1;
    if (!found)
        return pl_fail(error, PL_E_ConfigRuleNotExists);
    unsigned triggers = rule.triggers;
    task->call->error = error;
    if (read_rule(task->call, &rule) != 0)
        return -1;
    if (rule.owner == ENGINE_MANAGED)
        rule.triggers = triggers;
    settle_hour(task->call, &rule);
    return engine_rule_update(&context, session, &rule, error);
}

static int update(api_call *call) {
    rule_task task = {.call = call, .rule_id = pl_str_trim(api_text(call, "ConfigRuleId"))};
    pl_error *error = call->error;
    if (config_owner_of(call, CONFIG_WRITE, &task.owner) != 0)
        return -1;
    int result = config_write(call, update_work, &task);
    call->error = error;
    if (result == 0)
        pl_write_string(call->out, PL_STR("ConfigRuleId"), task.rule_id);
    return result;
}

/* A rule that lacks the tags that were named is not the one that is meant. */
static int find_view(api_call *call, store_session *session, const config_owner *owner,
                     config_rule_view *view) {
    pl_str rule_id = pl_str_trim(api_text(call, "ConfigRuleId"));
    engine_tags wanted;
    bool found = false, match = false;
    if (config_tags_filter(call, &wanted) != 0)
        return -1;
    if (engine_rule_find(session, call->arena, &owner->group, rule_id, &view->rule, &found, call->error) !=
            0 ||
        (found && engine_tags_match(view->rule.tags, &wanted, &match, call->error) != 0))
        return -1;
    if (!match)
        return pl_fail(call->error, PL_E_ConfigRuleNotExists);
    return config_view_rules(call, session, owner, view, 1, call->error);
}

/* An account's own rule: the answer comes from the store alone, so it is kept. */
static int answer_own(api_call *call, store_session *session) {
    config_owner owner;
    config_rule_view view;
    if (config_owner_of(call, CONFIG_READ, &owner) != 0 || find_view(call, session, &owner, &view) != 0)
        return -1;
    config_write_rule(call, &owner, &view);
    return 0;
}

static int view_work(store_session *session, void *argument, pl_error *error) {
    rule_task *task = argument;
    (void)error; /* the store was given call->error */
    return find_view(task->call, session, &task->owner, &task->view);
}

static int answer_of_group(api_call *call) {
    rule_task task = {.call = call};
    if (config_owner_of(call, CONFIG_READ, &task.owner) != 0 || config_read(call, view_work, &task) != 0)
        return -1;
    config_write_rule(call, &task.owner, &task.view);
    return 0;
}

int config_create_config_rule(api_call *call) {
    return create(call);
}

int config_create_aggregate_config_rule(api_call *call) {
    return create(call);
}

int config_update_config_rule(api_call *call) {
    return update(call);
}

int config_update_aggregate_config_rule(api_call *call) {
    return update(call);
}

int config_get_config_rule(api_call *call) {
    if (api_input(call, "Tag"))
        return api_answer_read(call, answer_own);
    return api_answer_kept(call, pl_str_trim(api_text(call, "ConfigRuleId")), answer_own);
}

int config_get_aggregate_config_rule(api_call *call) {
    return answer_of_group(call);
}
