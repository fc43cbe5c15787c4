/*
 * The steps of a full run, one after the other, in an account so small that each can fail at every single
 * place: a step fails with ServiceUnavailable or gives all that it gives otherwise, and the runs that go on
 * afterwards end with the verdicts of a recount.
 */
#define PL_TESTS_WITH_FAULTS
#include "support/testing.h"

#include "engine/histories.h"
#include "engine/links.h"
#include "engine/remedy.h"

enum { FEW = 5, MADE = 5, EVERYWHERE = 1 << 30, SELDOM = 1 };

static engine_rule *rules[MADE];
static char unused; /* an argument of work that needs none */

static int setup_small(void **state) {
    run_inside = 1;
    thinning = SELDOM;
    return setup_history(state, 0, 7);
}

static int teardown_small(void **state) {
    run_inside = 0;
    return teardown(state);
}

#define TAGGED(id, status, team)                                                                             \
    "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"" id "\",\"regionId\":\"cn-beijing\","        \
    "\"tags\":{\"team\":[\"" team "\"]},\"configuration\":{\"Status\":\"" status                             \
    "\",\"Cpu\":4,\"Big\":9223372036854775808,\"Share\":0.5,\"SecurityGroupIds\":{\"SecurityGroupId\":["     \
    "\"sg-1\"]}}}"

#define REMOVED(id)                                                                                          \
    "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"" id "\",\"regionId\":\"cn-beijing\","        \
    "\"resourceEventType\":\"REMOVE\"}"

static const char *const items =
    "[" TAGGED("i-1", "Running", "a") "," TAGGED("i-2", "Stopped", "b") "," TAGGED(
        "i-3", "Stopped",
        "a") ","
             "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-4\",\"regionId\":\"r\","
             "\"configuration\":null}," TAGGED("i-5", "Running", "b") "]";

#define NUMBERS                                                                                              \
    CONDITION(CLAUSE("$.Cpu", "LessOrEquals", "4") "," CLAUSE("$.Share", "LessOrEquals", "0.5") "," CLAUSE(  \
        "$.Big", "Greater", "1") "," CLAUSE("$.SecurityGroupIds.SecurityGroupId[*]", "NotContains", "sg-2"))

static engine_rule function_rule(void) {
    engine_rule rule = rule_named("function", "");
    rule.owner = ENGINE_FUNCTION;
    rule.identifier = PL_STR("acs:fc:cn-shanghai:100000000000001:functions/check");
    return rule;
}

/* Of every kind that pages suffice for: whole, by number, by region, by tag, and a function's. */
static void make_rules(void) {
    rules[0] = make_rule(0);
    rules[1] = make(rule_named("numbers", NUMBERS));
    rules[2] = make_rule(RULES - 2);
    rules[3] = make_rule(RULES - 1);
    rules[4] = make(function_rule());
}

/* Runs until nothing waits. */
static int work_all(pl_error *wrong) {
    for (bool worked = true; worked;)
        if (engine_work(e, &worked, wrong) != 0)
            return -1;
    return 0;
}

/* --- Gathering --------------------------------------------------------------------------------------------
 */

/* One range as a run of all the rules finds it. */
struct gathering {
    engine_range range;
    size_t rules;
    bool gathers;
    size_t items, found, differences;
    bool has_page;
};

static int begin_run(engine_run *run, store_session *session, size_t count, pl_error *wrong) {
    if (engine_run_begin(run, e, owner, MADE, wrong) != 0)
        return -1;
    run->makes_pages = true;
    for (size_t i = 0; i < count; i++) {
        engine_rule *current = pl_new(&run->arena, engine_rule, 1);
        bool found, inside;
        if (!current)
            return pl_fail(wrong, PL_E_ServiceUnavailable);
        if (engine_rule_find_key(session, &run->arena, owner, rules[i]->rule_key, current, &found, wrong) !=
                0 ||
            !engine_run_add(run, session, current, &inside, wrong))
            return -1;
        run->rules[i].ordering = now;
    }
    return 0;
}

static int gather(struct gathering *g, engine_run *run, store_session *session, pl_error *wrong) {
    if (begin_run(run, session, g->rules, wrong) != 0)
        return -1;
    engine_batch *batch = pl_new(&arena, engine_batch, 1);
    if (!batch)
        return pl_fail(wrong, PL_E_ServiceUnavailable);
    if ((!g->range.type.p && engine_run_claim(run, session, &run->cursor, &g->range, wrong) != 0) ||
        engine_run_gather(run, session, &arena, now, &g->range, batch, wrong) != 0)
        return -1;
    if (g->gathers)
        assert_true(batch->count == g->items && batch->found_total == g->found);
    g->items = batch->count;
    g->found = batch->found_total;
    g->has_page = batch->page.p != NULL;
    g->differences = 0;
    for (size_t i = 0; i < run->count; i++)
        g->differences += batch->rules[i].difference_count;
    return 0;
}

static int gather_work(store_session *session, void *argument, pl_error *wrong) {
    engine_run run;
    int status = gather(argument, &run, session, wrong);
    engine_run_end(&run);
    return status;
}

static struct gathering gather_wholly(engine_range range, size_t count) {
    struct gathering g = {.range = range, .rules = count};
    if (store_read(db, gather_work, &g, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    g.gathers = true;
    g.range = range;
    thinning = EVERYWHERE;
    assert_int_equal(read_in_test(gather_work, &g, sizeof g), 0);
    thinning = SELDOM;
    return g;
}

static const engine_range from_the_start;
static const engine_range page_of_all = {
    .type = PL_STR_INIT("ACS::ECS::Instance"), .after = 0, .until = FEW, .page = true};

static void a_range_is_gathered_wholly_or_not_at_all(void **state) {
    (void)state;
    put(items);
    make_rules();
    struct gathering g = gather_wholly(from_the_start, MADE);
    assert_int_equal(g.items, FEW);
    assert_true(g.has_page);
    assert_int_equal(work_all(&error), 0);
    assert_int_equal(gather_wholly(from_the_start, MADE).differences, FEW); /* the function is asked again */
}

/* Records that changed, that are gone and that came back are read from the inventory. */
static void a_page_is_read_wholly_or_not_at_all(void **state) {
    (void)state;
    put(items);
    put("[" INSTANCE("i-6", "Running") "," INSTANCE("i-7", "Running") "]");
    put("[" REMOVED("i-7") "]");
    make_rules();
    assert_int_equal(work_all(&error), 0);
    put("[" TAGGED("i-1", "Stopped", "b") "," REMOVED("i-3") "," INSTANCE("i-7", "Stopped") "]");
    engine_range range = page_of_all;
    range.until = FEW + 2;
    struct gathering g = gather_wholly(range, MADE);
    assert_int_equal(g.items, FEW + 1);
    assert_false(g.has_page);
    g = gather_wholly(range, 2); /* of whole types alone */
    assert_int_equal(g.items, FEW + 1);
    assert_int_equal(g.differences, 0);
}

/* --- Storing ----------------------------------------------------------------------------------------------
 */

static engine_run stored_run;
static engine_batch *stored_batch;

static int gather_to_store(store_session *session, void *argument, pl_error *wrong) {
    stored_batch = pl_new(&arena, engine_batch, 1);
    engine_range range;
    if (begin_run(&stored_run, session, MADE, wrong) != 0)
        return -1;
    for (size_t i = 0; i < MADE; i++)
        stored_run.rules[i].revert = *(const bool *)argument;
    return engine_run_claim(&stored_run, session, &stored_run.cursor, &range, wrong) != 0
               ? -1
               : engine_run_gather(&stored_run, session, &arena, now, &range, stored_batch, wrong);
}

static engine_batch no_batch; /* the end */
static pl_arena store_arena;  /* what a comparison has found is compared with again by the next attempt */

static int store_work_of(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    for (size_t i = 0; i < MADE; i++)
        stored_run.rules[i].counts = (engine_counts){0};
    store_arena.failed = stored_run.arena.failed = false; /* by the attempt before */
    stored_run.stored_type = PL_STR("");
    stored_run.stored_key = 0;
    return engine_run_store(&stored_run, session, &store_arena, now, stored_batch, wrong) != 0
               ? -1
               : engine_run_store(&stored_run, session, &store_arena, now, &no_batch, wrong);
}

static int settle_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    for (size_t i = 0; i < MADE; i++)
        if (engine_run_settle(session, owner, &stored_run.rules[i], &stored_run.rules[i].counts, wrong) != 0)
            return -1;
    return 0;
}

static int forget_pages(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong, "DELETE FROM kept_pages", "");
}

struct naming {
    const engine_rule *rule;
    engine_resource_name name;
    pl_str date;
    bool lift;
};

static int name_work(store_session *session, void *argument, pl_error *wrong) {
    const struct naming *n = argument;
    return n->lift ? engine_revert_results(e, session, n->rule, &n->name, 1, now, wrong)
                   : engine_ignore_results(e, session, n->rule, &n->name, 1, n->date, PL_STR("known"), now,
                                           wrong);
}

static struct naming instance_of(const engine_rule *rule, const char *id) {
    return (struct naming){rule,
                           {owner, PL_STR("ACS::ECS::Instance"), PL_STR("cn-beijing"), pl_str_from(id)},
                           PL_STR(""),
                           false};
}

/* `between`: what is recorded after the batch was gathered and before it is stored. */
static void store_wholly(const char *between, bool revert) {
    pl_arena_init(&store_arena, 0);
    if (store_read(db, gather_to_store, &revert, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    now += 1000;
    if (between)
        put(between);
    thinning = EVERYWHERE;
    if (write_in_test(store_work_of, &unused, sizeof unused) != 0)
        fail_msg("%s: %s", error.code, error.message);
    thinning = SELDOM;
    assert_int_equal(store_write(db, settle_work, NULL, &error), 0);
    engine_run_end(&stored_run);
    pl_arena_free(&store_arena);
    counts_are_exact(rules, MADE - 1);
}

static void a_batch_is_stored_wholly_or_not_at_all(void **state) {
    (void)state;
    put(items);
    make_rules();
    assert_int_equal(work_all(&error), 0);
    now += 1000;
    store_wholly("[" TAGGED("i-1", "Stopped", "b") "," REMOVED("i-3") "," INSTANCE("i-6", "Stopped") "]",
                 false);
    now += 1000;
    put("[" TAGGED("i-1", "Running", "a") "," TAGGED("i-3", "Running", "a") "]");
    assert_int_equal(store_write(db, forget_pages, NULL, &error), 0);
    store_wholly("[" TAGGED("i-2", "Running", "b") "]", false);
    now += 1000;
    store_wholly(NULL, false);
}

/* They are not in the batch, and what is stored of them is from before they went. */
static void what_comes_back_or_goes_meanwhile_is_looked_at(void **state) {
    (void)state;
    put(items);
    make_rules();
    assert_int_equal(work_all(&error), 0);
    now += 1000;
    put("[" REMOVED("i-1") "," REMOVED("i-5") "]");
    store_wholly("[" TAGGED("i-1", "Stopped", "b") "," TAGGED("i-5", "Stopped", "b") "]", false);
    assert_int_equal(list(rules[0]).counts.by[ENGINE_NON_COMPLIANT], 4);
    now += 1000;
    store_wholly("[" REMOVED("i-3") "," REMOVED("i-5") "]", false);
    assert_int_equal(list(rules[0]).counts.by[ENGINE_NON_COMPLIANT], 2);
}

/* --- What is remedied again -------------------------------------------------------------------------------
 */

static int remedy_work(store_session *session, void *argument, pl_error *wrong) {
    engine_context context = context_of_test();
    return engine_remedy_put(&context, session, argument, false, wrong);
}

static int count_events(store_session *session, void *argument, pl_error *wrong) {
    store_statement *st = store_prepare(session, "SELECT COUNT(*) FROM remediation_events", wrong);
    if (store_step(st, wrong) != 1)
        return -1;
    *(int64_t *)argument = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

static int64_t events(void) {
    int64_t count;
    assert_int_equal(store_read(db, count_events, &count, &error), 0);
    return count;
}

static int forget_events(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong, "DELETE FROM remediation_events", "");
}

/* A violation that a run finds once more is remedied once more, however it was stored. */
static void known_violations_are_remedied_by_every_run(void **state) {
    (void)state;
    put(items);
    make_rules();
    assert_int_equal(work_all(&error), 0);
    engine_remedy remedy = {.account_id = owner,
                            .aggregator_id = PL_STR(""),
                            .remediation_id = PL_STR(""),
                            .rule_id = rules[0]->rule_id,
                            .type = PL_STR("OOS"),
                            .template_id = PL_STR("ACS-TEST"),
                            .source_type = PL_STR("ALIYUN"),
                            .invoke_type = PL_STR("AUTO_EXECUTION"),
                            .params = PL_STR("{}"),
                            .last_success_id = PL_STR(""),
                            .last_success_type = PL_STR("")};
    if (write_in_test(remedy_work, &remedy, sizeof remedy) != 0)
        fail_msg("%s: %s", error.code, error.message);
    for (int run = 0; run < 2; run++) {
        now += ENGINE_REMEDY_PAUSE;
        assert_int_equal(store_write(db, forget_events, NULL, &error), 0);
        store_wholly(NULL, false);
        assert_int_equal(events(), 2);
    }
}

static void what_a_run_restores_is_restored_wholly_or_not_at_all(void **state) {
    (void)state;
    put(items);
    make_rules();
    assert_int_equal(work_all(&error), 0);
    now += 1000;
    struct naming n = instance_of(rules[0], "i-2");
    assert_int_equal(write_in_test(name_work, &n, sizeof n), 0);
    assert_int_equal(list(rules[0]).counts.by[ENGINE_IGNORED], 1);
    store_wholly("[" TAGGED("i-5", "Stopped", "b") "]", true);
    assert_int_equal(list(rules[0]).counts.by[ENGINE_IGNORED], 0);
    assert_int_equal(list(rules[0]).counts.by[ENGINE_NON_COMPLIANT], 3);
}

/* --- Runs from their row to their end ---------------------------------------------------------------------
 */

#define NO_OPEN_GROUP                                                                                        \
    CONDITION("{\"operator\":\"NotContains\",\"featurePath\":\"$[*].Open\",\"featureSource\":"               \
              "\"RELATED:ACS::ECS::SecurityGroup\",\"desired\":\"yes\"}")

#define NO_UNKNOWN                                                                                           \
    CONDITION("{\"operator\":\"NotContains\",\"featurePath\":\"$[*].Open\",\"featureSource\":"               \
              "\"RELATED:ACS::Own::Thing\",\"desired\":\"yes\"}")

static struct start both;

/* In one transaction: the links are to be gathered anew, and the rules evaluated, the last one first. */
static int start_without_links(store_session *session, void *argument, pl_error *wrong) {
    struct start *s = argument;
    if (store_run(session, wrong, "DELETE FROM linked_types", "") != 0)
        return -1;
    for (size_t i = s->count; i > 0; i--, now++)
        if (start_work(session, &(struct start){s->rules + i - 1, 1}, wrong) != 0)
            return -1;
    return 0;
}

static void prepare_run(void) {
    now += 3600000; /* leases that could not be given back have run out */
    if (work_all(&error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    assert_int_equal(list(rules[0]).counts.by[ENGINE_NON_COMPLIANT], 2);
    assert_int_equal(list(rules[1]).counts.by[ENGINE_NON_COMPLIANT], 1);
    if (store_write(db, start_without_links, &both, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
}

static void run_to_the_end(void) {
    pl_error wrong = {0};
    if (work_all(&wrong) != 0 && wrong.http_status < 500)
        fail_msg("%s: %s", wrong.code, wrong.message);
}

static void a_run_ends_wherever_it_was_broken_off(void **state) {
    (void)state;
    put("[" TAGGED("i-1", "Running", "a") "," TAGGED("i-2", "Stopped", "b") "," INSTANCE(
        "i-3",
        "Stopped") ",{\"resourceType\":\"ACS::ECS::SecurityGroup\",\"resourceId\":\"sg-1\",\"regionId\":"
                   "\"r\",\"configuration\":{\"Open\":\"yes\"}}]");
    rules[0] = make_rule(0);
    engine_rule related = rule_named("related", NO_OPEN_GROUP);
    related.scope.tags = (engine_tags){pl_new(&arena, engine_tag, 1), 1};
    related.scope.tags.items[0] = (engine_tag){PL_STR("team"), PL_STR("b")};
    rules[1] = make(related);
    engine_rule closed = rule_named("closed", "");
    closed.owner = ENGINE_MANAGED;
    closed.identifier = PL_STR("ecs-instance-no-public-and-anyip");
    rules[2] = make(closed);
    rules[3] = make(rule_named("unknown", NO_UNKNOWN));
    both = (struct start){rules, 4};
    with_every_fault(FAULT_STEP, prepare_run, run_to_the_end);
    with_faults(FAULT_ALLOCATION, prepare_run, run_to_the_end);
    prepare_run();
}

/* --- Links ------------------------------------------------------------------------------------------------
 */

static int missing_work(store_session *session, void *argument, pl_error *wrong) {
    engine_run run;
    pl_str *types;
    size_t count;
    (void)argument;
    int status = begin_run(&run, session, 1, wrong);
    if (status == 0)
        status = engine_links_missing(&run, session, &arena, &types, &count, wrong);
    if (status == 0)
        assert_true(count == 1 && pl_str_is(types[0], "ACS::ECS::Instance"));
    engine_run_end(&run);
    return status;
}

static int try_to_build(void *argument, pl_error *wrong) {
    (void)argument;
    return engine_links_build(e, owner, PL_STR("ACS::ECS::Instance"), wrong);
}

static int count_links(store_session *session, void *argument, pl_error *wrong) {
    store_statement *st = store_prepare(session, "SELECT COUNT(*) FROM resource_links", wrong);
    if (store_step(st, wrong) != 1)
        return -1;
    *(int64_t *)argument = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

static int64_t links(void) {
    int64_t count;
    assert_int_equal(store_read(db, count_links, &count, &error), 0);
    return count;
}

static void links_are_complete_or_not_there(void **state) {
    (void)state;
    put(items);
    rules[0] = make(rule_named("related", NO_OPEN_GROUP));
    thinning = EVERYWHERE;
    assert_int_equal(read_in_test(missing_work, &unused, sizeof unused), 0);
    rehearse(try_to_build, NULL);
    assert_int_equal(links(), 0);
    assert_int_equal(try_to_build(NULL, &error), 0);
    assert_int_equal(links(), 4);
    now += 1000;
    put("[" TAGGED("i-1", "Stopped", "a") "," REMOVED("i-2") "]");
    assert_int_equal(links(), 3);
    put("[{\"resourceType\":\"ACS::ECS::SecurityGroup\",\"resourceId\":\"sg-1\",\"regionId\":\"r\","
        "\"configuration\":{\"Open\":\"yes\"}}]");
    thinning = SELDOM;
    assert_int_equal(work_all(&error), 0);
    counts_are_exact(rules, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_small, teardown_small)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_range_is_gathered_wholly_or_not_at_all),
        TEST(a_page_is_read_wholly_or_not_at_all),
        TEST(a_batch_is_stored_wholly_or_not_at_all),
        TEST(what_comes_back_or_goes_meanwhile_is_looked_at),
        TEST(known_violations_are_remedied_by_every_run),
        TEST(what_a_run_restores_is_restored_wholly_or_not_at_all),
        TEST(a_run_ends_wherever_it_was_broken_off),
        TEST(links_are_complete_or_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
