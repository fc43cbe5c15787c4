/* Verdicts that depend on other resources, and rules of account groups over the members' resources. */
#include "support/testing.h"

#include "engine/group.h"

static int setup_groups(void **state) {
    found_group(2);
    return setup(state);
}

static int setup_alone(void **state) {
    group_answers = (engine_groups){0};
    return setup(state);
}

#define OPEN_GROUP                                                                                           \
    CONDITION("{\"operator\":\"NotContains\",\"featurePath\":\"$[*].Open\",\"featureSource\":"               \
              "\"RELATED:ACS::ECS::SecurityGroup\",\"desired\":\"yes\"}")

#define GUARDED(id, group)                                                                                   \
    "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"" id "\",\"regionId\":\"r\","                 \
    "\"configuration\":{\"SecurityGroupIds\":{\"SecurityGroupId\":[\"" group "\"]}}}"

#define GROUP(id, open)                                                                                      \
    "{\"resourceType\":\"ACS::ECS::SecurityGroup\",\"resourceId\":\"" id "\",\"regionId\":\"r\","            \
    "\"configuration\":{\"Open\":\"" open "\"}}"

static void a_change_of_a_related_resource_is_judged_where_it_matters(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("guarded", OPEN_GROUP));
    put("[" GUARDED("i-1", "sg-1") "," GUARDED("i-2", "sg-2") "," GROUP("sg-1", "no") "," GROUP("sg-2",
                                                                                                "no") "]");
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 0);
    now++;
    put("[" GROUP("sg-2", "yes") "]");
    struct listing l = list(rule);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], 1);
    for (size_t i = 0; i < l.count; i++)
        assert_int_equal(l.results[i].compliance, pl_str_is(l.results[i].resource.resource_id, "i-2")
                                                      ? ENGINE_NON_COMPLIANT
                                                      : ENGINE_COMPLIANT);
    now++;
    put("[{\"resourceType\":\"ACS::ECS::SecurityGroup\",\"resourceId\":\"sg-2\",\"regionId\":\"r\","
        "\"resourceEventType\":\"REMOVE\"}]");
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 0);
}

static void related_resources_may_come_in_any_order(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("guarded", OPEN_GROUP));
    put("[" GUARDED("i-1", "sg-1") "]");
    put("[" GROUP("sg-1", "yes") "]");
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 1);
}

/* --- Groups
 * ------------------------------------------------------------------------------------------------- */

static int leave_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return engine_account_changed(e, session, member, now, wrong);
}

static void a_group_rule_covers_the_members(void **state) {
    (void)state;
    engine_rule grouped = rule_named("grouped", RUNNING);
    grouped.aggregator_id = PL_STR("ca-1");
    put("[" INSTANCE("i-1", "Stopped") "]");
    engine_rule *rule = make(grouped);
    put_as(member, "[" INSTANCE("i-2", "Stopped") "," INSTANCE("i-3", "Running") "]");
    pl_str both[] = {owner, member};
    struct listing l = list_over(rule, both, 2);
    assert_int_equal(l.counts.total, 3);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], 2);
    assert_int_equal(l.count, 3);
    assert_int_equal(list_over(rule, &member, 1).counts.total, 2);
    group_size = 1;
    assert_int_equal(store_write(db, leave_work, NULL, &error), 0);
    assert_int_equal(list_over(rule, &member, 1).counts.by[ENGINE_NON_COMPLIANT], 0);
    group_size = 2;
    assert_int_equal(store_write(db, leave_work, NULL, &error), 0);
    assert_int_equal(list_over(rule, &member, 1).counts.by[ENGINE_NON_COMPLIANT], 1);
}

static void a_group_rule_may_leave_accounts_out(void **state) {
    (void)state;
    engine_rule grouped = rule_named("grouped", RUNNING);
    grouped.aggregator_id = PL_STR("ca-1");
    assert_int_equal(engine_list_parse(&arena, member, &grouped.scope.exclude_account_ids, &error), 0);
    engine_rule *rule = make(grouped);
    put_as(member, "[" INSTANCE("i-2", "Stopped") "]");
    put("[" INSTANCE("i-1", "Stopped") "]");
    pl_str both[] = {owner, member};
    assert_int_equal(list_over(rule, both, 2).counts.total, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_change_of_a_related_resource_is_judged_where_it_matters,
                                        setup_alone, teardown),
        cmocka_unit_test_setup_teardown(related_resources_may_come_in_any_order, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(a_group_rule_covers_the_members, setup_groups, teardown),
        cmocka_unit_test_setup_teardown(a_group_rule_may_leave_accounts_out, setup_groups, teardown),
    };
    return run_on_both(tests);
}
