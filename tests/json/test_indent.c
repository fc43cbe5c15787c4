/* JSON for people: what stays on one line, and what gets a line for each part. */
#include "support/testing.h"

#include "json/parser.h"

static void assert_indented(const char *text, unsigned step, size_t width, const char *expected) {
    pl_arena arena;
    pl_json root;
    pl_error error;
    pl_buf out;
    pl_arena_init(&arena, 0);
    pl_buf_init(&out, 1 << 16);
    assert_int_equal(pl_json_parse_in(&arena, pl_str_from(text), &root, &error), 0);
    pl_json_write_indented(&out, root, step, width);
    if (!pl_str_is(pl_buf_str(&out), expected))
        fail_msg("%.*s\ninstead of\n%s", PL_FMT(pl_buf_str(&out)), expected);
    pl_buf_free(&out);
    pl_arena_free(&arena);
}

static void every_part_has_a_line(void **state) {
    (void)state;
    assert_indented("{\"a\":[1,\"x\"],\"b\":{},\"c\":[],\"d\":{\"e\":null}}", 4, 0,
                    "{\n    \"a\": [\n        1,\n        \"x\"\n    ],\n    \"b\": {},\n    \"c\": [],\n"
                    "    \"d\": {\n        \"e\": null\n    }\n}");
    assert_indented("7", 4, 0, "7");
}

static void what_fits_stays_on_one_line(void **state) {
    (void)state;
    assert_indented("{\"a\":[1,2]}", 2, 12, "{\"a\":[1,2]}");
    assert_indented("{\"a\":[1,2]}", 2, 11, "{\n  \"a\": [1,2]\n}");
    assert_indented("{\"a\":[1,2]}", 2, 7, "{\n  \"a\": [\n    1,\n    2\n  ]\n}");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_part_has_a_line),
                                       cmocka_unit_test(what_fits_stays_on_one_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
