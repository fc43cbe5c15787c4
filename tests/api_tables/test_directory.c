#include "organisation.h"

#define MASTER &api_product_resourcedirectorymaster_2022_04_19

static organisation t;
static const char *root;

static int setup(void **state) {
    (void)state;
    open_organisation(&t, &(org_limits){.folders = 7, .accounts = 4, .invitations_per_day = 3});
    root = open_directory(&t);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    close_organisation(&t);
    return 0;
}

static void a_directory_opens_once(void **state) {
    (void)state;
    CALL_FAILS(&t, 409, "EntityAlreadyExists.ResourceDirectory", "EnableResourceDirectory", "EnableMode",
               "CurrentAccount");
    CALL_OK(&t, "GetResourceDirectory");
    assert_str(text_at(&t, "ResourceDirectory.MasterAccountId"), MANAGER);
    assert_str(text_at(&t, "ResourceDirectory.RootFolderId"), root);
    assert_str(text_at(&t, "ResourceDirectory.CreateTime"), "2023-11-14T22:13:20.123Z");
    assert_str(text_at(&t, "ResourceDirectory.ControlPolicyStatus"), "Disabled");
    act_as(&t, STRANGER);
    CALL_FAILS(&t, 404, "ResourceDirectoryNotInUse", "GetResourceDirectory");
    CALL_FAILS(&t, 404, "EntityNotExists.ResourceDirectory", "CreateFolder", "FolderName", "a");
}

static void a_member_sees_its_directory_and_opens_none(void **state) {
    (void)state;
    act_as(&t, make_account(&t, root, "app"));
    CALL_OK(&t, "GetResourceDirectory");
    assert_str(text_at(&t, "ResourceDirectory.MasterAccountId"), MANAGER);
    assert_false(pl_json_exists(at(&t, "ResourceDirectory.ControlPolicyStatus")));
    CALL_FAILS(&t, 409, "NotSupport.AccountInAnotherResourceDirectory", "InitResourceDirectory");
    CALL_FAILS(&t, 403, "MemberAccountAccessDenied", "SetMemberDeletionPermission", "Status", "Enabled");
}

static void a_directory_closes_when_it_is_empty(void **state) {
    (void)state;
    const char *folder = make_folder(&t, root, "dev");
    CALL_FAILS(&t, 409, "DeleteConflict.Folder.SubFolder", "DestroyResourceDirectory");
    CALL_OK(&t, "DeleteFolder", "FolderId", folder);
    CALL_OK(&t, "DestroyResourceDirectory");
    CALL_FAILS(&t, 404, "ResourceDirectoryNotInUse", "GetResourceDirectory");
    CALL_FAILS(&t, 404, "EntityNotExists.ResourceDirectory", "DestroyResourceDirectory");
    open_directory(&t);
    make_account(&t, "", "app");
    CALL_FAILS(&t, 409, "DeleteConflict.ResourceDirectory.Account", "DestroyResourceDirectory");
}

static void folders_nest_five_deep(void **state) {
    (void)state;
    const char *parent = root;
    for (int i = 0; i < 5; i++)
        parent = make_folder(&t, parent, "same-name");
    CALL_FAILS(&t, 409, "LimitExceeded.Folder.Depth", "CreateFolder", "ParentFolderId", parent, "FolderName",
               "six");
    CALL_OK(&t, "ListAncestors", "ChildId", parent);
    assert_int_equal(pl_json_count(at(&t, "Folders.Folder")), 5);
    assert_str(text_at(&t, "Folders.Folder.0.FolderId"), root);
    assert_str(text_at(&t, "Folders.Folder.0.FolderName"), "root");
    CALL_OK(&t, "GetFolder", "FolderId", parent);
    assert_str(text_at(&t, "Folder.FolderName"), "same-name");
    pl_str path = text_at(&t, "Folder.ResourceDirectoryPath");
    assert_true(pl_str_ends(path, pl_str_from(parent)) && pl_str_starts(path, PL_STR("rd-")));
}

static void folders_have_limits_and_rules(void **state) {
    (void)state;
    const char *dev = make_folder(&t, "", "dev");
    CALL_FAILS(&t, 400, "InvalidParameter.Folder.Name.AlreadyUsed", "CreateFolder", "FolderName", "dev");
    CALL_FAILS(&t, 400, "MissingParameter.Folder.Name", "CreateFolder");
    CALL_FAILS(&t, 400, "InvalidParameter.Folder.Name", "CreateFolder", "FolderName", "a b");
    CALL_FAILS(&t, 400, "InvalidParameter.Folder.Name.Length", "CreateFolder", "FolderName",
               "1234567890123456789012345");
    CALL_FAILS(&t, 404, "EntityNotExists.Folder", "CreateFolder", "ParentFolderId", "fd-0000000000",
               "FolderName", "a");
    const char *test = make_folder(&t, dev, "测试");
    CALL_FAILS(&t, 409, "DeleteConflict.Folder.SubFolder", "DeleteFolder", "FolderId", dev);
    make_account(&t, test, "app");
    CALL_FAILS(&t, 409, "DeleteConflict.Folder.Account", "DeleteFolder", "FolderId", test);
    CALL_FAILS(&t, 409, "NotSupport.RootFolder", "DeleteFolder", "FolderId", root);
    CALL_OK(&t, "UpdateFolder", "FolderId", test, "NewFolderName", "dev");
    assert_str(text_at(&t, "Folder.ParentFolderId"), dev);
    for (int i = 0; i < 5; i++)
        make_folder(&t, dev, (const char *[]){"a", "b", "c", "d", "e"}[i]);
    CALL_FAILS(&t, 409, "QuotaExceeded.Folder.Count", "CreateFolder", "FolderName", "one-more");
    CALL_OK(&t, "ListFoldersForParent", "ParentFolderId", dev, "PageSize", "2", "PageNumber", "3");
    assert_int_equal(number_at(&t, "TotalCount"), 6);
    assert_str(text_at(&t, "Folders.Folder.1.FolderName"), "e");
    CALL_OK(&t, "ListFoldersForParent", "QueryKeyword", "ev");
    assert_int_equal(number_at(&t, "TotalCount"), 1);
}

static void a_member_is_created(void **state) {
    (void)state;
    const char *folder = make_folder(&t, root, "dev");
    CALL_OK(&t, "CreateResourceAccount", "DisplayName", "My App 1", "ParentFolderId", folder,
            "AccountNamePrefix", "app", "Tag.1.Key", "team", "Tag.1.Value", "blue");
    const char *id = keep_at(&t, "Account.AccountId");
    assert_int_equal(strlen(id), 16);
    assert_str(text_at(&t, "Account.Type"), "ResourceAccount");
    assert_str(text_at(&t, "Account.JoinMethod"), "created");
    assert_str(text_at(&t, "Account.Status"), "CreateSuccess");
    assert_true(pl_str_starts(text_at(&t, "Account.AccountName"), PL_STR("app@rd-")));
    CALL_OK(&t, "GetAccount", "AccountId", id, "IncludeTags", "true");
    assert_str(text_at(&t, "Account.Location"), "root/dev");
    assert_str(text_at(&t, "Account.FolderId"), folder);
    assert_str(text_at(&t, "Account.Tags.0.Value"), "blue");
    CALL_OK(&t, "GetPayerForAccount", "AccountId", id);
    assert_str(text_at(&t, "PayerAccountId"), id);
    CALL_FAILS(&t, 409, "InvalidParameter.Account.DisplayName.AlreadyUsed", "CreateResourceAccount",
               "DisplayName", "My App 1");
    CALL_FAILS(&t, 409, "EntityAlreadyExists.ResourceDirectory.Account", "CreateResourceAccount",
               "DisplayName", "other", "AccountNamePrefix", "APP");
    CALL_FAILS(&t, 409, "NotSupport.PayerAccountInAnotherResourceDirectory", "CreateResourceAccount",
               "DisplayName", "other", "PayerAccountId", STRANGER);
    CALL_FAILS(&t, 404, "EntityNotExists.Account", "GetAccount", "AccountId", STRANGER);
    CALL_FAILS(&t, 400, "InvalidParameter.AccountId", "GetAccount", "AccountId", "12");
}

static void members_are_listed(void **state) {
    (void)state;
    const char *folder = make_folder(&t, root, "dev");
    make_account(&t, root, "one");
    make_account(&t, folder, "two");
    CALL_OK(&t, "CreateResourceAccount", "DisplayName", "three", "ParentFolderId", folder, "Tag.1.Key", "a",
            "Tag.1.Value", "b");
    make_account(&t, root, "four");
    CALL_FAILS(&t, 409, "LimitExceeded.Account", "CreateResourceAccount", "DisplayName", "five");
    CALL_OK(&t, "ListAccounts", "PageSize", "3", "IncludeTags", "true");
    assert_int_equal(number_at(&t, "TotalCount"), 4);
    assert_int_equal(pl_json_count(at(&t, "Accounts.Account")), 3);
    assert_str(text_at(&t, "Accounts.Account.2.Tags.Tag.0.Key"), "a");
    CALL_OK(&t, "ListAccounts", "Tag.1.Key", "a");
    assert_int_equal(number_at(&t, "TotalCount"), 1);
    CALL_OK(&t, "ListAccountsForParent", "ParentFolderId", folder);
    assert_int_equal(number_at(&t, "TotalCount"), 2);
    CALL_OK(&t, "ListAccountsForParent", "QueryKeyword", "ou");
    assert_str(text_at(&t, "Accounts.Account.0.DisplayName"), "four");
}

/* The token tells where a page ended, whoever has left since. */
static void members_are_listed_by_token(void **state) {
    (void)state;
    const char *first = make_account(&t, root, "one");
    make_account(&t, root, "two");
    make_account(&t, root, "three");
    assert_int_equal(call_product(&t, MASTER, "ListAccounts", "MaxResults", "1", NULL), 0);
    assert_int_equal(pl_json_count(at(&t, "Accounts.Account")), 1);
    assert_str(text_at(&t, "Accounts.Account.0.DisplayName"), "one");
    const char *token = keep_at(&t, "NextToken");
    CALL_OK(&t, "SetMemberDeletionPermission", "Status", "Enabled");
    CALL_OK(&t, "CheckAccountDelete", "AccountId", first);
    CALL_OK(&t, "DeleteAccount", "AccountId", first);
    assert_int_equal(call_product(&t, MASTER, "ListAccounts", "MaxResults", "1", "NextToken", token, NULL),
                     0);
    assert_str(text_at(&t, "Accounts.Account.0.DisplayName"), "two");
    token = keep_at(&t, "NextToken");
    assert_int_equal(call_product(&t, MASTER, "ListAccounts", "MaxResults", "1", "NextToken", token, NULL),
                     0);
    assert_str(text_at(&t, "Accounts.Account.0.DisplayName"), "three");
    assert_int_equal(text_at(&t, "NextToken").n, 0);
}

static void a_member_is_changed_and_moved(void **state) {
    (void)state;
    const char *folder = make_folder(&t, root, "dev");
    const char *id = make_account(&t, root, "app");
    make_account(&t, root, "taken");
    t.now += 1000;
    CALL_OK(&t, "UpdateAccount", "AccountId", id, "NewDisplayName", "renamed");
    assert_str(text_at(&t, "Account.DisplayName"), "renamed");
    assert_str(text_at(&t, "Account.ModifyTime"), "2023-11-14T22:13:21.123Z");
    CALL_FAILS(&t, 409, "InvalidParameter.Account.DisplayName.AlreadyUsed", "UpdateAccount", "AccountId", id,
               "NewDisplayName", "taken");
    CALL_FAILS(&t, 409, "MissingDisplayNameOrAccountType", "UpdateAccount", "AccountId", id);
    CALL_FAILS(&t, 409, "AccountTypeMismatch", "UpdateAccount", "AccountId", id, "NewAccountType",
               "ResourceAccount");
    CALL_FAILS(&t, 409, "AccountTypeOrStatusMismatch", "RemoveCloudAccount", "AccountId", id);
    CALL_OK(&t, "PromoteResourceAccount", "AccountId", id, "Email", "app@example.com");
    CALL_OK(&t, "MoveAccount", "AccountId", id, "DestinationFolderId", folder);
    CALL_OK(&t, "GetAccount", "AccountId", id);
    assert_str(text_at(&t, "Account.FolderId"), folder);
    CALL_FAILS(&t, 404, "EntityNotExists.Folder", "MoveAccount", "AccountId", id, "DestinationFolderId",
               "fd-0000000000");
    CALL_OK(&t, "RemoveCloudAccount", "AccountId", id);
    CALL_FAILS(&t, 404, "EntityNotExists.Account", "GetAccount", "AccountId", id);
    t.caller.kind = IDENTITY_ROOT;
    CALL_FAILS(&t, 409, "CallerIdentityError", "UpdateAccount", "AccountId", id, "NewDisplayName", "x1");
    CALL_FAILS(&t, 409, "CallerIdentityError", "BindSecureMobilePhone", "AccountId", id, "SecureMobilePhone",
               "86-13900000000", "VerificationCode", "x");
}

static int key_of_stranger(void *context, store_session *session, pl_str account_id, bool *active,
                           pl_error *error) {
    (void)session, (void)error;
    *active = *(const bool *)context && pl_str_is(account_id, STRANGER);
    return 0;
}

static const char *invite(const char *account_id);

static void types_are_switched_when_they_can_be(void **state) {
    (void)state;
    bool keys = true;
    const char *id = make_account(&t, root, "app");
    CALL_FAILS(&t, 409, "MissingSecurityInfo", "UpdateAccount", "AccountId", id, "NewAccountType",
               "CloudAccount");
    CALL_OK(&t, "PromoteResourceAccount", "AccountId", id, "Email", "app@example.com");
    CALL_OK(&t, "UpdateAccount", "AccountId", id, "NewAccountType", "ResourceAccount");
    assert_str(text_at(&t, "Account.Status"), "SwitchSuccess");
    CALL_OK(&t, "UpdateAccount", "AccountId", id, "NewAccountType", "CloudAccount");
    const char *handshake = invite(STRANGER);
    act_as(&t, STRANGER);
    CALL_OK(&t, "AcceptHandshake", "HandshakeId", handshake);
    act_as(&t, MANAGER);
    org_set_hooks(t.org, &(org_hooks){.context = &keys, .root_key_active = key_of_stranger});
    CALL_FAILS(&t, 409, "PrimaryAkInUse", "UpdateAccount", "AccountId", STRANGER, "NewAccountType",
               "ResourceAccount");
    keys = false;
    CALL_OK(&t, "UpdateAccount", "AccountId", STRANGER, "NewAccountType", "ResourceAccount");
    CALL_FAILS(&t, 409, "AccountTypeOrStatusMismatch", "RemoveCloudAccount", "AccountId", STRANGER);
    CALL_OK(&t, "UpdateAccount", "AccountId", STRANGER, "NewAccountType", "CloudAccount");
    CALL_OK(&t, "RemoveCloudAccount", "AccountId", STRANGER);
}

static const char *invite(const char *account_id) {
    CALL_OK(&t, "InviteAccountToResourceDirectory", "TargetType", "Account", "TargetEntity", account_id,
            "Note", "welcome");
    return keep_at(&t, "Handshake.HandshakeId");
}

static void an_invited_account_joins(void **state) {
    (void)state;
    const char *id = invite(STRANGER);
    assert_str(text_at(&t, "Handshake.Status"), "Pending");
    assert_str(text_at(&t, "Handshake.ExpireTime"), "2023-11-28T22:13:20Z");
    CALL_FAILS(&t, 409, "EntityAlreadyExists.Handshake", "InviteAccountToResourceDirectory", "TargetType",
               "Account", "TargetEntity", STRANGER);
    CALL_FAILS(&t, 404, "EntityNotExists.Handshake", "AcceptHandshake", "HandshakeId", id);
    act_as(&t, STRANGER);
    CALL_OK(&t, "ListHandshakesForAccount");
    assert_str(text_at(&t, "Handshakes.Handshake.0.MasterAccountId"), MANAGER);
    CALL_FAILS(&t, 404, "EntityNotExists.Handshake", "CancelHandshake", "HandshakeId", id);
    CALL_OK(&t, "AcceptHandshake", "HandshakeId", id);
    assert_str(text_at(&t, "Handshake.Status"), "Accepted");
    CALL_FAILS(&t, 409, "HandshakeStatusMismatch", "DeclineHandshake", "HandshakeId", id);
    act_as(&t, MANAGER);
    CALL_OK(&t, "GetAccount", "AccountId", STRANGER);
    assert_str(text_at(&t, "Account.JoinMethod"), "invited");
    assert_str(text_at(&t, "Account.Type"), "CloudAccount");
    assert_str(text_at(&t, "Account.Status"), "InviteSuccess");
    CALL_FAILS(&t, 409, "EntityAlreadyExists.ResourceDir.Account", "InviteAccountToResourceDirectory",
               "TargetType", "Account", "TargetEntity", STRANGER);
    CALL_OK(&t, "RemoveCloudAccount", "AccountId", STRANGER);
}

static void invitations_end_in_other_ways(void **state) {
    (void)state;
    CALL_OK(&t, "CancelHandshake", "HandshakeId", invite("1000000000000003"));
    assert_str(text_at(&t, "Handshake.Status"), "Cancelled");
    const char *declined = invite("1000000000000004");
    act_as(&t, "1000000000000004");
    CALL_OK(&t, "DeclineHandshake", "HandshakeId", declined);
    assert_str(text_at(&t, "Handshake.Status"), "Declined");
    act_as(&t, MANAGER);
    const char *expired = invite("1000000000000005");
    CALL_FAILS(&t, 409, "LimitExceeded.InvitationRate", "InviteAccountToResourceDirectory", "TargetType",
               "Account", "TargetEntity", "1000000000000006");
    t.now += (int64_t)14 * 86400000;
    CALL_OK(&t, "GetHandshake", "HandshakeId", expired);
    assert_str(text_at(&t, "Handshake.Status"), "Expired");
    act_as(&t, "1000000000000005");
    CALL_FAILS(&t, 409, "HandshakeStatusMismatch", "AcceptHandshake", "HandshakeId", expired);
    act_as(&t, MANAGER);
    CALL_FAILS(&t, 400, "InvalidParameter.HandshakeId", "GetHandshake", "HandshakeId", "x");
    CALL_FAILS(&t, 400, "InvalidParameter.TargetEntity", "InviteAccountToResourceDirectory", "TargetType",
               "Account", "TargetEntity", "12");
    CALL_OK(&t, "ListHandshakesForResourceDirectory", "PageSize", "2");
    assert_int_equal(number_at(&t, "TotalCount"), 3);
}

static void delegated_administrators_read_the_directory(void **state) {
    (void)state;
    const char *id = make_account(&t, root, "admin");
    act_as(&t, id);
    CALL_FAILS(&t, 404, "EntityNotExists.ResourceDirectory", "ListAccounts");
    act_as(&t, MANAGER);
    CALL_FAILS(&t, 409, "InvalidParameter.ServicePrincipal", "RegisterDelegatedAdministrator", "AccountId",
               id, "ServicePrincipal", "none.example.com");
    CALL_FAILS(&t, 409, "CannotRegisterMasterAsDelegatedAdministrator", "RegisterDelegatedAdministrator",
               "AccountId", MANAGER, "ServicePrincipal", "config.aliyuncs.com");
    CALL_OK(&t, "RegisterDelegatedAdministrator", "AccountId", id, "ServicePrincipal", "config.aliyuncs.com");
    CALL_FAILS(&t, 409, "AccountAlreadyRegistered", "RegisterDelegatedAdministrator", "AccountId", id,
               "ServicePrincipal", "config.aliyuncs.com");
    CALL_OK(&t, "ListDelegatedAdministrators", "ServicePrincipal", "config.aliyuncs.com");
    assert_str(text_at(&t, "Accounts.Account.0.AccountId"), id);
    assert_str(text_at(&t, "Accounts.Account.0.DelegationEnabledTime"), "1700000000123");
    CALL_OK(&t, "ListDelegatedServicesForAccount", "AccountId", id);
    assert_str(text_at(&t, "DelegatedServices.DelegatedService.0.Status"), "ENABLED");
    CALL_OK(&t, "PromoteResourceAccount", "AccountId", id, "Email", "admin@example.com");
    CALL_FAILS(&t, 409, "Deny.TrustedService", "RemoveCloudAccount", "AccountId", id);
    act_as(&t, id);
    CALL_OK(&t, "ListAccounts");
    assert_int_equal(number_at(&t, "TotalCount"), 1);
    act_as(&t, MANAGER);
    CALL_OK(&t, "DeregisterDelegatedAdministrator", "AccountId", id, "ServicePrincipal",
            "config.aliyuncs.com");
    CALL_FAILS(&t, 409, "AccountNotRegistered", "DeregisterDelegatedAdministrator", "AccountId", id,
               "ServicePrincipal", "config.aliyuncs.com");
    CALL_OK(&t, "ListTrustedServiceStatus");
    assert_int_equal(number_at(&t, "TotalCount"), 1);
    assert_str(text_at(&t, "EnabledServicePrincipals.EnabledServicePrincipal.0.EnableTime"),
               "2023-11-14T22:13:20.123Z");
    CALL_FAILS(&t, 400, "InvalidParameter.PageNumber", "ListTrustedServiceStatus", "PageNumber", "0");
    CALL_OK(&t, "ListTrustedServiceStatus", "AdminAccountId", MANAGER);
    assert_int_equal(number_at(&t, "TotalCount"), 1);
    CALL_OK(&t, "ListTrustedServiceStatus", "AdminAccountId", id);
    assert_int_equal(number_at(&t, "TotalCount"), 0);
}

static void a_member_is_deleted(void **state) {
    (void)state;
    const char *id = make_account(&t, root, "app");
    CALL_FAILS(&t, 409, "NoLicense.ResourceDirectory", "DeleteAccount", "AccountId", id);
    CALL_OK(&t, "SetMemberDeletionPermission", "Status", "Enabled");
    assert_str(text_at(&t, "MemberDeletionStatus"), "Enabled");
    CALL_FAILS(&t, 409, "EntityNotExists.CheckAccount", "GetAccountDeletionCheckResult", "AccountId", id);
    CALL_OK(&t, "RegisterDelegatedAdministrator", "AccountId", id, "ServicePrincipal", "config.aliyuncs.com");
    CALL_FAILS(&t, 409, "RemoveConfilctAccountAsDelegatedAdministator", "CheckAccountDelete", "AccountId",
               id);
    CALL_OK(&t, "DeregisterDelegatedAdministrator", "AccountId", id, "ServicePrincipal",
            "config.aliyuncs.com");
    CALL_OK(&t, "CheckAccountDelete", "AccountId", id);
    CALL_OK(&t, "GetAccountDeletionCheckResult", "AccountId", id);
    assert_str(text_at(&t, "AccountDeletionCheckResultInfo.Status"), "PreCheckComplete");
    assert_str(text_at(&t, "AccountDeletionCheckResultInfo.AllowDelete"), "true");
    CALL_FAILS(&t, 409, "EntityNotExists.CheckAccount", "GetAccountDeletionStatus", "AccountId", id);
    CALL_OK(&t, "DeleteAccount", "AccountId", id, "AbandonableCheckId", "[\"SMS\"]");
    assert_str(text_at(&t, "DeletionType"), "0");
    CALL_OK(&t, "GetAccountDeletionStatus", "AccountId", id);
    assert_str(text_at(&t, "RdAccountDeletionStatus.Status"), "Success");
    assert_str(text_at(&t, "RdAccountDeletionStatus.DeletionTime"), "2023-11-15T06:13:20+08:00");
    CALL_FAILS(&t, 409, "AccountNotExist.DeleteAccount", "DeleteAccount", "AccountId", id);
    CALL_FAILS(&t, 404, "EntityNotExists.Account", "CheckAccountDelete", "AccountId", id);
    CALL_FAILS(&t, 404, "EntityNotExists.Account", "DeleteAccount", "AccountId", STRANGER);
    const char *cloud = make_account(&t, root, "cloud");
    CALL_OK(&t, "PromoteResourceAccount", "AccountId", cloud, "Email", "cloud@example.com");
    CALL_FAILS(&t, 409, "MemberTypeError.DeleteAccount", "DeleteAccount", "AccountId", cloud);
}

static void a_member_that_another_pays_for_stays(void **state) {
    (void)state;
    CALL_OK(&t, "CreateResourceAccount", "DisplayName", "paid", "PayerAccountId", MANAGER);
    const char *id = keep_at(&t, "Account.AccountId");
    CALL_OK(&t, "SetMemberDeletionPermission", "Status", "Enabled");
    CALL_OK(&t, "CheckAccountDelete", "AccountId", id);
    CALL_OK(&t, "GetAccountDeletionCheckResult", "AccountId", id);
    assert_str(text_at(&t, "AccountDeletionCheckResultInfo.AllowDelete"), "false");
    assert_str(text_at(&t, "AccountDeletionCheckResultInfo.NotAllowReason.0.CheckId"), "NON_SP_efc");
    CALL_FAILS(&t, 409, "NotSupport.HasPayerAccount", "DeleteAccount", "AccountId", id);
    assert_int_equal(
        call_product(&t, MASTER, "UpdatePayerForAccount", "AccountId", id, "PayerAccountId", id, NULL), 0);
    CALL_OK(&t, "GetAccountDeletionCheckResult", "AccountId", id);
    assert_str(text_at(&t, "AccountDeletionCheckResultInfo.AllowDelete"), "true");
    CALL_OK(&t, "DeleteAccount", "AccountId", id);
    CALL_FAILS(&t, 409, "NotSupport.SettingResellAccountType", "CreateResourceAccount", "DisplayName", "sold",
               "ResellAccountType", "non_resell");
}

static void addresses_and_phones(void **state) {
    (void)state;
    const char *id = make_account(&t, root, "app");
    CALL_FAILS(&t, 400, "InvalidParameter.Email", "ChangeAccountEmail", "AccountId", id, "Email", "nobody");
    CALL_FAILS(&t, 404, "EntityNotExists.EmailModifyRecord", "RetryChangeAccountEmail", "AccountId", id);
    CALL_OK(&t, "ChangeAccountEmail", "AccountId", id, "Email", "a@example.com");
    CALL_FAILS(&t, 400, "NotSupportedOperation.Account.EmailModify", "ChangeAccountEmail", "AccountId", id,
               "Email", "b@example.com");
    CALL_OK(&t, "RetryChangeAccountEmail", "AccountId", id);
    CALL_OK(&t, "GetAccount", "AccountId", id);
    assert_str(text_at(&t, "Account.EmailStatus"), "WAIT_MODIFY");
    CALL_OK(&t, "CancelChangeAccountEmail", "AccountId", id);
    CALL_OK(&t, "ChangeAccountEmail", "AccountId", id, "Email", "b@example.com");
    t.now += (int64_t)14 * 86400000;
    CALL_OK(&t, "GetAccount", "AccountId", id);
    assert_str(text_at(&t, "Account.EmailStatus"), "EXPIRED");
    CALL_FAILS(&t, 409, "InvalidParameter.MobileCountryCode", "SendVerificationCodeForBindSecureMobilePhone",
               "AccountId", id, "SecureMobilePhone", "none");
    CALL_OK(&t, "SendVerificationCodeForBindSecureMobilePhone", "AccountId", id, "SecureMobilePhone",
            "86-13900000000");
    CALL_FAILS(&t, 409, "Invalid.VerificationCode", "BindSecureMobilePhone", "AccountId", id,
               "SecureMobilePhone", "86-13900000000", "VerificationCode", "x");
}

static void a_cloud_account_is_created(void **state) {
    (void)state;
    CALL_OK(&t, "CreateCloudAccount", "DisplayName", "cloud", "Email", "a@example.com");
    assert_str(text_at(&t, "Account.Type"), "CloudAccount");
    const char *record = keep_at(&t, "Account.RecordId");
    CALL_FAILS(&t, 409, "InvalidParameter.Email.AlreadyUsed", "CreateCloudAccount", "DisplayName", "cloud2",
               "Email", "A@example.com");
    CALL_FAILS(&t, 409, "AccountTypeOrStatusMismatch", "CancelCreateCloudAccount", "RecordId", record);
    for (int minute = 0; minute < 2; minute++) {
        CALL_FAILS(&t, 409, "AccountTypeOrStatusMismatch", "ResendCreateCloudAccountEmail", "RecordId",
                   record);
        CALL_FAILS(&t, 409, "LimitExceeded.Frequency", "ResendCreateCloudAccountEmail", "RecordId", record);
        t.now += 60000;
    }
    CALL_FAILS(&t, 404, "EntityNotExists.AccountRecord", "ResendCreateCloudAccountEmail", "RecordId", "x");
    CALL_FAILS(&t, 404, "EntityNotExists.AccountRecord", "ResendCreateCloudAccountEmail", "RecordId", "x");
    const char *id = make_account(&t, root, "app");
    CALL_OK(&t, "PromoteResourceAccount", "AccountId", id, "Email", "b@example.com");
    assert_str(text_at(&t, "Account.Status"), "PromoteSuccess");
    CALL_FAILS(&t, 409, "AccountTypeOrStatusMismatch", "PromoteResourceAccount", "AccountId", id, "Email",
               "c@example.com");
}

static void objects_are_tagged(void **state) {
    (void)state;
    const char *folder = make_folder(&t, root, "dev");
    const char *id = make_account(&t, folder, "app");
    assert_int_equal(call_product(&t, MASTER, "TagResources", "ResourceType", "Folder", "ResourceId.1",
                                  folder, "Tag.1.Key", "k", "Tag.1.Value", "v", "Tag.2.Key", "l", NULL),
                     0);
    CALL_OK(&t, "TagResources", "ResourceType", "Account", "ResourceId.1", id, "Tag.1.Key", "k",
            "Tag.1.Value", "w");
    CALL_FAILS(&t, 404, "EntityNotExists.Account", "TagResources", "ResourceType", "Account", "ResourceId.1",
               STRANGER, "Tag.1.Key", "k");
    CALL_FAILS(&t, 404, "EntityNotExists.ResourceGroup", "TagResources", "ResourceId.1", "rg-none",
               "Tag.1.Key", "k");
    assert_int_equal(call_product(&t, MASTER, "ListTagResources", "ResourceType", "Folder", "ResourceId.1",
                                  folder, "MaxResults", "1", NULL),
                     0);
    assert_str(text_at(&t, "TagResources.0.TagKey"), "k");
    assert_str(text_at(&t, "TagResources.0.ResourceType"), "Folder");
    const char *token = keep_at(&t, "NextToken");
    assert_int_equal(call_product(&t, MASTER, "ListTagResources", "ResourceType", "Folder", "ResourceId.1",
                                  folder, "MaxResults", "1", "NextToken", token, NULL),
                     0);
    assert_str(text_at(&t, "TagResources.0.TagKey"), "l");
    assert_int_equal(call_product(&t, MASTER, "UntagResources", "ResourceType", "Folder", "ResourceId.1",
                                  folder, "TagKey.1", "k", NULL),
                     0);
    assert_int_equal(call_product(&t, MASTER, "ListTagResources", "ResourceType", "Folder", "ResourceId.1",
                                  folder, "MaxResults", "1", "NextToken", token, NULL),
                     0);
    assert_str(text_at(&t, "TagResources.0.TagKey"), "l");
    assert_int_equal(call_product(&t, MASTER, "TagResources", "ResourceType", "Folder", "ResourceId.1",
                                  folder, "Tag.1.Key", "k", NULL),
                     0);
    CALL_OK(&t, "ListTagValues", "ResourceType", "Account", "TagKey", "k");
    assert_str(text_at(&t, "Tags.0.Value"), "w");
    CALL_OK(&t, "ListTagKeys", "ResourceType", "Folder");
    assert_int_equal(pl_json_count(at(&t, "Tags")), 2);
    assert_int_equal(call_product(&t, MASTER, "ListAccounts", "Tag.1.Key", "k", "Tag.1.Value", "w",
                                  "IncludeTags", "true", NULL),
                     0);
    assert_str(text_at(&t, "Accounts.Account.0.AccountId"), id);
    CALL_OK(&t, "UntagResources", "ResourceType", "Account", "ResourceId.1", id, "TagKey.1", "k");
    CALL_OK(&t, "ListAccounts", "Tag.1.Key", "k");
    assert_int_equal(number_at(&t, "TotalCount"), 0);
}

static void the_newer_product_answers_more(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++)
        make_account(&t, root, (const char *[]){"aa", "bb", "cc"}[i]);
    assert_int_equal(call_product(&t, MASTER, "SetMemberDisplayNameSyncStatus", "Status", "Enabled", NULL),
                     0);
    assert_int_equal(call_product(&t, MASTER, "GetResourceDirectory", NULL), 0);
    assert_str(text_at(&t, "ResourceDirectory.MemberAccountDisplayNameSyncStatus"), "Enabled");
    assert_int_equal(call_product(&t, MASTER, "ListAccounts", "MaxResults", "2", "PageSize", "2", NULL), 0);
    const char *first = keep_at(&t, "Accounts.Account.0.AccountId");
    const char *token = keep_at(&t, "NextToken");
    assert_int_equal(call_product(&t, MASTER, "ListAccounts", "MaxResults", "2", "NextToken", token, NULL),
                     0);
    assert_str(text_at(&t, "Accounts.Account.0.DisplayName"), "cc");
    const char *last = keep_at(&t, "Accounts.Account.0.AccountId");
    assert_int_equal(
        call_product(&t, MASTER, "UpdatePayerForAccount", "AccountId", last, "PayerAccountId", first, NULL),
        0);
    CALL_OK(&t, "GetPayerForAccount", "AccountId", last);
    assert_str(text_at(&t, "PayerAccountId"), first);
}

/* A second process (here: a second room on the same store) changes the directory. */
static void another_node_is_followed(void **state) {
    (void)state;
    org_config config = {.store = t.store, .clock = t.services.clock, .random = t.services.random};
    org *other;
    assert_int_equal(org_open(&other, &config, &t.error), 0);
    const char *id = make_account(&t, root, "app");
    const org_view *view = org_view_open(other, NULL, &t.error);
    assert_non_null(view);
    assert_non_null(org_find_node(view, pl_str_from(id)));
    org_view_close(view);
    store_close(t.store); /* ends the notifications to both */
    t.store = NULL;
    org_close(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_directory_opens_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_member_sees_its_directory_and_opens_none, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_closes_when_it_is_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_nest_five_deep, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_have_limits_and_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(a_member_is_created, setup, teardown),
        cmocka_unit_test_setup_teardown(members_are_listed, setup, teardown),
        cmocka_unit_test_setup_teardown(members_are_listed_by_token, setup, teardown),
        cmocka_unit_test_setup_teardown(a_member_is_changed_and_moved, setup, teardown),
        cmocka_unit_test_setup_teardown(an_invited_account_joins, setup, teardown),
        cmocka_unit_test_setup_teardown(invitations_end_in_other_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(delegated_administrators_read_the_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(a_member_is_deleted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_member_that_another_pays_for_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(types_are_switched_when_they_can_be, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_and_phones, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cloud_account_is_created, setup, teardown),
        cmocka_unit_test_setup_teardown(objects_are_tagged, setup, teardown),
        cmocka_unit_test_setup_teardown(the_newer_product_answers_more, setup, teardown),
        cmocka_unit_test_setup_teardown(another_node_is_followed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
