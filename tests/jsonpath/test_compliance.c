/* Every case of tests/jsonpath/compliance.json: what is selected, in order, and what is refused. */
#include "support/files.h"

#include "jsonpath/path.h"

static pl_arena arena;
static pl_json file;

static int setup(void **state) {
    (void)state;
    pl_arena_init(&arena, 0);
    file = read_source_json(&arena, "tests/jsonpath/compliance.json");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    pl_arena_free(&arena);
    return 0;
}

static bool is_selected(const pl_path_nodes *nodes, pl_json expected) {
    if (pl_json_count(expected) != nodes->count)
        return false;
    for (size_t i = 0; i < nodes->count; i++)
        if (!pl_json_equal(nodes->items[i], pl_json_at(expected, i)))
            return false;
    return true;
}

static void complain(pl_json one, const pl_path_nodes *nodes, const char *what) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_json_write(&text, one);
    pl_buf_add(&text, PL_STR("\n  selected"));
    for (size_t i = 0; nodes && i < nodes->count; i++) {
        pl_buf_add_char(&text, ' ');
        pl_json_write(&text, nodes->items[i]);
    }
    print_error("%s: %.*s\n", what, PL_FMT(pl_buf_str(&text)));
    pl_buf_free(&text);
}

static bool run_case(pl_json one, pl_path_dialect dialect) {
    bool invalid = false;
    pl_error error;
    const pl_path *path;
    pl_path_nodes nodes;
    pl_json expected = pl_json_get(one, PL_STR("result")), results = pl_json_get(one, PL_STR("results")),
            each;
    pl_json_bool(pl_json_get(one, PL_STR("invalid_selector")), &invalid);
    int status =
        pl_path_compile(&arena, pl_json_str(pl_json_get(one, PL_STR("selector"))), dialect, &path, &error);
    if (status != 0 || invalid) {
        if ((status != 0) == invalid)
            return true;
        complain(one, NULL, invalid ? "not refused" : error.message);
        return false;
    }
    if (pl_path_select(path, pl_json_get(one, PL_STR("document")), &arena, &nodes, &error) != 0) {
        complain(one, NULL, error.message);
        return false;
    }
    if (pl_json_exists(expected) && is_selected(&nodes, expected))
        return true;
    pl_str key;
    for (pl_json_walk walk = pl_json_children(results); pl_json_step(&walk, &key, &each);)
        if (is_selected(&nodes, each))
            return true;
    complain(one, &nodes, "selected something else");
    return false;
}

static void every_case_of_the_standard(void **state) {
    (void)state;
    pl_str key;
    pl_json one;
    size_t wrong = 0, run = 0;
    pl_json tests = pl_json_get(file, PL_STR("tests"));
    for (pl_json_walk walk = pl_json_children(tests); pl_json_step(&walk, &key, &one); run++)
        wrong += !run_case(one, PL_PATH_RFC9535);
    assert_int_equal(wrong, 0);
    assert_true(run > 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_case_of_the_standard)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
