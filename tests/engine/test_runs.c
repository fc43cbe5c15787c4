/* Full runs: what they read, what they leave behind, and that their results are those of a recount. */
#include "support/testing.h"

#include "engine/histories.h"

static int setup_by_hand(void **state) {
    return setup_history(state, 0, 11);
}

/* --- Pages ------------------------------------------------------------------------------------------------
 */

struct kept_count {
    int64_t pages, records, marks;
};

static int count_kept(store_session *session, void *argument, pl_error *wrong) {
    struct kept_count *k = argument;
    store_statement *st = store_prepare(session,
                                        "SELECT COUNT(*), CAST(COALESCE(SUM(records), 0) AS BIGINT), (SELECT "
                                        "COUNT(*) FROM kept_marks) FROM kept_pages",
                                        wrong);
    if (store_step(st, wrong) != 1)
        return -1;
    *k = (struct kept_count){store_column_i64(st, 0), store_column_i64(st, 1), store_column_i64(st, 2)};
    store_reset(st);
    return 0;
}

static struct kept_count kept(void) {
    struct kept_count k;
    if (store_read(db, count_kept, &k, &error) != 0)
        fail_msg("%s", error.message);
    return k;
}

static void pages_are_made_once_and_marked_by_changes(void **state) {
    (void)state;
    put_many(2100);
    engine_rule *rule = make(rule_named("running", RUNNING));
    drain();
    assert_int_equal(kept().records, 2100);
    assert_int_equal(kept().marks, 0);
    now += 10;
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-00001\",\"regionId\":\"r\","
        "\"configuration\":{\"Status\":\"Stopped\"}},"
        "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"new\",\"regionId\":\"r\","
        "\"configuration\":{\"Status\":\"Stopped\"}}]");
    assert_int_equal(kept().marks, 1);
    start_rules(&rule, 1);
    drain();
    struct listing l = list(rule);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], 212);
    assert_int_equal(l.counts.total, 2101);
}

/* Values as the page has them decide, so the test notices that they are used: nothing else can read 'gone'.
 */
static int spoil_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong, "UPDATE resources SET configuration = '{\"Status\":\"gone\"}'", "");
}

static void a_run_reads_pages_and_not_configurations(void **state) {
    (void)state;
    put_many(1100);
    engine_rule *rule = make(rule_named("running", RUNNING));
    drain();
    assert_int_equal(store_write(db, spoil_work, NULL, &error), 0);
    start_rules(&rule, 1);
    drain();
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 110);
}

static int damage_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(
        session, wrong,
        store_is_postgres(session)
            ? "UPDATE kept_pages SET body = overlay(body PLACING '\\x5a'::bytea FROM 60)"
            : "UPDATE kept_pages SET body = CAST(substr(body, 1, 59) || x'5a' || substr(body, 61) "
              "AS BLOB)",
        "");
}

static void a_damaged_page_is_not_believed(void **state) {
    (void)state;
    put_many(1100);
    engine_rule *rule = make(rule_named("running", RUNNING));
    drain();
    assert_int_equal(store_write(db, damage_work, NULL, &error), 0);
    start_rules(&rule, 1);
    drain();
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 110);
    assert_int_equal(kept().records, 1100);
}

static void a_rule_with_another_path_has_the_pages_made_anew(void **state) {
    (void)state;
    put_random(RESOURCES, true);
    engine_rule *rules[2];
    rules[0] = make_rule(0);
    drain();
    rules[1] = make_rule(1);
    drain();
    counts_are_exact(rules, 2);
    start_rules(rules, 2);
    drain();
    counts_are_exact(rules, 2);
}

static void counts_are_exact_after_random_histories(void **state) {
    (void)state;
    engine_rule *rules[RULES];
    put_random(RESOURCES, true);
    for (unsigned i = 0; i < RULES; i++)
        rules[i] = make_rule(i);
    for (unsigned round = 0; round < 3; round++) {
        bool worked = true;
        now += 5000;
        start_rules(rules, RULES);
        for (unsigned batch = 0; worked && batch < 8; batch++) {
            if (engine_work(e, &worked, &error) != 0)
                fail_msg("%s", error.message);
            put_random(40, false);
        }
    }
    drain();
    counts_are_exact(rules, RULES);
}

static void a_deleted_rule_leaves_the_others_running(void **state) {
    (void)state;
    bool worked;
    engine_rule *rules[3];
    put_random(RESOURCES, true);
    for (unsigned i = 0; i < 3; i++)
        rules[i] = make_rule(i);
    assert_int_equal(engine_work(e, &worked, &error), 0);
    act(rules[0], ENGINE_DEACTIVATE);
    act(rules[0], ENGINE_DELETE);
    drain();
    counts_are_exact(rules + 1, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_are_made_once_and_marked_by_changes, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_run_reads_pages_and_not_configurations, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_page_is_not_believed, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_rule_with_another_path_has_the_pages_made_anew, setup_by_hand,
                                        teardown),
        cmocka_unit_test_setup_teardown(counts_are_exact_after_random_histories, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_deleted_rule_leaves_the_others_running, setup_by_hand, teardown),
    };
    return run_on_both(tests);
}
