/* What a policy author is told before attaching a well-formed policy, and where. */
#include "support/arena.h"

#include "policy/lint.h"

static const pl_str config_actions[] = {PL_STR_INIT("GetConfigRule"), PL_STR_INIT("ListConfigRules")};
static const pl_lint_service services[] = {{PL_STR_INIT("config"), config_actions, 2}};

typedef struct expectation {
    const char *text;
    const char *rule; /* NULL: no finding */
    const char *path;
} expectation;

#define STATEMENT(body) "{\"Version\":\"1\",\"Statement\":[" body "]}"

static const expectation cases[] = {
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"config:Get*\",\"Resource\":\"*\"}"), NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"config:getconfigrule\",\"Resource\":\"*\"}"), NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"other:Anything\",\"Resource\":\"*\"}"), NULL, NULL},
    {STATEMENT(
         "{\"Effect\":\"Allow\",\"Action\":[\"config:GetConfigRule\",\"config:Fetch*\"],\"Resource\":\"*\"}"),
     "unknown-action", "$.Statement[0].Action[1]"},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}"), "overbroad-grant",
     "$.Statement[0]"},
    {STATEMENT("{\"Effect\":\"Allow\",\"NotAction\":\"ram:*\",\"Resource\":\"*\"}"), "overbroad-grant",
     "$.Statement[0]"},
    {STATEMENT("{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}"), NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"acs:oss:*:*:bucket\"}"),
     "empty-match", "$.Statement[0]"},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ECS:*\",\"Resource\":\"acs:ecs:*:*:instance/*\"}"), NULL,
     NULL},
    {STATEMENT(
         "{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Resource\":\"acs:ram:*:1:role/admin\"}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ram:AttachPolicy\",\"Resource\":\"acs:ims:*:1:user/*\"}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Resource\":\"acs:ims:*:1:user/*\"}"),
     "empty-match", "$.Statement[0]"},
    {STATEMENT("{\"Effect\":\"Deny\",\"Action\":\"ECS:*\",\"Resource\":\"*\"},"
               "{\"Effect\":\"Allow\",\"Action\":\"ecs:startInstance\",\"Resource\":\"*\"}"),
     "shadowed-statement", "$.Statement[1]"},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericGreaterThan\":{\"x:y\":\"7.5\"},\"NumericLessThanEquals\":{\"x:y\":\"7.25\"}}}"),
     "impossible-condition", NULL},
    {STATEMENT(
         "{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
         "\"NumericGreaterThan\":{\"x:y\":[\"9\",\"8\"]},\"NumericLessThan\":{\"x:y\":[\"7\",\"8\"]}}}"),
     "impossible-condition", NULL},
    {STATEMENT(
         "{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
         "\"NumericGreaterThan\":{\"x:y\":[\"9\",\"8\"]},\"NumericLessThan\":{\"x:y\":[\"7\",\"8.5\"]}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"DateLessThan\":{\"acs:CurrentTime\":\"2024-01-01T08:00:00+08:00\"},"
               "\"DateGreaterThanEquals\":{\"acs:CurrentTime\":\"2024-01-01T00:00:00Z\"}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"DateLessThan\":{\"acs:CurrentTime\":\"2024-01-02T00:00:00Z\"},"
               "\"DateGreaterThan\":{\"acs:CurrentTime\":\"2024-01-01T00:00:00Z\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"StringLike\":{\"k\":\"ab*\"},\"StringNotLike\":{\"k\":[\"c\",\"a*\"]}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"StringLike\":{\"k\":\"a*\"},\"StringNotLike\":{\"k\":\"ab*\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Deny\",\"Action\":\"ecs:*\",\"Resource\":\"*\"},"
               "{\"Effect\":\"Allow\",\"Action\":\"ecs:StartInstance\",\"Resource\":\"*\"}"),
     "shadowed-statement", "$.Statement[1]"},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\"},"
               "{\"Effect\":\"Deny\",\"Action\":\"ecs:StartInstance\",\"Resource\":\"*\"}"),
     NULL, NULL},
    {STATEMENT(
         "{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
         "\"StringEquals\":{\"acs:PrincipalARN\":\"a\"},\"StringNotEquals\":{\"acs:PrincipalARN\":\"a\"}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericGreaterThan\":{\"x:y\":\"5\"},\"NumericLessThan\":{\"x:y\":\"5\"}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericGreaterThan\":{\"x:y\":\"4\"},\"NumericLessThan\":{\"x:y\":\"6\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"StringEquals\":{\"k\":[\"a\",\"b\"]},\"StringNotEquals\":{\"k\":[\"b\",\"a\"]}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"StringEquals\":{\"k\":[\"a\",\"b\"]},\"StringNotEquals\":{\"k\":[\"b\",\"c\"]}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"StringEquals\":{\"k\":\"a\"},\"StringNotEquals\":{\"other\":\"a\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericEquals\":{\"k\":\"1\"},\"NumericNotEquals\":{\"k\":\"1\"}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{\"IpAddress\":{"
               "\"acs:SourceIp\":\"10.0.0.1\"},\"NotIpAddress\":{\"acs:SourceIp\":\"10.0.0.1\"}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericGreaterThanEquals\":{\"k\":\"5\"},\"NumericLessThanEquals\":{\"k\":\"5\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericGreaterThanEquals\":{\"k\":\"6\"},\"NumericLessThanEquals\":{\"k\":\"5\"}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericGreaterThan\":{\"k\":\"5\"},\"NumericLessThan\":{\"other\":\"5\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericGreaterThan\":{\"k\":[\"5\",\"6\"]},\"NumericLessThan\":{\"k\":\"5\"}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericGreaterThan\":{\"k\":\"5\"},\"NumericLessThan\":{\"k\":[\"1\",\"2\"]}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\"}"
               ","
               "{\"Effect\":\"Allow\",\"Action\":\"ecs:Start\",\"Resource\":\"*\"}"),
     "shadowed-statement", "$.Statement[1]"},
    {STATEMENT("{\"Effect\":\"Deny\",\"NotAction\":\"rds:*\",\"Resource\":\"*\"}"
               ","
               "{\"Effect\":\"Allow\",\"Action\":\"ecs:Start\",\"Resource\":\"*\"}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Deny\",\"Action\":\"ecs:*\",\"NotResource\":\"acs:ecs:*:*:x\"}"
               ","
               "{\"Effect\":\"Allow\",\"Action\":\"ecs:Start\",\"Resource\":\"*\"}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Deny\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"k\":"
               "\"true\"}}}"
               ","
               "{\"Effect\":\"Allow\",\"Action\":\"ecs:Start\",\"Resource\":\"*\"}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Deny\",\"Action\":\"ecs:*\",\"Resource\":\"*\"}"
               ","
               "{\"Effect\":\"Allow\",\"Action\":\"ecs:Start\",\"NotResource\":\"acs:ecs:*:*:x\"}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:Start\",\"Resource\":\"acs:ecs:*:*:a\"}"
               ","
               "{\"Effect\":\"Allow\",\"Action\":\"ecs:Start\",\"Resource\":\"acs:ecs:*:*:b\"}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"*:*\",\"Resource\":\"*\"}"), "overbroad-grant",
     "$.Statement[0]"},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"acs:"
               "MFAPresent\":\"true\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"acs:ecs:*:*:*\"}"), NULL, NULL},
    {STATEMENT(
         "{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":[\"acs:oss:*:*:b\",\"acs:ecs:*:*:c\"]}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"StringEquals\":{\"k\":\"a\",\"K\":[\"b\",\"c\"]}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"StringEquals\":{\"k\":[\"a\",\"b\"],\"K\":[\"c\",\"b\"]}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"StringNotEquals\":{\"k\":\"a\",\"K\":\"b\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{\"StringLike\":{"
               "\"k\":\"a\",\"K\":\"b\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericEquals\":{\"k\":\"1\",\"K\":\"2\"}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"k\":"
               "\"true\",\"K\":\"false\"}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"k\":"
               "\"true\",\"K\":\"true\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{\"Bool\":{\"k\":"
               "\"true\"},\"StringEquals\":{\"k\":\"false\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"StringEquals\":{\"k\":\"a\"},\"NumericNotEquals\":{\"k\":\"1\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericEquals\":{\"k\":[\"1\",\"2\"]},\"NumericNotEquals\":{\"k\":\"1\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericEquals\":{\"k\":\"1\"},\"StringNotEquals\":{\"k\":\"1\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{\"IpAddress\":{"
               "\"k\":[\"10.0.0.1\",\"10.0.0.2\"]},\"NotIpAddress\":{\"k\":\"10.0.0.1\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{\"IpAddress\":{"
               "\"k\":\"10.0.0.1\"},\"StringNotEquals\":{\"k\":\"10.0.0.1\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericGreaterThan\":{\"k\":\"1.5\"},\"NumericLessThan\":{\"k\":\"1\"}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericGreaterThanEquals\":{\"k\":\"5\"},\"NumericLessThan\":{\"k\":\"5\"}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericGreaterThan\":{\"k\":\"5\"},\"NumericLessThanEquals\":{\"k\":\"5\"}}}"),
     "impossible-condition", NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\",\"Condition\":{"
               "\"NumericGreaterThan\":{\"k\":\"5\"},\"DateLessThan\":{\"k\":\"2026-01-01T00:00:00Z\"}}}"),
     NULL, NULL},
    {STATEMENT("{\"Effect\":\"Deny\",\"Action\":[\"ecs:*\",\"rds:*\"],\"Resource\":\"*\"},"
               "{\"Effect\":\"Allow\",\"Action\":[\"rds:Stop\",\"ecs:Start\"],\"Resource\":\"*\"}"),
     "shadowed-statement", "$.Statement[1]"},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"acs:*:*:*:x\"}"), NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":[\"*\",\"ecs:*\"],\"Resource\":\"acs:oss:*:*:x\"}"), NULL,
     NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"NotAction\":\"ecs:*\",\"Resource\":\"acs:oss:*:*:x\"}"), NULL, NULL},
    {STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"NotResource\":\"acs:oss:*:*:b\"}"), NULL, NULL},
};

static size_t linted(pl_policy_kind kind, const char *text, const pl_lint_finding **findings) {
    const pl_policy *policy;
    size_t count = 0;
    *findings = NULL;
    if (pl_policy_parse(&arena, kind, pl_str_from(text), &policy, &error) != 0 ||
        pl_policy_lint(&arena, policy, services, 1, findings, &count, &error) != 0)
        fail_msg("%s: %s", text, error.message);
    return count;
}

static void each_kind_of_finding_is_told_with_its_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const pl_lint_finding *findings;
        size_t count = linted(PL_POLICY_IDENTITY, cases[i].text, &findings);
        if (count != (cases[i].rule ? 1 : 0))
            fail_msg("%s: %zu findings", cases[i].text, count);
        if (cases[i].rule) {
            assert_str(pl_lint_rule_name(findings[0].rule), cases[i].rule);
            if (cases[i].path)
                assert_str(findings[0].path, cases[i].path);
        }
    }
}

static void places_count_characters_and_lines(void **state) {
    (void)state;
    size_t line, column;
    pl_text_position(PL_STR("a\n\xc3\xa9x"), 4, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 2);
    pl_text_position(PL_STR("ab"), 9, &line, &column); /* the end, for a place behind it */
    assert_int_equal(line, 1);
    assert_int_equal(column, 3);
}

/* Several findings come in the order of the document. */
static void findings_are_in_document_order(void **state) {
    (void)state;
    const pl_lint_finding *findings;
    static const char text[] =
        STATEMENT("{\"Effect\":\"Deny\",\"Action\":\"ecs:*\",\"Resource\":\"*\"},"
                  "{\"Effect\":\"Allow\",\"Action\":[\"ecs:Start\"],\"Resource\":\"*\"},"
                  "{\"Effect\":\"Allow\",\"Action\":[\"config:Fetch\",\"config:Put\"],\"Resource\":\"*\"}");
    assert_int_equal(linted(PL_POLICY_IDENTITY, text, &findings), 3);
    assert_str(findings[0].path, "$.Statement[1]");
    assert_str(findings[1].path, "$.Statement[2].Action[0]");
    assert_str(findings[2].path, "$.Statement[2].Action[1]");
}

/* Several findings of one place come in the order of the rules, whatever was looked at first. */
static void findings_of_one_place_have_an_order(void **state) {
    (void)state;
    const pl_lint_finding *findings;
    static const char text[] =
        STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},"
                  "{\"Effect\":\"Allow\",\"Action\":[\"*\",\"config:Fetch\"],\"Resource\":\"*\"}");
    assert_int_equal(linted(PL_POLICY_IDENTITY, text, &findings), 4);
    assert_str(findings[0].path, "$.Statement[0]");
    assert_str(findings[1].path, "$.Statement[1]");
    assert_str(pl_lint_rule_name(findings[1].rule), "shadowed-statement");
    assert_str(findings[2].path, "$.Statement[1]");
    assert_str(pl_lint_rule_name(findings[2].rule), "overbroad-grant");
    assert_str(findings[3].path, "$.Statement[1].Action[1]");
}

/* Trust policies have no resources: nothing is shadowed, too broad or empty. */
static void trust_policies_are_linted_for_their_actions(void **state) {
    (void)state;
    const pl_lint_finding *findings;
#define TRUST(action)                                                                                        \
    "{\"Effect\":\"Allow\",\"Action\":\"" action "\",\"Principal\":{\"RAM\":\"acs:ram::1:root\"}}"
    static const char text[] = STATEMENT(TRUST("*") "," TRUST("*") "," TRUST("config:Fetch"));
    assert_int_equal(linted(PL_POLICY_TRUST, text, &findings), 1);
    assert_str(findings[0].path, "$.Statement[2].Action");
}

/* What a control policy allows is what others may grant: it is never too broad. */
static void a_control_policy_may_allow_everything(void **state) {
    (void)state;
    const pl_lint_finding *findings;
    static const char text[] = STATEMENT("{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}");
    assert_int_equal(linted(PL_POLICY_CONTROL, text, &findings), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(each_kind_of_finding_is_told_with_its_place),
        ARENA_TEST(findings_are_in_document_order),
        ARENA_TEST(findings_of_one_place_have_an_order),
        ARENA_TEST(trust_policies_are_linted_for_their_actions),
        ARENA_TEST(a_control_policy_may_allow_everything),
        ARENA_TEST(places_count_characters_and_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
