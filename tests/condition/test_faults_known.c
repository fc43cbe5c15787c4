/*
 * Memory that ends while documents of a known type are read: what is learned of them may be lost, and a
 * verdict may become an error, but none becomes another. What was learned before stays right.
 */
#include "support/faults.h"

#include "condition/program.h"
#include "support/guided.h"

#include <stdio.h>

enum { DOCUMENTS = 8, MORE_RULES = 3, RULES = GUIDED_RULES + MORE_RULES };

/* Beside those of the guided reading: places that are only required, and a clause that cannot be decided. */
static const pl_str more_rules[MORE_RULES] = {
    PL_STR_INIT(GUIDED_PATH("$.costly", "RegexMatch", "^(a+)+$")),
    PL_STR_INIT(GUIDED_PATH("$.needed.a", "Exists", "")),
    PL_STR_INIT(GUIDED_PATH("$.long", "StringContains", "EE")),
};

typedef struct attempt {
    const pl_program *program;
    pl_str texts[DOCUMENTS]; /* with padding behind them */
    bool whole;              /* nothing fails: note what comes out */
    pl_verdict verdicts[DOCUMENTS][RULES];
} attempt;

static pl_arena arena;

static pl_program *build(void) {
    pl_error error;
    pl_program *program = pl_program_new();
    pl_json required = PL_JSON_NONE;
    assert_int_equal(pl_json_parse_in(&arena, PL_STR("[\"$.required\"]"), &required, &error), 0);
    for (size_t i = 0; i < RULES; i++) {
        pl_str text = i < GUIDED_RULES ? pl_str_from(guided_rules[i]) : more_rules[i - GUIDED_RULES];
        pl_program_rule rule = {.required = i + 1 == RULES ? required : PL_JSON_NONE};
        if (pl_json_parse_in(&arena, text, &rule.condition, &error) != 0 ||
            pl_program_add(program, &rule, &error) != 0)
            fail_msg("%.*s: %s", PL_FMT(text), error.message);
    }
    assert_int_equal(pl_program_seal(program, &error), 0);
    return program;
}

/* Documents of one type with other values, some longer than what is kept of a value. */
static void write_documents(attempt *a) {
    for (size_t i = 0; i < DOCUMENTS; i++) {
        pl_buf text;
        pl_buf_init(&text, 1 << 16);
        pl_buf_printf(
            &text,
            "{\"a\":\"%c\",\"bb\":{\"memory\":%zu,\"memoryX\":\"\"},\"memory\":{\"a\":\"run%zu\",\"list\":"
            "[{\"a\":\"x\",\"bb\":null}]},\"memor\":[{\"a\":\"running\"},2],\"costly\":\"%s\",\"required\":"
            "%s,\"Status\":\"{\\\"a\\\":\\\"%c\\\"}\",\"needed\":{\"a\":%zu},\"long\":\"",
            "xyz"[i % 3], 8190 + i, i, i == 3 ? "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab" : "aa",
            i % 5 == 4 ? "null" : "[1]", "yx"[i % 2], i);
        for (size_t n = 0; n < 100 + i * 4; n++)
            pl_buf_add_char(&text, 'e');
        pl_buf_add(&text, PL_STR("\"}"));
        size_t length = text.n;
        for (size_t n = 0; n < PL_JSON_PADDING; n++)
            pl_buf_add_char(&text, '\0');
        a->texts[i] = pl_str_head(pl_arena_copy(&arena, pl_buf_str(&text)), length);
        pl_buf_free(&text);
    }
}

static void compare(attempt *a, size_t document, pl_program_state *state, const pl_verdict *verdicts) {
    for (size_t i = 0; i < RULES; i++) {
        pl_verdict *wanted = &a->verdicts[document][i];
        if (a->whole)
            *wanted = verdicts[i];
        else if (verdicts[i] != *wanted && verdicts[i] != PL_VERDICT_ERROR)
            fail_msg("document %zu, rule %zu: %.*s, not %.*s", document, i,
                     PL_FMT(pl_verdict_name(verdicts[i])), PL_FMT(pl_verdict_name(*wanted)));
        else if (verdicts[i] != *wanted)
            assert_true(pl_error_is(pl_program_error(state, i), PL_E_ServiceUnavailable));
    }
}

static void run(void *argument) {
    attempt *a = argument;
    pl_program_state *state = pl_program_state_new(a->program);
    pl_json_parser *parser = pl_json_parser_new(1 << 16);
    for (size_t i = 0; state && parser && i < 2 * (size_t)DOCUMENTS; i++) {
        pl_error error;
        pl_program_input input = {.now = 90000000 + (int64_t)(i / DOCUMENTS)};
        const pl_verdict *verdicts =
            pl_program_evaluate_text(state, parser, a->texts[i % DOCUMENTS], &input, &error);
        if (verdicts)
            compare(a, i % DOCUMENTS, state, verdicts);
        else
            assert_true(!a->whole && pl_error_is(&error, PL_E_ServiceUnavailable));
    }
    pl_json_parser_free(parser);
    pl_program_state_free(state);
}

static void known_documents_are_decided_alike_or_not_at_all(void **unused) {
    (void)unused;
    static attempt a;
    pl_arena_init(&arena, 0);
    pl_program *program = build();
    a = (attempt){.program = program, .whole = true};
    write_documents(&a);
    run(&a);
    assert_int_equal(a.verdicts[0][0], PL_COMPLIANT);
    assert_int_equal(a.verdicts[1][0], PL_NON_COMPLIANT);
    assert_int_equal(a.verdicts[3][GUIDED_RULES], PL_VERDICT_ERROR);
    assert_int_equal(a.verdicts[4][RULES - 1], PL_INSUFFICIENT_DATA);
    a.whole = false;
    assert_true(with_failing_allocations(run, &a) > 50);
    pl_program_release(program);
    pl_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_documents_are_decided_alike_or_not_at_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
