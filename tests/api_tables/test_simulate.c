/* SimulatePolicy: stored policies, tried ones, and who decided. */
#include "api_tables/house.h"

#include "base/memory.h"
#include "identity/calls.h"

#define POLICY(effect, action)                                                                               \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"" effect "\",\"Action\":\"" action                      \
    "\",\"Resource\":\"*\"}]}"

static pl_json simulate(const char *account, const char *principal, const char *action, const char *more) {
    return house_call(
        "Plumbline", "2026-11-01", "SimulatePolicy",
        pl_arena_printf(&h.arena,
                        "PrincipalArn=acs:ram::%s:%s&ActionName=%s&ResourceArn=acs:config:*:%s:rule/cr-1%s",
                        account, principal, action, account, more)
            .p);
}

static pl_json alice(const char *action, const char *more) {
    return simulate(h.root.account_id, "user/alice", action, more);
}

static void make_alice(void) {
    assert_answer(ram("CreateUser", "UserName=alice"));
    assert_answer(ram("CreatePolicy", "PolicyName=Reading&PolicyDocument=" POLICY("Allow", "config:Get*")));
    assert_answer(ram("AttachPolicyToUser", "UserName=alice&PolicyType=Custom&PolicyName=Reading"));
}

static void stored_policies_decide(void **state) {
    (void)state;
    make_alice();
    pl_json allowed = alice("config:GetConfigRule", "");
    assert_str(at(allowed, "Decision"), "Allow");
    assert_str(at(allowed, "DecidedBy.PolicyName"), "Reading");
    assert_str(at(allowed, "MatchedStatements.0.Effect"), "Allow");
    assert_str(at(allowed, "MatchedStatements.0.Statement.Action"), "config:Get*");
    assert_str(at(alice("config:DeleteConfigRules", ""), "Decision"), "ImplicitDeny");
    assert_str(at(simulate(h.root.account_id, "root", "config:DeleteConfigRules", ""), "Decision"), "Allow");
    assert_refused(simulate(h.root.account_id, "user/nobody", "config:GetConfigRule", ""), 400,
                   "Invalid.PrincipalArn.Value");
    assert_refused(simulate("1999999999999999", "root", "config:GetConfigRule", ""), 400,
                   "Invalid.PrincipalArn.Value");
}

static void tried_policies_join_or_stand_instead(void **state) {
    (void)state;
    make_alice();
    pl_json joined =
        alice("config:GetConfigRule", "&IdentityPolicies=[" POLICY("Deny", "config:GetConfigRule") "]");
    assert_str(at(joined, "Decision"), "ExplicitDeny");
    assert_str(at(joined, "DecidedBy.PolicyName"), "IdentityPolicies[0]");
    assert_int_equal(pl_json_count(pl_json_get(joined, PL_STR("MatchedStatements"))), 2);
    assert_str(at(alice("config:GetConfigRule", "&IdentityPolicies=[[" POLICY("Allow", "config:List*") "]]"),
                  "Decision"),
               "ImplicitDeny");
    assert_str(at(alice("config:GetConfigRule",
                        "&IdentityPolicies=[{\"PolicyName\":\"Reading\",\"PolicyDocument\":" POLICY(
                            "Allow", "config:List*") "}]"),
                  "Decision"),
               "ImplicitDeny");
    assert_refused(alice("config:GetConfigRule", "&IdentityPolicies=[{}]"), 400,
                   "Invalid.IdentityPolicies.Value");
}

static void the_context_can_be_given(void **state) {
    (void)state;
    make_alice();
    const char *trial =
        "&IdentityPolicies=[{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\","
        "\"Resource\":\"*\",\"Condition\":{\"IpAddress\":{\"acs:SourceIp\":\"10.0.0.0/8\"}}}]}]";
    assert_str(at(alice("config:GetConfigRule", trial), "Decision"), "Allow");
    assert_str(at(alice("config:GetConfigRule",
                        pl_arena_printf(&h.arena, "%s&Context={\"acs:sourceip\":\"10.1.2.3\"}", trial).p),
                  "Decision"),
               "ExplicitDeny");
}

static void control_policies_are_tried_before_they_bind(void **state) {
    (void)state;
    make_alice();
    pl_json denied = alice("config:GetConfigRule", "&ControlPolicies=[" POLICY("Deny", "config:*") "]");
    assert_str(at(denied, "Decision"), "ExplicitDeny");
    assert_str(at(denied, "DecidedBy.Step"), "control policy");
    assert_str(at(denied, "DecidedBy.TargetId"), h.root.account_id);
    assert_str(at(alice("config:GetConfigRule",
                        "&ControlPolicies=[[" POLICY("Allow", "*") "],[" POLICY("Allow", "ecs:*") "]]"),
                  "Decision"),
               "ImplicitDeny");
    assert_str(at(alice("config:GetConfigRule",
                        "&ControlPolicies=[[" POLICY("Allow", "*") "],[" POLICY("Allow", "config:*") "]]"),
                  "Decision"),
               "Allow");
}

static void a_folder_is_named_when_it_decides(void **state) {
    (void)state;
    assert_answer(directory("InitResourceDirectory", ""));
    const char *folder = text_at(directory("CreateFolder", "FolderName=apps"), "Folder.FolderId");
    const char *member =
        text_at(directory("CreateResourceAccount",
                          pl_arena_printf(&h.arena, "DisplayName=dev&ParentFolderId=%s", folder).p),
                "Account.AccountId");
    assert_answer(directory("EnableControlPolicy", ""));
    const char *role = "role/ResourceDirectoryAccountAccessRole";
    assert_str(at(simulate(member, role, "config:GetConfigRule", ""), "Decision"), "Allow");
    const char *trial = pl_arena_printf(&h.arena,
                                        "&ControlPolicies=[{\"PolicyName\":\"stop\",\"TargetId\":\"%s\","
                                        "\"PolicyDocument\":" POLICY("Deny", "config:*") "}]",
                                        folder)
                            .p;
    pl_json denied = simulate(member, role, "config:GetConfigRule", trial);
    assert_str(at(denied, "Decision"), "ExplicitDeny");
    assert_str(at(denied, "DecidedBy.TargetId"), folder);
    assert_str(at(denied, "DecidedBy.TargetName"), "apps");
    assert_str(at(denied, "DecidedBy.PolicyName"), "stop");
    assert_true(pl_str_starts(at(denied, "DecidedBy.Path"), PL_STR("rd-")));
    assert_str(at(simulate(h.root.account_id, "root", "config:GetConfigRule", trial), "Decision"), "Allow");
}

static pl_json change(const char *target, const char *more) {
    return house_call("Plumbline", "2026-11-01", "SimulateControlPolicyChange",
                      pl_arena_printf(&h.arena, "TargetId=%s%s", target, more).p);
}

/* The question before a control policy is attached: what would break? */
static void calls_seen_tell_what_a_control_policy_would_break(void **state) {
    (void)state;
    assert_answer(directory("InitResourceDirectory", ""));
    const char *folder = text_at(directory("CreateFolder", "FolderName=apps"), "Folder.FolderId");
    const char *member =
        text_at(directory("CreateResourceAccount",
                          pl_arena_printf(&h.arena, "DisplayName=dev&ParentFolderId=%s", folder).p),
                "Account.AccountId");
    pl_json session =
        sts("AssumeRole", pl_arena_printf(&h.arena,
                                          "RoleArn=acs:ram::%s:role/ResourceDirectoryAccountAccessRole&"
                                          "RoleSessionName=visitor",
                                          member)
                              .p);
    house_be(text_at(session, "Credentials.AccessKeyId"), text_at(session, "Credentials.SecurityToken"));
    assert_answer(ram("ListUsers", ""));
    assert_answer(ram("ListUsers", ""));
    assert_answer(ram("CreateUser", "UserName=bob"));
    assert_refused(change(folder, "&PolicyDocument=" POLICY("Deny", "ram:Create*")), 404,
                   "EntityNotExists.ResourceDirectory");
    house_be_root();
    assert_answer(ram("ListUsers", ""));
    assert_answer(directory("EnableControlPolicy", ""));
    pl_json told = change(folder, "&PolicyDocument=" POLICY("Deny", "ram:Create*"));
    assert_answer(told);
    assert_str(at(told, "Accounts"), "1");
    assert_str(at(told, "Evaluated"), "3");
    assert_str(at(told, "Changed"), "1");
    assert_str(at(told, "Truncated"), "false");
    assert_str(at(told, "Calls.0.ActionName"), "ram:CreateUser");
    assert_str(at(told, "Calls.0.AccountId"), member);
    assert_str(at(told, "Calls.0.SourceIp"), "192.0.2.7");
    assert_str(at(told, "Calls.0.DecisionBefore"), "Allow");
    assert_str(at(told, "Calls.0.DecisionAfter"), "ExplicitDeny");
    pl_json all = change(member, "&Days=90&PolicyDocument=" POLICY("Deny", "ram:*"));
    assert_str(at(all, "Changed"), "2");
    assert_str(at(all, "Calls.1.Count"), "2");
    h.now += (int64_t)31 * 24 * 3600 * 1000;
    assert_str(at(change(member, "&PolicyDocument=" POLICY("Deny", "ram:*")), "Evaluated"), "0");
    assert_refused(change("fd-none", "&PolicyDocument=" POLICY("Deny", "ram:*")), 404,
                   "EntityNotExists.Target");
    assert_refused(change(member, "&PolicyDocument={}"), 409, "MalformedPolicyDocument");
}

static int tag_calls(store_session *session, void *argument, pl_error *error) {
    (void)argument;
    return store_run(session, error,
                     "UPDATE identity_calls SET conditions = '{\"acs:ResourceTag\":{\"a\":\"1\",\"env\":"
                     "\"prod\"}}'",
                     "");
}

/* One look at what a policy that stands on the tags of that time would do; 0, or -1 with h.error. */
static int look(const char *member, pl_arena *arena, identity_impact *impact) {
    identity_control_change against = {
        .target_id = pl_str_from(member),
        .document = PL_STR("{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":"
                           "\"ram:Create*\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":"
                           "{\"acs:ResourceTag/env\":\"prod\"}}}]}")};
    return identity_control_impact(h.identity, arena, pl_str_from(h.root.account_id), &against, 0, impact,
                                   &h.error);
}

/* Too little memory is told as that: no call is left out, none is decided without its condition keys. */
static void what_would_break_is_whole_or_not_told(void **state) {
    (void)state;
    assert_answer(directory("InitResourceDirectory", ""));
    const char *member = text_at(directory("CreateResourceAccount", "DisplayName=dev"), "Account.AccountId");
    pl_json session =
        sts("AssumeRole", pl_arena_printf(&h.arena,
                                          "RoleArn=acs:ram::%s:role/ResourceDirectoryAccountAccessRole&"
                                          "RoleSessionName=visitor",
                                          member)
                              .p);
    house_be(text_at(session, "Credentials.AccessKeyId"), text_at(session, "Credentials.SecurityToken"));
    assert_answer(ram("CreateUser", "UserName=bob"));
    assert_answer(ram("CreateGroup", "GroupName=eve"));
    house_be_root();
    assert_answer(directory("EnableControlPolicy", ""));
    assert_str(at(change(member, "&PolicyDocument=" POLICY("Deny", "ram:Create*")), "Changed"), "2");
    assert_int_equal(store_write(h.store, tag_calls, NULL, &h.error), 0);
    bool failed = true;
    long told = 0;
    for (long successes = 0; failed; successes++) {
        pl_arena arena;
        identity_impact impact;
        pl_arena_init(&arena, 16 << 20);
        pl_memory_fail_once(successes);
        int result = look(member, &arena, &impact);
        failed = pl_memory_fail_end();
        if (result != 0 && (!failed || h.error.http_status < 500))
            fail_msg("allocation %ld: %s: %s", successes, h.error.code, h.error.message);
        if (result == 0) {
            assert_int_equal(impact.decided, 2);
            assert_int_equal(impact.changed, 2);
            told++;
        }
        pl_arena_free(&arena);
    }
    assert_true(told > 0);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        HOUSE_TEST(stored_policies_decide),
        HOUSE_TEST(tried_policies_join_or_stand_instead),
        HOUSE_TEST(the_context_can_be_given),
        HOUSE_TEST(control_policies_are_tried_before_they_bind),
        HOUSE_TEST(a_folder_is_named_when_it_decides),
        HOUSE_TEST(calls_seen_tell_what_a_control_policy_would_break),
        HOUSE_TEST(what_would_break_is_whole_or_not_told),
    };
    return house_run(cases);
}
