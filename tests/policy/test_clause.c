/* Addresses and blocks of addresses, and what the values of operators look like. */
#include "support/testing.h"

#include "policy/clause.h"

static void addresses_lie_in_blocks(void **state) {
    (void)state;
    static const struct {
        const char *block, *address;
        bool inside;
    } cases[] = {
        {"10.0.0.0/8", "10.1.2.3", true},
        {"10.0.0.0/8", "11.1.2.3", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"0.0.0.0/0", "255.1.2.3", true},
        {"10.0.0.0/9", "10.127.0.0", true},
        {"10.0.0.0/9", "10.128.0.0", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"::/0", "10.1.2.3", false},
        {"0.0.0.0/0", "::1", false},
        /* an IPv4 address in the spelling of IPv6 is that address */
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"::ffff:10.1.2.3", "10.1.2.3", true},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"::ffff:10.0.0.0/104", "11.1.2.3", false},
        {"::ffff:0.0.0.0/96", "11.1.2.3", true},
        {"::/0", "::ffff:10.1.2.3", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_address block, address;
        assert_true(pl_address_parse(pl_str_from(cases[i].block), true, &block));
        assert_true(pl_address_parse(pl_str_from(cases[i].address), false, &address));
        if (pl_address_contains(&block, &address) != cases[i].inside)
            fail_msg("%s in %s", cases[i].address, cases[i].block);
    }
}

static void what_is_no_address_is_refused(void **state) {
    (void)state;
    static const pl_str wrong[] = {PL_STR_INIT(""),
                                   PL_STR_INIT("/8"),
                                   PL_STR_INIT("10.0.0"),
                                   PL_STR_INIT("10.0.0.1\0"),
                                   PL_STR_INIT("10.0.0.1 "),
                                   PL_STR_INIT("10.0.0.0/33"),
                                   PL_STR_INIT("10.0.0.0/"),
                                   PL_STR_INIT("10.0.0.0/-1"),
                                   PL_STR_INIT("10.0.0.0/8/8"),
                                   PL_STR_INIT("::/129"),
                                   PL_STR_INIT("::ffff:10.0.0.0/95"),
                                   PL_STR_INIT("0000:0000:0000:0000:0000:0000:0000:00000000000001")};
    pl_address address;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (pl_address_parse(wrong[i], true, &address))
            fail_msg("%.*s is taken for an address", PL_FMT(wrong[i]));
    assert_false(pl_address_parse(PL_STR("10.0.0.0/8"), false, &address));
}

static void values_have_the_form_of_their_operator(void **state) {
    (void)state;
    static const struct {
        pl_policy_operator op;
        const char *value;
        bool valid;
    } cases[] = {
        {PL_NUMERIC_EQUALS, "+7", true},
        {PL_NUMERIC_EQUALS, "-0.50", true},
        {PL_NUMERIC_EQUALS, "", false},
        {PL_NUMERIC_EQUALS, "-", false},
        {PL_NUMERIC_EQUALS, "1x", false},
        {PL_NUMERIC_EQUALS, "1.2x", false},
        {PL_NUMERIC_EQUALS, "1e3", false},
        {PL_NUMERIC_EQUALS, "1.", false},
        {PL_NUMERIC_EQUALS, " 1", false},
        {PL_BOOL, "TRUE", true},
        {PL_BOOL, "1", false},
        {PL_DATE_EQUALS, "2026-01-01T00:00:00Z", true},
        {PL_DATE_EQUALS, "tomorrow", false},
        {PL_STRING_EQUALS, "", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (pl_operand_valid(cases[i].op, pl_str_from(cases[i].value)) != cases[i].valid)
            fail_msg("%.*s of \"%s\"", PL_FMT(pl_policy_operator_name(cases[i].op)), cases[i].value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_lie_in_blocks),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(values_have_the_form_of_their_operator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
