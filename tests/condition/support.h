/* What the tests of this room share: documents and programs from JSON texts. */
#ifndef PL_TESTS_CONDITION_SUPPORT_H
#define PL_TESTS_CONDITION_SUPPORT_H

#include "support/testing.h"

#include "condition/program.h"
#include "json/parser.h"

static inline pl_json json_of(pl_arena *arena, const char *text) {
    pl_json root = PL_JSON_NONE;
    pl_error error;
    if (text && pl_json_parse_in(arena, pl_str_from(text), &root, &error) != 0)
        fail_msg("%s: %s", text, error.message);
    return root;
}

/* A sealed program of one rule. */
static inline pl_program *program_of(const pl_program_rule *rule) {
    pl_error error;
    pl_program *program = pl_program_new();
    assert_non_null(program);
    if (pl_program_add(program, rule, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(pl_program_seal(program, &error), 0);
    return program;
}

/* A thread's state for one rule; it holds the program. */
static inline pl_program_state *state_of(const pl_program_rule *rule) {
    pl_program *program = program_of(rule);
    pl_program_state *state = pl_program_state_new(program);
    pl_program_release(program);
    assert_non_null(state);
    return state;
}

#endif
