/* What a policy author notices when a document is checked: what passes, and what is refused where and how. */
#include "support/arena.h"

#include "base/memory.h"
#include "policy/document.h"

#include <stdio.h>

static int parse(pl_policy_kind kind, pl_str text) {
    const pl_policy *policy;
    error = (pl_error){0};
    return pl_policy_parse(&arena, kind, text, &policy, &error);
}

/* A policy of one statement; `members` are what follows the effect. */
static pl_str one(const char *members) {
    return pl_arena_printf(&arena, "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",%s}]}", members);
}

static pl_str conditioned(const char *condition) {
    return pl_arena_printf(&arena,
                           "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\","
                           "\"Resource\":\"*\",\"Condition\":%s}]}",
                           condition);
}

static void well_formed_policies_pass(void **state) {
    (void)state;
    static const char *const members[] = {
        "\"Action\":\"*\",\"Resource\":\"*\"",
        "\"Resource\":[\"*\"],\"Action\":[\"*:*\",\"ecs:*\",\"*:Describe*\",\"yundun*:Get*\"]",
        "\"NotAction\":\"a:b\",\"NotResource\":\"acs:ecs:*\"",
        "\"Action\":\"a:b\",\"Resource\":\"acs:*:*cn-beijing*:*:*\",\"Condition\":{}",
        "\"Action\":\"a:b\",\"Resource\":\"*\",\"Condition\":{\"Bool\":{}}",
    };
    static const char *const conditions[] = {
        "{\"StringEquals\":{\"test:Foo\":\"\"},\"StringNotLike\":{\"a\":[\"b\",\"c*\"]}}",
        "{\"NumericLessThan\":{\"k\":[\"-1.50\",\"+7\",9,2.5]},\"Bool\":{\"k\":[true,\"FALSE\"]}}",
        "{\"DateGreaterThan\":{\"k\":\"2019-08-12T17:00:00+08:00\"},\"DateEquals\":{\"k\":\"2012-11-11T23:59:"
        "59.5Z\"}}",
        "{\"IpAddress\":{\"k\":[\"10.0.0.0/8\",\"1.2.3.4\",\"2001:db8::/32\",\"::1\"]}}",
    };
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (parse(PL_POLICY_IDENTITY, one(members[i])) != 0)
            fail_msg("%s: %s", members[i], error.message);
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
        if (parse(PL_POLICY_CONTROL, conditioned(conditions[i])) != 0)
            fail_msg("%s: %s", conditions[i], error.message);
    assert_int_equal(parse(PL_POLICY_TRUST, one("\"Action\":\"sts:AssumeRole\",\"Principal\":{\"RAM\":["
                                                "\"acs:ram::123:root\",\"acs:ram::123:user/a\"],\"Service\":"
                                                "\"ecs.aliyuncs.com\",\"Federated\":"
                                                "\"acs:ram::123:saml-provider/p\"}")),
                     0);
    const pl_policy *policy;
    pl_str text =
        one("\"Action\":\"sts:AssumeRole\",\"Principal\":{\"RAM\":[],\"Service\":[\"ecs.aliyuncs.com\"]}");
    assert_int_equal(pl_policy_parse(&arena, PL_POLICY_TRUST, text, &policy, &error), 0);
    assert_int_equal(policy->statements[0].principal_count, 1);
    assert_int_equal(policy->statements[0].principals[0].type, PL_PRINCIPAL_SERVICE);
}

/* `@` marks the byte that the error names; it is not part of the text. */
static void refuse(pl_policy_kind kind, const char *marked, const char *path, const char *code, int status) {
    size_t at = pl_str_find_char(pl_str_from(marked), '@');
    pl_str text = pl_arena_printf(&arena, "%.*s%s", (int)at, marked, marked + at + 1);
    if (parse(kind, text) == 0)
        fail_msg("%s passed", marked);
    assert_string_equal(error.code, code);
    assert_int_equal(error.http_status, status);
    if (error.position != at)
        fail_msg("%s: %s", marked, error.message);
    pl_str wanted = pl_arena_printf(&arena, " at %s (byte %zu).", path, at);
    if (!pl_str_ends(pl_str_from(error.message), wanted))
        fail_msg("%s: \"%s\" does not end in \"%s\"", marked, error.message, wanted.p);
}

static void malformed_policies_are_refused_at_their_place(void **state) {
    (void)state;
    static const struct {
        const char *text, *path;
    } cases[] = {
        {"@", "$"},
        {"@[]", "$"},
        {"@\xef\xbb\xbf{\"Version\":\"1\",\"Statement\":[]}", "$"},
        {"{\"Version\":\"1\",@}", "$"},
        {"{\"Version\":\"1\",\"Statement\":[]} @x", "$"},
        {"@{\"Statement\":[{}]}", "$"},
        {"{\"Version\":@\"2\",\"Statement\":[{}]}", "$.Version"},
        {"{\"Version\":@1,\"Statement\":[{}]}", "$.Version"},
        {"@{\"Version\":\"1\"}", "$"},
        {"{\"Version\":\"1\",\"Statement\":[@{\"Effect\":\"Allow\",\"Resource\":\"*\"}]}", "$.Statement[0]"},
        {"{\"Version\":\"1\",\"Statement\":[@{\"Effect\":\"Allow\",\"Action\":\"*\"}]}", "$.Statement[0]"},
        {"{\"Version\":\"1\",@\"Version\":\"1\"}", "$.Version"},
        {"{\"Version\":\"1\",\"Statement\":[{}],@\"Id\":1}", "$.Id"},
        {"{\"Version\":\"1\",\"Statement\":@{}}", "$.Statement"},
        {"{\"Version\":\"1\",\"Statement\":@[]}", "$.Statement"},
        {"{\"Version\":\"1\",\"Statement\":[@7]}", "$.Statement[0]"},
        {"{\"Version\":\"1\",\"Statement\":[@{\"Action\":\"*\",\"Resource\":\"*\"}]}", "$.Statement[0]"},
        {"{\"Version\":\"1\",\"Statement\":[{\"Effect\":@\"allow\"}]}", "$.Statement[0].Effect"},
        {"{\"Version\":\"1\",\"Statement\":[{\"Effect\":@true}]}", "$.Statement[0].Effect"},
        {"{\"Version\":\"1\",\"Statement\":[{@\"Sid\":\"x\"}]}", "$.Statement[0].Sid"},
        {"{\"Version\":\"1\",\"Statement\":[{@\"a b\":\"x\"}]}", "$.Statement[0][\"a b\"]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse(PL_POLICY_IDENTITY, cases[i].text, cases[i].path, "MalformedPolicyDocument", 400);
}

static void bad_statements_are_refused_at_their_place(void **state) {
    (void)state;
    static const struct {
        const char *members, *path;
    } cases[] = {
        {"\"Action\":\"*\",@\"NotAction\":\"*\",\"Resource\":\"*\"", ".NotAction"},
        {"\"Action\":@\"ecs\",\"Resource\":\"*\"", ".Action"},
        {"\"Action\":[\"a:b\",@\":b\"],\"Resource\":\"*\"", ".Action[1]"},
        {"\"Action\":[\"a:b\",@\"a:\"],\"Resource\":\"*\"", ".Action[1]"},
        {"\"Action\":@\"a: b\",\"Resource\":\"*\"", ".Action"},
        {"\"Action\":@\"a:b\x7f\",\"Resource\":\"*\"", ".Action"},
        {"\"Action\":@[],\"Resource\":\"*\"", ".Action"},
        {"\"Action\":@7,\"Resource\":\"*\"", ".Action"},
        {"\"Action\":\"*\",\"Resource\":\"*\",@\"NotResource\":\"*\"", ".NotResource"},
        {"\"Action\":\"*\",\"Resource\":@\"mybucket\"", ".Resource"},
        {"\"Action\":\"*\",\"Resource\":@\"acs:\"", ".Resource"},
        {"\"Action\":\"*\",\"Resource\":[\"*\",@null]", ".Resource[1]"},
        {"\"Action\":\"*\",\"Resource\":@{}", ".Resource"},
        {"\"Action\":\"*\",\"Resource\":\"*\",@\"Principal\":{\"RAM\":\"acs:ram::1:root\"}", ".Principal"},
        {"\"Action\":\"*\",\"Resource\":\"*\",\"Condition\":@[]", ".Condition"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_str path = pl_arena_printf(&arena, "$.Statement[0]%s", cases[i].path);
        refuse(PL_POLICY_CONTROL, one(cases[i].members).p, path.p, "MalformedPolicyDocument", 409);
    }
}

static void bad_conditions_are_refused_at_their_place(void **state) {
    (void)state;
    static const struct {
        const char *condition, *path;
    } cases[] = {
        {"{@\"StringEqualsIfExists\":{\"a\":\"b\"}}", ".StringEqualsIfExists"},
        {"{@\"Null\":{\"a\":\"true\"}}", ".Null"},
        {"{@\"ForAnyValue:StringEquals\":{\"a\":\"b\"}}", "[\"ForAnyValue:StringEquals\"]"},
        {"{@\"stringequals\":{\"a\":\"b\"}}", ".stringequals"},
        {"{\"Bool\":@\"true\"}", ".Bool"},
        {"{\"Bool\":{},@\"Bool\":{}}", ".Bool"},
        {"{\"Bool\":{\"a\":\"true\",@\"a\":\"true\"}}", ".Bool.a"},
        {"{\"Bool\":{@\"\":\"true\"}}", ".Bool[\"\"]"},
        {"{\"Bool\":{\"a\":@[]}}", ".Bool.a"},
        {"{\"Bool\":{\"a\":@\"yes\"}}", ".Bool.a"},
        {"{\"Bool\":{\"a\":[true,@1]}}", ".Bool.a[1]"},
        {"{\"Bool\":{\"a\":[true,@[true]]}}", ".Bool.a[1]"},
        {"{\"Bool\":{\"a\":[true,@null]}}", ".Bool.a[1]"},
        {"{\"Bool\":{\"a\":@{}}}", ".Bool.a"},
        {"{\"StringLike\":{\"a\":@null}}", ".StringLike.a"},
        {"{\"NumericEquals\":{\"acs:x\":@\"abc\"}}", ".NumericEquals[\"acs:x\"]"},
        {"{\"NumericEquals\":{\"a\":@\"1.\"}}", ".NumericEquals.a"},
        {"{\"NumericEquals\":{\"a\":@\".5\"}}", ".NumericEquals.a"},
        {"{\"DateEquals\":{\"a\":@\"1565600400\"}}", ".DateEquals.a"},
        {"{\"IpAddress\":{\"a\":@\"10.0.0.0/33\"}}", ".IpAddress.a"},
        {"{\"IpAddress\":{\"a\":@\"10.0.0\"}}", ".IpAddress.a"},
        {"{\"IpAddress\":{\"a\":@\"10.0.0.0/x\"}}", ".IpAddress.a"},
        {"{\"IpAddress\":{\"a\":@\"\"}}", ".IpAddress.a"},
        {"{\"IpAddress\":{\"a\":@\"10.0.0.1\\u0000\"}}", ".IpAddress.a"},
        {"{\"IpAddress\":{\"a\":@\"0000:0000:0000:0000:0000:0000:0000:00000000001\"}}", ".IpAddress.a"},
        {"{\"IpAddress\":{\"a\":@\"::ffff:10.0.0.0/95\"}}", ".IpAddress.a"},
        {"{\"NotIpAddress\":{\"a\":@\"::/129\"}}", ".NotIpAddress.a"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_str path = pl_arena_printf(&arena, "$.Statement[0].Condition%s", cases[i].path);
        refuse(PL_POLICY_SESSION, conditioned(cases[i].condition).p, path.p, "InvalidParameter.PolicyGrammar",
               400);
    }
}

static void bad_trust_policies_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *members, *path;
    } cases[] = {
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":@\"*\"", ".Principal"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":@{}", ".Principal"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":@{\"RAM\":[],\"Service\":[]}", ".Principal"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{@\"AWS\":\"x\"}", ".Principal.AWS"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"RAM\":@\"acs:ram::x:root\"}", ".Principal.RAM"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"RAM\":[@\"acs:ram::1:user/\"]}",
         ".Principal.RAM[0]"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Service\":@\"ecs\"}", ".Principal.Service"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Federated\":@\"x\"}", ".Principal.Federated"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"RAM\":@7}", ".Principal.RAM"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"RAM\":@\"x:ram::1:root\"}", ".Principal.RAM"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"RAM\":@\"acs:oss::1:root\"}", ".Principal.RAM"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"RAM\":@\"acs:ram:cn-a:1:root\"}", ".Principal.RAM"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"RAM\":@\"acs:ram::1:role/\"}", ".Principal.RAM"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"RAM\":@\"acs:ram::1:group/a\"}", ".Principal.RAM"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"RAM\":@\"acs:ram::1:user/a:b\"}", ".Principal.RAM"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Service\":@\".aliyuncs.com\"}",
         ".Principal.Service"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Service\":@\"e s.aliyuncs.com\"}",
         ".Principal.Service"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Federated\":@\"acs:ram::1:user/a\"}",
         ".Principal.Federated"},
        {"\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Federated\":@\"acs:oss::1:saml-provider/a\"}",
         ".Principal.Federated"},
        {"\"Action\":\"*\",@\"NotResource\":\"*\",\"Principal\":{}", ".NotResource"},
        {"\"Action\":\"*\",@\"Resource\":\"*\",\"Principal\":{\"RAM\":\"acs:ram::1:root\"}", ".Resource"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_str path = pl_arena_printf(&arena, "$.Statement[0]%s", cases[i].path);
        refuse(PL_POLICY_TRUST, one(cases[i].members).p, path.p, "MalformedPolicyDocument", 400);
    }
    refuse(PL_POLICY_TRUST,
           "{\"Version\":\"1\",\"Statement\":[@{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\"}]}",
           "$.Statement[0]", "MalformedPolicyDocument", 400);
}

/* A valid policy of exactly `characters` characters; each filler character has three bytes. */
static pl_str sized(pl_policy_kind kind, size_t characters) {
    const char *target =
        kind == PL_POLICY_TRUST ? "\"Principal\":{\"RAM\":\"acs:ram::1:root\"}" : "\"Resource\":\"*\"";
    static const char head[] = "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\",";
    static const char middle[] = ",\"Condition\":{\"StringLike\":{\"k\":\"", tail[] = "\"}}}]}";
    size_t filler = characters - strlen(head) - strlen(target) - strlen(middle) - strlen(tail);
    char *text = pl_arena_alloc(&arena, characters * 3 + 1), *at = text;
    assert_non_null(text);
    at += sprintf(at, "%s%s%s", head, target, middle);
    for (size_t i = 0; i < filler; i++, at += 3)
        memcpy(at, "\xe4\xb8\xad", 3);
    at += sprintf(at, "%s", tail);
    return pl_str_of(text, (size_t)(at - text));
}

static void lengths_are_counted_in_characters(void **state) {
    (void)state;
    static const struct {
        pl_policy_kind kind;
        size_t most;
        const char *code;
        int status;
    } cases[] = {
        {PL_POLICY_IDENTITY, 6144, "InvalidParameter.PolicyDocument.Length", 400},
        {PL_POLICY_SESSION, 2048, "InvalidParameter.PolicySize", 400},
        {PL_POLICY_CONTROL, 4096, "InvalidParameter.PolicyDocument.Length", 409},
        {PL_POLICY_TRUST, 6144, "InvalidParameter.AssumeRolePolicyDocument.Length", 400},
        {PL_POLICY_SYSTEM, 65536, "InvalidParameter.PolicyDocument.Length", 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (parse(cases[i].kind, sized(cases[i].kind, cases[i].most)) != 0)
            fail_msg("%s", error.message);
        assert_int_equal(parse(cases[i].kind, sized(cases[i].kind, cases[i].most + 1)), -1);
        assert_string_equal(error.code, cases[i].code);
        assert_int_equal(error.http_status, cases[i].status);
    }
    parse(PL_POLICY_CONTROL, sized(PL_POLICY_CONTROL, 4097));
    assert_string_equal(error.message, "The maximum length of the policy document is exceeded. It must not "
                                       "exceed 4096 characters.");
}

static void deep_nesting_is_an_error(void **state) {
    (void)state;
    char text[6000];
    memset(text, '[', sizeof text);
    assert_int_equal(parse(PL_POLICY_IDENTITY, pl_str_of(text, sizeof text)), -1);
    assert_string_equal(error.code, "MalformedPolicyDocument");
    memset(text, '[', 1000);
    memset(text + 1000, ']', 1000);
    assert_int_equal(parse(PL_POLICY_IDENTITY, pl_str_of(text, 2000)), -1);
    assert_int_equal(error.position, 0);
}

static void exhausted_memory_is_an_error_at_every_allocation(void **state) {
    (void)state;
    pl_str text = conditioned("{\"NumericEquals\":{\"k\":[1,2]},\"Bool\":{\"k\":true}}");
    int status = -1;
    for (long n = 0; status != 0; n++) {
        pl_arena fresh;
        const pl_policy *policy;
        pl_arena_init(&fresh, 1 << 20);
        pl_memory_fail_after(n);
        status = pl_policy_parse(&fresh, PL_POLICY_IDENTITY, text, &policy, &error);
        pl_memory_fail_after(-1);
        pl_arena_free(&fresh);
        assert_true(n < 100);
        if (status != 0)
            assert_string_equal(error.code, "ServiceUnavailable");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(well_formed_policies_pass),
        ARENA_TEST(malformed_policies_are_refused_at_their_place),
        ARENA_TEST(bad_statements_are_refused_at_their_place),
        ARENA_TEST(bad_conditions_are_refused_at_their_place),
        ARENA_TEST(bad_trust_policies_are_refused),
        ARENA_TEST(lengths_are_counted_in_characters),
        ARENA_TEST(deep_nesting_is_an_error),
        ARENA_TEST(exhausted_memory_is_an_error_at_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
