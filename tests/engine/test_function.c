/*
 * The queue of events for functions and the results that they report: claims and leases, retries, one effect
 * of a repeated report, the order of runs, DeleteMode, other resources, accounts. On both databases.
 */
#include "support/testing.h"

#include "engine/function.h"
#include "engine/work.h"

#include "engine/group.h"

#define OWN "a0"
#define OTHER "b1"

static engine_rule function_rule(const char *name, const char *types) {
    engine_rule rule = rule_named(name, "");
    rule.owner = ENGINE_FUNCTION;
    rule.identifier = PL_STR("acs:fc:cn-shanghai:100000000000001:functions/check");
    rule.conditions = PL_STR("");
    if (engine_list_parse(&arena, pl_str_from(types), &rule.scope.resource_types, &error) != 0)
        fail_msg("%s", error.message);
    return rule;
}

/* --- One call in a transaction each ----------------------------------------------------------------------
 */

struct asking {
    const engine_rule *rule;
    pl_str node;
    int64_t lease, number, started, retry;
    size_t limit;
    engine_function_event *events;
    size_t count;
    const engine_function_event *event;
    const engine_report *reports;
    bool flag;
};

static struct asking write_asking(int (*work)(store_session *, void *, pl_error *), struct asking a) {
    if (write_in_test(work, &a, sizeof a) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return a;
}

static int claim_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_function_claim(session, &arena, a->rule->rule_key, a->node, now, a->lease, a->limit,
                                 &a->events, &a->count, wrong);
}

static struct asking claim_for(const engine_rule *rule, const char *node, size_t limit) {
    return write_asking(
        claim_work,
        (struct asking){.rule = rule, .node = pl_str_from(node), .lease = now + 1000, .limit = limit});
}

static int start_work(store_session *session, void *argument, pl_error *wrong) {
    bool found;
    engine_rule current;
    const engine_rule *rule = ((struct asking *)argument)->rule;
    if (engine_rule_find_key(session, &arena, owner, rule->rule_key, &current, &found, wrong) != 0)
        return -1;
    return engine_evaluate_rule(e, session, &current, false, now, wrong);
}

static int count_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_function_count(session, &((struct asking *)argument)->number, wrong);
}

static int64_t queued(void) {
    return write_asking(count_work, (struct asking){0}).number;
}

static int renew_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_function_renew(session, a->node, a->lease, wrong);
}

static int release_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_function_release(session, ((struct asking *)argument)->node, wrong);
}

static int fail_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_function_failed(session, a->event, PL_STR("TimeOut"), PL_STR("time out"), a->started,
                                  a->retry, now, wrong);
}

static int await_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_function_await(session, a->event, a->lease, wrong);
}

static int report_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_function_report(e, session, a->event, a->reports, a->count, a->flag, now, wrong);
}

static engine_report about(const char *id, engine_compliance compliance, int64_t reported) {
    return (engine_report){.account_id = owner,
                           .resource_type = PL_STR("ACS::ECS::Instance"),
                           .resource_id = pl_str_from(id),
                           .compliance = compliance,
                           .annotation = PL_STR("said"),
                           .reported = reported};
}

static void report(const engine_function_event *event, engine_report what) {
    write_asking(report_work, (struct asking){.event = event, .reports = &what, .count = 1});
}

static void refuse_report(const engine_function_event *event, engine_report what, const char *code) {
    struct asking a = {.event = event, .reports = &what, .count = 1};
    assert_int_equal(store_write(db, report_work, &a, &error), -1);
    assert_string_equal(error.code, code);
}

/* The shown result of one resource, or ENGINE_COMPLIANCE_COUNT. */
static engine_compliance shown(const engine_rule *rule, const char *id) {
    struct listing l = list(rule);
    for (size_t i = 0; i < l.count; i++)
        if (pl_str_is(l.results[i].resource.resource_id, id))
            return l.results[i].compliance;
    return ENGINE_COMPLIANCE_COUNT;
}

static engine_rule *two_resources(void) {
    put("[" INSTANCE(OWN, "Running") "," INSTANCE(OTHER, "Stopped") "]");
    return make(function_rule("f", "ACS::ECS::Instance"));
}

/* Starts the rule again a second later, with its events claimed. */
static struct asking run_again(const engine_rule *rule) {
    now += 1000;
    write_asking(start_work, (struct asking){.rule = rule});
    return claim_for(rule, "n", 10);
}

/* --- The queue --------------------------------------------------------------------------------------------
 */

static void a_run_queues_every_resource_once(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    assert_int_equal(queued(), 2);
    assert_int_equal(shown(rule, OWN), ENGINE_INSUFFICIENT_DATA);
    put("[" INSTANCE(OWN, "Starting") "]");
    assert_int_equal(queued(), 2);
    struct asking first = claim_for(rule, "n", 10);
    assert_int_equal(first.count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(first.events[i].attempts, 0);
}

static void a_claim_is_nobody_elses_until_its_lease_ends(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    assert_int_equal(claim_for(rule, "one", 1).count, 1);
    assert_int_equal(claim_for(rule, "two", 10).count, 1);
    assert_int_equal(claim_for(rule, "three", 10).count, 0);
    now += 900;
    write_asking(renew_work, (struct asking){.node = PL_STR("one"), .lease = now + 1000});
    now += 200;
    assert_int_equal(claim_for(rule, "three", 10).count, 1); /* that of "two", who did not renew */
    write_asking(release_work, (struct asking){.node = PL_STR("one")});
    assert_int_equal(claim_for(rule, "three", 10).count, 1);
    assert_int_equal(queued(), 2);
}

static void a_failed_event_is_tried_again_and_then_given_up(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    struct asking first = claim_for(rule, "n", 1);
    write_asking(fail_work, (struct asking){.event = first.events, .started = now - 5, .retry = now + 50});
    assert_int_equal(claim_for(rule, "n", 10).count, 1); /* the other one */
    now += 50;
    struct asking again = claim_for(rule, "n", 10);
    assert_int_equal(again.count, 1);
    assert_int_equal(again.events[0].attempts, 1);
    assert_int_equal(again.events[0].resource_key, first.events[0].resource_key);
    write_asking(fail_work, (struct asking){.event = again.events, .started = now, .retry = 0});
    assert_int_equal(queued(), 1);
    struct listing l = list(rule);
    assert_true(pl_str_is(l.current.last_error_code, "TimeOut"));
    assert_int_equal(l.current.last_failure_started, now);
}

static void an_event_that_was_replaced_does_not_fail_its_successor(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    struct asking first = claim_for(rule, "n", 10);
    struct asking next = run_again(rule);
    assert_int_equal(next.count, 2);
    for (size_t i = 0; i < 2; i++)
        write_asking(fail_work, (struct asking){.event = first.events + i, .started = now, .retry = 0});
    assert_int_equal(queued(), 2);
}

static void an_event_that_awaits_its_report_comes_back_overdue(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    struct asking first = claim_for(rule, "n", 1);
    write_asking(await_work, (struct asking){.event = first.events, .lease = now + 500});
    now += 499;
    assert_int_equal(claim_for(rule, "n", 1).events[0].awaiting, 0);
    now += 1;
    struct asking overdue = claim_for(rule, "n", 10);
    assert_int_equal(overdue.count, 1);
    assert_true(overdue.events[0].awaiting);
}

static void a_schedule_queues_by_resource_or_by_account(void **state) {
    bool worked = false;
    (void)state;
    put("[" INSTANCE(OWN, "Running") "]");
    engine_rule each = function_rule("each", "ACS::ECS::Instance");
    engine_rule whole = function_rule("whole", "ACS::::Account");
    each.triggers = whole.triggers = ENGINE_TRIGGER_SCHEDULE;
    each.frequency = whole.frequency = PL_STR("One_Hour");
    engine_rule *by_resource = make(each), *by_account = make(whole);
    now += 3600000;
    if (engine_work_schedules(e, now, &worked, &error) != 0)
        fail_msg("%s", error.message);
    struct asking resources = claim_for(by_resource, "n", 10), account = claim_for(by_account, "n", 10);
    assert_int_equal(resources.count, 1);
    assert_true(pl_str_is(engine_function_trigger(resources.events[0].message), "ScheduledNotification"));
    assert_true(resources.events[0].resource_key > 0);
    assert_int_equal(account.count, 1);
    assert_int_equal(account.events[0].resource_key, 0);
    assert_int_equal(account.events[0].ordering, now);
}

/* --- Reports ----------------------------------------------------------------------------------------------
 */

static void a_report_settles_its_event_once(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    struct asking run = claim_for(rule, "n", 10);
    report(run.events, about(OWN, ENGINE_NON_COMPLIANT, 5));
    assert_int_equal(queued(), 1);
    report(run.events, about(OWN, ENGINE_NON_COMPLIANT, 5));
    assert_int_equal(shown(rule, OWN), ENGINE_NON_COMPLIANT);
    struct listing l = list(rule);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], 1);
    assert_int_equal(l.counts.by[ENGINE_INSUFFICIENT_DATA], 1);
    assert_int_equal(l.current.last_success_started, run.events[0].ordering);
}

static void a_late_report_of_an_older_run_changes_nothing(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    struct asking first = claim_for(rule, "n", 10), second = run_again(rule);
    report(second.events, about(OWN, ENGINE_COMPLIANT, 1));
    report(first.events, about(OWN, ENGINE_NON_COMPLIANT, 99));
    assert_int_equal(shown(rule, OWN), ENGINE_COMPLIANT);
    report(second.events, about(OWN, ENGINE_NON_COMPLIANT, 0)); /* older within the run */
    assert_int_equal(shown(rule, OWN), ENGINE_COMPLIANT);
    report(second.events, about(OWN, ENGINE_NON_COMPLIANT, 2));
    assert_int_equal(shown(rule, OWN), ENGINE_NON_COMPLIANT);
}

static void a_report_names_resources_of_the_scope_only_and_all_of_them_or_none(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    struct asking run = claim_for(rule, "n", 10);
    engine_report foreign = about(OWN, ENGINE_COMPLIANT, 1), elsewhere = foreign, both[2];
    foreign.account_id = PL_STR("200000000000002");
    refuse_report(run.events, foreign, "Invalid.Evaluations.Value");
    refuse_report(run.events + 1, foreign, "Invalid.Evaluations.Value");
    elsewhere.resource_type = PL_STR("ACS::RDS::DBInstance");
    refuse_report(run.events, elsewhere, "Invalid.Evaluations.Value");
    elsewhere = about(OWN, ENGINE_COMPLIANT, 1); /* also in the event of that very resource */
    elsewhere.region_id = PL_STR("cn-elsewhere");
    refuse_report(run.events, elsewhere, "Invalid.Evaluations.Value");
    refuse_report(run.events + 1, elsewhere, "Invalid.Evaluations.Value");
    both[0] = about(OTHER, ENGINE_NON_COMPLIANT, 1);
    both[1] = about("i-unknown", ENGINE_COMPLIANT, 1);
    struct asking a = {.event = run.events, .reports = both, .count = 2};
    assert_int_equal(store_write(db, report_work, &a, &error), -1);
    assert_int_equal(shown(rule, OTHER), ENGINE_INSUFFICIENT_DATA);
    assert_int_equal(queued(), 2);
    both[1] = about(OWN, ENGINE_COMPLIANT, 1);
    write_asking(report_work, a);
    assert_int_equal(shown(rule, OTHER), ENGINE_NON_COMPLIANT);
    assert_int_equal(shown(rule, OWN), ENGINE_COMPLIANT);
}

static void delete_mode_withdraws_what_the_run_has_not_renewed(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    struct asking first = claim_for(rule, "n", 10);
    report(first.events, about(OWN, ENGINE_NON_COMPLIANT, 1));
    report(first.events + 1, about(OTHER, ENGINE_NON_COMPLIANT, 1));
    struct asking second = run_again(rule);
    engine_report own = about(OWN, ENGINE_COMPLIANT, 1);
    size_t own_event = second.events[0].resource_key < second.events[1].resource_key ? 0 : 1;
    struct asking a = {.event = second.events + own_event, .reports = &own, .count = 1, .flag = true};
    write_asking(report_work, a);
    assert_int_equal(shown(rule, OTHER), ENGINE_NON_COMPLIANT); /* its event still waits */
    write_asking(report_work, (struct asking){.event = second.events + 1 - own_event, .flag = true});
    assert_int_equal(shown(rule, OTHER), ENGINE_INSUFFICIENT_DATA);
    assert_int_equal(shown(rule, OWN), ENGINE_COMPLIANT);
}

static void an_account_is_reported_on_though_nobody_recorded_it(void **state) {
    (void)state;
    engine_rule *rule = make(function_rule("whole", "ACS::::Account"));
    struct asking run = claim_for(rule, "n", 10);
    assert_int_equal(run.count, 1);
    engine_report account = about(owner.p, ENGINE_NON_COMPLIANT, 1);
    account.resource_type = PL_STR("ACS::::Account");
    report(run.events, account);
    assert_int_equal(queued(), 0);
    assert_int_equal(shown(rule, owner.p), ENGINE_NON_COMPLIANT);
    account.resource_id = PL_STR("300000000000003");
    refuse_report(run.events, account, "Invalid.Evaluations.Value");
    struct asking again = run_again(rule);
    assert_int_equal(again.count, 1);
    account.resource_id = owner;
    account.compliance = ENGINE_COMPLIANT;
    report(again.events, account);
    assert_int_equal(queued(), 0);
    assert_int_equal(shown(rule, owner.p), ENGINE_COMPLIANT);
}

static void a_report_for_a_rule_that_is_gone_is_refused(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    struct asking run = claim_for(rule, "n", 10);
    act(rule, ENGINE_DELETE);
    assert_int_equal(queued(), 0);
    refuse_report(run.events, about(OWN, ENGINE_COMPLIANT, 1), "Invalid.ResultToken.Value");
}

static void the_result_of_a_failed_run_keeps_its_age(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    struct asking run = claim_for(rule, "n", 10);
    report(run.events, about(OWN, ENGINE_NON_COMPLIANT, 1));
    int64_t before = run.events[0].ordering;
    run_again(rule);
    struct listing l = list(rule);
    for (size_t i = 0; i < l.count; i++)
        if (pl_str_is(l.results[i].resource.resource_id, OWN))
            assert_int_equal(l.results[i].recorded, before);
}

/* --- Whose turn it is -------------------------------------------------------------------------------------
 */

static int next_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_function_next_rule(session, &arena, a->number, &a->number, &a->node, wrong);
}

static int due_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_function_has_due(session, a->rule->rule_key, now, &a->flag, wrong);
}

static bool is_due(const engine_rule *rule) {
    return write_asking(due_work, (struct asking){.rule = rule}).flag;
}

static void rules_with_events_are_found_one_after_the_other(void **state) {
    (void)state;
    engine_rule *first = two_resources(), *second = make(function_rule("g", "ACS::ECS::Instance"));
    struct asking next = write_asking(next_work, (struct asking){.number = 0});
    assert_int_equal(next.number, first->rule_key);
    assert_true(pl_str_eq(next.node, owner));
    next = write_asking(next_work, (struct asking){.number = next.number});
    assert_int_equal(next.number, second->rule_key);
    assert_int_equal(write_asking(next_work, (struct asking){.number = next.number}).number, 0);
    assert_true(is_due(first));
    assert_int_equal(claim_for(first, "n", 0).count, 0);
    assert_int_equal(claim_for(first, "n", 10).count, 2);
    assert_false(is_due(first));
    assert_true(is_due(second));
    now += 1000;
    assert_true(is_due(first));
}

/* SQLite has one process, so every claim is of one that is gone; on PostgreSQL leases run out. */
static void a_start_gives_back_what_nobody_can_hold_any_more(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    assert_int_equal(claim_for(rule, "of a process that is gone", 10).count, 2);
    write_asking(release_work, (struct asking){.node = PL_STR_NONE});
    assert_int_equal(claim_for(rule, "n", 10).count, on_postgres ? 0 : 2);
}

static void messages_without_a_name_have_none(void **state) {
    (void)state;
    assert_str(engine_function_trigger(0), "ConfigurationItemChangeNotification");
    assert_str(engine_function_trigger(-1), "");
    assert_str(engine_function_trigger(99), "");
}

/* --- What reports may be about ----------------------------------------------------------------------------
 */

#define ITEM(type, id, region, rest)                                                                         \
    "{\"resourceType\":\"" type "\",\"resourceId\":\"" id "\",\"regionId\":\"" region "\"," rest "}"
#define TAGGED(id, status)                                                                                   \
    ITEM("ACS::ECS::Instance", id, "cn-beijing",                                                             \
         "\"tags\":{\"team\":[\"a\"]},\"configuration\":{\"Status\":\"" status "\"}")
#define GONE(type, id, region) ITEM(type, id, region, "\"resourceEventType\":\"REMOVE\"")

static void a_report_tells_of_every_account_of_the_group(void **state) {
    (void)state;
    const pl_str both[] = {owner, member}, stranger = PL_STR("100000000000003");
    put("[" TAGGED(OWN, "Running") "]");
    put_as(member, "[" TAGGED("m2", "Running") "]");
    put_as(stranger, "[" TAGGED("s3", "Running") "]");
    engine_rule grouped = function_rule("grouped", "ACS::ECS::Instance");
    grouped.aggregator_id = PL_STR("ca-1");
    grouped.scope.tags = (engine_tags){&(engine_tag){PL_STR("team"), PL_STR("a")}, 1};
    engine_rule *rule = make(grouped);
    struct asking run = claim_for(rule, "n", 10);
    assert_int_equal(run.count, 2);
    engine_report reports[] = {about(OWN, ENGINE_NON_COMPLIANT, 1), about("m2", ENGINE_NON_COMPLIANT, 1),
                               about(OWN, ENGINE_COMPLIANT, 2)};
    reports[1].account_id = member;
    write_asking(report_work, (struct asking){.event = run.events, .reports = reports, .count = 3});
    struct listing l = list_over(rule, both, 2);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], 1);
    assert_int_equal(l.counts.by[ENGINE_COMPLIANT], 1);
    engine_report foreign = about("s3", ENGINE_COMPLIANT, 1);
    foreign.account_id = stranger;
    refuse_report(run.events, foreign, "Invalid.Evaluations.Value");
    engine_rule *single = make(function_rule("single", "ACS::ECS::Instance"));
    struct asking alone = claim_for(single, "n", 10);
    refuse_report(alone.events, foreign, "Invalid.Evaluations.Value"); /* nor may a rule of one account */
    refuse_report(alone.events, reports[1], "Invalid.Evaluations.Value");
    assert_int_equal(list_over(single, &member, 1).counts.total, 0);
}

/* What has gone since has no place for its result; what was never of the scope is refused. */
static void what_left_the_scope_has_no_place_for_its_result(void **state) {
    (void)state;
    put("[" INSTANCE(OWN, "Running") "," INSTANCE(OTHER, "Stopped") "]");
    put("[" ITEM("ACS::ECS::Instance", "elsewhere", "cn-other", "\"configuration\":{}") "]");
    engine_rule near = function_rule("near", "ACS::ECS::Instance");
    assert_int_equal(engine_list_parse(&arena, PL_STR("cn-beijing"), &near.scope.region_ids, &error), 0);
    engine_rule *rule = make(near);
    struct asking run = claim_for(rule, "n", 10);
    assert_int_equal(run.count, 2);
    refuse_report(run.events, about("elsewhere", ENGINE_NON_COMPLIANT, 1), "Invalid.Evaluations.Value");
    now++;
    put("[" GONE("ACS::ECS::Instance", OWN, "cn-beijing") "]");
    size_t own = run.events[0].resource_key < run.events[1].resource_key ? 0 : 1;
    report(run.events + own, about(OWN, ENGINE_NON_COMPLIANT, 1));
    assert_int_equal(shown(rule, OWN), ENGINE_COMPLIANCE_COUNT);
    assert_int_equal(list(rule).counts.total, 1);
    engine_function_event unknown = run.events[own];
    unknown.resource_key = 999999;
    report(&unknown, about("nobody knows it", ENGINE_NON_COMPLIANT, 1));
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 0);
}

/* Of many resources that a function reports on in one call, some may have gone while it looked at them. */
static void what_has_gone_does_not_take_the_other_results_along(void **state) {
    (void)state;
    put("[" INSTANCE(OWN, "Running") "," INSTANCE(OTHER, "Stopped") "," ITEM(
        "ACS::ECS::Disk", "d-1", "cn-beijing", "\"configuration\":{}") "]");
    engine_rule *rule = make(function_rule("many", "ACS::ECS::Instance"));
    struct asking run = claim_for(rule, "n", 10);
    assert_int_equal(run.count, 2);
    now++;
    put("[" GONE("ACS::ECS::Instance", OWN, "cn-beijing") "," GONE("ACS::ECS::Disk", "d-1",
                                                                   "cn-beijing") "]");
    size_t other = run.events[0].resource_key < run.events[1].resource_key ? 1 : 0;
    engine_report reports[] = {about(OWN, ENGINE_NON_COMPLIANT, 1), about(OTHER, ENGINE_NON_COMPLIANT, 1),
                               about("d-1", ENGINE_NON_COMPLIANT, 1)};
    reports[2].resource_type = PL_STR("ACS::ECS::Disk");
    write_asking(report_work, (struct asking){.event = run.events + other, .reports = reports, .count = 2});
    assert_int_equal(shown(rule, OWN), ENGINE_COMPLIANCE_COUNT);
    assert_int_equal(shown(rule, OTHER), ENGINE_NON_COMPLIANT);
    refuse_report(run.events + other, reports[2], "Invalid.Evaluations.Value"); /* of another type */
    reports[0].account_id = member;
    refuse_report(run.events + other, reports[0], "Invalid.Evaluations.Value");
}

static engine_report about_account(engine_compliance compliance) {
    engine_report account = about(owner.p, compliance, 1);
    account.resource_type = PL_STR("ACS::::Account");
    return account;
}

static void a_report_that_records_the_account_lets_other_rules_judge_it(void **state) {
    (void)state;
    engine_rule asking = rule_named("asking", RUNNING);
    assert_int_equal(
        engine_list_parse(&arena, PL_STR("ACS::::Account"), &asking.scope.resource_types, &error), 0);
    engine_rule *other = make(asking);
    put("[" INSTANCE(OWN, "Running") "]");
    engine_rule *rule = make(function_rule("both", "ACS::ECS::Instance,ACS::::Account"));
    struct asking run = claim_for(rule, "n", 10);
    assert_int_equal(run.count, 1);
    engine_report reports[] = {about(OWN, ENGINE_NON_COMPLIANT, 1), about_account(ENGINE_NON_COMPLIANT)};
    write_asking(report_work, (struct asking){.event = run.events, .reports = reports, .count = 2});
    assert_int_equal(shown(rule, OWN), ENGINE_NON_COMPLIANT);
    assert_int_equal(shown(rule, owner.p), ENGINE_NON_COMPLIANT);
    assert_int_equal(shown(other, owner.p), ENGINE_INSUFFICIENT_DATA);
    assert_int_equal(queued(), 0);
    now++;
    put("[" GONE("ACS::::Account", "100000000000001", "global") "]");
    assert_int_equal(shown(rule, owner.p), ENGINE_COMPLIANCE_COUNT);
    struct asking again = run_again(rule);
    reports[1].compliance = ENGINE_COMPLIANT;
    write_asking(report_work, (struct asking){.event = again.events, .reports = reports + 1, .count = 1});
    assert_int_equal(shown(rule, owner.p), ENGINE_COMPLIANT); /* it is recorded once more */
    assert_int_equal(shown(other, owner.p), ENGINE_INSUFFICIENT_DATA);
    reports[1].region_id = PL_STR("cn-elsewhere");
    refuse_report(again.events, reports[1], "Invalid.Evaluations.Value");
}

static void only_rules_of_accounts_are_reported_on_them(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    struct asking run = claim_for(rule, "n", 10);
    refuse_report(run.events, about_account(ENGINE_COMPLIANT), "Invalid.Evaluations.Value");
    engine_rule *plain = make(rule_named("plain", RUNNING));
    engine_function_event foreign = run.events[0];
    foreign.rule_key = plain->rule_key;
    refuse_report(&foreign, about(OWN, ENGINE_NON_COMPLIANT, 1), "Invalid.ResultToken.Value");
    assert_int_equal(shown(plain, OWN), ENGINE_COMPLIANT);
}

/* A type that no catalogue knows and nobody recorded: the function finds what it looks at by itself. */
static void what_nobody_recorded_is_asked_for_as_a_whole(void **state) {
    (void)state;
    engine_rule *unknown = make(function_rule("unknown", "ACS::Own::Thing"));
    engine_rule *every = make(function_rule("every", "*"));
    assert_int_equal(claim_for(unknown, "n", 10).count, 1);
    assert_int_equal(claim_for(every, "n", 10).count, 0);
    put("[" ITEM("ACS::Own::Thing", "t-1", "r", "\"configuration\":{}") "]");
    struct asking again = run_again(unknown);
    assert_int_equal(again.count, 2);
    assert_true(again.events[0].resource_key > 0 || again.events[1].resource_key > 0);
}

/* The run that queues every resource still waits for the workers. */
static void a_report_may_come_before_the_run(void **state) {
    (void)state;
    engine_rule *rule = two_resources();
    assert_int_equal(queued(), 0);
    now++;
    put("[" INSTANCE(OWN, "Stopped") "]");
    struct asking change = claim_for(rule, "n", 10);
    assert_int_equal(change.count, 1);
    engine_report reports[] = {about(OTHER, ENGINE_NON_COMPLIANT, 1)};
    write_asking(report_work,
                 (struct asking){.event = change.events, .reports = reports, .count = 1, .flag = true});
    assert_int_equal(shown(rule, OTHER), ENGINE_NON_COMPLIANT);
    bool worked = true;
    while (worked)
        assert_int_equal(engine_work(e, &worked, &error), 0);
    assert_int_equal(shown(rule, OTHER), ENGINE_NON_COMPLIANT); /* the run began earlier */
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 1);
}

/* --- Withdrawing many -------------------------------------------------------------------------------------
 */

#ifndef PL_TESTS_WITH_FAULTS
enum { PLENTY = 501 };

static int report_on_all_work(store_session *session, void *argument, pl_error *wrong) {
    const struct asking *a = argument;
    engine_report *reports = pl_new(&arena, engine_report, a->count);
    for (size_t i = 0; i < a->count; i++) {
        reports[i] = about(pl_arena_printf(&arena, "i-%05zu", i).p, ENGINE_NON_COMPLIANT, 1);
        if (engine_function_drop(session, a->events + i, wrong) != 0)
            return -1;
    }
    return engine_function_report(e, session, a->events, reports, a->number ? 0 : a->count, a->flag, now,
                                  wrong);
}

static void work_off(void) {
    bool worked = true;
    while (worked)
        if (engine_work(e, &worked, &error) != 0)
            fail_msg("%s", error.message);
}

static void more_results_than_a_page_are_withdrawn(void **state) {
    (void)state;
    struct asking run;
    if (on_postgres)
        return; /* pages are the same on both, and this takes long */
    put_many(PLENTY);
    engine_rule *rule = make(function_rule("f", "ACS::ECS::Instance"));
    work_off();
    for (int round = 0; round < 2; round++) {
        now += 1000;
        write_asking(start_work, (struct asking){.rule = rule});
        work_off();
        run = claim_for(rule, "n", PLENTY);
        assert_int_equal(run.count, PLENTY);
        run.number = run.flag = round == 1;
        assert_int_equal(store_write(db, report_on_all_work, &run, &error), 0);
        assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], round ? 0 : PLENTY);
    }
    assert_int_equal(list(rule).counts.by[ENGINE_INSUFFICIENT_DATA], PLENTY);
}
#endif

static int setup_alone(void **state) {
    group_answers = (engine_groups){0};
    run_inside = 0;
    return setup(state);
}

static int setup_groups(void **state) {
    found_group(2);
    run_inside = 0;
    return setup(state);
}

static int setup_queued(void **state) {
    group_answers = (engine_groups){0};
    run_inside = 1;
    return setup(state);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup_alone, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_run_queues_every_resource_once),
        CASE(a_claim_is_nobody_elses_until_its_lease_ends),
        CASE(a_failed_event_is_tried_again_and_then_given_up),
        CASE(an_event_that_was_replaced_does_not_fail_its_successor),
        CASE(an_event_that_awaits_its_report_comes_back_overdue),
        CASE(a_schedule_queues_by_resource_or_by_account),
        CASE(a_report_settles_its_event_once),
        CASE(a_late_report_of_an_older_run_changes_nothing),
        CASE(a_report_names_resources_of_the_scope_only_and_all_of_them_or_none),
        CASE(delete_mode_withdraws_what_the_run_has_not_renewed),
        CASE(an_account_is_reported_on_though_nobody_recorded_it),
        CASE(a_report_for_a_rule_that_is_gone_is_refused),
        CASE(the_result_of_a_failed_run_keeps_its_age),
        CASE(rules_with_events_are_found_one_after_the_other),
        CASE(a_start_gives_back_what_nobody_can_hold_any_more),
        CASE(messages_without_a_name_have_none),
        cmocka_unit_test_setup_teardown(a_report_tells_of_every_account_of_the_group, setup_groups, teardown),
        CASE(what_left_the_scope_has_no_place_for_its_result),
        CASE(what_has_gone_does_not_take_the_other_results_along),
        CASE(a_report_that_records_the_account_lets_other_rules_judge_it),
        CASE(only_rules_of_accounts_are_reported_on_them),
        CASE(what_nobody_recorded_is_asked_for_as_a_whole),
        cmocka_unit_test_setup_teardown(a_report_may_come_before_the_run, setup_queued, teardown),
#ifndef PL_TESTS_WITH_FAULTS
        CASE(more_results_than_a_page_are_withdrawn),
#endif
    };
    return run_on_both(tests);
}
