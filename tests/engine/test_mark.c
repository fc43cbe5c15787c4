/*
 * Single results: which can be ignored and until when, what restores them, what an evaluation of one resource
 * and an explanation tell. With failures beneath, each is done wholly or not at all.
 */
#define PL_TESTS_WITH_FAULTS
#include "support/testing.h"

#include "engine/run.h"

#include "engine/group.h"

enum { EVERYWHERE = 1 << 30, SELDOM = 1 };

static int setup_small(void **state) {
    workers = 0;
    thinning = SELDOM;
    found_group(2);
    return setup(state);
}

static void drain(void) {
    for (bool worked = true; worked;)
        if (engine_work(e, &worked, &error) != 0)
            fail_msg("%s", error.message);
}

#define TAGGED(id, status, team)                                                                             \
    "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"" id "\",\"regionId\":\"cn-beijing\","        \
    "\"tags\":{\"team\":[\"" team "\"]},\"configuration\":{\"Status\":\"" status "\"}}"

#define WITHOUT_DATA(id)                                                                                     \
    "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"" id "\",\"regionId\":\"cn-beijing\"}"

#define REMOVED(id)                                                                                          \
    "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"" id "\",\"regionId\":\"cn-beijing\","        \
    "\"resourceEventType\":\"REMOVE\"}"

/* --- Ignoring ---------------------------------------------------------------------------------------------
 */

struct marking {
    const engine_rule *rule;
    engine_resource_name names[2];
    size_t count;
    pl_str date, reason;
    bool lift;
};

static int mark_work(store_session *session, void *argument, pl_error *wrong) {
    const struct marking *m = argument;
    return m->lift ? engine_revert_results(e, session, m->rule, m->names, m->count, now, wrong)
                   : engine_ignore_results(e, session, m->rule, m->names, m->count, m->date, m->reason, now,
                                           wrong);
}

static struct marking about(const engine_rule *rule, const char *id) {
    return (struct marking){
        .rule = rule,
        .names = {{owner, PL_STR("acs::ecs::instance"), PL_STR("cn-beijing"), pl_str_from(id)}},
        .count = 1,
        .reason = PL_STR("known")};
}

static void mark(struct marking m) {
    thinning = EVERYWHERE;
    forgetful = true;
    if (write_in_test(mark_work, &m, sizeof m) != 0)
        fail_msg("%s: %s", error.code, error.message);
    thinning = SELDOM;
    forgetful = false;
}

static void refused(struct marking m, const char *code) {
    assert_int_equal(store_write(db, mark_work, &m, &error), -1);
    assert_string_equal(error.code, code);
}

static int64_t ignored(const engine_rule *rule) {
    return list(rule).counts.by[ENGINE_IGNORED];
}

static void a_mark_ends_with_its_day_in_the_east(void **state) {
    (void)state;
    static const char *const dates[] = {"2023-11-1", "2023-13-01", "2023-02-30", "2023-11-15", "2023/11/20"};
    put("[" TAGGED("i-1", "Stopped", "a") "]");
    engine_rule *rule = make(rule_named("running", RUNNING)); /* made on 2023-11-15 06:13:20 at UTC+8 */
    struct marking m = about(rule, "i-1");
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        m.date = pl_str_from(dates[i]);
        refused(m, "Invalid.IgnoreDate.Value");
    }
    m.date = PL_STR("2023-11-16");
    mark(m);
    m.date = PL_STR("2023-11-17"); /* ignored anew, until a later day */
    now += 1000;
    mark(m);
    assert_int_equal(ignored(rule), 1);
    assert_str(list(rule).results[0].ignore_date, "2023-11-17");
    now = 1700150400000 - 1; /* 2023-11-17 00:00 at UTC+8 */
    drain();
    assert_int_equal(ignored(rule), 1);
    now++;
    drain();
    assert_int_equal(ignored(rule), 0);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 1);
}

static void only_violations_are_ignored_and_only_marks_lifted(void **state) {
    (void)state;
    put("[" TAGGED("i-1", "Stopped", "a") "," TAGGED("i-2", "Running", "a") "," WITHOUT_DATA(
        "i-3") "," TAGGED("i-4", "Stopped", "a") "]");
    engine_rule *rule = make(rule_named("running", RUNNING));
    now++;
    put("[" REMOVED("i-4") "]");
    refused(about(rule, "none"), "Invalid.Resources.Value");
    refused(about(rule, "i-2"), "Invalid.Resources.Value");
    refused(about(rule, "i-3"), "Invalid.Resources.Value");
    refused(about(rule, "i-4"), "Invalid.Resources.Value");
    struct marking lift = about(rule, "i-1");
    lift.lift = true;
    refused(lift, "Invalid.Resources.Value");
    assert_ptr_equal(strstr(error.message, "The resource i-1 is not ignored"), error.message);
    lift.names[0].resource_id = PL_STR("none");
    refused(lift, "Invalid.Resources.Value");
    mark(about(rule, "i-1"));
    assert_int_equal(ignored(rule), 1);
    lift.names[0].resource_id = PL_STR("i-1");
    now++;
    mark(lift);
    assert_int_equal(ignored(rule), 0);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 1);
}

/* What the resource really is goes on; its row leaves with it, and the count of what is ignored, too. */
static void what_is_ignored_may_change_and_go(void **state) {
    (void)state;
    put("[" TAGGED("i-1", "Stopped", "a") "," TAGGED("i-2", "Stopped", "a") "]");
    engine_rule *rule = make(rule_named("running", RUNNING));
    mark(about(rule, "i-1"));
    mark(about(rule, "i-2"));
    now++;
    put("[" TAGGED("i-1", "Running", "a") "]");
    assert_int_equal(ignored(rule), 2);
    now++;
    put("[" REMOVED("i-1") "]");
    struct listing l = list(rule);
    assert_int_equal(l.counts.by[ENGINE_IGNORED], 1);
    assert_int_equal(l.counts.total, 1);
}

static void results_of_several_accounts_are_ignored_together(void **state) {
    (void)state;
    pl_str both[] = {owner, member};
    put("[" TAGGED("i-1", "Stopped", "a") "]");
    put_as(member, "[" TAGGED("i-2", "Stopped", "a") "]");
    engine_rule common = rule_named("running", RUNNING);
    common.aggregator_id = PL_STR("ca-1");
    engine_rule *rule = make(common);
    struct marking m = about(rule, "i-1");
    m.names[1] =
        (engine_resource_name){member, PL_STR("ACS::ECS::Instance"), PL_STR("cn-beijing"), PL_STR("i-2")};
    m.count = 2;
    mark(m);
    assert_int_equal(list_over(rule, both, 2).counts.by[ENGINE_IGNORED], 2);
    now++;
    m.lift = true;
    mark(m);
    assert_int_equal(list_over(rule, both, 2).counts.by[ENGINE_NON_COMPLIANT], 2);
    assert_int_equal(list_over(rule, both + 1, 1).counts.by[ENGINE_NON_COMPLIANT], 1);
}

/* --- One resource -----------------------------------------------------------------------------------------
 */

struct evaluating {
    pl_str id;
    size_t evaluated;
};

static int evaluate_work(store_session *session, void *argument, pl_error *wrong) {
    struct evaluating *v = argument;
    return engine_evaluate_resource(e, session, owner, v->id, now, &v->evaluated, wrong);
}

static size_t evaluate(const char *id) {
    struct evaluating v = {pl_str_from(id), 0};
    thinning = EVERYWHERE;
    forgetful = true;
    if (write_in_test(evaluate_work, &v, sizeof v) != 0)
        fail_msg("%s: %s", error.code, error.message);
    thinning = SELDOM;
    forgetful = false;
    return v.evaluated;
}

static void one_resource_is_evaluated_by_hand(void **state) {
    (void)state;
    engine_rule tagged = rule_named("tagged", RUNNING);
    tagged.triggers = ENGINE_TRIGGER_SCHEDULE;
    tagged.frequency = PL_STR("One_Hour");
    tagged.scope.tags = (engine_tags){pl_new(&arena, engine_tag, 1), 1};
    tagged.scope.tags.items[0] = (engine_tag){PL_STR("team"), PL_STR("a")};
    engine_rule *rule = make(tagged);
    put("[" TAGGED("i-1", "Stopped", "a") "," WITHOUT_DATA("i-2") "]");
    assert_int_equal(list(rule).counts.by[ENGINE_INSUFFICIENT_DATA], 1);
    now++;
    assert_int_equal(evaluate("i-1"), 1);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 1);
    assert_int_equal(evaluate("i-2"), 1);
    assert_int_equal(evaluate("none"), 0);
    assert_int_equal(list(rule).counts.total, 1);
}

/* --- Explaining -------------------------------------------------------------------------------------------
 */

struct explaining {
    const engine_rule *rule;
    const char *id;
    engine_explanation told;
};

static int explain_work(store_session *session, void *argument, pl_error *wrong) {
    struct explaining *x = argument;
    engine_rule current;
    inventory_resource r;
    bool found;
    if (engine_rule_find_key(session, &arena, owner, x->rule->rule_key, &current, &found, wrong) != 0 ||
        inventory_find(session, &arena, owner, PL_STR("ACS::ECS::Instance"), PL_STR("cn-beijing"),
                       pl_str_from(x->id), &r, &found, wrong) != 0)
        return -1;
    return engine_explain(e, session, &arena, &current, &r, now, &x->told, wrong);
}

static engine_explanation explain(const engine_rule *rule, const char *id) {
    struct explaining x = {.rule = rule, .id = id};
    thinning = EVERYWHERE;
    forgetful = true;
    if (read_in_test(explain_work, &x, sizeof x) != 0)
        fail_msg("%s: %s", error.code, error.message);
    thinning = SELDOM;
    forgetful = false;
    return x.told;
}

static void an_explanation_tells_what_an_evaluation_would(void **state) {
    (void)state;
    put("[" TAGGED("i-1", "Stopped", "a") "," WITHOUT_DATA("i-2") "]");
    engine_rule tagged = rule_named("tagged", RUNNING);
    tagged.scope.tags = (engine_tags){pl_new(&arena, engine_tag, 1), 1};
    tagged.scope.tags.items[0] = (engine_tag){PL_STR("team"), PL_STR("a")};
    engine_rule *rule = make(tagged);
    engine_rule function = rule_named("function", "");
    function.owner = ENGINE_FUNCTION;
    function.identifier = PL_STR("acs:fc:cn-shanghai:100000000000001:functions/check");
    engine_rule *reported = make(function);
    engine_rule disks = rule_named("disks", RUNNING);
    assert_int_equal(engine_list_parse(&arena, PL_STR("ACS::ECS::Disk"), &disks.scope.resource_types, &error),
                     0);
    engine_rule *other = make(disks);
    engine_explanation told = explain(rule, "i-1");
    assert_true(told.covered);
    assert_int_equal(told.compliance, ENGINE_NON_COMPLIANT);
    assert_true(told.context.n > 0);
    assert_false(explain(rule, "i-2").covered);
    assert_false(explain(other, "i-1").covered);
    told = explain(reported, "i-1");
    assert_int_equal(told.compliance, ENGINE_INSUFFICIENT_DATA);
    assert_int_equal(told.context.n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_small, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_mark_ends_with_its_day_in_the_east), TEST(only_violations_are_ignored_and_only_marks_lifted),
        TEST(what_is_ignored_may_change_and_go),    TEST(results_of_several_accounts_are_ignored_together),
        TEST(one_resource_is_evaluated_by_hand),    TEST(an_explanation_tells_what_an_evaluation_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
