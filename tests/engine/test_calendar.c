/*
 * What happens by the calendar and what sums up: scheduled runs, daily figures, marks that end, progress of
 * runs, counts by region and type; and which accounts and resources a rule concerns.
 */
#include "support/testing.h"

#include "engine/histories.h"

#include "engine/group.h"

#include "engine/kept.h"
#include "engine/summary.h"
#include "engine/work.h"

static const engine_group own = {PL_STR_INIT("100000000000001"), PL_STR_INIT("")};
static const int64_t hour = 3600000;

/* The member lies in fd-1. */
static int in_folder(void *context, store_session *session, pl_str account_id, pl_str folder_id, bool *inside,
                     pl_error *wrong) {
    (void)context;
    (void)session;
    if (pl_str_is(folder_id, "fd-broken"))
        return pl_fail(wrong, PL_E_ServiceUnavailable);
    *inside = pl_str_is(folder_id, "fd-1") && pl_str_eq(account_id, member);
    return 0;
}

static int setup_by_hand(void **state) {
    found_group(2);
    group_answers.in_folder = in_folder;
    return setup_history(state, 0, 21);
}

static engine_list list_of(const char *text) {
    engine_list made;
    assert_int_equal(engine_list_parse(&arena, pl_str_from(text), &made, &error), 0);
    return made;
}

/* Works while more and more of it succeeds; what is done stays done. */
static int try_to_work(void *argument, pl_error *wrong) {
    bool worked;
    (void)argument;
    return engine_work(e, &worked, wrong);
}

static void work_off(void) {
    rehearse_reading(try_to_work, NULL);
    drain();
}

/* --- Schedules --------------------------------------------------------------------------------------------
 */

static int64_t next_run(const engine_rule *rule, int64_t last_run) {
    int64_t next = 0;
    assert_int_equal(engine_next_scheduled(rule, last_run, &next, &error), 0);
    return next;
}

static void the_next_run_follows_frequency_and_hour(void **state) {
    (void)state;
    engine_rule rule = {.created = 1700000000000, .frequency = PL_STR("Six_Hours")};
    int64_t noon = 1700020800000; /* 2023-11-15 12:00 in UTC+8 */
    assert_int_equal(next_run(&rule, 0), rule.created + 6 * hour);
    assert_int_equal(next_run(&rule, noon), noon + 6 * hour);
    rule.extend_content = PL_STR("{\"fixedHour\":\"12\"}");
    assert_int_equal(next_run(&rule, noon), noon + 6 * hour); /* the hour is for daily ones */
    rule.frequency = PL_STR("unknown");
    assert_int_equal(next_run(&rule, noon), noon + 24 * hour);
    rule.frequency = PL_STR("TwentyFour_Hours");
    assert_int_equal(next_run(&rule, noon - hour), noon);
    assert_int_equal(next_run(&rule, noon), noon + 24 * hour);
    rule.extend_content = PL_STR("{\"fixedHour\":12}");
    assert_int_equal(next_run(&rule, noon + hour), noon + 24 * hour);
    static const char *const useless[] = {"{", "{}", "{\"fixedHour\":\"x\"}", "{\"fixedHour\":24}",
                                          "{\"fixedHour\":-1}"};
    for (size_t i = 0; i < sizeof useless / sizeof *useless; i++) {
        rule.extend_content = pl_str_from(useless[i]);
        assert_int_equal(next_run(&rule, noon), noon + 24 * hour);
    }
}

static engine_rule scheduled(const char *name, pl_str account) {
    engine_rule rule = rule_named(name, RUNNING);
    rule.account_id = account;
    rule.triggers = ENGINE_TRIGGER_SCHEDULE;
    rule.frequency = PL_STR("One_Hour");
    return rule;
}

static int64_t last_run(const engine_rule *rule) {
    return list(rule).current.run_ordering;
}

static void missed_periods_are_made_up_for_once(void **state) {
    (void)state;
    put("[" INSTANCE("i-1", "Stopped") "]");
    engine_rule *rules[2] = {make(scheduled("one", owner)), make(scheduled("two", owner))};
    engine_rule *stopped = make(scheduled("stopped", owner));
    act(stopped, ENGINE_DEACTIVATE);
    make(scheduled("of another account", member));
    drain();
    int64_t begun = last_run(stopped);
    now += 5 * hour;
    work_off();
    assert_int_equal(last_run(rules[0]), now);
    assert_int_equal(last_run(rules[1]), now);
    assert_int_equal(last_run(stopped), begun);
    int64_t at = now;
    now += hour / 2;
    drain();
    assert_int_equal(last_run(rules[0]), at);
    counts_are_exact(rules, 2);
}

static int crowd_work(store_session *session, void *argument, pl_error *wrong) {
    engine_rule *last = argument;
    engine_context context = context_of_test();
    context.rules_limit = 0;
    for (int i = 0; i < 205; i++) {
        engine_rule rule = scheduled(pl_arena_printf(&arena, "rule %d", i).p, owner);
        if (engine_rule_create(&context, session, &rule, PL_STR_NONE, wrong) != 0)
            return -1;
        *last = rule;
    }
    return 0;
}

static void more_than_a_page_of_rules_run(void **state) {
    (void)state;
    bool worked = false;
    put_plainly(owner, "[" INSTANCE("i-1", "Stopped") "]");
    engine_rule last;
    assert_int_equal(store_write(db, crowd_work, &last, &error), 0);
    now += hour;
    assert_int_equal(engine_work_schedules(e, now, &worked, &error), 0);
    assert_true(worked);
    assert_int_equal(last_run(&last), now);
}

/* Between being found due and being started: SQLite does it as soon as the first one starts. */
static int meddle_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong,
                     "CREATE TRIGGER meddling AFTER INSERT ON rule_schedules BEGIN DELETE FROM rules WHERE "
                     "name = 'gone'; UPDATE rules SET state = 2 WHERE name = 'off'; UPDATE rules SET "
                     "frequency = 'TwentyFour_Hours' WHERE name = 'rarer'; END",
                     "");
}

static void what_is_no_longer_due_is_not_started(void **state) {
    (void)state;
    bool worked = false;
    put_plainly(owner, "[" INSTANCE("i-1", "Stopped") "]");
    engine_rule *first = make(scheduled("first", owner));
    make(scheduled("gone", owner));
    engine_rule *off = make(scheduled("off", owner)), *rarer = make(scheduled("rarer", owner));
    int64_t begun = last_run(off);
    assert_int_equal(store_write(db, meddle_work, NULL, &error), 0);
    now += hour;
    assert_int_equal(engine_work_schedules(e, now, &worked, &error), 0);
    assert_int_equal(last_run(first), now);
    assert_int_equal(last_run(off), begun);
    assert_int_equal(last_run(rarer), begun);
    assert_int_equal(list(off).current.state, ENGINE_INACTIVE);
}

#ifdef PL_TESTS_WITH_FAULTS
static engine_rule *daily_rule;
static int64_t ran_last;

static void prepare_day(void) {
    ran_last = last_run(daily_rule);
    now += 24 * hour;
}

static void run_schedules(void) {
    bool worked;
    pl_error wrong = {0};
    int status = engine_work_schedules(e, now, &worked, &wrong);
    if (status != 0)
        assert_true(wrong.http_status >= 500);
    fault_end(); /* what follows is no part of the attempt */
    int64_t ran = last_run(daily_rule);
    assert_true(ran == now || (status != 0 && ran == ran_last));
}

static void schedules_run_wholly_or_again(void **state) {
    (void)state;
    put_plainly(owner, "[" INSTANCE("i-1", "Stopped") "]");
    engine_rule daily = scheduled("daily", owner);
    daily.frequency = PL_STR("TwentyFour_Hours");
    daily.extend_content = PL_STR("{\"fixedHour\":\"12\"}");
    struct making m = {daily};
    assert_int_equal(store_write(db, make_work, &m, &error), 0);
    daily_rule = &m.rule;
    for (unsigned kind = 0; kind < FAULTS; kind++)
        with_every_fault((fault)kind, prepare_day, run_schedules);
    assert_int_equal(last_run(daily_rule), now);
}
#endif

/* --- Marks that end ---------------------------------------------------------------------------------------
 */

static int ignore_work(store_session *session, void *argument, pl_error *wrong) {
    const engine_rule *rule = argument;
    char date[PL_TIME_TEXT];
    pl_str until = pl_time_date(now + 48 * hour, 480, date);
    const engine_resource_name names[] = {
        {owner, PL_STR("ACS::ECS::Instance"), PL_STR("cn-beijing"), PL_STR("i-1")},
        {owner, PL_STR("ACS::ECS::Instance"), PL_STR("cn-beijing"), PL_STR("i-2")}};
    return engine_ignore_results(e, session, rule, names, 2, until, PL_STR("known"), now, wrong);
}

static void marks_end_on_their_day(void **state) {
    (void)state;
    bool worked = false;
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Stopped") "]");
    engine_rule *rule = make(rule_named("running", RUNNING));
    struct making m = {list(rule).current};
    if (write_in_test(ignore_work, &m, sizeof m) != 0)
        fail_msg("%s: %s", error.code, error.message);
    assert_int_equal(list(rule).counts.by[ENGINE_IGNORED], 2);
    assert_int_equal(engine_work_marks(e, now, &worked, &error), 0);
    assert_false(worked);
    now += 72 * hour;
    assert_int_equal(engine_work_marks(e, now, &worked, &error), 0);
    assert_true(worked);
    assert_int_equal(list(rule).counts.by[ENGINE_IGNORED], 0);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 2);
}

#ifdef PL_TESTS_WITH_FAULTS
static engine_rule marked_rule;

static void prepare_marks(void) {
    bool worked;
    assert_int_equal(engine_work_marks(e, now, &worked, &error), 0);
    assert_int_equal(store_write(db, ignore_work, &marked_rule, &error), 0);
    now += 72 * hour;
}

static void lift_marks(void) {
    bool worked;
    pl_error wrong = {0};
    int status = engine_work_marks(e, now, &worked, &wrong);
    if (status != 0)
        assert_true(wrong.http_status >= 500);
    fault_end(); /* what follows is no part of the attempt */
    engine_counts counts = list(&marked_rule).counts;
    assert_int_equal(counts.by[status == 0 ? ENGINE_NON_COMPLIANT : ENGINE_IGNORED], 2);
}

static void marks_are_all_lifted_or_none(void **state) {
    (void)state;
    put_plainly(owner, "[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Stopped") "]");
    struct making m = {rule_named("running", RUNNING)};
    assert_int_equal(store_write(db, make_work, &m, &error), 0);
    marked_rule = list(&m.rule).current;
    for (unsigned kind = 0; kind < FAULTS; kind++)
        with_every_fault((fault)kind, prepare_marks, lift_marks);
    assert_int_equal(list(&marked_rule).counts.by[ENGINE_NON_COMPLIANT], 2);
}
#endif

/* --- Daily figures ----------------------------------------------------------------------------------------
 */

struct figures {
    engine_statistic *days;
    size_t count;
    engine_group group;
};

static int figures_work(store_session *session, void *argument, pl_error *wrong) {
    struct figures *f = argument;
    if (engine_list_statistics(session, &arena, &f->group, now, &f->days, &f->count, wrong) != 0)
        return -1;
    for (size_t i = 0; i < f->count; i++)
        assert_int_equal(f->days[i].date.n, 10);
    return 0;
}

static struct figures figures_of(engine_group group) {
    struct figures f = {.group = group};
    if (read_in_test(figures_work, &f, sizeof f) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return f;
}

static void days_that_have_ended_have_figures(void **state) {
    (void)state;
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "]");
    engine_rule rule = rule_named("running", RUNNING);
    make(rule);
    rule.aggregator_id = PL_STR("ca-1");
    rule.scope.region_ids = list_of("cn-beijing");
    make(rule);
    assert_int_equal(figures_of(own).count, 0);
    for (int day = 0; day < 3; day++) {
        now += 24 * hour;
        work_off();
    }
    struct figures f = figures_of((engine_group){owner, PL_STR_NONE});
    assert_int_equal(f.count, 3);
    assert_int_equal(f.days[2].resources, 2);
    assert_int_equal(f.days[2].non_compliant_resources, 1);
    assert_int_equal(f.days[2].rules, 1);
    assert_int_equal(f.days[2].non_compliant_rules, 1);
    f = figures_of((engine_group){owner, PL_STR("ca-1")});
    assert_int_equal(f.count, 3);
    assert_int_equal(f.days[1].non_compliant_resources, 1);
}

/* --- Progress ---------------------------------------------------------------------------------------------
 */

struct moving {
    engine_progress *rows;
    size_t limit, count;
    int64_t runs, evaluated;
};

static int progress_work(store_session *session, void *argument, pl_error *wrong) {
    struct moving *m = argument;
    if (engine_list_progress(e, session, &arena, owner, m->limit, &m->rows, &m->count, wrong) != 0)
        return -1;
    return engine_sum_progress(session, &m->runs, &m->evaluated, wrong);
}

static struct moving progress(size_t limit) {
    struct moving m = {.limit = limit};
    if (read_in_test(progress_work, &m, sizeof m) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return m;
}

static int lose_rule_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong, "UPDATE evaluation_runs SET rule_key = 999 WHERE rule_key = 2", "");
}

static void runs_tell_how_far_they_are(void **state) {
    (void)state;
    bool worked;
    put_random(1150, true);
    engine_rule *rules[2] = {make_rule(0), make_rule(1)};
    struct moving m = progress(10);
    assert_int_equal(m.count, 2);
    assert_false(m.rows[0].begun);
    assert_int_equal(m.runs, 0);
    assert_true(m.rows[0].resources > 900);
    assert_true(pl_str_eq(m.rows[0].rule_id, rules[0]->rule_id));
    assert_int_equal(progress(1).count, 1);
    assert_int_equal(engine_work(e, &worked, &error), 0);
    drain();
    assert_int_equal(progress(10).count, 0);
    now += 1000;
    start_rules(rules, 2);
    assert_int_equal(store_write(db, lose_rule_work, NULL, &error), 0);
    m = progress(10); /* a run whose rule is gone says nothing of its resources */
    assert_int_equal(m.count, 2);
    assert_int_equal(m.rows[1].resources, 0);
    drain();
}

/* --- Sums -------------------------------------------------------------------------------------------------
 */

struct summing {
    const engine_rule *rules;
    size_t rule_count, account_count;
    pl_str accounts[2];
    engine_summary summary;
    engine_grouping by;
    engine_group_counts *groups;
    size_t count;
};

static engine_summary_input input_of(const struct summing *s) {
    return (engine_summary_input){s->rules, s->rule_count, s->accounts, s->account_count};
}

static int sum_work(store_session *session, void *argument, pl_error *wrong) {
    struct summing *s = argument;
    engine_summary_input in = input_of(s);
    return engine_summarize(e, session, &arena, &in, &s->summary, wrong);
}

static int group_work(store_session *session, void *argument, pl_error *wrong) {
    struct summing *s = argument;
    engine_summary_input in = input_of(s);
    return engine_count_grouped(e, session, &arena, &in, s->by, &s->groups, &s->count, wrong);
}

static struct summing summed(store_work work, struct summing s) {
    if (read_in_test(work, &s, sizeof s) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return s;
}

static void sums_count_each_resource_once(void **state) {
    (void)state;
    engine_rule rules[5];
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE(
        "i-2", "Running") ",{\"resourceType\":\"ACS::ECS::Disk\",\"resourceId\":\"d-1\",\"regionId\":\"cn-"
                          "other\"}]");
    put_as(member, "[" INSTANCE("i-3", "Stopped") "]");
    engine_rule rule = rule_named("whole", RUNNING);
    rules[0] = list(make(rule)).current;
    rule.name = PL_STR("narrow");
    rule.risk_level = 3;
    rule.scope.resource_types = list_of("ACS::ECS::Instance,ACS::ECS::Disk");
    rule.scope.region_ids = list_of("cn-beijing");
    rules[1] = list(make(rule)).current;
    rule.name = PL_STR("inactive");
    engine_rule *inactive = make(rule);
    act(inactive, ENGINE_DEACTIVATE);
    rules[2] = list(inactive).current;
    rule.aggregator_id = PL_STR("ca-1");
    rule.scope.account_ids = list_of("100000000000002");
    rules[3] = list_over(make(rule), &member, 1).current;
    rules[4] = rules[0];
    rules[4].run_ordering = 0; /* it has not run to its end */
    struct summing s = {.rules = rules, .rule_count = 4, .accounts = {owner, member}, .account_count = 2};
    engine_summary sum = summed(sum_work, s).summary;
    assert_int_equal(sum.covered_resources, 3);
    assert_int_equal(sum.non_compliant_resources, 2);
    assert_int_equal(sum.rules, 3);
    assert_int_equal(sum.non_compliant_rules, 3);
    struct summing by_region = s;
    by_region.by = ENGINE_BY_REGION;
    by_region = summed(group_work, by_region);
    assert_int_equal(by_region.count, 1);
    assert_int_equal(by_region.groups[0].counts.by[ENGINE_NON_COMPLIANT], 4);
    struct summing by_type = s;
    by_type.by = ENGINE_BY_TYPE;
    by_type.rule_count = 5;
    by_type = summed(group_work, by_type);
    assert_int_equal(by_type.count, 1);
    assert_true(by_type.groups[0].counts.by[ENGINE_INSUFFICIENT_DATA] > 0);
    s.account_count = 0;
    assert_int_equal(summed(sum_work, s).summary.covered_resources, 0);
    assert_int_equal(summed(group_work, s).count, 0);
}

/* A rule that has not run yet neither covers nor judges; what nothing could judge counts as neither. */
static void sums_leave_out_what_has_not_run(void **state) {
    (void)state;
    engine_rule rules[4];
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\",\"regionId\":\"cn-beijing\","
        "\"tags\":{\"team\":[\"a\"]}},{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-2\","
        "\"regionId\":\"cn-other\",\"tags\":{\"team\":[\"b\"]},\"configuration\":{}}]");
    engine_rule rule = rule_named("narrow", RUNNING);
    rule.scope.tags = (engine_tags){&(engine_tag){PL_STR("team"), PL_STR("a")}, 1};
    rules[0] = list(make(rule)).current;
    rule.name = PL_STR("wide");
    rule.scope.tags = (engine_tags){0};
    rule.scope.region_ids = list_of("cn-beijing,cn-other");
    rules[1] = list(make(rule)).current;
    rules[1].run_ordering = 0;
    rules[1].rule_key = 999;
    rule.name = PL_STR("elsewhere");
    rule.scope.region_ids = list_of("cn-third");
    rules[2] = list(make(rule)).current;
    rule.name = PL_STR("both");
    rule.scope.resource_types = list_of("ACS::ECS::Disk");
    rule.scope.region_ids = (engine_list){0};
    rules[3] = list(make(rule)).current;
    put("[{\"resourceType\":\"ACS::ECS::Disk\",\"resourceId\":\"d-1\",\"regionId\":\"r\",\"configuration\":{"
        "\"Status\":\"Stopped\"}}]");
    now++;
    put("[{\"resourceType\":\"ACS::ECS::Disk\",\"resourceId\":\"d-1\",\"regionId\":\"r\",\"configuration\":{"
        "\"Status\":\"Running\"}},{\"resourceType\":\"ACS::ECS::Disk\",\"resourceId\":\"d-2\",\"regionId\":"
        "\"r\"}]");
    struct summing s = {.rules = rules, .rule_count = 4, .accounts = {owner}, .account_count = 1};
    engine_summary sum = summed(sum_work, s).summary;
    assert_int_equal(sum.covered_resources, 3);
    assert_int_equal(sum.compliant_resources, 1); /* d-1 has recovered */
    assert_int_equal(sum.non_compliant_resources, 0);
}

/* --- Whom a group rule concerns ---------------------------------------------------------------------------
 */

static engine_counts counts_over(engine_rule rule) {
    const pl_str accounts[] = {owner, member};
    static int made;
    rule.aggregator_id = PL_STR("ca-1");
    rule.name = pl_arena_printf(&arena, "rule %d", made++);
    return list_over(make(rule), accounts, 2).counts;
}

static void accounts_and_folders_limit_group_rules(void **state) {
    (void)state;
    put("[" INSTANCE("i-1", "Running") "]");
    put_as(member, "[" INSTANCE("i-2", "Running") "," INSTANCE("i-3", "Running") "]");
    engine_rule rule = rule_named("", RUNNING);
    assert_int_equal(counts_over(rule).total, 3);
    rule.scope.folder_ids = list_of("fd-none,fd-1");
    assert_int_equal(counts_over(rule).total, 2);
    rule.scope.account_ids = list_of("100000000000001");
    assert_int_equal(counts_over(rule).total, 3); /* either suffices */
    rule.scope.exclude_account_ids = list_of("100000000000001");
    assert_int_equal(counts_over(rule).total, 2);
    rule.scope.exclude_folder_ids = list_of("fd-1");
    assert_int_equal(counts_over(rule).total, 0);
    rule.scope.exclude_folder_ids = list_of("fd-broken");
    rule.aggregator_id = PL_STR("ca-1");
    rule.name = PL_STR("broken");
    struct making m = {rule};
    assert_int_equal(store_write(db, make_work, &m, &error), -1);
    assert_string_equal(error.code, "ServiceUnavailable");
}

/* --- Rules that need related resources --------------------------------------------------------------------
 */

#define GATEWAY                                                                                              \
    "{\"resourceType\":\"ACS::NAT::NatGateway\",\"resourceId\":\"ngw-1\",\"regionId\":\"r\","                \
    "\"configuration\":{\"NatGatewayId\":\"ngw-1\",\"SnatTableEntries\":{\"SnatTableEntry\":[{\"SnatIp\":"   \
    "\"203.0.113.3,203.0.113.4\"}]}}}"
#define ADDRESS(id, width)                                                                                   \
    "{\"resourceType\":\"ACS::EIP::EipAddress\",\"resourceId\":\"" id "\",\"regionId\":\"r\","               \
    "\"configuration\":{\"InstanceId\":\"ngw-1\",\"Bandwidth\":\"" width "\"}}"

static void without_what_it_needs_a_rule_says_nothing(void **state) {
    (void)state;
    engine_rule rule = rule_named("widths", "");
    rule.owner = ENGINE_MANAGED;
    rule.identifier = PL_STR("natgateway-snat-eip-bandwidth-check");
    rule.scope.resource_types = list_of("ACS::NAT::NatGateway");
    engine_rule *made = make(rule);
    put("[" GATEWAY "]");
    struct listing l = list(made);
    assert_int_equal(l.counts.by[ENGINE_INSUFFICIENT_DATA], 1);
    put("[" ADDRESS("eip-1", "5") "]");
    assert_int_equal(list(made).counts.by[ENGINE_COMPLIANT], 1);
    put("[" ADDRESS("eip-2", "10") "]");
    assert_int_equal(list(made).counts.by[ENGINE_NON_COMPLIANT], 1);
    now++;
    put("[{\"resourceType\":\"ACS::EIP::EipAddress\",\"resourceId\":\"eip-2\",\"regionId\":\"r\","
        "\"resourceEventType\":\"REMOVE\"}]");
    assert_int_equal(list(made).counts.by[ENGINE_COMPLIANT], 1);
    now++;
    start_rules(&made, 1);
    drain();
    assert_int_equal(list(made).counts.by[ENGINE_COMPLIANT], 1);
    now++;
    put("[{\"resourceType\":\"ACS::EIP::EipAddress\",\"resourceId\":\"eip-1\",\"regionId\":\"r\","
        "\"resourceEventType\":\"REMOVE\"}]");
    assert_int_equal(list(made).counts.by[ENGINE_INSUFFICIENT_DATA], 1);
}

/* --- Damaged pages ----------------------------------------------------------------------------------------
 */

static pl_str page_body;

static int body_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    store_statement *st = store_prepare(session, "SELECT body FROM kept_pages LIMIT 1", wrong);
    if (store_step(st, wrong) != 1)
        return -1;
    page_body = pl_arena_copy(&arena, store_column_blob(st, 0));
    store_reset(st);
    return 0;
}

static bool opens(pl_str body) {
    pl_arena own_arena;
    engine_kept_page page;
    pl_arena_init(&own_arena, 64 << 20);
    bool opened = engine_kept_open(&own_arena, body, &page);
    pl_arena_free(&own_arena);
    return opened;
}

static void a_page_with_any_damage_is_not_opened(void **state) {
    (void)state;
    put_random(1150, true);
    make_rule(0);
    make_rule(RULES - 1);
    drain();
    assert_int_equal(store_read(db, body_work, NULL, &error), 0);
    assert_true(opens(page_body));
    assert_false(opens(pl_str_head(page_body, 7)));
    assert_false(opens(pl_str_head(page_body, page_body.n - 1)));
    for (size_t at = 0; at < page_body.n; at += at < 64 ? 1 : 97) {
        char *byte = (char *)(uintptr_t)page_body.p + at, was = *byte;
        *byte = (char)~was;
        if (opens(page_body))
            fail_msg("byte %zu of %zu", at, page_body.n);
        *byte = was;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_by_hand, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_next_run_follows_frequency_and_hour),
        TEST(missed_periods_are_made_up_for_once),
        TEST(more_than_a_page_of_rules_run),
        TEST(what_is_no_longer_due_is_not_started),
        TEST(marks_end_on_their_day),
#ifdef PL_TESTS_WITH_FAULTS
        TEST(schedules_run_wholly_or_again),
        TEST(marks_are_all_lifted_or_none),
#endif
        TEST(days_that_have_ended_have_figures),
        TEST(sums_leave_out_what_has_not_run),
        TEST(runs_tell_how_far_they_are),
        TEST(sums_count_each_resource_once),
        TEST(accounts_and_folders_limit_group_rules),
        TEST(without_what_it_needs_a_rule_says_nothing),
        TEST(a_page_with_any_damage_is_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
