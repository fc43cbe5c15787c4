/* EvaluatePreConfigRules: managed rules on configurations to be (reference/evaluation-semantics.md, 13). */
#include "api/config/orchestration.h"
#include "api/config/preview.h"
#include "api/operations.gen.h"

#include "base/encode.h"
#include "json/parser.h"

enum { ITEMS_MAX = 20, RULES_MAX = 200, LOGICAL_ID_MAX = 64 };

typedef struct planned {
    pl_str logical_id, type;
    config_subject subject;
} planned;

static int wrong(api_call *call, size_t index, const char *reason) {
    return pl_failf(call->error, PL_E_Invalid_ResourceEvaluateItems_Value,
                    "The specified ResourceEvaluateItems is invalid: item %zu: %s.", index + 1, reason);
}

static const pl_str orchestrated = PL_STR_INIT("ALIYUN::");

/* The recorded type, and the configuration that the properties amount to. */
static int read_resource(api_call *call, pl_str type, planned *plan) {
    pl_json properties = plan->subject.configuration;
    if (pl_str_starts(type, orchestrated))
        return config_from_orchestration(call, type, properties, &plan->type, &plan->subject.configuration);
    plan->type = catalogue_type_name(call->services->catalogue, type);
    return 0;
}

/* The name of an item that was sent without one, made of its properties; the absent view without memory. */
static pl_str made_id(api_call *call, pl_str properties) {
    pl_buf encoded;
    pl_buf_init(&encoded, 2 * LOGICAL_ID_MAX);
    pl_base64_encode(&encoded, pl_str_head(properties, LOGICAL_ID_MAX));
    pl_str whole = pl_str_head(pl_buf_str(&encoded), LOGICAL_ID_MAX);
    pl_str id = encoded.failed ? PL_STR_NONE : pl_arena_copy(call->arena, whole);
    pl_buf_free(&encoded);
    return id;
}

static int make_item(api_call *call, planned *plan) {
    pl_buf text;
    pl_buf_init(&text, 1 << 16);
    const struct {
        const char *name;
        pl_str value;
    } members[] = {{"{\"accountId\":", api_account(call)},
                   {",\"resourceType\":", plan->type},
                   {",\"resourceId\":", plan->logical_id}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        pl_buf_add(&text, pl_str_from(members[i].name));
        pl_json_write_string(&text, members[i].value);
    }
    pl_buf_add_char(&text, '}');
    int result = text.failed
                     ? pl_fail(call->error, PL_E_ServiceUnavailable)
                     : pl_json_parse_in(call->arena, pl_buf_str(&text), &plan->subject.item, call->error);
    pl_buf_free(&text);
    return result;
}

static int read_plan(api_call *call, const api_value *item, size_t index, planned *plan) {
    pl_str type = pl_str_trim(api_member_text(item, "ResourceType"));
    pl_str properties = api_member_text(item, "ResourceProperties");
    if (type.n == 0 || properties.n == 0)
        return wrong(call, index, "ResourceType and ResourceProperties are needed");
    if (config_parse(call, properties, &plan->subject.configuration) != 0)
        return -1;
    if (!pl_json_is_object(plan->subject.configuration))
        return wrong(call, index, "ResourceProperties must be a JSON object");
    if (read_resource(call, type, plan) != 0)
        return -1;
    plan->logical_id = api_member_text(item, "ResourceLogicalId");
    if (plan->logical_id.n == 0)
        plan->logical_id = made_id(call, properties);
    if (!plan->logical_id.p)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    plan->subject.resource = (inventory_resource){.account_id = api_account(call),
                                                  .resource_type = plan->type,
                                                  .region_id = PL_STR(""),
                                                  .resource_id = plan->logical_id};
    return make_item(call, plan);
}

static void write_result(api_call *call, pl_str identifier, pl_str compliance, pl_str annotation) {
    pl_write_object(call->out, PL_STR_NONE);
    pl_write_string(call->out, PL_STR("Identifier"), identifier);
    pl_write_string(call->out, PL_STR("ComplianceType"), compliance);
    pl_write_string(call->out, PL_STR("Annotation"), annotation);
    pl_write_string(call->out, PL_STR("HelpUrl"), PL_STR(""));
    pl_write_object_end(call->out);
}

/* True when no clause of an evaluated tree found a value. */
static bool saw_nothing(pl_json tree) {
    pl_json children = pl_json_get(tree, PL_STR("children")), child;
    pl_str unused;
    if (pl_json_count(children) == 0)
        return pl_json_str(pl_json_get(tree, PL_STR("featureValue"))).n == 0;
    for (pl_json_walk w = pl_json_children(children); pl_json_step(&w, &unused, &child);)
        if (!saw_nothing(child))
            return false;
    return true;
}

/*
 * A plan leaves out what takes its default. So a precondition that found none of its properties says nothing
 * about the resource to be, and the rule is asked without it.
 */
static int judge(api_call *call, const catalogue_rule *rule, pl_json parameters, const planned *plan,
                 config_preview *out) {
    pl_json tree;
    if (config_preview_managed(call, rule, parameters, &plan->subject, out) != 0)
        return -1;
    if (out->verdict != PL_NOT_APPLICABLE || out->applies.n == 0)
        return 0;
    if (pl_json_parse_in(call->arena, out->applies, &tree, call->error) != 0)
        return -1;
    if (!saw_nothing(tree))
        return 0;
    catalogue_rule bare = *rule;
    bare.applies_when = PL_STR_NONE;
    return config_preview_managed(call, &bare, parameters, &plan->subject, out);
}

/* A property that the plan leaves out counts as missing: what needs it does not comply. */
static int evaluate(api_call *call, const catalogue_rule *rule, pl_json parameters, const planned *plan) {
    config_preview preview;
    if (rule->missing.n || !catalogue_rule_covers(rule, plan->type)) {
        write_result(call, rule->identifier, PL_STR("NOT_APPLICABLE"), PL_STR(""));
        return 0;
    }
    if (judge(call, rule, parameters, plan, &preview) != 0)
        return -1;
    bool lacks = preview.verdict == PL_INSUFFICIENT_DATA;
    if (lacks && preview.annotation.n == 0)
        preview.annotation = PL_STR("{\"reason\":\"No property contains.\"}");
    write_result(call, rule->identifier, lacks ? PL_STR("NON_COMPLIANT") : pl_verdict_name(preview.verdict),
                 preview.annotation);
    return 0;
}

static int evaluate_named(api_call *call, const api_value *rules, size_t index, const planned *plan) {
    if (rules->count > RULES_MAX)
        return wrong(call, index, "at most 200 rules are allowed");
    for (size_t i = 0; i < rules->count; i++) {
        pl_str identifier = pl_str_trim(api_member_text(&rules->items[i], "Identifier"));
        pl_str text = api_member_text(&rules->items[i], "InputParameters");
        pl_json parameters = PL_JSON_NONE;
        if (identifier.n == 0)
            return wrong(call, index, "Identifier is needed");
        if (text.n && config_parse(call, text, &parameters) != 0)
            return -1;
        if (text.n && !pl_json_exists(parameters))
            return pl_fail(call->error, PL_E_Invalid_InputParameters_Value);
        const catalogue_rule *rule = catalogue_find_rule(call->services->catalogue, identifier, call->error);
        if (!rule && call->error->code[0])
            return -1;
        if (!rule)
            write_result(call, identifier, PL_STR("NOT_APPLICABLE"), PL_STR(""));
        else if (evaluate(call, rule, parameters, plan) != 0)
            return -1;
    }
    return 0;
}

static int evaluate_all(api_call *call, const planned *plan) {
    const catalogue *all = call->services->catalogue;
    for (size_t i = 0; i < catalogue_rule_count(all); i++) {
        const catalogue_rule *rule = catalogue_rule_at(all, i, call->error);
        if (!rule)
            return -1;
        if (rule->supports_preview && catalogue_rule_covers(rule, plan->type) &&
            !catalogue_lacking_parameter(rule, PL_JSON_NONE) && evaluate(call, rule, PL_JSON_NONE, plan) != 0)
            return -1;
    }
    return 0;
}

static int evaluate_item(api_call *call, const api_value *item, size_t index, const planned *plan) {
    const api_value *rules = api_member(item, "Rules");
    pl_write_object(call->out, PL_STR_NONE);
    pl_write_string(call->out, PL_STR("ResourceLogicalId"), plan->logical_id);
    pl_write_string(call->out, PL_STR("ResourceType"), plan->type);
    pl_write_array(call->out, PL_STR("Rules"));
    int result = rules && rules->count ? evaluate_named(call, rules, index, plan) : evaluate_all(call, plan);
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return result;
}

/* All items are read before the first is judged: each sees the others as related resources. */
static int evaluate_items(api_call *call, const api_value *items) {
    engine_unrecorded *others = pl_new(call->arena, engine_unrecorded, items->count);
    planned *plans = pl_new(call->arena, planned, items->count);
    if (!others || !plans)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < items->count; i++) {
        if (read_plan(call, &items->items[i], i, &plans[i]) != 0)
            return -1;
        others[i] = (engine_unrecorded){plans[i].subject.resource, plans[i].subject.configuration};
        plans[i].subject.others = others;
        plans[i].subject.other_count = items->count;
    }
    for (size_t i = 0; i < items->count; i++)
        if (evaluate_item(call, &items->items[i], i, &plans[i]) != 0)
            return -1;
    return 0;
}

/* --- EnableManagedRules ----------------------------------------------------------------------------------
 */

typedef struct enable_task {
    api_call *call;
    config_owner owner;
} enable_task;

static bool account_has(const engine_rule *rules, size_t count, pl_str identifier) {
    for (size_t i = 0; i < count; i++)
        if (rules[i].owner == ENGINE_MANAGED && pl_str_eq(rules[i].identifier, identifier))
            return true;
    return false;
}

static int enable_rule(enable_task *task, store_session *session, pl_str identifier, pl_str parameters,
                       pl_error *error) {
    engine_context context = config_context(task->call, &task->owner);
    engine_rule *rules, rule = {0};
    size_t count;
    if (engine_rule_list(session, task->call->arena, &task->owner.group, NULL, &rules, &count, error) != 0)
        return -1;
    if (account_has(rules, count, identifier))
        return 0;
    if (!engine_rule_from_catalogue(&context, identifier, &rule, error))
        return error->code[0] ? -1 : 0;
    rule.account_id = task->owner.group.owner_id;
    rule.input_parameters = parameters;
    if (engine_rule_free_name(&context, session, &task->owner.group, rule.name, &rule.name, error) != 0)
        return -1;
    return engine_rule_create(&context, session, &rule, PL_STR_NONE, error);
}

static int enable_work(store_session *session, void *argument, pl_error *error) {
    enable_task *task = argument;
    const api_value *items = api_input(task->call, "ResourceEvaluateItems");
    for (size_t i = 0; items && i < items->count; i++) {
        const api_value *rules = api_member(&items->items[i], "Rules");
        for (size_t k = 0; rules && k < rules->count; k++)
            if (enable_rule(task, session, pl_str_trim(api_member_text(&rules->items[k], "Identifier")),
                            api_member_text(&rules->items[k], "InputParameters"), error) != 0)
                return -1;
    }
    return 0;
}

int config_evaluate_pre_config_rules(api_call *call) {
    const api_value *items = api_input(call, "ResourceEvaluateItems");
    if (!items || items->count == 0 || items->count > ITEMS_MAX)
        return pl_failf(call->error, PL_E_Invalid_ResourceEvaluateItems_Value,
                        "ResourceEvaluateItems must hold 1 to %d items.", ITEMS_MAX);
    pl_write_array(call->out, PL_STR("ResourceEvaluations"));
    if (evaluate_items(call, items) != 0)
        return -1;
    pl_write_array_end(call->out);
    enable_task task = {.call = call};
    if (!api_flag(call, "EnableManagedRules", false))
        return 0;
    if (config_owner_of(call, CONFIG_WRITE, &task.owner) != 0)
        return -1;
    return config_write(call, enable_work, &task);
}
