/*
 * Pack templates as JSON text: read from clients and written for them (reference/condition-rules.md,
 * sections 2.3 and 2.4). The text of `conditions` is not taken apart here, so its nesting stays as sent
 * (but for operators that only templates name: pl_condition_imported).
 */
#include "engine/rows.h"

#include "condition/condition.h"
#include "json/parser.h"

#include <stdio.h>

enum { CONTENT_MAX = 1024000, RULES_MAX = 1000, INDENT = 4 };

static int wrong(pl_error *error, const char *reason) {
    return pl_failf(error, PL_E_Invalid_TemplateContent_Value, "%s", reason);
}

int engine_template_wrong_rule(pl_error *error, size_t index) {
    char place[64];
    snprintf(place, sizeof place, "$.configRuleTemplates[%zu]", index);
    return engine_error_at(error, PL_E_Invalid_TemplateContent_Value, "TemplateContent", place);
}

static int wrong_pack(pl_error *error) {
    return engine_error_at(error, PL_E_Invalid_TemplateContent_Value, "TemplateContent",
                           "$.compliancePackTemplate");
}

static bool is_given(pl_json node) {
    return pl_json_exists(node) && !pl_json_is_null(node);
}

/* A scope that cannot be read must not become a wider one. */
static int wrong_scope(pl_error *error, const char *name, const char *reason) {
    return pl_failf(error, PL_E_Invalid_TemplateContent_Value, "scope.%s %s", name, reason);
}

static int read_list(pl_arena *arena, pl_json scope, const char *name, engine_list *out, pl_error *error) {
    pl_json node = pl_json_get(scope, pl_str_from(name)), value;
    size_t count = 0, capacity = pl_json_count(node);
    pl_str key, *items = pl_new(arena, pl_str, capacity ? capacity : 1);
    if (!items)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (is_given(node) && !pl_json_is_array(node))
        return wrong_scope(error, name, "must be a list of texts");
    for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &key, &value);) {
        if (!pl_json_is_string(value))
            return wrong_scope(error, name, "must be a list of texts");
        items[count++] = pl_json_text(value);
    }
    return count ? engine_list_join(arena, items, count, out, error) : 0;
}

static int read_tags(pl_arena *arena, pl_json scope, const char *name, engine_tags *out, pl_error *error) {
    pl_json node = pl_json_get(scope, pl_str_from(name)), value;
    size_t count = pl_json_count(node);
    pl_str key;
    *out = (engine_tags){pl_new(arena, engine_tag, count ? count : 1), 0};
    if (!out->items)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (is_given(node) && !pl_json_is_array(node))
        return wrong_scope(error, name, "must be a list of tags");
    for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &key, &value); out->count++) {
        engine_tag *tag = &out->items[out->count];
        tag->key = pl_json_str(pl_json_get(value, PL_STR("tagKey")));
        tag->value = pl_json_str(pl_json_get(value, PL_STR("tagValue")));
        if (tag->key.n == 0)
            return wrong_scope(error, name, "has a tag without tagKey");
    }
    return 0;
}

int engine_scope_read_template(pl_arena *arena, pl_json node, engine_scope *scope, pl_error *error) {
    const struct {
        const char *name;
        engine_list *list;
    } lists[] = {{"complianceResourceTypes", &scope->resource_types},
                 {"complianceResourceIds", &scope->resource_ids},
                 {"complianceExcludeResourceIds", &scope->exclude_resource_ids},
                 {"complianceRegionIds", &scope->region_ids},
                 {"complianceExcludeRegionIds", &scope->exclude_region_ids},
                 {"complianceResourceGroupIds", &scope->resource_group_ids},
                 {"complianceExcludeResourceGroupIds", &scope->exclude_resource_group_ids}};
    if (is_given(node) && !pl_json_is_object(node))
        return wrong(error, "scope must be an object");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (read_list(arena, node, lists[i].name, lists[i].list, error) != 0)
            return -1;
    if (read_tags(arena, node, "complianceTagsScope", &scope->tags, error) != 0)
        return -1;
    return read_tags(arena, node, "complianceExcludeTagsScope", &scope->exclude_tags, error);
}

/* A level of 1 to 3, or 0 where there is none. */
static bool read_level(pl_json node, int *level) {
    pl_json given = pl_json_get(node, PL_STR("riskLevel"));
    int64_t risk = 0;
    if (is_given(given) && (!pl_json_i64(given, &risk) || risk < 1 || risk > 3))
        return false;
    *level = (int)risk;
    return true;
}

static int read_details(pl_json list, engine_rule *rule, pl_error *error) {
    pl_str key;
    pl_json detail;
    unsigned all = 0;
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &key, &detail);) {
        unsigned one = 0;
        if (!engine_triggers_find(pl_json_str(pl_json_get(detail, PL_STR("messageType"))), &one))
            return wrong(error, "unknown messageType in source.sourceDetails");
        pl_str frequency = pl_json_str(pl_json_get(detail, PL_STR("maximumExecutionFrequency")));
        if (frequency.n)
            rule->frequency = frequency;
        all |= one;
    }
    if (all)
        rule->triggers = all;
    return 0;
}

static int read_source(engine_context *context, pl_json source, engine_rule *rule, pl_error *error) {
    pl_str identifier = pl_json_str(pl_json_get(source, PL_STR("identifier")));
    if (!engine_rule_owner_find(pl_json_str(pl_json_get(source, PL_STR("owner"))), &rule->owner) ||
        rule->owner == ENGINE_FUNCTION)
        return wrong(error, "source.owner must be ALIYUN or CUSTOM_CONFIGURATION");
    if (rule->owner == ENGINE_MANAGED) {
        if (!engine_rule_from_catalogue(context, identifier, rule, error))
            return error->code[0] ? -1 : wrong(error, "source.identifier names no managed rule");
        rule->risk_level = 0;
    } else {
        pl_json conditions = pl_json_get(source, PL_STR("conditions"));
        if (is_given(conditions) && !pl_json_is_string(conditions))
            return wrong(error, "source.conditions must be a text, JSON inside of JSON");
        rule->identifier = identifier;
        if (pl_condition_imported(context->arena, pl_json_str(conditions), &rule->conditions, error) != 0)
            return -1;
        rule->triggers = ENGINE_TRIGGER_CHANGE;
    }
    return read_details(pl_json_get(source, PL_STR("sourceDetails")), rule, error);
}

static int read_parameters(pl_arena *arena, pl_json node, engine_rule *rule, pl_error *error) {
    if (!is_given(node))
        return 0;
    if (!pl_json_is_object(node))
        return wrong(error, "inputParameters must be an object");
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_json_write(&text, node);
    rule->input_parameters = text.failed ? PL_STR_NONE : pl_arena_copy(arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return rule->input_parameters.p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int read_rule(engine_context *context, pl_json node, engine_rule *rule, pl_error *error) {
    if (!pl_json_is_object(node))
        return wrong(error, "must be an object");
    if (read_source(context, pl_json_get(node, PL_STR("source")), rule, error) != 0 ||
        read_parameters(context->arena, pl_json_get(node, PL_STR("inputParameters")), rule, error) != 0)
        return -1;
    pl_str name = pl_json_str(pl_json_get(node, PL_STR("configRuleName")));
    pl_str description = pl_json_str(pl_json_get(node, PL_STR("description")));
    if (name.n)
        rule->name = name;
    if (description.p)
        rule->description = description;
    if (rule->name.n == 0)
        return wrong(error, "configRuleName is missing");
    if (!read_level(node, &rule->risk_level))
        return wrong(error, "riskLevel must be 1, 2 or 3");
    return engine_scope_read_template(context->arena, pl_json_get(node, PL_STR("scope")), &rule->scope,
                                      error);
}

static int read_pack(engine_context *context, pl_json node, engine_template *out, pl_error *error) {
    if (is_given(node) && !pl_json_is_object(node))
        return wrong(error, "must be an object");
    out->name = pl_json_str(pl_json_get(node, PL_STR("compliancePackName")));
    out->description = pl_json_str(pl_json_get(node, PL_STR("description")));
    if (!read_level(node, &out->risk_level))
        return wrong(error, "riskLevel must be 1, 2 or 3");
    pl_json scope = pl_json_get(node, PL_STR("scope"));
    out->has_scope = pl_json_is_object(scope);
    return engine_scope_read_template(context->arena, scope, &out->scope, error);
}

int engine_template_parse(engine_context *context, pl_str text, engine_template *out, pl_error *error) {
    pl_json root;
    *out = (engine_template){0};
    *error = (pl_error){0};
    bool is_json = text.n <= CONTENT_MAX * 4 && pl_json_parse_in(context->arena, text, &root, error) == 0;
    if (!is_json && pl_error_is(error, PL_E_ServiceUnavailable))
        return -1;
    if (!is_json)
        return pl_failf(error, PL_E_Invalid_TemplateContent_Value,
                        "The specified TemplateContent is invalid: it is not JSON (byte %zu).",
                        error->position);
    pl_json list = pl_json_get(root, PL_STR("configRuleTemplates"));
    size_t count = pl_json_count(list);
    if (!pl_json_is_array(list) || count == 0 || count > RULES_MAX)
        return pl_failf(
            error, PL_E_Invalid_TemplateContent_Value,
            "The specified TemplateContent is invalid: configRuleTemplates must hold 1 to %d rules.",
            RULES_MAX);
    out->rules = pl_new(context->arena, engine_rule, count);
    if (!out->rules)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_str key;
    pl_json value;
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &key, &value); out->count++)
        if (read_rule(context, value, &out->rules[out->count], error) != 0)
            return engine_template_wrong_rule(error, out->count);
    if (read_pack(context, pl_json_get(root, PL_STR("compliancePackTemplate")), out, error) != 0)
        return wrong_pack(error);
    return 0;
}

static void write_member(pl_buf *out, const char *before, pl_str text) {
    pl_buf_add(out, pl_str_from(before));
    pl_json_write_string(out, text);
}

static void write_details(pl_buf *out, const engine_rule *rule) {
    pl_buf_add(out, PL_STR(",\"sourceDetails\":["));
    if (rule->triggers & ENGINE_TRIGGER_SCHEDULE) {
        write_member(out, "{\"messageType\":\"ScheduledNotification\",\"maximumExecutionFrequency\":",
                     rule->frequency);
        pl_buf_add(out, rule->triggers & ENGINE_TRIGGER_CHANGE ? PL_STR("},") : PL_STR("}"));
    }
    if (rule->triggers & ENGINE_TRIGGER_CHANGE)
        pl_buf_add(out, PL_STR("{\"messageType\":\"ConfigurationItemChangeNotification\"}"));
    pl_buf_add_char(out, ']');
}

static void write_list(pl_buf *out, const char *name, const engine_list *list) {
    if (list->count == 0)
        return;
    pl_buf_printf(out, "%s\"%s\":[", out->p[out->n - 1] == '{' ? "" : ",", name);
    for (size_t i = 0; i < list->count; i++)
        write_member(out, i ? "," : "", list->items[i]);
    pl_buf_add_char(out, ']');
}

static void write_tags(pl_buf *out, const char *name, const engine_tags *tags) {
    if (tags->count == 0)
        return;
    pl_buf_printf(out, "%s\"%s\":[", out->p[out->n - 1] == '{' ? "" : ",", name);
    for (size_t i = 0; i < tags->count; i++) {
        write_member(out, i ? ",{\"tagKey\":" : "{\"tagKey\":", tags->items[i].key);
        write_member(out, ",\"tagValue\":", tags->items[i].value);
        pl_buf_add_char(out, '}');
    }
    pl_buf_add_char(out, ']');
}

/* What engine_scope_read_template reads; only what restricts is written. */
static void write_scope(pl_buf *out, const engine_scope *scope) {
    pl_buf_add(out, PL_STR(",\"scope\":{"));
    if (out->failed)
        return;
    write_list(out, "complianceResourceTypes", &scope->resource_types);
    write_list(out, "complianceResourceIds", &scope->resource_ids);
    write_list(out, "complianceExcludeResourceIds", &scope->exclude_resource_ids);
    write_list(out, "complianceRegionIds", &scope->region_ids);
    write_list(out, "complianceExcludeRegionIds", &scope->exclude_region_ids);
    write_list(out, "complianceResourceGroupIds", &scope->resource_group_ids);
    write_list(out, "complianceExcludeResourceGroupIds", &scope->exclude_resource_group_ids);
    write_tags(out, "complianceTagsScope", &scope->tags);
    write_tags(out, "complianceExcludeTagsScope", &scope->exclude_tags);
    pl_buf_add_char(out, '}');
}

/* The risk level is said where it is not the pack's, which a rule of a template has by itself. */
static void write_rule(pl_buf *out, const engine_rule *rule, const engine_pack *pack) {
    write_member(out, "{\"configRuleName\":", rule->name);
    write_scope(out, &rule->scope);
    write_member(out, ",\"description\":", rule->description);
    write_member(out, ",\"source\":{\"owner\":", engine_rule_owner_name(rule->owner));
    write_member(out, ",\"identifier\":", rule->identifier);
    write_details(out, rule);
    if (rule->owner == ENGINE_CONDITION)
        write_member(out, ",\"conditions\":", rule->conditions);
    pl_buf_add(out, PL_STR("},\"inputParameters\":"));
    pl_buf_add(out, rule->input_parameters);
    if (rule->risk_level != pack->risk_level)
        pl_buf_printf(out, ",\"riskLevel\":%d", rule->risk_level);
    pl_buf_add_char(out, '}');
}

static void write_pack(pl_buf *out, const engine_pack *pack) {
    write_member(out, ",\"compliancePackTemplate\":{\"compliancePackName\":", pack->name);
    pl_buf_printf(out, ",\"riskLevel\":%d", pack->risk_level);
    write_member(out, ",\"description\":", pack->description);
    write_scope(out, &pack->scope);
    pl_buf_add_char(out, '}');
}

/* True when the pack still is what its client's text made it. */
static bool is_untouched(const engine_pack *pack, const engine_rule *rules, size_t count, pl_json list) {
    if (!pl_json_is_array(list) || pl_json_count(list) != count || pack->modified != pack->created)
        return false;
    for (size_t i = 0; i < count; i++)
        if (rules[i].modified != pack->created)
            return false;
    return true;
}

/* `whole`: with the pack itself, as in the file that the pack came from. */
static void write_template(pl_buf *out, const engine_pack *pack, bool whole, const engine_rule *rules,
                           size_t count) {
    bool first = true;
    pl_buf_add(out, PL_STR("{\"configRuleTemplates\":["));
    for (size_t i = 0; i < count; i++) {
        if (rules[i].owner == ENGINE_FUNCTION)
            continue;
        if (!first)
            pl_buf_add_char(out, ',');
        write_rule(out, &rules[i], pack);
        first = false;
    }
    pl_buf_add_char(out, ']');
    if (whole)
        write_pack(out, pack);
    pl_buf_add_char(out, '}');
}

int engine_pack_template(store_session *session, pl_arena *arena, const engine_pack *pack, pl_str *text,
                         pl_error *error) {
    engine_rule *rules;
    size_t count;
    pl_json root = PL_JSON_NONE;
    if (engine_pack_rules(session, arena, pack, &rules, &count, error) != 0)
        return -1;
    if (pack->template_content.n && pl_json_parse_in(arena, pack->template_content, &root, error) != 0)
        return -1;
    pl_buf compact, out;
    pl_buf_init(&compact, 16 << 20);
    pl_buf_init(&out, 32 << 20);
    int result = 0;
    if (!is_untouched(pack, rules, count, pl_json_get(root, PL_STR("configRuleTemplates")))) {
        bool whole = pl_json_is_object(pl_json_get(root, PL_STR("compliancePackTemplate")));
        write_template(&compact, pack, whole, rules, count);
        result = compact.failed ? pl_fail(error, PL_E_ServiceUnavailable)
                                : pl_json_parse_in(arena, pl_buf_str(&compact), &root, error);
    }
    if (result == 0)
        pl_json_write_indented(&out, root, INDENT, 0);
    *text = result == 0 && !out.failed ? pl_arena_copy(arena, pl_buf_str(&out)) : PL_STR_NONE;
    pl_buf_free(&compact);
    pl_buf_free(&out);
    return text->p ? 0 : result == 0 ? pl_fail(error, PL_E_ServiceUnavailable) : -1;
}
