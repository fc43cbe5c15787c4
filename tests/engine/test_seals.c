/*
 * Seals: a run over what has not changed reads no results, and whatever happens to results between two runs,
 * their counts and rows are those of a recount.
 */
#include "support/testing.h"

#include "engine/histories.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sqlite3.h>

/* Rows of results that runs have read to compare. */
static long compared;

/* What another thread does once when a run has read the seals of a page, before it stores. */
static void *(*meanwhile)(void *);

static void let_others_work(void) {
    pthread_t thread;
    void *(*work)(void *) = meanwhile;
    meanwhile = NULL;
    if (pthread_create(&thread, NULL, work, NULL) == 0)
        pthread_join(thread, NULL);
}

int sqlite3_step(sqlite3_stmt *statement) {
    static int (*real)(sqlite3_stmt *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "sqlite3_step");
    int result = real(statement);
    const char *sql = sqlite3_sql(statement);
    if (result == SQLITE_ROW && sql && strstr(sql, "results x") && strstr(sql, "x.ordering, x.annotation"))
        compared++;
    if (result == SQLITE_DONE && meanwhile && sql && strstr(sql, "digest FROM kept_results"))
        let_others_work();
    return result;
}

static int setup_by_hand(void **state) {
    return setup_history(state, 0, 23);
}

static void run(engine_rule **rules, size_t count) {
    now += 1000;
    recorded_at = now;
    compared = 0;
    start_rules(rules, count);
    drain();
}

static int update_work(store_session *session, void *argument, pl_error *wrong) {
    engine_context context = context_of_test();
    return engine_rule_update(&context, session, argument, wrong);
}

/* The rule with another condition, evaluated like every changed rule. */
static void change(engine_rule *rule, const char *condition) {
    now += 1000;
    recorded_at = now;
    rule->conditions = pl_str_from(condition);
    if (store_write(db, update_work, rule, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
}

static void cover(engine_rule *rule, const char *types) {
    assert_int_equal(engine_list_parse(&arena, pl_str_from(types), &rule->scope.resource_types, &error), 0);
    change(rule, rule->conditions.p);
    drain();
}

/* --- What is read -----------------------------------------------------------------------------------------
 */

static void what_has_not_changed_is_not_compared(void **state) {
    (void)state;
    put_many(2100);
    engine_rule *rule = make(rule_named("running", RUNNING));
    drain();
    run(&rule, 1);
    assert_int_equal(compared, 0);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 210);
    now += 10;
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-00010\",\"regionId\":\"r\","
        "\"configuration\":{\"Status\":\"Running\"}},"
        "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-00020\",\"regionId\":\"r\","
        "\"configuration\":{\"Status\":\"Stopped again\"}}]");
    run(&rule, 1);
    if (!on_postgres) /* both of the items and no others */
        assert_int_equal(compared, 2);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 209);
}

static void a_rule_that_says_something_else_is_compared(void **state) {
    (void)state;
    static const char *const stopped = CONDITION(CLAUSE("$.Status", "StringEquals", "Stopped"));
    put_many(1100);
    engine_rule *rule = make(rule_named("running", RUNNING));
    drain();
    change(rule, stopped);
    compared = 0;
    drain();
    assert_true(on_postgres || compared > 0);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 990);
    run(&rule, 1);
    assert_int_equal(compared, 0);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 990);
}

static void *start_one_and_stop_another(void *unused) {
    now += 10;
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-00010\",\"regionId\":\"r\","
        "\"configuration\":{\"Status\":\"Running\"}},"
        "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-00011\",\"regionId\":\"r\","
        "\"configuration\":{\"Status\":\"Stopped\"}},"
        "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-00020\",\"regionId\":\"r\","
        "\"configuration\":{\"Status\":\"Running\"}}]");
    return unused;
}

/* What was counted by values is told item by item where items are not what they were. */
static void a_change_between_reading_and_storing_counts_once(void **state) {
    (void)state;
    if (on_postgres)
        skip(); /* the program stands between the store and SQLite only */
    put_many(1100);
    engine_rule *rule = make(rule_named("running", RUNNING));
    drain();
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 110);
    meanwhile = start_one_and_stop_another;
    run(&rule, 1);
    assert_true(meanwhile == NULL);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 109);
    run(&rule, 1);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 109);
    counts_are_exact(&rule, 1);
}

/* --- What breaks a seal ------------------------------------------------------------------------------------
 */

static const engine_rule *ignored_rule;

static int ignore_work(store_session *session, void *argument, pl_error *wrong) {
    const bool *lift = argument;
    engine_resource_name name = {owner, PL_STR("ACS::ECS::Instance"), PL_STR("r"), PL_STR("i-00010")};
    return *lift ? engine_revert_results(e, session, ignored_rule, &name, 1, now, wrong)
                 : engine_ignore_results(e, session, ignored_rule, &name, 1, PL_STR(""), PL_STR("known"), now,
                                         wrong);
}

static void ignore(engine_rule *rule, bool lift) {
    struct listing l = list(rule);
    ignored_rule = &l.current;
    now += 1000;
    if (store_write(db, ignore_work, &lift, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
}

static void ignored_results_stay_ignored(void **state) {
    (void)state;
    put_many(1100);
    engine_rule *rule = make(rule_named("running", RUNNING));
    drain();
    ignore(rule, false);
    assert_int_equal(list(rule).counts.by[ENGINE_IGNORED], 1);
    for (unsigned i = 0; i < 2; i++) {
        run(&rule, 1);
        assert_int_equal(list(rule).counts.by[ENGINE_IGNORED], 1);
        assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 109);
    }
    ignore(rule, true);
    run(&rule, 1);
    assert_int_equal(list(rule).counts.by[ENGINE_IGNORED], 0);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 110);
}

/* A run together with a rule that pages tell nothing of writes results that no page was asked about. */
static void a_run_past_the_pages_breaks_their_seals(void **state) {
    (void)state;
    engine_rule *rules[2];
    put_random(RESOURCES, true);
    rules[0] = make_rule(0);
    rules[1] = make_rule(5);
    drain();
    run(rules, 1);
    change(rules[0], conditions[1]);
    start_rules(rules + 1, 1);
    drain();
    counts_are_exact(rules, 2);
    change(rules[0], conditions[0]);
    drain();
    counts_are_exact(rules, 2);
    run(rules, 1);
    counts_are_exact(rules, 2);
}

/* Their rows lie among those that are read. */
static void sealed_rules_stand_beside_those_that_are_compared(void **state) {
    (void)state;
    enum { BESIDE = 5 };
    engine_rule *rules[BESIDE];
    put_random(RESOURCES, true);
    for (unsigned i = 0; i < BESIDE; i++)
        rules[i] = make_rule(i < 4 ? i : RULES - 1);
    drain();
    run(rules, BESIDE);
    for (unsigned i = 0; i < 3; i++)
        change(rules[i], conditions[(i + 1) % 4]);
    put_random(30, false);
    run(rules, BESIDE);
    counts_are_exact(rules, BESIDE);
    run(rules, BESIDE);
    counts_are_exact(rules, BESIDE);
}

static void a_type_that_comes_back_is_evaluated_anew(void **state) {
    (void)state;
    put_random(RESOURCES, true);
    engine_rule *rule = make_rule(0);
    drain();
    run(&rule, 1);
    cover(rule, "ACS::ECS::Disk");
    counts_are_exact(&rule, 1);
    cover(rule, "ACS::ECS::Instance,ACS::ECS::Disk");
    counts_are_exact(&rule, 1);
}

static int by_hand_work(store_session *session, void *argument, pl_error *wrong) {
    char id[16];
    size_t evaluated;
    snprintf(id, sizeof id, "i-%05u", *(const unsigned *)argument);
    return engine_evaluate_resource(e, session, owner, pl_str_from(id), now, &evaluated, wrong);
}

/* Rules change, resources change, are removed and come back, single ones are evaluated, runs overtake each
 * other. */
static void counts_are_exact_whatever_comes_between(void **state) {
    (void)state;
    enum { CHANGING = 4 };
    engine_rule *rules[CHANGING];
    put_random(RESOURCES, true);
    for (unsigned i = 0; i < CHANGING; i++)
        rules[i] = make_rule(i < 3 ? i : RULES - 1);
    drain();
    for (unsigned round = 0; round < 12; round++) {
        bool worked;
        unsigned number = pick(RESOURCES);
        now += 5000;
        recorded_at = now;
        if (pick(3) == 0)
            change(rules[pick(2)], conditions[pick(4)]);
        if (pick(2))
            put_random(1 + pick(30), false);
        assert_int_equal(store_write(db, by_hand_work, &number, &error), 0);
        start_rules(rules, 1 + pick(CHANGING));
        if (engine_work(e, &worked, &error) != 0)
            fail_msg("%s", error.message);
        if (pick(2))
            put_random(1 + pick(20), false);
        if (pick(2))
            drain();
    }
    drain();
    counts_are_exact(rules, CHANGING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_has_not_changed_is_not_compared, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_rule_that_says_something_else_is_compared, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_change_between_reading_and_storing_counts_once, setup_by_hand,
                                        teardown),
        cmocka_unit_test_setup_teardown(ignored_results_stay_ignored, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_run_past_the_pages_breaks_their_seals, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(sealed_rules_stand_beside_those_that_are_compared, setup_by_hand,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_type_that_comes_back_is_evaluated_anew, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(counts_are_exact_whatever_comes_between, setup_by_hand, teardown),
    };
    return run_on_both(tests);
}
