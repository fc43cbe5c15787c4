/*
 * Remediations as the engine keeps them: records, the queue of what they are to be run for with its leases
 * and pauses, and their executions. On both databases.
 */
#include "support/testing.h"

#include "engine/remedy.h"
#include "engine/world.h"

#define RULE_A "cr-a"
#define RULE_B "cr-b"
#define NODE PL_STR("node-1")

static const engine_group own = {PL_STR_INIT("100000000000001"), PL_STR_INIT("")};

/* One call in a transaction, and what it answers. */
struct asking {
    engine_remedy remedy;
    engine_group group;
    engine_list rules;
    pl_str id, node, status, account, before_id;
    bool forget, flag;
    int64_t number, before;
    size_t limit, count;
    pl_str *ids;
    engine_remedy *remedies;
    engine_remedy_event event;
    engine_remedy_event *events;
    engine_remedy_run run;
    engine_remedy_run *runs;
    const engine_rule *rule;
};

static struct asking ask(store_work work, struct asking a) {
    if (write_in_test(work, &a, sizeof a) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return a;
}

/* --- Records ----------------------------------------------------------------------------------------------
 */

static int put_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    engine_context context = context_of_test();
    return engine_remedy_put(&context, session, &a->remedy, a->forget, wrong);
}

static engine_remedy remedy_of(const char *rule_id, const char *invoke_type) {
    return (engine_remedy){.account_id = owner,
                           .aggregator_id = PL_STR(""),
                           .remediation_id = PL_STR(""),
                           .rule_id = pl_str_from(rule_id),
                           .type = PL_STR("OOS"),
                           .template_id = PL_STR("ACS-TEST"),
                           .source_type = PL_STR("ALIYUN"),
                           .invoke_type = pl_str_from(invoke_type),
                           .params = PL_STR("{}"),
                           .last_success_id = PL_STR(""),
                           .last_success_type = PL_STR("")};
}

static engine_remedy keep(engine_remedy remedy, bool forget) {
    now++;
    return ask(put_work, (struct asking){.remedy = remedy, .forget = forget}).remedy;
}

static int find_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_remedy_find(session, &arena, &a->group, a->id, &a->remedy, &a->flag, wrong);
}

static int of_rule_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_remedy_of_rule(session, &arena, owner, a->id, &a->remedy, &a->flag, wrong);
}

static int list_remedies_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_remedy_list(session, &arena, &own, &a->rules, &a->remedies, &a->count, wrong);
}

static int delete_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    engine_context context = context_of_test();
    return engine_remedy_delete(&context, session, &a->remedy, wrong);
}

static void records_are_made_changed_and_deleted(void **state) {
    (void)state;
    engine_remedy first = keep(remedy_of(RULE_A, "MANUAL_EXECUTION"), false);
    engine_remedy second = keep(remedy_of(RULE_B, "AUTO_EXECUTION"), false);
    assert_true(pl_str_starts(first.remediation_id, PL_STR("crr-")));
    struct asking a = ask(find_work, (struct asking){.group = own, .id = first.remediation_id});
    assert_true(a.flag);
    assert_str(a.remedy.rule_id, RULE_A);
    assert_int_equal(a.remedy.created, first.created);
    a = ask(find_work, (struct asking){.group = {owner, PL_STR("ca-other")}, .id = first.remediation_id});
    assert_false(a.flag);
    a = ask(find_work, (struct asking){.group = {owner, PL_STR_NONE}, .id = first.remediation_id});
    assert_true(a.flag);
    first.params = PL_STR("{\"a\":1}");
    keep(first, false);
    a = ask(of_rule_work, (struct asking){.id = PL_STR(RULE_A)});
    assert_str(a.remedy.params, "{\"a\":1}");
    assert_int_equal(a.remedy.modified, now);
    assert_int_equal(ask(list_remedies_work, (struct asking){0}).count, 2);
    struct asking some = {0};
    assert_int_equal(engine_list_parse(&arena, PL_STR("cr-none,cr-b"), &some.rules, &error), 0);
    some = ask(list_remedies_work, some);
    assert_int_equal(some.count, 1);
    assert_true(pl_str_eq(some.remedies[0].remediation_id, second.remediation_id));
    ask(delete_work, (struct asking){.remedy = first});
    assert_false(ask(of_rule_work, (struct asking){.id = PL_STR(RULE_A)}).flag);
    assert_int_equal(ask(list_remedies_work, (struct asking){0}).count, 1);
}

static int enabled_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_remedy_enabled(session, &arena, &a->group, &a->ids, &a->count, wrong);
}

/* Those that never run are kept, but the rule shows none. */
static void rules_with_a_remediation_that_may_run_are_told(void **state) {
    (void)state;
    engine_remedy first = keep(remedy_of(RULE_A, "NON_EXECUTION"), false);
    keep(remedy_of(RULE_B, "AUTO_EXECUTION"), false);
    keep(remedy_of("cr-c", "NOT_CONFIG"), false);
    struct asking a = ask(enabled_work, (struct asking){.group = own});
    assert_int_equal(a.count, 1);
    assert_str(a.ids[0], RULE_B);
    first.invoke_type = PL_STR("MANUAL_EXECUTION");
    keep(first, false);
    assert_int_equal(ask(enabled_work, (struct asking){.group = {owner, PL_STR_NONE}}).count, 2);
    assert_int_equal(ask(enabled_work, (struct asking){.group = {owner, PL_STR("ca-other")}}).count, 0);
}

/* --- Executions -------------------------------------------------------------------------------------------
 */

static int note_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_remedy_note(session, &((struct asking *)argument)->run, PL_STR("MANUAL"), wrong);
}

static int runs_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    a->runs = pl_new(&arena, engine_remedy_run, a->limit);
    if (!a->runs)
        return pl_fail(wrong, PL_E_ServiceUnavailable);
    engine_remedy_page page = {owner,     PL_STR(RULE_A), a->status, a->account,
                               a->before, a->before_id,   a->limit};
    return engine_remedy_runs(session, &arena, &page, a->runs, &a->count, wrong);
}

static void note(const char *id, int64_t created, bool success) {
    ask(note_work, (struct asking){.run = {.execution_id = pl_str_from(id),
                                           .owner_id = owner,
                                           .rule_id = PL_STR(RULE_A),
                                           .account_id = owner,
                                           .success = success,
                                           .message = PL_STR("told"),
                                           .resource_ids = PL_STR("[\"i-1\"]"),
                                           .resource_type = PL_STR("ACS::ECS::Instance"),
                                           .created = created}});
}

static struct asking runs_of(pl_str status, int64_t before, const char *before_id) {
    return ask(runs_work, (struct asking){.status = status,
                                          .account = PL_STR(""),
                                          .before = before,
                                          .before_id = pl_str_from(before_id),
                                          .limit = 2});
}

static void executions_are_told_newest_first(void **state) {
    (void)state;
    engine_remedy remedy = keep(remedy_of(RULE_A, "MANUAL_EXECUTION"), false);
    note("e-1", 1000, true);
    note("e-2", 2000, false);
    note("e-3", 2000, true);
    struct asking a = runs_of(PL_STR(""), INT64_MAX, "");
    assert_int_equal(a.count, 2);
    assert_str(a.runs[0].execution_id, "e-3");
    assert_str(a.runs[1].execution_id, "e-2");
    assert_false(a.runs[1].success);
    a = runs_of(PL_STR(""), 2000, "e-2");
    assert_int_equal(a.count, 1);
    assert_str(a.runs[0].execution_id, "e-1");
    assert_int_equal(runs_of(PL_STR("Failed"), INT64_MAX, "").count, 1);
    a = ask(of_rule_work, (struct asking){.id = PL_STR(RULE_A)});
    assert_str(a.remedy.last_success_id, "e-3");
    assert_int_equal(a.remedy.last_success_time, 2000);
    assert_str(a.remedy.last_success_type, "MANUAL");
    remedy = a.remedy;
    keep(remedy, true);
    assert_int_equal(runs_of(PL_STR(""), INT64_MAX, "").count, 0);
    assert_str(ask(of_rule_work, (struct asking){.id = PL_STR(RULE_A)}).remedy.last_success_id, "");
}

/* --- The queue --------------------------------------------------------------------------------------------
 */

static int queue_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_remedy_queue(session, &((struct asking *)argument)->event, wrong);
}

static int by_itself_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_remedy_queue_by_itself(session, &a->event, now, &a->flag, wrong);
}

static int claim_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    a->events = pl_new(&arena, engine_remedy_event, a->limit);
    if (!a->events)
        return pl_fail(wrong, PL_E_ServiceUnavailable);
    return engine_remedy_claim(session, &arena, a->node, now, now + 1000, a->limit, a->events, &a->count,
                               wrong);
}

static int due_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_remedy_any_due(session, now, &((struct asking *)argument)->flag, wrong);
}

static int count_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_remedy_count(session, &((struct asking *)argument)->number, wrong);
}

static int renew_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_remedy_renew(session, ((struct asking *)argument)->node, now + 5000, wrong);
}

static int release_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_remedy_release(session, ((struct asking *)argument)->node, wrong);
}

static int drop_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_remedy_drop(session, &((struct asking *)argument)->event, wrong);
}

static struct asking of_resource(int64_t resource_key, bool manual) {
    return (struct asking){.event = {.account_id = owner,
                                     .owner_id = owner,
                                     .rule_key = 7,
                                     .resource_key = resource_key,
                                     .manual = manual}};
}

static struct asking claim(size_t limit) {
    return ask(claim_work, (struct asking){.node = NODE, .limit = limit});
}

static bool any_due(void) {
    return ask(due_work, (struct asking){0}).flag;
}

static void what_is_claimed_is_given_back_or_its_lease_runs_out(void **state) {
    (void)state;
    assert_false(any_due());
    ask(queue_work, of_resource(1, true));
    ask(queue_work, of_resource(2, false));
    ask(queue_work, of_resource(2, true)); /* one event waits for a resource */
    assert_int_equal(ask(count_work, (struct asking){0}).number, 2);
    assert_true(any_due());
    struct asking a = claim(1);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.events[0].resource_key, 1);
    a = claim(10);
    assert_int_equal(a.count, 1);
    assert_true(a.events[0].manual);
    assert_false(any_due());
    ask(renew_work, (struct asking){.node = NODE});
    now += 2000;
    assert_false(any_due());
    now += 4000;
    assert_int_equal(claim(10).count, 2); /* the renewed lease has run out, too */
    ask(release_work, (struct asking){.node = NODE});
    assert_int_equal(claim(10).count, 2);
    ask(release_work, (struct asking){.node = PL_STR_NONE});
    assert_int_equal(any_due(), !on_postgres); /* there another process may hold the claims */
    ask(drop_work, of_resource(1, true));
    assert_int_equal(ask(count_work, (struct asking){0}).number, 1);
}

static void a_remediation_by_itself_pauses(void **state) {
    (void)state;
    assert_true(ask(by_itself_work, of_resource(1, false)).flag);
    ask(drop_work, of_resource(1, false));
    now += ENGINE_REMEDY_PAUSE - 1;
    assert_false(ask(by_itself_work, of_resource(1, false)).flag);
    now++;
    assert_true(ask(by_itself_work, of_resource(1, false)).flag);
    assert_int_equal(ask(count_work, (struct asking){0}).number, 1);
}

static void a_verdict_queues_the_remediation_of_its_rule(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    put("[" INSTANCE("i-0", "Stopped") "]");
    assert_false(any_due());
    engine_remedy remedy = remedy_of("", "AUTO_EXECUTION");
    remedy.rule_id = rule->rule_id;
    remedy = keep(remedy, false);
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "]");
    struct asking a = claim(10);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.events[0].rule_key, rule->rule_key);
    assert_false(a.events[0].manual);
    ask(delete_work, (struct asking){.remedy = remedy});
    now += ENGINE_REMEDY_PAUSE;
    put("[" INSTANCE("i-3", "Stopped") "]");
    assert_int_equal(claim(10).count, 1); /* the lease of the first one has run out; none was added */
}

/* All of one transaction are queued, but for those that were tried a moment ago. */
static void several_falls_of_one_transaction_are_all_queued(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    engine_remedy remedy = remedy_of("", "AUTO_EXECUTION");
    remedy.rule_id = rule->rule_id;
    keep(remedy, false);
    put("[" INSTANCE("i-1", "Stopped") "]");
    assert_int_equal(claim(10).count, 1);
    now++;
    put("[" INSTANCE("i-1", "Away") "]");
    assert_int_equal(claim(10).count, 0);
    put("[" INSTANCE("i-2", "Stopped") "," INSTANCE("i-1", "Off") "," INSTANCE("i-3", "Stopped") "]");
    assert_int_equal(ask(count_work, (struct asking){0}).number, 3);
    assert_int_equal(claim(10).count, 2);
}

static int no_randomness(void *context, void *bytes, size_t n) {
    (void)context;
    (void)bytes;
    (void)n;
    return -1;
}

static int nameless_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    engine_context context = context_of_test();
    context.random = (pl_random){no_randomness, NULL};
    return engine_remedy_put(&context, session, &a->remedy, false, wrong);
}

static void without_randomness_no_remediation_is_made(void **state) {
    (void)state;
    struct asking a = {.remedy = remedy_of(RULE_A, "MANUAL_EXECUTION")};
    assert_int_equal(store_write(db, nameless_work, &a, &error), -1);
    assert_string_equal(error.code, "ServiceUnavailable");
    assert_int_equal(ask(list_remedies_work, (struct asking){0}).count, 0);
}

/* --- What goes --------------------------------------------------------------------------------------------
 */

static int forget_rule_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_remedy_forget_rule(session, ((struct asking *)argument)->rule, wrong);
}

static int forget_account_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return engine_remedy_forget_account(session, owner, wrong);
}

static void a_rule_that_goes_takes_its_remediation_along(void **state) {
    (void)state;
    engine_rule gone = {.account_id = owner, .rule_id = PL_STR(RULE_A), .rule_key = 7};
    keep(remedy_of(RULE_A, "AUTO_EXECUTION"), false);
    keep(remedy_of(RULE_B, "AUTO_EXECUTION"), false);
    note("e-1", 1000, true);
    ask(by_itself_work, of_resource(1, false));
    ask(forget_rule_work, (struct asking){.rule = &gone});
    assert_int_equal(ask(list_remedies_work, (struct asking){0}).count, 1);
    assert_int_equal(ask(count_work, (struct asking){0}).number, 0);
    assert_int_equal(runs_of(PL_STR(""), INT64_MAX, "").count, 0);
    assert_true(ask(by_itself_work, of_resource(1, false)).flag); /* nothing is left that would pause it */
    ask(forget_account_work, (struct asking){0});
    assert_int_equal(ask(list_remedies_work, (struct asking){0}).count, 0);
    assert_int_equal(ask(count_work, (struct asking){0}).number, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(records_are_made_changed_and_deleted),
        TEST(rules_with_a_remediation_that_may_run_are_told),
        TEST(executions_are_told_newest_first),
        TEST(what_is_claimed_is_given_back_or_its_lease_runs_out),
        TEST(a_remediation_by_itself_pauses),
        TEST(a_verdict_queues_the_remediation_of_its_rule),
        TEST(several_falls_of_one_transaction_are_all_queued),
        TEST(without_randomness_no_remediation_is_made),
        TEST(a_rule_that_goes_takes_its_remediation_along),
    };
    return run_on_both(tests);
}
