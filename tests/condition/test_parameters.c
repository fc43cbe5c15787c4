/* Input parameters: where their texts are put, what PARAMETER reads, and what becomes of very long ones. */
#include "support.h"
#include "support/arena.h"

#include "jsonpath/regex.h"

static pl_json clause_of(const char *source, const char *path, const char *op, const char *desired) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_buf_printf(&text,
                  "{\"featureSource\":\"%s\",\"featurePath\":\"%s\",\"operator\":\"%s\",\"desired\":\"%s\"}",
                  source, path, op, desired);
    pl_buf_add_char(&text, '\0');
    pl_json tree = json_of(&arena, text.p);
    pl_buf_free(&text);
    return tree;
}

static pl_verdict verdict_of(const pl_program_rule *rule, pl_json configuration) {
    pl_program_state *state = state_of(rule);
    pl_program_input input = {.configuration = configuration};
    pl_verdict verdict = pl_program_evaluate(state, &input)[0];
    pl_program_state_free(state);
    return verdict;
}

/* The desired text as the annotation of a value that differs from it shows it. */
static void expect_desired(const char *desired, pl_json parameters, const char *shown) {
    pl_buf text;
    pl_program_rule rule = {.condition = clause_of("CONFIGURATION", "$.a", "StringEquals", desired),
                            .parameters = parameters};
    pl_program_state *state = state_of(&rule);
    pl_program_input input = {.configuration = json_of(&arena, "{\"a\":\"other\"}")};
    assert_int_equal(pl_program_evaluate(state, &input)[0], PL_NON_COMPLIANT);
    pl_buf_init(&text, 1 << 20);
    pl_program_write_annotation(state, 0, &text);
    pl_json annotation = PL_JSON_NONE;
    assert_int_equal(pl_json_parse_in(&arena, pl_buf_str(&text), &annotation, &error), 0);
    assert_str(pl_json_str(pl_json_get(annotation, PL_STR("desiredValue"))), shown);
    pl_buf_free(&text);
    pl_program_state_free(state);
}

static void names_in_braces_are_replaced(void **state) {
    (void)state;
    pl_json parameters =
        json_of(&arena, "{\"aZ\":\"1\",\"Az_09\":\"2\",\"n\":7,\"_a\":\"no\",\"9a\":\"no\",\"a-b\":"
                        "\"no\",\"\":\"no\",\"a[\":\"no\",\"a{\":\"no\",\"a:\":\"no\",\"@\":\"no\"}");
    static const struct {
        const char *desired, *shown;
    } cases[] = {
        {"${aZ}", "1"},
        {"<${aZ}${Az_09}${n}>", "<127>"},
        {"${absent}", ""},
        {"${_a} ${9a} ${a-b} ${}", "${_a} ${9a} ${a-b} ${}"},
        {"${a[} ${a{} ${a:} ${@}", "${a[} ${a{} ${a:} ${@}"},
        {"$aZ $ {aZ} ${aZ", "$aZ $ {aZ} ${aZ"},
        {"${${aZ}}", "${1}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect_desired(cases[i].desired, parameters, cases[i].shown);
        expect_desired(cases[i].desired, PL_JSON_NONE, cases[i].desired);
    }
}

static void parameters_can_be_looked_at(void **state) {
    (void)state;
    static const struct {
        const char *path, *op, *desired;
        pl_verdict verdict;
    } cases[] = {
        {"$.limit", "GreaterOrEquals", "3", PL_COMPLIANT},
        {"$.limit", "GreaterOrEquals", "4", PL_NON_COMPLIANT},
        {"$.absent", "NotExists", "", PL_COMPLIANT},
        {"$[*]", "Contains", "x", PL_COMPLIANT},
        {"$[*]", "Contains", "y", PL_NON_COMPLIANT},
        {"$[?(@ == 'z')]", "IsEmpty", "", PL_COMPLIANT},
        {"$[?(@ == 'x')]", "IsEmpty", "", PL_NON_COMPLIANT},
        {"$.since", "DaysSinceGreater", "1", PL_NON_COMPLIANT},
    };
    pl_json parameters =
        json_of(&arena, "{\"limit\":\"3\",\"name\":\"x\",\"since\":\"1970-01-01T00:00:00Z\"}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_json clause = clause_of("PARAMETER", cases[i].path, cases[i].op, cases[i].desired);
        pl_program_rule rule = {.condition = clause, .parameters = parameters};
        if (verdict_of(&rule, json_of(&arena, "{}")) != cases[i].verdict)
            fail_msg("%s %s %s", cases[i].path, cases[i].op, cases[i].desired);
    }
    pl_program_rule none = {.condition = clause_of("PARAMETER", "$.limit", "NotExists", "")};
    assert_int_equal(verdict_of(&none, json_of(&arena, "{}")), PL_COMPLIANT);
}

/* Whatever the operator, and also where another clause has the empty text. */
static void a_clause_about_an_absent_parameter_is_false(void **state) {
    (void)state;
    static const char *const operators[] = {"StringEquals", "NotStringEquals", "NotStringIn",
                                            "NotContains",  "ExcludeAll",      "NotEquals",
                                            "NotIn",        "StringContains"};
    pl_json configuration = json_of(&arena, "{\"a\":\"x\",\"e\":\"\"}");
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        pl_program_rule rule = {.condition = clause_of("CONFIGURATION", "$.a", operators[i], "${absent}"),
                                .parameters = json_of(&arena, "{\"p\":\"x\"}")};
        assert_int_equal(verdict_of(&rule, configuration), PL_NON_COMPLIANT);
        rule.condition = clause_of("CONFIGURATION", "$.absent", operators[i], "${p}${absent}");
        assert_int_equal(verdict_of(&rule, configuration), PL_NON_COMPLIANT);
    }
    pl_program_rule both = {
        .condition = json_of(&arena, "{\"operator\":\"and\",\"children\":["
                                     "{\"featureSource\":\"CONFIGURATION\",\"featurePath\":\"$.e\","
                                     "\"operator\":\"StringEquals\",\"desired\":\"\"},"
                                     "{\"featureSource\":\"CONFIGURATION\",\"featurePath\":\"$.e\","
                                     "\"operator\":\"StringEquals\",\"desired\":\"${absent}\"}]}"),
        .parameters = json_of(&arena, "{}")};
    assert_int_equal(verdict_of(&both, configuration), PL_NON_COMPLIANT);
}

static void a_value_that_no_operator_can_read_is_told(void **state) {
    (void)state;
    static const struct {
        const char *op, *desired, *wrong;
    } cases[] = {
        {"GreaterOrEquals", "${n}", NULL},
        {"GreaterOrEquals", "${x}", "x"},
        {"GreaterOrEquals", "${absent}", NULL},
        {"GreaterOrEquals", "many", NULL},
        {"NotEquals", "${n}${x}", "n"},
        {"DaysUntilGreaterOrEquals", "${x}", "x"},
        {"ArrayLengthLessOrEquals", "${n}", NULL},
        {"ArrayLengthLessOrEquals", "${x}", "x"},
        {"PortRangesExclude", "${n}", NULL},
        {"PortRangesExclude", "${x}", "x"},
        {"CidrsExclude", "${x}", "x"},
        {"RegexMatch", "${x}", NULL},
        {"RegexMatch", "(${x}", "x"},
        {"StringIn", "${x}", NULL},
        {"Exists", "${x}", NULL},
    };
    pl_condition_options options = {.parameters = json_of(&arena, "{\"n\":\"22\",\"x\":\"many\"}")};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pl_condition *condition;
        pl_json tree = clause_of("CONFIGURATION", "$.a", cases[i].op, cases[i].desired);
        assert_int_equal(pl_condition_compile_tree(&arena, tree, &options, &condition, &error), 0);
        pl_str wrong = pl_condition_wrong_parameter(condition);
        if (cases[i].wrong)
            assert_str(wrong, cases[i].wrong);
        else if (wrong.p)
            fail_msg("%s %s", cases[i].op, cases[i].desired);
    }
}

/* Two clauses of one rule, whose parameters are kept once. */
static void clauses_share_the_parameters(void **state) {
    (void)state;
    pl_program_rule rule = {
        .condition =
            json_of(&arena, "{\"operator\":\"and\",\"children\":[{\"featureSource\":\"PARAMETER\","
                            "\"featurePath\":\"$.p\",\"operator\":\"StringEquals\",\"desired\":\"x\"},{"
                            "\"featureSource\":\"PARAMETER\",\"featurePath\":\"$.q\",\"operator\":"
                            "\"StringEquals\",\"desired\":\"${p}y\"}]}"),
        .parameters = json_of(&arena, "{\"p\":\"x\",\"q\":\"xy\"}")};
    assert_int_equal(verdict_of(&rule, json_of(&arena, "{}")), PL_COMPLIANT);
    rule.parameters = json_of(&arena, "{\"p\":\"x\",\"q\":\"y\"}");
    assert_int_equal(verdict_of(&rule, json_of(&arena, "{}")), PL_NON_COMPLIANT);
}

/* An object with one text: `unit`, `count` times, and `end`. */
static pl_json long_text(const char *name, const char *unit, size_t count, const char *end) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_buf_printf(&text, "{\"%s\":\"", name);
    for (size_t i = 0; i < count; i++)
        pl_buf_add(&text, pl_str_from(unit));
    pl_buf_printf(&text, "%s\"}%c", end, '\0');
    pl_json object = json_of(&arena, text.p);
    pl_buf_free(&text);
    return object;
}

/* What is too long for an expression is compared without folding letters beyond ASCII. */
static void long_texts_fold_ascii_only(void **state) {
    (void)state;
    enum { LONG = PL_REGEX_MAX_PATTERN, SHORT = 10 };
    static const char *const operators[] = {"StringEquals", "StringIn", "StringContains"};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        for (size_t count = SHORT; count <= LONG; count += LONG - SHORT) {
            pl_program_rule rule = {.condition = clause_of("CONFIGURATION", "$.a", operators[i], "${p}"),
                                    .parameters = long_text("p", "\xc3\xa9", count, "x")};
            assert_int_equal(verdict_of(&rule, long_text("a", "\xc3\xa9", count, "X")), PL_COMPLIANT);
            assert_int_equal(verdict_of(&rule, long_text("a", "\xc3\x89", count, "x")),
                             count == SHORT ? PL_COMPLIANT : PL_NON_COMPLIANT);
        }
}

static void a_pattern_has_a_limit(void **state) {
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        pl_program *program = pl_program_new();
        pl_program_rule rule = {.condition = clause_of("CONFIGURATION", "$.a", "RegexMatch", "${p}"),
                                .parameters = long_text("p", "a", PL_REGEX_MAX_PATTERN + over, "")};
        assert_int_equal(pl_program_add(program, &rule, &error), over ? -1 : 0);
        if (over)
            assert_string_equal(error.message, "The condition is invalid at desired: it is too long.");
        pl_program_release(program);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(names_in_braces_are_replaced),
        ARENA_TEST(parameters_can_be_looked_at),
        ARENA_TEST(a_clause_about_an_absent_parameter_is_false),
        ARENA_TEST(a_value_that_no_operator_can_read_is_told),
        ARENA_TEST(clauses_share_the_parameters),
        ARENA_TEST(long_texts_fold_ascii_only),
        ARENA_TEST(a_pattern_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
