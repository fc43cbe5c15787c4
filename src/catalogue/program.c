/* From a catalogue rule to a rule of a condition program: parameter values and parsed trees. */
#include "catalogue/internal.h"

#include "condition/program.h"

static int bad_value(pl_error *error, const char *reason, pl_str name) {
    return pl_failf(error, PL_E_Invalid_InputParameters_Value,
                    "The specified InputParameters is invalid: %s %.*s.", reason, PL_FMT(name));
}

static int check_names(const catalogue_rule *rule, pl_json input, pl_error *error) {
    pl_str key;
    pl_json value;
    for (pl_json_walk w = pl_json_children(input); pl_json_step(&w, &key, &value);)
        if (!catalogue_find_parameter(rule, key))
            return bad_value(error, "the rule has no parameter", key);
    return 0;
}

static bool is_empty(pl_json value) {
    return !pl_json_exists(value) || pl_json_is_null(value) ||
           (pl_json_is_string(value) && pl_json_text(value).n == 0);
}

const catalogue_parameter *catalogue_lacking_parameter(const catalogue_rule *rule, pl_json input) {
    for (size_t i = 0; i < rule->parameter_count; i++)
        if (rule->parameters[i].required && rule->parameters[i].default_value.n == 0 &&
            is_empty(pl_json_get(input, rule->parameters[i].name)))
            return &rule->parameters[i];
    return NULL;
}

static int write_value(const catalogue_parameter *parameter, pl_json given, pl_buf *scratch, pl_buf *out,
                       pl_error *error) {
    pl_buf_clear(scratch);
    if (pl_json_is_object(given) || pl_json_is_array(given))
        return bad_value(error, "a text is needed for", parameter->name);
    pl_json_write_text(scratch, given);
    if (scratch->failed)
        return pl_fail(error, PL_E_ServiceUnavailable);
    bool is_given = scratch->n > 0;
    if (!is_given && parameter->default_value.n == 0)
        return 0;
    if (out->n > 1)
        pl_buf_add_char(out, ',');
    pl_json_write_string(out, parameter->name);
    pl_buf_add_char(out, ':');
    pl_json_write_string(out, is_given ? pl_buf_str(scratch) : parameter->default_value);
    return 0;
}

int catalogue_parameters(const catalogue_rule *rule, pl_arena *arena, pl_json input, pl_json *values,
                         pl_error *error) {
    *values = PL_JSON_NONE;
    if (pl_json_exists(input) && !pl_json_is_null(input) && !pl_json_is_object(input))
        return pl_failf(error, PL_E_Invalid_InputParameters_Value,
                        "The specified InputParameters is invalid: it must be a JSON object.");
    if (check_names(rule, input, error) != 0)
        return -1;
    const catalogue_parameter *lacking = catalogue_lacking_parameter(rule, input);
    if (lacking)
        return bad_value(error, "a value is needed for", lacking->name);
    pl_buf out, scratch;
    pl_buf_init(&out, 1 << 20);
    pl_buf_init(&scratch, 1 << 20);
    pl_buf_add_char(&out, '{');
    int result = 0;
    for (size_t i = 0; i < rule->parameter_count && result == 0; i++)
        result = write_value(&rule->parameters[i], pl_json_get(input, rule->parameters[i].name), &scratch,
                             &out, error);
    pl_buf_add_char(&out, '}');
    if (result == 0)
        result = out.failed ? pl_fail(error, PL_E_ServiceUnavailable)
                            : pl_json_parse_in(arena, pl_buf_str(&out), values, error);
    pl_buf_free(&out);
    pl_buf_free(&scratch);
    return result;
}

static int parse_tree(pl_arena *arena, pl_str text, pl_json *tree, pl_error *error) {
    *tree = PL_JSON_NONE;
    return text.n ? pl_json_parse_in(arena, text, tree, error) : 0;
}

static int parse_list(pl_arena *arena, const catalogue_list *texts, pl_json *list, pl_error *error) {
    *list = PL_JSON_NONE;
    if (texts->count == 0)
        return 0;
    pl_buf out;
    pl_buf_init(&out, 1 << 16);
    for (size_t i = 0; i < texts->count; i++) {
        pl_buf_add_char(&out, i ? ',' : '[');
        pl_json_write_string(&out, texts->items[i]);
    }
    pl_buf_add_char(&out, ']');
    int result = out.failed ? pl_fail(error, PL_E_ServiceUnavailable)
                            : pl_json_parse_in(arena, pl_buf_str(&out), list, error);
    pl_buf_free(&out);
    return result;
}

int catalogue_program_rule(const catalogue_rule *rule, pl_arena *arena, pl_json values, pl_program_rule *out,
                           pl_error *error) {
    *out = (pl_program_rule){.parameters = values, .annotation_operator = rule->annotation_operator};
    if (parse_tree(arena, rule->condition, &out->condition, error) != 0 ||
        parse_tree(arena, rule->applies_when, &out->applies, error) != 0 ||
        parse_tree(arena, rule->sufficient_when, &out->sufficient, error) != 0 ||
        parse_list(arena, &rule->required_properties, &out->required, error) != 0)
        return -1;
    return parse_list(arena, &rule->required_related, &out->required_related, error);
}

int catalogue_program_add(const catalogue_rule *rule, pl_program *program, pl_arena *arena, pl_json values,
                          pl_error *error) {
    pl_program_rule parts;
    if (catalogue_program_rule(rule, arena, values, &parts, error) != 0)
        return -1;
    return pl_program_add(program, &parts, error);
}

/* What does not fit into a condition is too long: the longest value is the one. */
static int too_long(pl_json values, pl_error *error) {
    pl_str longest = PL_STR("it"), name;
    pl_json value;
    size_t most = 0;
    for (pl_json_walk w = pl_json_children(values); pl_json_step(&w, &name, &value);)
        if (pl_json_str(value).n > most) {
            most = pl_json_str(value).n;
            longest = name;
        }
    return bad_value(error, "too long is the value of", longest);
}

int catalogue_check_values(const catalogue_rule *rule, pl_arena *arena, pl_json values, pl_error *error) {
    const pl_str trees[] = {rule->applies_when, rule->sufficient_when, rule->condition};
    const pl_condition_options options = {.parameters = values, .strict = false};
    for (size_t i = 0; i < sizeof trees / sizeof *trees; i++) {
        const pl_condition *condition;
        pl_json tree;
        if (trees[i].n == 0)
            continue;
        if (parse_tree(arena, trees[i], &tree, error) != 0)
            return -1;
        if (pl_condition_compile_tree(arena, tree, &options, &condition, error) != 0)
            return pl_error_is(error, PL_E_ServiceUnavailable) ? -1 : too_long(values, error);
        pl_str wrong = pl_condition_wrong_parameter(condition);
        if (wrong.p)
            return bad_value(error, "the rule cannot read the value of", wrong);
    }
    return 0;
}
