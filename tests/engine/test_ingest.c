/* The way of a configuration item: recorded, evaluated, and its verdict visible when the call returns. */
#include "support/testing.h"

#include "engine/world.h"

static void a_verdict_is_visible_when_the_call_returns(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    engine_ingested out = put("[" INSTANCE("i-1", "Running") "," INSTANCE("i-2", "Stopped") "]");
    assert_int_equal(out.accepted, 2);
    assert_int_equal(out.changed, 2);
    struct listing l = list(rule);
    assert_int_equal(l.count, 2);
    assert_str(l.results[0].resource.resource_id, "i-1");
    assert_int_equal(l.results[0].compliance, ENGINE_COMPLIANT);
    assert_int_equal(l.results[1].compliance, ENGINE_NON_COMPLIANT);
    assert_str(l.results[1].annotation,
               "{\"configuration\":\"Stopped\",\"desiredValue\":\"Running\",\"operator\":"
               "\"StringEquals\",\"property\":\"$.Status\"}");
    assert_int_equal(l.results[1].last_non_compliant, now);
    assert_str(l.results[1].trigger, "ConfigurationItemChangeNotification");
    assert_int_equal(l.counts.total, 2);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], 1);
    assert_int_equal(l.counts.by[ENGINE_COMPLIANT], 1);
}

static void a_new_rule_judges_what_is_recorded(void **state) {
    (void)state;
    put("[" INSTANCE("i-1", "Running") "," INSTANCE("i-2", "Stopped") "]");
    now += 5000;
    struct listing l = list(make(rule_named("running", RUNNING)));
    assert_int_equal(l.count, 2);
    assert_int_equal(l.results[1].compliance, ENGINE_NON_COMPLIANT);
    assert_str(l.results[1].trigger, "Manual");
    assert_int_equal(l.results[0].ordering, now);
    assert_false(l.evaluating);
}

static void a_fixed_resource_remembers_when(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    put("[" INSTANCE("i-1", "Stopped") "]");
    int64_t fell = now;
    now += 1000;
    put("[" INSTANCE("i-1", "Running") "]");
    struct listing l = list(rule);
    assert_int_equal(l.results[0].compliance, ENGINE_COMPLIANT);
    assert_int_equal(l.results[0].last_non_compliant, fell);
    assert_int_equal(l.results[0].last_fixed, now);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], 0);
    assert_int_equal(l.counts.by[ENGINE_COMPLIANT], 1);
}

static void a_removed_resource_has_no_result(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    put("[" INSTANCE("i-1", "Stopped") "]");
    now++;
    engine_ingested out = put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\",\"regionId\":"
                              "\"cn-beijing\",\"resourceEventType\":\"REMOVE\"}]");
    assert_int_equal(out.removed, 1);
    struct listing l = list(rule);
    assert_int_equal(l.count, 0);
    assert_int_equal(l.counts.total, 0);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], 0);
}

static void a_resource_without_configuration_is_not_compliant(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\"}]");
    struct listing l = list(rule);
    assert_int_equal(l.results[0].compliance, ENGINE_INSUFFICIENT_DATA);
}

static void tags_lead_into_and_out_of_a_scope(void **state) {
    (void)state;
    static engine_tag tag = {PL_STR_INIT("env"), PL_STR_INIT("prod")};
    engine_rule narrow = rule_named("running", RUNNING);
    narrow.scope.tags = (engine_tags){&tag, 1};
    engine_rule *rule = make(narrow);
#define TAGGED(value)                                                                                        \
    "[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\",\"tags\":{\"env\":\"" value "\"},"     \
    "\"configuration\":{\"Status\":\"Stopped\"}}]"
    put(TAGGED("test"));
    assert_int_equal(list(rule).counts.total, 0);
    put(TAGGED("prod"));
    struct listing inside = list(rule);
    assert_int_equal(inside.counts.total, 1);
    assert_int_equal(inside.counts.by[ENGINE_NON_COMPLIANT], 1);
    put(TAGGED("test"));
    struct listing outside = list(rule);
    assert_int_equal(outside.counts.total, 0);
    assert_int_equal(outside.count, 0);
}

static void a_bad_item_stores_nothing(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    engine_ingested out;
    inventory_defaults defaults = {.account_id = owner};
    assert_int_equal(
        engine_ingest(e, &defaults, parsed("[" INSTANCE("i-1", "Stopped") ",{}]"), now, &out, &error), -1);
    assert_int_equal(list(rule).counts.total, 0);
}

static void a_large_run_is_done_in_batches(void **state) {
    (void)state;
    put_many(1234);
    engine_rule *rule = make(rule_named("running", RUNNING));
    struct listing before = list(rule);
    assert_true(before.evaluating);
    assert_int_equal(before.counts.by[ENGINE_COMPLIANT], 0);
    bool worked = true;
    if (engine_work(e, &worked, &error) != 0)
        fail_msg("%s", error.message);
    /* A change meanwhile, behind and before the run's position. */
    now += 10;
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-00001\",\"regionId\":\"r\","
        "\"configuration\":{\"Status\":\"Stopped\"}},"
        "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-01201\",\"regionId\":\"r\","
        "\"configuration\":{\"Status\":\"Stopped\"}},"
        "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"new\",\"regionId\":\"r\","
        "\"configuration\":{\"Status\":\"Stopped\"}}]");
    while (worked)
        if (engine_work(e, &worked, &error) != 0)
            fail_msg("%s", error.message);
    struct listing after = list(rule);
    assert_false(after.evaluating);
    assert_int_equal(after.counts.total, 1235);
    assert_int_equal(after.counts.by[ENGINE_NON_COMPLIANT], 124 + 3);
    assert_int_equal(after.current.run_ordering, 1700000000000);
}

static void pages_follow_each_other_without_gap(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    put_many(25);
    struct listing l = {.rule = rule, .accounts = &owner, .account_count = 1, .limit = 10};
    size_t seen = 0;
    do {
        l.after = l.next;
        assert_int_equal(store_read(db, list_work, &l, &error), 0);
        for (size_t i = 0; i < l.count; i++, seen++) {
            char id[16];
            snprintf(id, sizeof id, "i-%05zu", seen);
            assert_str(l.results[i].resource.resource_id, id);
        }
    } while (l.next.p);
    assert_int_equal(seen, 25);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_verdict_is_visible_when_the_call_returns, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_rule_judges_what_is_recorded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fixed_resource_remembers_when, setup, teardown),
        cmocka_unit_test_setup_teardown(a_removed_resource_has_no_result, setup, teardown),
        cmocka_unit_test_setup_teardown(a_resource_without_configuration_is_not_compliant, setup, teardown),
        cmocka_unit_test_setup_teardown(tags_lead_into_and_out_of_a_scope, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_item_stores_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_run_is_done_in_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(pages_follow_each_other_without_gap, setup, teardown),
    };
    return run_on_both(tests);
}
