/* Decimal texts compare as the numbers they stand for, whatever their length and form. */
#include "support/testing.h"

#include "base/decimal.h"

static int sign_of(int order) {
    return (order > 0) - (order < 0);
}

static int order(const char *a, const char *b) {
    pl_decimal x, y;
    assert_true(pl_decimal_parse(pl_str_from(a), &x));
    assert_true(pl_decimal_parse(pl_str_from(b), &y));
    int result = sign_of(pl_decimal_compare(&x, &y));
    assert_int_equal(sign_of(pl_decimal_compare(&y, &x)), -result);
    return result;
}

static void forms_of_one_number_are_equal(void **state) {
    (void)state;
    static const char *const same[][2] = {{"2", "2.0"},      {"2", "+2"},          {"0", "-0"},
                                          {"0", "0e99"},     {"100", "1e2"},       {"0.001", "1E-3"},
                                          {".5", "0.50"},    {"  7 ", "007"},      {"1234.5", "12345e-1"},
                                          {"10.0", "1e+1"},  {"-0.0", "0.000e-5"}, {"1000", "1000.000"},
                                          {"1000", "100e1"}, {"120", "1.2e2"}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_int_equal(order(same[i][0], same[i][1]), 0);
}

static void order_is_numeric_and_exact(void **state) {
    (void)state;
    static const char *const rising[] = {"-1e1000000",
                                         "-10",
                                         "-9.99",
                                         "-0.1",
                                         "-1e-9",
                                         "0",
                                         "1e-9",
                                         "0.09",
                                         "0.1",
                                         "0.10000000000000000000000000001",
                                         "0.2",
                                         "9",
                                         "10",
                                         "10.01",
                                         "9007199254740992",
                                         "9007199254740993",
                                         "123456789012345678901234567890",
                                         "123456789012345678901234567891",
                                         "1e400"};
    size_t n = sizeof rising / sizeof *rising;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            assert_int_equal(order(rising[i], rising[j]), i < j ? -1 : i > j);
}

static void other_texts_are_no_numbers(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",    " ",    "abc", "1.",  ".",   "1e",    "e5",  "1e+",
        "--1", "0x10", "1 2", "1,5", "+-1", "1e1.5", "NaN", "1e99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        pl_decimal number;
        assert_false(pl_decimal_parse(pl_str_from(bad[i]), &number));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_one_number_are_equal),
        cmocka_unit_test(order_is_numeric_and_exact),
        cmocka_unit_test(other_texts_are_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
