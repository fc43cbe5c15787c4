/* Which texts are I-Regexps (RFC 9485), and what they match; the limits of every kind of expression. */
#include "jsonpath/regex.h"

#include "support/arena.h"

static const pl_regex *compiled_of(pl_str pattern, pl_regex_kind kind) {
    const pl_regex *regex;
    if (pl_regex_compile(&arena, pattern, kind, &regex, &error) != 0)
        fail_msg("%.*s: %s", PL_FMT(pattern), error.message);
    return regex;
}

static const pl_regex *compiled(const char *pattern, pl_regex_kind kind) {
    return compiled_of(pl_str_from(pattern), kind);
}

static void what_is_no_i_regexp_is_told(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "a{",     "a{}",      "a{1",    "a{1,",    "a{1,2",      "a{,2}",   "*a",    "+",     "?",   "a**",
        "(",      ")",        "(a",     "a)",      "]",          "}",       "{",     "[",     "[]",  "[^]",
        "[a",     "[a-",      "[[]",    "[a-[]",   "[\\p{L}-z]", "\\",      "\\d",   "\\w",   "\\1", "\\pL",
        "\\p{",   "\\p{}",    "\\p{X}", "\\p{Lx}", "\\p{Lul}",   "\\p{LU}", "[\\d]", "[a\\]", "a|*", "(?:a)",
        "[a--b]", "[\\p{Q}]", "\\p}",   "\\p1}",   "[a-\\p{L}]", "[a[]"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (compiled(wrong[i], PL_REGEX_I_REGEXP_MATCH))
            fail_msg("%s is taken for an I-Regexp", wrong[i]);
}

/* A zero byte is a character like others, and none of those that have a meaning. */
static void a_zero_byte_is_an_ordinary_character(void **state) {
    (void)state;
    const pl_regex *regex = compiled_of(PL_STR("a\0"), PL_REGEX_I_REGEXP_MATCH);
    assert_non_null(regex);
    assert_int_equal(pl_regex_test(regex, PL_STR("a\0"), &error), 1);
    assert_int_equal(pl_regex_test(regex, PL_STR("a"), &error), 0);
    assert_null(compiled_of(PL_STR("\\\0"), PL_REGEX_I_REGEXP_MATCH));
    assert_null(compiled_of(PL_STR("\\p{L\0}"), PL_REGEX_I_REGEXP_MATCH));
}

static void i_regexps_match_whole_texts(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *text;
        int result;
    } cases[] = {{"a{2}", "aa", 1},
                 {"a{2}", "aaa", 0},
                 {"a{1,}", "aaaa", 1},
                 {"a{0,2}", "", 1},
                 {"a{10}", "aaaaaaaaaa", 1},
                 {"[^a]", "b", 1},
                 {"[^a]", "a", 0},
                 {"[a-c]", "b", 1},
                 {"[-a]", "-", 1},
                 {"[a-]", "-", 1},
                 {"[a\\-c]", "b", 0},
                 {"[^-a]", "-", 0},
                 {"[a^]", "^", 1},
                 {"[a^]", "b", 0},
                 {"[\\]x]", "]", 1},
                 {"[\\p{Nd}x]", "7", 1},
                 {"[^\\P{L}]", "k", 1},
                 {"\\p{L}", "\xc3\xa9", 1},
                 {"\\P{Lu}", "a", 1},
                 {"\\p{Zs}", " ", 1},
                 {"\\n\\r\\t", "\n\r\t", 1},
                 {"\\.\\*\\(", ".*(", 1},
                 {".", "\n", 0},
                 {"(a|b)c", "bc", 1},
                 {"a||b", "", 1},
                 {"()", "", 1},
                 {"((a)(b)?)*", "aba", 1},
                 {"x^y$", "x^y$", 0},
                 {"a-b", "a-b", 1},
                 {"a,b", "a,b", 1},
                 {"[.]", "x", 0},
                 {"\\{\\}", "{}", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pl_regex *regex = compiled(cases[i].pattern, PL_REGEX_I_REGEXP_MATCH);
        if (!regex)
            fail_msg("%s is no I-Regexp", cases[i].pattern);
        if (pl_regex_test(regex, pl_str_from(cases[i].text), &error) != cases[i].result)
            fail_msg("%s on %s", cases[i].pattern, cases[i].text);
    }
}

static void nesting_and_length_have_limits(void **state) {
    (void)state;
    static char deep[4001], longer[PL_REGEX_MAX_PATTERN + 2];
    const pl_regex *regex;
    memset(deep, '(', 2000);
    memset(deep + 2000, ')', 2000);
    assert_null(compiled(deep, PL_REGEX_I_REGEXP_MATCH));
    memset(longer, 'a', sizeof longer - 1);
    for (unsigned kind = PL_REGEX_SEARCH; kind <= PL_REGEX_FOLDED_PART; kind++) {
        assert_int_equal(pl_regex_compile(&arena, pl_str_from(longer), (pl_regex_kind)kind, &regex, &error),
                         -1);
        assert_string_equal(error.code, "InvalidParameter");
    }
}

/* What does not fit on the stack is asked of the heap, up to a limit. */
static void a_deep_match_works_until_it_is_too_deep(void **state) {
    (void)state;
    static char text[300000];
    const pl_regex *regex = compiled("^(a|b)*$", PL_REGEX_SEARCH);
    memset(text, 'a', sizeof text);
    assert_int_equal(pl_regex_test(regex, pl_str_of(text, 1000), &error), 1);
    text[999] = 'c';
    assert_int_equal(pl_regex_test(regex, pl_str_of(text, 1000), &error), 0);
    text[999] = 'a';
    assert_int_equal(pl_regex_test(regex, pl_str_of(text, sizeof text), &error), -1);
    assert_string_equal(error.code, "InvalidParameter");
}

static void a_costly_match_is_an_error(void **state) {
    (void)state;
    const pl_regex *regex = compiled("^(a+)+$", PL_REGEX_SEARCH);
    pl_str text = PL_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
    assert_int_equal(pl_regex_test(regex, text, &error), -1);
    assert_string_equal(error.code, "InvalidParameter");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(what_is_no_i_regexp_is_told),
        ARENA_TEST(a_zero_byte_is_an_ordinary_character),
        ARENA_TEST(a_deep_match_works_until_it_is_too_deep),
        ARENA_TEST(i_regexps_match_whole_texts),
        ARENA_TEST(nesting_and_length_have_limits),
        ARENA_TEST(a_costly_match_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
