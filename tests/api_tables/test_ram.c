/* The operations of RAM, called as a client calls them, on both drivers. */
#include "api_tables/house.h"

#define ALLOW_READING                                                                                        \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"config:Get*\",\"Resource\":\"*\"}" \
    "]}"

static void users_live_and_die(void **state) {
    (void)state;
    pl_json made = ram("CreateUser", "UserName=alice&DisplayName=Alice&MobilePhone=86-13900000000&"
                                     "Email=alice%40example.com&Comments=engineer");
    assert_answer(made);
    assert_str(at(made, "User.UserName"), "alice");
    assert_int_equal(at(made, "User.UserId").n, 18);
    assert_str(at(made, "User.CreateDate"), "2026-09-21T14:13:20Z");
    assert_refused(ram("CreateUser", "UserName=ALICE"), 409, "EntityAlreadyExists.User");
    assert_refused(ram("CreateUser", "UserName=bob&Email=nowhere"), 400, "InvalidParameter.Email.Format");
    assert_refused(ram("CreateUser", "UserName=bob&MobilePhone=12"), 400,
                   "InvalidParameter.MobilePhone.Format");
    assert_refused(ram("CreateUser", "UserName=b%20b"), 400, "InvalidParameter.UserName.InvalidChars");
    h.now += 60000;
    assert_answer(ram("UpdateUser", "UserName=alice&NewUserName=alicia&NewComments=lead"));
    pl_json found = ram("GetUser", "UserName=Alicia");
    assert_str(at(found, "User.UserName"), "alicia");
    assert_str(at(found, "User.Comments"), "lead");
    assert_str(at(found, "User.DisplayName"), "Alice");
    assert_str(at(found, "User.UpdateDate"), "2026-09-21T14:14:20Z");
    assert_str(at(found, "User.LastLoginDate"), "");
    assert_refused(ram("GetUser", "UserName=alice"), 404, "EntityNotExist.User");
    assert_answer(ram("DeleteUser", "UserName=alicia"));
    assert_refused(ram("DeleteUser", "UserName=alicia"), 404, "EntityNotExist.User");
}

static void a_user_in_use_is_not_deleted(void **state) {
    (void)state;
    assert_answer(ram("CreateUser", "UserName=alice"));
    assert_answer(ram("CreateGroup", "GroupName=dev&Comments=Developers"));
    assert_answer(ram("AddUserToGroup", "UserName=alice&GroupName=dev"));
    pl_json key = ram("CreateAccessKey", "UserName=alice");
    const char *id = text_at(key, "AccessKey.AccessKeyId");
    assert_answer(ram("CreateLoginProfile", "UserName=alice&Password=Str0ngEnough"));
    assert_answer(
        ram("AttachPolicyToUser", "UserName=alice&PolicyType=System&PolicyName=AdministratorAccess"));
    assert_refused(ram("DeleteUser", "UserName=alice"), 409, "DeleteConflict.User.Group");
    assert_refused(ram("DeleteGroup", "GroupName=dev"), 409, "DeleteConflict.Group.User");
    assert_answer(ram("RemoveUserFromGroup", "UserName=alice&GroupName=dev"));
    assert_refused(ram("RemoveUserFromGroup", "UserName=alice&GroupName=dev"), 404,
                   "EntityNotExist.User.Group");
    assert_refused(ram("DeleteUser", "UserName=alice"), 409, "DeleteConflict.User.AccessKey");
    assert_answer(
        ram("DeleteAccessKey", pl_arena_printf(&h.arena, "UserName=alice&UserAccessKeyId=%s", id).p));
    assert_refused(ram("DeleteUser", "UserName=alice"), 409, "DeleteConflict.User.LoginProfile");
    assert_answer(ram("DeleteLoginProfile", "UserName=alice"));
    assert_refused(ram("DeleteUser", "UserName=alice"), 409, "DeleteConflict.User.Policy");
    assert_answer(
        ram("DetachPolicyFromUser", "UserName=alice&PolicyType=System&PolicyName=AdministratorAccess"));
    assert_answer(ram("DeleteUser", "UserName=alice"));
    assert_answer(ram("DeleteGroup", "GroupName=dev"));
}

static void pages_follow_the_marker(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_answer(ram("CreateUser", pl_arena_printf(&h.arena, "UserName=user%d", i).p));
    pl_json first = ram("ListUsers", "MaxItems=2");
    assert_str(at(first, "IsTruncated"), "true");
    assert_str(at(first, "Users.User.1.UserName"), "user1");
    pl_json second =
        ram("ListUsers", pl_arena_printf(&h.arena, "MaxItems=3&Marker=%s", text_at(first, "Marker")).p);
    assert_str(at(second, "IsTruncated"), "false");
    assert_str(at(second, "Users.User.0.UserName"), "user2");
    assert_str(at(second, "Users.User.2.UserName"), "user4");
    assert_false(pl_json_exists(pl_json_get(second, PL_STR("Marker"))));
    assert_refused(ram("ListUsers", "Marker=made-up"), 400, "InvalidParameter.Marker");
    assert_refused(ram("ListGroups", pl_arena_printf(&h.arena, "Marker=%s", text_at(first, "Marker")).p), 400,
                   "InvalidParameter.Marker");
}

static void groups_know_their_members(void **state) {
    (void)state;
    assert_answer(ram("CreateUser", "UserName=alice"));
    pl_json made = ram("CreateGroup", "GroupName=Dev-Team");
    assert_true(pl_str_starts(at(made, "Group.GroupId"), PL_STR("g-")));
    assert_answer(ram("AddUserToGroup", "UserName=alice&GroupName=dev-team"));
    assert_refused(ram("AddUserToGroup", "UserName=alice&GroupName=Dev-Team"), 409,
                   "EntityAlreadyExists.User.Group");
    assert_refused(ram("AddUserToGroup", "UserName=nobody&GroupName=Dev-Team"), 404, "EntityNotExist.User");
    assert_answer(ram("UpdateGroup", "GroupName=Dev-Team&NewGroupName=Ops&NewComments=Operations"));
    assert_answer(ram("UpdateUser", "UserName=alice&NewUserName=anna"));
    assert_str(at(ram("ListUsersForGroup", "GroupName=Ops"), "Users.User.0.UserName"), "anna");
    pl_json groups = ram("ListGroupsForUser", "UserName=anna");
    assert_str(at(groups, "Groups.Group.0.GroupName"), "Ops");
    assert_str(at(groups, "Groups.Group.0.Comments"), "Operations");
    assert_str(at(ram("GetGroup", "GroupName=Ops"), "Group.GroupName"), "Ops");
    for (int i = 0; i < 10; i++)
        assert_answer(ram("CreateGroup", pl_arena_printf(&h.arena, "GroupName=g%d", i).p));
    for (int i = 0; i < 9; i++)
        assert_answer(ram("AddUserToGroup", pl_arena_printf(&h.arena, "UserName=anna&GroupName=g%d", i).p));
    assert_refused(ram("AddUserToGroup", "UserName=anna&GroupName=g9"), 409, "LimitExceeded.User.Group");
    assert_int_equal(pl_json_count(pl_json_get(
                         pl_json_get(ram("ListGroups", "MaxItems=100"), PL_STR("Groups")), PL_STR("Group"))),
                     11);
}

static void keys_come_in_twos(void **state) {
    (void)state;
    assert_answer(ram("CreateUser", "UserName=alice"));
    pl_json key = ram("CreateAccessKey", "UserName=alice");
    const char *id = text_at(key, "AccessKey.AccessKeyId");
    assert_str(at(key, "AccessKey.Status"), "Active");
    assert_int_equal(at(key, "AccessKey.AccessKeySecret").n, 30);
    h.now++;
    assert_answer(ram("CreateAccessKey", "UserName=alice"));
    assert_refused(ram("CreateAccessKey", "UserName=alice"), 409, "LimitExceeded.User.AccessKey");
    const char *query = pl_arena_printf(&h.arena, "UserName=alice&UserAccessKeyId=%s", id).p;
    assert_str(at(ram("GetAccessKeyLastUsed", query), "AccessKeyLastUsed.LastUsedDate"), "");
    h.now += 1000;
    house_be(id, NULL);
    house_be_root();
    assert_str(at(ram("GetAccessKeyLastUsed", query), "AccessKeyLastUsed.LastUsedDate"),
               "2026-09-21T14:13:21Z");
    assert_answer(ram("UpdateAccessKey",
                      pl_arena_printf(&h.arena, "UserName=alice&UserAccessKeyId=%s&Status=Inactive", id).p));
    identity_key found;
    assert_int_equal(
        identity_find_key(h.identity, &h.arena, pl_str_from(id), PL_STR_NONE, h.now, &found, &h.error), -1);
    assert_string_equal(h.error.code, "InvalidAccessKeyId.Inactive");
    assert_str(at(ram("ListAccessKeys", "UserName=alice"), "AccessKeys.AccessKey.0.Status"), "Inactive");
    assert_refused(ram("UpdateAccessKey", "UserName=alice&UserAccessKeyId=LTAInone&Status=Active"), 404,
                   "EntityNotExist.User.AccessKey");
}

static void without_a_user_name_keys_are_the_callers(void **state) {
    (void)state;
    assert_answer(ram("CreateUser", "UserName=alice"));
    assert_answer(
        ram("AttachPolicyToUser", "UserName=alice&PolicyType=System&PolicyName=AliyunRAMFullAccess"));
    pl_json key = ram("CreateAccessKey", "UserName=alice");
    assert_str(at(ram("ListAccessKeys", ""), "AccessKeys.AccessKey.0.AccessKeyId"), h.root.access_key_id);
    house_be(text_at(key, "AccessKey.AccessKeyId"), NULL);
    assert_str(at(ram("ListAccessKeys", ""), "AccessKeys.AccessKey.0.AccessKeyId"),
               text_at(key, "AccessKey.AccessKeyId"));
}

static void passwords_are_checked_and_changed_by_their_owner(void **state) {
    (void)state;
    assert_answer(ram("CreateUser", "UserName=alice"));
    assert_refused(ram("CreateLoginProfile", "UserName=alice&Password=short"), 400,
                   "InvalidParameter.Password.TooWeak");
    assert_refused(ram("GetLoginProfile", "UserName=alice"), 404, "EntityNotExist.User.LoginProfile");
    pl_json made =
        ram("CreateLoginProfile", "UserName=alice&Password=First-1-one&PasswordResetRequired=true");
    assert_str(at(made, "LoginProfile.PasswordResetRequired"), "true");
    assert_str(at(made, "LoginProfile.MFABindRequired"), "false");
    assert_refused(ram("CreateLoginProfile", "UserName=alice&Password=First-1-one"), 409,
                   "EntityAlreadyExists.User.LoginProfile");
    assert_refused(ram("ChangePassword", "OldPassword=x&NewPassword=y"), 400, "NotSupport.Account");
    assert_answer(
        ram("AttachPolicyToUser", "UserName=alice&PolicyType=System&PolicyName=AliyunRAMFullAccess"));
    pl_json key = ram("CreateAccessKey", "UserName=alice");
    house_be(text_at(key, "AccessKey.AccessKeyId"), NULL);
    assert_refused(ram("ChangePassword", "OldPassword=wrong&NewPassword=Second-2-two"), 400,
                   "InvalidParameter.OldPassword.Incorrect");
    assert_refused(ram("ChangePassword", "OldPassword=First-1-one&NewPassword=aaaaaaaa"), 400,
                   "InvalidParameter.NewPassword.TooWeak");
    assert_refused(ram("ChangePassword", "OldPassword=First-1-one&NewPassword=First-1-one"), 400,
                   "InvalidParameter.NewPassword.ReusePrevention");
    assert_answer(ram("ChangePassword", "OldPassword=First-1-one&NewPassword=Second-2-two"));
    assert_answer(ram("ChangePassword", "OldPassword=Second-2-two&NewPassword=Third-3-three"));
    assert_str(at(ram("GetLoginProfile", "UserName=alice"), "LoginProfile.PasswordResetRequired"), "false");
    assert_answer(ram("SetSecurityPreference", "AllowUserToChangePassword=false&LoginSessionDuration=8"));
    assert_refused(ram("ChangePassword", "OldPassword=Third-3-three&NewPassword=Fourth-4-four"), 403,
                   "NoPermission");
    assert_refused(ram("SetSecurityPreference", "LoginNetworkMasks=10.0.0.0/8,home"), 400,
                   "InvalidParameter.LoginNetworkMasks");
    assert_answer(ram("SetSecurityPreference", "AllowUserToChangePassword=false&LoginSessionDuration=8&"
                                               "LoginNetworkMasks=10.0.0.0/8%3B2001:db8::/32,192.0.2.1"));
    pl_json preference = ram("GetSecurityPreference", "");
    assert_str(at(preference, "SecurityPreference.LoginProfilePreference.LoginSessionDuration"), "8");
    assert_str(at(preference, "SecurityPreference.MFAPreference.AllowUserToManageMFADevices"), "true");
}

static void policies_have_five_versions(void **state) {
    (void)state;
    pl_json made = ram("CreatePolicy", "PolicyName=Reading&Description=reads&PolicyDocument=" ALLOW_READING);
    assert_answer(made);
    assert_str(at(made, "Policy.DefaultVersion"), "v1");
    assert_refused(ram("CreatePolicy", "PolicyName=reading&PolicyDocument=" ALLOW_READING), 409,
                   "EntityAlreadyExists.Policy");
    assert_refused(ram("CreatePolicy", "PolicyName=Broken&PolicyDocument={}"), 400,
                   "MalformedPolicyDocument");
    for (int i = 2; i <= 5; i++)
        assert_answer(ram("CreatePolicyVersion", "PolicyName=Reading&PolicyDocument=" ALLOW_READING));
    assert_refused(ram("CreatePolicyVersion", "PolicyName=Reading&PolicyDocument=" ALLOW_READING), 409,
                   "LimitExceeded.Policy.Version");
    assert_answer(ram("SetDefaultPolicyVersion", "PolicyName=Reading&VersionId=v2"));
    pl_json rotated =
        ram("CreatePolicyVersion",
            "PolicyName=Reading&SetAsDefault=true&"
            "RotateStrategy=DeleteOldestNonDefaultVersionWhenLimitExceeded&PolicyDocument=" ALLOW_READING);
    assert_str(at(rotated, "PolicyVersion.VersionId"), "v6");
    assert_str(at(rotated, "PolicyVersion.IsDefaultVersion"), "true");
    assert_refused(ram("GetPolicyVersion", "PolicyType=Custom&PolicyName=Reading&VersionId=v1"), 404,
                   "EntityNotExist.Policy.Version");
    assert_refused(ram("GetPolicyVersion", "PolicyType=Custom&PolicyName=Reading&VersionId=one"), 400,
                   "InvalidParameter.VersionId.Format");
    assert_refused(ram("DeletePolicyVersion", "PolicyName=Reading&VersionId=v6"), 409,
                   "DeleteConflict.Policy.Version.Default");
    assert_answer(ram("DeletePolicyVersion", "PolicyName=Reading&VersionId=v3"));
    pl_json list = ram("ListPolicyVersions", "PolicyType=Custom&PolicyName=Reading");
    assert_int_equal(
        pl_json_count(pl_json_get(pl_json_get(list, PL_STR("PolicyVersions")), PL_STR("PolicyVersion"))), 4);
    assert_refused(ram("DeletePolicy", "PolicyName=Reading"), 409, "DeleteConflict.Policy.Version");
    assert_answer(ram("DeletePolicy", "PolicyName=Reading&CascadingDelete=true"));
    assert_refused(ram("GetPolicy", "PolicyType=Custom&PolicyName=Reading"), 404, "EntityNotExist.Policy");
}

static void policies_are_shown_with_their_document(void **state) {
    (void)state;
    pl_json shipped = ram("GetPolicy", "PolicyType=System&PolicyName=AdministratorAccess");
    assert_str(
        at(shipped, "DefaultPolicyVersion.PolicyDocument"),
        "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"*\"],\"Resource\":\"*\"}]}");
    assert_answer(ram("CreatePolicy", "PolicyName=Reading&Tag.1.Key=owner&Tag.1.Value=alice&"
                                      "PolicyDocument=" ALLOW_READING));
    assert_answer(ram("UpdatePolicyDescription", "PolicyName=Reading&NewDescription=new"));
    pl_json all = ram("ListPolicies", "MaxItems=4");
    assert_str(at(all, "Policies.Policy.0.PolicyName"), "AdministratorAccess");
    assert_str(at(all, "IsTruncated"), "true");
    pl_json tagged = ram("ListPolicies", "Tag.1.Key=owner");
    assert_str(at(tagged, "Policies.Policy.0.PolicyName"), "Reading");
    assert_str(at(tagged, "Policies.Policy.0.Description"), "new");
    assert_str(at(tagged, "Policies.Policy.0.Tags.Tag.0.TagValue"), "alice");
    int pages = 1;
    while (pl_str_is(at(all, "IsTruncated"), "true")) {
        all =
            ram("ListPolicies", pl_arena_printf(&h.arena, "MaxItems=4&Marker=%s", text_at(all, "Marker")).p);
        pages++;
    }
    assert_int_equal(pages, 3);
}

static void attachments_are_counted_and_listed(void **state) {
    (void)state;
    assert_answer(ram("CreateUser", "UserName=alice"));
    assert_answer(ram("CreateGroup", "GroupName=dev"));
    assert_answer(ram("CreatePolicy", "PolicyName=Reading&PolicyDocument=" ALLOW_READING));
    assert_answer(ram("AttachPolicyToUser", "UserName=alice&PolicyType=Custom&PolicyName=Reading"));
    assert_answer(ram("AttachPolicyToGroup", "GroupName=dev&PolicyType=Custom&PolicyName=Reading"));
    assert_refused(ram("AttachPolicyToUser", "UserName=alice&PolicyType=Custom&PolicyName=Reading"), 409,
                   "EntityAlreadyExists.User.Policy");
    assert_refused(ram("AttachPolicyToUser", "UserName=alice&PolicyType=System&PolicyName=Reading"), 404,
                   "EntityNotExist.Policy");
    assert_refused(ram("AttachPolicyToUser",
                       "UserName=alice&PolicyType=Custom&PolicyName=Reading&ResourceGroupId=rg-none"),
                   404, "EntityNotExists.ResourceGroup");
    assert_str(at(ram("GetPolicy", "PolicyType=Custom&PolicyName=Reading"), "Policy.AttachmentCount"), "2");
    pl_json entities = ram("ListEntitiesForPolicy", "PolicyType=Custom&PolicyName=Reading");
    assert_str(at(entities, "Users.User.0.UserName"), "alice");
    assert_str(at(entities, "Groups.Group.0.GroupName"), "dev");
    assert_int_equal(pl_json_count(pl_json_get(pl_json_get(entities, PL_STR("Roles")), PL_STR("Role"))), 0);
    assert_refused(ram("DeletePolicy", "PolicyName=Reading"), 409, "DeleteConflict.Policy.User");
    assert_answer(ram("DetachPolicyFromUser", "UserName=alice&PolicyType=Custom&PolicyName=Reading"));
    assert_refused(ram("DetachPolicyFromUser", "UserName=alice&PolicyType=Custom&PolicyName=Reading"), 404,
                   "EntityNotExist.User.Policy");
    assert_refused(ram("DeletePolicy", "PolicyName=Reading"), 409, "DeleteConflict.Policy.Group");
    assert_str(at(ram("ListPoliciesForGroup", "GroupName=dev"), "Policies.Policy.0.DefaultVersion"), "v1");
    for (int i = 0; i < 11; i++) {
        const char *name = pl_arena_printf(&h.arena, "PolicyName=P%d&PolicyDocument=" ALLOW_READING, i).p;
        assert_answer(ram("CreatePolicy", name));
        pl_str query = pl_arena_printf(&h.arena, "UserName=alice&PolicyType=Custom&PolicyName=P%d", i);
        if (i < 10)
            assert_answer(ram("AttachPolicyToUser", query.p));
        else
            assert_refused(ram("AttachPolicyToUser", query.p), 409, "LimitExceeded.User.Policy");
    }
}

#define TRUST_ROOT                                                                                           \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\","                 \
    "\"Principal\":{\"RAM\":\"acs:ram::%s:root\"}}]}"

static void roles_live_and_die(void **state) {
    (void)state;
    pl_str create = pl_arena_printf(&h.arena,
                                    "RoleName=Auditor&MaxSessionDuration=7200&Tag.1.Key=team&Tag.1.Value=a&"
                                    "AssumeRolePolicyDocument=" TRUST_ROOT,
                                    h.root.account_id);
    pl_json made = ram("CreateRole", create.p);
    assert_answer(made);
    assert_str(at(made, "Role.Arn"),
               pl_arena_printf(&h.arena, "acs:ram::%s:role/Auditor", h.root.account_id).p);
    assert_refused(ram("CreateRole", create.p), 409, "EntityAlreadyExists.Role");
    assert_refused(ram("CreateRole", "RoleName=X&AssumeRolePolicyDocument={}"), 400,
                   "MalformedPolicyDocument");
    pl_json updated = ram("UpdateRole", "RoleName=auditor&NewDescription=reads");
    assert_str(at(updated, "Role.MaxSessionDuration"), "7200");
    assert_str(at(updated, "Role.Description"), "reads");
    pl_json list = ram("ListRoles", "Tag.1.Key=team&Tag.1.Value=a");
    assert_str(at(list, "Roles.Role.0.Tags.Tag.0.TagKey"), "team");
    assert_int_equal(pl_json_count(pl_json_get(
                         pl_json_get(ram("ListRoles", "Tag.1.Key=none"), PL_STR("Roles")), PL_STR("Role"))),
                     0);
    assert_answer(
        ram("AttachPolicyToRole", "RoleName=Auditor&PolicyType=System&PolicyName=AdministratorAccess"));
    assert_refused(ram("DeleteRole", "RoleName=Auditor"), 409, "DeleteConflict.Role.Policy");
    assert_str(at(ram("ListPoliciesForRole", "RoleName=Auditor"), "Policies.Policy.0.PolicyType"), "System");
    assert_answer(
        ram("DetachPolicyFromRole", "RoleName=Auditor&PolicyType=System&PolicyName=AdministratorAccess"));
    assert_answer(ram("DeleteRole", "RoleName=Auditor"));
    assert_refused(ram("GetRole", "RoleName=Auditor"), 404, "EntityNotExist.Role");
}

/* Clients that delete what they list go on behind what is no more. */
static void pages_go_on_behind_what_was_deleted(void **state) {
    (void)state;
    static const char *const names[] = {"Aa", "Bb", "Cc"};
    for (size_t i = 0; i < 3; i++) {
        pl_str role = pl_arena_printf(&h.arena, "RoleName=%s&AssumeRolePolicyDocument=" TRUST_ROOT, names[i],
                                      h.root.account_id);
        assert_answer(ram("CreateRole", role.p));
        assert_answer(ram("CreatePolicy", pl_arena_printf(&h.arena,
                                                          "PolicyName=%s&Tag.1.Key=k&Tag.1.Value=v&"
                                                          "PolicyDocument=" ALLOW_READING,
                                                          names[i])
                                              .p));
    }
    pl_str roles = pl_arena_printf(&h.arena, "MaxItems=1&Marker=%s",
                                   text_at(ram("ListRoles", "MaxItems=1"), "Marker")),
           policies = pl_arena_printf(&h.arena, "PolicyType=Custom&MaxItems=1&Marker=%s",
                                      text_at(ram("ListPolicies", "PolicyType=Custom&MaxItems=1"), "Marker")),
           tags = pl_arena_printf(
               &h.arena, "ResourceType=policy&NextToken=%s",
               text_at(ram("ListTagResources", "ResourceType=policy&PageSize=1"), "NextToken"));
    assert_answer(ram("DeleteRole", "RoleName=Aa"));
    assert_answer(ram("DeletePolicy", "PolicyName=Aa"));
    assert_str(at(ram("ListRoles", roles.p), "Roles.Role.0.RoleName"), "Bb");
    assert_str(at(ram("ListPolicies", policies.p), "Policies.Policy.0.PolicyName"), "Bb");
    assert_str(at(ram("ListTagResources", tags.p), "TagResources.0.ResourceName"), "Bb");
}

static void tags_are_set_listed_and_removed(void **state) {
    (void)state;
    assert_answer(ram("CreatePolicy", "PolicyName=Reading&PolicyDocument=" ALLOW_READING));
    assert_answer(ram("TagResources", "ResourceType=policy&ResourceNames.1=Reading&Tag.1.Key=a&Tag.1.Value=1&"
                                      "Tag.2.Key=b&Tag.2.Value=2"));
    assert_refused(ram("TagResources", "ResourceType=role&ResourceNames.1=none&Tag.1.Key=a&Tag.1.Value=1"),
                   404, "EntityNotExist.Role");
    pl_json first = ram("ListTagResources", "ResourceType=policy&PageSize=1");
    assert_str(at(first, "TagResources.0.TagKey"), "a");
    pl_json second =
        ram("ListTagResources",
            pl_arena_printf(&h.arena, "ResourceType=policy&NextToken=%s", text_at(first, "NextToken")).p);
    assert_str(at(second, "TagResources.0.TagKey"), "b");
    assert_answer(ram("UntagResources", "ResourceType=policy&ResourceNames.1=Reading&TagKeys.1=a"));
    assert_answer(ram("UntagResources", "ResourceType=policy&ResourceNames.1=Reading&All=true"));
    pl_json none = ram("ListTagResources", "ResourceType=policy");
    assert_int_equal(pl_json_count(pl_json_get(none, PL_STR("TagResources"))), 0);
}

static void the_alias_is_the_accounts_own(void **state) {
    (void)state;
    assert_refused(ram("GetAccountAlias", ""), 404, "EntityNotExist.AccountAlias");
    assert_answer(ram("SetAccountAlias", "AccountAlias=my-company"));
    assert_str(at(ram("GetAccountAlias", ""), "AccountAlias"), "my-company");
    assert_refused(ram("SetAccountAlias", "AccountAlias=-bad-"), 400, "InvalidParameter.AccountAlias.Format");
    assert_answer(ram("ClearAccountAlias", ""));
    assert_refused(ram("GetAccountAlias", ""), 404, "EntityNotExist.AccountAlias");
}

static void a_denial_can_be_decoded(void **state) {
    (void)state;
    assert_answer(ram("CreateUser", "UserName=alice"));
    assert_answer(ram("CreatePolicy", "PolicyName=Reading&PolicyDocument=" ALLOW_READING));
    assert_answer(ram("AttachPolicyToUser", "UserName=alice&PolicyType=Custom&PolicyName=Reading"));
    pl_json key = ram("CreateAccessKey", "UserName=alice");
    house_be(text_at(key, "AccessKey.AccessKeyId"), NULL);
    assert_refused(ram("ListUsers", ""), 403, "NoPermission");
    assert_str(h.denial.principal_type, "SubUser");
    assert_str(h.denial.no_permission_type, "ImplicitDeny");
    assert_str(h.denial.policy_type, "AccountLevelIdentityBasedPolicy");
    assert_true(pl_str_starts(h.denial.encoded_message, PL_STR("AQEAAAAA")));
    pl_buf query;
    pl_buf_init(&query, 1 << 20);
    pl_buf_add(&query, PL_STR("EncodedDiagnosticMessage="));
    for (size_t i = 0; i < h.denial.encoded_message.n; i++) {
        char c = h.denial.encoded_message.p[i];
        pl_buf_add(&query, c == '+' ? PL_STR("%2B") : pl_str_of(&c, 1));
    }
    pl_buf_add_char(&query, 0);
    house_be_root();
    pl_json decoded = ram("DecodeDiagnosticMessage", query.p);
    assert_answer(decoded);
    assert_str(at(decoded, "DecodedDiagnosticMessage.AuthAction"), "ram:ListUsers");
    assert_str(at(decoded, "DecodedDiagnosticMessage.ExplicitDeny"), "false");
    assert_str(at(decoded, "DecodedDiagnosticMessage.AuthPrincipal.AuthPrincipalOwnerId"), h.root.account_id);
    h.now += 25 * 3600 * 1000;
    assert_refused(ram("DecodeDiagnosticMessage", query.p), 400, "EncodedMessageExpire");
    assert_refused(ram("DecodeDiagnosticMessage", "EncodedDiagnosticMessage=AQEAAAAAxx"), 404,
                   "EntityNotExist");
    pl_buf_free(&query);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        HOUSE_TEST(users_live_and_die),
        HOUSE_TEST(a_user_in_use_is_not_deleted),
        HOUSE_TEST(pages_follow_the_marker),
        HOUSE_TEST(groups_know_their_members),
        HOUSE_TEST(keys_come_in_twos),
        HOUSE_TEST(without_a_user_name_keys_are_the_callers),
        HOUSE_TEST(passwords_are_checked_and_changed_by_their_owner),
        HOUSE_TEST(policies_have_five_versions),
        HOUSE_TEST(policies_are_shown_with_their_document),
        HOUSE_TEST(attachments_are_counted_and_listed),
        HOUSE_TEST(roles_live_and_die),
        HOUSE_TEST(pages_go_on_behind_what_was_deleted),
        HOUSE_TEST(tags_are_set_listed_and_removed),
        HOUSE_TEST(the_alias_is_the_accounts_own),
        HOUSE_TEST(a_denial_can_be_decoded),
    };
    return house_run(cases);
}
