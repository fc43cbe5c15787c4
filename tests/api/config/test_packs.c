/* Compliance packs as a client sees them: from rules, templates and template ids; changed, attached, deleted.
 */
#include "support/calls.h"

#include "api/operations.gen.h"

static const char *id_of(pl_json answer, const char *path) {
    return pl_arena_cstr(&world.arena, pl_json_str(at(answer, path)));
}

static const char *make_rule(const char *name) {
    return id_of(
        call_well(config_create_config_rule,
                  input_of("{\"ConfigRuleName\":\"%s\",\"SourceOwner\":\"ALIYUN\",\"SourceIdentifier\":"
                           "\"ecs-instances-in-vpc\",\"RiskLevel\":1,\"ConfigRuleTriggerTypes\":["
                           "\"ConfigurationItemChangeNotification\"],\"ResourceTypesScope\":["
                           "\"ACS::ECS::Instance\"]}",
                           name)),
        "ConfigRuleId");
}

static const char *make_pack(const char *name, const char *more) {
    return id_of(call_well(config_create_compliance_pack,
                           input_of("{\"CompliancePackName\":\"%s\"%s%s}", name, more[0] ? "," : "", more)),
                 "CompliancePackId");
}

static pl_json read_pack(const char *id) {
    return call_well(config_get_compliance_pack, input_of("{\"CompliancePackId\":\"%s\"}", id));
}

#define ONE_RULE                                                                                             \
    "\"ConfigRules\":[{\"ManagedRuleIdentifier\":\"eip-bandwidth-limit\",\"ConfigRuleParameters\":[{"        \
    "\"ParameterName\":\"bandwidth\",\"ParameterValue\":\"20\"}]}]"

static void a_pack_makes_its_rules(void **state) {
    (void)state;
    const char *id = make_pack("network", "\"RiskLevel\":1,\"Description\":\"d\"," ONE_RULE);
    assert_true(strncmp(id, "cp-", 3) == 0 && strlen(id) == 23);
    pl_json answer = read_pack(id);
    assert_text(answer, "CompliancePack.Status", "ACTIVE");
    assert_text(answer, "CompliancePack.CompliancePackName", "network");
    assert_text(answer, "CompliancePack.RiskLevel", "1");
    assert_text(answer, "CompliancePack.AccountId", "1203000000000042");
    assert_text(answer, "CompliancePack.ConfigRules.0.ManagedRuleIdentifier", "eip-bandwidth-limit");
    assert_text(answer, "CompliancePack.ConfigRules.0.RiskLevel", "1");
    assert_text(answer, "CompliancePack.ConfigRules.0.ConfigRuleParameters",
                "[{\"ParameterName\":\"bandwidth\",\"ParameterValue\":\"20\",\"Required\":true}]");
    const char *rule = id_of(answer, "CompliancePack.ConfigRules.0.ConfigRuleId");
    answer = call_well(config_get_config_rule, input_of("{\"ConfigRuleId\":\"%s\"}", rule));
    assert_text(answer, "ConfigRule.CreateBy.CompliancePackId", id);
    assert_text(answer, "ConfigRule.CreateBy.CompliancePackName", "network");
    answer = call_well(config_delete_config_rules, input_of("{\"ConfigRuleIds\":\"%s\"}", rule));
    assert_text(answer, "OperateRuleResult.OperateRuleItemList.0.ErrorCode", "ConfigRuleCanNotDelete");
}

static void wrong_packs_are_refused_and_leave_nothing(void **state) {
    (void)state;
    make_pack("taken", ONE_RULE);
    call_refused(config_create_compliance_pack, "{\"CompliancePackName\":\"taken\"," ONE_RULE "}",
                 "CompliancePackExists");
    call_refused(config_create_compliance_pack, "{\"CompliancePackName\":\"none\"}",
                 "Invalid.ConfigRules.Empty");
    call_refused(config_create_compliance_pack, "{\"CompliancePackName\":\" \"," ONE_RULE "}",
                 "Invalid.CompliancePackName.Empty");
    call_refused(config_create_compliance_pack,
                 "{\"CompliancePackName\":\"t\",\"CompliancePackTemplateId\":\"ct-none\"," ONE_RULE "}",
                 "Invalid.CompliancePackTemplateId.Value");
    call_refused(
        config_create_compliance_pack,
        "{\"CompliancePackName\":\"r\",\"ConfigRules\":[{\"ManagedRuleIdentifier\":\"ecs-instances-in-vpc\"},"
        "{\"ManagedRuleIdentifier\":\"no-such-rule\"}]}",
        "Invalid.ConfigRules.Value");
    call_refused(
        config_create_compliance_pack,
        "{\"CompliancePackName\":\"p\",\"ConfigRules\":[{\"ManagedRuleIdentifier\":\"eip-bandwidth-limit\","
        "\"ConfigRuleParameters\":[{\"ParameterName\":\"length\",\"ParameterValue\":\"1\"}]}]}",
        "Invalid.ConfigRules.Value");
    call_refused(config_get_compliance_pack, "{\"CompliancePackId\":\"cp-none\"}",
                 "Invalid.CompliancePackId.Value");
    assert_text(call_well(config_list_config_rules, "{}"), "ConfigRules.TotalCount", "1");
    world.limits.packs_per_account = 1;
    call_refused(config_create_compliance_pack, "{\"CompliancePackName\":\"second\"," ONE_RULE "}",
                 "CompliancePackExceedMaxCount");
    world.limits.packs_per_account = 5;
    world.limits.rules_per_account = 1;
    call_refused(config_create_compliance_pack, "{\"CompliancePackName\":\"second\"," ONE_RULE "}",
                 "ConfigRuleExceedMaxRuleCount");
}

/* The rules of a list that is refused, and what the refusal says. */
static const struct {
    const char *rules, *message;
} wrong_lists[] = {
    {"{\"ManagedRuleIdentifier\":\"ecs-instances-in-vpc\"},{\"ManagedRuleIdentifier\":\"eip-bandwidth-"
     "limit\","
     "\"ConfigRuleParameters\":[{\"ParameterName\":\"length\",\"ParameterValue\":\"1\"}]}",
     "ConfigRules[1]: the rule has no parameter length."},
    {"{\"ManagedRuleIdentifier\":\"eip-bandwidth-limit\",\"ConfigRuleParameters\":[{\"ParameterName\":"
     "\"bandwidth\",\"ParameterValue\":\"wide\"}]}",
     "ConfigRules[0]: the rule cannot read the value of bandwidth."},
    {"{\"ManagedRuleIdentifier\":\"ecs-instances-in-vpc\"},{\"ManagedRuleIdentifier\":\"required-tags\"}",
     "ConfigRules[1]: a value is needed for tag1Key."},
    {"{\"ManagedRuleIdentifier\":\"ecs-instances-in-vpc\"},{\"ConfigRuleName\":\"x\"}",
     "ConfigRules[1]: An entry of ConfigRules needs ConfigRuleId or ManagedRuleIdentifier."},
    {"{\"ManagedRuleIdentifier\":\"ecs-instances-in-vpc\"},{\"ConfigRuleId\":\"cr-none\"}",
     "ConfigRules[1]: The ConfigRuleId cr-none does not exist."},
    {"{\"ManagedRuleIdentifier\":\"ecs-instances-in-vpc\"},{\"ManagedRuleIdentifier\":\"ecs-instances-in-"
     "vpc\","
     "\"RiskLevel\":9}",
     "ConfigRules[1]: RiskLevel must be 1, 2 or 3."},
    {"{\"ManagedRuleIdentifier\":\"eip-bandwidth-limit\",\"ConfigRuleParameters\":[{\"ParameterName\":"
     "\"bandwidth\"}]}",
     "ConfigRules[0]: ParameterName and ParameterValue come in pairs."},
};

static void assert_refused_for(const char *message) {
    char wanted[256];
    snprintf(wanted, sizeof wanted, "The specified ConfigRules is invalid: %s", message);
    assert_string_equal(world.error.message, wanted);
}

static void a_wrong_entry_is_named_with_its_parameter(void **state) {
    (void)state;
    world.limits.rules_per_account = 100;
    const char *id = make_pack("stored", ONE_RULE);
    for (size_t i = 0; i < sizeof wrong_lists / sizeof *wrong_lists; i++) {
        const char *rules = wrong_lists[i].rules;
        call_refused(config_create_compliance_pack,
                     input_of("{\"CompliancePackName\":\"new\",\"ConfigRules\":[%s]}", rules),
                     "Invalid.ConfigRules.Value");
        assert_refused_for(wrong_lists[i].message);
        char input[1024];
        snprintf(input, sizeof input, "{\"CompliancePackId\":\"%s\",\"ConfigRules\":[%s]}", id, rules);
        call_refused(config_update_compliance_pack, input, "Invalid.ConfigRules.Value");
        assert_refused_for(wrong_lists[i].message);
    }
}

static void other_errors_of_an_entry_keep_their_code(void **state) {
    (void)state;
    world.limits.rules_per_account = 100;
    call_refused(config_create_compliance_pack,
                 "{\"CompliancePackName\":\"new\",\"ConfigRules\":[{\"ManagedRuleIdentifier\":"
                 "\"ecs-instances-in-vpc\"},{\"ManagedRuleIdentifier\":\"ecs-instances-in-vpc\","
                 "\"ConfigRuleName\":\"a\\u0001\"}]}",
                 "Invalid.ConfigRuleName.Value");
    assert_true(pl_str_starts(pl_str_from(world.error.message), PL_STR("ConfigRules[1]: ")));
}

static const char template_text[] =
    "{\"configRuleTemplates\":[{\"configRuleName\":\"condition-rule-example\",\"scope\":{"
    "\"complianceResourceTypes\":"
    "[\"ACS::ECS::Instance\"]},\"description\":\"\",\"source\":{\"owner\":\"CUSTOM_CONFIGURATION\","
    "\"identifier\":"
    "\"acs-config-configuration\",\"sourceDetails\":[{\"messageType\":\"ScheduledNotification\","
    "\"maximumExecutionFrequency\":\"Twelve_Hours\"},{\"messageType\":"
    "\"ConfigurationItemChangeNotification\"}],"
    "\"conditions\":\"{\\\"ComplianceConditions\\\":\\\"{\\\\\\\"operator\\\\\\\":\\\\\\\"and\\\\\\\","
    "\\\\\\\"children"
    "\\\\\\\":[{\\\\\\\"operator\\\\\\\":\\\\\\\"GreaterOrEquals\\\\\\\",\\\\\\\"featurePath\\\\\\\":"
    "\\\\\\\"$.Cpu"
    "\\\\\\\",\\\\\\\"featureSource\\\\\\\":\\\\\\\"CONFIGURATION\\\\\\\",\\\\\\\"desired\\\\\\\":"
    "\\\\\\\"2\\\\\\\"}]}"
    "\\\"}\"},\"inputParameters\":{}}]}";

static const char *make_from_template(const char *name, const char *text) {
    pl_buf input;
    pl_buf_init(&input, 1 << 20);
    pl_buf_printf(&input, "{\"CompliancePackName\":\"%s\",\"TemplateContent\":", name);
    pl_json_write_string(&input, pl_str_from(text));
    pl_buf_add_char(&input, '}');
    const char *copy = pl_arena_cstr(&world.arena, pl_buf_str(&input));
    pl_buf_free(&input);
    pl_json answer = call(config_create_compliance_pack, copy);
    return pl_json_exists(answer) ? id_of(answer, "CompliancePackId") : NULL;
}

static void a_template_comes_back_with_its_nesting(void **state) {
    (void)state;
    const char *id = make_from_template("from-template", template_text);
    pl_json answer = read_pack(id), sent, got;
    pl_str text = pl_json_str(at(answer, "CompliancePack.TemplateContent"));
    assert_true(pl_str_starts(
        text, PL_STR("{\n    \"configRuleTemplates\": [\n        {\n            \"configRuleName\"")));
    assert_true(
        pl_str_find(text, PL_STR("\"conditions\": \"{\\\"ComplianceConditions\\\":\\\"{\\\\\\\"operator")) !=
        PL_NOT_FOUND);
    assert_int_equal(pl_json_parse_in(&world.arena, pl_str_from(template_text), &sent, &world.error), 0);
    assert_int_equal(pl_json_parse_in(&world.arena, text, &got, &world.error), 0);
    assert_true(pl_json_equal(sent, got));
    const char *rule = id_of(answer, "CompliancePack.ConfigRules.0.ConfigRuleId");
    answer = call_well(config_get_config_rule, input_of("{\"ConfigRuleId\":\"%s\"}", rule));
    assert_text(answer, "ConfigRule.Source.Owner", "CUSTOM_CONFIGURATION");
    assert_text(answer, "ConfigRule.RiskLevel", "2");
    assert_text(answer, "ConfigRule.MaximumExecutionFrequency", "Twelve_Hours");
    world.now += 1000;
    call_well(config_update_config_rule,
              input_of("{\"ConfigRuleId\":\"%s\",\"ConfigRuleName\":\"renamed\"}", rule));
    text = pl_json_str(at(read_pack(id), "CompliancePack.TemplateContent"));
    assert_int_equal(pl_json_parse_in(&world.arena, text, &got, &world.error), 0);
    assert_text(got, "configRuleTemplates.0.configRuleName", "renamed");
    assert_true(
        pl_json_equal(at(sent, "configRuleTemplates.0.source"), at(got, "configRuleTemplates.0.source")));
}

static void a_wrong_template_names_its_place(void **state) {
    (void)state;
    assert_null(make_from_template("t", "{"));
    assert_string_equal(world.error.code, "Invalid.TemplateContent.Value");
    assert_null(make_from_template("t", "{\"configRuleTemplates\":[]}"));
    assert_null(
        make_from_template("t", "{\"configRuleTemplates\":[{\"configRuleName\":\"a\",\"source\":{\"owner\":"
                                "\"CUSTOM_FC\",\"identifier\":\"x\"}}]}"));
    assert_non_null(strstr(world.error.message, "$.configRuleTemplates[0]"));
    static const struct {
        const char *rule, *place; /* of the second rule of the template */
    } cases[] = {
        {"\"inputParameters\":{\"length\":\"1\"}",
         "$.configRuleTemplates[1]: the rule has no parameter length."},
        {"\"inputParameters\":{\"bandwidth\":\"wide\"}",
         "$.configRuleTemplates[1]: the rule cannot read the value of bandwidth."},
        {"\"inputParameters\":[]", "$.configRuleTemplates[1]: inputParameters must be an object"},
        {"\"scope\":{\"complianceRegionIds\":1}",
         "$.configRuleTemplates[1]: scope.complianceRegionIds must be a list of texts"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "{\"configRuleTemplates\":[{\"source\":{\"owner\":\"ALIYUN\",\"identifier\":"
                 "\"ecs-instances-in-vpc\"}},{\"source\":{\"owner\":\"ALIYUN\",\"identifier\":"
                 "\"eip-bandwidth-limit\"},%s}]}",
                 cases[i].rule);
        assert_null(make_from_template("t", text));
        assert_string_equal(world.error.code, "Invalid.TemplateContent.Value");
        if (!strstr(world.error.message, cases[i].place))
            fail_msg("%s, wanted %s", world.error.message, cases[i].place);
    }
    assert_null(make_from_template("t", "{\"configRuleTemplates\":[{\"source\":{\"owner\":\"ALIYUN\","
                                        "\"identifier\":\"ecs-instances-in-vpc\"}}],"
                                        "\"compliancePackTemplate\":{\"riskLevel\":7}}"));
    assert_non_null(strstr(world.error.message, "$.compliancePackTemplate: riskLevel must be 1, 2 or 3"));
}

static void a_template_id_brings_its_rules_when_enabled(void **state) {
    (void)state;
    world.limits.rules_per_account = 100;
    pl_json answer = call_well(config_list_compliance_pack_templates, "{\"PageSize\":1}");
    const char *template = id_of(answer, "CompliancePackTemplatesResult.CompliancePackTemplates.0."
                                         "CompliancePackTemplateId");
    size_t rules =
        pl_json_count(at(answer, "CompliancePackTemplatesResult.CompliancePackTemplates.0.ConfigRules"));
    assert_true(rules > 1);
    const char *id =
        make_pack("whole", input_of("\"DefaultEnable\":true,\"CompliancePackTemplateId\":\"%s\"", template));
    answer = read_pack(id);
    assert_text(answer, "CompliancePack.CompliancePackTemplateId", template);
    assert_int_equal(pl_json_count(at(answer, "CompliancePack.ConfigRules")), rules);
    id = make_pack("part", input_of("\"CompliancePackTemplateId\":\"%s\"," ONE_RULE, template));
    assert_int_equal(pl_json_count(at(read_pack(id), "CompliancePack.ConfigRules")), 1);
}

static void an_update_replaces_rules_but_keeps_those_that_stay(void **state) {
    (void)state;
    const char *own = make_rule("own");
    const char *id =
        make_pack("pack", input_of("\"ConfigRules\":[{\"ManagedRuleIdentifier\":\"eip-bandwidth-limit\"},{"
                                   "\"ConfigRuleId\":\"%s\"}]",
                                   own));
    const char *kept = id_of(read_pack(id), "CompliancePack.ConfigRules.0.ConfigRuleId");
    world.now += 1000;
    call_well(config_update_compliance_pack,
              input_of("{\"CompliancePackId\":\"%s\",\"CompliancePackName\":\"renamed\"," ONE_RULE "}", id));
    pl_json answer = read_pack(id);
    assert_text(answer, "CompliancePack.CompliancePackName", "renamed");
    assert_int_equal(pl_json_count(at(answer, "CompliancePack.ConfigRules")), 1);
    assert_text(answer, "CompliancePack.ConfigRules.0.ConfigRuleId", kept);
    assert_text(answer, "CompliancePack.ConfigRules.0.ConfigRuleParameters.0.ParameterValue", "20");
    assert_text(call_well(config_get_config_rule, input_of("{\"ConfigRuleId\":\"%s\"}", own)),
                "ConfigRule.CreateBy.CompliancePackId", "");
    call_well(config_update_compliance_pack, input_of("{\"CompliancePackId\":\"%s\",\"RiskLevel\":3}", id));
    assert_int_equal(pl_json_count(at(read_pack(id), "CompliancePack.ConfigRules")), 1);
}

static void rules_are_attached_and_detached(void **state) {
    (void)state;
    const char *own = make_rule("own");
    const char *id = make_pack("pack", ONE_RULE);
    const char *both = input_of("{\"CompliancePackId\":\"%s\",\"ConfigRuleIds\":\"%s,cr-none\"}", id, own);
    pl_json answer = call_well(config_attach_config_rule_to_compliance_pack, both);
    assert_text(answer, "OperateRuleResult.OperateRuleItemList.0.Success", "true");
    assert_text(answer, "OperateRuleResult.OperateRuleItemList.1.ErrorCode", "ConfigRuleNotExists");
    assert_int_equal(pl_json_count(at(read_pack(id), "CompliancePack.ConfigRules")), 2);
    call_well(config_detach_config_rule_to_compliance_pack, both);
    answer = call_well(config_detach_config_rule_to_compliance_pack, both);
    assert_text(answer, "OperateRuleResult.OperateRuleItemList.0.ErrorCode", "ConfigRuleNotExists");
    assert_text(call_well(config_list_config_rules, input_of("{\"CompliancePackId\":\"%s\"}", id)),
                "ConfigRules.TotalCount", "1");
}

static void deleting_keeps_or_takes_the_rules(void **state) {
    (void)state;
    const char *first = make_pack("first", ONE_RULE);
    const char *second = make_pack("second", ONE_RULE);
    pl_json answer = call_well(config_delete_compliance_packs,
                               input_of("{\"CompliancePackIds\":\"%s,cp-none\",\"DeleteRule\":true}", first));
    assert_text(answer, "OperateCompliancePacksResult.OperateCompliancePacks.0.Success", "true");
    assert_text(answer, "OperateCompliancePacksResult.OperateCompliancePacks.1.ErrorCode",
                "Invalid.CompliancePackId.Value");
    assert_text(call_well(config_list_config_rules, "{}"), "ConfigRules.TotalCount", "1");
    call_well(config_delete_compliance_packs, input_of("{\"CompliancePackIds\":\"%s\"}", second));
    assert_text(call_well(config_list_config_rules, "{}"), "ConfigRules.TotalCount", "1");
    assert_text(call_well(config_list_compliance_packs, "{}"), "CompliancePacksResult.TotalCount", "0");
    call_refused(config_delete_compliance_packs, "{\"CompliancePackIds\":\"1,2,3,4,5,6\"}",
                 "Invalid.CompliancePackIds.SizeExceed");
}

static void a_scope_is_kept_and_shown(void **state) {
    (void)state;
    const char *id =
        make_pack("scoped", "\"RegionIdsScope\":[\"cn-hangzhou\"],\"ExcludeTagsScope\":[{\"TagKey\":\"a\","
                            "\"TagValue\":\"b\"}]," ONE_RULE);
    pl_json answer = read_pack(id);
    assert_text(answer, "CompliancePack.Scope.RegionIdsScope", "cn-hangzhou");
    assert_text(answer, "CompliancePack.Scope.ExcludeTagsScope.0.TagValue", "b");
    call_well(config_update_compliance_pack,
              input_of("{\"CompliancePackId\":\"%s\",\"RegionIdsScope\":[]}", id));
    assert_false(pl_json_exists(at(read_pack(id), "CompliancePack.Scope.RegionIdsScope")));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, call_setup, call_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_pack_makes_its_rules),
        TEST(wrong_packs_are_refused_and_leave_nothing),
        TEST(a_template_comes_back_with_its_nesting),
        TEST(a_wrong_entry_is_named_with_its_parameter),
        TEST(other_errors_of_an_entry_keep_their_code),
        TEST(a_wrong_template_names_its_place),
        TEST(a_template_id_brings_its_rules_when_enabled),
        TEST(an_update_replaces_rules_but_keeps_those_that_stay),
        TEST(rules_are_attached_and_detached),
        TEST(deleting_keeps_or_takes_the_rules),
        TEST(a_scope_is_kept_and_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
