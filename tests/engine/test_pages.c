/*
 * Runs over kept pages while memory ends and statements fail, and pages of unusual forms: what is stored
 * afterwards is what a recount from the configurations says.
 */
#include "support/store_faults.h"

#include "engine/histories.h"

enum { PLENTY = 310, MADE = 4, MANY = 700, NUMBERS = 110 };

static engine_rule *rules[MADE];

static int setup_by_hand(void **state) {
    group_answers = (engine_groups){0};
    return setup_history(state, 0, 17);
}

static void expect_unavailable(int status, const pl_error *wrong) {
    if (status != 0 && wrong->http_status < 500)
        fail_msg("%s: %s", wrong->code, wrong->message);
}

/* --- Failures while pages are read ------------------------------------------------------------------------
 */

#define REMOVED(id)                                                                                          \
    "[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"" id "\",\"regionId\":\"cn-beijing\","       \
    "\"resourceEventType\":\"REMOVE\"}]"

static engine_rule function_rule(void) {
    engine_rule rule = rule_named("function", "");
    rule.owner = ENGINE_FUNCTION;
    rule.identifier = PL_STR("acs:fc:cn-shanghai:100000000000001:functions/check");
    rule.conditions = PL_STR("");
    return rule;
}

/* Pages with records that have changed since, one that was gone when they were made, and one that is gone. */
static void make_pages(void) {
    put_random(PLENTY, true);
    put("[" INSTANCE("i-last", "Running") "]");
    recorded_at += 1000;
    put(REMOVED("i-last"));
    rules[0] = make_rule(0);
    rules[1] = make_rule(1);
    rules[2] = make_rule(RULES - 2);
    rules[3] = make_rule(RULES - 1);
    make(function_rule());
    drain();
    now = recorded_at + 1000;
    put("[" INSTANCE("i-last", "Stopped") "," INSTANCE("i-00003", "Stopped") "]");
}

static void prepare_run(void) {
    now += 3600000;
    start_rules(rules, MADE);
}

static void work(void) {
    bool worked;
    pl_error wrong = {0};
    expect_unavailable(engine_work(e, &worked, &wrong), &wrong);
}

static void a_run_over_pages_ends_with_the_verdicts_of_a_recount(void **state) {
    (void)state;
    make_pages();
    for (unsigned kind = 0; kind < FAULTS; kind++) {
        with_faults((fault)kind, prepare_run, work);
        now += 3600000;
        drain();
        counts_are_exact(rules, MADE);
    }
}

/* The page is made anew each time, because the rules ask for other columns. */
static void prepare_making(void) {
    static unsigned turn;
    now += 3600000;
    act(rules[0], turn % 2 ? ENGINE_ACTIVATE : ENGINE_DEACTIVATE);
    turn++;
    start_rules(rules + 1, 2);
}

static int forget_pages_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong, "DELETE FROM kept_pages", "");
}

static void prepare_without_pages(void) {
    prepare_making();
    assert_int_equal(store_write(db, forget_pages_work, NULL, &error), 0);
}

static void pages_are_made_wholly_or_not_at_all(void **state) {
    (void)state;
    make_pages();
    for (unsigned kind = 0; kind < FAULTS; kind++) {
        with_faults((fault)kind, prepare_without_pages, work);
        now += 3600000;
        drain();
        counts_are_exact(rules + 1, MADE - 1);
    }
}

/* --- Ignored results --------------------------------------------------------------------------------------
 */

struct ignoring {
    const engine_rule *rule;
    bool revert;
};

static int ignore_work(store_session *session, void *argument, pl_error *wrong) {
    const struct ignoring *i = argument;
    engine_group own = {owner, PL_STR_NONE};
    engine_rule rule;
    bool found;
    engine_resource_name name = {owner, PL_STR("ACS::ECS::Instance"), PL_STR("cn-beijing"), PL_STR("i-last")};
    if (engine_rule_find(session, &arena, &own, i->rule->rule_id, &rule, &found, wrong) != 0)
        return -1;
    if (i->revert)
        return engine_evaluate_rule(e, session, &rule, true, now, wrong);
    return engine_ignore_results(e, session, &rule, &name, 1, PL_STR(""), PL_STR("known"), now, wrong);
}

static void a_run_restores_what_is_ignored_when_it_is_told_to(void **state) {
    (void)state;
    make_pages();
    struct ignoring i = {.rule = rules[0]};
    assert_int_equal(store_write(db, ignore_work, &i, &error), 0);
    assert_int_equal(list(rules[0]).counts.by[ENGINE_IGNORED], 1);
    now += 1000;
    start_rules(rules, 1);
    drain();
    assert_int_equal(list(rules[0]).counts.by[ENGINE_IGNORED], 1);
    now += 1000;
    i.revert = true;
    assert_int_equal(store_write(db, ignore_work, &i, &error), 0);
    drain();
    assert_int_equal(list(rules[0]).counts.by[ENGINE_IGNORED], 0);
    counts_are_exact(rules, 1);
}

/* --- Unusual pages ----------------------------------------------------------------------------------------
 */

/* Each resource has numbers of its own, so that a page has more words than 16 bits count, and the numbers
 * have a greater range. */
static void put_numbers(size_t padding) {
    pl_buf text;
    pl_arena own;
    pl_json root;
    engine_ingested out;
    inventory_defaults defaults = {.account_id = owner, .catalogue = known};
    pl_buf_init(&text, 32 << 20);
    pl_arena_init(&own, 256 << 20);
    for (int i = 0; i < MANY; i++) {
        pl_buf_printf(&text,
                      "%s{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"n-%d\",\"regionId\":\"r\","
                      "\"configuration\":{\"Status\":\"%s\",\"Values\":[0",
                      i ? "," : "[", i, i % 7 ? "Running" : "Stopped");
        for (int n = 0; n < NUMBERS; n++)
            pl_buf_printf(&text, ",%d", 1000 + i * NUMBERS + n);
        pl_buf_add(&text, PL_STR("],\"Padding\":\""));
        for (size_t n = 0; n < padding; n++)
            pl_buf_add_char(&text, 'x');
        pl_buf_add(&text, PL_STR("\"}}"));
    }
    pl_buf_add_char(&text, ']');
    if (pl_json_parse_in(&own, pl_buf_str(&text), &root, &error) != 0 ||
        engine_ingest(e, &defaults, root, recorded_at, &out, &error) != 0)
        fail_msg("%s", error.message);
    pl_arena_free(&own);
    pl_buf_free(&text);
}

static int bytes_work(store_session *session, void *argument, pl_error *wrong) {
    store_statement *st = store_prepare(session, "SELECT SUM(LENGTH(body)) FROM kept_pages", wrong);
    if (store_step(st, wrong) != 1)
        return -1;
    *(int64_t *)argument = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

static int64_t kept_bytes(void) {
    int64_t bytes;
    assert_int_equal(store_read(db, bytes_work, &bytes, &error), 0);
    return bytes;
}

#define LAST_VALUE                                                                                           \
    CONDITION("{\"operator\":\"NotContains\",\"featurePath\":\"$.Values[*]\",\"featureSource\":"             \
              "\"CONFIGURATION\",\"desired\":\"1007\"}")

static void run_twice_over(size_t padding) {
    put_numbers(padding);
    rules[0] = make(rule_named("values", LAST_VALUE));
    rules[1] = make(rule_named("running", RUNNING));
    drain();
    now += 1000;
    start_rules(rules, 2);
    drain();
    counts_are_exact(rules, 2);
    assert_int_equal(list(rules[0]).counts.by[ENGINE_NON_COMPLIANT], 1);
    assert_int_equal(list(rules[1]).counts.by[ENGINE_NON_COMPLIANT], MANY / 7);
}

static void pages_of_many_values_are_read_like_others(void **state) {
    (void)state;
    run_twice_over(6000);
    assert_true(kept_bytes() > 4 * MANY * NUMBERS);
}

static void pages_that_save_nothing_have_no_records(void **state) {
    (void)state;
    run_twice_over(0);
    assert_true(kept_bytes() < MANY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_by_hand, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_run_over_pages_ends_with_the_verdicts_of_a_recount),
        TEST(pages_are_made_wholly_or_not_at_all),
        TEST(a_run_restores_what_is_ignored_when_it_is_told_to),
        TEST(pages_of_many_values_are_read_like_others),
        TEST(pages_that_save_nothing_have_no_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
