#include "organisation.h"

#include "identity/entities.h"

#define TRUST                                                                                                \
    "{\"Statement\":[{\"Action\":\"sts:AssumeRole\",\"Effect\":\"Allow\",\"Principal\":{\"RAM\":"            \
    "\"acs:ram::1000000000000002:root\"}}],\"Version\":\"1\"}"
#define DOCUMENT                                                                                             \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"ecs:*\",\"Resource\":\"*\"}]}"

static organisation t;
static identity *room;

static int make_manager(store_session *session, void *argument, pl_error *error) {
    (void)argument;
    identity_scope in = {room, session, &t.arena, PL_STR(MANAGER), t.now};
    identity_user user = {.name = PL_STR("alice")};
    return identity_account_create(room, session, PL_STR(MANAGER), PL_STR("me"), t.now, error) ||
                   identity_user_create(&in, &user, error)
               ? -1
               : 0;
}

static int setup(void **state) {
    (void)state;
    open_organisation(&t, NULL);
    char key[128];
    snprintf(key, sizeof key, "%s/secret.key", t.directory);
    identity_config config = {.store = t.store,
                              .org = t.org,
                              .clock = t.services.clock,
                              .random = t.services.random,
                              .key_file = key};
    assert_int_equal(identity_open(&room, &config, &t.error), 0);
    t.services.identity = room;
    org_hooks hooks = {0};
    identity_org_hooks(room, &hooks);
    org_set_hooks(t.org, &hooks);
    if (store_write(t.store, make_manager, NULL, &t.error))
        fail_msg("%s", t.error.message);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    store_close(t.store);
    identity_close(room);
    t.store = NULL;
    close_organisation(&t);
    return 0;
}

static void roles(void **state) {
    (void)state;
    CALL_OK(&t, "CreateRole", "RoleName", "ECSAdmin", "Description", "ECS administrator",
            "AssumeRolePolicyDocument", TRUST);
    assert_str(text_at(&t, "Role.Arn"), "acs:ram::" MANAGER ":role/ECSAdmin");
    assert_str(text_at(&t, "Role.RolePrincipalName"), "ECSAdmin@role." MANAGER ".onaliyunservice.com");
    CALL_FAILS(&t, 409, "EntityAlreadyExists.Role", "CreateRole", "RoleName", "ECSAdmin",
               "AssumeRolePolicyDocument", TRUST);
    CALL_FAILS(&t, 409, "MalformedPolicyDocument", "CreateRole", "RoleName", "Other",
               "AssumeRolePolicyDocument", "{}");
    CALL_OK(&t, "UpdateRole", "RoleName", "ECSAdmin", "NewDescription", "Changed");
    CALL_OK(&t, "GetRole", "RoleName", "ECSAdmin");
    assert_str(text_at(&t, "Role.Description"), "Changed");
    CALL_OK(&t, "ListRoles");
    assert_int_equal(number_at(&t, "TotalCount"), 1);
    assert_str(text_at(&t, "Roles.Role.0.RoleName"), "ECSAdmin");
    CALL_OK(&t, "DeleteRole", "RoleName", "ECSAdmin");
    CALL_FAILS(&t, 404, "EntityNotExist.Role", "GetRole", "RoleName", "ECSAdmin");
}

static void service_linked_roles(void **state) {
    (void)state;
    CALL_FAILS(&t, 404, "EntityNotExist.Service", "CreateServiceLinkedRole", "ServiceName",
               "none.example.com");
    CALL_OK(&t, "CreateServiceLinkedRole", "ServiceName", "config.aliyuncs.com");
    assert_str(text_at(&t, "Role.RoleName"), "AliyunServiceRoleForConfig");
    CALL_OK(&t, "DeleteServiceLinkedRole", "RoleName", "AliyunServiceRoleForConfig");
    CALL_OK(&t, "GetServiceLinkedRoleDeletionStatus", "DeletionTaskId", keep_at(&t, "DeletionTaskId"));
    assert_str(text_at(&t, "Status"), "SUCCEEDED");
    CALL_FAILS(&t, 400, "InvalidParameter.DeletionTaskId", "GetServiceLinkedRoleDeletionStatus",
               "DeletionTaskId", "task/none");
}

static void policies_and_versions(void **state) {
    (void)state;
    CALL_OK(&t, "CreatePolicy", "PolicyName", "ecs-all", "PolicyDocument", DOCUMENT);
    assert_str(text_at(&t, "Policy.PolicyType"), "Custom");
    assert_str(text_at(&t, "Policy.DefaultVersion"), "v1");
    CALL_OK(&t, "CreatePolicyVersion", "PolicyName", "ecs-all", "PolicyDocument", DOCUMENT, "SetAsDefault",
            "true");
    CALL_OK(&t, "ListPolicyVersions", "PolicyName", "ecs-all", "PolicyType", "Custom");
    assert_int_equal(pl_json_count(at(&t, "PolicyVersions.PolicyVersion")), 2);
    CALL_FAILS(&t, 409, "DeleteConflict.Policy.Version", "DeletePolicy", "PolicyName", "ecs-all");
    CALL_OK(&t, "SetDefaultPolicyVersion", "PolicyName", "ecs-all", "VersionId", "v1");
    CALL_OK(&t, "DeletePolicyVersion", "PolicyName", "ecs-all", "VersionId", "v2");
    CALL_OK(&t, "ListPolicies", "PolicyType", "Custom");
    assert_int_equal(number_at(&t, "TotalCount"), 1);
    CALL_OK(&t, "ListPolicies");
    assert_true(number_at(&t, "TotalCount") > 1);
    CALL_OK(&t, "DeletePolicy", "PolicyName", "ecs-all");
    CALL_FAILS(&t, 404, "EntityNotExist.Policy", "GetPolicy", "PolicyName", "ecs-all", "PolicyType",
               "Custom");
}

static void policies_are_attached_in_a_scope(void **state) {
    (void)state;
    CALL_OK(&t, "CreateResourceGroup", "Name", "mine", "DisplayName", "Mine");
    const char *group = keep_at(&t, "ResourceGroup.Id");
    CALL_OK(&t, "AttachPolicy", "ResourceGroupId", group, "PolicyType", "System", "PolicyName",
            "AdministratorAccess", "PrincipalType", "IMSUser", "PrincipalName",
            "alice@" MANAGER ".onaliyun.com");
    CALL_OK(&t, "AttachPolicy", "ResourceGroupId", MANAGER, "PolicyType", "System", "PolicyName",
            "AliyunConfigFullAccess", "PrincipalType", "IMSUser", "PrincipalName", "alice");
    CALL_FAILS(&t, 404, "EntityNotExists.ResourceGroup", "AttachPolicy", "ResourceGroupId", "rg-none",
               "PolicyType", "System", "PolicyName", "AdministratorAccess", "PrincipalType", "IMSUser",
               "PrincipalName", "alice");
    CALL_OK(&t, "ListPolicyAttachments", "ResourceGroupId", group);
    assert_int_equal(number_at(&t, "TotalCount"), 1);
    assert_str(text_at(&t, "PolicyAttachments.PolicyAttachment.0.PrincipalName"),
               "alice@" MANAGER ".onaliyun.com");
    assert_str(text_at(&t, "PolicyAttachments.PolicyAttachment.0.PrincipalType"), "IMSUser");
    assert_str(text_at(&t, "PolicyAttachments.PolicyAttachment.0.ResourceGroupId"), group);
    CALL_OK(&t, "DeleteResourceGroup", "ResourceGroupId", group);
    CALL_OK(&t, "ListPolicyAttachments", "PrincipalType", "IMSUser", "PrincipalName", "alice");
    assert_int_equal(number_at(&t, "TotalCount"), 1);
    assert_str(text_at(&t, "PolicyAttachments.PolicyAttachment.0.ResourceGroupId"), MANAGER);
    CALL_OK(&t, "DetachPolicy", "ResourceGroupId", MANAGER, "PolicyType", "System", "PolicyName",
            "AliyunConfigFullAccess", "PrincipalType", "IMSUser", "PrincipalName", "alice");
}

static void a_new_member_has_the_access_role(void **state) {
    (void)state;
    const char *root = open_directory(&t);
    act_as(&t, make_account(&t, root, "app"));
    CALL_OK(&t, "GetRole", "RoleName", "ResourceDirectoryAccountAccessRole");
    assert_true(pl_str_find(text_at(&t, "Role.AssumeRolePolicyDocument"), PL_STR(MANAGER)) != PL_NOT_FOUND);
}

static void only_accounts_that_exist_are_invited(void **state) {
    (void)state;
    open_directory(&t);
    CALL_FAILS(&t, 400, "InvalidParameter.TargetEntity", "InviteAccountToResourceDirectory", "TargetType",
               "Account", "TargetEntity", "1000000000000077");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(roles, setup, teardown),
        cmocka_unit_test_setup_teardown(service_linked_roles, setup, teardown),
        cmocka_unit_test_setup_teardown(policies_and_versions, setup, teardown),
        cmocka_unit_test_setup_teardown(policies_are_attached_in_a_scope, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_member_has_the_access_role, setup, teardown),
        cmocka_unit_test_setup_teardown(only_accounts_that_exist_are_invited, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
