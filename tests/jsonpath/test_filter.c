/* Filters of the cloud-config dialect: what is selected, what is refused and where, what costs too much. */
#include "jsonpath/path.h"

#include "support/arena.h"
#include "json/parser.h"

static const char list[] = "{\"l\":[{\"n\":1,\"t\":\"a\",\"x\":[1,2]},{\"n\":2.5,\"t\":\"true\",\"x\":[]},{"
                           "\"n\":\"3\",\"t\":null,\"o\":"
                           "{\"k\":1}},{\"n\":18446744073709551615,\"t\":false,\"o\":{\"k\":1,\"m\":2}}],"
                           "\"want\":[\"a\",3],\"one\":\"a\"}";

static void filters_select(void **state) {
    (void)state;
    static const struct {
        const char *path, *selected; /* places in $.l */
    } cases[] = {
        {"$.l[?(@.n in [1,2.5])]", "01"},
        {"$.l[?(@.n nin [1])]", "123"},
        {"$.l[?(@.t in ['a',null])]", "02"},
        {"$.l[?(@.t in $.want)]", "0"},
        {"$.l[?(@.t in $.one)]", ""},
        {"$.l[?(@.t in 'a')]", ""},
        {"$.l[?(@.t nin $.missing)]", "0123"},
        {"$.l[?(@.n == 3)]", "2"},
        {"$.l[?(@.n > 2)]", "123"},
        {"$.l[?(@.n == 18446744073709551615)]", "3"},
        {"$.l[?(@.n < 1e400)]", "0123"},
        {"$.l[?(@.t == true)]", "1"},
        {"$.l[?(@.t != false)]", "012"},
        {"$.l[?(@.x == [1,2])]", "0"},
        {"$.l[?(@.o == $.l[2].o)]", "2"},
        {"$.l[?(@.o == $.l[3].o)]", "3"},
        {"$.l[?(@.t)]", "01"},
        {"$.l[?(!@.t)]", "23"},
        {"$.l[?(length(@.x))]", "01"},
        {"$.l[?(length(@.x) > 1)]", "0"},
        {"$.l[?(count(@.x[*]) == 2)]", "0"},
        {"$.l[?(value(@.x[0]) == 1)]", "0"},
        {"$.l[?(match(@.t,'t.*'))]", "1"},
        {"$.l[?(match(@.n,'3'))]", "2"},
        {"$.l[?(search(@.t,@.t))]", "01"},
        {"$.l[(@.length-1)]", "3"},
        {"$.l[(@.length - 4)]", "0"},
        {"$.l[(@.length-5)]", ""},
        {"$.l[?(true)]", "0123"},
        {"$.l[?(null)]", ""},
    };
    pl_json root = parsed(list), l = pl_json_get(root, PL_STR("l"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pl_path *path;
        pl_path_nodes nodes;
        if (pl_path_compile(&arena, pl_str_from(cases[i].path), PL_PATH_CLOUD_CONFIG, &path, &error) != 0 ||
            pl_path_select(path, root, &arena, &nodes, &error) != 0)
            fail_msg("%s: %s", cases[i].path, error.message);
        char got[8] = "";
        for (size_t k = 0; k < nodes.count && k < 4; k++)
            for (size_t at = 0; at < 4; at++)
                if (pl_json_at(l, at).at == nodes.items[k].at)
                    got[k] = (char)('0' + at);
        if (strcmp(got, cases[i].selected) != 0)
            fail_msg("%s: %s, wanted %s", cases[i].path, got, cases[i].selected);
    }
}

static void mistakes_are_refused_at_their_place(void **state) {
    (void)state;
    static const struct {
        const char *path;
        size_t place;
    } cases[] = {
        {"$.l[(@.size-1)]", 5},
        {"$.l[(@.length+1)]", 13},
        {"$.l[(@.length--1)]", 14},
        {"$.l[(@.length-x)]", 14},
        {"$.l[(@.length-1]", 15},
        {"$.l[?(@.n in [1,])]", 17},
        {"$.l[?(@.n in [1)]", 15},
        {"$.l[?(@.n in [x])]", 14},
        {"$.l[?(@.n == )]", 13},
        {"$.l[?(@.n in [1e999999999])]", 25},
        {"$.l[?(nothing(@.n))]", 6},
        {"$.l[?(length(@.n)]", 17},
        {"$['\\ud800']", 9},
        {"$['\\ud800\\u0041']", 15},
        {"$['\\q']", 4},
        {"$['\\u12g4']", 7},
        {"$['a", 4},
        {"$.l[--1]", 4},
        {"$.l[?(@.a && )]", 13},
        {"$.l[?(@.a == 01)]", 14},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pl_path *path;
        pl_error wrong = {0};
        if (pl_path_compile(&arena, pl_str_from(cases[i].path), PL_PATH_CLOUD_CONFIG, &path, &wrong) == 0)
            fail_msg("%s is accepted", cases[i].path);
        assert_string_equal(wrong.code, "InvalidParameter");
        if (wrong.position != cases[i].place)
            fail_msg("%s: %zu, wanted %zu: %s", cases[i].path, wrong.position, cases[i].place, wrong.message);
    }
}

/* Each of the elements looks at all of them, itself and the root's member, so this many look at 20 million
 * values. */
static void what_costs_too_much_is_an_error(void **state) {
    (void)state;
    enum { MOST = 4471 };
    const pl_path *path;
    assert_int_equal(
        pl_path_compile(&arena, PL_STR("$.l[?(count($.l[:0]) < 0)]"), PL_PATH_CLOUD_CONFIG, &path, &error),
        0);
    for (int over = 0; over < 2; over++) {
        pl_buf text;
        pl_path_nodes nodes;
        pl_buf_init(&text, 1 << 20);
        for (int i = 0; i < MOST + over; i++)
            pl_buf_add(&text, i ? PL_STR(",0") : PL_STR("{\"l\":[0"));
        pl_buf_add(&text, PL_STR("]}"));
        pl_json root = parsed_str(pl_buf_str(&text));
        pl_buf_free(&text);
        assert_int_equal(pl_path_select(path, root, &arena, &nodes, &error), over ? -1 : 0);
    }
    assert_string_equal(error.code, "InvalidParameter");
    assert_non_null(strstr(error.message, "more than 20000000 values"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(filters_select),
        ARENA_TEST(mistakes_are_refused_at_their_place),
        ARENA_TEST(what_costs_too_much_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
