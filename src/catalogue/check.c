/*
 * What a user's rule file must satisfy beyond the form: its conditions compile, its texts name parameters
 * that exist, and its test cases can be run. Embedded files are held to the same by tests/catalogue.
 */
#include "catalogue/internal.h"

#include "condition/program.h"

#include <stdio.h>

static const char *const case_members[] = {"name",          "expect", "resourceType", "parameters",
                                           "configuration", "item",   "related",      "now"};
static const char *const results[] = {"COMPLIANT", "NON_COMPLIANT", "NOT_APPLICABLE", "INSUFFICIENT_DATA"};

static bool is_one_of(pl_str text, const char *const *list, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (pl_str_is(text, list[i]))
            return true;
    return false;
}

static int check_case(catalogue_reader *r, size_t index, pl_json node) {
    char path[64];
    snprintf(path, sizeof path, "$.cases[%zu]", index);
    pl_str key;
    pl_json value;
    for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &key, &value);)
        if (!is_one_of(key, case_members, sizeof case_members / sizeof *case_members))
            return catalogue_wrong(r, path, "unknown member");
    if (pl_json_str(pl_json_get(node, PL_STR("name"))).n == 0)
        return catalogue_wrong(r, path, "has no name");
    if (!is_one_of(pl_json_str(pl_json_get(node, PL_STR("expect"))), results,
                   sizeof results / sizeof *results))
        return catalogue_wrong(r, path, "`expect` must be a compliance type");
    return 0;
}

static int check_cases(catalogue_reader *r, pl_json cases) {
    if (pl_json_exists(cases) && !pl_json_is_array(cases))
        return catalogue_wrong(r, "$.cases", "must be a list");
    pl_str key;
    pl_json value;
    size_t i = 0;
    for (pl_json_walk w = pl_json_children(cases); pl_json_step(&w, &key, &value); i++)
        if (check_case(r, i, value) != 0)
            return -1;
    return 0;
}

/* Every ${name} in a tree must be a parameter of the rule. */
static int check_references(catalogue_reader *r, const catalogue_rule *rule, const char *path, pl_str tree) {
    for (size_t at = pl_str_find(tree, PL_STR("${")); at != PL_NOT_FOUND;
         at = pl_str_find(tree, PL_STR("${"))) {
        tree = pl_str_skip(tree, at + 2);
        size_t end = pl_str_find_char(tree, '}');
        if (end == PL_NOT_FOUND || !catalogue_find_parameter(rule, pl_str_head(tree, end)))
            return catalogue_wrong(r, path, "names a parameter with ${...} that the rule does not have");
    }
    return 0;
}

static int compile(catalogue_reader *r, const catalogue_rule *rule, pl_program *program, pl_arena *scratch) {
    pl_error error = {0};
    if (catalogue_program_add(rule, program, scratch, PL_JSON_NONE, &error) == 0)
        return 0;
    if (pl_error_is(&error, PL_E_ServiceUnavailable))
        return catalogue_no_memory(r->error);
    return catalogue_wrong(r, "$.condition, $.appliesWhen, $.sufficientWhen or $.requiredProperties",
                           error.message);
}

int catalogue_check_rule(catalogue_reader *r, const catalogue_rule *rule, pl_json root) {
    if (check_cases(r, pl_json_get(root, PL_STR("cases"))) != 0 ||
        check_references(r, rule, "$.condition", rule->condition) != 0 ||
        check_references(r, rule, "$.appliesWhen", rule->applies_when) != 0 ||
        check_references(r, rule, "$.sufficientWhen", rule->sufficient_when) != 0)
        return -1;
    if (!rule->condition.n)
        return 0;
    pl_arena scratch;
    pl_arena_init(&scratch, 16 << 20);
    pl_program *program = pl_program_new();
    int result = program ? compile(r, rule, program, &scratch) : pl_fail(r->error, PL_E_ServiceUnavailable);
    pl_program_release(program);
    pl_arena_free(&scratch);
    return result;
}
