/* What a disabled rule covers moves: what comes to it is not taken for COMPLIANT, and counts follow. */
#include "support/testing.h"

#include "engine/run.h"

#include "engine/group.h"

#include "engine/pack_records.h"

static int setup_of_one(void **state) {
    workers = 0;
    found_group(1);
    return setup(state);
}

#define PLACED(id, region, status)                                                                           \
    "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"" id "\",\"regionId\":\"" region              \
    "\",\"configuration\":{\"Status\":\"" status "\"}}"
#define FOUR                                                                                                 \
    "[" PLACED("e-1", "east", "Running") "," PLACED("e-2", "east", "Stopped") "," PLACED(                    \
        "w-1", "west", "Running") "," PLACED("w-2", "west", "Stopped") "]"

static engine_rule *rule_in(const char *names) {
    engine_rule rule = rule_named("placed", RUNNING);
    rule.scope.region_ids = list_of(names);
    return make(rule);
}

struct placing {
    pl_str rule_id;
    engine_list regions;
};

static int place_work(store_session *session, void *argument, pl_error *wrong) {
    const struct placing *p = argument;
    engine_context context = context_of_test();
    engine_rule rule;
    bool found;
    if (engine_rule_find(session, &arena, &own, p->rule_id, &rule, &found, wrong) != 0)
        return -1;
    rule.scope.region_ids = p->regions;
    return engine_rule_update(&context, session, &rule, wrong);
}

static void place(const engine_rule *rule, const char *names) {
    struct placing p = {rule->rule_id, list_of(names)};
    now += 1000;
    if (write_in_test(place_work, &p, sizeof p) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
}

static void totals_are(const engine_rule *rule, int64_t good, int64_t bad, int64_t unknown) {
    pl_str both[] = {owner, member};
    struct listing l = list_over(rule, both, rule->aggregator_id.n ? group_size : 1);
    assert_int_equal(l.count, good + bad + unknown);
    assert_int_equal(l.counts.total, good + bad + unknown);
    assert_int_equal(l.counts.by[ENGINE_COMPLIANT], good);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], bad);
    assert_int_equal(l.counts.by[ENGINE_INSUFFICIENT_DATA], unknown);
    for (size_t i = 0; i < l.count; i++)
        unknown -= l.results[i].compliance == ENGINE_INSUFFICIENT_DATA;
    assert_int_equal(unknown, 0);
}

static void a_scope_moves_while_the_rule_is_disabled(void **state) {
    (void)state;
    put(FOUR);
    engine_rule *rule = rule_in("east");
    totals_are(rule, 1, 1, 0);
    act(rule, ENGINE_DEACTIVATE);
    place(rule, "east,west");
    totals_are(rule, 1, 1, 2);
    place(rule, "west");
    totals_are(rule, 0, 0, 2);
    place(rule, "");
    totals_are(rule, 0, 0, 4);
    place(rule, "east");
    totals_are(rule, 0, 0, 2);
    put("[" PLACED("e-3", "east", "Running") "]");
    totals_are(rule, 0, 0, 3);
    act(rule, ENGINE_ACTIVATE);
    totals_are(rule, 2, 1, 0);
}

static void a_pack_moves_over_a_disabled_rule(void **state) {
    (void)state;
    put(FOUR);
    engine_rule *rule = rule_in("");
    act(rule, ENGINE_DEACTIVATE);
    struct packing p = packing_of("east");
    p.entries[0] = (engine_pack_entry){.rule_id = rule->rule_id};
    p.pack.scope.region_ids = list_of("east");
    p = written(create_work, p);
    totals_are(rule, 1, 1, 0);
    p.pack.scope.region_ids = list_of("east,west");
    p.count = 0;
    p = written(update_pack_work, p);
    totals_are(rule, 1, 1, 2);
    p.pack.scope.region_ids = list_of("west");
    p = written(update_pack_work, p);
    totals_are(rule, 0, 0, 2);
    p.id = p.pack.pack_id;
    written(delete_pack_work, p);
    totals_are(rule, 0, 0, 4);
    act(rule, ENGINE_ACTIVATE);
    totals_are(rule, 2, 2, 0);
}

/* The scope moves and the rule leaves the pack at once. */
static void a_disabled_rule_leaves_a_pack_that_moves(void **state) {
    (void)state;
    put(FOUR);
    engine_rule *rule = rule_in("");
    struct packing p = packing_of("east");
    p.entries[0] = (engine_pack_entry){.rule_id = rule->rule_id};
    p.pack.scope.region_ids = list_of("east");
    p = written(create_work, p);
    act(rule, ENGINE_DEACTIVATE);
    p.pack.scope.region_ids = list_of("west");
    p.entries[0] = (engine_pack_entry){.identifier = PL_STR(BANDWIDTH)};
    p.count = 1;
    written(update_pack_work, p);
    totals_are(rule, 0, 0, 4);
}

static int join_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return engine_account_changed(e, session, member, now, wrong);
}

static void size_group(size_t size) {
    group_size = size;
    now += 1000;
    if (write_in_test(join_work, &now, sizeof now) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
}

struct switching {
    pl_str rule_id;
    engine_rule_action action;
};

static int switch_work(store_session *session, void *argument, pl_error *wrong) {
    const struct switching *s = argument;
    engine_context context = context_of_test();
    engine_group group = {owner, PL_STR("ca-1")};
    return engine_rule_act(&context, session, &group, s->rule_id, s->action, wrong);
}

static void switch_rule(const engine_rule *rule, engine_rule_action action) {
    struct switching s = {rule->rule_id, action};
    if (write_in_test(switch_work, &s, sizeof s) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
}

static void an_account_joins_the_group_of_a_disabled_rule(void **state) {
    (void)state;
    put(FOUR);
    put_as(member, FOUR);
    engine_rule record = rule_named("everywhere", RUNNING);
    record.aggregator_id = PL_STR("ca-1");
    engine_rule *rule = make(record);
    totals_are(rule, 2, 2, 0);
    switch_rule(rule, ENGINE_DEACTIVATE);
    size_group(2);
    totals_are(rule, 2, 2, 4);
    size_group(1);
    totals_are(rule, 2, 2, 0);
    size_group(2);
    switch_rule(rule, ENGINE_ACTIVATE);
    totals_are(rule, 4, 4, 0);
}

/* A run that was abandoned has not come by what the rule covers since it was changed. */
static void a_run_is_abandoned(void **state) {
    (void)state;
    put(FOUR);
    engine_rule *rule = rule_in("east");
    run_inside = 1;
    engine_close(e);
    assert_int_equal(open_engine(), 0);
    place(rule, "east,west");
    assert_true(list(rule).evaluating);
    act(rule, ENGINE_DEACTIVATE);
    run_inside = 0;
    struct listing l = list(rule);
    assert_false(l.evaluating);
    for (size_t i = 0; i < l.count; i++)
        assert_int_not_equal(l.results[i].compliance, ENGINE_COMPLIANT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_scope_moves_while_the_rule_is_disabled, setup_of_one, teardown),
        cmocka_unit_test_setup_teardown(a_pack_moves_over_a_disabled_rule, setup_of_one, teardown),
        cmocka_unit_test_setup_teardown(a_disabled_rule_leaves_a_pack_that_moves, setup_of_one, teardown),
        cmocka_unit_test_setup_teardown(an_account_joins_the_group_of_a_disabled_rule, setup_of_one,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_run_is_abandoned, setup_of_one, teardown),
    };
    return run_on_both(tests);
}
