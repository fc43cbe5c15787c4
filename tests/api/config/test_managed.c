/* What the catalogue offers to clients: managed rules, types, operators, templates, recommendations. */
#include "support/calls.h"

#include "api/operations.gen.h"

static void put_item(const char *type, const char *id, const char *configuration) {
    pl_json items;
    engine_ingested done;
    inventory_defaults defaults = {.account_id = world.caller.account_id, .catalogue = world.catalogue};
    pl_str text =
        pl_arena_printf(&world.arena,
                        "[{\"resourceType\":\"%s\",\"resourceId\":\"%s\",\"regionId\":\"cn-hangzhou\","
                        "\"configuration\":%s}]",
                        type, id, configuration);
    if (pl_json_parse_in(&world.arena, text, &items, &world.error) != 0 ||
        engine_ingest(world.engine, &defaults, items, world.now, &done, &world.error) != 0)
        fail_msg("%s: %s", world.error.code, world.error.message);
}

static void a_managed_rule_is_described(void **state) {
    (void)state;
    pl_json answer = call_well(config_get_managed_rule, "{\"Identifier\":\"eip-bandwidth-limit\"}");
    assert_text(answer, "ManagedRule.Identifier", "eip-bandwidth-limit");
    assert_text(answer, "ManagedRule.Scope.ComplianceResourceTypes.0", "ACS::EIP::EipAddress");
    assert_text(answer, "ManagedRule.CompulsoryInputParameterDetails.bandwidth", "10");
    assert_true(pl_json_count(at(answer, "ManagedRule.SourceDetails")) > 0);
    call_refused(config_get_managed_rule, "{\"Identifier\":\"none\"}", "ConfigRuleNotExists");
}

static void managed_rules_are_filtered(void **state) {
    (void)state;
    pl_json answer = call_well(config_list_managed_rules, "{\"Keyword\":\"EIP-BANDWIDTH\"}");
    assert_text(answer, "ManagedRules.ManagedRuleList.0.Identifier", "eip-bandwidth-limit");
    answer = call_well(config_list_managed_rules, "{\"PageSize\":3}");
    assert_int_equal(pl_json_count(at(answer, "ManagedRules.ManagedRuleList")), 3);
    int64_t total = 0;
    assert_true(pl_json_i64(at(answer, "ManagedRules.TotalCount"), &total));
    assert_int_equal(total, catalogue_rule_count(world.catalogue));
    answer = call_well(config_list_managed_rules, "{\"FilterType\":\"UNCOVERED_RESOURCE\"}");
    assert_text(answer, "ManagedRules.TotalCount", "0");
    answer = call_well(config_list_pre_managed_rules,
                       "{\"ResourceTypes\":[\"ACS::ECS::Instance\"],\"PageSize\":100}");
    assert_true(pl_json_count(at(answer, "ManagedRules")) > 0);
}

static void uncovered_types_bring_recommendations(void **state) {
    (void)state;
    put_item("ACS::EIP::EipAddress", "eip-1", "{\"Bandwidth\":\"20\"}");
    put_item("ACS::ECS::Disk", "d-1", "{\"Encrypted\":true}");
    put_item("ACS::ECS::Disk", "d-2", "{\"Encrypted\":true}");
    pl_json answer = call_well(config_list_recommend_managed_rules, "{\"MaxResults\":1}");
    assert_text(answer, "RecommendedManagedRules.RecommendedManagedRuleList.0.ResourceTypeScope",
                "ACS::ECS::Disk");
    const char *next = pl_json_str(at(answer, "RecommendedManagedRules.NextToken")).p;
    assert_non_null(next);
    assert_true(strlen(next) > 8);
    call_well(config_list_recommend_managed_rules, input_of("{\"NextToken\":\"%s\"}", next));
    call_refused(config_list_recommend_managed_rules, "{\"NextToken\":\"x1\"}", "InvalidNextToken");
    answer =
        call_well(config_list_recommend_managed_rules, "{\"ExcludeResourceIdsScope\":[\"d-1\",\"d-2\"]}");
    assert_text(answer, "RecommendedManagedRules.RecommendedManagedRuleList.0.ResourceTypeScope",
                "ACS::EIP::EipAddress");
    answer =
        call_well(config_list_recommend_managed_rules,
                  "{\"SelectedManagedRuleIdentifiers\":[\"ecs-disk-encrypted\",\"eip-bandwidth-limit\"]}");
    assert_text(answer, "RecommendedManagedRules.TotalCount", "0");
}

/* What is kept of a type from before it was taken out of the recorder is looked at by no rule. */
static void types_that_are_not_recorded_bring_none(void **state) {
    (void)state;
    put_item("ACS::EIP::EipAddress", "eip-1", "{\"Bandwidth\":\"20\"}");
    put_item("ACS::ECS::Disk", "d-1", "{\"Encrypted\":true}");
    put_item("ACS::ECS::Disk", "d-2", "{\"Encrypted\":true}");
    call_well(config_update_configuration_recorder, "{\"ResourceTypes\":\"ACS::EIP::EipAddress\"}");
    static const char *const inputs[] = {"{}", "{\"RegionIdsScope\":\"cn-hangzhou\"}"};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        pl_json rule, answer = call_well(config_list_recommend_managed_rules, inputs[i]);
        pl_str unused;
        pl_json list = at(answer, "RecommendedManagedRules.RecommendedManagedRuleList");
        assert_true(pl_json_count(list) > 0);
        for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &unused, &rule);)
            assert_text(rule, "ResourceTypeScope", "ACS::EIP::EipAddress");
    }
    const char *uncovered = "{\"FilterType\":\"UNCOVERED_RESOURCE\",\"Keyword\":\"ecs-disk-encrypted\"}";
    pl_json answer = call_well(config_list_managed_rules, uncovered);
    assert_text(answer, "ManagedRules.TotalCount", "0");
    call_well(config_start_configuration_recorder, "{}");
    assert_text(call_well(config_list_managed_rules, uncovered), "ManagedRules.TotalCount", "1");
    answer = call_well(config_list_recommend_managed_rules, "{\"MaxResults\":1}");
    assert_text(answer, "RecommendedManagedRules.RecommendedManagedRuleList.0.ResourceTypeScope",
                "ACS::ECS::Disk");
}

static void types_are_described(void **state) {
    (void)state;
    pl_json answer =
        call_well(config_get_resource_type_properties, "{\"ResourceType\":\"ACS::ECS::Instance\"}");
    pl_json list;
    assert_int_equal(
        pl_json_parse_in(&world.arena, pl_json_str(at(answer, "Configuration")), &list, &world.error), 0);
    bool cpu = false;
    pl_str key;
    pl_json property;
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &key, &property);)
        if (pl_str_is(pl_json_str(at(property, "key")), "Cpu")) {
            cpu = true;
            assert_text(property, "type", "Number");
            assert_text(property, "example", "2");
        }
    assert_true(cpu);
    call_refused(config_get_resource_type_properties, "{\"ResourceType\":\"No::Such::Type\"}",
                 "Invalid.ResourceType.Value");
    answer =
        call_well(config_get_supported_resource_relation_config, "{\"ResourceType\":\"ACS::ECS::Instance\"}");
    assert_true(pl_json_count(at(answer, "ResourceRelationConfigList")) > 3);
    answer = call_well(config_list_supported_products, "{\"MaxResults\":2}");
    assert_int_equal(pl_json_count(at(answer, "Products")), 2);
    assert_text(answer, "MaxResults", "2");
}

static void a_sample_is_real_when_there_is_a_resource(void **state) {
    (void)state;
    pl_json answer =
        call_well(config_get_resource_configuration_sample, "{\"ResourceType\":\"ACS::EIP::EipAddress\"}");
    assert_text(answer, "Sample.ResourceId", "sample");
    put_item("ACS::EIP::EipAddress", "eip-1", "{\"Bandwidth\":\"20\"}");
    answer =
        call_well(config_get_resource_configuration_sample, "{\"ResourceType\":\"acs::eip::eipaddress\"}");
    assert_text(answer, "Sample.ResourceId", "eip-1");
    assert_text(answer, "Sample.Configuration", "{\"Bandwidth\":\"20\"}");
    answer = call_well(config_get_resource_configuration_sample,
                       "{\"ResourceType\":\"ACS::EIP::EipAddress\",\"MockOnly\":\"true\"}");
    assert_text(answer, "Sample.ResourceId", "sample");
}

static bool has_operator(pl_json answer, const char *name) {
    pl_str key;
    pl_json one;
    for (pl_json_walk w = pl_json_children(at(answer, "Operators")); pl_json_step(&w, &key, &one);)
        if (pl_str_is(pl_json_str(at(one, "Operator")), name))
            return true;
    return false;
}

static void strict_servers_hide_extension_operators(void **state) {
    (void)state;
    pl_json answer = call_well(config_list_config_rule_operators, "{}");
    assert_true(has_operator(answer, "StringEquals") && has_operator(answer, "Exists"));
    world.limits.strict = true;
    answer = call_well(config_list_config_rule_operators, "{}");
    assert_true(has_operator(answer, "StringEquals") && !has_operator(answer, "Exists"));
}

static void relations_are_found_from_both_sides(void **state) {
    (void)state;
    put_item("ACS::ECS::Instance", "i-1",
             "{\"SecurityGroupIds\":{\"SecurityGroupId\":[\"sg-1\",\"sg-2\"]},\"ImageId\":\"m-1\"}");
    put_item("ACS::ECS::Disk", "d-1", "{\"InstanceId\":\"i-1\"}");
    put_item("ACS::ECS::Disk", "d-2", "{\"InstanceId\":\"i-2\"}");
    const char *input =
        "{\"ResourceType\":\"ACS::ECS::Instance\",\"ResourceId\":\"i-1\",\"Region\":\"cn-hangzhou\","
        "\"TargetResourceType\":\"ACS::ECS::Disk\"}";
    pl_json answer = call_well(config_list_resource_relations, input);
    assert_int_equal(pl_json_count(at(answer, "ResourceRelations.ResourceRelationList")), 1);
    assert_text(answer, "ResourceRelations.ResourceRelationList.0.TargetResourceId", "d-1");
    assert_text(answer, "ResourceRelations.ResourceRelationList.0.RelationType", "IsAttachedTo");
    answer = call_well(
        config_list_resource_relations,
        "{\"ResourceType\":\"ACS::ECS::Instance\",\"ResourceId\":\"i-1\",\"Region\":\"cn-hangzhou\","
        "\"TargetResourceType\":\"ACS::ECS::SecurityGroup\"}");
    assert_int_equal(pl_json_count(at(answer, "ResourceRelations.ResourceRelationList")), 2);
    call_refused(
        config_list_resource_relations,
        "{\"ResourceType\":\"ACS::ECS::Instance\",\"ResourceId\":\"i-9\",\"Region\":\"cn-hangzhou\"}",
        "Invalid.ResourceId.Value");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, call_setup, call_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_managed_rule_is_described),
        TEST(managed_rules_are_filtered),
        TEST(uncovered_types_bring_recommendations),
        TEST(types_that_are_not_recorded_bring_none),
        TEST(types_are_described),
        TEST(a_sample_is_real_when_there_is_a_resource),
        TEST(strict_servers_hide_extension_operators),
        TEST(relations_are_found_from_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
