/*
 * Workers whose statements fail now and then: what fails is told in the log and tried again, and in the end
 * the verdicts are those of a recount. And what is told of the work that waits.
 */
#include "support/store_faults.h"

#include "engine/histories.h"

#include "engine/group.h"
#include "engine/listed.h"
#include "engine/summary.h"

#include <fcntl.h>

enum { MADE = 4, ROUNDS = 14 };

static engine_rule *rules[MADE];

struct queues {
    int64_t runs, functions;
};

static int queues_work(store_session *session, void *argument, pl_error *wrong) {
    struct queues *q = argument;
    return engine_count_queues(session, &q->runs, &q->functions, wrong);
}

static struct queues waiting(void) {
    struct queues q;
    if (store_read(db, queues_work, &q, &error) != 0)
        fail_msg("%s", error.message);
    return q;
}

/* --- By threads -------------------------------------------------------------------------------------------
 */

static pl_log log_of_test;
static char log_path[64];

static int setup_log(void **state) {
    snprintf(log_path, sizeof log_path, "/tmp/plumbline-log-XXXXXX");
    int fd = mkstemp(log_path);
    if (fd < 0)
        return -1;
    log_of_test = (pl_log){.fd = fd, .least = PL_LOG_WARNING, .clock = pl_clock_fixed(&now)};
    engine_log = &log_of_test;
    group_answers = (engine_groups){0};
    is_spared = true;
    others_fail = 0;
    run_inside = 1;
    return setup_history(state, 3, 29);
}

static int teardown_log(void **state) {
    engine_log = NULL;
    run_inside = 0;
    int status = teardown(state);
    close(log_of_test.fd);
    unlink(log_path);
    return status;
}

/* Lines that say that an evaluation failed. */
static size_t failures_told(void) {
    static char text[1 << 20];
    static const char wanted[] = "evaluation: ";
    int fd = open(log_path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    size_t count = 0;
    close(fd);
    text[n > 0 ? n : 0] = 0;
    for (const char *at = text; (at = strstr(at, wanted)); at++)
        count++;
    return count;
}

/* Leases that could not be given back have run out for the next engine. */
static void restart(void) {
    char path[256];
    engine_close(e);
    store_close(db);
    now += 3600000;
    snprintf(path, sizeof path, "%s/test.db", db_directory);
    assert_int_equal(store_open(&db, pl_str_from(path), NULL, &error), 0);
    assert_int_equal(open_engine(), 0);
}

/* Another thread may store this one's transaction together with its own. */
static void start_in_spite(void) {
    struct start all = {rules, MADE};
    pl_error wrong = {0};
    while (store_write(db, start_work, &all, &wrong) != 0)
        assert_true(wrong.http_status >= 500);
    engine_after_commit(e);
}

static bool something_waits(void) {
    struct queues q;
    pl_error wrong = {0};
    return store_read(db, queues_work, &q, &wrong) != 0 || q.runs > 0;
}

static void workers_go_on_after_failures(void **state) {
    (void)state;
    put_random(RESOURCES + 1100, true);
    for (unsigned i = 0; i < MADE; i++)
        rules[i] = make_rule(i < MADE - 1 ? i : RULES - 1);
    counts_are_exact(rules, MADE);
    for (long round = 0; round < ROUNDS; round++) {
        size_t before = failures_told();
        others_fail = 7 + 5 * round;
        start_in_spite();
        while (failures_told() == before && something_waits())
            sched_yield();
        others_fail = 0;
        restart();
    }
    assert_true(failures_told() > 0);
    start_rules(rules, MADE);
    counts_are_exact(rules, MADE);
}

static void a_run_that_is_started_anew_is_given_up(void **state) {
    (void)state;
    put_random(RESOURCES + 1100, true);
    for (unsigned i = 0; i < MADE; i++)
        rules[i] = make_rule(i);
    for (unsigned i = 0; i < 40; i++) {
        now++;
        start_rules(rules + i % MADE, 1);
        sched_yield();
    }
    counts_are_exact(rules, MADE);
}

/* --- By hand ----------------------------------------------------------------------------------------------
 */

static int setup_by_hand(void **state) {
    group_answers = (engine_groups){0};
    run_inside = 1;
    return setup_history(state, 0, 29);
}

static int setup_group(void **state) {
    found_group(2);
    run_inside = 1;
    return setup_history(state, 0, 29);
}

static int teardown_by_hand(void **state) {
    run_inside = 0;
    return teardown(state);
}

static void try_to_count(void) {
    struct queues q;
    pl_error wrong = {0};
    if (store_read(db, queues_work, &q, &wrong) != 0)
        assert_true(wrong.http_status >= 500);
    else
        assert_int_equal(q.runs, 1);
}

static void prepare_nothing(void) {}

#define DISK                                                                                                 \
    "{\"resourceType\":\"ACS::ECS::Disk\",\"resourceId\":\"d-1\",\"regionId\":\"r\",\"configuration\":{}}"

static void what_waits_is_counted(void **state) {
    (void)state;
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "]");
    assert_int_equal(waiting().runs, 0);
    make(rule_named("running", RUNNING));
    engine_rule function = rule_named("function", "");
    function.owner = ENGINE_FUNCTION;
    function.identifier = PL_STR("acs:fc:cn-shanghai:100000000000001:functions/check");
    make(function);
    drain();
    assert_int_equal(waiting().runs, 0);
    assert_int_equal(waiting().functions, 2);
    make(rule_named("more", RUNNING));
    assert_int_equal(waiting().runs, 1);
    with_every_fault(FAULT_STEP, prepare_nothing, try_to_count);
}

struct progressing {
    engine_progress *rows;
    size_t count;
};

static int progress_work(store_session *session, void *argument, pl_error *wrong) {
    struct progressing *p = argument;
    return engine_list_progress(e, session, &arena, owner, 10, &p->rows, &p->count, wrong);
}

static int take_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong, "UPDATE evaluation_runs SET node = 'elsewhere'", "");
}

static void a_run_has_begun_when_a_node_has_taken_it(void **state) {
    (void)state;
    struct progressing p;
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "," DISK "]");
    make(rule_named("running", RUNNING));
    assert_int_equal(store_read(db, progress_work, &p, &error), 0);
    assert_int_equal(p.count, 1);
    assert_int_equal(p.rows[0].resources, 2);
    assert_false(p.rows[0].begun);
    assert_int_equal(store_write(db, take_work, NULL, &error), 0);
    assert_int_equal(store_read(db, progress_work, &p, &error), 0);
    assert_true(p.rows[0].begun);
}

/* A rule of a group runs until it has run in every account. */
static void a_rule_runs_until_its_last_account_is_done(void **state) {
    (void)state;
    bool worked;
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "]");
    put_as(member, "[" INSTANCE("i-3", "Stopped") "," INSTANCE("i-4", "Running") "]");
    engine_rule common = rule_named("running", RUNNING);
    common.aggregator_id = PL_STR("ca-1");
    engine_rule *rule = make(common);
    assert_int_equal(waiting().runs, 2);
    for (unsigned batches = 0; batches < 8 && waiting().runs == 2; batches++)
        assert_int_equal(engine_work(e, &worked, &error), 0);
    assert_int_equal(waiting().runs, 1);
    struct listing l = list(rule);
    assert_true(l.evaluating);
    assert_int_equal(l.current.run_ordering, 0);
    drain();
    l = list(rule);
    assert_false(l.evaluating);
    assert_int_equal(l.current.run_ordering, now);
}

static int start_member_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_start_account(e, session, member, argument, now, wrong);
}

/* A member that joins late is looked at alone: what the others show is as old as it was. */
static void a_run_in_one_account_renews_only_that(void **state) {
    (void)state;
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "]");
    put_as(member, "[" INSTANCE("i-3", "Stopped") "," INSTANCE("i-4", "Running") "]");
    engine_rule common = rule_named("running", RUNNING);
    common.aggregator_id = PL_STR("ca-1");
    engine_rule *rule = make(common);
    drain();
    int64_t first = now;
    now += 1000;
    struct listing l = list(rule);
    assert_int_equal(store_write(db, start_member_work, &l.current, &error), 0);
    drain();
    struct listing own = list(rule), theirs = list_over(rule, &member, 1);
    assert_int_equal(own.count, 2);
    assert_int_equal(theirs.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(own.results[i].ordering, first);
        assert_int_equal(theirs.results[i].ordering, now);
        assert_string_equal(theirs.results[i].trigger.p, "Manual");
    }
}

/* --- Results that wait to be listed ------------------------------------------------------------------------
 */

static int unlisted_work(store_session *session, void *argument, pl_error *wrong) {
    store_statement *st = store_prepare(session, "SELECT COUNT(*) FROM results WHERE listed = 0", wrong);
    if (store_step(st, wrong) != 1)
        return -1;
    *(int64_t *)argument = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

static int64_t unlisted(void) {
    int64_t count = -1;
    assert_int_equal(store_read(db, unlisted_work, &count, &error), 0);
    return count;
}

static void put_in_vain(const char *json) {
    engine_ingested out;
    pl_error wrong = {0};
    inventory_defaults defaults = {.account_id = owner, .catalogue = known};
    commits_fail = true;
    assert_int_equal(engine_ingest(e, &defaults, parsed(json), now, &out, &wrong), -1);
    commits_fail = false;
}

/* Changes that are undone are neither counted nor do they wait; listing that is undone is done the next time.
 */
static void what_is_undone_leaves_what_waits(void **state) {
    (void)state;
    pl_error wrong = {0};
    rules[0] = make_rule(0);
    rules[1] = make_rule(RULES - 1);
    drain();
    put_random(20, false);
    int64_t before = unlisted();
    assert_true(before > 0);
    put_in_vain("[" INSTANCE("i-x", "Stopped") "," INSTANCE("i-y", "Stopped") "]");
    assert_int_equal(unlisted(), before);
    counts_are_exact(rules, 2);
    commits_fail = true;
    assert_int_equal(engine_list_waiting(e, &wrong), -1);
    commits_fail = false;
    assert_int_equal(unlisted(), before);
    counts_are_exact(rules, 2);
    assert_int_equal(engine_list_waiting(e, &wrong), 0);
    assert_int_equal(unlisted(), 0);
    counts_are_exact(rules, 2);
}

/* So many that the run's bound is moved instead of catching up with them at the end. */
static void what_comes_in_great_number_meanwhile_is_met(void **state) {
    (void)state;
    bool worked;
    put_random(RESOURCES, true);
    rules[0] = make_rule(0);
    assert_int_equal(engine_work(e, &worked, &error), 0);
    put_many(2300);
    drain();
    counts_are_exact(rules, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_by_hand, teardown_by_hand)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(workers_go_on_after_failures, setup_log, teardown_log),
        cmocka_unit_test_setup_teardown(a_run_that_is_started_anew_is_given_up, setup_log, teardown_log),
        TEST(what_waits_is_counted),
        TEST(a_run_has_begun_when_a_node_has_taken_it),
        cmocka_unit_test_setup_teardown(a_rule_runs_until_its_last_account_is_done, setup_group,
                                        teardown_by_hand),
        cmocka_unit_test_setup_teardown(a_run_in_one_account_renews_only_that, setup_group, teardown_by_hand),
        TEST(what_is_undone_leaves_what_waits),
        TEST(what_comes_in_great_number_meanwhile_is_met),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
