/*
 * Lists of results in accounts so small that every answer can be written down: names, tokens, accounts and
 * types, pages of any size; each read again while everything beneath fails at every single place.
 */
#define PL_TESTS_WITH_FAULTS
#include "support/testing.h"

#include "engine/results.h"

#include "engine/group.h"
#include "engine/summary.h"

enum { EVERYWHERE = 1 << 30, SELDOM = 1, MOST = 16 };

static int setup_small(void **state) {
    workers = 0;
    thinning = SELDOM;
    group_answers = (engine_groups){0};
    return setup(state);
}

static int setup_stored(void **state) {
    run_inside = 1;
    int status = setup_small(state);
    run_inside = 0;
    return status;
}

static int setup_group(void **state) {
    workers = 0;
    thinning = SELDOM;
    found_group(2);
    return setup(state);
}

#define TYPED(type, id, region, status)                                                                      \
    "{\"resourceType\":\"ACS::ECS::" type "\",\"resourceId\":\"" id "\",\"regionId\":\"" region "\","        \
    "\"tags\":{\"team\":[\"a\"]},\"configuration\":{\"Status\":\"" status "\"}}"

/* --- One list ---------------------------------------------------------------------------------------------
 */

struct asking {
    engine_result_filter filter;
    const engine_rule *rules[3];
    size_t rule_count, limit;
    pl_str after, next;
    engine_result *results;
    size_t count;
};

static int ask_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    engine_result_filter filter = a->filter;
    const engine_rule *current[3];
    for (size_t i = 0; i < a->rule_count; i++) {
        engine_rule *rule = pl_new(&arena, engine_rule, 1);
        bool found;
        if (!rule)
            return pl_fail(wrong, PL_E_ServiceUnavailable);
        if (engine_rule_find_key(session, &arena, owner, a->rules[i]->rule_key, rule, &found, wrong) != 0)
            return -1;
        current[i] = rule;
    }
    filter.rules = current;
    filter.rule_count = a->rule_count;
    if (!filter.account_count) {
        filter.accounts = &owner;
        filter.account_count = 1;
    }
    return engine_list_results(e, session, &arena, &filter, a->after, a->limit, &a->results, &a->count,
                               &a->next, wrong);
}

static void ask(struct asking *a) {
    if (read_in_test(ask_work, a, sizeof *a) != 0)
        fail_msg("%s: %s", error.code, error.message);
}

/* All results by pages as "rule/account/region/id verdict", the rule and the account by their last digit. */
static const char *told(const engine_rule *rule, const engine_rule *other, engine_result_filter filter,
                        size_t limit) {
    struct asking a = {.filter = filter, .rules = {rule, other}, .rule_count = other ? 2 : 1, .limit = limit};
    pl_buf text;
    pl_buf_init(&text, 4096);
    thinning = EVERYWHERE;
    for (unsigned page = 0; page < MOST; page++) {
        ask(&a);
        assert_true(a.count <= limit);
        for (size_t i = 0; i < a.count; i++) {
            const engine_result *r = &a.results[i];
            pl_buf_printf(&text, "%s%.*s/%c/%.*s/%.*s %c", text.n ? ", " : "", PL_FMT(r->rule->name),
                          r->resource.account_id.p[r->resource.account_id.n - 1],
                          PL_FMT(r->resource.region_id), PL_FMT(r->resource.resource_id),
                          engine_compliance_name(r->compliance).p[0]);
        }
        if (!a.next.p)
            break;
        a.after = a.next;
    }
    assert_null(a.next.p);
    thinning = SELDOM;
    pl_buf_add_char(&text, 0);
    const char *kept = pl_arena_copy(&arena, pl_buf_str(&text)).p;
    pl_buf_free(&text);
    return kept;
}

/* What follows is the filter. */
#define told_are(rule, other, limit, wanted, ...)                                                            \
    assert_string_equal(told(rule, other, (engine_result_filter){__VA_ARGS__}, limit), wanted)

#define NON_COMPLIANT .has_compliance = true, .compliance = ENGINE_NON_COMPLIANT
#define OLDEST_FIRST .oldest_non_compliant_first = true

/* --- Stories ----------------------------------------------------------------------------------------------
 */

static engine_rule rule_over(const char *name, const char *types) {
    engine_rule rule = rule_named(name, RUNNING);
    assert_int_equal(engine_list_parse(&arena, pl_str_from(types), &rule.scope.resource_types, &error), 0);
    return rule;
}

static void one_id_may_name_several_resources(void **state) {
    (void)state;
    put("[" TYPED("Instance", "x", "r1", "Stopped") "," TYPED("Instance", "x", "r2", "Stopped") "," TYPED(
        "Instance", "x", "r3",
        "Stopped") "," TYPED("Disk", "x", "r4", "Running") "," TYPED("Instance", "y", "r1", "Running") "]");
    engine_rule *rule = make(rule_over("a", "ACS::ECS::Instance"));
    engine_rule tagged = rule_over("b", "ACS::ECS::Instance,ACS::ECS::Disk");
    tagged.scope.tags = (engine_tags){pl_new(&arena, engine_tag, 1), 1};
    tagged.scope.tags.items[0] = (engine_tag){PL_STR("team"), PL_STR("a")};
    engine_rule *other = make(tagged);
    told_are(rule, NULL, 1, "a/1/r1/x N, a/1/r2/x N, a/1/r3/x N", .resource_id = PL_STR("x"));
    told_are(rule, other, 2,
             "a/1/r1/x N, a/1/r2/x N, a/1/r3/x N, b/1/r1/x N, b/1/r2/x N, b/1/r3/x N, "
             "b/1/r4/x C",
             .resource_id = PL_STR("x"));
    told_are(rule, other, 9, "a/1/r2/x N, b/1/r2/x N", .resource_id = PL_STR("x"), .region_id = PL_STR("r2"));
    told_are(rule, other, 9, "b/1/r4/x C", .resource_id = PL_STR("x"),
             .resource_type = PL_STR("acs::ecs::disk"));
    told_are(rule, other, 9, "", .resource_id = PL_STR("none"));
    told_are(other, NULL, 3, "b/1/r4/x C, b/1/r1/x N, b/1/r2/x N, b/1/r3/x N, b/1/r1/y C", .type_count = 0);
    told_are(rule, other, 1, "a/1/r1/x N, a/1/r2/x N, a/1/r3/x N, b/1/r1/x N, b/1/r2/x N, b/1/r3/x N",
             .resource_id = PL_STR("x"), NON_COMPLIANT, OLDEST_FIRST);
    told_are(rule, other, 9, "", .resource_id = PL_STR("y"), NON_COMPLIANT, OLDEST_FIRST);
}

/* Its run waits for a worker. */
static void a_rule_lists_what_it_has_not_looked_at(void **state) {
    (void)state;
    put("[" TYPED("Instance", "x", "r1", "Stopped") "," TYPED("Disk", "y", "r1", "Stopped") "]");
    engine_rule *rule = make(rule_over("a", "ACS::ECS::Instance,ACS::ECS::Disk"));
    told_are(rule, NULL, 1, "a/1/r1/y I, a/1/r1/x I", .has_compliance = true,
             .compliance = ENGINE_INSUFFICIENT_DATA);
    told_are(rule, NULL, 1, "", .has_compliance = true, .compliance = ENGINE_COMPLIANT);
    told_are(rule, NULL, 1, "a/1/r1/y I, a/1/r1/x I", OLDEST_FIRST);
    told_are(rule, NULL, 1, "", .has_compliance = true, .compliance = ENGINE_IGNORED, OLDEST_FIRST);
}

static void types_and_regions_choose(void **state) {
    (void)state;
    static const pl_str types[] = {PL_STR_INIT("ACS::VPC::VPC"), PL_STR_INIT("ACS::ECS::Disk")},
                        regions[] = {PL_STR_INIT("r2"), PL_STR_INIT("r1")};
    put("[" TYPED("Instance", "x", "r1", "Stopped") "," TYPED("Disk", "y", "r1", "Stopped") "," TYPED(
        "Disk", "z", "r2", "Running") "," TYPED("Disk", "w", "r3", "Running") "]");
    engine_rule *rule = make(rule_over("a", "ACS::ECS::Instance,ACS::ECS::Disk"));
    told_are(rule, NULL, 1, "a/1/r1/y N, a/1/r2/z C", .types = types, .type_count = 2, .regions = regions,
             .region_count = 2);
    told_are(rule, NULL, 9, "", .types = types, .type_count = 1);
    told_are(rule, NULL, 1, "a/1/r1/y N, a/1/r1/x N", .regions = regions + 1, .region_count = 1);
    told_are(rule, NULL, 1, "a/1/r2/z C, a/1/r3/w C", .has_compliance = true, .compliance = ENGINE_COMPLIANT);
    told_are(rule, NULL, 9, "", .has_compliance = true, .compliance = ENGINE_NOT_APPLICABLE);
    told_are(rule, NULL, 1, "a/1/r1/x N, a/1/r1/y N", NON_COMPLIANT, OLDEST_FIRST);
}

static void every_account_of_a_group_is_listed_but_those_left_out(void **state) {
    (void)state;
    pl_str both[] = {member, owner};
    put("[" TYPED("Instance", "x", "r1", "Stopped") "]");
    put_as(member,
           "[" TYPED("Instance", "y", "r1", "Running") "," TYPED("Instance", "z", "r1", "Stopped") "]");
    engine_rule common = rule_over("a", "ACS::ECS::Instance");
    common.aggregator_id = PL_STR("ca-1");
    engine_rule *rule = make(common), *own = make(rule_over("b", "ACS::ECS::Instance"));
    common.name = PL_STR("c");
    assert_int_equal(engine_list_parse(&arena, member, &common.scope.exclude_account_ids, &error), 0);
    engine_rule *narrow = make(common);
    told_are(rule, own, 1, "a/1/r1/x N, b/1/r1/x N, a/2/r1/y C, a/2/r1/z N", .accounts = both,
             .account_count = 2);
    told_are(rule, narrow, 1, "a/1/r1/x N, c/1/r1/x N, a/2/r1/z N", .accounts = both, .account_count = 2,
             NON_COMPLIANT, OLDEST_FIRST);
}

static void a_token_of_another_make_is_refused(void **state) {
    (void)state;
    static const char *const tokens[] = {"", "x", "1,2,3", "1,x,3,4,", "1,2,x,4,", "1,2,3,x,"};
    put("[" TYPED("Instance", "x", "r1", "Stopped") "]");
    struct asking a = {.rules = {make(rule_over("a", "ACS::ECS::Instance"))}, .rule_count = 1, .limit = 1};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        a.after = pl_str_from(tokens[i]);
        assert_int_equal(store_read(db, ask_work, &a, &error), -1);
        assert_string_equal(error.code, "InvalidParameter");
    }
}

static void a_page_of_nothing_is_empty(void **state) {
    (void)state;
    put("[" TYPED("Instance", "x", "r1", "Stopped") "]");
    struct asking a = {.rules = {make(rule_over("a", "ACS::ECS::Instance"))}, .rule_count = 1, .limit = 0};
    ask(&a);
    assert_int_equal(a.count, 0);
    assert_null(a.next.p);
}

static int load_work(store_session *session, void *argument, pl_error *wrong) {
    engine_result result;
    return engine_load_result(session, &arena, argument, owner, 99, &result, wrong);
}

static void what_is_not_there_has_no_result(void **state) {
    (void)state;
    engine_rule *rule = make(rule_over("a", "ACS::ECS::Instance"));
    assert_int_equal(store_read(db, load_work, rule, &error), -1);
    assert_string_equal(error.code, "InternalError");
}

/* --- Counts by region and type ----------------------------------------------------------------------------
 */

struct grouping {
    engine_rule rules[2];
    engine_grouping by;
    engine_group_counts *groups;
    size_t count;
};

static int grouped_work(store_session *session, void *argument, pl_error *wrong) {
    struct grouping *g = argument;
    engine_summary_input in = {.rules = g->rules, .rule_count = 2, .accounts = &owner, .account_count = 1};
    return engine_count_grouped(e, session, &arena, &in, g->by, &g->groups, &g->count, wrong);
}

static void counts_by_region_and_type_add_up(void **state) {
    (void)state;
    put("[" TYPED("Instance", "x", "r1", "Stopped") "," TYPED("Instance", "y", "r2", "Running") "," TYPED(
        "Disk", "z", "r1", "Stopped") "]");
    engine_rule tagged = rule_over("b", "ACS::ECS::Instance");
    tagged.scope.tags = (engine_tags){pl_new(&arena, engine_tag, 1), 1};
    tagged.scope.tags.items[0] = (engine_tag){PL_STR("team"), PL_STR("a")};
    struct listing whole = list(make(rule_over("a", "ACS::ECS::Instance,ACS::ECS::Disk"))),
                   narrow = list(make(tagged));
    struct grouping g = {.rules = {whole.current, narrow.current}, .by = ENGINE_BY_REGION};
    thinning = EVERYWHERE;
    assert_int_equal(read_in_test(grouped_work, &g, sizeof g), 0);
    assert_int_equal(g.count, 2);
    assert_str(g.groups[0].name, "r1");
    assert_int_equal(g.groups[0].counts.by[ENGINE_NON_COMPLIANT], 3);
    assert_int_equal(g.groups[1].counts.by[ENGINE_COMPLIANT], 2);
    g.by = ENGINE_BY_TYPE;
    assert_int_equal(read_in_test(grouped_work, &g, sizeof g), 0);
    thinning = SELDOM;
    assert_int_equal(g.count, 2);
    assert_str(g.groups[1].name, "ACS::ECS::Instance");
    assert_int_equal(g.groups[1].counts.total, 4);
}

/* --- When a result was produced ---------------------------------------------------------------------------
 */

/* A capture makes a rule look unless it only runs by schedule, is a function's, or was disabled before. */
static void a_result_is_as_old_as_its_last_evaluation(void **state) {
    (void)state;
    engine_rule scheduled = rule_over("scheduled", "ACS::ECS::Instance");
    scheduled.triggers = ENGINE_TRIGGER_SCHEDULE;
    scheduled.frequency = PL_STR("One_Hour");
    put("[" TYPED("Instance", "x", "r1", "Running") "," TYPED("Instance", "y", "r1", "Running") "]");
    engine_rule *rules[] = {make(rule_over("always", "ACS::ECS::Instance")), make(scheduled),
                            make(rule_over("disabled", "ACS::ECS::Instance"))};
    int64_t made = now;
    now += 3600000;
    for (bool worked = true; worked;)
        assert_int_equal(engine_work(e, &worked, &error), 0);
    int64_t ran = now;
    now += 1000;
    put("[" TYPED("Instance", "x", "r1", "Running again") "]");
    now += 1000;
    act(rules[2], ENGINE_DEACTIVATE);
    now += 1000;
    put("[" TYPED("Instance", "y", "r1", "Running again") "]");
    put("[" TYPED("Instance", "x", "r1", "Running") "," TYPED("Instance", "y", "r1", "Running") "]");
    struct listing l = list(rules[0]);
    assert_int_equal(l.results[0].ordering, now);
    assert_str(l.results[0].trigger, "ConfigurationItemChangeNotification");
    l = list(rules[1]);
    assert_int_equal(l.results[0].ordering, ran);
    assert_str(l.results[0].trigger, "ScheduledNotification");
    l = list(
        rules[2]); /* x was found to deviate while the rule was active; y has never been looked at since */
    assert_int_equal(l.results[0].ordering, ran + 1000);
    assert_int_equal(l.results[1].ordering, made);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_small, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_id_may_name_several_resources),
        cmocka_unit_test_setup_teardown(a_rule_lists_what_it_has_not_looked_at, setup_stored, teardown),
        TEST(types_and_regions_choose),
        cmocka_unit_test_setup_teardown(every_account_of_a_group_is_listed_but_those_left_out, setup_group,
                                        teardown),
        TEST(a_token_of_another_make_is_refused),
        TEST(a_page_of_nothing_is_empty),
        TEST(what_is_not_there_has_no_result),
        TEST(counts_by_region_and_type_add_up),
        TEST(a_result_is_as_old_as_its_last_evaluation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
