/*
 * Memory that ends at any allocation: a path compiles to what it is or not at all, and selects what it
 * selects or nothing; an expression that is one is never taken for none.
 */
#include "support/arena.h"
#include "support/faults.h"

#include "jsonpath/path.h"
#include "jsonpath/regex.h"
#include "support/files.h"
#include "json/parser.h"

typedef struct attempt {
    pl_str text;
    pl_path_dialect dialect;
    pl_json document;
    bool whole; /* nothing fails: note what comes out */
    bool refused;
    pl_str selected; /* as a list of normalized paths */
} attempt;

static void write_selected(pl_buf *out, const attempt *a, const pl_path_nodes *nodes) {
    pl_buf_init(out, 1 << 22);
    for (size_t i = 0; i < nodes->count; i++) {
        pl_path_write_normalized(out, a->document, nodes->items[i]);
        pl_buf_add_char(out, '\n');
    }
}

static void compare(attempt *a, const pl_path_nodes *nodes) {
    pl_buf out;
    write_selected(&out, a, nodes);
    if (a->whole)
        a->selected = pl_arena_copy(&arena, pl_buf_str(&out));
    else if (!out.failed && !pl_str_eq(pl_buf_str(&out), a->selected))
        fail_msg("%.*s selects %.*s, not %.*s", PL_FMT(a->text), PL_FMT(pl_buf_str(&out)),
                 PL_FMT(a->selected));
    pl_buf_free(&out);
}

/* With all the memory a path may be wrong; without, it is only short of memory or as wrong as before. */
static void check_refusal(attempt *a, const pl_error *why) {
    if (a->whole)
        a->refused = true;
    else if (!pl_error_is(why, PL_E_ServiceUnavailable) && !a->refused)
        fail_msg("%.*s: %s: %s", PL_FMT(a->text), why->code, why->message);
}

static void run(void *argument) {
    attempt *a = argument;
    const pl_path *path;
    pl_path_nodes nodes;
    pl_arena own;
    pl_arena_init(&own, 0);
    if (pl_path_compile(&own, a->text, a->dialect, &path, &error) != 0)
        check_refusal(a, &error);
    else if (!a->whole && a->refused)
        fail_msg("%.*s is no path", PL_FMT(a->text));
    else if (pl_path_select(path, a->document, &own, &nodes, &error) != 0)
        check_refusal(a, &error);
    else
        compare(a, &nodes);
    pl_arena_free(&own);
}

static void every_case_of_the_standard(void **state) {
    (void)state;
    pl_str key;
    pl_json one;
    size_t count = 0;
    pl_json tests = pl_json_get(read_source_json(&arena, "tests/jsonpath/compliance.json"), PL_STR("tests"));
    for (pl_json_walk walk = pl_json_children(tests); pl_json_step(&walk, &key, &one); count++) {
        attempt a = {.text = pl_json_str(pl_json_get(one, PL_STR("selector"))),
                     .document = pl_json_get(one, PL_STR("document")),
                     .dialect = count % 2 ? PL_PATH_RFC9535 : PL_PATH_CLOUD_CONFIG,
                     .whole = true};
        run(&a);
        a.whole = false;
        with_failing_allocations(run, &a);
    }
    assert_true(count > 500);
}

/* What only the cloud-config dialect has. */
static void lists_and_scripts(void **state) {
    (void)state;
    static const char *const paths[] = {"$[?(@ in ['a',1e1,null])]", "$[?(@ nin [])]", "$[?(@ in [1e400])]",
                                        "$[(@.length-1)]",           "$[?('x')]",      "$[?@ == 1e400]"};
    static const char *const lists[] = {"[\"a\",10,null,\"b\"]", "[\"a\",10]"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        for (size_t k = 0; k < 2; k++) {
            attempt a = {.text = pl_str_from(paths[i]), .dialect = PL_PATH_CLOUD_CONFIG, .whole = true};
            assert_int_equal(pl_json_parse_in(&arena, pl_str_from(lists[k]), &a.document, &error), 0);
            run(&a);
            a.whole = false;
            assert_true(with_failing_allocations(run, &a) > 5);
        }
}

typedef struct expression {
    pl_regex_kind kind;
    const char *pattern, *subject;
    int result; /* 1, 0; -1: the pattern is none of its kind */
} expression;

static void match(void *argument) {
    const expression *x = argument;
    const pl_regex *regex;
    pl_arena own;
    pl_arena_init(&own, 0);
    if (pl_regex_compile(&own, pl_str_from(x->pattern), x->kind, &regex, &error) != 0) {
        assert_true(pl_error_is(&error, PL_E_ServiceUnavailable));
    } else {
        assert_int_equal(regex ? 1 : -1, x->result == -1 ? -1 : 1);
        int result = regex ? pl_regex_test(regex, pl_str_from(x->subject), &error) : -1;
        if (result == -1 && regex)
            assert_true(pl_error_is(&error, PL_E_ServiceUnavailable));
        else
            assert_int_equal(result, x->result);
    }
    pl_arena_free(&own);
}

static void expressions_match_or_fail(void **state) {
    (void)state;
    static char deep[1001];
    memset(deep, 'a', sizeof deep - 1);
    expression cases[] = {
        {PL_REGEX_SEARCH, "b+(?=c)", "abbc", 1},
        {PL_REGEX_SEARCH, "^b", "abbc", 0},
        {PL_REGEX_SEARCH, "(", "", -1},
        {PL_REGEX_I_REGEXP_MATCH, "a[^b-d]\\p{Lu}.{2,3}", "axYzzz", 1},
        {PL_REGEX_I_REGEXP_MATCH, "a", "aa", 0},
        {PL_REGEX_I_REGEXP_MATCH, "[a", "a", -1},
        {PL_REGEX_I_REGEXP_SEARCH, "(a|b)+c", "xabc", 1},
        {PL_REGEX_FOLDED_EQUAL, "a.\xc3\x89", "A.\xc3\xa9", 1},
        {PL_REGEX_FOLDED_PART, "\\E(", "x\\e(y", 1},
        {PL_REGEX_FOLDED_PART, "q", "x", 0},
        {PL_REGEX_SEARCH, "^(a|b)*$", deep, 1}, /* more than the stack has room for */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        match(&cases[i]);
        assert_true(with_failing_allocations(match, &cases[i]) > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(every_case_of_the_standard),
        ARENA_TEST(lists_and_scripts),
        ARENA_TEST(expressions_match_or_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
