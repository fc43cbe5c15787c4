/*
 * A document kept as the values of its columns gives what it gives as a whole: the same verdicts and the same
 * explanations, rule by rule and all at once; and the columns of a rule are those that decide about it.
 */
#include "support.h"
#include "support/arena.h"

#include "condition/columns.h"

#define CLAUSE(source, path, op, desired)                                                                    \
    "{\"featureSource\":\"" source "\",\"featurePath\":\"" path "\",\"operator\":\"" op                      \
    "\",\"desired\":\"" desired "\"}"

typedef struct column_rule {
    const char *condition, *required;
    size_t columns;
} column_rule;

static const column_rule rules[] = {
    {CLAUSE("CONFIGURATION", "$.a", "StringEquals", "x"), NULL, 1},
    {CLAUSE("CONFIGURATION", "$.b[0].c", "Exists", ""), NULL, 1},
    {CLAUSE("CONFIGURATION", "$['p','q']", "IsEmpty", ""), NULL, 2},
    {CLAUSE("CONFIGURATION_FIELD_$.doc", "$.v", "Equals", "1"), NULL, 1},
    {CLAUSE("CONFIGURATION", "$.l[?(@.k=='v')].w", "Contains", "y"), NULL, 1},
    {CLAUSE("CONFIGURATION", "$.a", "StringEquals", "x"), "[\"$.b\",\"$['p','q']\"]", 4},
    {"{\"operator\":\"or\",\"children\":[" CLAUSE("CONFIGURATION", "$.a", "StringEquals",
                                                  "y") "," CLAUSE("CONFIGURATION", "$.m.n", "Less", "3") "]}",
     NULL, 2},
};

enum { RULES = sizeof rules / sizeof *rules, COLUMNS_MAX = 32 };

static const char *const documents[] = {
    "{}",
    "{\"a\":\"x\",\"b\":[{\"c\":1}],\"doc\":\"{\\\"v\\\":1}\",\"m\":{\"n\":2}}",
    "{\"a\":\"y\",\"b\":[],\"p\":null,\"q\":0,\"l\":[{\"k\":\"v\",\"w\":\"y\"}],\"doc\":\"{\"}",
    "{\"m\":{\"n\":\"3\",\"o\":[]},\"l\":[{\"k\":\"u\",\"w\":\"y\"}],\"doc\":\"{\\\"v\\\":2}\",\"p\":false,"
    "\"b\":null}",
};

enum { DOCUMENTS = sizeof documents / sizeof *documents };

/* A state over the rules in the order given by `first`. */
static pl_program_state *open_state(size_t first, const pl_program **out) {
    pl_program *program = pl_program_new();
    for (size_t i = 0; i < RULES; i++) {
        const column_rule *from = &rules[(first + i) % RULES];
        pl_program_rule rule = {.condition = json_of(&arena, from->condition),
                                .applies = i == 6 ? json_of(&arena, rules[1].condition) : PL_JSON_NONE,
                                .required = json_of(&arena, from->required)};
        if (pl_program_add(program, &rule, &error) != 0)
            fail_msg("%s: %s", from->condition, error.message);
    }
    assert_int_equal(pl_program_seal(program, &error), 0);
    pl_program_state *state = pl_program_state_new(program);
    pl_program_release(program);
    *out = program;
    return state;
}

static pl_str describe(pl_program_state *state, pl_verdict verdict, size_t rule) {
    pl_buf said;
    pl_buf_init(&said, 1 << 20);
    pl_buf_add(&said, pl_verdict_name(verdict));
    pl_program_write_annotation(state, rule, &said);
    pl_program_write_reason(state, rule, &said);
    pl_program_write_context(state, rule, &said);
    pl_str copy = pl_arena_copy(&arena, pl_buf_str(&said));
    pl_buf_free(&said);
    return copy;
}

/* What is said of each rule, with all of the document. */
static void say_all(pl_program_state *state, pl_json configuration, pl_str *said) {
    pl_program_input input = {.configuration = configuration};
    const pl_verdict *verdicts = pl_program_evaluate(state, &input);
    for (size_t i = 0; i < RULES; i++)
        said[i] = describe(state, verdicts[i], i);
}

static void same_text(pl_str got, pl_str wanted, const char *document) {
    if (!pl_str_eq(got, wanted))
        fail_msg("%s: %.*s, not %.*s", document, PL_FMT(got), PL_FMT(wanted));
}

static void the_places_suffice(void **unused) {
    (void)unused;
    const pl_program *program;
    pl_program_state *state = open_state(0, &program), *kept = open_state(0, &program);
    assert_false(pl_program_reads_whole(program));
    for (size_t i = 0; i < DOCUMENTS; i++) {
        pl_str whole[RULES];
        uint32_t places[COLUMNS_MAX];
        pl_json configuration = json_of(&arena, documents[i]);
        say_all(state, configuration, whole);
        pl_program_locate(state, configuration, places);
        pl_program_input input = {.configuration = configuration, .places = places};
        const pl_verdict *verdicts = pl_program_evaluate(kept, &input);
        for (size_t rule = 0; rule < RULES; rule++)
            same_text(describe(kept, verdicts[rule], rule), whole[rule], documents[i]);
        pl_program_take(kept, &input);
        for (size_t rule = RULES; rule-- > 0;)
            same_text(describe(kept, pl_program_judge(kept, rule)[rule], rule), whole[rule], documents[i]);
    }
    pl_program_state_free(state);
    pl_program_state_free(kept);
}

static void what_is_not_recorded_has_no_places(void **unused) {
    (void)unused;
    const pl_program *program;
    pl_program_state *state = open_state(0, &program);
    const pl_column *columns;
    uint32_t places[COLUMNS_MAX];
    static const char *const nothing[] = {NULL, "null"};
    memset(places, 0xff, sizeof places);
    pl_program_locate(state, PL_JSON_NONE, places);
    for (size_t i = 0; i < pl_program_columns(program, &columns); i++)
        assert_int_equal(places[i], 0);
    for (size_t i = 0; i < 2; i++) {
        pl_program_input input = {.configuration = json_of(&arena, nothing[i]), .places = places};
        pl_program_take(state, &input);
        for (size_t rule = 0; rule < RULES; rule++)
            assert_int_equal(pl_program_judge(state, rule)[rule], PL_INSUFFICIENT_DATA);
    }
    pl_program_state_free(state);
}

/* Programs with the same rules in another order name the same places, in the same order. */
static void names_do_not_depend_on_the_order_of_rules(void **unused) {
    (void)unused;
    const pl_program *program, *other;
    const pl_column *columns, *same;
    pl_program_state *state = open_state(0, &program), *turned = open_state(3, &other);
    size_t count = pl_program_columns(program, &columns);
    assert_int_equal(pl_program_columns(other, &same), count);
    assert_in_range(count, 8, COLUMNS_MAX);
    for (size_t i = 0; i < count; i++) {
        assert_memory_equal(columns[i].name, same[i].name, PL_COLUMN_NAME);
        assert_true(i == 0 || memcmp(columns[i - 1].name, columns[i].name, PL_COLUMN_NAME) < 0);
    }
    pl_program_state_free(state);
    pl_program_state_free(turned);
}

/* Columns of a rule: as many as it has places, and no others decide about it. */
static void a_rule_is_decided_by_its_columns(void **unused) {
    (void)unused;
    const pl_program *program;
    pl_program_state *state = open_state(0, &program);
    uint32_t places[COLUMNS_MAX], own[COLUMNS_MAX];
    const pl_column *columns;
    size_t count = pl_program_columns(program, &columns);
    for (size_t rule = 0; rule < RULES; rule++) {
        const uint32_t *of_rule;
        size_t n = pl_program_rule_columns(program, rule, &of_rule);
        assert_int_equal(n, rules[rule].columns + (rule == 6)); /* the precondition's */
        for (size_t i = 0; i < DOCUMENTS; i++) {
            pl_str whole[RULES];
            pl_json configuration = json_of(&arena, documents[i]);
            say_all(state, configuration, whole);
            pl_program_locate(state, configuration, places);
            memset(own, 0, sizeof own);
            for (size_t k = 0; k < n; k++) {
                assert_true(of_rule[k] < count);
                own[of_rule[k]] = places[of_rule[k]];
            }
            pl_program_input input = {.configuration = configuration, .places = own};
            pl_program_take(state, &input);
            same_text(describe(state, pl_program_judge(state, rule)[rule], rule), whole[rule], documents[i]);
        }
    }
    pl_program_state_free(state);
}

static void some_paths_need_the_whole_document(void **unused) {
    (void)unused;
    static const struct {
        const char *condition;
        bool whole;
        size_t columns;
    } cases[] = {
        {CLAUSE("CONFIGURATION", "$..a", "Contains", "x"), true, 0},
        {CLAUSE("CONFIGURATION", "$[*]", "Contains", "x"), true, 0},
        {CLAUSE("CONFIGURATION", "$", "IsNotEmpty", ""), true, 0},
        {CLAUSE("CONFIGURATION", "$.l[?(@.k==$.a)]", "IsEmpty", ""), true, 0},
        {CLAUSE("CONFIGURATION", "$.l[?(@.k=='a')]", "IsEmpty", ""), false, 1},
        {CLAUSE("CONFIGURATION", "$.l[(@.length-1)]", "Exists", ""), false, 1},
        {CLAUSE("CONFIGURATION_FIELD_$", "$.a", "StringEquals", "x"), true, 0},
        {CLAUSE("CONFIGURATION_FIELD_$.a", "$..a", "Contains", "x"), false, 1},
        {CLAUSE("CONFIGURATION_ITEM", "$.a", "StringEquals", "x"), false, 0},
        {CLAUSE("CONFIGURATION", "$['$']", "StringEquals", "x"), false, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pl_column *columns;
        pl_program_rule rule = {.condition = json_of(&arena, cases[i].condition)};
        pl_program *program = program_of(&rule);
        if (pl_program_reads_whole(program) != cases[i].whole ||
            pl_program_columns(program, &columns) != cases[i].columns)
            fail_msg("%s: %zu columns", cases[i].condition, pl_program_columns(program, &columns));
        pl_program_release(program);
    }
}

static void a_program_may_do_without_columns(void **state) {
    (void)state;
    const pl_column *columns;
    const uint32_t *of_rule;
    pl_program_rule rule = {.condition =
                                json_of(&arena, CLAUSE("CONFIGURATION", "$.a", "StringEquals", "x"))};
    pl_program *program = pl_program_new();
    assert_int_equal(pl_program_add(program, &rule, &error), 0);
    pl_program_forgo_columns(program);
    assert_int_equal(pl_program_seal(program, &error), 0);
    assert_int_equal(pl_program_columns(program, &columns), 0);
    assert_int_equal(pl_program_rule_columns(program, 0, &of_rule), 0);
    pl_program_state *alone = pl_program_state_new(program);
    pl_program_input input = {.configuration = json_of(&arena, "{\"a\":\"x\"}")};
    assert_int_equal(pl_program_evaluate(alone, &input)[0], PL_COMPLIANT);
    input.configuration = json_of(&arena, "{\"a\":\"y\"}");
    assert_int_equal(pl_program_evaluate(alone, &input)[0], PL_NON_COMPLIANT);
    pl_program_state_free(alone);
    pl_program_release(program);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(the_places_suffice),
        ARENA_TEST(what_is_not_recorded_has_no_places),
        ARENA_TEST(names_do_not_depend_on_the_order_of_rules),
        ARENA_TEST(a_rule_is_decided_by_its_columns),
        ARENA_TEST(some_paths_need_the_whole_document),
        ARENA_TEST(a_program_may_do_without_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
