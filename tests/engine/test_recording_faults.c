/*
 * The recorder of a small account changes while everything beneath fails at every single place: the change,
 * the results and the counts are one transaction.
 */
#define PL_TESTS_WITH_FAULTS
#include "support/testing.h"

#include "engine/run.h"

#include "engine/world.h"

enum { EVERYWHERE = 1 << 30, SELDOM = 1 };

static int setup_small(void **state) {
    workers = 0;
    thinning = SELDOM;
    return setup(state);
}

static int record_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_recorder_put(e, session, owner, argument, now, wrong);
}

static void record_types(const char *types) {
    engine_list listed = {0};
    if (types && engine_list_parse(&arena, pl_str_from(types), &listed, &error) != 0)
        fail_msg("%s", error.message);
    inventory_recorder recorder = {PL_STR("REGISTERED"), types == NULL, listed.items, listed.count};
    now += 1000;
    thinning = EVERYWHERE;
    if (write_in_test(record_work, &recorder, sizeof recorder) != 0)
        fail_msg("%s: %s", error.code, error.message);
    thinning = SELDOM;
    engine_after_commit(e);
}

#define TYPED(type, id, status, team)                                                                        \
    "{\"resourceType\":\"ACS::ECS::" type "\",\"resourceId\":\"" id "\",\"regionId\":\"r\",\"tags\":"        \
    "{\"team\":[\"" team "\"]},\"configuration\":{\"Status\":\"" status "\"}}"

static engine_rule over(const char *name, const char *types, bool narrow) {
    engine_rule rule = rule_named(name, RUNNING);
    assert_int_equal(engine_list_parse(&arena, pl_str_from(types), &rule.scope.resource_types, &error), 0);
    if (narrow) {
        rule.scope.tags = (engine_tags){pl_new(&arena, engine_tag, 1), 1};
        rule.scope.tags.items[0] = (engine_tag){PL_STR("team"), PL_STR("a")};
    }
    return rule;
}

#define INSTANCES "ACS::ECS::Instance"
#define DISKS "ACS::ECS::Disk"

static void totals_are(const engine_rule *rule, int64_t total, int64_t bad, int64_t unknown) {
    struct listing l = list(rule);
    assert_int_equal(l.count, total);
    assert_int_equal(l.counts.total, total);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], bad);
    assert_int_equal(l.counts.by[ENGINE_INSUFFICIENT_DATA], unknown);
}

static void a_recorder_changes_with_its_results_or_not_at_all(void **state) {
    (void)state;
    put("[" TYPED("Instance", "i-1", "Stopped", "a") "," TYPED("Instance", "i-2", "Stopped", "b") "," TYPED(
        "Disk", "d-1", "Stopped", "a") "," TYPED("Disk", "d-2", "Stopped", "b") "]");
    engine_rule *whole = make(over("whole", INSTANCES "," DISKS, false)),
                *narrow = make(over("narrow", INSTANCES "," DISKS, true)),
                *disabled = make(over("disabled", INSTANCES "," DISKS, true)),
                *disks = make(over("disks", DISKS, false)),
                *instances = make(over("instances", INSTANCES, false));
    engine_rule function = over("function", DISKS, false);
    function.owner = ENGINE_FUNCTION;
    function.conditions = PL_STR("");
    function.identifier = PL_STR("acs:fc:cn-shanghai:100000000000001:functions/check");
    engine_rule *reported = make(function);
    act(disabled, ENGINE_DEACTIVATE);
    record_types(INSTANCES);
    totals_are(whole, 2, 2, 0);
    totals_are(narrow, 1, 1, 0);
    totals_are(disabled, 1, 1, 0);
    totals_are(disks, 0, 0, 0);
    totals_are(instances, 2, 2, 0);
    totals_are(reported, 0, 0, 0);
    record_types(NULL);
    totals_are(whole, 4, 4, 0);
    totals_are(narrow, 2, 2, 0);
    totals_are(disabled, 2, 1, 1);
    totals_are(disks, 2, 2, 0);
    totals_are(instances, 2, 2, 0);
    totals_are(reported, 2, 0, 2);
    act(disks, ENGINE_DEACTIVATE);
    record_types("ACS::VPC::VPC");
    totals_are(whole, 0, 0, 0);
    record_types(NULL);
    totals_are(whole, 4, 4, 0);
    totals_are(disks, 2, 0, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_recorder_changes_with_its_results_or_not_at_all, setup_small,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
