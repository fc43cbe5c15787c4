/* The recorder and the rules: what is recorded no more has no results, what is recorded again has them again.
 */
#include "support/testing.h"

#include "engine/histories.h"

static int setup_by_hand(void **state) {
    return setup_history(state, 0, 23);
}

static int record_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_recorder_put(e, session, owner, argument, now, wrong);
}

/* Records the types of the list, or all with none. */
static void record_types(const char *types) {
    engine_list list = {0};
    if (types && engine_list_parse(&arena, pl_str_from(types), &list, &error) != 0)
        fail_msg("%s", error.message);
    inventory_recorder recorder = {PL_STR("REGISTERED"), types == NULL, list.items, list.count};
    now += 1000;
    if (store_write(db, record_work, &recorder, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
}

#define INSTANCES "ACS::ECS::Instance"
#define BOTH "ACS::ECS::Disk,ACS::ECS::Instance"

static int count_work(store_session *session, void *argument, pl_error *wrong) {
    return inventory_count_type(session, owner, PL_STR(INSTANCES), argument, wrong);
}

static int64_t live_instances(void) {
    int64_t count = 0;
    assert_int_equal(store_read(db, count_work, &count, &error), 0);
    return count;
}

static engine_rule *both_types(const char *name) {
    engine_rule rule = rule_named(name, RUNNING);
    assert_int_equal(engine_list_parse(&arena, PL_STR(BOTH), &rule.scope.resource_types, &error), 0);
    return make(rule);
}

#define DISK(id, status)                                                                                     \
    "{\"resourceType\":\"ACS::ECS::Disk\",\"resourceId\":\"" id "\",\"regionId\":\"cn-beijing\","            \
    "\"configuration\":{\"Status\":\"" status "\"}}"
#define FOUR                                                                                                 \
    "[" INSTANCE("i-1", "Running") "," INSTANCE("i-2", "Stopped") "," DISK("d-1", "Running") "," DISK(       \
        "d-2", "Stopped") "]"

static void totals_are(const engine_rule *rule, int64_t total, int64_t bad, int64_t unknown) {
    struct listing l = list(rule);
    assert_int_equal(l.count, total);
    assert_int_equal(l.counts.total, total);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], bad);
    assert_int_equal(l.counts.by[ENGINE_INSUFFICIENT_DATA], unknown);
    assert_int_equal(l.counts.by[ENGINE_COMPLIANT], total - bad - unknown);
}

static void a_type_that_is_not_recorded_has_no_results(void **state) {
    (void)state;
    engine_rule *rule = both_types("both");
    put(FOUR);
    totals_are(rule, 4, 2, 0);
    record_types(INSTANCES);
    totals_are(rule, 2, 1, 0);
    engine_ingested out = put("[" DISK("d-1", "Stopped") "," DISK("d-3", "Stopped") "]");
    assert_int_equal(out.unchanged, 2);
    start_rules(&rule, 1);
    drain();
    totals_are(rule, 2, 1, 0);
}

static void a_type_that_is_recorded_again_is_evaluated_again(void **state) {
    (void)state;
    engine_rule *rule = both_types("both");
    put(FOUR);
    record_types(INSTANCES);
    record_types(BOTH);
    totals_are(rule, 4, 2, 0);
    put("[" DISK("d-1", "Stopped") "]");
    totals_are(rule, 4, 3, 0);
    record_types("ACS::VPC::VPC");
    totals_are(rule, 0, 0, 0);
    record_types(NULL);
    totals_are(rule, 4, 3, 0);
}

static void a_disabled_rule_does_not_take_what_comes_back_for_compliant(void **state) {
    (void)state;
    engine_rule *rule = both_types("both");
    put(FOUR);
    act(rule, ENGINE_DEACTIVATE);
    record_types(INSTANCES);
    totals_are(rule, 2, 1, 0);
    record_types(BOTH);
    totals_are(rule, 4, 1, 2);
    act(rule, ENGINE_ACTIVATE);
    drain();
    totals_are(rule, 4, 2, 0);
}

static void counts_stay_exact_for_every_kind_of_rule(void **state) {
    (void)state;
    engine_rule *rules[RULES];
    put_random(RESOURCES, true);
    for (unsigned i = 0; i < RULES; i++)
        rules[i] = make_rule(i);
    drain();
    record_types(INSTANCES);
    assert_int_equal(list(rules[0]).counts.total, live_instances());
    counts_are_exact(rules, RULES);
    put_random(200, false);
    counts_are_exact(rules, RULES);
    record_types(NULL);
    drain();
    assert_true(list(rules[0]).counts.total > live_instances());
    counts_are_exact(rules, RULES);
}

static void a_run_under_way_counts_what_is_recorded_now(void **state) {
    (void)state;
    engine_rule *rules[RULES];
    put_random(RESOURCES, true);
    for (unsigned i = 0; i < RULES; i++)
        rules[i] = make_rule(i);
    drain();
    for (unsigned batches = 1; batches <= 2; batches++) {
        bool worked = true;
        record_types(batches % 2 ? NULL : INSTANCES);
        start_rules(rules, RULES);
        for (unsigned i = 0; i < batches && worked; i++)
            assert_int_equal(engine_work(e, &worked, &error), 0);
        record_types(batches % 2 ? INSTANCES : "ACS::ECS::Disk");
        drain();
        counts_are_exact(rules, RULES);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_type_that_is_not_recorded_has_no_results, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_type_that_is_recorded_again_is_evaluated_again, setup_by_hand,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_disabled_rule_does_not_take_what_comes_back_for_compliant,
                                        setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(counts_stay_exact_for_every_kind_of_rule, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_run_under_way_counts_what_is_recorded_now, setup_by_hand, teardown),
    };
    return run_on_both(tests);
}
