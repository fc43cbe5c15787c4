/* Trying rules on what is not stored: dry runs and pre-deployment checks. */
#include "support/calls.h"

#include "api/operations.gen.h"

#define CONDITIONS                                                                                           \
    "\"Conditions\":\"{\\\"ComplianceConditions\\\":\\\"{\\\\\\\"operator\\\\\\\":\\\\\\\"and\\\\\\\","      \
    "\\\\\\\"children\\\\\\\":[{\\\\\\\"operator\\\\\\\":\\\\\\\"StringEquals\\\\\\\","                      \
    "\\\\\\\"featurePath\\\\\\\":\\\\\\\"$.Cpu\\\\\\\",\\\\\\\"featureSource\\\\\\\":\\\\\\\"CONFIGURATION"  \
    "\\\\\\\",\\\\\\\"desired\\\\\\\":\\\\\\\"4\\\\\\\"}]}\\\"}\""

#define ITEM(configuration)                                                                                  \
    "\"ConfigurationItem\":\"{\\\"ResourceType\\\":\\\"ACS::ECS::Instance\\\",\\\"ResourceId\\\":\\\"i-"     \
    "1\\\","                                                                                                 \
    "\\\"Region\\\":\\\"cn-hangzhou\\\",\\\"Configuration\\\":" configuration "}\""

static void conditions_are_tried_with_their_tree(void **state) {
    (void)state;
    pl_json answer = call_well(config_dry_run_config_rule, "{" CONDITIONS "," ITEM("{\\\"Cpu\\\":1}") "}");
    assert_text(answer, "ComplianceType", "NON_COMPLIANT");
    pl_json tree;
    assert_int_equal(
        pl_json_parse_in(&world.arena, pl_json_str(at(answer, "RuleConditionContext")), &tree, &world.error),
        0);
    assert_text(tree, "result", "NON_COMPLIANT");
    assert_text(tree, "children.0.featureValue", "1");
    assert_text(tree, "children.0.children", "[]");
    answer = call_well(config_dry_run_config_rule, "{" CONDITIONS "," ITEM("{\\\"Cpu\\\":4}") "}");
    assert_text(answer, "ComplianceType", "COMPLIANT");
    answer = call_well(config_dry_run_config_rule, "{" ITEM("{\\\"Cpu\\\":4}") "}");
    assert_text(answer, "ComplianceType", "INSUFFICIENT_DATA");
    assert_text(answer, "RuleConditionContext", "");
    answer = call_well(config_dry_run_config_rule,
                       "{\"ResourceType\":\"ACS::ECS::Disk\"," CONDITIONS "," ITEM("{\\\"Cpu\\\":4}") "}");
    assert_text(answer, "ComplianceType", "NOT_APPLICABLE");
    call_refused(config_dry_run_config_rule, "{\"Conditions\":\"{\"," ITEM("{}") "}",
                 "Invalid.Conditions.Value");
    call_refused(config_dry_run_config_rule, "{" CONDITIONS ",\"ConfigurationItem\":\"[]\"}",
                 "InvalidConfigurationItem");
}

#define CHECK(type, properties, rules)                                                                       \
    "{\"ResourceEvaluateItems\":[{\"ResourceType\":\"" type "\",\"ResourceProperties\":\"" properties        \
    "\",\"Rules\":[" rules "]}]"

static void a_plan_is_checked_before_it_is_deployed(void **state) {
    (void)state;
    pl_json answer = call_well(
        config_evaluate_pre_config_rules,
        CHECK(
            "ACS::ECS::Instance", "{\\\"DeletionProtection\\\":false}",
            "{\"Identifier\":\"ecs-instance-deletion-protection-enabled\"},{\"Identifier\":\"no-such-rule\"},"
            "{\"Identifier\":\"eip-bandwidth-limit\"}") "}");
    assert_text(answer, "ResourceEvaluations.0.ResourceLogicalId",
                "eyJEZWxldGlvblByb3RlY3Rpb24iOmZhbHNlfQ==");
    assert_text(answer, "ResourceEvaluations.0.Rules.0.ComplianceType", "NON_COMPLIANT");
    pl_json why;
    assert_int_equal(pl_json_parse_in(&world.arena,
                                      pl_json_str(at(answer, "ResourceEvaluations.0.Rules.0.Annotation")),
                                      &why, &world.error),
                     0);
    assert_text(why, "configuration", "false");
    assert_text(why, "property", "$.DeletionProtection");
    assert_text(answer, "ResourceEvaluations.0.Rules.1.ComplianceType", "NOT_APPLICABLE");
    assert_text(answer, "ResourceEvaluations.0.Rules.2.ComplianceType", "NOT_APPLICABLE");
    assert_text(call_well(config_list_config_rules, "{}"), "ConfigRules.TotalCount", "0");
    answer = call_well(config_evaluate_pre_config_rules,
                       CHECK("ALIYUN::ECS::Instance", "{\\\"DeletionProtection\\\":\\\"true\\\"}", "") "}");
    assert_true(pl_json_count(at(answer, "ResourceEvaluations.0.Rules")) > 0);
    answer = call_well(config_evaluate_pre_config_rules,
                       CHECK("ALIYUN::OSS::Bucket", "{\\\"AccessControl\\\":\\\"private\\\"}",
                             "{\"Identifier\":\"oss-bucket-public-read-prohibited\"}") "}");
    assert_text(answer, "ResourceEvaluations.0.ResourceType", "ACS::OSS::Bucket");
    assert_text(answer, "ResourceEvaluations.0.Rules.0.ComplianceType", "COMPLIANT");
    call_refused(config_evaluate_pre_config_rules, "{\"ResourceEvaluateItems\":[{\"ResourceType\":\"a\"}]}",
                 "Invalid.ResourceEvaluateItems.Value");
    call_refused(config_evaluate_pre_config_rules,
                 CHECK("ACS::EIP::EipAddress", "{}",
                       "{\"Identifier\":\"eip-bandwidth-limit\",\"InputParameters\":\"{\\\"x\\\":1}\"}") "}",
                 "Invalid.InputParameters.Value");
}

static void checked_rules_can_be_enabled_at_once(void **state) {
    (void)state;
    const char *input = CHECK(
        "ACS::ECS::Instance", "{\\\"DeletionProtection\\\":false}",
        "{\"Identifier\":\"ecs-instance-deletion-protection-enabled\"}") ",\"EnableManagedRules\":true}";
    call_well(config_evaluate_pre_config_rules, input);
    call_well(config_evaluate_pre_config_rules, input);
    pl_json answer = call_well(config_list_config_rules, "{}");
    assert_text(answer, "ConfigRules.TotalCount", "1");
    assert_text(answer, "ConfigRules.ConfigRuleList.0.SourceIdentifier",
                "ecs-instance-deletion-protection-enabled");
}

/* --- Related resources -----------------------------------------------------------------------------------
 */

static void record_log(const char *status) {
    inventory_defaults defaults = {.account_id = world.caller.account_id, .catalogue = world.catalogue};
    engine_ingested done;
    pl_json items;
    pl_str text = pl_arena_printf(&world.arena,
                                  "[{\"resourceType\":\"ACS::VPC::FlowLog\",\"resourceId\":\"fl-1\","
                                  "\"regionId\":\"cn-hangzhou\",\"configuration\":{\"ResourceId\":"
                                  "\"vpc-1\",\"Status\":\"%s\"}}]",
                                  status);
    if (pl_json_parse_in(&world.arena, text, &items, &world.error) != 0 ||
        engine_ingest(world.engine, &defaults, items, world.now, &done, &world.error) != 0)
        fail_msg("%s", world.error.message);
}

#define NETWORK                                                                                              \
    "{\"SourceIdentifier\":\"vpc-flow-logs-enabled\",\"ConfigurationItem\":\"{\\\"ResourceType\\\":\\\""     \
    "ACS::VPC::VPC\\\",\\\"ResourceId\\\":\\\"vpc-1\\\",\\\"Region\\\":\\\"cn-hangzhou\\\","                 \
    "\\\"Configuration\\\":{}}\"}"

static void a_dry_run_sees_recorded_related_resources(void **state) {
    (void)state;
    assert_text(call_well(config_dry_run_config_rule, NETWORK), "ComplianceType", "NON_COMPLIANT");
    record_log("Inactive");
    assert_text(call_well(config_dry_run_config_rule, NETWORK), "ComplianceType", "NON_COMPLIANT");
    record_log("Active");
    assert_text(call_well(config_dry_run_config_rule, NETWORK), "ComplianceType", "COMPLIANT");
}

#define PLANNED_NETWORK(id)                                                                                  \
    "{\"ResourceType\":\"ACS::VPC::VPC\",\"ResourceLogicalId\":\"" id "\",\"ResourceProperties\":\"{}\","    \
    "\"Rules\":[{\"Identifier\":\"vpc-flow-logs-enabled\"}]}"
#define PLANNED_LOG(id, network, status)                                                                     \
    "{\"ResourceType\":\"ACS::VPC::FlowLog\",\"ResourceLogicalId\":\"" id "\",\"ResourceProperties\":\"{"    \
    "\\\"ResourceId\\\":\\\"" network "\\\",\\\"Status\\\":\\\"" status "\\\"}\",\"Rules\":["                \
    "{\"Identifier\":\"no-such-rule\"}]}"
#define PLANS(...) "{\"ResourceEvaluateItems\":[" __VA_ARGS__ "]}"
#define FIRST "ResourceEvaluations.0.Rules.0.ComplianceType"

static void plans_see_what_is_recorded_and_each_other(void **state) {
    (void)state;
    const char *alone = PLANS(PLANNED_NETWORK("vpc-1"));
    assert_text(call_well(config_evaluate_pre_config_rules, alone), FIRST, "NON_COMPLIANT");
    assert_text(call_well(config_evaluate_pre_config_rules,
                          PLANS(PLANNED_NETWORK("vpc-1") "," PLANNED_LOG("fl-2", "vpc-1", "Active"))),
                FIRST, "COMPLIANT");
    assert_text(call_well(config_evaluate_pre_config_rules,
                          PLANS(PLANNED_NETWORK("vpc-1") "," PLANNED_LOG("fl-2", "vpc-2", "Active"))),
                FIRST, "NON_COMPLIANT");
    record_log("Active");
    assert_text(call_well(config_evaluate_pre_config_rules, alone), FIRST, "COMPLIANT");
    /* What is planned stands for what is recorded, even where it no longer belongs to the network. */
    assert_text(call_well(config_evaluate_pre_config_rules,
                          PLANS(PLANNED_NETWORK("vpc-1") "," PLANNED_LOG("fl-1", "vpc-1", "Inactive"))),
                FIRST, "NON_COMPLIANT");
    assert_text(call_well(config_evaluate_pre_config_rules,
                          PLANS(PLANNED_NETWORK("vpc-1") "," PLANNED_LOG("fl-1", "vpc-2", "Active"))),
                FIRST, "NON_COMPLIANT");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, call_setup, call_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(conditions_are_tried_with_their_tree),      TEST(a_plan_is_checked_before_it_is_deployed),
        TEST(checked_rules_can_be_enabled_at_once),      TEST(a_dry_run_sees_recorded_related_resources),
        TEST(plans_see_what_is_recorded_and_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
