/* Verdicts other than yes and no, what explains them, and that an error never becomes COMPLIANT. */
#include "condition/program.h"

#include "base/memory.h"
#include "support.h"
#include "support/arena.h"

#include <stdio.h>

#define EQUALS(path, desired)                                                                                \
    "{\"operator\":\"StringEquals\",\"featurePath\":\"" path                                                 \
    "\",\"featureSource\":\"CONFIGURATION\",\"desired\":\"" desired "\"}"

static pl_verdict verdict_over(pl_program_state *state, const char *configuration) {
    pl_program_input input = {.configuration = json_of(&arena, configuration)};
    return pl_program_evaluate(state, &input)[0];
}

typedef void (*writer)(pl_program_state *, size_t, pl_buf *);

static void expect_text(pl_program_state *state, writer write, const char *expected) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    write(state, 0, &text);
    pl_buf_add_char(&text, '\0');
    assert_string_equal(text.p, expected);
    pl_buf_free(&text);
}

static void the_precondition_comes_first(void **unused) {
    (void)unused;
    pl_program_rule rule = {.condition = json_of(&arena, EQUALS("$.a", "x")),
                            .applies = json_of(&arena, EQUALS("$.kind", "k")),
                            .required = json_of(&arena, "[\"$.need\"]")};
    pl_program_state *state = state_of(&rule);
    assert_int_equal(verdict_over(state, "{\"a\":\"x\"}"), PL_NOT_APPLICABLE);
    assert_int_equal(verdict_over(state, "{\"kind\":\"k\",\"a\":\"x\"}"), PL_INSUFFICIENT_DATA);
    expect_text(state, pl_program_write_reason, "The configuration has no value at $.need.");
    expect_text(state, pl_program_write_annotation, "");
    assert_int_equal(verdict_over(state, "{\"kind\":\"k\",\"a\":\"x\",\"need\":null}"), PL_INSUFFICIENT_DATA);
    assert_int_equal(verdict_over(state, "{\"kind\":\"k\",\"a\":\"x\",\"need\":0}"), PL_COMPLIANT);
    assert_int_equal(verdict_over(state, "{\"kind\":\"k\",\"a\":\"y\",\"need\":0}"), PL_NON_COMPLIANT);
    pl_program_state_free(state);
}

static void no_configuration_is_insufficient(void **unused) {
    (void)unused;
    pl_program_rule rule = {.condition = json_of(&arena, EQUALS("$.a", "x"))};
    pl_program_state *state = state_of(&rule);
    assert_int_equal(verdict_over(state, NULL), PL_INSUFFICIENT_DATA);
    expect_text(state, pl_program_write_reason, "The resource has no recorded configuration.");
    assert_int_equal(verdict_over(state, "null"), PL_INSUFFICIENT_DATA);
    pl_program_state_free(state);
}

static void a_rule_without_data_tells_its_reason(void **unused) {
    (void)unused;
    pl_program_rule rule = {.insufficient = PL_STR("Nobody records it.")};
    pl_program_state *state = state_of(&rule);
    assert_int_equal(verdict_over(state, "{}"), PL_INSUFFICIENT_DATA);
    expect_text(state, pl_program_write_reason, "Nobody records it.");
    expect_text(state, pl_program_write_context, "");
    pl_program_state_free(state);
}

static void the_first_false_clause_is_annotated(void **unused) {
    (void)unused;
    pl_program_rule rule = {
        .condition = json_of(&arena, "{\"operator\":\"and\",\"children\":[" EQUALS(
                                         "$.a", "x") ","
                                                     "{\"operator\":\"or\",\"children\":[" EQUALS(
                                                         "$.b", "y") "," EQUALS("$.c", "z") "]}]}")};
    pl_program_state *state = state_of(&rule);
    assert_int_equal(verdict_over(state, "{\"a\":\"x\",\"b\":\"n\\\"o\",\"c\":1}"), PL_NON_COMPLIANT);
    expect_text(state, pl_program_write_annotation,
                "{\"configuration\":\"n\\\"o\",\"desiredValue\":\"y\",\"operator\":\"StringEquals\","
                "\"property\":\"$.b\"}");
    assert_int_equal(verdict_over(state, "{\"a\":\"x\"}"), PL_NON_COMPLIANT);
    expect_text(
        state, pl_program_write_annotation,
        "{\"configuration\":\"\",\"desiredValue\":\"y\",\"operator\":\"StringEquals\",\"property\":\"$.b\","
        "\"reason\":\"No property contains.\"}");
    assert_int_equal(verdict_over(state, "{\"a\":\"x\",\"c\":\"Z\"}"), PL_COMPLIANT);
    expect_text(state, pl_program_write_annotation, "");
    pl_program_state_free(state);
}

static void the_annotation_can_print_another_operator(void **unused) {
    (void)unused;
    pl_program_rule rule = {.condition = json_of(&arena, EQUALS("$.a", "x")),
                            .annotation_operator = PL_STR("Is")};
    pl_program_state *state = state_of(&rule);
    assert_int_equal(verdict_over(state, "{\"a\":[1,\"b\"]}"), PL_NON_COMPLIANT);
    expect_text(state, pl_program_write_annotation,
                "{\"configuration\":\"[1,\\\"b\\\"]\",\"desiredValue\":\"x\",\"operator\":\"Is\","
                "\"property\":\"$.a\"}");
    pl_program_state_free(state);
}

static void the_evaluated_tree_has_every_value(void **unused) {
    (void)unused;
    pl_program_rule rule = {.condition = json_of(&arena, "{\"operator\":\"or\",\"children\":[" EQUALS(
                                                             "$.a", "x") "," EQUALS("$.l[*]", "y") "]}"),
                            .applies = json_of(&arena, EQUALS("$.k", "1"))};
    pl_program_state *state = state_of(&rule);
    assert_int_equal(verdict_over(state, "{\"k\":1,\"a\":\"X\",\"l\":[\"y\",2]}"), PL_COMPLIANT);
    expect_text(state, pl_program_write_context,
                "{\"result\":\"COMPLIANT\",\"children\":["
                "{\"featureValue\":\"X\",\"featureSource\":\"CONFIGURATION\",\"result\":\"COMPLIANT\","
                "\"desired\":\"x\","
                "\"children\":[],\"operator\":\"StringEquals\",\"featurePath\":\"$.a\"},"
                "{\"featureValue\":\"[\\\"y\\\",2]\",\"featureSource\":\"CONFIGURATION\",\"result\":\"NON_"
                "COMPLIANT\","
                "\"desired\":\"y\",\"children\":[],\"operator\":\"StringEquals\",\"featurePath\":\"$.l[*]\"}"
                "],\"operator\":\"or\"}");
    expect_text(
        state, pl_program_write_applies_context,
        "{\"result\":\"COMPLIANT\",\"children\":[{\"featureValue\":\"1\",\"featureSource\":\"CONFIGURATION\","
        "\"result\":\"COMPLIANT\",\"desired\":\"1\",\"children\":[],\"operator\":\"StringEquals\","
        "\"featurePath\":\"$.k\"}],\"operator\":\"and\"}");
    pl_program_state_free(state);
}

static int no_related(void *context, pl_str type, pl_json *list, pl_error *why) {
    (void)context;
    (void)type;
    (void)list;
    return pl_failf(why, PL_E_InternalError, "the store is away");
}

static int some_related(void *context, pl_str type, pl_json *list, pl_error *why) {
    (void)why;
    *list = json_of(&arena, pl_str_is(type, "T") ? context : "[]");
    return 0;
}

#define RELATED "{\"operator\":\"IsStringEmpty\",\"featurePath\":\"$[*].x\",\"featureSource\":\"RELATED:T\"}"

static pl_verdict related_verdict(pl_program_state *state,
                                  int (*related)(void *, pl_str, pl_json *, pl_error *), const char *list) {
    pl_program_input input = {.configuration = json_of(&arena, "{\"a\":\"x\"}"),
                              .related = related,
                              .context = (void *)(uintptr_t)list};
    return pl_program_evaluate(state, &input)[0];
}

static void an_error_weighs_more_than_a_yes(void **unused) {
    (void)unused;
    const char *conditions[] = {RELATED,
                                "{\"operator\":\"or\",\"children\":[" EQUALS("$.a", "x") "," RELATED "]}",
                                "{\"operator\":\"or\",\"children\":[" RELATED "," EQUALS("$.a", "x") "]}",
                                "{\"operator\":\"and\",\"children\":[" EQUALS("$.a", "no") "," RELATED "]}"};
    for (size_t i = 0; i < 4; i++) {
        pl_program_rule rule = {.condition = json_of(&arena, conditions[i])};
        pl_program_state *state = state_of(&rule);
        assert_int_equal(related_verdict(state, no_related, NULL), PL_VERDICT_ERROR);
        assert_string_equal(pl_program_error(state, 0)->message, "the store is away");
        expect_text(state, pl_program_write_reason, "the store is away");
        pl_program_state_free(state);
    }
}

static void an_error_in_precondition_or_requirement_is_one(void **unused) {
    (void)unused;
    pl_program_rule applies = {.condition = json_of(&arena, EQUALS("$.a", "x")),
                               .applies = json_of(&arena, RELATED)};
    pl_program_rule requires = {.condition = json_of(&arena, EQUALS("$.a", "x")),
                                .required_related = json_of(&arena, "[\"T\"]")};
    pl_program_rule asks = {.condition = json_of(&arena, EQUALS("$.a", "x")),
                            .sufficient = json_of(&arena, RELATED)};
    const pl_program_rule *rules[] = {&applies, &requires, &asks};
    for (size_t i = 0; i < 3; i++) {
        pl_program_state *state = state_of(rules[i]);
        assert_int_equal(related_verdict(state, no_related, NULL), PL_VERDICT_ERROR);
        assert_string_equal(pl_program_error(state, 0)->message, "the store is away");
        pl_program_state_free(state);
    }
}

static void required_related_resources_must_be_there(void **unused) {
    (void)unused;
    pl_program_rule rule = {.condition = json_of(&arena, RELATED),
                            .required_related = json_of(&arena, "[\"T\"]")};
    pl_program_state *state = state_of(&rule);
    assert_int_equal(related_verdict(state, some_related, "[]"), PL_INSUFFICIENT_DATA);
    expect_text(state, pl_program_write_reason, "The resource has no recorded related T.");
    assert_int_equal(related_verdict(state, some_related, "[{\"x\":\"\"}]"), PL_COMPLIANT);
    assert_int_equal(related_verdict(state, some_related, "[{\"x\":\"\"},{\"x\":\"v\"}]"), PL_NON_COMPLIANT);
    assert_int_equal(related_verdict(state, NULL, NULL), PL_INSUFFICIENT_DATA);
    pl_program_state_free(state);
}

#define PARAMETER_SET "{\"operator\":\"Exists\",\"featurePath\":\"$.p\",\"featureSource\":\"PARAMETER\"}"

/* Nothing is judged by halves: not before the precondition holds, not after what is required is missing. */
static void what_is_known_must_suffice(void **unused) {
    (void)unused;
    pl_program_rule rule = {.condition = json_of(&arena, EQUALS("$.a", "x")),
                            .applies = json_of(&arena, EQUALS("$.k", "1")),
                            .required = json_of(&arena, "[\"$.a\"]"),
                            .sufficient = json_of(&arena, "{\"operator\":\"or\",\"children\":[" EQUALS(
                                                              "$.b", "y") "," PARAMETER_SET "]}")};
    pl_program_state *state = state_of(&rule);
    assert_int_equal(verdict_over(state, "{\"k\":1,\"a\":\"x\",\"b\":\"y\"}"), PL_COMPLIANT);
    assert_int_equal(verdict_over(state, "{\"k\":1,\"a\":\"z\",\"b\":\"y\"}"), PL_NON_COMPLIANT);
    assert_int_equal(verdict_over(state, "{\"k\":2,\"a\":\"x\"}"), PL_NOT_APPLICABLE);
    assert_int_equal(verdict_over(state, "{\"k\":1,\"b\":\"y\"}"), PL_INSUFFICIENT_DATA);
    expect_text(state, pl_program_write_reason, "The configuration has no value at $.a.");
    assert_int_equal(verdict_over(state, "{\"k\":1,\"a\":\"x\"}"), PL_INSUFFICIENT_DATA);
    expect_text(state, pl_program_write_reason, "Too little is known at CONFIGURATION $.b.");
    expect_text(state, pl_program_write_annotation, "");
    pl_program_state_free(state);
    rule.parameters = json_of(&arena, "{\"p\":\"given\"}");
    state = state_of(&rule);
    assert_int_equal(verdict_over(state, "{\"k\":1,\"a\":\"x\"}"), PL_COMPLIANT);
    pl_program_state_free(state);
}

/* The first that is missing is named, an error weighs more, wherever it stands. */
static void each_requirement_is_looked_at(void **unused) {
    (void)unused;
    static const char costly[] = "$.l[?search(@,'(((a+)+)+)+[bc]')]";
    char required[200];
    snprintf(required, sizeof required, "[\"$.need\",\"$.also\",\"%s\"]", costly);
    pl_program_rule rule = {.condition = json_of(&arena, EQUALS("$.a", "x")),
                            .required = json_of(&arena, required)};
    pl_program_state *state = state_of(&rule);
    assert_int_equal(verdict_over(state, "{\"a\":\"x\"}"), PL_INSUFFICIENT_DATA);
    expect_text(state, pl_program_write_reason, "The configuration has no value at $.need.");
    assert_int_equal(verdict_over(state, "{\"need\":1,\"l\":[\"ab\"]}"), PL_INSUFFICIENT_DATA);
    expect_text(state, pl_program_write_reason, "The configuration has no value at $.also.");
    assert_int_equal(verdict_over(state, "{\"need\":1,\"also\":1,\"l\":[\"ab\",null]}"), PL_NON_COMPLIANT);
    assert_int_equal(verdict_over(state, "{\"need\":1,\"also\":1,\"l\":[\"ab\"],\"a\":\"x\"}"), PL_COMPLIANT);
    assert_int_equal(
        verdict_over(state, "{\"a\":\"x\",\"l\":[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]}"),
        PL_VERDICT_ERROR);
    assert_true(pl_error_is(pl_program_error(state, 0), PL_E_InvalidParameter));
    pl_program_state_free(state);
}

static int related_but_for(void *context, pl_str type, pl_json *list, pl_error *why) {
    if (pl_str_is(type, context))
        return pl_failf(why, PL_E_InternalError, "the store is away");
    *list = json_of(&arena, pl_str_is(type, "Empty") ? "[]" : "[{\"x\":1}]");
    return 0;
}

static void each_required_related_type_is_looked_at(void **unused) {
    (void)unused;
    static const struct {
        const char *types, *away;
        pl_verdict verdict;
        const char *reason;
    } cases[] = {
        {"[\"T\",\"U\"]", "", PL_COMPLIANT, ""},
        {"[\"T\",\"Empty\"]", "", PL_INSUFFICIENT_DATA, "The resource has no recorded related Empty."},
        {"[\"Empty\",\"T\",\"Empty\"]", "", PL_INSUFFICIENT_DATA,
         "The resource has no recorded related Empty."},
        {"[\"Empty\",\"T\"]", "T", PL_VERDICT_ERROR, "the store is away"},
        {"[\"T\",\"Empty\"]", "T", PL_VERDICT_ERROR, "the store is away"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_program_rule rule = {.condition = json_of(&arena, EQUALS("$.a", "x")),
                                .required_related = json_of(&arena, cases[i].types)};
        pl_program_state *state = state_of(&rule);
        assert_int_equal(related_verdict(state, related_but_for, cases[i].away), cases[i].verdict);
        expect_text(state, pl_program_write_reason, cases[i].reason);
        pl_program_state_free(state);
    }
}

static void a_program_tells_what_it_asks_for(void **unused) {
    (void)unused;
    pl_str types[2] = {PL_STR("none"), PL_STR("none")};
    pl_program_rule rules[] = {
        {.condition = json_of(&arena, RELATED), .required_related = json_of(&arena, "[\"U\",\"T\",\"V\"]")},
        {.condition = json_of(&arena, "{\"operator\":\"Exists\",\"featurePath\":\"$.a\",\"featureSource\":"
                                      "\"CONFIGURATION_FIELD_$.doc\"}")}};
    pl_program *program = program_of(&rules[0]);
    assert_int_equal(pl_program_related_types(program, types, 2), 3);
    assert_str(types[0], "T");
    assert_str(types[1], "U");
    assert_true(pl_program_needs(program).related);
    assert_false(pl_program_needs(program).item);
    pl_program_release(program);
    program = program_of(&rules[1]);
    assert_int_equal(pl_program_related_types(program, types, 2), 0);
    assert_false(pl_program_needs(program).related);
    pl_program_release(program);
}

static void requirements_are_texts(void **unused) {
    (void)unused;
    const pl_program_rule rules[] = {
        {.condition = json_of(&arena, EQUALS("$.a", "x")), .required = json_of(&arena, "[7]")},
        {.condition = json_of(&arena, EQUALS("$.a", "x")), .required = json_of(&arena, "[\"$.\"]")},
        {.condition = json_of(&arena, EQUALS("$.a", "x")), .required_related = json_of(&arena, "[null]")},
        {.condition = json_of(&arena, EQUALS("$.a", "x")),
         .required_related = json_of(&arena, "[\"T\"]"),
         .strict = true}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        pl_program *program = pl_program_new();
        assert_int_equal(pl_program_add(program, &rules[i], &error), -1);
        assert_int_equal(error.http_status, 400);
        assert_int_equal(pl_program_rules(program), 0);
        pl_program_release(program);
    }
}

static void without_an_item_its_places_are_empty(void **unused) {
    (void)unused;
    pl_program_rule rule = {.condition =
                                json_of(&arena, "{\"operator\":\"StringEquals\",\"featurePath\":\"$.a\","
                                                "\"featureSource\":\"CONFIGURATION_ITEM\",\"desired\":"
                                                "\"x\"}")};
    pl_program_state *state = state_of(&rule);
    pl_program_input input = {.configuration = json_of(&arena, "{\"a\":\"x\"}"),
                              .item = json_of(&arena, "{\"a\":\"x\"}")};
    assert_int_equal(pl_program_evaluate(state, &input)[0], PL_COMPLIANT);
    input.item = PL_JSON_NONE;
    assert_int_equal(pl_program_evaluate(state, &input)[0], PL_NON_COMPLIANT);
    expect_text(state, pl_program_write_annotation,
                "{\"configuration\":\"\",\"desiredValue\":\"x\",\"operator\":\"StringEquals\",\"property\":"
                "\"$.a\",\"reason\":\"No property contains.\"}");
    pl_program_state_free(state);
}

/* One element that cannot be decided weighs more than another that says no. */
static void an_error_of_one_element_is_one_of_the_list(void **unused) {
    (void)unused;
    static const char *const paths[] = {"$.a", "$.a[*]"};
    for (size_t i = 0; i < 2; i++) {
        char text[300];
        snprintf(text, sizeof text,
                 "{\"operator\":\"RegexMatch\",\"featurePath\":\"%s\",\"featureSource\":\"CONFIGURATION\","
                 "\"desired\":\"^(a+)+$\"}",
                 paths[i]);
        pl_program_rule rule = {.condition = json_of(&arena, text)};
        pl_program_state *state = state_of(&rule);
        assert_int_equal(
            verdict_over(state,
                         "{\"a\":[\"b\",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"]}"),
            PL_VERDICT_ERROR);
        assert_int_equal(verdict_over(state, "{\"a\":[\"b\",\"a\"]}"), PL_NON_COMPLIANT);
        assert_int_equal(verdict_over(state, "{\"a\":[\"aa\",\"a\"]}"), PL_COMPLIANT);
        pl_program_state_free(state);
    }
}

/* Who asks for an error is never told that there was none. */
static void a_rule_without_an_error_has_one_to_tell(void **unused) {
    (void)unused;
    pl_program_rule rules[] = {{.condition = json_of(&arena, EQUALS("$.a", "x")),
                                .applies = json_of(&arena, EQUALS("$.a", "x")),
                                .required = json_of(&arena, "[\"$.a\"]"),
                                .required_related = json_of(&arena, "[\"T\"]")},
                               {.insufficient = PL_STR("Nobody records it.")}};
    for (size_t i = 0; i < 2; i++) {
        pl_program_state *state = state_of(&rules[i]);
        related_verdict(state, some_related, "[1]");
        assert_true(pl_error_is(pl_program_error(state, 0), PL_E_ServiceUnavailable));
        pl_program_state_free(state);
    }
}

static void a_match_that_costs_too_much_is_an_error(void **unused) {
    (void)unused;
    pl_program_rule rule = {
        .condition =
            json_of(&arena, "{\"operator\":\"RegexNotMatch\",\"featurePath\":\"$.a\",\"featureSource\":"
                            "\"CONFIGURATION\",\"desired\":\"^(a+)+$\"}")};
    pl_program_state *state = state_of(&rule);
    assert_int_equal(
        verdict_over(state, "{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}"),
        PL_VERDICT_ERROR);
    assert_int_equal(verdict_over(state, "{\"a\":\"b\"}"), PL_COMPLIANT);
    pl_program_state_free(state);
}

static void a_rule_that_is_refused_leaves_the_program_whole(void **unused) {
    (void)unused;
    pl_program *program = pl_program_new();
    pl_program_rule good = {.condition = json_of(&arena, EQUALS("$.a", "x"))};
    pl_program_rule bad = {.condition = json_of(&arena, EQUALS("$.", "x"))};
    assert_int_equal(pl_program_add(program, &bad, &error), -1);
    assert_int_equal(pl_program_add(program, &good, &error), 0);
    assert_int_equal(pl_program_rules(program), 1);
    assert_int_equal(pl_program_seal(program, &error), 0);
    pl_program_state *state = pl_program_state_new(program);
    pl_program_release(program);
    assert_int_equal(verdict_over(state, "{\"a\":\"x\"}"), PL_COMPLIANT);
    pl_program_state_free(state);
}

static void text_inside_a_property_is_read_as_json(void **unused) {
    (void)unused;
    pl_program_rule rule = {
        .condition =
            json_of(&arena, "{\"operator\":\"StringEquals\",\"featurePath\":\"$.v\",\"featureSource\":"
                            "\"CONFIGURATION_FIELD_$.doc\",\"desired\":\"1\"}")};
    pl_program_state *state = state_of(&rule);
    assert_int_equal(verdict_over(state, "{\"doc\":\"{\\\"v\\\":1}\"}"), PL_COMPLIANT);
    assert_int_equal(verdict_over(state, "{\"doc\":\"{\\\"v\\\":2}\"}"), PL_NON_COMPLIANT);
    assert_int_equal(verdict_over(state, "{\"doc\":\"{oops\"}"), PL_NON_COMPLIANT);
    assert_int_equal(verdict_over(state, "{\"doc\":7}"), PL_NON_COMPLIANT);
    assert_int_equal(verdict_over(state, "{}"), PL_NON_COMPLIANT);
    pl_program_state_free(state);
}

/* A document of `n` bytes in the property; blanks stand before it. */
static pl_verdict verdict_of_long(pl_program_state *state, size_t n) {
    pl_buf text;
    pl_arena own;
    pl_json root;
    pl_arena_init(&own, 0);
    pl_buf_init(&text, (size_t)1 << 26);
    pl_buf_add(&text, PL_STR("{\"doc\":\""));
    for (size_t i = strlen("{'v':1}"); i < n; i++)
        pl_buf_add_char(&text, ' ');
    pl_buf_add(&text, PL_STR("{\\\"v\\\":1}\"}"));
    assert_int_equal(pl_json_parse_in(&own, pl_buf_str(&text), &root, &error), 0);
    pl_buf_free(&text);
    pl_program_input input = {.configuration = root};
    pl_verdict verdict = pl_program_evaluate(state, &input)[0];
    pl_arena_free(&own);
    return verdict;
}

static void text_inside_a_property_has_a_limit(void **unused) {
    (void)unused;
    enum { MOST = 16 << 20 };
    pl_program_rule rule = {
        .condition =
            json_of(&arena, "{\"operator\":\"StringEquals\",\"featurePath\":\"$.v\",\"featureSource\":"
                            "\"CONFIGURATION_FIELD_$.doc\",\"desired\":\"1\"}")};
    pl_program_state *state = state_of(&rule);
    assert_int_equal(verdict_of_long(state, MOST), PL_COMPLIANT);
    assert_int_equal(verdict_of_long(state, MOST + 1), PL_VERDICT_ERROR);
    assert_string_equal(pl_program_error(state, 0)->message, "the text in $.doc is too long");
    pl_program_state_free(state);
}

/* Builds and evaluates with memory for `successes` allocations; true when nothing failed. */
static bool survive(long successes, const pl_program_rule *rules, size_t count, pl_json document) {
    bool whole = true;
    pl_memory_fail_after(successes);
    pl_program *program = pl_program_new();
    for (size_t i = 0; program && whole && i < count; i++)
        whole = pl_program_add(program, &rules[i], &error) == 0;
    whole = program && whole && pl_program_seal(program, &error) == 0;
    pl_program_state *state = whole ? pl_program_state_new(program) : NULL;
    pl_program_input input = {.configuration = document, .related = NULL};
    const pl_verdict *verdicts = state ? pl_program_evaluate(state, &input) : NULL;
    for (size_t i = 0; state && i < count; i++) {
        assert_true(verdicts[i] == PL_NON_COMPLIANT || verdicts[i] == PL_VERDICT_ERROR);
        whole = whole && verdicts[i] == PL_NON_COMPLIANT;
    }
    pl_memory_fail_after(-1);
    whole = whole && state;
    pl_program_state_free(state);
    pl_program_release(program);
    return whole;
}

static void running_out_of_memory_is_an_error_wherever_it_happens(void **unused) {
    (void)unused;
    pl_program_rule rules[] = {
        {.condition = json_of(&arena, EQUALS("$.a.b", "x"))},
        {.condition = json_of(&arena, EQUALS("$.l[?(@.k=='v')].w", "x"))},
        {.condition =
             json_of(&arena, "{\"operator\":\"ContainsAll\",\"featurePath\":\"$.t\",\"featureSource\":"
                             "\"CONFIGURATION\",\"desired\":\"p,q\"}")},
        {.condition =
             json_of(&arena, "{\"operator\":\"StringEquals\",\"featurePath\":\"$.v\",\"featureSource\":"
                             "\"CONFIGURATION_FIELD_$.doc\",\"desired\":\"1\"}")}};
    pl_json document = json_of(&arena, "{\"a\":{\"b\":\"y\"},\"l\":[{\"k\":\"v\",\"w\":\"n\"}],\"t\":[\"p\"],"
                                       "\"doc\":\"{\\\"v\\\":2}\"}");
    long allocations = 0;
    while (!survive(allocations, rules, 4, document))
        assert_true(++allocations < 1000);
    assert_true(allocations > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_precondition_comes_first),
        cmocka_unit_test(no_configuration_is_insufficient),
        cmocka_unit_test(a_rule_without_data_tells_its_reason),
        cmocka_unit_test(the_first_false_clause_is_annotated),
        cmocka_unit_test(the_annotation_can_print_another_operator),
        cmocka_unit_test(the_evaluated_tree_has_every_value),
        cmocka_unit_test(an_error_weighs_more_than_a_yes),
        cmocka_unit_test(an_error_in_precondition_or_requirement_is_one),
        cmocka_unit_test(required_related_resources_must_be_there),
        cmocka_unit_test(what_is_known_must_suffice),
        cmocka_unit_test(each_requirement_is_looked_at),
        cmocka_unit_test(each_required_related_type_is_looked_at),
        cmocka_unit_test(a_program_tells_what_it_asks_for),
        cmocka_unit_test(requirements_are_texts),
        cmocka_unit_test(without_an_item_its_places_are_empty),
        cmocka_unit_test(an_error_of_one_element_is_one_of_the_list),
        cmocka_unit_test(a_rule_without_an_error_has_one_to_tell),
        cmocka_unit_test(a_match_that_costs_too_much_is_an_error),
        cmocka_unit_test(a_rule_that_is_refused_leaves_the_program_whole),
        cmocka_unit_test(text_inside_a_property_is_read_as_json),
        cmocka_unit_test(text_inside_a_property_has_a_limit),
        cmocka_unit_test(running_out_of_memory_is_an_error_wherever_it_happens),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
