/* Rules as a client sees them through the operations: made, read, changed, switched, listed, deleted. */
#include "support/calls.h"

#include "api/operations.gen.h"

#define MANAGED                                                                                              \
    "\"SourceOwner\":\"ALIYUN\",\"SourceIdentifier\":\"eip-bandwidth-limit\",\"RiskLevel\":1,"               \
    "\"ConfigRuleTriggerTypes\":[\"ConfigurationItemChangeNotification\"],"                                  \
    "\"ResourceTypesScope\":[\"acs::eip::eipaddress\"]"

#define TREE                                                                                                 \
    "{\\\"ComplianceConditions\\\":\\\"{\\\\\\\"operator\\\\\\\":\\\\\\\"and\\\\\\\","                       \
    "\\\\\\\"children\\\\\\\":[{"                                                                            \
    "\\\\\\\"operator\\\\\\\":\\\\\\\"StringEquals\\\\\\\",\\\\\\\"featurePath\\\\\\\":\\\\\\\"$."           \
    "Status\\\\\\\","                                                                                        \
    "\\\\\\\"featureSource\\\\\\\":\\\\\\\"CONFIGURATION\\\\\\\",\\\\\\\"desired\\\\\\\":"                   \
    "\\\\\\\"Running\\\\\\\"}]}\\\"}"

#define CONDITION                                                                                            \
    "\"SourceOwner\":\"CUSTOM_CONFIGURATION\",\"SourceIdentifier\":\"acs-config-configuration\","            \
    "\"RiskLevel\":2,"                                                                                       \
    "\"ConfigRuleTriggerTypes\":[\"ConfigurationItemChangeNotification\",\"ScheduledNotification\"],"        \
    "\"MaximumExecutionFrequency\":\"Twelve_Hours\",\"ResourceTypesScope\":[\"ACS::ECS::Instance\"]"

static const char *make(const char *name) {
    pl_json answer = call_well(
        config_create_config_rule,
        input_of("{\"ConfigRuleName\":\"%s\"," MANAGED ",\"InputParameters\":{\"bandwidth\":\"20\"}}", name));
    return pl_arena_cstr(&world.arena, pl_json_str(at(answer, "ConfigRuleId")));
}

static pl_json read_back(const char *id) {
    return call_well(config_get_config_rule, input_of("{\"ConfigRuleId\":\"%s\"}", id));
}

static void a_managed_rule_reads_back_whole(void **state) {
    (void)state;
    pl_json answer = call_well(
        config_create_config_rule,
        "{\"ConfigRuleName\":\"bandwidth\",\"Description\":\"my own words\"," MANAGED
        ",\"InputParameters\":{\"bandwidth\":\"20\"},\"RegionIdsScope\":[\"cn-hangzhou\",\" cn-beijing\"],"
        "\"TagsScope\":[{\"TagKey\":\"env\",\"TagValue\":\"prod\"}],\"Tag\":[{\"Key\":\"team\",\"Value\":"
        "\"a\"}]}");
    const char *id = pl_arena_cstr(&world.arena, pl_json_str(at(answer, "ConfigRuleId")));
    assert_true(strncmp(id, "cr-", 3) == 0 && strlen(id) == 23);
    answer = read_back(id);
    assert_text(answer, "ConfigRule.AccountId", "1203000000000042");
    assert_text(answer, "ConfigRule.ConfigRuleArn", input_of("acs:config::1203000000000042:rule/%s", id));
    assert_text(answer, "ConfigRule.ConfigRuleName", "bandwidth");
    assert_text(answer, "ConfigRule.Description", "my own words");
    assert_text(answer, "ConfigRule.ConfigRuleState", "ACTIVE");
    assert_text(answer, "ConfigRule.RiskLevel", "1");
    assert_text(answer, "ConfigRule.InputParameters", "{\"bandwidth\":\"20\"}");
    assert_text(answer, "ConfigRule.ConfigRuleTriggerTypes", "ConfigurationItemChangeNotification");
    assert_text(answer, "ConfigRule.ResourceTypesScope", "ACS::EIP::EipAddress");
    assert_text(answer, "ConfigRule.Scope.ComplianceResourceTypes", "[\"ACS::EIP::EipAddress\"]");
    assert_text(answer, "ConfigRule.RegionIdsScope", "cn-hangzhou,cn-beijing");
    assert_text(answer, "ConfigRule.TagsScope.0.TagKey", "env");
    assert_text(answer, "ConfigRule.Tags", "[{\"TagKey\":\"team\",\"TagValue\":\"a\"}]");
    assert_text(answer, "ConfigRule.Source.Owner", "ALIYUN");
    assert_text(answer, "ConfigRule.Source.Identifier", "eip-bandwidth-limit");
    assert_text(answer, "ConfigRule.Source.SourceDetails.0.EventSource", "aliyun.config");
    assert_text(answer, "ConfigRule.ManagedRule.Identifier", "eip-bandwidth-limit");
    assert_text(answer, "ConfigRule.ManagedRule.CompulsoryInputParameterDetails.bandwidth", "10");
    assert_text(answer, "ConfigRule.CreateBy.CreatorId", "220000000000000001");
    assert_text(answer, "ConfigRule.CreateBy.CreatorName", "alice");
    assert_text(answer, "ConfigRule.CreateBy.CompliancePackId", "");
    assert_text(answer, "ConfigRule.CreateTimestamp", "1760000000000");
    assert_text(answer, "ConfigRule.ConfigRuleEvaluationStatus.FirstActivatedTimestamp", "1760000000000");
    assert_text(answer, "ConfigRule.Compliance.ComplianceType", "INSUFFICIENT_DATA");
    assert_text(answer, "ConfigRule.Compliance.Count", "0");
}

static void conditions_come_back_as_sent(void **state) {
    (void)state;
    pl_json answer = call_well(config_create_config_rule,
                               "{\"ConfigRuleName\":\"running\"," CONDITION ",\"Conditions\":\"" TREE "\"}");
    answer = read_back(pl_arena_cstr(&world.arena, pl_json_str(at(answer, "ConfigRuleId"))));
    pl_json sent;
    assert_int_equal(pl_json_parse_in(&world.arena, PL_STR("\"" TREE "\""), &sent, &world.error), 0);
    assert_true(pl_json_equal(sent, at(answer, "ConfigRule.Source.Conditions")));
    assert_text(answer, "ConfigRule.MaximumExecutionFrequency", "Twelve_Hours");
    assert_text(answer, "ConfigRule.Source.SourceDetails.1.MaximumExecutionFrequency", "Twelve_Hours");
    assert_false(pl_json_exists(at(answer, "ConfigRule.ManagedRule")));
}

static void wrong_rules_are_refused(void **state) {
    (void)state;
    make("taken");
    call_refused(config_create_config_rule, "{\"ConfigRuleName\":\"taken\"," MANAGED "}", "ConfigRuleExists");
    call_refused(config_create_config_rule, "{\"ConfigRuleName\":\"a\\u0007b\"," MANAGED "}",
                 "Invalid.ConfigRuleName.Value");
    call_refused(config_create_config_rule,
                 "{\"ConfigRuleName\":\"p\"," MANAGED ",\"InputParameters\":{\"breadth\":\"1\"}}",
                 "Invalid.InputParameters.Value");
    call_refused(config_create_config_rule,
                 "{\"ConfigRuleName\":\"p\"," MANAGED ",\"InputParameters\":{\"bandwidth\":\"wide\"}}",
                 "Invalid.InputParameters.Value");
    call_refused(config_create_config_rule,
                 "{\"ConfigRuleName\":\"e\"," MANAGED
                 ",\"ExtendContent\":\"{\\\"fixedHour\\\":\\\"24\\\"}\"}",
                 "Invalid.ExtendContent.Value");
    call_refused(config_create_config_rule,
                 "{\"ConfigRuleName\":\"k\"," MANAGED ",\"TagKeyScope\":[\"env\"]}",
                 "Invalid.TagKeyScope.Value");
    call_refused(config_create_config_rule,
                 "{\"ConfigRuleName\":\"t\"," MANAGED ",\"Tag\":[{\"Key\":\"aliyunx\",\"Value\":\"a\"}]}",
                 "Invalid.Tag.Value");
    call_refused(config_create_config_rule, "{\"ConfigRuleName\":\"c\"," CONDITION "}",
                 "Invalid.Conditions.Empty");
    call_refused(config_create_config_rule, "{\"ConfigRuleName\":\"c\"," CONDITION ",\"Conditions\":\"{}\"}",
                 "Invalid.Conditions.Value");
    call_refused(config_create_config_rule,
                 "{\"ConfigRuleName\":\"n\",\"SourceOwner\":\"ALIYUN\",\"SourceIdentifier\":\"no-such-rule\","
                 "\"RiskLevel\":1,\"ConfigRuleTriggerTypes\":[\"ScheduledNotification\"],"
                 "\"ResourceTypesScope\":[\"ACS::ECS::Instance\"]}",
                 "Invalid.SourceIdentifier.Value");
    call_refused(config_get_config_rule, "{\"ConfigRuleId\":\"cr-none\"}", "ConfigRuleNotExists");
    assert_int_equal(world.error.http_status, 400);
}

static void values_too_long_for_an_operator_are_refused(void **state) {
    (void)state;
    pl_buf input;
    pl_buf_init(&input, 1 << 20);
    pl_buf_add(&input,
               PL_STR("{\"ConfigRuleName\":\"r\",\"SourceOwner\":\"ALIYUN\",\"RiskLevel\":1,"
                      "\"SourceIdentifier\":\"oss-bucket-name-regex-match\","
                      "\"ConfigRuleTriggerTypes\":[\"ConfigurationItemChangeNotification\"],"
                      "\"ResourceTypesScope\":[\"ACS::OSS::Bucket\"],\"InputParameters\":{\"regex\":\""));
    for (int i = 0; i < 20000; i++)
        pl_buf_add(&input, PL_STR("abcd"));
    pl_buf_add(&input, PL_STR("\"}}"));
    pl_buf_add_char(&input, '\0');
    assert_false(input.failed);
    call_refused(config_create_config_rule, input.p, "Invalid.InputParameters.Value");
    pl_buf_free(&input);
}

static void the_quota_counts_rules_that_exist(void **state) {
    (void)state;
    world.limits.rules_per_account = 2;
    make("one");
    const char *second = make("two");
    call_refused(config_create_config_rule, "{\"ConfigRuleName\":\"three\"," MANAGED "}",
                 "ExceedMaxRuleCount");
    call_well(config_delete_config_rules, input_of("{\"ConfigRuleIds\":[\"%s\"]}", second));
    make("two");
}

static void an_update_changes_what_was_sent(void **state) {
    (void)state;
    const char *id = make("old");
    make("other");
    world.now += 5000;
    call_well(
        config_update_config_rule,
        input_of(
            "{\"ConfigRuleId\":\"%s\",\"ConfigRuleName\":\"new\",\"RiskLevel\":3,"
            "\"ConfigRuleTriggerTypes\":[\"ScheduledNotification\"],\"ExcludeResourceIdsScope\":\"eip-1\"}",
            id));
    pl_json answer = read_back(id);
    assert_text(answer, "ConfigRule.ConfigRuleName", "new");
    assert_text(answer, "ConfigRule.RiskLevel", "3");
    assert_text(answer, "ConfigRule.ExcludeResourceIdsScope", "eip-1");
    assert_text(answer, "ConfigRule.InputParameters.bandwidth", "20");
    assert_text(answer, "ConfigRule.ConfigRuleTriggerTypes", "ConfigurationItemChangeNotification");
    assert_text(answer, "ConfigRule.ModifiedTimestamp", "1760000005000");
    call_refused(config_update_config_rule,
                 input_of("{\"ConfigRuleId\":\"%s\",\"ConfigRuleName\":\"other\"}", id), "ConfigRuleExists");
    call_refused(config_update_config_rule, "{\"ConfigRuleId\":\"cr-none\",\"RiskLevel\":1}",
                 "ConfigRuleNotExists");
}

static void rules_are_switched_and_deleted_one_by_one(void **state) {
    (void)state;
    const char *id = make("switch");
    pl_json answer =
        call_well(config_deactive_config_rules, input_of("{\"ConfigRuleIds\":[\"%s\",\"cr-none\"]}", id));
    assert_text(answer, "OperateRuleResult.OperateRuleItemList.0.Success", "true");
    assert_text(answer, "OperateRuleResult.OperateRuleItemList.1.Success", "false");
    assert_text(answer, "OperateRuleResult.OperateRuleItemList.1.ErrorCode", "ConfigRuleNotExists");
    assert_text(read_back(id), "ConfigRule.ConfigRuleState", "INACTIVE");
    answer = call_well(config_stop_config_rules_2019, input_of("{\"ConfigRuleIds\":\"%s\"}", id));
    assert_text(answer, "OperateRuleResult.OperateRuleItemList.0.ErrorCode", "ConfigRuleStatusNotActive");
    call_well(config_active_config_rules, input_of("{\"ConfigRuleIds\":[\"%s\"]}", id));
    answer = call_well(config_active_config_rules, input_of("{\"ConfigRuleIds\":[\"%s\"]}", id));
    assert_text(answer, "OperateRuleResult.OperateRuleItemList.0.ErrorCode", "ConfigRuleStatusNotInActive");
    call_well(config_delete_config_rules, input_of("{\"ConfigRuleIds\":[\"%s\"]}", id));
    call_refused(config_get_config_rule, input_of("{\"ConfigRuleId\":\"%s\"}", id), "ConfigRuleNotExists");
    make("switch");
}

static void more_than_twenty_ids_are_refused(void **state) {
    (void)state;
    call_refused(config_delete_config_rules,
                 "{\"ConfigRuleIds\":\"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21\"}",
                 "Invalid.ConfigRuleIds.SizeExceed");
}

static void lists_are_filtered_and_paged(void **state) {
    (void)state;
    make("alpha");
    make("beta");
    const char *id = make("gamma");
    call_well(config_deactive_config_rules, input_of("{\"ConfigRuleIds\":[\"%s\"]}", id));
    pl_json answer = call_well(config_list_config_rules, "{\"PageSize\":2,\"PageNumber\":1}");
    assert_text(answer, "ConfigRules.TotalCount", "3");
    assert_text(answer, "ConfigRules.ConfigRuleList.0.ConfigRuleName", "gamma");
    assert_int_equal(pl_json_count(at(answer, "ConfigRules.ConfigRuleList")), 2);
    answer = call_well(config_list_config_rules, "{\"PageSize\":2,\"PageNumber\":2}");
    assert_text(answer, "ConfigRules.ConfigRuleList.0.ConfigRuleName", "alpha");
    answer = call_well(config_list_config_rules, "{\"ConfigRuleState\":\"INACTIVE\"}");
    assert_text(answer, "ConfigRules.ConfigRuleList.0.ConfigRuleId", id);
    assert_text(answer, "ConfigRules.TotalCount", "1");
    answer = call_well(config_list_config_rules, "{\"Keyword\":\"BET\"}");
    assert_text(answer, "ConfigRules.TotalCount", "1");
    answer = call_well(config_list_config_rules, "{\"ResourceTypes\":\"ACS::ECS::Instance\"}");
    assert_text(answer, "ConfigRules.ConfigRuleList", "[]");
}

static void another_accounts_rules_are_unknown(void **state) {
    (void)state;
    const char *id = make("mine");
    world.caller.account_id = PL_STR("1203000000000043");
    call_refused(config_get_config_rule, input_of("{\"ConfigRuleId\":\"%s\"}", id), "ConfigRuleNotExists");
    assert_text(call_well(config_list_config_rules, "{}"), "ConfigRules.TotalCount", "0");
    call_refused(config_get_aggregate_config_rule,
                 input_of("{\"AggregatorId\":\"ca-1\",\"ConfigRuleId\":\"%s\"}", id),
                 "Invalid.AggregatorId.Value");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, call_setup, call_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_managed_rule_reads_back_whole),
        TEST(conditions_come_back_as_sent),
        TEST(wrong_rules_are_refused),
        TEST(values_too_long_for_an_operator_are_refused),
        TEST(the_quota_counts_rules_that_exist),
        TEST(an_update_changes_what_was_sent),
        TEST(rules_are_switched_and_deleted_one_by_one),
        TEST(more_than_twenty_ids_are_refused),
        TEST(lists_are_filtered_and_paged),
        TEST(another_accounts_rules_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
