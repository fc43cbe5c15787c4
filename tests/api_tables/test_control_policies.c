#include "organisation.h"

#define DENY_EVERYTHING                                                                                      \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}]}"
#define DENY_ROLES                                                                                           \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":[\"ram:UpdateRole\","                 \
    "\"ram:DeleteRole\",\"ram:AttachPolicyToRole\",\"ram:DetachPolicyFromRole\"],\"Resource\":"              \
    "\"acs:ram:*:*:role/ResourceDirectoryAccountAccessRole\"}]}"
#define SYSTEM "cp-FullAliyunAccess"
#define ORG_TEST_ALLOW                                                                                       \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}"

static organisation t;
static const char *root;

static int setup(void **state) {
    (void)state;
    open_organisation(&t, NULL);
    root = open_directory(&t);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    close_organisation(&t);
    return 0;
}

static const char *make_policy(const char *name, const char *document) {
    CALL_OK(&t, "CreateControlPolicy", "PolicyName", name, "EffectScope", "RAM", "PolicyDocument", document);
    return keep_at(&t, "ControlPolicy.PolicyId");
}

static void create_answers_with_the_policy(void **state) {
    (void)state;
    CALL_OK(&t, "CreateControlPolicy", "PolicyName", "ExampleControlPolicy", "Description",
            "ExampleControlPolicy", "EffectScope", "RAM", "PolicyDocument", DENY_ROLES);
    assert_str(text_at(&t, "ControlPolicy.AttachmentCount"), "0");
    assert_str(text_at(&t, "ControlPolicy.PolicyName"), "ExampleControlPolicy");
    assert_str(text_at(&t, "ControlPolicy.Description"), "ExampleControlPolicy");
    assert_str(text_at(&t, "ControlPolicy.EffectScope"), "RAM");
    assert_str(text_at(&t, "ControlPolicy.PolicyType"), "Custom");
    assert_str(text_at(&t, "ControlPolicy.CreateDate"), "2023-11-14T22:13:20Z");
    assert_str(text_at(&t, "ControlPolicy.UpdateDate"), "2023-11-14T22:13:20Z");
    const char *id = keep_at(&t, "ControlPolicy.PolicyId");
    assert_int_equal(strlen(id), 19);
    assert_memory_equal(id, "cp-", 3);
    CALL_OK(&t, "GetControlPolicy", "PolicyId", id);
    assert_str(text_at(&t, "ControlPolicy.PolicyDocument"), DENY_ROLES);
}

static void create_checks_its_parameters(void **state) {
    (void)state;
    CALL_FAILS(&t, 400, "MissingParameter.PolicyName", "CreateControlPolicy", "EffectScope", "RAM",
               "PolicyDocument", DENY_ROLES);
    CALL_FAILS(&t, 400, "InvalidParameter.PolicyName", "CreateControlPolicy", "PolicyName", "1abc",
               "EffectScope", "RAM", "PolicyDocument", DENY_ROLES);
    CALL_FAILS(&t, 400, "InvalidParameter.PolicyName", "CreateControlPolicy", "PolicyName", "a_b",
               "EffectScope", "RAM", "PolicyDocument", DENY_ROLES);
    CALL_FAILS(&t, 400, "InvalidParameter.Description", "CreateControlPolicy", "PolicyName", "a",
               "Description", "two words", "EffectScope", "RAM", "PolicyDocument", DENY_ROLES);
    CALL_FAILS(&t, 400, "InvalidParameter.EffectScope", "CreateControlPolicy", "PolicyName", "a",
               "EffectScope", "All", "PolicyDocument", DENY_ROLES);
    CALL_FAILS(&t, 409, "MalformedPolicyDocument", "CreateControlPolicy", "PolicyName", "a", "EffectScope",
               "RAM", "PolicyDocument", "{\"Version\":\"1\"}");
    CALL_OK(&t, "ListControlPolicies");
    assert_int_equal(number_at(&t, "TotalCount"), 1);
}

/* A document of `characters` characters, of three bytes each where it is padded. */
static const char *document_of(size_t characters) {
    static const char head[] = "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\","
                               "\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"a\":\"";
    static const char tail[] = "\"}}}]}";
    size_t padding = characters - (sizeof head - 1) - (sizeof tail - 1);
    char *text = pl_arena_alloc(&t.arena, sizeof head + sizeof tail + 3 * padding);
    assert_non_null(text);
    strcpy(text, head);
    for (size_t i = 0; i < padding; i++)
        strcpy(text + sizeof head - 1 + 3 * i, "中");
    strcpy(text + sizeof head - 1 + 3 * padding, tail);
    return text;
}

static void length_is_counted_in_characters(void **state) {
    (void)state;
    const char *id = make_policy("AtTheLimit", document_of(4096));
    CALL_FAILS(&t, 409, "InvalidParameter.PolicyDocument.Length", "CreateControlPolicy", "PolicyName", "Over",
               "EffectScope", "RAM", "PolicyDocument", document_of(4097));
    assert_non_null(strstr(t.error.message, "The maximum length of the policy document is exceeded. It must "
                                            "not exceed 4096 characters."));
    CALL_FAILS(&t, 400, "InvalidParameter.NewPolicyDocument.Length", "UpdateControlPolicy", "PolicyId", id,
               "NewPolicyDocument", document_of(4097));
}

static void names_are_unique(void **state) {
    (void)state;
    const char *first = make_policy("One", DENY_ROLES);
    make_policy("Two", DENY_ROLES);
    CALL_FAILS(&t, 409, "EntityAlreadyExists.ControlPolicy", "CreateControlPolicy", "PolicyName", "One",
               "EffectScope", "RAM", "PolicyDocument", DENY_ROLES);
    CALL_FAILS(&t, 409, "EntityAlreadyExists.ControlPolicy", "CreateControlPolicy", "PolicyName",
               "FullAliyunAccess", "EffectScope", "RAM", "PolicyDocument", DENY_ROLES);
    CALL_FAILS(&t, 409, "EntityAlreadyExists.ControlPolicy", "UpdateControlPolicy", "PolicyId", first,
               "NewPolicyName", "Two");
    CALL_OK(&t, "UpdateControlPolicy", "PolicyId", first, "NewPolicyName", "One", "NewDescription",
            "Changed");
    assert_str(text_at(&t, "ControlPolicy.Description"), "Changed");
}

static void limit_of_policies(void **state) {
    (void)state;
    close_organisation(&t);
    open_organisation(&t, &(org_limits){.control_policies = 2});
    open_directory(&t);
    make_policy("One", DENY_ROLES);
    make_policy("Two", DENY_ROLES);
    CALL_FAILS(&t, 409, "LimitExceeded.ControlPolicy", "CreateControlPolicy", "PolicyName", "Three",
               "EffectScope", "RAM", "PolicyDocument", DENY_ROLES);
}

static void switch_goes_through_its_states(void **state) {
    (void)state;
    close_organisation(&t);
    open_organisation(&t, &(org_limits){.switch_delay = 1000, .switch_interval = 300000});
    root = open_directory(&t);
    CALL_OK(&t, "GetControlPolicyEnablementStatus");
    assert_str(text_at(&t, "EnablementStatus"), "Disabled");
    CALL_FAILS(&t, 409, "InvalidControlPolicyEnablementStatus", "AttachControlPolicy", "PolicyId", SYSTEM,
               "TargetId", root);
    CALL_OK(&t, "EnableControlPolicy");
    assert_str(text_at(&t, "EnablementStatus"), "PendingEnable");
    CALL_OK(&t, "GetResourceDirectory");
    assert_str(text_at(&t, "ResourceDirectory.ControlPolicyStatus"), "PendingEnable");
    CALL_FAILS(&t, 409, "InvalidControlPolicyEnablementStatus", "DisableControlPolicy");
    t.now += 1000;
    CALL_OK(&t, "GetControlPolicyEnablementStatus");
    assert_str(text_at(&t, "EnablementStatus"), "Enabled");
    CALL_OK(&t, "DisableControlPolicy");
    assert_str(text_at(&t, "EnablementStatus"), "PendingDisable");
    t.now += 1000;
    CALL_FAILS(&t, 409, "Throttling.EnableControlPolicy", "EnableControlPolicy");
    assert_string_equal(t.error.message,
                        "The enable operation is too frequent. Please try again in 5 minute(s).");
    t.now += 300000;
    CALL_OK(&t, "EnableControlPolicy");
}

static void enabling_attaches_the_system_policy_everywhere(void **state) {
    (void)state;
    const char *folder = make_folder(&t, root, "dev");
    const char *account = make_account(&t, folder, "app");
    CALL_OK(&t, "EnableControlPolicy");
    CALL_OK(&t, "ListTargetAttachmentsForControlPolicy", "PolicyId", SYSTEM);
    assert_int_equal(number_at(&t, "TotalCount"), 3);
    assert_str(text_at(&t, "TargetAttachments.TargetAttachment.0.TargetType"), "Root");
    assert_str(text_at(&t, "TargetAttachments.TargetAttachment.1.TargetId"), folder);
    assert_str(text_at(&t, "TargetAttachments.TargetAttachment.1.TargetType"), "Folder");
    assert_str(text_at(&t, "TargetAttachments.TargetAttachment.2.TargetId"), account);
    assert_str(text_at(&t, "TargetAttachments.TargetAttachment.2.TargetName"), "app");
    assert_str(text_at(&t, "TargetAttachments.TargetAttachment.2.TargetType"), "Account");
    const char *later = make_account(&t, folder, "later");
    CALL_OK(&t, "ListControlPolicyAttachmentsForTarget", "TargetId", later);
    assert_str(text_at(&t, "ControlPolicyAttachments.ControlPolicyAttachment.0.PolicyId"), SYSTEM);
    assert_str(text_at(&t, "ControlPolicyAttachments.ControlPolicyAttachment.0.EffectScope"), "All");
    CALL_OK(&t, "DisableControlPolicy");
    CALL_OK(&t, "ListControlPolicyAttachmentsForTarget", "TargetId", later);
    assert_int_equal(pl_json_count(at(&t, "ControlPolicyAttachments.ControlPolicyAttachment")), 0);
}

static void attach_and_detach(void **state) {
    (void)state;
    const char *folder = make_folder(&t, root, "dev");
    const char *policy = make_policy("Deny", DENY_ROLES);
    CALL_OK(&t, "EnableControlPolicy");
    CALL_FAILS(&t, 404, "EntityNotExists.Target", "AttachControlPolicy", "PolicyId", policy, "TargetId",
               "fd-0000000000");
    CALL_FAILS(&t, 404, "EntityNotExists.ControlPolicy", "AttachControlPolicy", "PolicyId", "cp-none",
               "TargetId", folder);
    CALL_FAILS(&t, 404, "EntityNotExists.Target", "AttachControlPolicy", "PolicyId", policy, "TargetId",
               MANAGER);
    CALL_OK(&t, "AttachControlPolicy", "PolicyId", policy, "TargetId", folder);
    CALL_FAILS(&t, 409, "EntityAlreadyExists.ControlPolicyAttachment", "AttachControlPolicy", "PolicyId",
               policy, "TargetId", folder);
    CALL_FAILS(&t, 409, "DeleteConflict.ControlPolicy.Target", "DeleteControlPolicy", "PolicyId", policy);
    CALL_OK(&t, "GetControlPolicy", "PolicyId", policy);
    assert_str(text_at(&t, "ControlPolicy.AttachmentCount"), "1");
    CALL_OK(&t, "DetachControlPolicy", "PolicyId", SYSTEM, "TargetId", folder);
    CALL_FAILS(&t, 400, "NotSupport.DetachLastControlPolicy", "DetachControlPolicy", "PolicyId", policy,
               "TargetId", folder);
    CALL_OK(&t, "AttachControlPolicy", "PolicyId", SYSTEM, "TargetId", folder);
    CALL_OK(&t, "DetachControlPolicy", "PolicyId", policy, "TargetId", folder);
    CALL_FAILS(&t, 404, "EntityNotExists.ControlPolicyAttachment", "DetachControlPolicy", "PolicyId", policy,
               "TargetId", folder);
    CALL_OK(&t, "DeleteControlPolicy", "PolicyId", policy);
    CALL_FAILS(&t, 404, "EntityNotExists.ControlPolicy", "GetControlPolicy", "PolicyId", policy);
}

static void ten_custom_policies_on_a_node(void **state) {
    (void)state;
    CALL_OK(&t, "EnableControlPolicy");
    for (int i = 0; i < 11; i++) {
        char name[32];
        snprintf(name, sizeof name, "policy-%d", i);
        const char *policy = make_policy(name, DENY_ROLES);
        if (i < 10)
            CALL_OK(&t, "AttachControlPolicy", "PolicyId", policy, "TargetId", root);
        else
            CALL_FAILS(&t, 409, "LimitExceeded.ControlPolicyAttachment", "AttachControlPolicy", "PolicyId",
                       policy, "TargetId", root);
    }
}

static void system_policy_stays_as_it_is(void **state) {
    (void)state;
    CALL_FAILS(&t, 409, "NotSupport.SystemControlPolicy", "DeleteControlPolicy", "PolicyId", SYSTEM);
    CALL_FAILS(&t, 409, "NotSupport.SystemControlPolicy", "UpdateControlPolicy", "PolicyId", SYSTEM,
               "NewPolicyName", "Mine");
    CALL_OK(&t, "GetControlPolicy", "PolicyId", SYSTEM, "Language", "en");
    assert_str(text_at(&t, "ControlPolicy.PolicyType"), "System");
    assert_str(text_at(&t, "ControlPolicy.EffectScope"), "All");
    make_policy("Mine", DENY_ROLES);
    CALL_OK(&t, "ListControlPolicies", "PolicyType", "Custom");
    assert_int_equal(number_at(&t, "TotalCount"), 1);
    CALL_OK(&t, "ListControlPolicies");
    assert_str(text_at(&t, "ControlPolicies.ControlPolicy.0.PolicyId"), SYSTEM);
    assert_str(text_at(&t, "ControlPolicies.ControlPolicy.1.PolicyName"), "Mine");
    CALL_OK(&t, "ListControlPolicies", "PageNumber", "2", "PageSize", "1");
    assert_int_equal(pl_json_count(at(&t, "ControlPolicies.ControlPolicy")), 1);
    assert_int_equal(number_at(&t, "TotalCount"), 2);
}

static void only_the_manager_has_policies(void **state) {
    (void)state;
    const char *member = make_account(&t, root, "app");
    act_as(&t, STRANGER);
    CALL_FAILS(&t, 404, "EntityNotExists.ResourceDirectory", "ListControlPolicies");
    CALL_FAILS(&t, 404, "EntityNotExists.ResourceDirectory", "EnableControlPolicy");
    act_as(&t, member);
    CALL_FAILS(&t, 404, "EntityNotExists.ResourceDirectory", "ListControlPolicies");
    CALL_FAILS(&t, 404, "EntityNotExists.ResourceDirectory", "CreateControlPolicy", "PolicyName", "a",
               "EffectScope", "RAM", "PolicyDocument", DENY_ROLES);
}

/* What authorization sees, decided by the policy room. */
static pl_ruling decide(const char *account_id, const char *action, size_t *levels) {
    const org_view *view = org_view_open(t.org, NULL, &t.error);
    org_levels found;
    assert_int_equal(org_control_levels(view, &t.arena, pl_str_from(account_id), &found, &t.error), 0);
    *levels = found.count;
    pl_policy_source all = {PL_POLICY_IDENTITY, PL_STR("all"), PL_STR(ORG_TEST_ALLOW)};
    pl_policy_set *set;
    assert_int_equal(pl_policy_set_compile(&all, 1, 0, &set, NULL, &t.error), 0);
    pl_authority authority = {.control = found.levels, .control_count = found.count, .identity = set};
    pl_request request = {.action = pl_str_from(action), .resource = PL_STR("acs:ram:*:1:role/a")};
    request.principal = (pl_request_principal){PL_CALLER_USER, found.role, pl_str_from(account_id),
                                               PL_STR("acs:ram::1:user/u")};
    pl_decision decision;
    assert_int_equal(pl_decide(&authority, &request, &decision, &t.error), 0);
    pl_policy_set_release(set);
    org_view_close(view);
    return decision.verdict;
}

static void authorization_follows_the_next_call(void **state) {
    (void)state;
    size_t levels;
    const char *folder = make_folder(&t, root, "dev");
    const char *member = make_account(&t, folder, "app");
    const char *policy = make_policy("Deny", DENY_EVERYTHING);
    assert_int_equal(decide(member, "ram:GetRole", &levels), PL_ALLOW);
    assert_int_equal(levels, 0);
    CALL_OK(&t, "EnableControlPolicy");
    assert_int_equal(decide(member, "ram:GetRole", &levels), PL_ALLOW);
    assert_int_equal(levels, 3);
    CALL_OK(&t, "AttachControlPolicy", "PolicyId", policy, "TargetId", folder);
    assert_int_equal(decide(member, "ram:GetRole", &levels), PL_EXPLICIT_DENY);
    assert_int_equal(decide(MANAGER, "ram:GetRole", &levels), PL_ALLOW);
    CALL_OK(&t, "UpdateControlPolicy", "PolicyId", policy, "NewPolicyDocument", DENY_ROLES);
    assert_int_equal(decide(member, "ram:GetRole", &levels), PL_ALLOW);
    CALL_OK(&t, "UpdateControlPolicy", "PolicyId", policy, "NewPolicyDocument", DENY_EVERYTHING);
    CALL_OK(&t, "MoveAccount", "AccountId", member, "DestinationFolderId", root);
    assert_int_equal(decide(member, "ram:GetRole", &levels), PL_ALLOW);
    assert_int_equal(levels, 2);
    CALL_OK(&t, "MoveAccount", "AccountId", member, "DestinationFolderId", folder);
    CALL_OK(&t, "DetachControlPolicy", "PolicyId", policy, "TargetId", folder);
    assert_int_equal(decide(member, "ram:GetRole", &levels), PL_ALLOW);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(create_answers_with_the_policy, setup, teardown),
        cmocka_unit_test_setup_teardown(create_checks_its_parameters, setup, teardown),
        cmocka_unit_test_setup_teardown(length_is_counted_in_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_unique, setup, teardown),
        cmocka_unit_test_setup_teardown(limit_of_policies, setup, teardown),
        cmocka_unit_test_setup_teardown(switch_goes_through_its_states, setup, teardown),
        cmocka_unit_test_setup_teardown(enabling_attaches_the_system_policy_everywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(attach_and_detach, setup, teardown),
        cmocka_unit_test_setup_teardown(ten_custom_policies_on_a_node, setup, teardown),
        cmocka_unit_test_setup_teardown(system_policy_stays_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_manager_has_policies, setup, teardown),
        cmocka_unit_test_setup_teardown(authorization_follows_the_next_call, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
