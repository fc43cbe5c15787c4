/* String views: comparison, search, splitting, numbers. */
#include "support/testing.h"

static void equality_ignores_where_the_bytes_lie(void **state) {
    (void)state;
    char copy[] = "abc";
    assert_true(pl_str_eq(PL_STR("abc"), pl_str_from(copy)));
    assert_false(pl_str_eq(PL_STR("abc"), PL_STR("abd")));
    assert_true(pl_str_eq(PL_STR(""), PL_STR_NONE));
    assert_true(pl_str_eq_fold(PL_STR("AbC"), PL_STR("aBc")));
    assert_false(pl_str_eq_fold(PL_STR("["), PL_STR("{")));
}

static void order_is_by_bytes_and_then_length(void **state) {
    (void)state;
    assert_true(pl_str_cmp(PL_STR("Tag.10"), PL_STR("Tag.2")) < 0);
    assert_true(pl_str_cmp(PL_STR("B"), PL_STR("a")) < 0);
    assert_true(pl_str_cmp(PL_STR("ab"), PL_STR("abc")) < 0);
    assert_int_equal(pl_str_cmp(PL_STR("x"), PL_STR("x")), 0);
}

static void searches_find_the_first_place(void **state) {
    (void)state;
    assert_int_equal(pl_str_find(PL_STR("aXbX"), PL_STR("X")), 1);
    assert_int_equal(pl_str_find(PL_STR("ab"), PL_STR("abc")), PL_NOT_FOUND);
    assert_int_equal(pl_str_find_fold(PL_STR("public-READ"), PL_STR("read")), 7);
    assert_int_equal(pl_str_find_char(PL_STR_NONE, 'a'), PL_NOT_FOUND);
}

static void splitting_keeps_empty_parts(void **state) {
    (void)state;
    pl_str rest = PL_STR("a,,b"), part;
    assert_true(pl_str_split(&rest, ',', &part));
    assert_str(part, "a");
    assert_true(pl_str_split(&rest, ',', &part));
    assert_str(part, "");
    assert_true(pl_str_split(&rest, ',', &part));
    assert_str(part, "b");
    assert_false(pl_str_split(&rest, ',', &part));
}

static void numbers_are_whole_or_refused(void **state) {
    (void)state;
    int64_t i = 7;
    uint64_t u = 7;
    assert_true(pl_str_to_i64(PL_STR("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_false(pl_str_to_i64(PL_STR("9223372036854775808"), &i));
    assert_true(pl_str_to_u64(PL_STR("18446744073709551615"), &u));
    assert_true(u == UINT64_MAX);
    static const char *const refused[] = {"", "-", "1 ", "+1", "0x1", "1.0", "18446744073709551616"};
    for (size_t n = 0; n < sizeof refused / sizeof *refused; n++)
        assert_false(pl_str_to_u64(pl_str_from(refused[n]), &u));
}

static void booleans_come_in_any_case(void **state) {
    (void)state;
    bool value = false;
    assert_true(pl_str_to_bool(PL_STR("True"), &value) && value);
    assert_true(pl_str_to_bool(PL_STR("FALSE"), &value) && !value);
    assert_false(pl_str_to_bool(PL_STR("yes"), &value));
}

static void trimming_takes_blanks_at_both_ends(void **state) {
    (void)state;
    assert_str(pl_str_trim(PL_STR("\n  a b\t\r\n")), "a b");
    assert_str(pl_str_trim(PL_STR("  ")), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_ignores_where_the_bytes_lie),
        cmocka_unit_test(order_is_by_bytes_and_then_length),
        cmocka_unit_test(searches_find_the_first_place),
        cmocka_unit_test(splitting_keeps_empty_parts),
        cmocka_unit_test(numbers_are_whole_or_refused),
        cmocka_unit_test(booleans_come_in_any_case),
        cmocka_unit_test(trimming_takes_blanks_at_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
