/*
 * Memory that ends and statements that fail, at any place of recording, of a run and of reading:
 * the call fails with ServiceUnavailable and nothing of it is stored, or it is done wholly. Whatever failed,
 * the counters and verdicts are those of a recount afterwards.
 */
#include "support/store_faults.h"

#include "engine/histories.h"

enum { PLENTY = 340, MADE = 4 }; /* more resources than a run evaluates inside a transaction */

static engine_rule *rules[MADE];
static pl_json batch;
static unsigned rounds;

/* Every attempt may fail, but only for the reason that was given. */
static void expect_unavailable(int status, const pl_error *wrong) {
    if (status != 0 && wrong->http_status < 500)
        fail_msg("%s: %s", wrong->code, wrong->message);
}

#define NO_OPEN_GROUP                                                                                        \
    CONDITION("{\"operator\":\"NotContains\",\"featurePath\":\"$[*].Open\",\"featureSource\":"               \
              "\"RELATED:ACS::ECS::SecurityGroup\",\"desired\":\"yes\"}")

static int setup_some(void **state) {
    if (setup_history(state, 0, 5) != 0)
        return -1;
    rounds = 0;
    put_random(PLENTY, true);
    rules[0] = make_rule(0);
    rules[1] = make_rule(2);
    rules[2] = make_rule(RULES - 1);
    rules[3] = make(rule_named("related", NO_OPEN_GROUP));
    drain();
    return 0;
}

/* --- Recording --------------------------------------------------------------------------------------------
 */

/* One that is new or changes, one that goes or comes back, one that others refer to. */
static void prepare_items(void) {
    rounds++;
    recorded_at += 1000;
    batch = parsed(
        pl_arena_printf(&arena,
                        "[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-%05u\",\"regionId\":"
                        "\"cn-beijing\",\"tags\":{\"team\":[\"%s\"]},\"configuration\":{\"Status\":\"%s\","
                        "\"SecurityGroupIds\":{\"SecurityGroupId\":[\"sg-1\"]}}},"
                        "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-gone\",\"regionId\":"
                        "\"r\",%s},"
                        "{\"resourceType\":\"ACS::ECS::SecurityGroup\",\"resourceId\":\"sg-1\","
                        "\"regionId\":\"r\",\"configuration\":{\"Open\":\"%s\"}}]",
                        rounds % 7, rounds % 2 ? "b" : "a", rounds % 3 ? "Running" : "Stopped",
                        rounds % 2 ? "\"configuration\":{\"Status\":\"Stopped\"}"
                                   : "\"resourceEventType\":\"REMOVE\"",
                        rounds % 5 ? "no" : "yes")
            .p);
}

static void record(void) {
    engine_ingested out;
    pl_error wrong = {0};
    inventory_defaults defaults = {.account_id = owner, .catalogue = known};
    int status = engine_ingest(e, &defaults, batch, recorded_at, &out, &wrong);
    expect_unavailable(status, &wrong);
    if (status == 0)
        assert_int_equal(out.accepted, 3);
}

/* What is stored of one resource and rule, beside what an evaluation with all the memory says. */
static int compare_stored(store_session *session, struct recount *c, inventory_resource *r, pl_error *wrong) {
    engine_explanation told;
    engine_row row;
    bool stored;
    if (engine_explain(e, session, &arena, c->rule, r, now, &told, wrong) != 0 ||
        engine_row_of(session, &arena, owner, c->rule->rule_key, r->resource_key, &row, &stored, wrong) != 0)
        return -1;
    assert_true(told.covered || !stored);
    if (!told.covered)
        return 0;
    engine_compliance compliance = stored ? row.compliance : ENGINE_COMPLIANT;
    c->counts.total++;
    c->counts.by[compliance]++;
    if (compliance != told.compliance) {
        assert_int_equal(compliance, ENGINE_INSUFFICIENT_DATA);
        assert_true(pl_str_find(row.annotation, PL_STR("The evaluation failed: ")) != PL_NOT_FOUND);
    }
    return 0;
}

static int compare_all_stored(store_session *session, void *argument, pl_error *wrong) {
    struct recount *c = argument;
    int64_t next;
    if (inventory_next_key(session, owner, &next, wrong) != 0)
        return -1;
    for (int64_t key = 1; key < next; key++) {
        inventory_resource r;
        bool found;
        if (inventory_find_key(session, &arena, owner, key, &r, &found, wrong) != 0 ||
            (found && !r.deleted && compare_stored(session, c, &r, wrong) != 0))
            return -1;
    }
    return 0;
}

/* A rule that had no memory for a resource says so; every other verdict is right, and the counters count
 * both. */
static void verdicts_are_right_or_told_to_have_failed(void) {
    for (size_t i = 0; i < MADE; i++) {
        struct listing l = list(rules[i]);
        struct recount c = {.rule = &l.current};
        if (store_read(db, compare_all_stored, &c, &error) != 0)
            fail_msg("%s", error.message);
        for (size_t kind = 0; kind < ENGINE_COMPLIANCE_COUNT; kind++)
            assert_int_equal(l.counts.by[kind], c.counts.by[kind]);
        assert_int_equal(l.counts.total, c.counts.total);
    }
}

static void recording_is_done_wholly_or_not_at_all(void **state) {
    (void)state;
    for (unsigned kind = 0; kind < FAULTS; kind++) {
        with_faults((fault)kind, prepare_items, record);
        verdicts_are_right_or_told_to_have_failed();
    }
    now = recorded_at + 1000;
    start_rules(rules, MADE);
    drain();
    counts_are_exact(rules, MADE);
}

/* --- Runs -------------------------------------------------------------------------------------------------
 */

/* A lease that a failed pass could not give back has run out by then. */
static void prepare_run(void) {
    now += 3600000;
    recorded_at = now;
    start_rules(rules, MADE);
    put_random(3, false);
}

static void work(void) {
    bool worked;
    pl_error wrong = {0};
    expect_unavailable(engine_work(e, &worked, &wrong), &wrong);
}

static void a_run_ends_with_the_verdicts_of_a_recount(void **state) {
    (void)state;
    for (unsigned kind = 0; kind < FAULTS; kind++) {
        with_faults((fault)kind, prepare_run, work);
        now += 3600000;
        drain();
        counts_are_exact(rules, MADE);
    }
}

/* Small runs are made inside the transaction that starts them. */
static void prepare_nothing(void) {
    now += 1000;
}

static struct start one_rule;

static void start_one(void) {
    pl_error wrong = {0};
    pl_arena own = arena;
    pl_arena_init(&arena, 0);
    expect_unavailable(store_write(db, start_work, &one_rule, &wrong), &wrong);
    engine_after_commit(e);
    pl_arena_free(&arena);
    arena = own;
}

static void a_small_run_ends_with_the_verdicts_of_a_recount(void **state) {
    (void)state;
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "]");
    rules[0] = make_rule(0);
    one_rule = (struct start){rules, 1};
    for (unsigned kind = 0; kind < FAULTS; kind++) {
        with_faults((fault)kind, prepare_nothing, start_one);
        drain();
        counts_are_exact(rules, 1);
    }
}

/* --- Reading ----------------------------------------------------------------------------------------------
 */

static struct listing expected;

static void read_results(void) {
    pl_error wrong = {0};
    pl_arena own = arena;
    pl_arena_init(&arena, 0);
    struct listing l = {.rule = rules[0], .accounts = &owner, .account_count = 1, .limit = 1000};
    int status = store_read(db, list_work, &l, &wrong);
    expect_unavailable(status, &wrong);
    if (status == 0) {
        assert_int_equal(l.count, expected.count);
        assert_memory_equal(&l.counts, &expected.counts, sizeof l.counts);
        for (size_t i = 0; i < l.count; i++)
            assert_int_equal(l.results[i].compliance, expected.results[i].compliance);
    }
    pl_arena_free(&arena);
    arena = own;
}

static void results_are_all_told_or_none(void **state) {
    (void)state;
    expected = (struct listing){.rule = rules[0], .accounts = &owner, .account_count = 1, .limit = 1000};
    assert_int_equal(store_read(db, list_work, &expected, &error), 0);
    assert_true(expected.count > 100);
    for (unsigned kind = 0; kind < FAULTS; kind++)
        with_faults((fault)kind, prepare_nothing, read_results);
}

static void explain(void) {
    pl_error wrong = {0};
    pl_arena own = arena;
    pl_arena_init(&arena, 0);
    struct recount c = {.rule = rules[0]};
    expect_unavailable(store_read(db, recount_work, &c, &wrong), &wrong);
    pl_arena_free(&arena);
    arena = own;
}

static void an_explanation_is_right_or_fails(void **state) {
    (void)state;
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "]");
    rules[0] = make_rule(0);
    drain();
    for (unsigned kind = 0; kind < FAULTS; kind++)
        with_faults((fault)kind, prepare_nothing, explain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(recording_is_done_wholly_or_not_at_all, setup_some, teardown),
        cmocka_unit_test_setup_teardown(a_run_ends_with_the_verdicts_of_a_recount, setup_some, teardown),
        cmocka_unit_test_setup_teardown(a_small_run_ends_with_the_verdicts_of_a_recount, setup, teardown),
        cmocka_unit_test_setup_teardown(results_are_all_told_or_none, setup_some, teardown),
        cmocka_unit_test_setup_teardown(an_explanation_is_right_or_fails, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
