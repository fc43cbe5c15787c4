/* A state that has seen its documents needs no memory for more of them, whatever the rules ask. */
#include "base/memory.h"
#include "condition/program.h"
#include "support.h"

static const char *const documents[] = {
    "{\"a\":\"x\",\"n\":5,\"d\":2.5,\"tags\":[{\"k\":\"env\",\"v\":\"prod\"},{\"k\":\"b\",\"v\":\"c\"}],"
    "\"deep\":{\"er\":[1,2]}}",
    "{\"n\":\"7\",\"tags\":[],\"a\":\"y\",\"list\":[\"p\",\"q\",\"r\"]}",
    "{\"deep\":{\"er\":[],\"x\":true},\"a\":null,\"list\":\"p,q\",\"time\":\"2026-01-01T00:00:00Z\"}"};

enum { DOCUMENTS = sizeof documents / sizeof *documents };

#define CLAUSE(op, path, desired)                                                                            \
    "{\"operator\":\"" op "\",\"featurePath\":\"" path                                                       \
    "\",\"featureSource\":\"CONFIGURATION\",\"desired\":\"" desired "\"}"

static const char *const conditions[] = {CLAUSE("StringEquals", "$.a", "X"),
                                         CLAUSE("StringIn", "$.a", "a,b,c,d,e,f,g,h,i,x"),
                                         CLAUSE("GreaterOrEquals", "$.n", "6"),
                                         CLAUSE("Less", "$.d", "3.5"),
                                         CLAUSE("ContainsAll", "$.list", "p,q"),
                                         CLAUSE("In", "$.list", "p,q,r"),
                                         CLAUSE("IsEmpty", "$.tags[?(@.k=='env')]", ""),
                                         CLAUSE("StringContains", "$.tags[*].v", "o"),
                                         CLAUSE("RegexMatch", "$.a", "^x$"),
                                         CLAUSE("ArrayLengthLessOrEquals", "$.deep.er", "1"),
                                         CLAUSE("DaysSinceGreater", "$.time", "10"),
                                         CLAUSE("Equals", "$.deep.er[-1]", "2")};

enum { RULES = sizeof conditions / sizeof *conditions };

static pl_program_state *make_state(pl_arena *arena) {
    pl_error error;
    pl_program *program = pl_program_new();
    for (size_t i = 0; i < RULES; i++) {
        pl_program_rule rule = {.condition = json_of(arena, conditions[i])};
        if (pl_program_add(program, &rule, &error) != 0)
            fail_msg("%s", error.message);
    }
    assert_int_equal(pl_program_seal(program, &error), 0);
    pl_program_state *state = pl_program_state_new(program);
    pl_program_release(program);
    return state;
}

static void pass_over(pl_program_state *state, const pl_json *parsed, pl_buf *text, pl_verdict *out) {
    for (size_t i = 0; i < DOCUMENTS; i++) {
        pl_program_input input = {.configuration = parsed[i], .now = 1795305600000};
        const pl_verdict *verdicts = pl_program_evaluate(state, &input);
        memcpy(out + i * RULES, verdicts, RULES * sizeof *out);
        for (size_t rule = 0; rule < RULES; rule++) {
            pl_buf_clear(text);
            pl_program_write_context(state, rule, text);
            pl_program_write_annotation(state, rule, text);
        }
    }
}

/* With no allocation allowed the verdicts stay what they were: none became an error. */
static void the_steady_state_allocates_nothing(void **unused) {
    (void)unused;
    pl_arena arena;
    pl_buf text;
    pl_json parsed[DOCUMENTS];
    pl_verdict before[DOCUMENTS * RULES], after[DOCUMENTS * RULES];
    pl_arena_init(&arena, 0);
    pl_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < DOCUMENTS; i++)
        parsed[i] = json_of(&arena, documents[i]);
    pl_program_state *state = make_state(&arena);
    pass_over(state, parsed, &text, before);
    pass_over(state, parsed, &text, before);
    pl_memory_fail_after(0);
    for (size_t i = 0; i < 20; i++)
        pass_over(state, parsed, &text, after);
    pl_memory_fail_after(-1);
    assert_false(text.failed);
    assert_memory_equal(before, after, sizeof before);
    for (size_t i = 0; i < DOCUMENTS * RULES; i++)
        assert_int_not_equal(after[i], PL_VERDICT_ERROR);
    pl_program_state_free(state);
    pl_buf_free(&text);
    pl_arena_free(&arena);
}

/* True when every text was walked, not parsed; NULL would be the way out of a failed allocation, too. */
static bool walk_texts(pl_program_state *state, pl_json_parser *parser, const pl_str *texts) {
    bool walked = true;
    for (size_t i = 0; i < DOCUMENTS; i++) {
        pl_program_input input = {.now = 1795305600000};
        pl_json_index index;
        uint32_t entry = 0;
        walked = walked && pl_json_index_make(parser, texts[i], &index) &&
                 pl_program_evaluate_indexed(state, &index, &entry, &input) != NULL && entry == index.count;
    }
    return walked;
}

static void reading_texts_allocates_nothing(void **unused) {
    (void)unused;
    pl_arena arena;
    pl_str texts[DOCUMENTS];
    pl_arena_init(&arena, 0);
    for (size_t i = 0; i < DOCUMENTS; i++) {
        size_t n = strlen(documents[i]);
        char *padded = pl_arena_alloc(&arena, n + PL_JSON_PADDING);
        memcpy(padded, documents[i], n);
        texts[i] = pl_str_of(padded, n);
    }
    pl_program_state *state = make_state(&arena);
    pl_json_parser *parser = pl_json_parser_new(1 << 16);
    assert_true(walk_texts(state, parser, texts));
    assert_true(walk_texts(state, parser, texts));
    pl_memory_fail_after(0);
    bool walked = true;
    for (size_t i = 0; i < 20; i++)
        walked = walk_texts(state, parser, texts) && walked;
    pl_memory_fail_after(-1);
    assert_true(walked);
    pl_json_parser_free(parser);
    pl_program_state_free(state);
    pl_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_steady_state_allocates_nothing),
                                       cmocka_unit_test(reading_texts_allocates_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
