/*
 * An arena and an error for a case: what a case makes in the arena lives until the case ends. A program
 * includes this once.
 */
#ifndef PL_TESTS_SUPPORT_ARENA_H
#define PL_TESTS_SUPPORT_ARENA_H

#include "base/arena.h"
#include "base/error.h"
#include "support/testing.h"
#include "json/parser.h"

static pl_arena arena;
static pl_error error __attribute__((unused));

static inline int open_arena(void **state) {
    (void)state;
    pl_arena_init(&arena, 0);
    return 0;
}

static inline int close_arena(void **state) {
    (void)state;
    pl_arena_free(&arena);
    return 0;
}

#define ARENA_TEST(function) cmocka_unit_test_setup_teardown(function, open_arena, close_arena)

/* A document of the case; fails the test when it is none. */
static inline pl_json parsed_str(pl_str text) {
    pl_json root = PL_JSON_NONE;
    if (pl_json_parse_in(&arena, text, &root, &error) != 0)
        fail_msg("%s: %.*s", error.message, PL_FMT(text));
    return root;
}

static inline pl_json parsed(const char *text) {
    return parsed_str(pl_str_from(text));
}

#endif
