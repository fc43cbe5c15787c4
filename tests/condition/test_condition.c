/* What a wrong condition is refused with: the code, the place in the tree, the offset; and the limits. */
#include "condition/condition.h"

#include "support.h"

#include <stdio.h>

static int compile(const char *text, bool strict, pl_error *error) {
    pl_arena arena;
    const pl_condition *condition;
    pl_condition_options options = {.parameters = PL_JSON_NONE, .strict = strict};
    pl_arena_init(&arena, 0);
    memset(error, 0, sizeof *error);
    int status = pl_condition_compile(&arena, pl_str_from(text), &options, &condition, error);
    pl_arena_free(&arena);
    return status;
}

static int compile_tree(const char *tree, bool strict, pl_error *error) {
    pl_buf text;
    pl_buf_init(&text, 1 << 22);
    pl_buf_printf(&text, "{\"ComplianceConditions\":%s}", tree);
    pl_buf_add_char(&text, '\0');
    int status = compile(text.p, strict, error);
    pl_buf_free(&text);
    return status;
}

static void expect_refused(const char *tree, const char *place) {
    pl_error error;
    assert_int_equal(compile_tree(tree, false, &error), -1);
    assert_true(pl_error_is(&error, PL_E_Invalid_Conditions_Value));
    if (!strstr(error.message, place))
        fail_msg("%s: \"%s\" does not name %s", tree, error.message, place);
}

#define CLAUSE(op, path, desired)                                                                            \
    "{\"operator\":\"" op "\",\"featurePath\":\"" path                                                       \
    "\",\"featureSource\":\"CONFIGURATION\",\"desired\":\"" desired "\"}"

static void a_blank_text_is_empty(void **state) {
    (void)state;
    pl_error error;
    assert_int_equal(compile("", false, &error), -1);
    assert_true(pl_error_is(&error, PL_E_Invalid_Conditions_Empty));
    assert_int_equal(compile(" \n", false, &error), -1);
    assert_true(pl_error_is(&error, PL_E_Invalid_Conditions_Empty));
}

static void text_that_is_not_json_is_refused_with_its_offset(void **state) {
    (void)state;
    pl_error error;
    assert_int_equal(compile("{\"ComplianceConditions\":]", false, &error), -1);
    assert_true(pl_error_is(&error, PL_E_Invalid_Conditions_Value));
    assert_int_equal(error.position, 24);
    assert_int_equal(compile("{\"ComplianceConditions\":\"{oops\"}", false, &error), -1);
    assert_int_equal(error.position, 1);
    assert_int_equal(compile("[]", false, &error), -1);
    assert_int_equal(compile("{\"ComplianceConditions\":7}", false, &error), -1);
}

static void the_tree_may_be_text_or_object(void **state) {
    (void)state;
    pl_error error;
    assert_int_equal(compile_tree(CLAUSE("Equals", "$.a", "1"), false, &error), 0);
    assert_int_equal(
        compile(
            "{\"ComplianceConditions\":\"{\\\"operator\\\":\\\"IsEmpty\\\",\\\"featurePath\\\":\\\"$.a\\\","
            "\\\"featureSource\\\":\\\"CONFIGURATION\\\"}\"}",
            false, &error),
        0);
}

static void errors_name_the_place_in_the_tree(void **state) {
    (void)state;
    expect_refused(
        "{\"operator\":\"and\",\"children\":[" CLAUSE(
            "Equals", "$.a", "1") ",{\"operator\":\"or\",\"children\":[" CLAUSE("Nope", "$.a", "1") "]}]}",
        "children[1].children[0].operator");
    expect_refused(CLAUSE("Equals", "$.", "1"), "featurePath");
    expect_refused("{\"operator\":\"Equals\",\"featurePath\":\"$.a\",\"featureSource\":\"CONFIGURATION\"}",
                   "desired");
    expect_refused(
        "{\"operator\":\"Equals\",\"featurePath\":\"$.a\",\"featureSource\":\"ELSEWHERE\",\"desired\":\"1\"}",
        "featureSource");
    expect_refused("{\"operator\":\"and\"}", "children");
    expect_refused("{\"operator\":\"and\",\"children\":[]}", "children");
    expect_refused("{\"operator\":\"and\",\"children\":[7]}", "children[0]");
    expect_refused("{\"operator\":\"Equals\",\"featurePath\":\"$.a\",\"featureSource\":\"CONFIGURATION\","
                   "\"desired\":{}}",
                   "desired");
    expect_refused(
        "{\"operator\":\"Equals\",\"featurePath\":\"$.a\",\"featureSource\":\"CONFIGURATION_FIELD_$.b[*]\","
        "\"desired\":\"1\"}",
        "featureSource");
}

/* A clause with one member other than it should be. */
static void expect_member_refused(const char *members, const char *message) {
    pl_error error;
    char text[2048];
    snprintf(text, sizeof text, "{\"operator\":\"StringEquals\",%s}", members);
    assert_int_equal(compile_tree(text, false, &error), -1);
    assert_true(pl_error_is(&error, PL_E_Invalid_Conditions_Value));
    assert_string_equal(error.message, message);
}

static void members_are_there_and_texts(void **state) {
    (void)state;
    static char path[PL_CONDITION_MAX_PATH + 2], members[1024];
    expect_member_refused("\"featureSource\":\"CONFIGURATION\",\"desired\":\"x\"",
                          "The condition is invalid at featurePath: it is missing.");
    expect_member_refused("\"featureSource\":\"CONFIGURATION\",\"featurePath\":7,\"desired\":\"x\"",
                          "The condition is invalid at featurePath: it must be a text.");
    expect_member_refused("\"featurePath\":\"$.a\",\"desired\":\"x\"",
                          "The condition is invalid at featureSource: it is missing.");
    expect_member_refused("\"featureSource\":\"RELATED:\",\"featurePath\":\"$.a\",\"desired\":\"x\"",
                          "The condition is invalid at featureSource: no such source.");
    expect_member_refused("\"featureSource\":\"CONFIGURATION\",\"featurePath\":\"$.a\",\"desired\":null",
                          "The condition is invalid at desired: the operator needs it.");
    for (size_t over = 0; over < 2; over++) {
        pl_error error;
        memset(path, 'a', PL_CONDITION_MAX_PATH + over);
        memcpy(path, "$.", 2);
        snprintf(members, sizeof members, CLAUSE("StringEquals", "%s", "x"), path);
        assert_int_equal(compile_tree(members, false, &error), over ? -1 : 0);
        if (over)
            assert_string_equal(error.message, "The condition is invalid at featurePath: it is too long.");
    }
}

static void what_is_no_group_is_a_clause(void **state) {
    (void)state;
    pl_error error;
    assert_int_equal(compile("{\"ComplianceConditions\":\"7\"}", false, &error), -1);
    assert_string_equal(error.message, "The condition is invalid: it must be an object.");
    expect_refused("{\"operator\":\"or\"}", "children: a group needs children");
    expect_refused("{\"operator\":\"xor\",\"children\":[" CLAUSE("Equals", "$.a", "1") "]}",
                   "operator: no such operator");
    expect_refused("{\"operator\":\"and\",\"children\":{}}", "children: a group needs children");
}

static void the_text_has_a_limit_in_characters(void **state) {
    (void)state;
    static const char head[] = "{\"note\":\"",
                      tail[] = "\",\"ComplianceConditions\":" CLAUSE("Equals", "$.a", "1") "}";
    for (size_t over = 0; over < 2; over++) {
        pl_error error;
        pl_buf text;
        pl_buf_init(&text, 1 << 20);
        pl_buf_add(&text, PL_STR(head));
        for (size_t i = sizeof head + sizeof tail - 2; i < PL_CONDITION_MAX_TEXT + over; i++)
            pl_buf_add(&text, PL_STR("\xc3\xa9"));
        pl_buf_add(&text, PL_STR(tail));
        pl_buf_add_char(&text, '\0');
        assert_int_equal(compile(text.p, false, &error), over ? -1 : 0);
        if (over)
            assert_string_equal(error.message, "Conditions is invalid: it is too long.");
        pl_buf_free(&text);
    }
}

static void a_wrong_path_is_refused_with_its_offset(void **state) {
    (void)state;
    pl_error error;
    assert_int_equal(compile_tree(CLAUSE("Equals", "$.a[?(@.b==]", "1"), false, &error), -1);
    assert_int_equal(error.position, 11);
}

static void extensions_are_refused_where_the_vendor_is_followed(void **state) {
    (void)state;
    pl_error error;
    const char *related =
        "{\"operator\":\"IsEmpty\",\"featurePath\":\"$[*]\",\"featureSource\":\"RELATED:ACS::ECS::Disk\"}";
    assert_int_equal(compile_tree(CLAUSE("RegexMatch", "$.a", "x"), false, &error), 0);
    assert_int_equal(compile_tree(CLAUSE("RegexMatch", "$.a", "x"), true, &error), -1);
    assert_int_equal(compile_tree(related, false, &error), 0);
    assert_int_equal(compile_tree(related, true, &error), -1);
    assert_int_equal(compile_tree(CLAUSE("StringEquals", "$.a", "x"), true, &error), 0);
}

/* Stored rules are compiled as they are: the clause is false. Who makes a rule is told. */
static void a_desired_text_that_no_operator_can_read_is_refused_where_rules_are_made(void **state) {
    (void)state;
    static const char *const clauses[][2] = {
        {CLAUSE("RegexMatch", "$.a", "(["), "at children[1].desired: the operator cannot read it"},
        {CLAUSE("RegexNotMatch", "$.a", "*"), "at children[1].desired"},
        {CLAUSE("ArrayLengthGreaterOrEquals", "$.a", "many"), "at children[1].desired"},
        {CLAUSE("CidrsContain", "$.a", "10.0.0.0/33"), "at children[1].desired"},
        {CLAUSE("ArrayLengthGreaterOrEquals", "$.a", ""), NULL},
        {CLAUSE("RegexMatch", "$.a", "^x$"), NULL}};
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++) {
        pl_arena arena;
        pl_error error = {0};
        pl_json tree;
        const pl_condition *condition;
        pl_condition_options options = {.parameters = PL_JSON_NONE};
        pl_arena_init(&arena, 0);
        pl_str text = pl_arena_printf(&arena, "{\"operator\":\"and\",\"children\":[%s,%s]}",
                                      CLAUSE("StringEquals", "$.a", "x"), clauses[i][0]);
        assert_int_equal(pl_json_parse_in(&arena, text, &tree, &error), 0);
        assert_int_equal(pl_condition_compile_tree(&arena, tree, &options, &condition, &error), 0);
        options.readable = true;
        int status = pl_condition_compile_tree(&arena, tree, &options, &condition, &error);
        assert_int_equal(status, clauses[i][1] ? -1 : 0);
        if (clauses[i][1] && !strstr(error.message, clauses[i][1]))
            fail_msg("%s: %s", clauses[i][0], error.message);
        pl_arena_free(&arena);
    }
}

/* `count` copies of a clause in one group. */
static void write_group(pl_buf *out, size_t count, const char *clause) {
    pl_buf_add(out, PL_STR("{\"operator\":\"and\",\"children\":["));
    for (size_t i = 0; i < count; i++)
        pl_buf_printf(out, "%s%s", i ? "," : "", clause);
    pl_buf_add(out, PL_STR("]}"));
}

static int compile_buffer(pl_buf *text) {
    pl_error error;
    pl_buf_add_char(text, '\0');
    int status = compile_tree(text->p, false, &error);
    assert_true(status == 0 || pl_error_is(&error, PL_E_Invalid_Conditions_Value));
    pl_buf_free(text);
    return status;
}

static int compile_children(size_t count) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    write_group(&text, count, CLAUSE("Equals", "$.a", "1"));
    return compile_buffer(&text);
}

static int compile_clauses(size_t full_groups, size_t rest) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_buf_add(&text, PL_STR("{\"operator\":\"and\",\"children\":["));
    for (size_t i = 0; i < full_groups; i++) {
        write_group(&text, 20, CLAUSE("Equals", "$.a", "1"));
        pl_buf_add_char(&text, ',');
    }
    write_group(&text, rest, CLAUSE("Equals", "$.a", "1"));
    pl_buf_add(&text, PL_STR("]}"));
    return compile_buffer(&text);
}

static int compile_depth(size_t depth) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < depth; i++)
        pl_buf_add(&text, PL_STR("{\"operator\":\"or\",\"children\":["));
    pl_buf_add(&text, PL_STR(CLAUSE("Equals", "$.a", "1")));
    for (size_t i = 0; i < depth; i++)
        pl_buf_add(&text, PL_STR("]}"));
    return compile_buffer(&text);
}

static int compile_desired(size_t characters) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_buf_add(
        &text,
        PL_STR("{\"operator\":\"StringEquals\",\"featurePath\":\"$.a\",\"featureSource\":\"CONFIGURATION\","
               "\"desired\":\""));
    for (size_t i = 0; i < characters; i++)
        pl_buf_add(&text, PL_STR("\xc3\xa9"));
    pl_buf_add(&text, PL_STR("\"}"));
    return compile_buffer(&text);
}

static void limits_hold_to_the_last_unit(void **state) {
    (void)state;
    assert_int_equal(compile_children(PL_CONDITION_MAX_CHILDREN), 0);
    assert_int_equal(compile_children(PL_CONDITION_MAX_CHILDREN + 1), -1);
    assert_int_equal(compile_clauses(2, 10), 0);
    assert_int_equal(compile_clauses(2, 11), -1);
    assert_int_equal(compile_depth(PL_CONDITION_MAX_DEPTH), 0);
    assert_int_equal(compile_depth(PL_CONDITION_MAX_DEPTH + 1), -1);
    assert_int_equal(compile_desired(PL_CONDITION_MAX_DESIRED), 0);
    assert_int_equal(compile_desired(PL_CONDITION_MAX_DESIRED + 1), -1);
}

static void a_condition_tells_what_it_needs(void **state) {
    (void)state;
    pl_arena arena;
    pl_error error;
    const pl_condition *condition;
    pl_condition_options options = {.parameters = PL_JSON_NONE};
    pl_arena_init(&arena, 0);
    pl_json tree = json_of(
        &arena,
        "{\"operator\":\"and\",\"children\":["
        "{\"operator\":\"IsEmpty\",\"featurePath\":\"$[*]\",\"featureSource\":\"RELATED:A\"},"
        "{\"operator\":\"IsEmpty\",\"featurePath\":\"$\",\"featureSource\":\"RELATED:A\"},"
        "{\"operator\":\"DaysSinceGreater\",\"featurePath\":\"$.t\",\"featureSource\":\"CONFIGURATION_ITEM\","
        "\"desired\":1}]}");
    assert_int_equal(pl_condition_compile_tree(&arena, tree, &options, &condition, &error), 0);
    pl_condition_needs needs = pl_condition_needs_of(condition);
    assert_true(needs.item && needs.related && needs.now);
    tree = json_of(&arena, CLAUSE("Equals", "$.a", "1"));
    assert_int_equal(pl_condition_compile_tree(&arena, tree, &options, &condition, &error), 0);
    needs = pl_condition_needs_of(condition);
    assert_false(needs.item || needs.related || needs.now);
    pl_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blank_text_is_empty),
        cmocka_unit_test(text_that_is_not_json_is_refused_with_its_offset),
        cmocka_unit_test(the_tree_may_be_text_or_object),
        cmocka_unit_test(errors_name_the_place_in_the_tree),
        cmocka_unit_test(members_are_there_and_texts),
        cmocka_unit_test(what_is_no_group_is_a_clause),
        cmocka_unit_test(the_text_has_a_limit_in_characters),
        cmocka_unit_test(a_wrong_path_is_refused_with_its_offset),
        cmocka_unit_test(extensions_are_refused_where_the_vendor_is_followed),
        cmocka_unit_test(a_desired_text_that_no_operator_can_read_is_refused_where_rules_are_made),
        cmocka_unit_test(limits_hold_to_the_last_unit),
        cmocka_unit_test(a_condition_tells_what_it_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
