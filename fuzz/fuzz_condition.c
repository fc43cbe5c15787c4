/*
 * A `Conditions` text up to the first line feed, a document behind it. What compiles must evaluate, give the
 * same verdict to a state that has seen the document and one that has not, and explain itself in JSON.
 */
#include "condition/program.h"
#include "json/parser.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char fallback[] =
    "{\"a\":[\"x\",1,null],\"b\":{\"c\":\"2026-01-01\"},\"d\":\"{\\\"e\\\":1}\",\"f\":2.5}";

static void check(bool holds) {
    if (!holds)
        abort();
}

static void check_json(pl_arena *arena, const pl_buf *text) {
    pl_json root;
    pl_error error;
    check(text->n == 0 || text->failed || pl_json_parse_in(arena, pl_buf_str(text), &root, &error) == 0);
}

static void explain(pl_arena *arena, pl_program_state *state, pl_verdict verdict) {
    pl_buf text;
    pl_buf_init(&text, 1 << 24);
    pl_program_write_context(state, 0, &text);
    check_json(arena, &text);
    pl_buf_clear(&text);
    pl_program_write_annotation(state, 0, &text);
    check_json(arena, &text);
    check((text.n > 0) == (verdict == PL_NON_COMPLIANT) || text.failed);
    pl_buf_clear(&text);
    pl_program_write_reason(state, 0, &text);
    check((text.n > 0) == (verdict == PL_VERDICT_ERROR || verdict == PL_INSUFFICIENT_DATA) || text.failed);
    pl_buf_free(&text);
}

static pl_verdict evaluate(pl_arena *arena, const pl_program *program, pl_json first, pl_json document) {
    pl_program_state *state = pl_program_state_new(program);
    pl_program_input input = {.configuration = first, .item = document, .now = 1795305600000};
    check(state != NULL);
    pl_program_evaluate(state, &input);
    input.configuration = document;
    pl_verdict verdict = pl_program_evaluate(state, &input)[0];
    explain(arena, state, verdict);
    pl_program_state_free(state);
    return verdict;
}

static void run(pl_arena *arena, const pl_program *program, pl_str text) {
    pl_json document, other;
    pl_error error;
    check(pl_json_parse_in(arena, PL_STR(fallback), &other, &error) == 0);
    if (pl_json_parse_in(arena, text, &document, &error) != 0)
        document = other;
    check(evaluate(arena, program, other, document) == evaluate(arena, program, document, document));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    pl_str rest = pl_str_of((const char *)data, size), text = PL_STR("");
    pl_arena arena;
    pl_error error = {.position = 0};
    pl_arena_init(&arena, 1 << 26);
    pl_str_split(&rest, '\n', &text);
    pl_program *program = pl_program_new();
    pl_program_rule rule = {.conditions = text, .parameters = PL_JSON_NONE};
    check(program != NULL);
    if (pl_program_add(program, &rule, &error) != 0) {
        check(error.position <= text.n && error.message[0] != '\0');
    } else {
        check(pl_program_seal(program, &error) == 0);
        run(&arena, program, rest);
    }
    pl_program_release(program);
    pl_arena_free(&arena);
    return 0;
}
