/*
 * The limit on values that a selection looks at, met at any of its steps: the selection is then an error, and
 * otherwise what it is without a limit; never something between.
 */
#include "support/arena.h"

#include "jsonpath/path_internal.h"
#include "support/files.h"
#include "json/parser.h"

/* As pl_path_select, when all but `left` of the allowed values have been looked at. */
static int select_with(const pl_path *path, pl_json root, uint64_t left, pl_arena *scratch,
                       pl_path_nodes *out) {
    selection s = {.root = root,
                   .scratch = scratch,
                   .error = &error,
                   .visits = PL_PATH_MAX_VISITS - left,
                   .strict = path->dialect == PL_PATH_RFC9535};
    sink all = {.nodes = out, .wanted = SIZE_MAX};
    *out = (pl_path_nodes){.items = NULL};
    return pl_path_walk(&s, path, 0, root, &all);
}

static void same_nodes(pl_str text, const pl_path_nodes *a, const pl_path_nodes *b) {
    if (a->count != b->count)
        fail_msg("%.*s selects %zu, not %zu", PL_FMT(text), a->count, b->count);
    for (size_t i = 0; i < a->count; i++)
        assert_int_equal(a->items[i].at, b->items[i].at);
}

/* How many values the selection looks at; it fails with any fewer. */
static uint64_t cost_of(pl_str text, const pl_path *path, pl_json root) {
    pl_path_nodes wanted, found;
    pl_arena scratch;
    uint64_t left = 0;
    pl_arena_init(&scratch, 0);
    if (pl_path_select(path, root, &arena, &wanted, &error) != 0)
        fail_msg("%.*s: %s", PL_FMT(text), error.message);
    for (; select_with(path, root, left, &scratch, &found) != 0; left++) {
        if (!strstr(error.message, "more than 20000000 values"))
            fail_msg("%.*s: %s", PL_FMT(text), error.message);
        assert_true(left < 100000);
        pl_arena_reset(&scratch);
    }
    same_nodes(text, &found, &wanted);
    pl_arena_free(&scratch);
    return left;
}

static uint64_t cost(pl_str text, pl_path_dialect dialect, pl_json root) {
    const pl_path *path;
    return pl_path_compile(&arena, text, dialect, &path, &error) == 0 ? cost_of(text, path, root) : 0;
}

static void every_case_of_the_standard_is_whole_or_an_error(void **state) {
    (void)state;
    pl_str key;
    pl_json one;
    uint64_t looked_at = 0;
    pl_json tests = pl_json_get(read_source_json(&arena, "tests/jsonpath/compliance.json"), PL_STR("tests"));
    for (pl_json_walk walk = pl_json_children(tests); pl_json_step(&walk, &key, &one);) {
        pl_str text = pl_json_str(pl_json_get(one, PL_STR("selector")));
        pl_json document = pl_json_get(one, PL_STR("document"));
        if (!pl_json_exists(document)) /* the standard says that this is no path */
            continue;
        looked_at += cost(text, PL_PATH_RFC9535, document);
        looked_at += cost(text, PL_PATH_CLOUD_CONFIG, document);
    }
    assert_true(looked_at > 5000);
}

static void comparisons_and_functions_are_whole_or_an_error(void **state) {
    (void)state;
    static const struct {
        const char *path;
        uint64_t least;
    } cases[] = {
        {"$.l", 3},
        {"$.l[?(@.o == $.l[1].o)]", 20},
        {"$.l[?(@.o != $.l[1].o)]", 20},
        {"$.l[?(@.t in $.want)]", 15},
        {"$.l[?(@.o nin $.l)]", 15},
        {"$.l[?(!(@.t == 'b'))]", 8},
        {"$.l[?(!match(@.t, $.pattern))]", 100},
        {"$.l[?(search(value(@.t), $.pattern) && match(@.t, $.pattern))]", 200},
        {"$.l[?(length(@.o.list))]", 10},
        {"$.l[?(count(@..*) > 2 || value(@.o) == 1)]", 15},
        {"$..[0:2:2]", 15},
        {"$.l[?($..t == 1 || count($..*) < 0 || @ in $.l)]", 100},
        {"$..[?($.l == $.l && false)]", 100},
        {"$..[?(@ in $.l && false)]", 50},
        {"$.l[?(@.t)]", 8},
    };
    pl_json root;
    pl_str text = PL_STR("{\"l\":[{\"t\":\"a\",\"o\":{\"k\":1,\"list\":[true,\"x\"]}},{\"t\":\"b\",\"o\":{"
                         "\"list\":[true,\"x\"],\"k\":1.0}}],\"want\":[\"a\",3],\"pattern\":\"a+\"}");
    assert_int_equal(pl_json_parse_in(&arena, text, &root, &error), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_in_range(cost(pl_str_from(cases[i].path), PL_PATH_CLOUD_CONFIG, root), cases[i].least, 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(every_case_of_the_standard_is_whole_or_an_error),
        ARENA_TEST(comparisons_and_functions_are_whole_or_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
