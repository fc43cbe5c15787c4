/*
 * What RAM, STS and Resource Management refuse, with the status and code that their references give: wrong
 * states, limits, duplicates, what is not there and what is in use.
 */
#include "api_tables/house.h"

#define POLICY(effect, action)                                                                               \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"" effect "\",\"Action\":\"" action                      \
    "\",\"Resource\":\"*\"}]}"
#define ROOT_TRUST                                                                                           \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{"  \
    "\"RAM\":[\"acs:ram::1000000000000001:root\"]}}]}"

static const char *with(const char *format, const char *value) {
    return pl_arena_printf(&h.arena, format, value).p;
}

/* `head`, `count` letters, `tail`. */
static const char *padded(const char *head, size_t count, const char *letter, const char *tail) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_buf_add(&text, pl_str_from(head));
    for (size_t i = 0; i < count; i++)
        pl_buf_add(&text, pl_str_from(letter));
    pl_buf_add(&text, pl_str_from(tail));
    pl_str copy = pl_arena_copy(&h.arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return pl_arena_cstr(&h.arena, copy);
}

static void groups_are_refused_as_documented(void **state) {
    (void)state;
    assert_answer(ram("CreateGroup", "GroupName=one"));
    assert_refused(ram("CreateGroup", "GroupName=ONE"), 409, "EntityAlreadyExists.Group");
    assert_answer(ram("CreateGroup", "GroupName=two"));
    assert_refused(ram("UpdateGroup", "GroupName=two&NewGroupName=One"), 409, "EntityAlreadyExists.Group");
    assert_refused(ram("GetGroup", "GroupName=none"), 404, "EntityNotExist.Group");
    assert_refused(ram("DeleteGroup", "GroupName=none"), 404, "EntityNotExist.Group");
    assert_refused(ram("ListUsersForGroup", "GroupName=none"), 404, "EntityNotExist.Group");
    assert_answer(ram("CreatePolicy", "PolicyName=p&PolicyDocument=" POLICY("Allow", "config:*")));
    assert_answer(ram("AttachPolicyToGroup", "PolicyType=Custom&PolicyName=p&GroupName=one"));
    assert_refused(ram("DeleteGroup", "GroupName=one"), 409, "DeleteConflict.Group.Policy");
    assert_refused(ram("DeletePolicy", "PolicyName=p"), 409, "DeleteConflict.Policy.Group");
    for (int i = 0; i < 298; i++)
        assert_answer(ram("CreateGroup", pl_arena_printf(&h.arena, "GroupName=g%d", i).p));
    assert_refused(ram("CreateGroup", "GroupName=toomany"), 409, "LimitExceeded.Group");
}

/* Lengths count characters, not bytes: a letter of three bytes fills one place. */
static void lengths_of_documents_count_characters(void **state) {
    (void)state;
    static const char head[] = "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\","
                               "\"Resource\":\"acs:ram:*:*:user/",
                      tail[] = "\"}]}";
    size_t frame = sizeof head + sizeof tail - 2;
    const char *letter = "\xe4\xb8\xad";
    struct {
        const char *action, *parameters, *code;
        size_t most;
        bool directory;
    } forms[] = {{"CreatePolicy", "PolicyName=long&PolicyDocument=%s",
                  "InvalidParameter.PolicyDocument.Length", 6144, false},
                 {"CreateControlPolicy", "PolicyName=Long&EffectScope=RAM&PolicyDocument=%s",
                  "InvalidParameter.PolicyDocument.Length", 4096, true}};
    assert_answer(directory("InitResourceDirectory", ""));
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t room = forms[i].most - frame;
        const char *full = with(forms[i].parameters, padded(head, room, letter, tail));
        const char *over = with(forms[i].parameters, padded(head, room + 1, letter, tail));
        pl_json (*call)(const char *, const char *) = forms[i].directory ? directory : ram;
        assert_refused(call(forms[i].action, over), forms[i].directory ? 409 : 400, forms[i].code);
        assert_answer(call(forms[i].action, full));
    }
}

static void roles_are_refused_as_documented(void **state) {
    (void)state;
    const char *role = with("acs:ram::%s:role/r", h.root.account_id);
    const char *long_trust = padded("{\"Version\":\"1\",\"Statement\":[],\"", 7000, "x", "\":1}");
    assert_answer(ram("CreateRole", "RoleName=r&AssumeRolePolicyDocument=" ROOT_TRUST));
    assert_refused(ram("CreateRole", "RoleName=R&AssumeRolePolicyDocument=" ROOT_TRUST), 409,
                   "EntityAlreadyExists.Role");
    assert_refused(ram("CreateRole", with("RoleName=q&AssumeRolePolicyDocument=%s", long_trust)), 400,
                   "InvalidParameter.AssumeRolePolicyDocument.Length");
    assert_refused(ram("UpdateRole", with("RoleName=r&NewAssumeRolePolicyDocument=%s", long_trust)), 400,
                   "InvalidParameter.NewAssumeRolePolicyDocument.Length");
    assert_refused(sts("AssumeRole", pl_arena_printf(&h.arena, "RoleArn=%s&RoleSessionName=me&Policy=%s",
                                                     role, padded("{\"", 2049, "x", "\":1}"))
                                         .p),
                   400, "InvalidParameter.PolicySize");
    assert_refused(ram("GetRole", "RoleName=none"), 404, "EntityNotExist.Role");
    assert_refused(ram("DeleteRole", "RoleName=none"), 404, "EntityNotExist.Role");
}

/* A person of the management account: some operations on members refuse the account owner. */
static void be_administrator(void) {
    assert_answer(ram("CreateUser", "UserName=administrator"));
    assert_answer(
        ram("AttachPolicyToUser", "PolicyType=System&PolicyName=AdministratorAccess&UserName=administrator"));
    pl_json key = ram("CreateAccessKey", "UserName=administrator");
    assert_answer(key);
    house_be(text_at(key, "AccessKey.AccessKeyId"), NULL);
}

static const char *make_member(const char *name) {
    return text_at(directory("CreateResourceAccount", with("DisplayName=%s", name)), "Account.AccountId");
}

static void members_are_refused_as_documented(void **state) {
    (void)state;
    assert_refused(directory("EnableResourceDirectory", "EnableMode=NewManagementAccount&MAName=wrong"), 409,
                   "InvalidParameter.ManagementAccountName");
    assert_refused(directory("EnableResourceDirectory",
                             "EnableMode=NewManagementAccount&MAName=x%40rdadmin.aliyunid.com"),
                   409, "MissingSecureMobilePhone");
    assert_answer(directory("EnableResourceDirectory", "EnableMode=CurrentAccount"));
    const char *shop = make_member("shop");
    assert_refused(directory("CheckAccountDelete", with("AccountId=%s", shop)), 409,
                   "CallerIdentityError.DeleteAccount");
    assert_refused(directory("DeleteAccount", with("AccountId=%s", shop)), 409,
                   "CallerIdentityError.DeleteAccount");
    const char *second =
        text_at(directory("CreateResourceAccount", with("DisplayName=second&PayerAccountId=%s", shop)),
                "Account.AccountId");
    assert_refused(directory("CreateResourceAccount", with("DisplayName=third&PayerAccountId=%s", second)),
                   409, "PaymentAccountFinancialRelationshipVerifyError");
    assert_refused(directory("CreateResourceAccount", "DisplayName=shop"), 409,
                   "InvalidParameter.Account.DisplayName.AlreadyUsed");
    assert_refused(directory("CreateResourceAccount", "DisplayName=tagged&Tag.1.Key=a&Tag.2.Key=a"), 400,
                   "InvalidParameter.Tag");
    assert_refused(directory("MoveAccount", with("AccountId=%s&DestinationFolderId=fd-0000000000", shop)),
                   404, "EntityNotExists.Folder");
    assert_refused(directory("MoveAccount", with("AccountId=%s", shop)), 400,
                   "MissingParameter.DestinationFolderId");
    assert_refused(directory("GetAccount", "AccountId=12"), 400, "InvalidParameter.AccountId");
    assert_refused(directory("ListAncestors", "ChildId=12"), 400, "InvalidParameter.ChildId");
    be_administrator();
    assert_refused(directory("DeleteAccount", with("AccountId=%s", shop)), 409,
                   "NoLicense.ResourceDirectory");
    assert_refused(directory("RemoveCloudAccount", with("AccountId=%s", shop)), 409,
                   "AccountTypeOrStatusMismatch");
    assert_refused(directory("SetMemberDeletionPermission", "Status=Perhaps"), 400,
                   "InvalidParameter.Status");
}

static void delegates_are_refused_as_documented(void **state) {
    (void)state;
    const char *members[6];
    static const char *const names[] = {"m1", "m2", "m3", "m4", "m5", "m6"};
    assert_answer(directory("InitResourceDirectory", ""));
    for (size_t i = 0; i < 6; i++)
        members[i] = make_member(names[i]);
    const char *form = "AccountId=%s&ServicePrincipal=config.aliyuncs.com";
    for (size_t i = 0; i < 5; i++)
        assert_answer(directory("RegisterDelegatedAdministrator", with(form, members[i])));
    assert_refused(directory("RegisterDelegatedAdministrator", with(form, members[5])), 409,
                   "DelegatedAccountNumberExceeded");
    assert_refused(directory("RegisterDelegatedAdministrator", with(form, members[0])), 409,
                   "AccountAlreadyRegistered");
    assert_refused(directory("DeregisterDelegatedAdministrator", with(form, members[5])), 409,
                   "AccountNotRegistered");
    assert_refused(directory("RegisterDelegatedAdministrator", with(form, h.root.account_id)), 409,
                   "CannotRegisterMasterAsDelegatedAdministrator");
    assert_refused(directory("RegisterDelegatedAdministrator",
                             with("AccountId=%s&ServicePrincipal=nothing.example.com", members[5])),
                   409, "InvalidParameter.ServicePrincipal");
    be_administrator();
    assert_answer(directory("SetMemberDeletionPermission", "Status=Enabled"));
    assert_refused(directory("CheckAccountDelete", with("AccountId=%s", members[0])), 409,
                   "RemoveConfilctAccountAsDelegatedAdministator");
}

static void codes_are_counted(void **state) {
    (void)state;
    for (int i = 0; i < 100; i++)
        assert_answer(directory("SendVerificationCodeForEnableRD", "SecureMobilePhone=13900001234"));
    assert_refused(directory("SendVerificationCodeForEnableRD", "SecureMobilePhone=13900001234"), 409,
                   "SendValidateCodeExceedsLimitForAccount");
    h.now += (int64_t)24 * 3600 * 1000;
    assert_answer(directory("SendVerificationCodeForEnableRD", "SecureMobilePhone=13900001234"));
}

static void invitations_are_refused_as_documented(void **state) {
    (void)state;
    assert_refused(
        directory("InviteAccountToResourceDirectory", "TargetType=Email&TargetEntity=a%40example.com"), 404,
        "EntityNotExists.ResourceDirectory");
    assert_answer(directory("InitResourceDirectory", ""));
    assert_refused(directory("InviteAccountToResourceDirectory", "TargetType=Email&TargetEntity=nobody"), 400,
                   "InvalidParameter.TargetEntity");
    assert_refused(directory("InviteAccountToResourceDirectory", "TargetType=Phone&TargetEntity=1"), 400,
                   "InvalidParameter.TargetType");
    assert_refused(directory("InviteAccountToResourceDirectory", "TargetType=Account&TargetEntity=12"), 400,
                   "InvalidParameter.TargetEntity");
    assert_refused(directory("InviteAccountToResourceDirectory",
                             padded("TargetType=Email&TargetEntity=a%40example.com&Note=", 1025, "x", "")),
                   400, "InvalidParameter.Note.Length");
    pl_json sent =
        directory("InviteAccountToResourceDirectory", "TargetType=Email&TargetEntity=a%40example.com");
    const char *id = text_at(sent, "Handshake.HandshakeId");
    assert_refused(
        directory("InviteAccountToResourceDirectory", "TargetType=Email&TargetEntity=a%40example.com"), 409,
        "EntityAlreadyExists.Handshake");
    assert_refused(directory("AcceptHandshake", with("HandshakeId=%s", id)), 404,
                   "EntityNotExists.Handshake");
    assert_answer(directory("CancelHandshake", with("HandshakeId=%s", id)));
    assert_refused(directory("CancelHandshake", with("HandshakeId=%s", id)), 409, "HandshakeStatusMismatch");
    assert_refused(directory("GetHandshake", "HandshakeId=x"), 400, "InvalidParameter.HandshakeId");
    assert_refused(directory("GetHandshake", ""), 400, "MissingParameter.HandshakeId");
}

static void forms_are_refused_as_documented(void **state) {
    (void)state;
    static const struct {
        const char *action, *parameters, *code;
    } forms[] = {
        {"GetRole", "RoleName=a%20b", "InvalidParameter.RoleName.InvalidChars"},
        {"DeleteRole", "RoleName=a%0A", "InvalidParameter.RoleName.InvalidChars"},
        {"GetPolicy", "PolicyType=Custom&PolicyName=a_b", "InvalidParameter.PolicyName.InvalidChars"},
        {"DeletePolicy", "PolicyName=a.b", "InvalidParameter.PolicyName.InvalidChars"},
        {"CreateResourceGroup", "Name=name&DisplayName=a%0Ab", "InvalidParameter.DisplayName"},
        {"CreateResourceGroup", "Name=name%0A&DisplayName=a", "InvalidParameter.Name.InvalidChars"},
        {"CreateServiceLinkedRole", "ServiceName=config.aliyuncs.com&CustomSuffix=a_b",
         "InvalidParameter.CustomSuffix.InvalidChars"},
        {"InviteAccountToResourceDirectory", "TargetType=Email&TargetEntity=a%40example.com&Note=%01",
         "InvalidParameter.Note"}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        assert_refused(directory(forms[i].action, forms[i].parameters), 400, forms[i].code);
    assert_refused(ram("GetUser", "UserName=alice%0A"), 400, "InvalidParameter.UserName.InvalidChars");
    assert_refused(directory("EnableResourceDirectory",
                             "EnableMode=NewManagementAccount&MAName=x%40rdadmin.aliyunid.com&"
                             "MASecureMobilePhone=none"),
                   409, "InvalidParameter.ManagementAccountSecurityInfo");
}

int main(void) {
    const struct CMUnitTest cases[] = {
        HOUSE_TEST(groups_are_refused_as_documented),      HOUSE_TEST(lengths_of_documents_count_characters),
        HOUSE_TEST(roles_are_refused_as_documented),       HOUSE_TEST(members_are_refused_as_documented),
        HOUSE_TEST(delegates_are_refused_as_documented),   HOUSE_TEST(codes_are_counted),
        HOUSE_TEST(invitations_are_refused_as_documented), HOUSE_TEST(forms_are_refused_as_documented),
    };
    return house_run(cases);
}
