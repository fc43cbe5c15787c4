/* Background work: runs by threads beside ingestion, after a restart, and by schedule. */
#include "support/testing.h"

#include "engine/summary.h"
#include "engine/world.h"

#include <pthread.h>
#include <sched.h>

static int setup_threads(void **state) {
    workers = 2;
    return setup(state);
}

static int setup_by_hand(void **state) {
    workers = 0;
    return setup(state);
}

static int ask_work(store_session *session, void *argument, pl_error *wrong) {
    struct listing *l = argument;
    return engine_is_evaluating(session, l->rule, &l->evaluating, wrong);
}

/* Asks for the state alone: listing results again and again would take the time and memory of the run. */
static struct listing wait_for(const engine_rule *rule) {
    struct listing l = {.rule = rule};
    do {
        if (store_read(db, ask_work, &l, &error) != 0)
            fail_msg("%s", error.message);
        sched_yield();
    } while (l.evaluating);
    return list(rule);
}

static void *ingest_beside(void *context) {
    pl_arena own;
    pl_json root;
    pl_error wrong = {0};
    engine_ingested out;
    inventory_defaults defaults = {.account_id = owner};
    pl_arena_init(&own, 1 << 20);
    for (int i = 0; i < 50; i++) {
        pl_str text =
            pl_arena_printf(&own,
                            "[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-%05d\","
                            "\"regionId\":\"r\",\"configuration\":{\"Status\":\"Stopped\",\"N\":%d}}]",
                            i * 60 + 1, i);
        if (pl_json_parse_in(&own, text, &root, &wrong) != 0 ||
            engine_ingest(e, &defaults, root, 1700000000000 + i, &out, &wrong) != 0)
            *(bool *)context = false;
    }
    pl_arena_free(&own);
    return NULL;
}

static void runs_and_ingestion_agree_on_the_counts(void **state) {
    (void)state;
    pthread_t thread;
    bool well = true;
    put_many(3000);
    engine_rule *first = make(rule_named("first", RUNNING));
    assert_int_equal(pthread_create(&thread, NULL, ingest_beside, &well), 0);
    engine_rule *second = make(rule_named("second", RUNNING));
    pthread_join(thread, NULL);
    assert_true(well);
    struct listing one = wait_for(first), two = wait_for(second);
    /* Every tenth is stopped from the start; 50 others were stopped meanwhile. */
    assert_int_equal(one.counts.by[ENGINE_NON_COMPLIANT], 300 + 50);
    assert_int_equal(two.counts.by[ENGINE_NON_COMPLIANT], 300 + 50);
    assert_int_equal(one.counts.total, 3000);
    assert_true(one.current.run_ordering > 0);
}

static int count_rows(store_session *session, void *argument, pl_error *wrong) {
    int64_t *rows = argument;
    store_statement *st =
        store_prepare(session,
                      "SELECT (SELECT COUNT(*) FROM results WHERE rule_key = $1) + (SELECT "
                      "COUNT(*) FROM evaluation_runs WHERE rule_key = $1) + (SELECT COUNT(*) "
                      "FROM rule_counts WHERE rule_key = $1)",
                      wrong);
    store_bind_i64(st, 1, *rows);
    if (store_step(st, wrong) != 1)
        return -1;
    *rows = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

static int count_leaving(store_session *session, void *argument, pl_error *wrong) {
    int64_t *rows = argument;
    store_statement *st =
        store_prepare(session, "SELECT COUNT(*) FROM results_leaving WHERE rule_key = $1", wrong);
    store_bind_i64(st, 1, *rows);
    if (store_step(st, wrong) != 1)
        return -1;
    *rows = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

/* What a deleted rule leaves goes in pieces: those that remain when all have gone. */
static int64_t rows_left_by(const engine_rule *gone) {
    int64_t rows = 0;
    do {
        sched_yield();
        rows = gone->rule_key;
        assert_int_equal(store_read(db, count_leaving, &rows, &error), 0);
    } while (rows > 0);
    rows = gone->rule_key;
    assert_int_equal(store_read(db, count_rows, &rows, &error), 0);
    return rows;
}

/* Whatever its run had found or was about to store, and however others went on beside it. */
static void a_rule_deleted_while_it_runs_leaves_nothing(void **state) {
    (void)state;
    pthread_t thread;
    bool well = true;
    put_many(3000);
    assert_int_equal(pthread_create(&thread, NULL, ingest_beside, &well), 0);
    for (int i = 0; i < 5; i++) {
        engine_rule *gone = make(rule_named("gone", RUNNING));
        engine_rule *stays = make(rule_named(i % 2 ? "odd" : "even", RUNNING));
        act(gone, ENGINE_DEACTIVATE);
        act(gone, ENGINE_DELETE);
        struct listing l = wait_for(stays);
        assert_int_equal(l.counts.total, 3000);
        assert_int_equal(rows_left_by(gone), 0);
        act(stays, ENGINE_DEACTIVATE);
        act(stays, ENGINE_DELETE);
    }
    pthread_join(thread, NULL);
    assert_true(well);
}

struct progressing {
    engine_progress *rows;
    size_t count;
    int64_t runs, evaluated;
};

static int progress_work(store_session *session, void *argument, pl_error *wrong) {
    struct progressing *p = argument;
    return engine_list_progress(e, session, &arena, owner, 10, &p->rows, &p->count, wrong) != 0
               ? -1
               : engine_sum_progress(session, &p->runs, &p->evaluated, wrong);
}

static struct progressing progress(void) {
    struct progressing p;
    if (store_read(db, progress_work, &p, &error) != 0)
        fail_msg("%s", error.message);
    return p;
}

static void a_run_tells_how_far_it_is(void **state) {
    (void)state;
    bool worked;
    put_many(2500);
    engine_rule *rule = make(rule_named("running", RUNNING));
    struct progressing p = progress();
    assert_int_equal(p.count, 1);
    assert_int_equal(p.runs, 0);
    assert_false(p.rows[0].begun);
    assert_int_equal(p.rows[0].evaluated, 0);
    assert_int_equal(p.rows[0].resources, 2500);
    assert_str(p.rows[0].rule_id, rule->rule_id.p);
    assert_true(list(rule).evaluating);
    assert_int_equal(engine_work(e, &worked, &error), 0);
    p = progress();
    assert_int_equal(p.count, 1);
    assert_int_equal(p.runs, 1);
    assert_true(p.rows[0].begun);
    assert_true(p.evaluated > 0 && p.evaluated < 2500);
    assert_int_equal(p.rows[0].evaluated, p.evaluated);
    assert_str(p.rows[0].resource_type, "ACS::ECS::Instance");
    assert_true(list(rule).evaluating);
    do
        assert_int_equal(engine_work(e, &worked, &error), 0);
    while (worked);
    assert_int_equal(progress().count, 0);
    assert_false(list(rule).evaluating);
}

static void a_run_goes_on_after_a_restart(void **state) {
    (void)state;
    bool worked;
    put_many(1500);
    engine_rule *rule = make(rule_named("running", RUNNING));
    assert_int_equal(engine_work(e, &worked, &error), 0);
    engine_close(e);
    assert_int_equal(open_engine(), 0);
    do
        assert_int_equal(engine_work(e, &worked, &error), 0);
    while (worked);
    struct listing l = list(rule);
    assert_false(l.evaluating);
    assert_int_equal(l.counts.total, 1500);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], 150);
}

static void a_deactivated_rule_runs_no_more(void **state) {
    (void)state;
    bool worked;
    put_many(1500);
    engine_rule *rule = make(rule_named("running", RUNNING));
    assert_int_equal(engine_work(e, &worked, &error), 0);
    act(rule, ENGINE_DEACTIVATE);
    assert_int_equal(engine_work(e, &worked, &error), 0);
    assert_false(list(rule).evaluating);
    act(rule, ENGINE_DELETE);
    do
        assert_int_equal(engine_work(e, &worked, &error), 0);
    while (worked);
    put("[" INSTANCE("i-00000", "Running") "]");
}

static void a_resource_that_a_disabled_rule_never_saw_is_not_compliant(void **state) {
    (void)state;
    put("[" INSTANCE("i-1", "Running") "]");
    engine_rule *rule = make(rule_named("running", RUNNING));
    act(rule, ENGINE_DEACTIVATE);
    put("[" INSTANCE("i-2", "Running") "]");
    struct listing l = list(rule);
    assert_int_equal(l.counts.by[ENGINE_COMPLIANT], 1);
    assert_int_equal(l.counts.by[ENGINE_INSUFFICIENT_DATA], 1);
    act(rule, ENGINE_ACTIVATE);
    assert_int_equal(list(rule).counts.by[ENGINE_COMPLIANT], 2);
}

static void drain(void) {
    bool worked;
    do
        if (engine_work(e, &worked, &error) != 0)
            fail_msg("%s", error.message);
    while (worked);
}

static void a_scheduled_rule_waits_for_its_time(void **state) {
    (void)state;
    engine_rule scheduled = rule_named("scheduled", RUNNING);
    scheduled.triggers = ENGINE_TRIGGER_SCHEDULE;
    scheduled.frequency = PL_STR("One_Hour");
    engine_rule *rule = make(scheduled);
    put("[" INSTANCE("i-1", "Stopped") "]");
    drain();
    assert_int_equal(list(rule).results[0].compliance, ENGINE_INSUFFICIENT_DATA);
    now += 3600000 - 1;
    drain();
    assert_int_equal(list(rule).results[0].compliance, ENGINE_INSUFFICIENT_DATA);
    now += 1;
    drain();
    struct listing l = list(rule);
    assert_int_equal(l.results[0].compliance, ENGINE_NON_COMPLIANT);
    assert_str(l.results[0].trigger, "ScheduledNotification");
    assert_int_equal(l.results[0].ordering, now);
    /* Three missed periods are made up for once. */
    now += 3 * 3600000;
    drain();
    assert_int_equal(list(rule).results[0].ordering, now);
    now += 1800000;
    drain();
    assert_int_equal(list(rule).current.run_ordering, now - 1800000);
}

struct days {
    engine_statistic *items;
    size_t count;
};

static int days_work(store_session *session, void *argument, pl_error *wrong) {
    struct days *d = argument;
    engine_group own = {owner, PL_STR_NONE};
    return engine_list_statistics(session, &arena, &own, now, &d->items, &d->count, wrong);
}

static void a_day_that_ends_leaves_its_figures(void **state) {
    (void)state;
    struct days days;
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "]");
    make(rule_named("running", RUNNING));
    now += 86400000;
    drain();
    assert_int_equal(store_read(db, days_work, &days, &error), 0);
    assert_int_equal(days.count, 1);
    assert_str(days.items[0].date, "2023-11-15");
    assert_int_equal(days.items[0].resources, 2);
    assert_int_equal(days.items[0].non_compliant_resources, 1);
    assert_int_equal(days.items[0].non_compliant_rules, 1);
}

static void a_fixed_hour_is_meant_in_its_zone(void **state) {
    (void)state;
    engine_rule scheduled = rule_named("daily", RUNNING);
    scheduled.triggers = ENGINE_TRIGGER_SCHEDULE;
    scheduled.frequency = PL_STR("TwentyFour_Hours");
    scheduled.extend_content = PL_STR("{\"fixedHour\":\"12\"}");
    engine_rule *rule = make(scheduled); /* made on 2023-11-15 06:13:20 at UTC+8 */
    put("[" INSTANCE("i-1", "Stopped") "]");
    now = 1700020800000 - 1; /* 12:00 at UTC+8 */
    drain();
    assert_int_equal(list(rule).results[0].compliance, ENGINE_INSUFFICIENT_DATA);
    now = 1700020800000;
    drain();
    assert_int_equal(list(rule).results[0].compliance, ENGINE_NON_COMPLIANT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_and_ingestion_agree_on_the_counts, setup_threads, teardown),
        cmocka_unit_test_setup_teardown(a_rule_deleted_while_it_runs_leaves_nothing, setup_threads, teardown),
        cmocka_unit_test_setup_teardown(a_run_tells_how_far_it_is, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_run_goes_on_after_a_restart, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_deactivated_rule_runs_no_more, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_resource_that_a_disabled_rule_never_saw_is_not_compliant,
                                        setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_day_that_ends_leaves_its_figures, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_scheduled_rule_waits_for_its_time, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_fixed_hour_is_meant_in_its_zone, setup_by_hand, teardown),
    };
    return run_on_both(tests);
}
