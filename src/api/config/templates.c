/* ListCompliancePackTemplates. */
#include "api/config/shared.h"
#include "api/operations.gen.h"

#include "json/parser.h"

typedef struct template_filter {
    pl_str template_id, type; /* empty: any */
    int64_t risk_level;       /* of a rule; 0: any */
    engine_list types;
} template_filter;

static const catalogue_rule *rule_of(api_call *call, const catalogue_template_rule *entry) {
    return config_managed_rule(call, entry->identifier);
}

static bool rule_is_wanted(const template_filter *filter, const catalogue_rule *rule) {
    bool covered = filter->types.count == 0;
    for (size_t i = 0; i < filter->types.count && !covered; i++)
        covered = catalogue_rule_covers(rule, filter->types.items[i]);
    return covered && (filter->risk_level == 0 || filter->risk_level == rule->risk_level);
}

/* A template is shown when one of its rules is wanted; it is shown whole. */
static bool is_wanted(api_call *call, const template_filter *filter, const catalogue_template *one) {
    if (filter->template_id.n && !pl_str_eq(filter->template_id, one->template_id))
        return false;
    if (filter->type.n && !pl_str_eq(filter->type, one->filter_type))
        return false;
    for (size_t i = 0; i < one->rule_count; i++) {
        const catalogue_rule *rule = rule_of(call, &one->rules[i]);
        if (rule && rule_is_wanted(filter, rule))
            return true;
    }
    return false;
}

static void write_parameters(api_call *call, const catalogue_rule *rule, pl_str own) {
    pl_json values = PL_JSON_NONE;
    (void)config_read_stored(call, "parameters of a template", own, &values);
    pl_write_array(call->out, PL_STR("ConfigRuleParameters"));
    for (size_t i = 0; i < rule->parameter_count; i++) {
        const catalogue_parameter *parameter = &rule->parameters[i];
        pl_str value = pl_json_str(pl_json_get(values, parameter->name));
        pl_write_object(call->out, PL_STR_NONE);
        pl_write_string(call->out, PL_STR("ParameterName"), parameter->name);
        pl_write_string(call->out, PL_STR("ParameterValue"), value.p ? value : parameter->default_value);
        pl_write_bool(call->out, PL_STR("Required"), parameter->required);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
}

static int write_rule(api_call *call, const catalogue_template_rule *entry) {
    const catalogue_rule *rule = rule_of(call, entry);
    engine_list types;
    if (!rule)
        return 0;
    if (engine_list_join(call->arena, rule->resource_types.items, rule->resource_types.count, &types,
                         call->error) != 0)
        return -1;
    pl_write_object(call->out, PL_STR_NONE);
    pl_write_string(call->out, PL_STR("ManagedRuleIdentifier"), rule->identifier);
    pl_write_string(call->out, PL_STR("ManagedRuleName"), rule->name);
    pl_write_string(call->out, PL_STR("Description"), rule->description);
    pl_write_i64(call->out, PL_STR("RiskLevel"), rule->risk_level);
    pl_write_string(call->out, PL_STR("ResourceTypesScope"), types.text);
    pl_write_bool(call->out, PL_STR("DefaultEnable"), entry->default_enable);
    write_parameters(call, rule, entry->parameters);
    pl_write_object_end(call->out);
    return 0;
}

static int write_template(api_call *call, const catalogue_template *one) {
    pl_write_object(call->out, PL_STR_NONE);
    pl_write_string(call->out, PL_STR("CompliancePackTemplateId"), one->template_id);
    pl_write_string(call->out, PL_STR("CompliancePackTemplateName"), one->name);
    pl_write_string(call->out, PL_STR("Description"), one->description);
    pl_write_i64(call->out, PL_STR("RiskLevel"), one->risk_level);
    pl_write_array(call->out, PL_STR("ConfigRules"));
    for (size_t i = 0; i < one->rule_count; i++)
        if (write_rule(call, &one->rules[i]) != 0)
            return -1;
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

static int read_filter(api_call *call, template_filter *filter) {
    filter->template_id = pl_str_trim(api_text(call, "CompliancePackTemplateId"));
    filter->type = api_text(call, "FilterType");
    if (pl_str_is(filter->type, "ALL"))
        filter->type = PL_STR_NONE;
    filter->risk_level = api_number(call, "RuleRiskLevel", 0);
    return config_list(call, "ResourceTypes", &filter->types);
}

int config_list_compliance_pack_templates(api_call *call) {
    template_filter filter = {0};
    int64_t page, take, skip, total = 0;
    if (read_filter(call, &filter) != 0)
        return -1;
    api_page(call, 10, &page, &take, &skip);
    pl_write_object(call->out, PL_STR("CompliancePackTemplatesResult"));
    pl_write_array(call->out, PL_STR("CompliancePackTemplates"));
    for (size_t i = 0; i < catalogue_template_count(call->services->catalogue); i++) {
        const catalogue_template *one = catalogue_template_at(call->services->catalogue, i, call->error);
        if (!one)
            return -1;
        if (!is_wanted(call, &filter, one))
            continue;
        if (total >= skip && total - skip < take && write_template(call, one) != 0)
            return -1;
        total++;
    }
    pl_write_array_end(call->out);
    config_write_page(call->out, page, take, total);
    pl_write_object_end(call->out);
    return 0;
}
