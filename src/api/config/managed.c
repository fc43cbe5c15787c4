/* GetManagedRule, ListManagedRules, ListPreManagedRules and ListConfigRuleOperators: what the catalogue
 * offers. */
#include "api/config/managed.h"
#include "api/operations.gen.h"

#include "condition/operator.h"

static void write_types(pl_writer *out, const catalogue_rule *rule) {
    pl_write_object(out, PL_STR("Scope"));
    pl_write_array(out, PL_STR("ComplianceResourceTypes"));
    for (size_t i = 0; i < rule->resource_types.count; i++)
        pl_write_string(out, PL_STR_NONE, rule->resource_types.items[i]);
    pl_write_array_end(out);
    pl_write_object_end(out);
}

static void write_texts(pl_writer *out, const catalogue_rule *rule) {
    pl_write_string(out, PL_STR("Identifier"), rule->identifier);
    pl_write_string(out, PL_STR("ConfigRuleName"), rule->name);
    pl_write_string(out, PL_STR("Description"), rule->description);
    pl_write_string(out, PL_STR("HelpUrls"), PL_STR(""));
}

static void write_common(pl_writer *out, const catalogue_rule *rule) {
    write_texts(out, rule);
    pl_write_i64(out, PL_STR("RiskLevel"), rule->risk_level);
    pl_write_array(out, PL_STR("Labels"));
    for (size_t i = 0; i < rule->labels.count; i++)
        pl_write_string(out, PL_STR_NONE, rule->labels.items[i]);
    pl_write_array_end(out);
    write_types(out, rule);
}

int config_get_managed_rule(api_call *call) {
    pl_str identifier = pl_str_trim(api_text(call, "Identifier"));
    const catalogue_rule *rule = catalogue_find_rule(call->services->catalogue, identifier, call->error);
    if (!rule)
        return call->error->code[0] ? -1 : api_fail(call->operation, call->error, PL_E_ConfigRuleNotExists);
    pl_write_object(call->out, PL_STR("ManagedRule"));
    write_common(call->out, rule);
    config_write_parameters(call->out, "CompulsoryInputParameterDetails", rule, true);
    config_write_parameters(call->out, "OptionalInputParameterDetails", rule, false);
    config_write_source_details(call->out, rule->triggers, rule->frequency, false);
    pl_write_object_end(call->out);
    return 0;
}

typedef struct list_task {
    api_call *call;
    config_owner owner;
    pl_str keyword;
    int64_t risk_level;
    engine_list types;
    bool uncovered_only, preview_only;
    config_type_count *uncovered;
    size_t uncovered_count;
} list_task;

static bool keyword_matches(const catalogue_rule *rule, pl_str keyword) {
    if (keyword.n == 0)
        return true;
    if (pl_str_find_fold(rule->identifier, keyword) != PL_NOT_FOUND ||
        pl_str_find_fold(rule->name, keyword) != PL_NOT_FOUND ||
        pl_str_find_fold(rule->description, keyword) != PL_NOT_FOUND)
        return true;
    for (size_t i = 0; i < rule->labels.count; i++)
        if (pl_str_find_fold(rule->labels.items[i], keyword) != PL_NOT_FOUND)
            return true;
    return false;
}

static bool is_wanted(const list_task *task, const catalogue_rule *rule) {
    bool typed = task->types.count == 0;
    for (size_t i = 0; i < task->types.count && !typed; i++)
        typed = catalogue_rule_covers(rule, task->types.items[i]);
    if (!typed || !keyword_matches(rule, task->keyword) || (task->preview_only && !rule->supports_preview))
        return false;
    if (task->risk_level && task->risk_level != rule->risk_level)
        return false;
    return !task->uncovered_only || config_uncovered_count(rule, task->uncovered, task->uncovered_count) > 0;
}

/* Writes the page of wanted rules; `*total` counts all of them. */
static int write_page(list_task *task, int64_t skip, int64_t take,
                      int (*write)(api_call *call, const catalogue_rule *rule), int64_t *total) {
    const catalogue *all = task->call->services->catalogue;
    *total = 0;
    for (size_t i = 0; i < catalogue_rule_count(all); i++) {
        const catalogue_rule *rule = catalogue_rule_at(all, i, task->call->error);
        if (!rule)
            return -1;
        if (!is_wanted(task, rule))
            continue;
        if (*total >= skip && *total - skip < take && write(task->call, rule) != 0)
            return -1;
        ++*total;
    }
    return 0;
}

static int write_line(api_call *call, const catalogue_rule *rule) {
    pl_write_object(call->out, PL_STR_NONE);
    write_common(call->out, rule);
    pl_write_bool(call->out, PL_STR("SupportPreviewManagedRule"), rule->supports_preview);
    pl_write_optional(call->out, PL_STR("RemediationTemplateIdentifier"), rule->remediation_template);
    pl_write_optional(call->out, PL_STR("RemediationTemplateName"), rule->remediation_template);
    pl_write_object_end(call->out);
    return 0;
}

static int uncovered_work(store_session *session, void *argument, pl_error *error) {
    list_task *task = argument;
    return config_uncovered_types(task->call, session, &task->owner, NULL, &task->uncovered,
                                  &task->uncovered_count, error);
}

int config_list_managed_rules(api_call *call) {
    list_task task = {.call = call,
                      .keyword = api_text(call, "Keyword"),
                      .risk_level = api_number(call, "RiskLevel", 0),
                      .uncovered_only = pl_str_is(api_text(call, "FilterType"), "UNCOVERED_RESOURCE")};
    int64_t page, take, skip, total;
    if (config_list(call, "ResourceTypes", &task.types) != 0 ||
        config_owner_of(call, CONFIG_READ, &task.owner) != 0)
        return -1;
    if (task.uncovered_only && config_read(call, uncovered_work, &task) != 0)
        return -1;
    api_page(call, 10, &page, &take, &skip);
    pl_write_object(call->out, PL_STR("ManagedRules"));
    pl_write_array(call->out, PL_STR("ManagedRuleList"));
    if (write_page(&task, skip, take, write_line, &total) != 0)
        return -1;
    pl_write_array_end(call->out);
    config_write_page(call->out, page, take, total);
    pl_write_object_end(call->out);
    return 0;
}

static int write_preview(api_call *call, const catalogue_rule *rule) {
    engine_list types;
    if (engine_list_join(call->arena, rule->resource_types.items, rule->resource_types.count, &types,
                         call->error) != 0)
        return -1;
    pl_write_object(call->out, PL_STR_NONE);
    write_texts(call->out, rule);
    pl_write_string(call->out, PL_STR("ResourceType"), types.text);
    config_write_parameters(call->out, "CompulsoryInputParameterDetails", rule, true);
    config_write_parameters(call->out, "OptionalInputParameterDetails", rule, false);
    pl_write_object_end(call->out);
    return 0;
}

int config_list_pre_managed_rules(api_call *call) {
    list_task task = {.call = call, .preview_only = true};
    int64_t page, take, skip, total;
    if (config_list(call, "ResourceTypes", &task.types) != 0)
        return -1;
    api_page(call, 10, &page, &take, &skip);
    pl_write_array(call->out, PL_STR("ManagedRules"));
    if (write_page(&task, skip, take, write_preview, &total) != 0)
        return -1;
    pl_write_array_end(call->out);
    pl_write_i64(call->out, PL_STR("PageNumber"), page);
    pl_write_i64(call->out, PL_STR("PageSize"), take);
    return 0;
}

int config_list_config_rule_operators(api_call *call) {
    pl_write_array(call->out, PL_STR("Operators"));
    for (int i = 0; i < PL_OPERATOR_COUNT; i++) {
        const pl_operator_info *info = pl_operator_info_of((pl_operator)i);
        if (info->extension && call->services->limits->strict)
            continue;
        pl_write_object(call->out, PL_STR_NONE);
        pl_write_string(call->out, PL_STR("DataType"), info->data_type);
        pl_write_string(call->out, PL_STR("Description"), info->description);
        pl_write_string(call->out, PL_STR("Name"), info->name);
        pl_write_string(call->out, PL_STR("Operator"), info->name);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return 0;
}
