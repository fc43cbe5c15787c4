/* Packs as records: what is refused with which code, what they make, keep and let go, and their copies. */
#include "engine/pack_records.h"

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

/* An entry with an identifier does not take the rule that a later entry names. */
static void an_entry_takes_the_rule_it_names_first(void **state) {
    (void)state;
    struct packing p = written(create_work, packing_of("pack")), seen = {.pack = p.pack};
    assert_int_equal(store_read(db, rules_of_pack_work, &seen, &error), 0);
    p.entries[1] =
        (engine_pack_entry){.rule_id = seen.rules[0].rule_id, .description = PL_STR("the named one")};
    p.entries[0].description = PL_STR("another one");
    p.count = 2;
    written(update_pack_work, p);
    pl_str first = seen.rules[0].rule_id;
    assert_int_equal(store_read(db, rules_of_pack_work, &seen, &error), 0);
    assert_int_equal(seen.count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_str(seen.rules[i].description,
                   pl_str_eq(seen.rules[i].rule_id, first) ? "the named one" : "another one");
    assert_false(pl_str_eq(seen.rules[0].rule_id, seen.rules[1].rule_id));
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

int main(void) {
    const struct CMUnitTest tests[] = {
        RECORDS_TEST(packs_are_checked),
        RECORDS_TEST(packs_make_keep_and_let_go),
        RECORDS_TEST(entries_change_the_rules_they_mean),
        RECORDS_TEST(an_entry_takes_the_rule_it_names_first),
        RECORDS_TEST(a_rule_of_two_packs_stays_with_the_other),
        RECORDS_TEST(copies_have_names_of_their_own),
        RECORDS_TEST(copies_end_when_all_names_are_taken),
        RECORDS_TEST(a_pack_that_is_being_made_is_left_alone),
        RECORDS_TEST(a_template_of_the_catalogue_brings_its_rules),
        RECORDS_TEST(rules_of_a_template_show_their_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
