/*
 * Memory that ends at any allocation: compiling tells ServiceUnavailable, and an evaluation gives the
 * verdict, the annotation and the evaluated tree that it gives otherwise, or an error; never another verdict.
 */
#include "support/faults.h"

#include "base/clock.h"
#include "condition/program.h"
#include "support/arena.h"
#include "support/files.h"
#include "support/guided.h"

enum { RULES_MAX = 32, SAID_MAX = 1 << 20 };

typedef struct attempt {
    const pl_program_rule *rules;
    size_t count;
    const pl_program_input *input; /* `configuration` is used when there is no text */
    pl_str text;                   /* with padding behind it, or absent */
    bool whole;                    /* nothing fails: note what comes out */
    pl_verdict verdicts[RULES_MAX];
    pl_str said[RULES_MAX]; /* annotation, reason and both trees */
} attempt;

static int64_t now;

static void expect_no_memory(const pl_error *told) {
    if (!pl_error_is(told, PL_E_ServiceUnavailable))
        fail_msg("%s: %s", told->code, told->message);
}

static pl_program *build(const attempt *a) {
    pl_program *program = pl_program_new();
    bool sound = program != NULL;
    for (size_t i = 0; sound && i < a->count; i++)
        sound = pl_program_add(program, &a->rules[i], &error) == 0;
    if (sound && pl_program_seal(program, &error) == 0)
        return program;
    if (program)
        expect_no_memory(&error);
    pl_program_release(program);
    return NULL;
}

static void say(pl_program_state *state, size_t rule, pl_buf *out) {
    pl_program_write_annotation(state, rule, out);
    pl_buf_add_char(out, '|');
    pl_program_write_reason(state, rule, out);
    pl_buf_add_char(out, '|');
    pl_program_write_context(state, rule, out);
    pl_buf_add_char(out, '|');
    pl_program_write_applies_context(state, rule, out);
}

static void compare(attempt *a, pl_program_state *state, const pl_verdict *verdicts) {
    for (size_t i = 0; i < a->count; i++) {
        pl_buf said;
        pl_buf_init(&said, SAID_MAX);
        say(state, i, &said);
        if (a->whole) {
            a->verdicts[i] = verdicts[i];
            a->said[i] = pl_arena_copy(&arena, pl_buf_str(&said));
        } else if (verdicts[i] == PL_VERDICT_ERROR && a->verdicts[i] != PL_VERDICT_ERROR)
            expect_no_memory(pl_program_error(state, i));
        else if (verdicts[i] != a->verdicts[i])
            fail_msg("rule %zu: %.*s, not %.*s: %.*s", i, PL_FMT(pl_verdict_name(verdicts[i])),
                     PL_FMT(pl_verdict_name(a->verdicts[i])), PL_FMT(a->said[i]));
        else if (!said.failed && !pl_str_eq(pl_buf_str(&said), a->said[i]))
            fail_msg("rule %zu says %.*s, not %.*s", i, PL_FMT(pl_buf_str(&said)), PL_FMT(a->said[i]));
        pl_buf_free(&said);
    }
}

static const pl_verdict *evaluate(const attempt *a, pl_program_state *state, pl_json_parser *parser) {
    if (!a->text.p)
        return pl_program_evaluate(state, a->input);
    const pl_verdict *verdicts = pl_program_evaluate_text(state, parser, a->text, a->input, &error);
    if (!verdicts)
        expect_no_memory(&error);
    return verdicts;
}

static void run(void *argument) {
    attempt *a = argument;
    pl_program *program = build(a);
    pl_program_state *state = program ? pl_program_state_new(program) : NULL;
    pl_json_parser *parser = state ? pl_json_parser_new(1 << 16) : NULL;
    const pl_verdict *verdicts = parser ? evaluate(a, state, parser) : NULL;
    if (verdicts)
        compare(a, state, verdicts);
    pl_json_parser_free(parser);
    pl_program_state_free(state);
    pl_program_release(program);
}

static long run_all(attempt *a) {
    a->whole = true;
    run(a);
    a->whole = false;
    return with_failing_allocations(run, a);
}

/* --- Everything that rules may hold ----------------------------------------------------------------------
 */

#define CLAUSE_OF(source, path, op, desired)                                                                 \
    "{\"featureSource\":\"" source "\",\"featurePath\":\"" path "\",\"operator\":\"" op                      \
    "\",\"desired\":" desired "}"

static int list_related(void *context, pl_str type, pl_json *list, pl_error *why) {
    (void)type;
    (void)why;
    *list = *(const pl_json *)context;
    return 0;
}

static const char *const special[] = {
    CLAUSE_OF("RELATED:T", "$[*].x", "Contains", "\"v\""),
    CLAUSE_OF("CONFIGURATION_ITEM", "$.tags.team", "Intersects", "\"a,b\""),
    CLAUSE_OF("CONFIGURATION_ITEM", "$.tags[?(@.k=='team')]", "IsNotEmpty", "\"\""),
    CLAUSE_OF("PARAMETER", "$.limit", "GreaterOrEquals", "\"3\""),
    CLAUSE_OF("CONFIGURATION", "$.bb.memory", "LessOrEquals", "\"${limit}\""),
    CLAUSE_OF("CONFIGURATION", "$.a", "StringIn", "\"${names}\""),
    CLAUSE_OF("CONFIGURATION", "$.a", "StringIn", "\"${absent}\""),
    CLAUSE_OF("CONFIGURATION_FIELD_$.doc", "$.list[?(@.v>1)].v", "Contains", "\"2\""),
    CLAUSE_OF("CONFIGURATION", "$..a", "NotContains", "\"running\""),
    CLAUSE_OF("CONFIGURATION", "$.a", "RegexMatch", "\"^(x|y)+$\""),
    CLAUSE_OF("PARAMETER", "$[*]", "Contains", "\"3\""),
    CLAUSE_OF("CONFIGURATION", "$.a", "StringIn", "[\"\xc3\xa9\",\"x\",7]"),
    CLAUSE_OF("CONFIGURATION", "$.memor[*]", "DistinctCountGreaterOrEquals", "3"),
    CLAUSE_OF("CONFIGURATION", "$.policy", "PolicyContainsStatement", "\"{\\\"Action\\\":\\\"a:b\\\"}\""),
    CLAUSE_OF("CONFIGURATION", "$.policies[*]", "PolicyExcludesStatement",
              "\"{\\\"Action\\\":\\\"a:b\\\",\\\"Condition\\\":{\\\"Bool\\\":{\\\"k\\\":\\\"true\\\"}}}\""),
    "{\"operator\":\"and\",\"children\":[" CLAUSE_OF(
        "CONFIGURATION", "$.a", "StringEquals",
        "\"x\"") ","
                 "{\"operator\":\"or\",\"children\":[" CLAUSE_OF(
                     "RELATED:T", "$[?(@.x=='w')]", "IsEmpty",
                     "\"\"") "," CLAUSE_OF("CONFIGURATION", "$.memory.list[0:1].a", "Contains",
                                           "\"z\"") "]}]}",
};

static const char document[] = "{\"a\":\"x\",\"bb\":{\"memory\":9000,\"a\":\"q\"},\"memory\":{\"a\":"
                               "\"running\",\"list\":[{\"a\":\"x\",\"bb\":"
                               "null},{\"a\":1.5}]},\"memor\":[{\"a\":\"b\"},2,3],\"doc\":\"{\\\"list\\\":[{"
                               "\\\"v\\\":2},{\\\"v\\\":1}]}\","
                               "\"Status\":\"{\\\"a\\\":\\\"x\\\"}\",\"InternetIn\":\"p\","
                               "\"policy\":\"{\\\"Statement\\\":{\\\"Action\\\":\\\"*\\\"}}\",\"policies\":["
                               "\"{\\\"Statement\\\":[{\\\"Action\\\":\\\"*\\\"}]}\"]}";

/* Rules of every form over the document, on its tape and from its text. */
static size_t describe(pl_program_rule *rules) {
    static const char parameters[] = "{\"limit\":\"3\",\"names\":\"x,y\"}";
    size_t count = 0;
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        rules[count++] = (pl_program_rule){.condition = parsed(special[i]), .parameters = parsed(parameters)};
    pl_json plain = parsed_str(PL_STR(CLAUSE_OF("CONFIGURATION", "$.a", "StringEquals", "\"y\"")));
    rules[count++] = (pl_program_rule){.condition = plain, .applies = rules[0].condition};
    rules[count++] = (pl_program_rule){.condition = plain, .required = parsed("[\"$.memory.list[?(@.q)]\"]")};
    rules[count++] = (pl_program_rule){.condition = plain, .required_related = parsed("[\"T\",\"U\"]")};
    rules[count++] = (pl_program_rule){.condition = plain, .annotation_operator = PL_STR("Other")};
    rules[count++] = (pl_program_rule){.insufficient = PL_STR("nobody records it")};
    rules[count++] = (pl_program_rule){
        .conditions =
            PL_STR("{\"ComplianceConditions\":\"{\\\"operator\\\":\\\"IsEmpty\\\",\\\"featurePath\\\":"
                   "\\\"$.none\\\",\\\"featureSource\\\":\\\"CONFIGURATION\\\"}\"}")};
    return count;
}

static void rules_of_every_form(bool as_text) {
    pl_program_rule rules[RULES_MAX];
    pl_json list = parsed("[{\"x\":\"v\"},{\"x\":\"w\"}]");
    char *padded = pl_arena_alloc(&arena, sizeof document + PL_JSON_PADDING);
    memcpy(padded, document, sizeof document);
    pl_program_input input = {.configuration = parsed(document),
                              .item = parsed("{\"tags\":{\"team\":[\"a\"]}}"),
                              .now = 1795305600000,
                              .related = list_related,
                              .context = &list};
    attempt a = {.rules = rules, .input = &input};
    if (as_text)
        a.text = pl_str_of(padded, sizeof document - 1);
    a.count = describe(rules);
    assert_true(run_all(&a) > 100);
    assert_int_equal(a.verdicts[0], PL_COMPLIANT);
    assert_int_equal(a.verdicts[4], PL_NON_COMPLIANT);
}

static void rules_of_every_form_over_a_tape(void **state) {
    (void)state;
    rules_of_every_form(false);
}

static void rules_of_every_form_over_a_text(void **state) {
    (void)state;
    rules_of_every_form(true);
}

/* Programs that read the text once without parsing it. */
static void guided_reading(void **state) {
    (void)state;
    pl_program_rule rules[RULES_MAX];
    char *padded = pl_arena_alloc(&arena, sizeof document + PL_JSON_PADDING);
    memcpy(padded, document, sizeof document);
    pl_program_input input = {.now = 1795305600000};
    attempt a = {.rules = rules, .count = GUIDED_RULES, .input = &input};
    a.text = pl_str_of(padded, sizeof document - 1);
    for (size_t i = 0; i < GUIDED_RULES; i++)
        rules[i] = (pl_program_rule){.condition = parsed(guided_rules[i])};
    assert_true(run_all(&a) > 100);
}

/* --- Every operator --------------------------------------------------------------------------------------
 */

static pl_json single_clause(pl_str op, pl_json desired) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_buf_add(&text,
               PL_STR("{\"featurePath\":\"$.value\",\"featureSource\":\"CONFIGURATION\",\"operator\":"));
    pl_json_write_string(&text, op);
    if (pl_json_exists(desired)) {
        pl_buf_add(&text, PL_STR(",\"desired\":"));
        pl_json_write(&text, desired);
    }
    pl_buf_add_char(&text, '}');
    pl_json tree = parsed_str(pl_buf_str(&text));
    pl_buf_free(&text);
    return tree;
}

/* The case itself is the document: its member `value` is what the clause looks at. */
static void run_case(pl_str op, pl_json one) {
    bool wanted = false;
    int64_t at = now;
    pl_program_rule rule = {.condition = single_clause(op, pl_json_get(one, PL_STR("desired")))};
    pl_time_parse(pl_json_str(pl_json_get(one, PL_STR("now"))), &at);
    pl_program_input input = {.configuration = one, .now = at};
    attempt a = {.rules = &rule, .count = 1, .input = &input};
    assert_true(pl_json_bool(pl_json_get(one, PL_STR("result")), &wanted));
    run_all(&a);
    assert_int_equal(a.verdicts[0], wanted ? PL_COMPLIANT : PL_NON_COMPLIANT);
}

/* Every third case, from another one for each operator: they differ in values, not in what is allocated. */
static void every_operator(void **state) {
    (void)state;
    pl_str op, key;
    pl_json cases, one;
    size_t run = 0;
    pl_json file = read_source_json(&arena, "tests/condition/operators.json");
    assert_true(pl_time_parse(pl_json_str(pl_json_get(file, PL_STR("now"))), &now));
    pl_json operators = pl_json_get(file, PL_STR("operators"));
    for (pl_json_walk walk = pl_json_children(operators); pl_json_step(&walk, &op, &cases); run++)
        for (pl_json_walk inner = pl_json_children(cases); pl_json_step(&inner, &key, &one); run++)
            if (run % 3 == 0)
                run_case(op, one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(rules_of_every_form_over_a_tape),
        ARENA_TEST(rules_of_every_form_over_a_text),
        ARENA_TEST(guided_reading),
        ARENA_TEST(every_operator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
