/* Rules and packs of account groups, their tags and copies: the aggregate twins behave like the account's
 * own. */
#include "support/calls.h"

#include "api/operations.gen.h"

#define RULE                                                                                                 \
    "\"SourceOwner\":\"ALIYUN\",\"SourceIdentifier\":\"eip-bandwidth-limit\",\"RiskLevel\":1,"               \
    "\"ConfigRuleTriggerTypes\":[\"ConfigurationItemChangeNotification\"],"                                  \
    "\"ResourceTypesScope\":[\"ACS::EIP::EipAddress\"]"

static const char *id_of(pl_json answer, const char *path) {
    return pl_arena_cstr(&world.arena, pl_json_str(at(answer, path)));
}

static const char *make(const char *group, const char *name) {
    return id_of(
        call_well(config_create_aggregate_config_rule,
                  input_of("{\"AggregatorId\":\"%s\",\"ConfigRuleName\":\"%s\"," RULE "}", group, name)),
        "ConfigRuleId");
}

static void group_rules_stand_beside_account_rules(void **state) {
    (void)state;
    const char *group = call_group();
    const char *id = make(group, "same name");
    call_well(config_create_config_rule, "{\"ConfigRuleName\":\"same name\"," RULE "}");
    call_refused(config_create_aggregate_config_rule,
                 input_of("{\"AggregatorId\":\"%s\",\"ConfigRuleName\":\"same name\"," RULE "}", group),
                 "ConfigRuleExists");
    pl_json answer = call_well(config_get_aggregate_config_rule,
                               input_of("{\"AggregatorId\":\"%s\",\"ConfigRuleId\":\"%s\"}", group, id));
    assert_text(answer, "ConfigRule.CreateBy.AggregatorId", group);
    assert_text(answer, "ConfigRule.CreateBy.AggregatorName", "everyone");
    assert_text(answer, "ConfigRule.CreateBy.CreatorType", "AGGREGATOR");
    assert_text(answer, "ConfigRule.Scope.ComplianceResourceTypes.0", "ACS::EIP::EipAddress");
    call_refused(config_get_config_rule, input_of("{\"ConfigRuleId\":\"%s\"}", id), "ConfigRuleNotExists");
    answer = call_well(config_list_aggregate_config_rules, input_of("{\"AggregatorId\":\"%s\"}", group));
    assert_text(answer, "ConfigRules.TotalCount", "1");
    answer = call_well(config_deactive_aggregate_config_rules,
                       input_of("{\"AggregatorId\":\"%s\",\"ConfigRuleIds\":\"%s\"}", group, id));
    assert_text(answer, "OperateRuleResult.OperateRuleItemList.0.Success", "true");
    call_well(config_delete_aggregate_config_rules,
              input_of("{\"AggregatorId\":\"%s\",\"ConfigRuleIds\":\"%s\"}", group, id));
    call_refused(config_get_aggregate_config_rule,
                 input_of("{\"AggregatorId\":\"%s\",\"ConfigRuleId\":\"%s\"}", group, id),
                 "ConfigRuleNotExists");
}

static void strangers_do_not_see_the_group(void **state) {
    (void)state;
    const char *group = call_group();
    world.caller.account_id = PL_STR("1203000000000099");
    call_refused(config_list_aggregate_config_rules, input_of("{\"AggregatorId\":\"%s\"}", group),
                 "Invalid.AggregatorId.Value");
    call_refused(config_create_aggregate_config_rule,
                 input_of("{\"AggregatorId\":\"%s\",\"ConfigRuleName\":\"x\"," RULE "}", group),
                 "Invalid.AggregatorId.Value");
}

static void group_packs_hold_group_rules(void **state) {
    (void)state;
    const char *group = call_group();
    const char *id =
        id_of(call_well(config_create_aggregate_compliance_pack,
                        input_of("{\"AggregatorId\":\"%s\",\"CompliancePackName\":\"p\",\"ConfigRules\":[{"
                                 "\"ManagedRuleIdentifier\":\"eip-bandwidth-limit\"}]}",
                                 group)),
              "CompliancePackId");
    pl_json answer = call_well(config_get_aggregate_compliance_pack,
                               input_of("{\"AggregatorId\":\"%s\",\"CompliancePackId\":\"%s\"}", group, id));
    assert_text(answer, "CompliancePack.AggregatorId", group);
    assert_int_equal(pl_json_count(at(answer, "CompliancePack.ConfigRules")), 1);
    assert_text(call_well(config_list_config_rules, "{}"), "ConfigRules.TotalCount", "0");
    call_refused(config_get_compliance_pack, input_of("{\"CompliancePackId\":\"%s\"}", id),
                 "Invalid.CompliancePackId.Value");
}

static void tags_are_merged_removed_and_listed(void **state) {
    (void)state;
    const char *group = call_group();
    const char *rule = make(group, "tagged");
    const char *kind = "\"RegionId\":\"cn-shanghai\",\"ResourceType\":\"ACS::Config::AggregateConfigRule\"";
    call_well(config_tag_resources,
              input_of("{%s,\"ResourceId\":[\"%s\"],\"Tag\":[{\"Key\":\"a\",\"Value\":\"1\"},{\"Key\":\"b\","
                       "\"Value\":\"2\"}]}",
                       kind, rule));
    call_well(config_tag_resources,
              input_of("{%s,\"ResourceId\":[\"%s\"],\"Tag\":[{\"Key\":\"b\",\"Value\":\"3\"}]}", kind, rule));
    pl_json answer = call_well(config_list_tag_resources, input_of("{%s}", kind));
    assert_text(answer, "TagResources.TagResource.1.TagKey", "b");
    assert_text(answer, "TagResources.TagResource.1.TagValue", "3");
    assert_text(answer, "TagResources.TagResource.1.ResourceId", rule);
    call_well(config_untag_resources,
              input_of("{%s,\"ResourceId\":[\"%s\"],\"TagKey\":[\"a\"]}", kind, rule));
    answer = call_well(config_list_tag_resources, input_of("{%s}", kind));
    assert_int_equal(pl_json_count(at(answer, "TagResources.TagResource")), 1);
    call_refused(
        config_tag_resources,
        input_of("{%s,\"ResourceId\":[\"cr-none\"],\"Tag\":[{\"Key\":\"a\",\"Value\":\"1\"}]}", kind),
        "ConfigRuleNotExists");
    call_well(
        config_tag_resources,
        input_of(
            "{\"ResourceType\":\"ACS::Config::Aggregator\",\"ResourceId\":[\"%s\"],\"Tag\":[{\"Key\":\"g\","
            "\"Value\":\"1\"}]}",
            group));
    answer = call_well(config_list_tag_resources, "{\"ResourceType\":\"ACS::Config::Aggregator\"}");
    assert_text(answer, "TagResources.TagResource.0.ResourceId", group);
}

/* More tags than a page holds; the one that the page ended with is taken off before the next is asked for. */
static void a_page_of_tags_begins_behind_a_removed_one(void **state) {
    (void)state;
    const char *group = call_group();
    const char *kind = "\"ResourceType\":\"ACS::Config::AggregateConfigRule\"";
    pl_buf tags;
    pl_buf_init(&tags, 4096);
    for (int i = 0; i < 20; i++)
        pl_buf_printf(&tags, "%s{\"Key\":\"k%02d\",\"Value\":\"v\"}", i ? "," : "", i);
    for (int i = 0; i < 6; i++)
        call_well(config_tag_resources,
                  input_of("{%s,\"ResourceId\":[\"%s\"],\"Tag\":[%.*s]}", kind,
                           make(group, input_of("rule-%d", i)), PL_FMT(pl_buf_str(&tags))));
    pl_buf_free(&tags);
    pl_json page = call_well(config_list_tag_resources, input_of("{%s}", kind));
    assert_int_equal(pl_json_count(at(page, "TagResources.TagResource")), 100);
    const char *next =
        input_of("{%s,\"NextToken\":\"%.*s\"}", kind, PL_FMT(pl_json_str(at(page, "NextToken"))));
    pl_str last = pl_json_str(at(page, "TagResources.TagResource.99.ResourceId"));
    call_well(config_untag_resources,
              input_of("{%s,\"ResourceId\":[\"%.*s\"],\"TagKey\":[\"k19\",\"k18\"]}", kind, PL_FMT(last)));
    page = call_well(config_list_tag_resources, next);
    assert_int_equal(pl_json_count(at(page, "TagResources.TagResource")), 20);
    assert_text(page, "TagResources.TagResource.0.TagKey", "k00");
    assert_text(page, "NextToken", "");
}

static void copies_get_free_names(void **state) {
    (void)state;
    const char *group = call_group();
    const char *rule = make(group, "original");
    const char *input = input_of("{\"SrcAggregatorId\":\"%s\",\"SrcConfigRuleIds\":\"%s\"}", group, rule);
    assert_text(call_well(config_copy_config_rules, input), "CopyRulesResult", "true");
    call_well(config_copy_config_rules, input);
    pl_json answer =
        call_well(config_list_aggregate_config_rules, input_of("{\"AggregatorId\":\"%s\"}", group));
    assert_text(answer, "ConfigRules.TotalCount", "3");
    assert_text(answer, "ConfigRules.ConfigRuleList.0.ConfigRuleName", "original-copy2");
    const char *pack =
        id_of(call_well(config_create_aggregate_compliance_pack,
                        input_of("{\"AggregatorId\":\"%s\",\"CompliancePackName\":\"p\",\"ConfigRules\":"
                                 "[{\"ConfigRuleId\":\"%s\"}]}",
                                 group, rule)),
              "CompliancePackId");
    call_well(config_copy_compliance_packs,
              input_of("{\"SrcAggregatorId\":\"%s\",\"SrcCompliancePackIds\":\"%s\"}", group, pack));
    answer = call_well(config_list_aggregate_compliance_packs, input_of("{\"AggregatorId\":\"%s\"}", group));
    assert_text(answer, "CompliancePacksResult.TotalCount", "2");
    call_refused(config_copy_config_rules,
                 input_of("{\"SrcAggregatorId\":\"%s\",\"SrcConfigRuleIds\":\"cr-none\"}", group),
                 "ConfigRuleNotExists");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, call_setup, call_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(group_rules_stand_beside_account_rules),
        TEST(strangers_do_not_see_the_group),
        TEST(group_packs_hold_group_rules),
        TEST(tags_are_merged_removed_and_listed),
        TEST(copies_get_free_names),
        TEST(a_page_of_tags_begins_behind_a_removed_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
