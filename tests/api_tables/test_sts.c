/* Sessions: who may assume a role, what a session may do, and when it ends. */
#include "api_tables/house.h"

#define ALLOW(action)                                                                                        \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"" action "\",\"Resource\":\"*\"}]" \
    "}"

static const char *format(const char *text, const char *a) {
    pl_buf out;
    pl_buf_init(&out, 65536);
    for (; *text; text++) {
        if (*text == '$')
            pl_buf_add(&out, pl_str_from(a));
        else
            pl_buf_add_char(&out, *text);
    }
    const char *copy = pl_arena_cstr(&h.arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return copy;
}

/* "$" in the trust policy's principal is the account. */
static void make_role(const char *name, const char *principal, const char *condition) {
    const char *trust = format(principal, h.root.account_id);
    assert_answer(
        ram("CreateRole",
            pl_arena_printf(&h.arena,
                            "RoleName=%s&AssumeRolePolicyDocument={\"Version\":\"1\",\"Statement\":[{"
                            "\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":%s%s}]}",
                            name, trust, condition)
                .p));
    assert_answer(ram(
        "AttachPolicyToRole",
        pl_arena_printf(&h.arena, "RoleName=%s&PolicyType=System&PolicyName=AliyunRAMReadOnlyAccess", name)
            .p));
}

/* A user who may assume roles; the world acts as that user afterwards. */
static void be_user(const char *name, const char *policy) {
    house_be_root();
    assert_answer(ram("CreateUser", format("UserName=$", name)));
    if (policy)
        assert_answer(
            ram("AttachPolicyToUser",
                pl_arena_printf(&h.arena, "UserName=%s&PolicyType=System&PolicyName=%s", name, policy).p));
    pl_json key = ram("CreateAccessKey", format("UserName=$", name));
    house_be(text_at(key, "AccessKey.AccessKeyId"), NULL);
}

static pl_json assume(const char *role, const char *more) {
    return sts("AssumeRole", pl_arena_printf(&h.arena, "RoleArn=acs:ram::%s:role/%s&RoleSessionName=work%s",
                                             h.root.account_id, role, more)
                                 .p);
}

static void be_session(pl_json answer) {
    house_be(text_at(answer, "Credentials.AccessKeyId"), text_at(answer, "Credentials.SecurityToken"));
}

static const char everybody[] = "{\"RAM\":\"acs:ram::$:root\"}";

static void callers_are_told_who_they_are(void **state) {
    (void)state;
    pl_json root = sts("GetCallerIdentity", "");
    assert_str(at(root, "IdentityType"), "Account");
    assert_str(at(root, "Arn"), format("acs:ram::$:root", h.root.account_id));
    assert_str(at(root, "PrincipalId"), h.root.account_id);
    assert_str(at(root, "UserId"), h.root.account_id);
    assert_false(pl_json_exists(pl_json_get(root, PL_STR("RoleId"))));
    make_role("Auditor", everybody, "");
    be_user("alice", "AliyunSTSAssumeRoleAccess");
    pl_json user = sts("GetCallerIdentity", "");
    assert_str(at(user, "IdentityType"), "RAMUser");
    assert_str(at(user, "Arn"), format("acs:ram::$:user/alice", h.root.account_id));
    assert_true(pl_str_eq(at(user, "PrincipalId"), at(user, "UserId")));
    pl_json assumed = assume("Auditor", "");
    assert_str(at(assumed, "AssumedRoleUser.Arn"), format("acs:ram::$:role/Auditor/work", h.root.account_id));
    assert_str(at(assumed, "Credentials.Expiration"), "2026-09-21T15:13:20Z");
    be_session(assumed);
    pl_json session = sts("GetCallerIdentity", "");
    assert_str(at(session, "IdentityType"), "AssumedRoleUser");
    assert_str(at(session, "Arn"), format("acs:ram::$:role/Auditor/work", h.root.account_id));
    assert_true(pl_str_eq(at(session, "PrincipalId"), at(assumed, "AssumedRoleUser.AssumedRoleId")));
    assert_true(pl_str_starts(at(session, "PrincipalId"), at(session, "RoleId")));
    assert_false(pl_json_exists(pl_json_get(session, PL_STR("UserId"))));
}

static void both_sides_must_allow(void **state) {
    (void)state;
    make_role("Open", everybody, "");
    make_role("Alices", "{\"RAM\":[\"acs:ram::$:user/alice\"]}", "");
    make_role("Services", "{\"Service\":[\"ecs.aliyuncs.com\"]}", "");
    be_user("bob", NULL);
    assert_refused(assume("Open", ""), 403, "NoPermission");
    be_user("carol", "AliyunSTSAssumeRoleAccess");
    assert_answer(assume("Open", ""));
    assert_answer(assume("open", ""));
    assert_refused(assume("Alices", ""), 403, "NoPermission");
    assert_refused(assume("Services", ""), 403, "NoPermission");
    assert_refused(assume("None", ""), 404, "EntityNotExist.Role");
    be_user("alice", "AliyunSTSAssumeRoleAccess");
    assert_answer(assume("Alices", ""));
}

static void parameters_are_checked(void **state) {
    (void)state;
    make_role("Open", everybody, "");
    be_user("alice", "AliyunSTSAssumeRoleAccess");
    assert_refused(sts("AssumeRole", "RoleArn=role&RoleSessionName=work"), 400, "InvalidParameter.RoleArn");
    assert_refused(
        sts("AssumeRole", format("RoleArn=acs:ram::$:role/Open&RoleSessionName=a b", h.root.account_id)), 400,
        "InvalidParameter.RoleSessionName");
    assert_refused(assume("Open", "&DurationSeconds=3601"), 400, "InvalidParameter.DurationSeconds");
    assert_refused(assume("Open", "&DurationSeconds=899"), 400, "InvalidParameter.DurationSeconds");
    assert_answer(assume("Open", "&DurationSeconds=900"));
    assert_refused(assume("Open", "&Policy={}"), 400, "InvalidParameter.PolicyGrammar");
    assert_refused(assume("Open", "&ExternalId=a b"), 400, "InvalidParameter.ExternalId");
    assert_refused(sts("AssumeRoleWithSAML", "SAMLProviderArn=acs:ram::1:saml-provider/x&RoleArn=a&"
                                             "SAMLAssertion=aaaa"),
                   404, "EntityNotExist.SAMLProvider");
}

static void an_external_id_can_be_asked_for(void **state) {
    (void)state;
    make_role("Partner", everybody, ",\"Condition\":{\"StringEquals\":{\"sts:ExternalId\":\"secret-1\"}}");
    be_user("alice", "AliyunSTSAssumeRoleAccess");
    assert_refused(assume("Partner", ""), 403, "NoPermission");
    assert_refused(assume("Partner", "&ExternalId=other"), 403, "NoPermission");
    assert_answer(assume("Partner", "&ExternalId=secret-1"));
}

static void a_session_policy_narrows(void **state) {
    (void)state;
    make_role("Auditor", everybody, "");
    be_user("alice", "AliyunSTSAssumeRoleAccess");
    pl_json wide = assume("Auditor", ""), narrow = assume("Auditor", "&Policy=" ALLOW("ram:ListRoles"));
    be_session(wide);
    assert_answer(ram("ListUsers", ""));
    assert_refused(ram("CreateUser", "UserName=x"), 403, "NoPermission");
    be_session(narrow);
    assert_answer(ram("ListRoles", ""));
    assert_refused(ram("ListUsers", ""), 403, "NoPermission");
    assert_str(h.denial.policy_type, "SessionPolicy");
    assert_str(h.denial.principal_type, "AssumedRoleUser");
    assert_str(h.denial.principal_name, "Auditor:work");
}

static void roles_chain(void **state) {
    (void)state;
    make_role("First", everybody, "");
    make_role("Second", "{\"RAM\":[\"acs:ram::$:role/First\"]}", "");
    assert_answer(
        ram("AttachPolicyToRole", "RoleName=First&PolicyType=System&PolicyName=AliyunSTSAssumeRoleAccess"));
    be_user("alice", "AliyunSTSAssumeRoleAccess");
    assert_refused(assume("Second", ""), 403, "NoPermission");
    pl_str long_one = pl_arena_printf(&h.arena, "&SourceIdentity=%065d", 1);
    assert_refused(assume("First", long_one.p), 400, "InvalidParameter.SourceIdentity");
    assert_refused(assume("First", "&SourceIdentity=a%0Ab"), 400, "InvalidParameter.SourceIdentity");
    be_session(assume("First", "&SourceIdentity=alice"));
    pl_json second = assume("Second", "&SourceIdentity=mallory");
    assert_str(at(second, "SourceIdentity"), "alice");
    be_session(second);
    assert_str(at(sts("GetCallerIdentity", ""), "Arn"),
               format("acs:ram::$:role/Second/work", h.root.account_id));
}

static int find(const char *id, const char *token) {
    identity_key key;
    return identity_find_key(h.identity, &h.arena, pl_str_from(id), pl_str_from(token), h.now, &key,
                             &h.error);
}

static void a_session_ends_with_its_time_and_its_role(void **state) {
    (void)state;
    make_role("Auditor", everybody, "");
    be_user("alice", "AliyunSTSAssumeRoleAccess");
    pl_json session = assume("Auditor", "");
    const char *id = text_at(session, "Credentials.AccessKeyId");
    const char *token = text_at(session, "Credentials.SecurityToken");
    assert_int_equal(find(id, NULL), -1);
    assert_string_equal(h.error.code, "MissingSecurityToken");
    assert_int_equal(find("STS.other", token), -1);
    assert_string_equal(h.error.code, "InvalidSecurityToken.MismatchWithAccessKey");
    assert_int_equal(find(id, "%%%"), -1);
    assert_string_equal(h.error.code, "InvalidSecurityToken.Malformed");
    assert_int_equal(find(h.root.access_key_id, token), -1);
    assert_string_equal(h.error.code, "InvalidSecurityToken.MismatchWithAccessKey");
    assert_int_equal(find(id, token), 0);
    h.now += 3600 * 1000;
    assert_int_equal(find(id, token), -1);
    assert_string_equal(h.error.code, "InvalidSecurityToken.Expired");
    h.now -= 1800 * 1000;
    assert_int_equal(find(id, token), 0);
    house_be_root();
    assert_answer(
        ram("DetachPolicyFromRole", "RoleName=Auditor&PolicyType=System&PolicyName=AliyunRAMReadOnlyAccess"));
    assert_answer(ram("DeleteRole", "RoleName=Auditor"));
    assert_int_equal(find(id, token), -1);
    assert_string_equal(h.error.code, "InvalidSecurityToken.Expired");
    make_role("Auditor", everybody, "");
    assert_int_equal(find(id, token), -1);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        HOUSE_TEST(callers_are_told_who_they_are),
        HOUSE_TEST(both_sides_must_allow),
        HOUSE_TEST(parameters_are_checked),
        HOUSE_TEST(an_external_id_can_be_asked_for),
        HOUSE_TEST(a_session_policy_narrows),
        HOUSE_TEST(roles_chain),
        HOUSE_TEST(a_session_ends_with_its_time_and_its_role),
    };
    return house_run(cases);
}
