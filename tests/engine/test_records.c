/*
 * Rules and packs as records: what is refused with which code, what a change starts, what packs make, keep
 * and let go.
 */
#include "support/testing.h"

#include "engine/packs.h"
#include "engine/world.h"

#define BANDWIDTH "eip-bandwidth-limit"
#define FUNCTION "acs:fc:cn-shanghai:100000000000001:functions/check"

static const engine_group own = {PL_STR_INIT("100000000000001"), PL_STR_INIT("")};

static int setup_alone(void **state) {
    group_answers = (engine_groups){0};
    return setup(state);
}

static void expect(int status, const char *code) {
    if (status == 0)
        fail_msg("accepted, wanted %s", code);
    if (strcmp(error.code, code) != 0)
        fail_msg("%s: %s, wanted %s", error.code, error.message, code);
}

static engine_list list_of(const char *text) {
    engine_list parsed_list;
    assert_int_equal(engine_list_parse(&arena, pl_str_from(text), &parsed_list, &error), 0);
    return parsed_list;
}

static pl_str long_text(size_t n) {
    char *p = pl_new(&arena, char, n);
    assert_non_null(p);
    memset(p, 'x', n);
    return pl_str_of(p, n);
}

/* --- Rules ------------------------------------------------------------------------------------------------
 */

static engine_rule sound(void) {
    return rule_named("rule", RUNNING);
}

static engine_rule managed(const char *name) {
    engine_rule rule = rule_named(name, "");
    rule.owner = ENGINE_MANAGED;
    rule.identifier = PL_STR(BANDWIDTH);
    rule.scope.resource_types = list_of("ACS::EIP::EipAddress");
    return rule;
}

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
    static const char *const arns[] = {"acs:ram:cn-shanghai:1:functions/check", "acs:fc:cn-shanghai:1:check",
                                       "acs:fc::1:functions/check", "acs:fc:cn-shanghai:1:functions/a:b"};
    for (size_t i = 0; i < sizeof arns / sizeof *arns; i++)
        REFUSED("Invalid.SourceIdentifier.Value", r->owner = ENGINE_FUNCTION,
                r->identifier = pl_str_from(arns[i]));
    engine_rule rule = sound();
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

struct changing {
    engine_rule rule;
    engine_group group;
    pl_str id;
    engine_rule_action action;
    uint32_t limit;
};

static int update_work(store_session *session, void *argument, pl_error *wrong) {
    struct changing *c = argument;
    engine_context context = context_of_test();
    return engine_rule_update(&context, session, &c->rule, wrong);
}

static int acting_work(store_session *session, void *argument, pl_error *wrong) {
    struct changing *c = argument;
    engine_context context = context_of_test();
    return engine_rule_act(&context, session, &own, c->id, c->action, wrong);
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

static int act_on(pl_str id, engine_rule_action action) {
    struct changing c = {.id = id, .action = action};
    return store_write(db, acting_work, &c, &error);
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

struct filtering {
    engine_rule_filter filter;
    engine_rule *rules;
    size_t count;
};

static int filter_work(store_session *session, void *argument, pl_error *wrong) {
    struct filtering *f = argument;
    return engine_rule_list(session, &arena, &own, &f->filter, &f->rules, &f->count, wrong);
}

static size_t matching(engine_rule_filter filter) {
    struct filtering f = {.filter = filter};
    if (read_in_test(filter_work, &f, sizeof f) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return f.count;
}

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

/* --- Packs ------------------------------------------------------------------------------------------------
 */

struct packing {
    engine_pack pack;
    engine_pack_entry entries[3];
    size_t count;
    bool default_enable, delete_rules, found;
    uint32_t limit;
    pl_str id, text;
    engine_pack *packs;
    engine_rule *rules;
};

static engine_pack_input input_of(struct packing *p) {
    return (engine_pack_input){.pack = &p->pack,
                               .entries = p->entries,
                               .entry_count = p->count,
                               .has_entries = p->count > 0,
                               .default_enable = p->default_enable};
}

static int create_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    engine_pack_input input = input_of(p);
    context.packs_limit = p->limit;
    return engine_pack_create(&context, session, &input, wrong);
}

static int update_pack_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    engine_pack_input input = input_of(p);
    return engine_pack_update(&context, session, &input, wrong);
}

static int delete_pack_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    return engine_pack_delete(&context, session, &own, p->id, p->delete_rules, wrong);
}

static int attach_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    return engine_pack_attach(&context, session, &p->pack, p->id, wrong);
}

static int detach_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    return engine_pack_detach(&context, session, &p->pack, p->id, wrong);
}

static int copy_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    context.packs_limit = p->limit;
    return engine_pack_copy(&context, session, &p->pack, &own, wrong);
}

static int remove_all_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    engine_context context = context_of_test();
    return engine_pack_remove_all(&context, session, &own, wrong);
}

static int rules_of_pack_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    return engine_pack_find(session, &arena, &own, p->pack.pack_id, &p->pack, &p->found, wrong) != 0
               ? -1
               : engine_pack_rules(session, &arena, &p->pack, &p->rules, &p->count, wrong);
}

static int template_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    return engine_pack_template(session, &arena, &p->pack, &p->text, wrong);
}

static int list_packs_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    return engine_pack_list(session, &arena, &own, &p->packs, &p->count, wrong);
}

static struct packing written(store_work work, struct packing p) {
    if (write_in_test(work, &p, sizeof p) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
    return p;
}

static struct packing packing_of(const char *name) {
    return (struct packing){.pack = {.account_id = owner,
                                     .aggregator_id = PL_STR(""),
                                     .name = pl_str_from(name),
                                     .template_id = PL_STR_NONE,
                                     .risk_level = 2},
                            .entries[0] = {.identifier = PL_STR(BANDWIDTH)},
                            .count = 1,
                            .limit = 10};
}

static size_t rules_in(const engine_pack *pack) {
    struct packing p = {.pack = *pack};
    if (read_in_test(rules_of_pack_work, &p, sizeof p) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return p.count;
}

#define PACK_REFUSED(wanted, ...)                                                                            \
    do {                                                                                                     \
        struct packing p = packing_of("pack");                                                               \
        __VA_ARGS__;                                                                                         \
        expect(store_write(db, create_work, &p, &error), wanted);                                            \
    } while (0)

static void packs_are_checked(void **state) {
    (void)state;
    PACK_REFUSED("Invalid.CompliancePackName.Empty", p.pack.name = PL_STR(" "));
    PACK_REFUSED("Invalid.CompliancePackName.Value", p.pack.name = PL_STR("\x01"));
    PACK_REFUSED("Invalid.Description.Value", p.pack.description = long_text(501));
    PACK_REFUSED("Invalid.RiskLevel.Value", p.pack.risk_level = 0);
    PACK_REFUSED("Invalid.RiskLevel.Value", p.pack.risk_level = 4);
    PACK_REFUSED("Invalid.ConfigRules.Empty", p.count = 0);
    PACK_REFUSED("Invalid.ConfigRules.Value", p.entries[0] = (engine_pack_entry){0});
    PACK_REFUSED("Invalid.ConfigRules.Value", p.entries[0].identifier = PL_STR("no-such"));
    PACK_REFUSED("Invalid.ConfigRules.Value", p.entries[0].rule_id = PL_STR("cr-none"));
    PACK_REFUSED("Invalid.ConfigRules.Value", p.entries[0].parameters = PL_STR("{"));
    PACK_REFUSED("Invalid.CompliancePackTemplateId.Value", p.pack.template_id = PL_STR("ct-none"));
    PACK_REFUSED("Invalid.TagKeyScope.Value", p.pack.scope.tag_keys = list_of("a"));
    written(create_work, packing_of("pack"));
    PACK_REFUSED("CompliancePackExists", (void)p);
    PACK_REFUSED("CompliancePackExceedMaxCount", p.pack.name = PL_STR("other"), p.limit = 1);
    struct packing free_of_limits = packing_of("free");
    free_of_limits.limit = 0;
    free_of_limits = written(create_work, free_of_limits);
    PACK_REFUSED("Invalid.ConfigRules.Empty", p.count = 0, p.pack.name = PL_STR("none enabled"),
                 p.pack.template_id = catalogue_template_at(known, 0, &error)->template_id);
    free_of_limits.pack.name = PL_STR(" ");
    expect(store_write(db, update_pack_work, &free_of_limits, &error), "Invalid.CompliancePackName.Empty");
}

/* What an entry says of a rule that the pack has already changes the rule where it says something else. */
static void entries_change_the_rules_they_mean(void **state) {
    (void)state;
    struct packing p = packing_of("pack");
    p.entries[0].parameters = PL_STR("{\"bandwidth\":\"10\"}");
    p = written(create_work, p);
    assert_int_equal(rules_in(&p.pack), 1);
    int64_t made = now;
    now += 1000;
    p = written(update_pack_work, p);
    struct packing seen = {.pack = p.pack};
    assert_int_equal(store_read(db, rules_of_pack_work, &seen, &error), 0);
    assert_int_equal(seen.rules[0].modified, made); /* it says the same */
    p.entries[0].description = PL_STR("another description");
    written(update_pack_work, p);
    assert_int_equal(store_read(db, rules_of_pack_work, &seen, &error), 0);
    assert_str(seen.rules[0].description, "another description");
    now += 1000;
    p.entries[0].parameters = PL_STR("{\"bandwidth\":\"20\"}");
    written(update_pack_work, p);
    assert_int_equal(store_read(db, rules_of_pack_work, &seen, &error), 0);
    assert_str(seen.rules[0].input_parameters, "{\"bandwidth\":\"20\"}");
    p.entries[0].risk_level = 3;
    written(update_pack_work, p);
    assert_int_equal(store_read(db, rules_of_pack_work, &seen, &error), 0);
    assert_int_equal(seen.rules[0].risk_level, 3);
    struct packing condition = written(create_work, packing_of("with a condition"));
    condition.id = make(sound())->rule_id;
    written(attach_work, condition);
    condition.entries[1] = (engine_pack_entry){.identifier = PL_STR("acs-config-configuration")};
    condition.count = 2;
    expect(store_write(db, update_pack_work, &condition, &error), "Invalid.ConfigRules.Value");
    p.entries[1] = p.entries[0]; /* a second of the kind is another rule */
    p.entries[2] = (engine_pack_entry){.identifier = PL_STR("ecs-instance-deletion-protection-enabled")};
    p.count = 3;
    written(update_pack_work, p);
    assert_int_equal(rules_in(&p.pack), 3);
}

static void a_rule_of_two_packs_stays_with_the_other(void **state) {
    (void)state;
    struct packing first = packing_of("first"), second = packing_of("second");
    first = written(create_work, first);
    struct packing seen = {.pack = first.pack};
    assert_int_equal(store_read(db, rules_of_pack_work, &seen, &error), 0);
    second.entries[0] = (engine_pack_entry){.rule_id = seen.rules[0].rule_id};
    second = written(create_work, second);
    first.id = first.pack.pack_id;
    first.delete_rules = true;
    written(delete_pack_work, first);
    assert_int_equal(rules_in(&second.pack), 1);
    second.id = seen.rules[0].rule_id;
    written(detach_work, second);
    assert_int_equal(rules_in(&second.pack), 0); /* and can be filled again */
    second.entries[0] = (engine_pack_entry){.identifier = PL_STR(BANDWIDTH)};
    written(update_pack_work, second);
    assert_int_equal(rules_in(&second.pack), 1);
    assert_int_equal(matching((engine_rule_filter){0}), 2);
}

/* --- Copies -----------------------------------------------------------------------------------------------
 */

static int crowd_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong,
                     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
                     "INSERT INTO packs (account_id, pack_id, aggregator_id, name, description, template_id, "
                     "template_content, risk_level, scope, status, created, modified, tags) SELECT "
                     "account_id, pack_id || '-' || i, aggregator_id, name || '-copy' || i, description, "
                     "template_id, template_content, risk_level, scope, status, created, modified, tags FROM "
                     "packs, n",
                     "");
}

#define ELEVEN                                                                                               \
    "\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6"               \
    "\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"

static void copies_have_names_of_their_own(void **state) {
    (void)state;
    struct packing p = packing_of(ELEVEN ELEVEN ELEVEN); /* 99 bytes */
    p = written(create_work, p);
    p.limit = 1;
    expect(store_write(db, copy_work, &p, &error), "CompliancePackExceedMaxCount");
    p.limit = 0;
    assert_int_equal(store_write(db, copy_work, &p, &error), 0);
    struct packing all = {0};
    assert_int_equal(store_read(db, list_packs_work, &all, &error), 0);
    assert_int_equal(all.count, 2);
    size_t copy = pl_str_eq(all.packs[0].pack_id, p.pack.pack_id);
    assert_true(pl_str_ends(all.packs[copy].name, PL_STR("-copy1")));
    assert_int_equal(all.packs[copy].name.n, 87 + 6); /* cut between characters */
}

static void copies_end_when_all_names_are_taken(void **state) {
    (void)state;
    struct packing p = written(create_work, packing_of("pack"));
    p.limit = 0;
    assert_int_equal(store_write(db, crowd_work, NULL, &error), 0);
    expect(store_write(db, copy_work, &p, &error), "ServiceUnavailable");
}

static void packs_make_keep_and_let_go(void **state) {
    (void)state;
    engine_rule *taken = make(sound());
    struct packing p = packing_of("pack");
    p.entries[0].description = PL_STR("as the pack says");
    p.entries[1] = (engine_pack_entry){.rule_id = taken->rule_id, .name = PL_STR("named by the pack")};
    p.entries[2] = p.entries[1]; /* twice the same */
    p.count = 3;
    p = written(create_work, p);
    assert_int_equal(rules_in(&p.pack), 2);
    assert_str(list(taken).current.name, "named by the pack");
    expect(act_on(taken->rule_id, ENGINE_DELETE), "ConfigRuleCanNotDelete");
    p.id = taken->rule_id;
    written(attach_work, p); /* it is there */
    assert_int_equal(rules_in(&p.pack), 2);
    written(detach_work, p);
    assert_int_equal(rules_in(&p.pack), 1);
    expect(store_write(db, detach_work, &p, &error), "ConfigRuleNotExists");
    p.pack.scope.region_ids = list_of("cn-beijing");
    p.count = 1;
    p.entries[0].risk_level = 3;
    p.entries[0].name = PL_STR("another name");
    p = written(update_pack_work, p);
    assert_int_equal(rules_in(&p.pack), 1);
    written(attach_work, p); /* the pack's scope narrows it from now on */
    written(detach_work, p);
    p.id = PL_STR("cr-none");
    expect(store_write(db, attach_work, &p, &error), "ConfigRuleNotExists");
    p.entries[0] = (engine_pack_entry){.rule_id = taken->rule_id};
    p = written(update_pack_work, p); /* the managed rule was the pack's own and goes */
    assert_int_equal(rules_in(&p.pack), 1);
    assert_int_equal(matching((engine_rule_filter){0}), 1);
    struct packing copied = written(copy_work, p);
    (void)copied;
    struct packing all = {0};
    assert_int_equal(read_in_test(list_packs_work, &all, sizeof all), 0);
    assert_int_equal(all.count, 2);
    p.id = PL_STR("cp-none");
    expect(store_write(db, delete_pack_work, &p, &error), "Invalid.CompliancePackId.Value");
    p.id = p.pack.pack_id;
    p.delete_rules = true;
    written(delete_pack_work, p);
    expect(store_write(db, update_pack_work, &p, &error), "Invalid.CompliancePackId.Value");
    written(remove_all_work, p);
    assert_int_equal(store_read(db, list_packs_work, &all, &error), 0);
    assert_int_equal(all.count, 0);
}

static int pend_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong, "UPDATE packs SET status = 'CREATING'", "");
}

static void a_pack_that_is_being_made_is_left_alone(void **state) {
    (void)state;
    struct packing p = written(create_work, packing_of("pack"));
    assert_int_equal(store_write(db, pend_work, NULL, &error), 0);
    expect(store_write(db, update_pack_work, &p, &error), "CompliancePackAlreadyPending");
}

static void a_template_of_the_catalogue_brings_its_rules(void **state) {
    (void)state;
    const catalogue_template *source = catalogue_template_at(known, 0, &error);
    assert_non_null(source);
    struct packing p = packing_of("whole");
    p.pack.template_id = source->template_id;
    p.default_enable = true;
    p.count = 0;
    struct packing whole = p;
    assert_int_equal(store_write(db, create_work, &whole, &error), 0);
    size_t made = rules_in(&whole.pack);
    assert_true(made > 0);
    p.pack.name = PL_STR("with one of its own");
    for (size_t i = 0; i < source->rule_count; i++)
        if (source->rules[i].default_enable)
            p.entries[0] = (engine_pack_entry){.identifier = source->rules[i].identifier};
    p.count = 1;
    assert_int_equal(store_write(db, create_work, &p, &error), 0);
    assert_int_equal(rules_in(&p.pack), made);
}

static int create_all_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    engine_pack_input input = input_of(p);
    context.rules_limit = context.packs_limit = 0;
    return engine_pack_create(&context, session, &input, wrong);
}

/* The parameters of the rule that have a value, each of which the made rule must show. */
static size_t assert_parameters(const catalogue_template *source, const engine_rule *made) {
    pl_json given, values = PL_JSON_NONE;
    size_t shown = 0;
    const catalogue_rule *rule = catalogue_find_rule(known, made->identifier, &error);
    for (size_t i = 0; i < source->rule_count; i++)
        if (pl_str_eq(source->rules[i].identifier, made->identifier) && source->rules[i].parameters.n)
            values = parsed(pl_arena_cstr(&arena, source->rules[i].parameters));
    given = parsed(pl_arena_cstr(&arena, made->input_parameters));
    for (size_t i = 0; i < rule->parameter_count; i++) {
        pl_str own_value = pl_json_str(pl_json_get(values, rule->parameters[i].name));
        pl_str wanted = own_value.p ? own_value : rule->parameters[i].default_value;
        if (wanted.n == 0)
            continue;
        assert_true(pl_str_eq(pl_json_str(pl_json_get(given, rule->parameters[i].name)), wanted));
        shown++;
    }
    assert_int_equal(pl_json_count(given), shown);
    return shown;
}

/* The parameters of the catalogue's rules: the template's own values, else the defaults of the rule. */
static void rules_of_a_template_show_their_parameters(void **state) {
    (void)state;
    const catalogue_template *source;
    size_t shown = 0, own_values = 0;
    for (size_t at = 0; (source = catalogue_template_at(known, at, &error)); at++) {
        struct packing p = packing_of("whole");
        p.pack.template_id = source->template_id;
        p.pack.name = pl_arena_printf(&arena, "pack %zu", at);
        p.default_enable = true;
        p.count = p.limit = 0;
        bool has_own = false;
        for (size_t i = 0; i < source->rule_count; i++)
            has_own = has_own || source->rules[i].parameters.n > 0;
        if (!has_own && shown > 1)
            continue;
        own_values += has_own;
        assert_int_equal(store_write(db, create_all_work, &p, &error), 0);
        assert_int_equal(store_read(db, rules_of_pack_work, &p, &error), 0);
        for (size_t i = 0; i < p.count; i++)
            shown += assert_parameters(source, &p.rules[i]);
    }
    assert_true(shown > 1 && own_values > 0);
}

/* --- Templates --------------------------------------------------------------------------------------------
 */

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_alone, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(rules_are_checked),
        TEST(hours_and_functions_are_checked),
        TEST(names_and_quotas_hold),
        TEST(what_decides_starts_an_evaluation),
        TEST(a_rule_that_is_off_waits_for_its_activation),
        TEST(without_randomness_nothing_gets_a_name),
        TEST(lists_of_rules_are_filtered),
        TEST(rules_are_found_by_their_tags),
        TEST(packs_are_checked),
        TEST(packs_make_keep_and_let_go),
        TEST(entries_change_the_rules_they_mean),
        TEST(a_rule_of_two_packs_stays_with_the_other),
        TEST(copies_have_names_of_their_own),
        TEST(copies_end_when_all_names_are_taken),
        TEST(a_pack_that_is_being_made_is_left_alone),
        TEST(a_template_of_the_catalogue_brings_its_rules),
        TEST(rules_of_a_template_show_their_parameters),
        TEST(templates_are_checked),
        TEST(a_template_may_say_null),
        TEST(a_template_makes_a_pack_and_a_pack_a_template),
        TEST(unknown_words_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
