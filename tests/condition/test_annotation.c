/*
 * Annotations of documents that are followed along the trail: the value is shown as it would be from a tape,
 * whatever it looks like in the text.
 */
#include "support/testing.h"

#include "base/memory.h"
#include "condition/program.h"
#include "json/parser.h"

#include <stdio.h>

enum { TIMES = 6 /* documents until one is followed for sure */, TEXT = 4096 };

typedef struct fixture {
    pl_arena arena;
    pl_program *program;
    pl_program_state *by_text, *by_tape;
    pl_json_parser *text_parser, *tape_parser;
    pl_buf text, tape;
    char *document;
} fixture;

#define CLAUSE(source, path, desired)                                                                        \
    "{\"featureSource\":\"" source "\",\"featurePath\":\"" path                                              \
    "\",\"operator\":\"StringEquals\",\"desired\":\"" desired "\"}"

/* None of them is ever met. */
static const char *const conditions[] = {
    "{\"operator\":\"and\",\"children\":[" CLAUSE("CONFIGURATION", "$.v", "\\\"never\\\"") "]}",
    "{\"operator\":\"or\",\"children\":[" CLAUSE("CONFIGURATION", "$.n",
                                                 "never") "," CLAUSE("CONFIGURATION", "$.v", "also") "]}",
    "{\"operator\":\"and\",\"children\":[" CLAUSE("PARAMETER", "$.given", "never") "]}",
    "{\"operator\":\"and\",\"children\":[" CLAUSE("CONFIGURATION", "$.v.inner", "never") "]}",
    "{\"operator\":\"and\",\"children\":[" CLAUSE("CONFIGURATION", "$.list[*].k", "never") "]}",
    "{\"operator\":\"or\",\"children\":[{\"operator\":\"and\",\"children\":[" CLAUSE(
        "PARAMETER", "$.given", "never") "," CLAUSE("CONFIGURATION", "$.a",
                                                    "a") "]}," CLAUSE("CONFIGURATION", "$.b", "b") "]}"};
enum { RULES = sizeof conditions / sizeof *conditions };

static void add_rule(fixture *f, const char *condition, const char *instead) {
    pl_error error;
    pl_program_rule rule = {.annotation_operator = pl_str_from(instead)};
    assert_int_equal(pl_json_parse_in(&f->arena, pl_str_from(condition), &rule.condition, &error), 0);
    assert_int_equal(
        pl_json_parse_in(&f->arena, PL_STR("{\"given\":\"one \\\"value\\\"\"}"), &rule.parameters, &error),
        0);
    if (pl_program_add(f->program, &rule, &error) != 0)
        fail_msg("%s", error.message);
}

static int begin(void **state) {
    fixture *f = pl_calloc(1, sizeof *f);
    pl_error error;
    pl_arena_init(&f->arena, 0);
    pl_buf_init(&f->text, 1 << 20);
    pl_buf_init(&f->tape, 1 << 20);
    f->program = pl_program_new();
    for (size_t i = 0; i < RULES; i++)
        add_rule(f, conditions[i], NULL);
    add_rule(f, conditions[0], "Other");
    assert_int_equal(pl_program_seal(f->program, &error), 0);
    f->by_text = pl_program_state_new(f->program);
    f->by_tape = pl_program_state_new(f->program);
    f->text_parser = pl_json_parser_new(1 << 16);
    f->tape_parser = pl_json_parser_new(1 << 16);
    f->document = pl_calloc(1, TEXT + PL_JSON_PADDING);
    *state = f;
    return 0;
}

static int end(void **state) {
    fixture *f = *state;
    pl_program_state_free(f->by_text);
    pl_program_state_free(f->by_tape);
    pl_program_release(f->program);
    pl_json_parser_free(f->text_parser);
    pl_json_parser_free(f->tape_parser);
    pl_buf_free(&f->text);
    pl_buf_free(&f->tape);
    pl_arena_free(&f->arena);
    pl_free(f->document);
    pl_free(f);
    return 0;
}

/* Evaluates a document both ways; every rule says the same. */
static void evaluate(fixture *f, pl_str document) {
    pl_error error;
    pl_program_input input = {.now = 0}, parsed = {.now = 0};
    memset(f->document, '"', TEXT);
    memcpy(f->document, document.p, document.n);
    pl_str text = pl_str_of(f->document, document.n);
    assert_non_null(pl_program_evaluate_text(f->by_text, f->text_parser, text, &input, &error));
    assert_int_equal(pl_json_parse(f->tape_parser, text, &parsed.configuration, &error), 0);
    assert_non_null(pl_program_evaluate(f->by_tape, &parsed));
    for (size_t rule = 0; rule <= RULES; rule++) {
        pl_buf_clear(&f->text);
        pl_buf_clear(&f->tape);
        pl_program_write_annotation(f->by_text, rule, &f->text);
        pl_program_write_annotation(f->by_tape, rule, &f->tape);
        assert_true(f->text.n > 0);
        if (!pl_str_eq(pl_buf_str(&f->text), pl_buf_str(&f->tape)))
            fail_msg("%.*s: %.*s from the text, %.*s from the tape", PL_FMT(document),
                     PL_FMT(pl_buf_str(&f->text)), PL_FMT(pl_buf_str(&f->tape)));
    }
}

/* The annotation of a rule for a document that is the last of some like it. */
static pl_str annotation(fixture *f, size_t rule, const char *members) {
    char document[TEXT];
    for (int i = 0; i < TIMES; i++) {
        int n = snprintf(document, sizeof document, "{\"id\":\"i-%d\",%s\"z\":%d}", i, members, i);
        evaluate(f, pl_str_of(document, (size_t)n));
    }
    pl_buf_clear(&f->text);
    pl_program_write_annotation(f->by_text, rule, &f->text);
    return pl_buf_str(&f->text);
}

static void a_value_is_shown_as_its_text(void **state) {
    static const struct {
        const char *written, *shown;
    } values[] = {
        {"\"x\"", "x"},
        {"\"\"", ""},
        {"\"a text of more than thirty-two bytes in it\"", "a text of more than thirty-two bytes in it"},
        {"\"\xc3\xa9t\xc3\xa9, of more than thirty-two bytes in it\"",
         "\xc3\xa9t\xc3\xa9, of more than thirty-two bytes in it"},
        {"\"q\\\"b\\\\s\\/u\\u0041\"", "q\\\"b\\\\s/uA"},
        {"\"a text of more than thirty-two bytes with \\u0022\"",
         "a text of more than thirty-two bytes with \\\""},
        {"0", "0"},
        {"12345678", "12345678"},
        {"1234567890123", "1234567890123"},
        {"-7", "-7"},
        {"2.50", "2.5"},
        {"1e2", "100"},
        {"true", "true"},
        {"false", "false"},
        {"null", ""},
        {"[]", "[]"},
        {"{}", "{}"},
        {"[\"a\",1,true,null,[{\"k\":\"\"}]]", "[\\\"a\\\",1,true,null,[{\\\"k\\\":\\\"\\\"}]]"},
        {"[ 1 , 2 ]", "[1,2]"},
        {"[1.50,-0,\"\\\"\"]", "[1.5,0,\\\"\\\\\\\"\\\"]"},
        {"[\"a text of more than thirty-two bytes in it\"]",
         "[\\\"a text of more than thirty-two bytes in it\\\"]"}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char members[TEXT], wanted[TEXT];
        snprintf(members, sizeof members, "\"v\":%s,", values[i].written);
        snprintf(wanted, sizeof wanted,
                 "{\"configuration\":\"%s\",\"desiredValue\":\"\\\"never\\\"\",\"operator\":\"StringEquals\","
                 "\"property\":\"$.v\"}",
                 values[i].shown);
        assert_str(annotation(f, 0, members), wanted);
    }
}

static void a_missing_value_is_told(void **state) {
    fixture *f = *state;
    assert_str(annotation(f, 0, ""),
               "{\"configuration\":\"\",\"desiredValue\":\"\\\"never\\\"\",\"operator\":\"StringEquals\","
               "\"property\":\"$.v\",\"reason\":\"No property contains.\"}");
    assert_str(annotation(f, 3, "\"v\":{\"outer\":1},"),
               "{\"configuration\":\"\",\"desiredValue\":\"never\",\"operator\":\"StringEquals\","
               "\"property\":\"$.v.inner\",\"reason\":\"No property contains.\"}");
}

static void the_first_false_clause_is_told(void **state) {
    fixture *f = *state;
    assert_str(annotation(f, 1, "\"n\":5,\"v\":\"x\","),
               "{\"configuration\":\"5\",\"desiredValue\":\"never\",\"operator\":\"StringEquals\","
               "\"property\":\"$.n\"}");
}

static void a_value_below_another_and_a_list_are_told(void **state) {
    fixture *f = *state;
    assert_str(annotation(f, 3, "\"v\":{\"inner\":\"i\"},"),
               "{\"configuration\":\"i\",\"desiredValue\":\"never\",\"operator\":\"StringEquals\","
               "\"property\":\"$.v.inner\"}");
    assert_str(
        annotation(f, 4, "\"list\":[{\"k\":\"a\"},{\"k\":2}],"),
        "{\"configuration\":\"[\\\"a\\\",2]\",\"desiredValue\":\"never\",\"operator\":\"StringEquals\","
        "\"property\":\"$.list[*].k\"}");
}

static void a_parameter_is_shown_by_its_value(void **state) {
    fixture *f = *state;
    assert_str(
        annotation(f, 2, "\"v\":1,"),
        "{\"configuration\":\"one \\\"value\\\"\",\"desiredValue\":\"never\",\"operator\":\"StringEquals\","
        "\"property\":\"$.given\"}");
}

static void a_parameter_is_not_told_beside_another_false_clause(void **state) {
    fixture *f = *state;
    assert_str(annotation(f, 5, "\"a\":\"x\",\"b\":\"y\","),
               "{\"configuration\":\"x\",\"desiredValue\":\"a\",\"operator\":\"StringEquals\","
               "\"property\":\"$.a\"}");
    assert_str(annotation(f, 5, "\"a\":\"a\",\"b\":\"y\","),
               "{\"configuration\":\"y\",\"desiredValue\":\"b\",\"operator\":\"StringEquals\","
               "\"property\":\"$.b\"}");
}

static void a_rule_may_name_another_operator(void **state) {
    fixture *f = *state;
    assert_str(annotation(f, RULES, "\"v\":true,"),
               "{\"configuration\":\"true\",\"desiredValue\":\"\\\"never\\\"\",\"operator\":\"Other\","
               "\"property\":\"$.v\"}");
}

/* A buffer that has no room to spare takes an annotation that just fits. */
static void an_annotation_needs_no_more_room_than_it_has(void **state) {
    fixture *f = *state;
    pl_str whole = annotation(f, 0, "\"v\":\"x\",");
    for (size_t limit = whole.n - 1; limit <= whole.n + 1; limit++) {
        pl_buf small;
        pl_buf_init(&small, limit);
        pl_program_write_annotation(f->by_text, 0, &small);
        assert_int_equal(small.failed, limit < whole.n);
        if (!small.failed)
            assert_true(pl_str_eq(pl_buf_str(&small), whole));
        pl_buf_free(&small);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_value_is_shown_as_its_text, begin, end),
        cmocka_unit_test_setup_teardown(a_missing_value_is_told, begin, end),
        cmocka_unit_test_setup_teardown(the_first_false_clause_is_told, begin, end),
        cmocka_unit_test_setup_teardown(a_value_below_another_and_a_list_are_told, begin, end),
        cmocka_unit_test_setup_teardown(a_parameter_is_shown_by_its_value, begin, end),
        cmocka_unit_test_setup_teardown(a_parameter_is_not_told_beside_another_false_clause, begin, end),
        cmocka_unit_test_setup_teardown(a_rule_may_name_another_operator, begin, end),
        cmocka_unit_test_setup_teardown(an_annotation_needs_no_more_room_than_it_has, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
