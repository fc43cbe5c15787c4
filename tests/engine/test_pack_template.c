/* Templates of packs: which are none, what they make, and what a pack gives back as its template. */
#include "engine/pack_records.h"

#define RULES(...) "{\"configRuleTemplates\":[" __VA_ARGS__ "]}"
#define OWN_RULE(more)                                                                                       \
    "{\"configRuleName\":\"states\",\"source\":{\"owner\":\"CUSTOM_CONFIGURATION\",\"identifier\":"          \
    "\"acs-config-configuration\",\"conditions\":\"{\\\"ComplianceConditions\\\":{\\\"operator\\\":"         \
    "\\\"and\\\",\\\"children\\\":[{\\\"operator\\\":\\\"StringEquals\\\",\\\"featurePath\\\":"              \
    "\\\"$.Status\\\",\\\"featureSource\\\":\\\"CONFIGURATION\\\",\\\"desired\\\":\\\"Running\\\"}]}}\"},"   \
    "\"scope\":{\"complianceResourceTypes\":[\"ACS::ECS::Instance\"]}" more "}"

#define SCOPED(scope)                                                                                        \
    "{\"configRuleName\":\"states\",\"source\":{\"owner\":\"CUSTOM_CONFIGURATION\",\"identifier\":"          \
    "\"acs-config-configuration\",\"conditions\":\"{\\\"ComplianceConditions\\\":{\\\"operator\\\":"         \
    "\\\"and\\\",\\\"children\\\":[{\\\"operator\\\":\\\"StringEquals\\\",\\\"featurePath\\\":"              \
    "\\\"$.Status\\\",\\\"featureSource\\\":\\\"CONFIGURATION\\\",\\\"desired\\\":\\\"Running\\\"}]}}\"},"   \
    "\"scope\":" scope "}"

static void expect_no_template(const char *text) {
    struct packing p = packing_of("pack");
    p.pack.template_content = pl_str_from(text);
    expect(store_write(db, create_work, &p, &error), "Invalid.TemplateContent.Value");
}

static void templates_are_checked(void **state) {
    (void)state;
    expect_no_template("{");
    expect_no_template("{}");
    expect_no_template("{\"configRuleTemplates\":{}}");
    expect_no_template(RULES());
    expect_no_template(RULES("1"));
    expect_no_template(RULES("{\"source\":{\"owner\":\"NOBODY\"}}"));
    expect_no_template(RULES("{\"source\":{\"owner\":\"CUSTOM_FC\"}}"));
    expect_no_template(RULES("{\"source\":{\"owner\":\"ALIYUN\",\"identifier\":\"no-such\"}}"));
    expect_no_template(RULES("{\"source\":{\"owner\":\"CUSTOM_CONFIGURATION\"}}"));
    expect_no_template(RULES("{\"source\":{\"owner\":\"ALIYUN\",\"identifier\":\"" BANDWIDTH
                             "\",\"sourceDetails\":[{\"messageType\":\"Never\"}]}}"));
    expect_no_template(RULES(OWN_RULE(",\"riskLevel\":0")));
    expect_no_template(RULES(OWN_RULE(",\"riskLevel\":4")));
    expect_no_template(RULES(OWN_RULE(",\"riskLevel\":\"high\"")));
    expect_no_template(RULES(OWN_RULE(",\"inputParameters\":[]")));
    expect_no_template(RULES(SCOPED("[]")));
    expect_no_template(RULES(SCOPED("{\"complianceResourceTypes\":\"ACS::ECS::Instance\"}")));
    expect_no_template(RULES(SCOPED("{\"complianceResourceTypes\":[1]}")));
    expect_no_template(RULES(SCOPED("{\"complianceTagsScope\":{\"tagKey\":\"a\"}}")));
    expect_no_template(RULES(SCOPED("{\"complianceTagsScope\":[{\"tagValue\":\"a\"}]}")));
    expect_no_template("{\"configRuleTemplates\":[" OWN_RULE("") "],\"compliancePackTemplate\":[]}");
    static const char *const levels[] = {"0", "4", "\"high\""};
    for (size_t i = 0; i < 3; i++)
        expect_no_template(pl_arena_printf(&arena,
                                           "{\"configRuleTemplates\":[" OWN_RULE(
                                               "") "],\"compliancePackTemplate\":{\"riskLevel\":%s}}",
                                           levels[i])
                               .p);
    pl_buf many;
    pl_buf_init(&many, 64 << 20);
    pl_buf_add(&many, PL_STR("{\"configRuleTemplates\":[0"));
    for (int i = 0; i < 2000; i++)
        pl_buf_add(&many, PL_STR(",0"));
    pl_buf_add(&many, PL_STR("]}"));
    pl_buf_add_char(&many, 0);
    expect_no_template(many.p);
    pl_buf_clear(&many);
    pl_buf_add(&many, PL_STR(RULES(OWN_RULE(""))));
    while (many.n <= 4 * 1024000)
        pl_buf_add(&many, PL_STR("                                                                "));
    pl_buf_add_char(&many, 0);
    expect_no_template(many.p);
    pl_buf_free(&many);
}

static pl_str template_of(engine_pack *pack) {
    struct packing p = {.pack = *pack};
    if (read_in_test(rules_of_pack_work, &p, sizeof p) != 0 || read_in_test(template_work, &p, sizeof p) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return p.text;
}

/* null says nothing, as if it were left out. */
static void a_template_may_say_null(void **state) {
    (void)state;
    struct packing p = packing_of("pack");
    p.count = 0;
    p.pack.template_content =
        PL_STR("{\"configRuleTemplates\":[" SCOPED("{\"complianceResourceTypes\":[\"ACS::ECS::Instance\"],"
                                                   "\"complianceRegionIds\":[\"cn-beijing\",\"cn-other\"],"
                                                   "\"complianceResourceIds\":null,"
                                                   "\"complianceTagsScope\":null},\"inputParameters\":null,"
                                                   "\"riskLevel\":null") "],\"compliancePackTemplate\":"
                                                                         "{\"riskLevel\":null,\"scope\":"
                                                                         "null}}");
    p = written(create_work, p);
    assert_int_equal(p.pack.risk_level, 2);
    struct packing seen = {.pack = p.pack};
    assert_int_equal(store_read(db, rules_of_pack_work, &seen, &error), 0);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.rules[0].risk_level, 2);
    assert_str(seen.rules[0].scope.region_ids.text, "cn-beijing,cn-other");
    now += 1000;
    p.pack.scope.tags = (engine_tags){&(engine_tag){PL_STR("a"), PL_STR("b")}, 1};
    p = written(update_pack_work, p);
    pl_str text = template_of(&p.pack);
    assert_true(pl_str_find(text, PL_STR("complianceRegionIds")) != PL_NOT_FOUND);
    assert_true(pl_str_find(text, PL_STR("\"tagKey\": \"a\"")) != PL_NOT_FOUND);
    struct packing bare = packing_of("bare");
    bare.count = 0;
    bare.pack.template_content =
        PL_STR("{\"configRuleTemplates\":[" OWN_RULE("") "],\"compliancePackTemplate\":null}");
    written(create_work, bare);
}

static const char whole_template[] =
    "{\"configRuleTemplates\":[" OWN_RULE(",\"description\":\"d\",\"riskLevel\":3,\"inputParameters\":{"
                                          "}") ",{\"source\":{\"owner\":\"ALIYUN\","
                                               "\"identifier\":\"" BANDWIDTH
                                               "\",\"sourceDetails\":[{\"messageType\":"
                                               "\"ScheduledNotification\","
                                               "\"maximumExecutionFrequency\":\"Six_Hours\"}]},"
                                               "\"scope\":{\"complianceResourceTypes\":["
                                               "\"ACS::EIP::EipAddress\",\"ACS::ECS::Instance\"],"
                                               "\"complianceTagsScope\":[{\"tagKey\":\"a\","
                                               "\"tagValue\":\"b\"},{\"tagKey\":\"c\",\"tagValue\":"
                                               "\"d\"}]}}],\"compliancePackTemplate\":{"
                                               "\"compliancePackName\":\"from a "
                                               "file\",\"description\":\"told "
                                               "there\",\"riskLevel\":1,\"scope\":{"
                                               "\"complianceRegionIds\":[\"cn-beijing\"],"
                                               "\"complianceExcludeTagsScope\":[{\"tagKey\":\"x\","
                                               "\"tagValue\":\"y\"}]}}}";

static void a_template_makes_a_pack_and_a_pack_a_template(void **state) {
    (void)state;
    struct packing p = packing_of("");
    p.count = 0;
    p.pack.template_content = pl_str_from(whole_template);
    p = written(create_work, p);
    assert_str(p.pack.name, "from a file");
    assert_int_equal(p.pack.risk_level, 1);
    assert_int_equal(p.pack.scope.region_ids.count, 1);
    assert_int_equal(rules_in(&p.pack), 2);
    pl_str first = template_of(&p.pack); /* the client's own text, indented */
    now += 1000;
    p.pack.description = PL_STR("changed");
    p = written(update_pack_work, p);
    pl_str second = template_of(&p.pack);
    assert_true(pl_str_find(second, PL_STR("complianceTagsScope")) != PL_NOT_FOUND);
    assert_true(pl_str_find(second, PL_STR("complianceExcludeTagsScope")) != PL_NOT_FOUND);
    assert_true(pl_str_find(second, PL_STR("ScheduledNotification")) != PL_NOT_FOUND);
    assert_false(pl_str_eq(first, second));
    struct packing again = packing_of("");
    again.count = 0;
    again.pack.template_content = second;
    expect(store_write(db, create_work, &again, &error), "CompliancePackExists");
    again = packing_of("");
    again.count = 0;
    again.pack.template_content = PL_STR(RULES(OWN_RULE("")));
    again = written(create_work, again);
    assert_true(pl_str_ends(again.pack.name, PL_STR(".json"))); /* it says no name */
    engine_rule function = rule_named("function", "");
    function.owner = ENGINE_FUNCTION;
    function.identifier = PL_STR(FUNCTION);
    again.id = make(function)->rule_id;
    written(attach_work, again);
    now += 1000;
    written(update_pack_work, again);
    assert_true(pl_str_find(template_of(&again.pack), PL_STR("functions/check")) == PL_NOT_FOUND);
}

#define IN_STATES(conditions)                                                                                \
    "{\"configRuleName\":\"states\",\"source\":{\"owner\":\"CUSTOM_CONFIGURATION\",\"identifier\":"          \
    "\"acs-config-configuration\",\"conditions\":\"{\\\"ComplianceConditions\\\":" conditions "\"},"         \
    "\"scope\":{\"complianceResourceTypes\":[\"ACS::ECS::Instance\"]}}"

/* An operator that only imported templates name is the one it stands for; a desired text of its name stays.
 */
static void a_template_may_name_an_unlisted_operator(void **state) {
    (void)state;
    static const char *const forms[] = {
        RULES(IN_STATES("{\\\"operator\\\":\\\"and\\\",\\\"children\\\":[{\\\"operator\\\":"
                        "\\\"StringEqualsIn\\\",\\\"featurePath\\\":\\\"$.Status\\\","
                        "\\\"featureSource\\\":\\\"CONFIGURATION\\\",\\\"desired\\\":"
                        "\\\"Running,StringEqualsIn\\\"}]}}")),
        RULES(IN_STATES("\\\"{\\\\\\\"operator\\\\\\\":\\\\\\\"StringEqualsIn\\\\\\\","
                        "\\\\\\\"featurePath\\\\\\\":\\\\\\\"$.Status\\\\\\\","
                        "\\\\\\\"featureSource\\\\\\\":\\\\\\\"CONFIGURATION\\\\\\\","
                        "\\\\\\\"desired\\\\\\\":\\\\\\\"Running,StringEqualsIn\\\\\\\"}\\\"}"))};
    for (size_t i = 0; i < 2; i++) {
        struct packing p = packing_of(i ? "as text" : "as an object"), seen;
        p.count = 0;
        p.pack.template_content = pl_str_from(forms[i]);
        p = written(create_work, p);
        seen = (struct packing){.pack = p.pack};
        assert_int_equal(store_read(db, rules_of_pack_work, &seen, &error), 0);
        pl_str conditions = seen.rules[0].conditions;
        const char *operator= i ? "\\\"operator\\\":\\\"StringIn\\\"" : "\"operator\":\"StringIn\"";
        assert_true(pl_str_find(conditions, pl_str_from(operator)) != PL_NOT_FOUND);
        assert_true(pl_str_find(conditions, PL_STR("\"Running,StringEqualsIn")) != PL_NOT_FOUND);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RECORDS_TEST(templates_are_checked),
        RECORDS_TEST(a_template_may_say_null),
        RECORDS_TEST(a_template_makes_a_pack_and_a_pack_a_template),
        RECORDS_TEST(a_template_may_name_an_unlisted_operator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
