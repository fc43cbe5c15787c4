/* Rules as records: what is refused with which code, what a change starts, and how rules are found. */
#include "engine/rule_records.h"

/* --- Rules ------------------------------------------------------------------------------------------------
 */

#define REFUSED(wanted, ...)                                                                                 \
    do {                                                                                                     \
        struct making m_ = {sound()};                                                                        \
        engine_rule *r = &m_.rule;                                                                           \
        __VA_ARGS__;                                                                                         \
        expect(store_write(db, make_work, &m_, &error), wanted);                                             \
    } while (0)

static void rules_are_checked(void **state) {
    (void)state;
    REFUSED("Invalid.ConfigRuleName.Empty", r->name = PL_STR(""));
    REFUSED("Invalid.ConfigRuleName.Value", r->name = PL_STR("  "));
    REFUSED("Invalid.ConfigRuleName.Value", r->name = PL_STR("a\x01"));
    REFUSED("Invalid.ConfigRuleName.Value", r->name = PL_STR("a\x7f"));
    REFUSED("Invalid.ConfigRuleName.Value", r->name = long_text(101));
    REFUSED("Invalid.ConfigRuleName.Value", r->name = PL_STR("a\xff"));
    REFUSED("Invalid.Description.Value", r->description = long_text(501));
    REFUSED("Invalid.RiskLevel.Value", r->risk_level = 0);
    REFUSED("Invalid.RiskLevel.Value", r->risk_level = 4);
    REFUSED("Invalid.SourceIdentifier.Value", r->identifier = PL_STR(""));
    REFUSED("Invalid.SourceIdentifier.Value", r->identifier = long_text(1000));
    REFUSED("Invalid.SourceIdentifier.Value", r->identifier = PL_STR("other"));
    REFUSED("Invalid.SourceIdentifier.Value", r->owner = ENGINE_MANAGED, r->identifier = PL_STR("no-such"));
    REFUSED("Invalid.Conditions.Empty", r->conditions = PL_STR(" "));
    REFUSED("Invalid.InputParameters.Value", r->input_parameters = PL_STR("[1]"));
    REFUSED("Invalid.InputParameters.Value", r->input_parameters = PL_STR("{"));
    REFUSED("Invalid.ConfigRuleTriggerTypes.Value", r->triggers = 0);
    REFUSED("Invalid.MaximumExecutionFrequency.Value", r->frequency = PL_STR("Two_Hours"));
    REFUSED("Invalid.ResourceTypesScope.Value",
            r->scope.resource_types = list_of(pl_arena_cstr(&arena, long_text(129))));
    REFUSED("Invalid.ResourceTypesScope.Empty", r->scope.resource_types = (engine_list){0});
}

static void hours_and_functions_are_checked(void **state) {
    (void)state;
    static const char *const hours[] = {"{", "[]", "{\"fixedHour\":\"24\"}", "{\"fixedHour\":-1}",
                                        "{\"fixedHour\":\"noon\"}"};
    for (size_t i = 0; i < sizeof hours / sizeof *hours; i++)
        REFUSED("Invalid.ExtendContent.Value", r->extend_content = pl_str_from(hours[i]));
    REFUSED("Invalid.ExtendContent.Value", r->extend_content = PL_STR("{\"fixedHour\":\"3\"}"),
            r->frequency = PL_STR("Six_Hours"));
#define OWN_FC "acs:fc:cn-shanghai:100000000000001:"
    static const char *const arns[] = {
        "acs:ram:cn-shanghai:100000000000001:functions/check",
        OWN_FC "check",
        "acs:fc::100000000000001:functions/check",
        OWN_FC "functions/a:b",
        "acs:fc:cn-shanghai:100000000000002:functions/check",
        "acs:fc:cn-shanghai:100000000000002:services/s.LATEST/functions/check"};
    for (size_t i = 0; i < sizeof arns / sizeof *arns; i++)
        REFUSED("Invalid.SourceIdentifier.Value", r->owner = ENGINE_FUNCTION,
                r->identifier = pl_str_from(arns[i]));
    assert_string_equal(
        error.message,
        "SourceIdentifier must be the ARN of a function of the account 100000000000001, to which "
        "the rule belongs.");
    engine_rule rule = sound();
    rule.name = PL_STR("function");
    rule.owner = ENGINE_FUNCTION;
    rule.identifier = PL_STR(OWN_FC "services/s.LATEST/functions/check");
    make(rule);
    rule = sound();
    rule.extend_content = PL_STR("{}");
    make(rule);
    rule.name = PL_STR("hour");
    rule.description = PL_STR_NONE;
    rule.input_parameters = PL_STR("");
    rule.triggers = ENGINE_TRIGGER_SCHEDULE;
    rule.extend_content = PL_STR("{\"fixedHour\":3}");
    assert_str(make(rule)->description, "");
}

static void names_and_quotas_hold(void **state) {
    (void)state;
    make(sound());
    REFUSED("ConfigRuleExists", (void)r);
    REFUSED("Invalid.InputParameters.Value", *r = managed("managed"), r->input_parameters = PL_STR("{"));
    make(managed("managed"));
}

/* Whatever stands in it: such a rule would find every resource deviating. */
static void what_no_operator_can_read_is_refused(void **state) {
    (void)state;
    engine_rule named = managed("by-name");
    named.identifier = PL_STR("resource-name-regex-match");
    named.input_parameters = PL_STR("{\"regex\":\"^web-[0-9]+$\"}");
    REFUSED("Invalid.Conditions.Value",
            r->conditions = PL_STR("{\"ComplianceConditions\":{\"operator\":\"RegexMatch\",\"featurePath\":"
                                   "\"$.Name\",\"featureSource\":\"CONFIGURATION\",\"desired\":\"([\"}}"));
    assert_non_null(strstr(error.message, "at desired: the operator cannot read it"));
    REFUSED("Invalid.InputParameters.Value", *r = named, r->input_parameters = PL_STR("{\"regex\":\"([\"}"));
    make(named);
}

static int update_work(store_session *session, void *argument, pl_error *wrong) {
    struct changing *c = argument;
    engine_context context = context_of_test();
    return engine_rule_update(&context, session, &c->rule, wrong);
}

static int create_within_work(store_session *session, void *argument, pl_error *wrong) {
    struct changing *c = argument;
    engine_context context = context_of_test();
    context.rules_limit = c->limit;
    return engine_rule_create(&context, session, &c->rule, PL_STR_NONE, wrong);
}

static void update(engine_rule rule) {
    struct changing c = {.rule = rule};
    if (write_in_test(update_work, &c, sizeof c) != 0)
        fail_msg("%s: %s", error.code, error.message);
}

static void what_decides_starts_an_evaluation(void **state) {
    (void)state;
    engine_rule *rule = make(sound());
    put("[" INSTANCE("i-1", "Stopped") "]");
    int64_t first = list(rule).current.run_ordering;
    now += 1000;
    engine_rule changed = list(rule).current;
    changed.name = PL_STR("renamed");
    update(changed);
    assert_int_equal(list(rule).current.run_ordering, first);
    changed.triggers = ENGINE_TRIGGER_CHANGE | ENGINE_TRIGGER_SCHEDULE;
    update(changed);
    assert_int_equal(list(rule).current.run_ordering, now);
    now += 1000;
    changed.frequency = PL_STR("TwentyFour_Hours");
    changed.extend_content = PL_STR("{\"fixedHour\":\"3\"}");
    update(changed);
    assert_int_equal(list(rule).current.run_ordering, now);
    struct changing none = {.rule = changed};
    none.rule.rule_id = PL_STR("cr-none");
    expect(store_write(db, update_work, &none, &error), "ConfigRuleNotExists");
    expect(act_on(PL_STR("cr-none"), ENGINE_DELETE), "ConfigRuleNotExists");
    expect(act_on(rule->rule_id, ENGINE_ACTIVATE), "ConfigRuleStatusNotInActive");
    act(rule, ENGINE_DEACTIVATE);
    expect(act_on(rule->rule_id, ENGINE_DEACTIVATE), "ConfigRuleStatusNotActive");
    struct changing more = {.rule = managed("one too many"), .limit = 1};
    expect(store_write(db, create_within_work, &more, &error), "ExceedMaxRuleCount");
    more.limit = 0;
    assert_int_equal(store_write(db, create_within_work, &more, &error), 0);
}

static void a_rule_that_is_off_waits_for_its_activation(void **state) {
    (void)state;
    engine_rule *rule = make(sound());
    put("[" INSTANCE("i-1", "Stopped") "]");
    act(rule, ENGINE_DEACTIVATE);
    engine_rule changed = list(rule).current;
    int64_t before = changed.run_ordering;
    changed.conditions = PL_STR(CONDITION("{\"operator\":\"StringEquals\",\"featurePath\":\"$.Status\","
                                          "\"featureSource\":\"CONFIGURATION\",\"desired\":\"Stopped\"}"));
    now += 1000;
    update(changed);
    assert_int_equal(list(rule).current.run_ordering, before);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 1);
    act(rule, ENGINE_ACTIVATE);
    assert_int_equal(list(rule).current.run_ordering, now);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 0);
    now += 1000;
    changed.triggers = ENGINE_TRIGGER_CHANGE | ENGINE_TRIGGER_SCHEDULE;
    update(changed);
    now += 1000;
    changed.frequency = PL_STR("Six_Hours"); /* another frequency alone */
    update(changed);
    assert_int_equal(list(rule).current.run_ordering, now);
    struct changing nameless = {.id = PL_STR_NONE};
    expect(store_write(db, acting_work, &nameless, &error), "ConfigRuleNotExists");
}

/* --- Randomness -------------------------------------------------------------------------------------------
 */

static int no_randomness(void *context, void *bytes, size_t n) {
    (void)context;
    (void)bytes;
    (void)n;
    return -1;
}

static int always_the_same(void *context, void *bytes, size_t n) {
    (void)context;
    memset(bytes, 0, n);
    return 0;
}

static pl_random chance;

static int create_by_chance_work(store_session *session, void *argument, pl_error *wrong) {
    struct changing *c = argument;
    engine_context context = context_of_test();
    context.random = chance;
    return engine_rule_create(&context, session, &c->rule, PL_STR_NONE, wrong);
}

static int free_name_work(store_session *session, void *argument, pl_error *wrong) {
    struct changing *c = argument;
    engine_context context = context_of_test();
    context.random = chance;
    return engine_rule_free_name(&context, session, &own, PL_STR("rule"), &c->id, wrong);
}

static void without_randomness_nothing_gets_a_name(void **state) {
    (void)state;
    struct changing c = {.rule = sound()};
    chance = (pl_random){no_randomness, NULL};
    expect(store_write(db, create_by_chance_work, &c, &error), "ServiceUnavailable");
    assert_int_equal(store_write(db, free_name_work, &c, &error), 0);
    assert_str(c.id, "rule");
    make(sound());
    expect(store_write(db, free_name_work, &c, &error), "ServiceUnavailable");
    chance = (pl_random){always_the_same, NULL};
    assert_int_equal(store_write(db, free_name_work, &c, &error), 0);
    assert_str(c.id, "rule_0000");
    c.rule = sound();
    c.rule.name = c.id;
    make(c.rule);
    expect(store_write(db, free_name_work, &c, &error), "ServiceUnavailable"); /* it tries no more */
}

/* --- Lists of rules ---------------------------------------------------------------------------------------
 */

static void lists_of_rules_are_filtered(void **state) {
    (void)state;
    engine_rule rule = sound();
    rule.description = PL_STR("about states");
    make(rule);
    make(managed("widths"));
    rule.name = PL_STR("everything");
    rule.risk_level = 3;
    rule.triggers = ENGINE_TRIGGER_SCHEDULE;
    rule.scope.resource_types = list_of("*");
    act(make(rule), ENGINE_DEACTIVATE);
    assert_int_equal(matching((engine_rule_filter){0}), 3);
    assert_int_equal(matching((engine_rule_filter){.active_only = true}), 2);
    assert_int_equal(matching((engine_rule_filter){.triggers = ENGINE_TRIGGER_SCHEDULE}), 1);
    assert_int_equal(matching((engine_rule_filter){.name = PL_STR("widths")}), 1);
    assert_int_equal(matching((engine_rule_filter){.risk_level = 3}), 1);
    assert_int_equal(matching((engine_rule_filter){.keyword = PL_STR("STATES")}), 2);
    assert_int_equal(matching((engine_rule_filter){.keyword = PL_STR("cr-")}), 3);
    assert_int_equal(matching((engine_rule_filter){.keyword = PL_STR("bandwidth")}), 1);
    assert_int_equal(matching((engine_rule_filter){.keyword = PL_STR("nothing")}), 0);
    assert_int_equal(matching((engine_rule_filter){.resource_types = list_of("acs::ecs::instance")}), 2);
    assert_int_equal(matching((engine_rule_filter){.pack_id = PL_STR("cp-none")}), 0);
}

static int spoil_tags_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong, "UPDATE rules SET tags = '{' WHERE name = 'untagged'", "");
}

static void rules_are_found_by_their_tags(void **state) {
    (void)state;
    engine_rule rule = sound();
    rule.tags = PL_STR("[{\"TagKey\":\"env\",\"TagValue\":\"prod\"}]");
    make(rule);
    rule.name = PL_STR("untagged");
    rule.tags = PL_STR("");
    make(rule);
    engine_tag tag = {PL_STR("env"), PL_STR("prod")};
    struct filtering f = {.filter = {.tags = {&tag, 1}}};
    assert_int_equal(matching(f.filter), 1);
    assert_int_equal(store_write(db, spoil_tags_work, NULL, &error), 0);
    expect(store_read(db, filter_work, &f, &error), "InternalError");
}

/* --- Words ------------------------------------------------------------------------------------------------
 */

static void unknown_words_are_not_found(void **state) {
    (void)state;
    engine_rule_owner kind;
    unsigned triggers = 0;
    assert_false(engine_rule_owner_find(PL_STR("NOBODY"), &kind));
    assert_str(engine_rule_owner_name((engine_rule_owner)99), "");
    assert_str(engine_rule_state_name((engine_rule_state)99), "");
    assert_str(engine_compliance_name((engine_compliance)99), "");
    assert_false(engine_triggers_find(PL_STR("Sometimes"), &triggers));
    assert_true(engine_triggers_find(PL_STR("ScheduledNotification"), &triggers));
    assert_int_equal(triggers, ENGINE_TRIGGER_SCHEDULE);
    assert_int_equal(engine_frequency_period(PL_STR("Never")), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RECORDS_TEST(rules_are_checked),
        RECORDS_TEST(hours_and_functions_are_checked),
        RECORDS_TEST(names_and_quotas_hold),
        RECORDS_TEST(what_no_operator_can_read_is_refused),
        RECORDS_TEST(what_decides_starts_an_evaluation),
        RECORDS_TEST(a_rule_that_is_off_waits_for_its_activation),
        RECORDS_TEST(without_randomness_nothing_gets_a_name),
        RECORDS_TEST(lists_of_rules_are_filtered),
        RECORDS_TEST(rules_are_found_by_their_tags),
        RECORDS_TEST(unknown_words_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
