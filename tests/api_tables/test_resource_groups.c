#include "organisation.h"

#include "catalogue/catalogue.h"
#include "engine/engine.h"

static organisation t;

static int add_default_groups(store_session *session, void *argument, pl_error *error) {
    (void)argument;
    return org_add_default_resource_group(session, PL_STR(MANAGER), t.now, error) ||
           org_add_default_resource_group(session, PL_STR(STRANGER), t.now, error);
}

static int setup(void **state) {
    (void)state;
    open_organisation(&t, &(org_limits){.resource_groups = 2});
    assert_int_equal(store_write(t.store, add_default_groups, NULL, &t.error), 0);
    catalogue *types;
    engine *e;
    assert_int_equal(catalogue_open(&types, NULL, &t.error), 0);
    engine_config config = {
        .store = t.store, .catalogue = types, .clock = t.services.clock, .random = t.services.random};
    assert_int_equal(engine_open(&e, &config, &t.error), 0);
    t.services.catalogue = types;
    t.services.engine = e;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    engine_close(t.services.engine);
    catalogue_close((catalogue *)(uintptr_t)t.services.catalogue);
    close_organisation(&t);
    return 0;
}

static void record(const char *items) {
    inventory_defaults defaults = {.account_id = PL_STR(MANAGER), .catalogue = t.services.catalogue};
    engine_ingested done;
    pl_json root;
    assert_int_equal(pl_json_parse_in(&t.arena, pl_str_from(items), &root, &t.error), 0);
    if (engine_ingest(t.services.engine, &defaults, root, t.now, &done, &t.error))
        fail_msg("%s", t.error.message);
}

static const char *make_group(const char *name) {
    CALL_OK(&t, "CreateResourceGroup", "Name", name, "DisplayName", "A group", "Tag.1.Key", "k",
            "Tag.1.Value", "v");
    return keep_at(&t, "ResourceGroup.Id");
}

static void a_group_lives(void **state) {
    (void)state;
    const char *id = make_group("my-group");
    assert_int_equal(strlen(id), 18);
    CALL_OK(&t, "GetResourceGroup", "ResourceGroupId", id, "IncludeTags", "true");
    assert_str(text_at(&t, "ResourceGroup.Status"), "OK");
    assert_str(text_at(&t, "ResourceGroup.AccountId"), MANAGER);
    assert_str(text_at(&t, "ResourceGroup.Tags.Tag.0.TagValue"), "v");
    CALL_OK(&t, "UpdateResourceGroup", "ResourceGroupId", id, "NewDisplayName", "Other");
    assert_str(text_at(&t, "ResourceGroup.DisplayName"), "Other");
    CALL_OK(&t, "ListTagResources", "ResourceType", "ResourceGroup");
    assert_str(text_at(&t, "TagResources.0.ResourceId"), id);
    CALL_OK(&t, "DeleteResourceGroup", "ResourceGroupId", id);
    assert_str(text_at(&t, "ResourceGroup.Status"), "PendingDelete");
    CALL_FAILS(&t, 404, "EntityNotExists.ResourceGroup", "GetResourceGroup", "ResourceGroupId", id);
    static const char *const malformed[] = {"rg", "rg-", "rg-0123456789abcdef", "rg-a_b", "xrg-abc"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        CALL_FAILS(&t, 400, "InvalidParameter.ResourceGroupId", "GetResourceGroup", "ResourceGroupId",
                   malformed[i]);
        CALL_FAILS(&t, 400, "InvalidParameter.ResourceGroupId", "DeleteResourceGroup", "ResourceGroupId",
                   malformed[i]);
        CALL_FAILS(&t, 400, "InvalidParameter.ResourceGroupId", "UpdateResourceGroup", "ResourceGroupId",
                   malformed[i], "NewDisplayName", "x");
    }
}

static void groups_have_rules(void **state) {
    (void)state;
    CALL_FAILS(&t, 400, "InvalidParameter.Name.InvalidChars", "CreateResourceGroup", "Name", "a_b",
               "DisplayName", "x");
    CALL_FAILS(&t, 400, "InvalidParameter.Name.Length", "CreateResourceGroup", "Name", "a", "DisplayName",
               "x");
    CALL_FAILS(&t, 400, "MissingParameter.DisplayName", "CreateResourceGroup", "Name", "ab");
    const char *first = make_group("first");
    CALL_FAILS(&t, 409, "EntityAlreadyExists.ResourceGroup", "CreateResourceGroup", "Name", "first",
               "DisplayName", "x");
    make_group("second");
    CALL_FAILS(&t, 409, "LimitExceeded.ResourceGroup", "CreateResourceGroup", "Name", "third", "DisplayName",
               "x");
    CALL_OK(&t, "ListResourceGroups", "Name", "sec", "IncludeTags", "true");
    assert_int_equal(number_at(&t, "TotalCount"), 1);
    assert_str(text_at(&t, "ResourceGroups.ResourceGroup.0.Tags.Tag.0.TagKey"), "k");
    CALL_OK(&t, "ListResourceGroups", "ResourceGroupIds.1", first);
    assert_str(text_at(&t, "ResourceGroups.ResourceGroup.0.Id"), first);
    act_as(&t, STRANGER);
    CALL_OK(&t, "ListResourceGroups");
    assert_int_equal(number_at(&t, "TotalCount"), 1);
    assert_str(text_at(&t, "ResourceGroups.ResourceGroup.0.Name"), "default");
    CALL_FAILS(&t, 404, "EntityNotExists.ResourceGroup", "GetResourceGroup", "ResourceGroupId", first);
}

static void the_default_group_is_there_and_stays(void **state) {
    (void)state;
    make_group("first");
    CALL_OK(&t, "ListResourceGroups", "Status", "OK");
    assert_int_equal(number_at(&t, "TotalCount"), 2);
    assert_str(text_at(&t, "ResourceGroups.ResourceGroup.0.Name"), "default");
    const char *id = keep_at(&t, "ResourceGroups.ResourceGroup.0.Id");
    CALL_OK(&t, "ListResourceGroups");
    assert_int_equal(number_at(&t, "TotalCount"), 2);
    make_group("second"); /* it does not count among the two that are allowed here */
    CALL_FAILS(&t, 409, "EntityAlreadyExists.ResourceGroup", "CreateResourceGroup", "Name", "default",
               "DisplayName", "x");
    CALL_OK(&t, "UpdateResourceGroup", "ResourceGroupId", id, "NewDisplayName", "of the house");
    CALL_OK(&t, "GetResourceGroup", "ResourceGroupId", id);
    assert_str(text_at(&t, "ResourceGroup.DisplayName"), "of the house");
    CALL_FAILS(&t, 409, "DeleteConflict.ResourceGroup.Resource", "DeleteResourceGroup", "ResourceGroupId",
               id);
}

static void resources_move_between_groups(void **state) {
    (void)state;
    const char *id = make_group("first");
    record("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\",\"regionId\":\"cn-hangzhou\","
           "\"resourceName\":\"web\",\"tags\":{\"k\":[\"v\"]},\"configuration\":{\"Status\":\"Running\"}},"
           "{\"resourceType\":\"ACS::VPC::VPC\",\"resourceId\":\"v-1\",\"regionId\":\"cn-beijing\","
           "\"configuration\":{\"CidrBlock\":\"10.0.0.0/8\"}}]");
    t.now += 1000;
    CALL_OK(&t, "MoveResources", "ResourceGroupId", id, "Resources.1.Service", "ecs",
            "Resources.1.ResourceType", "instance", "Resources.1.ResourceId", "i-1", "Resources.1.RegionId",
            "cn-hangzhou", "Resources.2.Service", "ecs", "Resources.2.ResourceType", "disk",
            "Resources.2.ResourceId", "i-1");
    assert_str(text_at(&t, "Responses.0.Status"), "SUCCESS");
    assert_str(text_at(&t, "Responses.1.Status"), "FAIL");
    CALL_FAILS(&t, 400, "SERVICE_REGION_NO_ENDPOINT", "MoveResources", "ResourceGroupId", id,
               "Resources.1.Service", "vpc", "Resources.1.ResourceType", "vpc", "Resources.1.ResourceId",
               "v-1", "Resources.2.Service", "nothing", "Resources.2.ResourceId", "v-1");
    CALL_OK(&t, "ListResources", "ResourceGroupId", id);
    assert_int_equal(number_at(&t, "TotalCount"), 1);
    assert_str(text_at(&t, "Resources.Resource.0.ResourceId"), "i-1");
    assert_str(text_at(&t, "Resources.Resource.0.Service"), "ecs");
    assert_str(text_at(&t, "Resources.Resource.0.ResourceType"), "instance");
    CALL_OK(&t, "ListResources", "ResourceTypes.1.Service", "vpc", "ResourceTypes.1.ResourceType", "vpc");
    assert_str(text_at(&t, "Resources.Resource.0.ResourceId"), "v-1");
    CALL_OK(&t, "GetResourceGroupResourceCounts", "GroupByKey", "ResourceType");
    assert_int_equal(pl_json_count(at(&t, "ResourceCounts")), 2);
    assert_int_equal(number_at(&t, "ResourceCounts.0.Count"), 1);
    CALL_FAILS(&t, 409, "DeleteConflict.ResourceGroup.Resource", "DeleteResourceGroup", "ResourceGroupId",
               id);
}

static void switches_are_kept(void **state) {
    (void)state;
    bool on = true;
    CALL_OK(&t, "GetResourceGroupAdminSetting");
    assert_true(pl_json_bool(at(&t, "CreatorAsAdmin"), &on) && !on);
    CALL_OK(&t, "UpdateResourceGroupAdminSetting", "CreatorAsAdmin", "true");
    CALL_OK(&t, "GetResourceGroupAdminSetting");
    assert_true(pl_json_bool(at(&t, "CreatorAsAdmin"), &on) && on);
    CALL_OK(&t, "EnableResourceGroupNotification");
    CALL_OK(&t, "GetResourceGroupNotificationSetting");
    assert_true(pl_json_bool(at(&t, "ResourceGroupNotificationEnableStatus"), &on) && on);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_group_lives, setup, teardown),
        cmocka_unit_test_setup_teardown(the_default_group_is_there_and_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_have_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(resources_move_between_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(switches_are_kept, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
