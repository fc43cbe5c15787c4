/*
 * Memory that ends at any allocation: reading, compiling, linting and running cases end in ServiceUnavailable
 * or give what they give otherwise; a wrong ruling is never one of the ends.
 */
#include "support/arena.h"
#include "support/faults.h"

#include "policy/cases.h"
#include "policy/lint.h"
#include "support/files.h"

static void expect_no_memory(const pl_error *why) {
    if (!pl_error_is(why, PL_E_ServiceUnavailable))
        fail_msg("%s: %s", why->code, why->message);
}

/* --- Cases ------------------------------------------------------------------------------------------------
 */

static void expect_passed(void *context, const pl_case_result *result) {
    (void)context;
    if (!result->passed)
        fail_msg("%.*s: %.*s", PL_FMT(result->id), PL_FMT(pl_ruling_name(result->decision->verdict)));
}

static void run_case(void *argument) {
    if (pl_cases_run(*(const pl_json *)argument, expect_passed, NULL, &error) != 0)
        expect_no_memory(&error);
}

/* A file with this case alone. */
static pl_json alone(pl_json one) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_buf_add_char(&text, '[');
    pl_json_write(&text, one);
    pl_buf_add_char(&text, ']');
    pl_json root = parsed_str(pl_buf_str(&text));
    pl_buf_free(&text);
    return root;
}

static void every_case_is_decided_as_written_or_not_at_all(void **state) {
    (void)state;
    pl_str key;
    pl_json one;
    size_t count = 0;
    pl_json cases = read_source_json(&arena, "tests/policy/cases.json");
    for (pl_json_walk walk = pl_json_children(cases); pl_json_step(&walk, &key, &one); count++) {
        pl_json single = alone(one);
        assert_true(with_failing_allocations(run_case, &single) > 0);
    }
    assert_int_equal(count, 227);
}

/* --- Sets from JSON, contexts -----------------------------------------------------------------------------
 */

#define POLICY(statement) "{\"Version\":\"1\",\"Statement\":[" statement "]}"
#define ALLOW POLICY("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\"}")
#define ALLOW_TEXT                                                                                           \
    "\"{\\\"Version\\\":\\\"1\\\",\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\",\\\"Action\\\":\\\"ecs:"  \
    "*\\\",\\\"Resource\\\":\\\"*\\\"}]}\""

static void read_set(void *argument) {
    pl_policy_set *set = NULL;
    pl_arena own;
    pl_arena_init(&own, 0);
    if (pl_policy_set_from_json(&own, *(const pl_json *)argument, PL_POLICY_IDENTITY, &set, &error) != 0) {
        expect_no_memory(&error);
        assert_null(set);
    } else {
        assert_int_equal(pl_policy_set_count(set), 3);
        assert_str(pl_policy_set_name(set, 0), "policy 1");
        assert_str(pl_policy_set_name(set, 1), "named");
        assert_true(pl_policy_set_memory(set) > 0);
    }
    pl_policy_set_release(set);
    pl_arena_free(&own);
}

static void a_set_has_all_of_its_policies_or_is_none(void **state) {
    (void)state;
    pl_json list = parsed_str(PL_STR("[" ALLOW ",{\"PolicyName\":\"named\",\"PolicyDocument\":" ALLOW_TEXT
                                     "},{\"PolicyDocument\":" ALLOW "}]"));
    assert_true(with_failing_allocations(read_set, &list) > 10);
}

static void read_context(void *argument) {
    const pl_context_entry *entries;
    size_t count;
    pl_arena own;
    pl_arena_init(&own, 0);
    if (pl_context_from_json(&own, *(const pl_json *)argument, &entries, &count, &error) != 0 ||
        pl_context_add(&own, &entries, &count, PL_STR("acs:Added"), PL_STR("v"), &error) != 0) {
        expect_no_memory(&error);
    } else {
        assert_int_equal(count, 4);
        assert_str(entries[1].values[1], "2.5");
        assert_str(entries[3].values[0], "v");
    }
    pl_arena_free(&own);
}

static void read_trust(void *argument) {
    pl_policy_set *set = NULL;
    pl_arena own;
    pl_arena_init(&own, 0);
    if (pl_policy_set_from_json(&own, *(const pl_json *)argument, PL_POLICY_TRUST, &set, &error) != 0) {
        expect_no_memory(&error);
        assert_null(set);
    } else {
        const pl_policy_statement *statement = &pl_policy_set_policy(set, 0)->statements[0];
        assert_int_equal(statement->principal_count, 2);
        assert_str(statement->principals[1].values.items[0].text, "ecs.aliyuncs.com");
    }
    pl_policy_set_release(set);
    pl_arena_free(&own);
}

static void a_trust_policy_has_all_of_its_principals_or_is_none(void **state) {
    (void)state;
    pl_json one = parsed_str(
        PL_STR(POLICY("{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{\"RAM\":["
                      "\"acs:ram::1:root\"],\"Service\":\"ecs.aliyuncs.com\"}}")));
    assert_true(with_failing_allocations(read_trust, &one) > 5);
}

static void a_context_has_all_of_its_keys_or_is_none(void **state) {
    (void)state;
    pl_json context = parsed_str(PL_STR("{\"a\":\"x\",\"b\":[true,2.5],\"c\":7}"));
    assert_true(with_failing_allocations(read_context, &context) > 3);
}

/* --- Documents --------------------------------------------------------------------------------------------
 */

/* Each with something to say about it. */
static const char *const suspicious[] = {
    POLICY("{\"Effect\":\"Allow\",\"Action\":[\"config:Get*\",\"config:Fetch\"],\"Resource\":\"*\"}"),
    POLICY("{\"Effect\":\"Allow\",\"NotAction\":\"ram:*\",\"Resource\":\"*\"}"),
    POLICY("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"acs:oss:*:*:bucket\"}"),
    POLICY("{\"Effect\":\"Deny\",\"Action\":\"ecs:*\",\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Action\":"
           "\"ecs:Start\",\"Resource\":\"*\"}"),
    POLICY("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{"
           "\"k\":\"a\"},\"StringNotEquals\":{\"k\":\"a\"},\"IpAddress\":{\"acs:SourceIp\":[\"10.0.0.0/8\"]},"
           "\"DateLessThan\":{\"acs:CurrentTime\":\"2026-01-01T00:00:00Z\"}}}"),
};

typedef struct linted {
    pl_str text;
    size_t count;
    pl_str first; /* message */
} linted;

static void lint(void *argument) {
    static const pl_str names[] = {PL_STR_INIT("GetConfigRule")};
    static const pl_lint_service services[] = {{PL_STR_INIT("config"), names, 1}};
    linted *l = argument;
    const pl_policy *policy;
    const pl_lint_finding *findings;
    size_t count;
    pl_arena own;
    pl_arena_init(&own, 0);
    if (pl_policy_parse(&own, PL_POLICY_IDENTITY, l->text, &policy, &error) != 0 ||
        pl_policy_lint(&own, policy, services, 1, &findings, &count, &error) != 0) {
        expect_no_memory(&error);
    } else if (l->count == 0) {
        l->count = count;
        l->first = pl_arena_copy(&arena, findings[0].message);
    } else {
        assert_int_equal(count, l->count);
        assert_true(pl_str_eq(findings[0].message, l->first));
    }
    pl_arena_free(&own);
}

static void findings_are_all_told_or_none(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof suspicious / sizeof *suspicious; i++) {
        linted l = {.text = pl_str_from(suspicious[i])};
        lint(&l);
        assert_true(l.count > 0);
        with_failing_allocations(lint, &l);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(every_case_is_decided_as_written_or_not_at_all),
        ARENA_TEST(a_set_has_all_of_its_policies_or_is_none),
        ARENA_TEST(a_trust_policy_has_all_of_its_principals_or_is_none),
        ARENA_TEST(a_context_has_all_of_its_keys_or_is_none),
        ARENA_TEST(findings_are_all_told_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
