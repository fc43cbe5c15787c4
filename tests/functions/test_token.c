/* Result tokens open only unchanged, with the server's key and in time; function ARNs of both generations. */
#include "support/testing.h"

#include "functions/record.h"
#include "functions/token.h"

static const unsigned char key[PL_SEAL_KEY_SIZE] = {1, 2, 3};
static const unsigned char other_key[PL_SEAL_KEY_SIZE] = {3, 2, 1};

static const engine_function_event event = {.account_id = PL_STR_INIT("100"),
                                            .owner_id = PL_STR_INIT("200"),
                                            .rule_key = 7,
                                            .resource_key = 9,
                                            .ordering = 1600610821106,
                                            .message = 1};

static void a_token_names_its_event(void **state) {
    pl_arena arena;
    pl_random random = pl_random_system();
    engine_function_event opened;
    pl_error error = {0};
    (void)state;
    pl_arena_init(&arena, 0);
    pl_str token = token_make(key, &random, &arena, &event, 1000);
    assert_int_equal(token_open(key, &arena, token, 999, &opened, &error), 0);
    assert_true(pl_str_is(opened.account_id, "100"));
    assert_true(pl_str_is(opened.owner_id, "200"));
    assert_int_equal(opened.rule_key, 7);
    assert_int_equal(opened.resource_key, 9);
    assert_int_equal(opened.ordering, event.ordering);
    pl_arena_free(&arena);
}

static void other_tokens_are_refused(void **state) {
    pl_arena arena;
    pl_random random = pl_random_system();
    engine_function_event opened;
    pl_error error = {0};
    (void)state;
    pl_arena_init(&arena, 0);
    pl_str token = token_make(key, &random, &arena, &event, 1000);
    assert_int_equal(token_open(key, &arena, token, 1000, &opened, &error), -1);
    assert_true(pl_error_is(&error, PL_E_Invalid_ResultToken_Value));
    assert_int_equal(token_open(other_key, &arena, token, 1, &opened, &error), -1);
    for (size_t i = 0; i < token.n; i++) {
        char *changed = pl_arena_cstr(&arena, token);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        bool same_bits = i + 4 > token.n; /* padding bits of the last letters may mean nothing */
        if (!same_bits)
            assert_int_equal(token_open(key, &arena, pl_str_of(changed, token.n), 1, &opened, &error), -1);
    }
    assert_int_equal(token_open(key, &arena, PL_STR(""), 1, &opened, &error), -1);
    pl_arena_free(&arena);
}

static void expect_arn(const char *arn, const char *account, const char *name, const char *qualifier) {
    function_name parsed;
    bool sound = function_arn_parse(pl_str_from(arn), &parsed);
    assert_int_equal(sound, name != NULL);
    if (!name)
        return;
    assert_true(pl_str_is(parsed.account_id, account));
    assert_true(pl_str_is(parsed.name, name));
    assert_true(pl_str_is(parsed.qualifier, qualifier));
}

static void both_generations_of_arns_are_read(void **state) {
    (void)state;
    expect_arn("acs:fc:cn-hangzhou:100:services/ConfigService.LATEST/functions/check", "100", "check",
               "LATEST");
    expect_arn("acs:fc:cn-hangzhou:100:services/ConfigService/functions/check", "100", "check", "LATEST");
    expect_arn("acs:fc:cn-hangzhou:100:services/S.live/functions/check", "100", "check", "live");
    expect_arn("acs:fc:cn-shanghai:123:functions/f_1", "123", "f_1", "LATEST");
    expect_arn("acs:fc:cn-shanghai:123:functions/f/2", "123", "f", "2");
    expect_arn("acs:fc:cn-shanghai:123:functions/", NULL, NULL, NULL);
    expect_arn("acs:fc::123:functions/f", NULL, NULL, NULL);
    expect_arn("acs:ram::123:role/f", NULL, NULL, NULL);
    expect_arn("acs:fc:cn-shanghai:123:services/f", NULL, NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_token_names_its_event),
                                       cmocka_unit_test(other_tokens_are_refused),
                                       cmocka_unit_test(both_generations_of_arns_are_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
