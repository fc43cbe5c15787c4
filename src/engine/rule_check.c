/*
 * Checks of a rule's record before it is stored: names, owner and identifier, parameters, triggers, schedule,
 * scope (reference/evaluation-semantics.md, sections 1, 2 and 16; reference/condition-rules.md, section 1).
 */
#include "engine/rows.h"

#include "base/encode.h"
#include "json/parser.h"

#include <stdio.h>

enum { NAME_MAX_CHARACTERS = 100, DESCRIPTION_MAX = 500, IDENTIFIER_MAX = 512 };

int engine_error_at(pl_error *error, pl_error_code list, const char *parameter, const char *place) {
    const pl_str head = PL_STR("The specified InputParameters is invalid: ");
    pl_str reason = pl_str_from(error->message);
    char code[sizeof error->code];
    snprintf(code, sizeof code, "%s", error->code);
    if (!pl_str_starts(pl_str_from(code), PL_STR("Invalid.")))
        return -1;
    if (!pl_error_is(error, list) && !pl_error_is(error, PL_E_Invalid_InputParameters_Value))
        return pl_fail_code(error, error->http_status, code, "%s: %s", place, error->message);
    if (pl_str_starts(reason, head))
        reason = pl_str_skip(reason, head.n);
    return pl_failf(error, list, "The specified %s is invalid: %s: %.*s", parameter, place, PL_FMT(reason));
}

bool engine_name_is_sound(pl_str name) {
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
            return false;
    return pl_str_trim(name).n > 0 && pl_utf8_length(name) <= NAME_MAX_CHARACTERS && pl_utf8_valid(name);
}

pl_str engine_new_id(engine_context *context, const char *prefix) {
    char digits[21];
    if (pl_random_hex(&context->random, digits, 20) != 0)
        return PL_STR_NONE;
    return pl_arena_printf(context->arena, "%s%s", prefix, digits);
}

/* A client's text is not JSON, unless memory ended. */
static int no_json(pl_error *error, pl_error_code code) {
    return pl_error_is(error, PL_E_ServiceUnavailable) ? -1 : pl_fail(error, code);
}

static int check_managed(engine_context *context, const engine_rule *rule, pl_error *error) {
    const catalogue_rule *managed = catalogue_find_rule(context->catalogue, rule->identifier, error);
    if (!managed)
        return error->code[0] ? -1 : pl_fail(error, PL_E_Invalid_SourceIdentifier_Value);
    pl_json input = PL_JSON_NONE, values;
    if (rule->input_parameters.n &&
        pl_json_parse_in(context->arena, rule->input_parameters, &input, error) != 0)
        return no_json(error, PL_E_Invalid_InputParameters_Value);
    if (catalogue_parameters(managed, context->arena, input, &values, error) != 0)
        return -1;
    return catalogue_check_values(managed, context->arena, values, error);
}

static int check_conditions(const engine_rule *rule, pl_error *error) {
    if (!pl_str_is(rule->identifier, "acs-config-configuration"))
        return pl_failf(error, PL_E_Invalid_SourceIdentifier_Value,
                        "SourceIdentifier of a condition rule must be acs-config-configuration.");
    return pl_str_trim(rule->conditions).n ? 0 : pl_fail(error, PL_E_Invalid_Conditions_Empty);
}

/* acs:fc:{region}:{account}:... with a function in it (reference/function-rules.md, section 2). */
static int check_function(const engine_rule *rule, pl_error *error) {
    pl_str rest = rule->identifier, part;
    bool sound = pl_str_starts(rule->identifier, PL_STR("acs:fc:")) &&
                 pl_str_find(rule->identifier, PL_STR("functions/")) != PL_NOT_FOUND;
    int parts = 0;
    for (; pl_str_split(&rest, ':', &part); parts++)
        sound = sound && part.n > 0;
    return sound && parts == 5 ? 0
                               : pl_failf(error, PL_E_Invalid_SourceIdentifier_Value,
                                          "SourceIdentifier must be the ARN of a function.");
}

static int check_source(engine_context *context, const engine_rule *rule, pl_error *error) {
    if (rule->identifier.n == 0 || rule->identifier.n > IDENTIFIER_MAX)
        return pl_fail(error, PL_E_Invalid_SourceIdentifier_Value);
    if (rule->owner == ENGINE_MANAGED)
        return check_managed(context, rule, error);
    return rule->owner == ENGINE_CONDITION ? check_conditions(rule, error) : check_function(rule, error);
}

static int check_parameters(engine_context *context, const engine_rule *rule, pl_error *error) {
    pl_json input;
    if (rule->input_parameters.n == 0)
        return 0;
    bool read = pl_json_parse_in(context->arena, rule->input_parameters, &input, error) == 0;
    if (!read && pl_error_is(error, PL_E_ServiceUnavailable))
        return -1;
    if (!read || !pl_json_is_object(input))
        return pl_failf(error, PL_E_Invalid_InputParameters_Value,
                        "The specified InputParameters is invalid: it must be a JSON object.");
    return 0;
}

/* {"fixedHour":"12"}: the hour in UTC+8 of a daily rule's run. */
static int check_hour(engine_context *context, const engine_rule *rule, pl_error *error) {
    pl_json root;
    int64_t hour = -1;
    if (pl_str_trim(rule->extend_content).n == 0)
        return 0;
    if (pl_json_parse_in(context->arena, rule->extend_content, &root, error) != 0)
        return no_json(error, PL_E_Invalid_ExtendContent_Value);
    if (pl_json_is_object(root) && pl_json_count(root) == 0)
        return 0;
    pl_json value = pl_json_get(root, PL_STR("fixedHour"));
    bool read = pl_json_i64(value, &hour) || pl_str_to_i64(pl_json_str(value), &hour);
    if (!read || hour < 0 || hour > 23)
        return pl_failf(error, PL_E_Invalid_ExtendContent_Value,
                        "ExtendContent must be {\"fixedHour\":\"0\"} to {\"fixedHour\":\"23\"}.");
    if (!pl_str_is(rule->frequency, "TwentyFour_Hours"))
        return pl_failf(error, PL_E_Invalid_ExtendContent_Value,
                        "ExtendContent can be given with MaximumExecutionFrequency TwentyFour_Hours only.");
    return 0;
}

static int check_schedule(engine_context *context, engine_rule *rule, pl_error *error) {
    if (rule->triggers == 0)
        return pl_fail(error, PL_E_Invalid_ConfigRuleTriggerTypes_Value);
    if (rule->frequency.n == 0)
        rule->frequency = PL_STR("TwentyFour_Hours");
    if (engine_frequency_period(rule->frequency) == 0)
        return pl_fail(error, PL_E_Invalid_MaximumExecutionFrequency_Value);
    return check_hour(context, rule, error);
}

static int spell_types(engine_context *context, engine_scope *scope, pl_error *error) {
    for (size_t i = 0; i < scope->resource_types.count; i++) {
        if (scope->resource_types.items[i].n > 128)
            return pl_fail(error, PL_E_Invalid_ResourceTypesScope_Value);
        if (catalogue_spell_type(context->catalogue, &scope->resource_types.items[i], error) != 0)
            return -1;
    }
    return engine_list_join(context->arena, scope->resource_types.items, scope->resource_types.count,
                            &scope->resource_types, error);
}

int engine_rule_check(engine_context *context, engine_rule *rule, pl_error *error) {
    if (rule->name.n == 0)
        return pl_fail(error, PL_E_Invalid_ConfigRuleName_Empty);
    if (!engine_name_is_sound(rule->name))
        return pl_fail(error, PL_E_Invalid_ConfigRuleName_Value);
    if (pl_utf8_length(rule->description) > DESCRIPTION_MAX)
        return pl_fail_code(error, 400, "Invalid.Description.Value",
                            "A description has at most %d characters.", DESCRIPTION_MAX);
    if (rule->risk_level < 1 || rule->risk_level > 3)
        return pl_fail_code(error, 400, "Invalid.RiskLevel.Value", "RiskLevel must be 1, 2 or 3.");
    if (check_source(context, rule, error) != 0 || check_parameters(context, rule, error) != 0 ||
        check_schedule(context, rule, error) != 0 || engine_scope_check(&rule->scope, true, error) != 0)
        return -1;
    if (rule->owner != ENGINE_CONDITION)
        rule->conditions = PL_STR_NONE;
    if (rule->input_parameters.n == 0)
        rule->input_parameters = PL_STR("{}");
    if (!rule->description.p)
        rule->description = PL_STR("");
    if (spell_types(context, &rule->scope, error) != 0)
        return -1;
    return engine_check_rule(context->engine, rule, error);
}
