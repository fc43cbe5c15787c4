/* Results, resources and timelines as a client sees them, from recorded items to answers. */
#include "support/calls.h"

#include "api/operations.gen.h"

static void put(const char *items) {
    pl_json root;
    engine_ingested out;
    inventory_defaults defaults = {.account_id = world.caller.account_id, .catalogue = world.catalogue};
    if (pl_json_parse_in(&world.arena, pl_str_from(items), &root, &world.error) != 0 ||
        engine_ingest(world.engine, &defaults, root, world.now, &out, &world.error) != 0)
        fail_msg("%s", world.error.message);
}

#define ITEM(id, region, status)                                                                             \
    "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"" id "\",\"regionId\":\"" region              \
    "\",\"resourceName\":\"name of " id "\",\"configuration\":{\"Status\":\"" status                         \
    "\",\"VpcAttributes\":{\"VpcId\":\"vpc-1\"}}}"

#define RUNNING                                                                                              \
    "{\\\"ComplianceConditions\\\":{\\\"operator\\\":\\\"and\\\",\\\"children\\\":[{\\\"operator\\\":"       \
    "\\\"StringEquals\\\",\\\"featurePath\\\":\\\"$.Status\\\",\\\"featureSource\\\":\\\"CONFIGURATION\\\"," \
    "\\\"desired\\\":\\\"Running\\\"}]}}"

static const char *make_rule(const char *name) {
    pl_json answer = call_well(
        config_create_config_rule,
        input_of("{\"ConfigRuleName\":\"%s\",\"SourceOwner\":\"CUSTOM_CONFIGURATION\",\"SourceIdentifier\":"
                 "\"acs-config-configuration\",\"RiskLevel\":1,\"ConfigRuleTriggerTypes\":["
                 "\"ConfigurationItemChangeNotification\"],\"ResourceTypesScope\":[\"ACS::ECS::Instance\"],"
                 "\"Conditions\":\"" RUNNING "\"}",
                 name));
    return pl_arena_cstr(&world.arena, pl_json_str(at(answer, "ConfigRuleId")));
}

static const char *three_instances(void) {
    put("[" ITEM("i-1", "cn-beijing", "Running") "," ITEM("i-2", "cn-beijing", "Stopped") "," ITEM(
        "i-3", "cn-hangzhou", "Stopped") "]");
    return make_rule("running");
}

static void results_of_a_rule_are_listed(void **state) {
    (void)state;
    const char *rule = three_instances();
    pl_json answer =
        call_well(config_list_config_rule_evaluation_results,
                  input_of("{\"ConfigRuleId\":\"%s\",\"ComplianceType\":\"NON_COMPLIANT\"}", rule));
    assert_int_equal(pl_json_count(at(answer, "EvaluationResults.EvaluationResultList")), 2);
    pl_json first = at(answer, "EvaluationResults.EvaluationResultList.0");
    assert_text(first, "ComplianceType", "NON_COMPLIANT");
    assert_text(first, "RiskLevel", "1");
    assert_text(first, "InvokingEventMessageType", "Manual");
    assert_text(first, "EvaluationResultIdentifier.EvaluationResultQualifier.ResourceId", "i-2");
    assert_text(first, "EvaluationResultIdentifier.EvaluationResultQualifier.ResourceName", "name of i-2");
    assert_text(first, "EvaluationResultIdentifier.EvaluationResultQualifier.ResourceOwnerId",
                "1203000000000042");
    assert_text(first, "EvaluationResultIdentifier.EvaluationResultQualifier.ConfigRuleId", rule);
    assert_text(first, "EvaluationResultIdentifier.OrderingTimestamp", "1760000000000");
    assert_text(first, "LastNonCompliantRecordTimestamp", "1760000000000");
    assert_text(first, "Annotation",
                "{\"configuration\":\"Stopped\",\"desiredValue\":\"Running\",\"operator\":\"StringEquals\","
                "\"property\":\"$.Status\"}");
    answer = call_well(config_list_config_rule_evaluation_results,
                       input_of("{\"ConfigRuleId\":\"%s\",\"Regions\":[\"cn-hangzhou\"]}", rule));
    assert_int_equal(pl_json_count(at(answer, "EvaluationResults.EvaluationResultList")), 1);
    call_refused(config_list_config_rule_evaluation_results, "{\"ConfigRuleId\":\"cr-none\"}",
                 "ConfigRuleNotExists");
}

static void results_of_a_resource_are_listed(void **state) {
    (void)state;
    three_instances();
    make_rule("again");
    pl_json answer = call_well(config_list_resource_evaluation_results,
                               "{\"ResourceId\":\"i-2\",\"ResourceType\":\"acs::ecs::instance\",\"Region\":"
                               "\"cn-beijing\"}");
    assert_int_equal(pl_json_count(at(answer, "EvaluationResults.EvaluationResultList")), 2);
}

static void counts_add_up(void **state) {
    (void)state;
    const char *rule = three_instances();
    pl_json answer =
        call_well(config_get_resource_compliance_by_config_rule, input_of("{\"ConfigRuleId\":\"%s\"}", rule));
    assert_text(answer, "ComplianceResult.TotalCount", "3");
    assert_text(answer, "ComplianceResult.Compliances",
                "[{\"ComplianceType\":\"COMPLIANT\",\"Count\":1},{\"ComplianceType\":\"NON_COMPLIANT\","
                "\"Count\":2}]");
    answer = call_well(config_get_resource_compliance_group_by_region,
                       input_of("{\"ConfigRuleIds\":[\"%s\"]}", rule));
    assert_text(answer, "ComplianceResult.ComplianceResultList.1",
                "{\"Compliances\":[{\"ComplianceType\":\"NON_COMPLIANT\",\"Count\":1}],\"RegionId\":"
                "\"cn-hangzhou\"}");
    answer = call_well(config_get_compliance_summary, "{}");
    assert_text(answer, "ComplianceSummary.ComplianceSummaryByResource.TotalCount", "3");
    assert_text(answer, "ComplianceSummary.ComplianceSummaryByResource.NonCompliantCount", "2");
    assert_text(answer, "ComplianceSummary.ComplianceSummaryByResource.HighRiskRuleNonCompliantResourceCount",
                "2");
    assert_text(answer, "ComplianceSummary.ComplianceSummaryByConfigRule.NonCompliantCount", "1");
    answer = call_well(config_list_config_rule_evaluation_statistics, "{}");
    assert_text(answer, "EvaluationResults.0.StatisticDate", "2025-10-09");
    assert_text(answer, "EvaluationResults.0.NonCompliantResourceCnt", "2");
}

#define RESOURCE(id)                                                                                         \
    "{\"ResourceAccountId\":1203000000000042,\"ResourceType\":\"ACS::ECS::Instance\",\"Region\":"            \
    "\"cn-beijing\",\"ResourceId\":\"" id "\"}"

static pl_json count_of(const char *rule) {
    return at(
        call_well(config_get_resource_compliance_by_config_rule, input_of("{\"ConfigRuleId\":\"%s\"}", rule)),
        "ComplianceResult.Compliances");
}

static void an_ignored_result_counts_as_such_until_it_is_restored(void **state) {
    (void)state;
    const char *rule = three_instances();
    call_refused(
        config_ignore_evaluation_results,
        input_of("{\"ConfigRuleId\":\"%s\",\"Resources\":[" RESOURCE("i-2") "," RESOURCE("i-1") "]}", rule),
        "Invalid.Resources.Value");
    call_refused(config_ignore_evaluation_results,
                 input_of("{\"ConfigRuleId\":\"%s\",\"IgnoreDate\":\"2025-10-09\",\"Resources\":[" RESOURCE(
                              "i-2") "]}",
                          rule),
                 "Invalid.IgnoreDate.Value");
    call_well(config_ignore_evaluation_results,
              input_of("{\"ConfigRuleId\":\"%s\",\"Reason\":\"why\",\"IgnoreDate\":\"2025-10-11\","
                       "\"Resources\":[" RESOURCE("i-2") "]}",
                       rule));
    assert_text(count_of(rule), "2.ComplianceType", "IGNORED");
    pl_json answer = call_well(config_list_config_rule_evaluation_results,
                               input_of("{\"ConfigRuleId\":\"%s\",\"ComplianceType\":\"IGNORED\"}", rule));
    assert_text(
        answer,
        "EvaluationResults.EvaluationResultList.0.EvaluationResultIdentifier.EvaluationResultQualifier."
        "IgnoreDate",
        "2025-10-11");
    world.now = 1760112000000; /* 2025-10-11 00:00 at UTC+8 */
    bool worked;
    assert_int_equal(engine_work(world.engine, &worked, &world.error), 0);
    assert_true(worked);
    assert_text(count_of(rule), "1.Count", "2");
    call_well(config_ignore_evaluation_results,
              input_of("{\"ConfigRuleId\":\"%s\",\"Resources\":[" RESOURCE("i-2") "]}", rule));
    assert_text(count_of(rule), "1.Count", "1");
    call_well(config_revert_evaluation_results,
              input_of("{\"ConfigRuleId\":\"%s\",\"Resources\":[" RESOURCE("i-2") "]}", rule));
    assert_text(count_of(rule), "1.Count", "2");
    call_refused(config_revert_evaluation_results,
                 input_of("{\"ConfigRuleId\":\"%s\",\"Resources\":[" RESOURCE("i-2") "]}", rule),
                 "Invalid.Resources.Value");
}

static void resources_are_found_and_counted(void **state) {
    (void)state;
    three_instances();
    pl_json answer = call_well(config_list_discovered_resources, "{\"MaxResults\":2}");
    assert_text(answer, "DiscoveredResourceProfiles.TotalCount", "3");
    assert_text(answer, "DiscoveredResourceProfiles.DiscoveredResourceProfileList.0.ResourceId", "i-1");
    assert_text(answer, "DiscoveredResourceProfiles.DiscoveredResourceProfileList.0.VpcId", "vpc-1");
    assert_int_equal(pl_json_count(at(answer, "DiscoveredResourceProfiles.DiscoveredResourceProfileList")),
                     2);
    answer = call_well(config_get_discovered_resource,
                       "{\"ResourceId\":\"i-2\",\"ResourceType\":\"ACS::ECS::Instance\",\"Region\":"
                       "\"cn-beijing\",\"ComplianceOption\":1}");
    assert_text(answer, "DiscoveredResourceDetail.ComplianceType", "NON_COMPLIANT");
    assert_text(answer, "DiscoveredResourceDetail.Configuration",
                "{\"Status\":\"Stopped\",\"VpcAttributes\":{\"VpcId\":\"vpc-1\"}}");
    answer = call_well(config_get_discovered_resource_counts_group_by_region, "{}");
    assert_text(answer, "DiscoveredResourceCountsSummary.0",
                "{\"GroupName\":\"cn-beijing\",\"Region\":\"cn-beijing\",\"ResourceCount\":2}");
    call_refused(config_get_discovered_resource,
                 "{\"ResourceId\":\"i-2\",\"ResourceType\":\"ACS::ECS::Instance\",\"Region\":\"elsewhere\"}",
                 "Invalid.ResourceId.Value");
}

static pl_json compliance_of(const char *id) {
    return at(call_well(config_get_resource_compliance_timeline,
                        input_of("{\"ResourceId\":\"%s\",\"ResourceType\":\"ACS::ECS::Instance\",\"Region\":"
                                 "\"cn-beijing\"}",
                                 id)),
              "ResourceComplianceTimeline.ComplianceList");
}

static pl_json text_as_json(pl_json node, const char *path) {
    pl_json root;
    if (pl_json_parse_in(&world.arena, pl_json_str(at(node, path)), &root, &world.error) != 0)
        fail_msg("%s is not JSON", path);
    return root;
}

static void compliance_has_a_history(void **state) {
    (void)state;
    three_instances();
    world.now += 10000;
    put("[" ITEM("i-1", "cn-beijing", "Stopped") "]");
    world.now += 10000;
    put("[" ITEM("i-1", "cn-beijing", "Running") "]");
    pl_json nodes = compliance_of("i-1");
    assert_int_equal(pl_json_count(nodes), 3);
    assert_text(nodes, "0.CaptureTime", "1760000020000");
    assert_text(text_as_json(nodes, "0.Configuration"), "Compliance",
                "{\"complianceType\":\"COMPLIANT\",\"count\":1}");
    pl_json diff = text_as_json(nodes, "1.ConfigurationDiff");
    assert_text(diff, "running.0.complianceType", "COMPLIANT");
    assert_text(diff, "running.1.complianceType", "NON_COMPLIANT");
    diff = text_as_json(nodes, "2.ConfigurationDiff");
    assert_text(diff, "running.0", "{}");
    assert_text(diff, "running.1.complianceType", "COMPLIANT");
    assert_text(diff, "running.1.annotation", "");
}

/* "from>to" of the rule's change in each node, newest first. */
static void assert_history(const char *id, const char *rule, const char *wanted) {
    pl_json nodes = compliance_of(id);
    char text[1024] = "";
    for (size_t i = 0; i < pl_json_count(nodes); i++) {
        pl_json diff = text_as_json(nodes, input_of("%zu.ConfigurationDiff", i));
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%.*s>%.*s ",
                 PL_FMT(pl_json_str(at(diff, input_of("%s.0.complianceType", rule)))),
                 PL_FMT(pl_json_str(at(diff, input_of("%s.1.complianceType", rule)))));
    }
    assert_string_equal(text, wanted);
}

static void set_scope(const char *rule, const char *scope) {
    world.now += 10000;
    call_well(config_update_config_rule, input_of("{\"ConfigRuleId\":\"%s\",%s}", rule, scope));
}

#define CAME ">NON_COMPLIANT "
#define WENT "NON_COMPLIANT> "

static void a_history_outlives_scopes_and_rules(void **state) {
    (void)state;
    const char *rule = three_instances();
    assert_history("i-1", "running", ">COMPLIANT ");
    assert_history("i-2", "running", CAME);
    set_scope(rule, "\"ResourceTypesScope\":[\"ACS::ECS::Disk\"]");
    assert_history("i-1", "running", "");
    assert_history("i-2", "running", WENT CAME);
    set_scope(rule, "\"ResourceTypesScope\":[\"ACS::ECS::Instance\"]");
    assert_history("i-1", "running", ">COMPLIANT ");
    assert_history("i-2", "running", CAME WENT CAME);
    set_scope(rule, "\"ResourceIdsScope\":[\"i-1\"]");
    assert_history("i-2", "running", WENT CAME WENT CAME);
    world.now += 10000;
    put("[" ITEM("i-2", "cn-beijing", "Running") "]");
    set_scope(rule, "\"ResourceIdsScope\":[]");
    assert_history("i-2", "running", ">COMPLIANT " WENT CAME WENT CAME);
    world.now += 10000;
    put("[" ITEM("i-2", "cn-beijing", "Stopped") "]");
    assert_history("i-2", "running", "COMPLIANT>NON_COMPLIANT >COMPLIANT " WENT CAME WENT CAME);
    world.now += 10000;
    call_well(config_delete_config_rules, input_of("{\"ConfigRuleIds\":[\"%s\"]}", rule));
    assert_history("i-2", "running", WENT "COMPLIANT>NON_COMPLIANT >COMPLIANT " WENT CAME WENT CAME);
}

static void configurations_have_a_history(void **state) {
    (void)state;
    three_instances();
    world.now += 10000;
    put("[" ITEM("i-1", "cn-beijing", "Stopped") "]");
    pl_json answer = call_well(config_get_resource_configuration_timeline,
                               "{\"ResourceId\":\"i-1\",\"ResourceType\":\"ACS::ECS::Instance\",\"Region\":"
                               "\"cn-beijing\"}");
    pl_json nodes = at(answer, "ResourceConfigurationTimeline.ConfigurationList");
    assert_int_equal(pl_json_count(nodes), 2);
    assert_text(nodes, "0.ResourceEventType", "MODIFY");
    assert_text(nodes, "0.ConfigurationDiff", "{\"Status\":[\"Running\",\"Stopped\"]}");
    assert_text(nodes, "1.ResourceEventType", "DISCOVERED");
}

static void a_recorder_restricts_what_is_recorded(void **state) {
    (void)state;
    pl_json answer =
        call_well(config_update_configuration_recorder, "{\"ResourceTypes\":[\"ACS::OSS::Bucket\"]}");
    assert_text(answer, "ConfigurationRecorder.ResourceTypes", "[\"ACS::OSS::Bucket\"]");
    put("[" ITEM("i-1", "cn-beijing", "Running") "]");
    assert_text(call_well(config_list_discovered_resources, "{\"MaxResults\":10}"),
                "DiscoveredResourceProfiles.TotalCount", "0");
    call_well(config_start_configuration_recorder, "{}");
    three_instances();
    assert_text(call_well(config_stop_configuration_recorder, "{}"), "StopConfigurationRecorderResult",
                "true");
    assert_text(call_well(config_list_discovered_resources, "{\"MaxResults\":10}"),
                "DiscoveredResourceProfiles.TotalCount", "0");
    assert_text(call_well(config_list_config_rules, "{}"), "ConfigRules.TotalCount", "0");
    assert_text(call_well(config_get_configuration_recorder, "{}"),
                "ConfigurationRecorder.ConfigurationRecorderStatus", "REGISTRABLE");
}

static void an_evaluation_can_be_asked_for(void **state) {
    (void)state;
    const char *rule = three_instances();
    world.now += 60000;
    assert_text(call_well(config_start_config_rule_evaluation, input_of("{\"ConfigRuleId\":\"%s\"}", rule)),
                "Result", "true");
    pl_json answer =
        call_well(config_list_config_rule_evaluation_results, input_of("{\"ConfigRuleId\":\"%s\"}", rule));
    assert_text(answer, "EvaluationResults.EvaluationResultList.0.ConfigRuleInvokedTimestamp",
                "1760000060000");
    call_refused(config_start_config_rule_evaluation, "{\"ConfigRuleId\":\"cr-none\"}",
                 "ConfigRuleNotExists");
    call_well(config_start_config_rule_evaluation_by_resource, "{\"ResourceId\":\"i-1\"}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_of_a_rule_are_listed, call_setup, call_teardown),
        cmocka_unit_test_setup_teardown(results_of_a_resource_are_listed, call_setup, call_teardown),
        cmocka_unit_test_setup_teardown(counts_add_up, call_setup, call_teardown),
        cmocka_unit_test_setup_teardown(an_ignored_result_counts_as_such_until_it_is_restored, call_setup,
                                        call_teardown),
        cmocka_unit_test_setup_teardown(resources_are_found_and_counted, call_setup, call_teardown),
        cmocka_unit_test_setup_teardown(compliance_has_a_history, call_setup, call_teardown),
        cmocka_unit_test_setup_teardown(a_history_outlives_scopes_and_rules, call_setup, call_teardown),
        cmocka_unit_test_setup_teardown(configurations_have_a_history, call_setup, call_teardown),
        cmocka_unit_test_setup_teardown(a_recorder_restricts_what_is_recorded, call_setup, call_teardown),
        cmocka_unit_test_setup_teardown(an_evaluation_can_be_asked_for, call_setup, call_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
