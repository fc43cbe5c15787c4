/* Roles, policies and attachments by way of Resource Management, and members entered by their management. */
#include "api_tables/house.h"

#define POLICY(effect, action)                                                                               \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"" effect "\",\"Action\":\"" action                      \
    "\",\"Resource\":\"*\"}]}"
#define TRUST_SERVICE                                                                                        \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\","                 \
    "\"Principal\":{\"Service\":\"ecs.aliyuncs.com\"}}]}"

static const char *join(const char *format, const char *value) {
    pl_buf out;
    pl_buf_init(&out, 65536);
    for (; *format; format++) {
        if (*format == '$')
            pl_buf_add(&out, pl_str_from(value));
        else
            pl_buf_add_char(&out, *format);
    }
    const char *copy = pl_arena_cstr(&h.arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return copy;
}

static void roles_have_a_principal_name(void **state) {
    (void)state;
    pl_json made = directory("CreateRole", "RoleName=ECSAdmin&AssumeRolePolicyDocument=" TRUST_SERVICE);
    assert_str(at(made, "Role.RolePrincipalName"),
               join("ECSAdmin@role.$.onaliyunservice.com", h.root.account_id));
    assert_refused(directory("CreateRole", "RoleName=X&AssumeRolePolicyDocument={}"), 409,
                   "MalformedPolicyDocument");
    assert_refused(directory("CreateRole", "RoleName=a b&AssumeRolePolicyDocument=" TRUST_SERVICE), 400,
                   "InvalidParameter.RoleName.InvalidChars");
    assert_str(at(directory("GetRole", "RoleName=ECSAdmin"), "Role.IsServiceLinkedRole"), "false");
    pl_json list = directory("ListRoles", "PageSize=5&PageNumber=1");
    assert_str(at(list, "TotalCount"), "1");
    assert_str(at(list, "Roles.Role.0.RoleName"), "ECSAdmin");
    assert_str(at(ram("GetRole", "RoleName=ECSAdmin"), "Role.RoleName"), "ECSAdmin");
    assert_answer(directory("DeleteRole", "RoleName=ECSAdmin"));
}

static void roles_of_services_elsewhere_hold_no_policy(void **state) {
    (void)state;
    pl_json made = directory("CreateServiceLinkedRole", "ServiceName=engine.dataworks.aliyuncs.com");
    assert_str(at(made, "Role.RoleName"), "AliyunServiceRoleForDataWorksEngine");
    assert_null(at(ram("ListPoliciesForRole", "RoleName=AliyunServiceRoleForDataWorksEngine"),
                   "Policies.Policy.0.PolicyName")
                    .p);
    assert_answer(directory("DeleteServiceLinkedRole", "RoleName=AliyunServiceRoleForDataWorksEngine"));
}

static void service_linked_roles_belong_to_their_service(void **state) {
    (void)state;
    assert_refused(directory("CreateServiceLinkedRole", "ServiceName=nobody.aliyuncs.com"), 404,
                   "EntityNotExist.Service");
    assert_refused(directory("CreateServiceLinkedRole", "ServiceName=config.aliyuncs.com&CustomSuffix=x"),
                   400, "InvalidParameter.CustomSuffix.NotAllowed");
    pl_json made = directory("CreateServiceLinkedRole", "ServiceName=config.aliyuncs.com");
    assert_str(at(made, "Role.RoleName"), "AliyunServiceRoleForConfig");
    assert_str(at(made, "Role.IsServiceLinkedRole"), "true");
    assert_refused(directory("CreateServiceLinkedRole", "ServiceName=config.aliyuncs.com"), 409,
                   "EntityAlreadyExists.Role");
    assert_refused(ram("DeleteRole", "RoleName=AliyunServiceRoleForConfig"), 403, "NoPermission");
    assert_refused(ram("DetachPolicyFromRole", "RoleName=AliyunServiceRoleForConfig&PolicyType=System&"
                                               "PolicyName=AliyunServiceRolePolicyForConfig"),
                   403, "NoPermission");
    assert_refused(
        sts("AssumeRole",
            join("RoleArn=acs:ram::$:role/AliyunServiceRoleForConfig&RoleSessionName=me", h.root.account_id)),
        403, "NoPermission");
    pl_json task = directory("DeleteServiceLinkedRole", "RoleName=AliyunServiceRoleForConfig");
    assert_str(at(directory("GetServiceLinkedRoleDeletionStatus",
                            join("DeletionTaskId=$", text_at(task, "DeletionTaskId"))),
                  "Status"),
               "SUCCEEDED");
    assert_refused(
        directory("GetServiceLinkedRoleDeletionStatus", "DeletionTaskId=task/acs-service-role/none"), 404,
        "EntityNotExist.ServiceLinkedRole.DeletionTask");
    assert_refused(directory("DeleteServiceLinkedRole", "RoleName=AliyunServiceRoleForConfig"), 404,
                   "EntityNotExist.Role");
}

static bool allowed(const char *action, pl_str resource) {
    identity_request request = {.action = pl_str_from(action),
                                .resources = &resource,
                                .resource_count = 1,
                                .source_ip = PL_STR("192.0.2.7"),
                                .now = h.now};
    return identity_authorize(h.identity, &h.arena, &h.caller, &request, &h.denial, &h.error) == 0;
}

static pl_str group_arn(const char *group) {
    return pl_arena_printf(&h.arena, "acs:ram:*:%s:resourcegroup/%s", h.root.account_id, group);
}

/* The group that an account has before its groups were ever listed. */
static void assert_default_group(pl_str account_id) {
    const char *id = pl_arena_printf(&h.arena, "rg-%.*s", PL_FMT(pl_str_skip(account_id, 1))).p;
    pl_json group = directory("GetResourceGroup", join("ResourceGroupId=$", id));
    assert_str(at(group, "ResourceGroup.Name"), "default");
    assert_str(at(group, "ResourceGroup.Status"), "OK");
    assert_str(at(group, "ResourceGroup.AccountId"), pl_arena_cstr(&h.arena, account_id));
    assert_answer(directory(
        "AttachPolicy",
        pl_arena_printf(&h.arena,
                        "PolicyType=System&PolicyName=AliyunConfigReadOnlyAccess&ResourceGroupId=%s&"
                        "PrincipalType=IMSUser&PrincipalName=u@%.*s.onaliyun.com",
                        id, PL_FMT(account_id))
            .p));
    pl_json list = directory("ListResourceGroups", "");
    assert_str(at(list, "TotalCount"), "1");
    assert_str(at(list, "ResourceGroups.ResourceGroup.0.Id"), id);
}

static void accounts_have_a_default_group_from_the_beginning(void **state) {
    (void)state;
    assert_answer(ram("CreateUser", "UserName=u"));
    assert_default_group(pl_str_from(h.root.account_id));
    assert_answer(directory("InitResourceDirectory", ""));
    pl_str member =
        at(directory("CreateResourceAccount", "DisplayName=one&AccountNamePrefix=one"), "Account.AccountId");
    pl_json entered = sts("AssumeRole", pl_arena_printf(&h.arena,
                                                        "RoleSessionName=me&RoleArn=acs:ram::%.*s:role/"
                                                        "ResourceDirectoryAccountAccessRole",
                                                        PL_FMT(member))
                                            .p);
    assert_answer(entered);
    house_be(text_at(entered, "Credentials.AccessKeyId"), text_at(entered, "Credentials.SecurityToken"));
    assert_answer(ram("CreateUser", "UserName=u"));
    assert_default_group(member);
}

/* Takes the store back to when the groups were made by the first list. */
static int forget_default_groups(store_session *session, void *argument, pl_error *error) {
    (void)argument;
    return store_run(session, error, "DELETE FROM resource_groups WHERE name = 'default'", "") ||
           store_run(session, error, "DELETE FROM schema_version WHERE version = 35", "");
}

static void accounts_of_an_older_store_get_their_default_group(void **state) {
    (void)state;
    assert_answer(ram("CreateUser", "UserName=u"));
    assert_int_equal(store_write(h.store, forget_default_groups, NULL, &h.error), 0);
    assert_refused(directory("GetResourceGroup", join("ResourceGroupId=rg-$", h.root.account_id + 1)), 404,
                   "EntityNotExists.ResourceGroup");
    house_disconnect();
    assert_int_equal(store_open(&h.store, pl_str_from(h.database.url), NULL, &h.error), 0);
    house_connect();
    house_be_root();
    assert_default_group(pl_str_from(h.root.account_id));
}

static void a_policy_in_a_resource_group_stays_there(void **state) {
    (void)state;
    assert_answer(ram("CreateUser", "UserName=alice"));
    pl_json key = ram("CreateAccessKey", "UserName=alice");
    assert_answer(directory("CreatePolicy", "PolicyName=Groups&PolicyDocument=" POLICY("Allow", "ram:*")));
    const char *one =
        text_at(directory("CreateResourceGroup", "Name=one&DisplayName=one"), "ResourceGroup.Id");
    const char *two =
        text_at(directory("CreateResourceGroup", "Name=two&DisplayName=two"), "ResourceGroup.Id");
    const char *who = pl_arena_printf(&h.arena,
                                      "PolicyType=Custom&PolicyName=Groups&PrincipalType=IMSUser&"
                                      "PrincipalName=alice@%s.onaliyun.com&ResourceGroupId=",
                                      h.root.account_id)
                          .p;
    assert_answer(directory("AttachPolicy", pl_arena_printf(&h.arena, "%s%s", who, one).p));
    assert_refused(directory("AttachPolicy", pl_arena_printf(&h.arena, "%s%s", who, "rg-none").p), 404,
                   "EntityNotExists.ResourceGroup");
    assert_refused(directory("AttachPolicy",
                             "PolicyType=Custom&PolicyName=Groups&PrincipalType=IMSUser&ResourceGroupId=rg&"
                             "PrincipalName=alice@elsewhere.onaliyun.com"),
                   404, "EntityNotExist.User");
    pl_json list = directory("ListPolicyAttachments", join("ResourceGroupId=$", one));
    assert_str(at(list, "TotalCount"), "1");
    assert_str(at(list, "PolicyAttachments.PolicyAttachment.0.PrincipalName"),
               join("alice@$.onaliyun.com", h.root.account_id));
    house_be(text_at(key, "AccessKey.AccessKeyId"), NULL);
    assert_true(allowed("ram:GetResourceGroup", group_arn(one)));
    assert_false(allowed("ram:GetResourceGroup", group_arn(two)));
    assert_false(allowed("ram:GetUser", pl_str_from(join("acs:ram:*:$:user/alice", h.root.account_id))));
    house_be_root();
    assert_answer(directory("DetachPolicy", pl_arena_printf(&h.arena, "%s%s", who, one).p));
    assert_answer(directory("AttachPolicy", pl_arena_printf(&h.arena, "%s%s", who, h.root.account_id).p));
    house_be(text_at(key, "AccessKey.AccessKeyId"), NULL);
    assert_true(allowed("ram:GetResourceGroup", group_arn(two)));
}

/* The account owner sets up a directory; a user of it enters the member. */
static const char *make_member(void) {
    if (!pl_json_exists(directory("EnableResourceDirectory", "EnableMode=CurrentAccount&MAName=x")))
        assert_answer(directory("InitResourceDirectory", ""));
    pl_json made = directory("CreateResourceAccount", "DisplayName=dev");
    assert_answer(made);
    return text_at(made, "Account.AccountId");
}

static void enter(const char *member) {
    pl_json session =
        sts("AssumeRole", pl_arena_printf(&h.arena,
                                          "RoleArn=acs:ram::%s:role/ResourceDirectoryAccountAccessRole&"
                                          "RoleSessionName=visitor",
                                          member)
                              .p);
    assert_answer(session);
    house_be(text_at(session, "Credentials.AccessKeyId"), text_at(session, "Credentials.SecurityToken"));
}

static void members_are_entered_by_their_management(void **state) {
    (void)state;
    const char *member = make_member();
    assert_answer(ram("CreateUser", "UserName=alice"));
    assert_answer(
        ram("AttachPolicyToUser", "UserName=alice&PolicyType=System&PolicyName=AliyunSTSAssumeRoleAccess"));
    pl_json key = ram("CreateAccessKey", "UserName=alice");
    house_be(text_at(key, "AccessKey.AccessKeyId"), NULL);
    enter(member);
    assert_str(at(sts("GetCallerIdentity", ""), "AccountId"), member);
    assert_answer(ram("CreateUser", "UserName=bob"));
    assert_str(at(ram("ListUsers", ""), "Users.User.0.UserName"), "bob");
    house_be_root();
    assert_str(at(ram("ListUsers", ""), "Users.User.0.UserName"), "alice");
}

static void control_policies_bind_members_and_are_named_in_the_denial(void **state) {
    (void)state;
    const char *member = make_member();
    assert_answer(directory("EnableControlPolicy", ""));
    pl_json policy =
        directory("CreateControlPolicy",
                  "PolicyName=NoUsers&EffectScope=RAM&PolicyDocument=" POLICY("Deny", "ram:CreateUser"));
    assert_answer(policy);
    const char *id = text_at(policy, "ControlPolicy.PolicyId");
    assert_answer(
        directory("AttachControlPolicy", pl_arena_printf(&h.arena, "PolicyId=%s&TargetId=%s", id, member).p));
    enter(member);
    assert_refused(ram("CreateUser", "UserName=bob"), 403, "NoPermission");
    assert_str(h.denial.policy_type, "ControlPolicy");
    assert_str(h.denial.no_permission_type, "ExplicitDeny");
    assert_str(h.denial.decided_at, member);
    assert_answer(ram("ListUsers", ""));
    house_be_root();
    assert_answer(ram("CreateUser", "UserName=carol"));
}

/* A member becomes an account of its own; returns the key of its administrator. */
static const char *make_independent(void) {
    const char *member = make_member();
    enter(member);
    assert_answer(ram("CreateUser", "UserName=boss"));
    assert_answer(
        ram("AttachPolicyToUser", "UserName=boss&PolicyType=System&PolicyName=AdministratorAccess"));
    const char *key = text_at(ram("CreateAccessKey", "UserName=boss"), "AccessKey.AccessKeyId");
    house_be_root();
    assert_answer(directory("PromoteResourceAccount", join("Email=a%40example.com&AccountId=$", member)));
    assert_answer(directory("RemoveCloudAccount", join("AccountId=$", member)));
    assert_answer(directory("DestroyResourceDirectory", ""));
    return key;
}

static void an_account_whose_owner_has_a_key_in_use_stays_a_cloud_account(void **state) {
    (void)state;
    const char *boss = make_independent();
    const char *change = join("NewAccountType=ResourceAccount&AccountId=$", h.root.account_id);
    house_be(boss, NULL);
    assert_answer(directory("InitResourceDirectory", ""));
    pl_json invitation = directory("InviteAccountToResourceDirectory",
                                   join("TargetType=Account&TargetEntity=$", h.root.account_id));
    assert_answer(invitation);
    house_be_root();
    assert_answer(
        directory("AcceptHandshake", join("HandshakeId=$", text_at(invitation, "Handshake.HandshakeId"))));
    house_be(boss, NULL);
    assert_refused(directory("UpdateAccount", change), 409, "PrimaryAkInUse");
    house_be_root();
    assert_answer(ram("UpdateAccessKey", join("Status=Inactive&UserAccessKeyId=$", h.root.access_key_id)));
    house_be(boss, NULL);
    assert_str(at(directory("UpdateAccount", change), "Account.Type"), "ResourceAccount");
}

int main(void) {
    const struct CMUnitTest cases[] = {
        HOUSE_TEST(roles_have_a_principal_name),
        HOUSE_TEST(roles_of_services_elsewhere_hold_no_policy),
        HOUSE_TEST(service_linked_roles_belong_to_their_service),
        HOUSE_TEST(accounts_have_a_default_group_from_the_beginning),
        HOUSE_TEST(accounts_of_an_older_store_get_their_default_group),
        HOUSE_TEST(a_policy_in_a_resource_group_stays_there),
        HOUSE_TEST(members_are_entered_by_their_management),
        HOUSE_TEST(control_policies_bind_members_and_are_named_in_the_denial),
        HOUSE_TEST(an_account_whose_owner_has_a_key_in_use_stays_a_cloud_account),
    };
    return house_run(cases);
}
