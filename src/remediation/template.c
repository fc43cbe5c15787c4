/* Parameters of templates: checked when they are stored, filled when they are run. */
#include "remediation/remediation.h"

#include "json/parser.h"

#include <stdio.h>

enum { TEXT_MAX = 8 << 20 };

static int wrong(pl_error *error, const char *format, pl_str name) {
    char reason[256];
    snprintf(reason, sizeof reason, format, PL_FMT(pl_str_head(name, 128)));
    return pl_failf(error, PL_E_Invalid_Params_Value, "The specified parameter value is invalid: %s.",
                    reason);
}

/* --- Both spellings ----------------------------------------------------------------------------------------
 */

/* The value of a parameter as it was sent: a member of the map, or of the list of properties. */
static pl_json sent_value(pl_json params, pl_str name) {
    pl_json list = pl_json_get(params, PL_STR("properties")), property;
    pl_str key;
    if (!pl_json_is_array(list))
        return pl_json_get(params, name);
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &key, &property);)
        if (pl_str_eq(pl_json_str(pl_json_get(property, PL_STR("name"))), name))
            return pl_json_get(property, PL_STR("value"));
    return PL_JSON_NONE;
}

static int check_known(pl_json parameters, pl_json params, pl_error *error) {
    pl_json list = pl_json_get(params, PL_STR("properties")), value;
    bool listed = pl_json_is_array(list);
    pl_str key;
    for (pl_json_walk w = pl_json_children(listed ? list : params); pl_json_step(&w, &key, &value);) {
        pl_str name = listed ? pl_json_str(pl_json_get(value, PL_STR("name"))) : key;
        if (!pl_json_exists(pl_json_get(parameters, name)))
            return wrong(error, "the template has no parameter %.*s", name);
    }
    return 0;
}

/* --- Checks ------------------------------------------------------------------------------------------------
 */

static bool has_placeholder(pl_str text) {
    return pl_str_find_char(text, '{') != PL_NOT_FOUND && pl_str_find_char(text, '}') != PL_NOT_FOUND;
}

static int check_allowed(pl_arena *arena, pl_str name, pl_json parameter, pl_str text, pl_error *error) {
    pl_str allowed = pl_json_str(pl_json_get(parameter, PL_STR("AllowValues"))), key;
    pl_json list, value;
    if (allowed.n == 0 || pl_json_parse_in(arena, allowed, &list, error) != 0)
        return allowed.n == 0 ? 0 : -1;
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &key, &value);)
        if (pl_str_eq(pl_json_str(value), text))
            return 0;
    return wrong(error, "the value of %.*s is not an allowed one", name);
}

static bool is_object_type(pl_str type) {
    return pl_str_is(type, "Json") || pl_str_eq_fold(type, PL_STR("OBJECT"));
}

static bool is_list_type(pl_str type) {
    return pl_str_is(type, "List") || pl_str_eq_fold(type, PL_STR("ARRAY"));
}

/* Objects and lists are sent as JSON text; a bare placeholder may stand for a list. */
static int check_type(pl_arena *arena, pl_str name, pl_str type, pl_json value, pl_str text,
                      pl_error *error) {
    bool object = is_object_type(type), array = is_list_type(type);
    pl_json parsed = value;
    pl_error ignored = {0};
    if (!object && !array)
        return pl_json_is_object(value) || pl_json_is_array(value) ? wrong(error, "%.*s must be a text", name)
                                                                   : 0;
    if (pl_json_is_string(value) && pl_json_parse_in(arena, text, &parsed, &ignored) != 0)
        return array && has_placeholder(text) ? 0 : wrong(error, "%.*s is not JSON", name);
    if (object ? pl_json_is_object(parsed) : pl_json_is_array(parsed))
        return 0;
    return wrong(error, object ? "%.*s must be a JSON object" : "%.*s must be a JSON list", name);
}

static pl_str text_of(pl_arena *arena, pl_json value) {
    pl_buf out;
    pl_buf_init(&out, TEXT_MAX);
    pl_json_write_text(&out, value);
    pl_str text = out.failed ? PL_STR_NONE : pl_arena_copy(arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return text;
}

static int check_parameter(pl_arena *arena, pl_str name, pl_json parameter, pl_json params, pl_error *error) {
    pl_json value = sent_value(params, name);
    if (!pl_json_exists(value) || pl_json_is_null(value))
        return pl_json_exists(pl_json_get(parameter, PL_STR("Default")))
                   ? 0
                   : wrong(error, "the parameter %.*s is missing", name);
    pl_str text = text_of(arena, value);
    if (!text.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (check_type(arena, name, pl_json_str(pl_json_get(parameter, PL_STR("Type"))), value, text, error) != 0)
        return -1;
    return check_allowed(arena, name, parameter, text, error);
}

static bool is_for(const catalogue_remediation *t, const engine_rule *rule) {
    for (size_t i = 0; rule->owner == ENGINE_MANAGED && i < t->rules.count; i++)
        if (pl_str_eq_fold(t->rules.items[i], rule->identifier))
            return true;
    return false;
}

/* Every tag key that the rule asks for (tag1Key ... tag6Key) must be among those that are added. */
static int check_tags(pl_arena *arena, const engine_rule *rule, pl_json params, pl_error *error) {
    pl_json input = PL_JSON_NONE, tags = sent_value(params, PL_STR("tags"));
    char name[24];
    if (!pl_str_is(rule->identifier, "required-tags") || rule->input_parameters.n == 0)
        return 0;
    if (pl_json_parse_in(arena, rule->input_parameters, &input, error) != 0)
        return -1;
    if (pl_json_is_string(tags) && pl_json_parse_in(arena, pl_json_text(tags), &tags, error) != 0)
        return -1;
    for (int i = 1; i <= 6; i++) {
        snprintf(name, sizeof name, "tag%dKey", i);
        pl_str key = pl_json_str(pl_json_get(input, pl_str_from(name)));
        if (key.n && !pl_json_exists(pl_json_get(tags, key)))
            return pl_fail(error, PL_E_RemediationInputParamInConsistentWithRule);
    }
    return 0;
}

static int check_template(const catalogue *known, pl_arena *arena, const engine_rule *rule,
                          const engine_remedy *remedy, pl_json params, pl_error *error) {
    pl_json root, parameter;
    pl_str name;
    *error = (pl_error){0};
    const catalogue_remediation *t = catalogue_find_remediation(known, remedy->template_id, error);
    if (!t && error->code[0])
        return -1;
    if (!t || !is_for(t, rule))
        return pl_fail(error, PL_E_RemediationTemplateNotExist);
    if (pl_json_parse_in(arena, t->definition, &root, error) != 0)
        return -1;
    pl_json parameters = pl_json_get(root, PL_STR("Parameters"));
    if (check_known(parameters, params, error) != 0)
        return -1;
    for (pl_json_walk w = pl_json_children(parameters); pl_json_step(&w, &name, &parameter);)
        if (check_parameter(arena, name, parameter, params, error) != 0)
            return -1;
    return check_tags(arena, rule, params, error);
}

int remediation_check(const catalogue *known, pl_arena *arena, const engine_rule *rule,
                      const engine_remedy *remedy, pl_error *error) {
    pl_json params = PL_JSON_NONE;
    pl_error ignored = {0};
    function_name function;
    if (pl_json_parse_in(arena, remedy->params, &params, &ignored) != 0 || !pl_json_is_object(params))
        return wrong(error, "it is not a JSON object%.*s", PL_STR(""));
    if (pl_str_is(remedy->type, "OOS"))
        return check_template(known, arena, rule, remedy, params, error);
    if (!function_arn_parse(remedy->template_id, &function))
        return pl_fail(error, PL_E_RemediationTemplateNotExist);
    return pl_str_eq(function.account_id, remedy->account_id)
               ? 0
               : pl_failf(error, PL_E_RemediationTemplateNotExist,
                          "RemediationTemplateId must be the ARN of a function of the account %.*s, to which "
                          "the rule belongs.",
                          PL_FMT(remedy->account_id));
}

/* --- Values ------------------------------------------------------------------------------------------------
 */

/* As the inside of a JSON text: a name with quotes in it stays one text. */
static void add_escaped(pl_buf *out, pl_str value) {
    pl_buf text;
    pl_buf_init(&text, TEXT_MAX);
    pl_json_write_string(&text, value);
    if (text.failed)
        out->failed = true;
    else
        pl_buf_add(out, pl_str_of(text.p + 1, text.n - 2));
    pl_buf_free(&text);
}

/* Whether the value is JSON text, in which placeholders stand inside of JSON strings. */
static bool is_json_text(pl_arena *arena, pl_str type, pl_str text) {
    pl_json parsed;
    pl_error ignored = {0};
    return (is_object_type(type) || is_list_type(type)) &&
           pl_json_parse_in(arena, text, &parsed, &ignored) == 0;
}

static void add_filled(pl_buf *out, pl_str text, const remediation_subject *s, bool json) {
    const struct {
        pl_str name, value;
    } values[] = {{PL_STR("{regionId}"), s->region_id},
                  {PL_STR("{resourceId}"), s->resource_id},
                  {PL_STR("{resourceType}"), s->resource_type},
                  {PL_STR("{accountId}"), s->account_id},
                  {PL_STR("{resourceName}"), s->resource_name}};
    enum { VALUES = sizeof values / sizeof *values };
    while (text.n) {
        size_t i = 0;
        while (i < VALUES && !pl_str_starts(text, values[i].name))
            i++;
        if (i == VALUES)
            pl_buf_add_char(out, text.p[0]);
        else if (json)
            add_escaped(out, values[i].value);
        else
            pl_buf_add(out, values[i].value);
        text = pl_str_skip(text, i < VALUES ? values[i].name.n : 1);
    }
}

int remediation_values(pl_arena *arena, const catalogue_remediation *template, pl_str params,
                       const remediation_subject *subject, pl_json *values, pl_error *error) {
    pl_json root, sent, parameter;
    pl_str name;
    pl_buf out, filled;
    bool first = true;
    if (pl_json_parse_in(arena, template->definition, &root, error) != 0 ||
        pl_json_parse_in(arena, params, &sent, error) != 0)
        return -1;
    pl_buf_init(&out, TEXT_MAX);
    pl_buf_init(&filled, TEXT_MAX);
    pl_buf_add_char(&out, '{');
    pl_json parameters = pl_json_get(root, PL_STR("Parameters"));
    for (pl_json_walk w = pl_json_children(parameters); pl_json_step(&w, &name, &parameter);) {
        pl_json value = sent_value(sent, name);
        if (!pl_json_exists(value) || pl_json_is_null(value))
            value = pl_json_get(parameter, PL_STR("Default"));
        pl_str text = text_of(arena, value), type = pl_json_str(pl_json_get(parameter, PL_STR("Type")));
        pl_buf_clear(&filled);
        add_filled(&filled, text, subject, is_json_text(arena, type, text));
        if (!first)
            pl_buf_add_char(&out, ',');
        first = false;
        pl_json_write_string(&out, name);
        pl_buf_add_char(&out, ':');
        pl_json_write_string(&out, pl_buf_str(&filled));
    }
    pl_buf_add_char(&out, '}');
    int status = out.failed || filled.failed || arena->failed
                     ? pl_fail(error, PL_E_ServiceUnavailable)
                     : pl_json_parse_in(arena, pl_arena_copy(arena, pl_buf_str(&out)), values, error);
    pl_buf_free(&out);
    pl_buf_free(&filled);
    return status;
}
