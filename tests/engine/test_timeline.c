/*
 * The compliance timeline of a resource: who joined, what changed, what a deleted rule said, and which
 * changes share a node. On both databases.
 */
#include "support/testing.h"

#include "engine/histories.h"

#include "engine/group.h"

static const engine_group group = {PL_STR_INIT("100000000000001"), PL_STR_INIT("ca-1")};

static int setup_groups(void **state) {
    found_group(1);
    return setup_history(state, 0, 5);
}

/* --- Asking -----------------------------------------------------------------------------------------------
 */

struct asked {
    pl_str account;
    int64_t from, to;
    size_t limit;
    engine_node *nodes;
    size_t count;
};

static int timeline_work(store_session *session, void *argument, pl_error *wrong) {
    struct asked *t = argument;
    inventory_resource r;
    bool found;
    if (inventory_find(session, &arena, t->account, PL_STR("ACS::ECS::Instance"), PL_STR("cn-beijing"),
                       PL_STR("i-1"), &r, &found, wrong) != 0)
        return -1;
    r.account_id = t->account;
    assert_true(found);
    return engine_compliance_timeline(e, session, &arena, &r, t->from, t->to, t->limit, &t->nodes, &t->count,
                                      wrong);
}

static struct asked between_of(pl_str account, int64_t from, int64_t to, size_t limit) {
    struct asked t = {account, from, to, limit, NULL, 0};
    if (read_in_test(timeline_work, &t, sizeof t) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return t;
}

static struct asked between(int64_t from, int64_t to, size_t limit) {
    return between_of(owner, from, to, limit);
}

static struct asked whole(void) {
    return between(0, INT64_MAX, 100);
}

static struct asked whole_of_member(void) {
    return between_of(member, 0, INT64_MAX, 100);
}

static void assert_has(pl_str text, const char *part) {
    if (pl_str_find(text, pl_str_from(part)) == PL_NOT_FOUND)
        fail_msg("no %s in %.*s", part, PL_FMT(text));
}

#define CLASS(name, count) "{\"Compliance\":{\"complianceType\":\"" name "\",\"count\":" count "}"

/* The node's class, and the names of the rules that changed by a part of its difference. */
static void assert_node(const engine_node *node, int64_t at, const char *class, const char *changed) {
    assert_int_equal(node->capture_time, at);
    assert_has(node->configuration, class);
    assert_has(node->configuration_diff, changed);
    pl_json root;
    assert_int_equal(pl_json_parse_in(&arena, node->configuration, &root, &error), 0);
    assert_int_equal(pl_json_parse_in(&arena, node->configuration_diff, &root, &error), 0);
}

/* --- Stories ----------------------------------------------------------------------------------------------
 */

static int64_t later(int64_t milliseconds) {
    now += milliseconds;
    return now;
}

static void a_resource_joins_falls_recovers_and_goes(void **state) {
    (void)state;
    make(rule_named("running", RUNNING));
    int64_t joined = later(5000);
    put("[" INSTANCE("i-1", "Running") "]");
    struct asked t = whole();
    assert_int_equal(t.count, 1);
    assert_node(t.nodes, joined, CLASS("COMPLIANT", "1"), "\"running\":[{},{");
    int64_t fell = later(5000);
    put("[" INSTANCE("i-1", "Stopped") "]");
    int64_t rose = later(5000);
    put("[" INSTANCE("i-1", "Running") "]");
    t = whole();
    assert_int_equal(t.count, 3);
    assert_node(t.nodes, rose, CLASS("COMPLIANT", "1"), "\"running\":[{");
    assert_node(t.nodes + 1, fell, CLASS("NON_COMPLIANT", "1"), "\"complianceType\":\"NON_COMPLIANT\"");
    assert_node(t.nodes + 2, joined, CLASS("COMPLIANT", "1"), "\"running\":[{},{");
    assert_int_equal(between(fell, INT64_MAX, 100).count, 2);
    assert_int_equal(between(0, fell, 100).count, 2);
    assert_int_equal(between(0, INT64_MAX, 1).count, 1);
    assert_int_equal(between(0, INT64_MAX, 0).count, 0);
    int64_t gone = later(5000);
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\",\"regionId\":\"cn-beijing\","
        "\"resourceEventType\":\"REMOVE\"}]");
    t = whole();
    assert_int_equal(t.count, 4);
    assert_node(t.nodes, gone, "\"ConfigRuleList\":[]", ",{}]");
    assert_has(t.nodes[1].configuration, "\"configRuleName\":\"running\"");
}

static void what_was_never_wrong_goes_as_well(void **state) {
    (void)state;
    make(rule_named("running", RUNNING));
    int64_t joined = later(5000);
    put("[" INSTANCE("i-1", "Running") "]");
    int64_t gone = later(5000);
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\",\"regionId\":\"cn-beijing\","
        "\"resourceEventType\":\"REMOVE\"}]");
    later(5000);
    engine_rule newer = rule_named("newer", RUNNING); /* it never knew the resource */
    make(newer);
    struct asked t = whole();
    assert_int_equal(t.count, 2);
    assert_node(t.nodes, gone, "\"ConfigRuleList\":[]", ",{}]");
    assert_node(t.nodes + 1, joined, CLASS("COMPLIANT", "1"), "\"running\":[{},{");
}

static void what_went_while_it_was_wrong_is_told_once(void **state) {
    (void)state;
    make(rule_named("running", RUNNING));
    int64_t joined = later(5000);
    put("[" INSTANCE("i-1", "Stopped") "]");
    int64_t gone = later(5000);
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\",\"regionId\":\"cn-beijing\","
        "\"resourceEventType\":\"REMOVE\"}]");
    struct asked t = whole();
    assert_int_equal(t.count, 2);
    assert_node(t.nodes, gone, "\"ConfigRuleList\":[]", "\"complianceType\":\"NON_COMPLIANT\"");
    assert_node(t.nodes + 1, joined, CLASS("NON_COMPLIANT", "1"), "\"running\":[{},{");
}

static void a_deleted_rule_is_remembered(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    make(rule_named("other", RUNNING));
    int64_t joined = later(5000);
    put("[" INSTANCE("i-1", "Stopped") "]");
    int64_t rose = later(5000);
    put("[" INSTANCE("i-1", "Running") "]");
    int64_t fell = later(5000);
    put("[" INSTANCE("i-1", "Stopped") "]");
    later(5000);
    act(rule, ENGINE_DEACTIVATE);
    int64_t gone = later(5000);
    act(rule, ENGINE_DELETE);
    struct asked t = whole();
    assert_int_equal(t.count, 4);
    assert_node(t.nodes, gone, CLASS("NON_COMPLIANT", "1"), ",{}]");
    assert_node(t.nodes + 1, fell, CLASS("NON_COMPLIANT", "2"), "\"running\":[{");
    assert_node(t.nodes + 2, rose, CLASS("COMPLIANT", "2"), "\"running\":[{");
    assert_node(t.nodes + 3, joined, CLASS("NON_COMPLIANT", "2"), "\"running\":[{},{");
}

struct updating {
    pl_str rule_id, types;
};

static int update_work(store_session *session, void *argument, pl_error *wrong) {
    const struct updating *u = argument;
    engine_context context = context_of_test();
    engine_group own = {owner, PL_STR_NONE};
    engine_rule rule;
    bool found;
    if (engine_rule_find(session, &arena, &own, u->rule_id, &rule, &found, wrong) != 0 ||
        engine_list_parse(&arena, u->types, &rule.scope.resource_types, wrong) != 0)
        return -1;
    return engine_rule_update(&context, session, &rule, wrong);
}

static void a_rule_that_turns_to_other_types_leaves(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    int64_t joined = later(5000);
    put("[" INSTANCE("i-1", "Stopped") "]");
    int64_t left = later(5000);
    struct updating u = {rule->rule_id, PL_STR("ACS::ECS::Disk")};
    if (write_in_test(update_work, &u, sizeof u) != 0)
        fail_msg("%s: %s", error.code, error.message);
    drain();
    assert_int_equal(list(rule).counts.total, 0);
    struct asked t = whole();
    assert_int_equal(t.count, 2);
    assert_node(t.nodes, left, "\"ConfigRuleList\":[]", ",{}]");
    assert_node(t.nodes + 1, joined, CLASS("NON_COMPLIANT", "1"), "\"running\":[{},{");
}

static void rules_of_one_name_are_told_apart(void **state) {
    (void)state;
    engine_rule rule = rule_named("same", RUNNING);
    engine_rule *first = make(rule);
    rule.aggregator_id = group.aggregator_id;
    engine_rule *second = make(rule);
    later(5000);
    put("[" INSTANCE("i-1", "Stopped") "]");
    struct asked t = whole();
    assert_int_equal(t.count, 1);
    assert_node(t.nodes, now, CLASS("NON_COMPLIANT", "2"), "\"same\":[");
    pl_str key = pl_arena_printf(&arena, "\"same(%.*s)\":[", PL_FMT(second->rule_id));
    assert_has(t.nodes[0].configuration_diff, key.p);
    assert_true(pl_str_find(t.nodes[0].configuration_diff, first->rule_id) != PL_NOT_FOUND);
}

static void changes_within_a_second_share_a_node_once_for_each_rule(void **state) {
    (void)state;
    engine_rule *rules[2];
    rules[0] = make(rule_named("running", RUNNING));
    rules[1] = make(
        rule_named("named", CONDITION("{\"operator\":\"StringEquals\",\"featurePath\":\"$.resourceName\","
                                      "\"featureSource\":\"CONFIGURATION_ITEM\",\"desired\":\"web\"}")));
    now = 1700000005000;
    put("[" INSTANCE("i-1", "Stopped") "]");
    struct asked t = whole();
    assert_int_equal(t.count, 1);
    assert_node(t.nodes, now, CLASS("NON_COMPLIANT", "2"), "\"running\":[{},{");
    assert_has(t.nodes[0].configuration_diff, "\"named\":[{},{");
    later(100);
    put("[" INSTANCE("i-1", "Running") "]");
    later(100);
    put("[" INSTANCE("i-1", "Stopped") "]");
    assert_int_equal(whole().count, 3);
    later(5000);
    start_rules(rules, 2);
    drain();
    assert_int_equal(whole().count, 3); /* the same again is no change */
}

static void a_rule_made_later_joins_then(void **state) {
    (void)state;
    put("[" INSTANCE("i-1", "Running") "]");
    later(5000);
    engine_rule *rule = make(rule_named("running", RUNNING));
    struct asked t = whole();
    assert_int_equal(t.count, 1);
    assert_int_equal(t.nodes[0].capture_time, now);
    later(5000);
    act(rule, ENGINE_DEACTIVATE);
    later(5000);
    engine_rule elsewhere = rule_named("elsewhere", RUNNING);
    assert_int_equal(engine_list_parse(&arena, PL_STR("cn-other"), &elsewhere.scope.region_ids, &error), 0);
    make(elsewhere);
    assert_int_equal(whole().count, 1);
}

/* --- Rules that leave and come back -----------------------------------------------------------------------
 */

static int changed_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return engine_account_changed(e, session, member, now, wrong);
}

static int renewed_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return engine_version_renew(e, session, member, wrong);
}

static void member_is_in_group(bool in) {
    group_size = in ? 2 : 1;
    assert_int_equal(store_write(db, changed_work, NULL, &error), 0);
}

static engine_rule *grouped_running(void) {
    engine_rule rule = rule_named("running", RUNNING);
    rule.aggregator_id = group.aggregator_id;
    return make(rule);
}

#define ONE(status) "[" INSTANCE("i-1", status) "]"

/* What left with the group says so, and comes back as itself, not as another rule of its name. */
static void an_account_leaves_its_group_and_comes_back(void **state) {
    (void)state;
    group_size = 2;
    grouped_running();
    int64_t joined = later(5000);
    put_as(member, ONE("Stopped"));
    int64_t left = later(5000);
    member_is_in_group(false);
    struct asked t = whole_of_member();
    assert_int_equal(t.count, 2);
    assert_node(t.nodes, left, "\"ConfigRuleList\":[]", ",{}]");
    assert_node(t.nodes + 1, joined, CLASS("NON_COMPLIANT", "1"), "\"running\":[{},{");
    int64_t back = later(5000);
    member_is_in_group(true);
    t = whole_of_member();
    assert_int_equal(t.count, 3);
    assert_node(t.nodes, back, CLASS("NON_COMPLIANT", "1"), "\"running\":[{},{");
    assert_node(t.nodes + 1, left, "\"ConfigRuleList\":[]", ",{}]");
}

/* Nothing of rule and resource tells when it came back, so that is told right after it had left. */
static void what_comes_back_compliant_without_a_change_came_at_once(void **state) {
    (void)state;
    group_size = 2;
    grouped_running();
    later(5000);
    put_as(member, ONE("Stopped"));
    later(5000);
    put_as(member, ONE("Running"));
    int64_t left = later(5000);
    member_is_in_group(false);
    later(5000);
    member_is_in_group(true);
    struct asked t = whole_of_member();
    assert_int_equal(t.count, 4);
    assert_int_equal(t.nodes[0].capture_time, left + 1);
    assert_has(t.nodes[0].configuration, CLASS("COMPLIANT", "1"));
    assert_node(t.nodes + 1, left, "\"ConfigRuleList\":[]", ",{}]");
}

/* The account's rules are other ones already, and its results have not followed yet. */
static void rules_that_do_not_concern_the_account_say_nothing(void **state) {
    (void)state;
    group_size = 2;
    grouped_running();
    engine_rule alone = rule_named("alone", RUNNING);
    alone.account_id = member;
    make(alone);
    int64_t joined = later(5000);
    put_as(member, ONE("Stopped"));
    int64_t rose = later(5000);
    put_as(member, ONE("Running"));
    group_size = 1;
    assert_int_equal(store_write(db, renewed_work, NULL, &error), 0);
    struct asked t = whole_of_member();
    assert_int_equal(t.count, 2);
    assert_node(t.nodes, rose, CLASS("COMPLIANT", "1"), "{\"alone\":[");
    assert_node(t.nodes + 1, joined, CLASS("NON_COMPLIANT", "1"), "{\"alone\":[");
    assert_true(pl_str_find(t.nodes[0].configuration_diff, PL_STR("running")) == PL_NOT_FOUND);
    group_size = 2;
}

#define OF_TEAM(team, status)                                                                                \
    "[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\",\"regionId\":\"cn-beijing\",\"tags\":" \
    "{"                                                                                                      \
    "\"team\":[\"" team "\"]},\"configuration\":{\"Status\":\"" status "\"}}]"

static void a_resource_leaves_a_scope_and_comes_back(void **state) {
    (void)state;
    engine_rule scoped = rule_named("running", RUNNING);
    scoped.scope.tags = (engine_tags){&(engine_tag){PL_STR("team"), PL_STR("a")}, 1};
    make(scoped);
    int64_t joined = later(5000);
    put(OF_TEAM("a", "Stopped"));
    int64_t left = later(5000);
    put(OF_TEAM("b", "Stopped"));
    int64_t back = later(5000);
    put(OF_TEAM("a", "Stopped"));
    struct asked t = whole();
    assert_int_equal(t.count, 3);
    assert_node(t.nodes, back, CLASS("NON_COMPLIANT", "1"), "\"running\":[{},{");
    assert_node(t.nodes + 1, left, "\"ConfigRuleList\":[]", ",{}]");
    assert_node(t.nodes + 2, joined, CLASS("NON_COMPLIANT", "1"), "\"running\":[{},{");
}

/* --- Within a millisecond ---------------------------------------------------------------------------------
 */

static void a_rule_is_not_there_before_it_was_made(void **state) {
    (void)state;
    make(rule_named("first", RUNNING));
    int64_t joined = later(5000);
    put(ONE("Running"));
    int64_t fell = later(5000);
    make(rule_named("second", RUNNING));
    put(ONE("Stopped"));
    struct asked t = whole();
    assert_int_equal(t.count, 2);
    assert_node(t.nodes, fell, CLASS("NON_COMPLIANT", "2"), "\"second\":[");
    assert_node(t.nodes + 1, joined, CLASS("COMPLIANT", "1"), "{\"first\":[{},{");
    assert_true(pl_str_find(t.nodes[1].configuration, PL_STR("second")) == PL_NOT_FOUND);
}

static void a_rule_that_goes_as_it_speaks_goes_next(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    int64_t joined = later(5000);
    put(ONE("Stopped"));
    act(rule, ENGINE_DELETE);
    struct asked t = whole();
    assert_int_equal(t.count, 2);
    assert_node(t.nodes, joined + 1, "\"ConfigRuleList\":[]", ",{}]");
    assert_has(t.nodes[1].configuration_diff, "\"running\":[{},{");
}

static void a_rule_that_had_left_does_not_go_again(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    later(5000);
    put(ONE("Stopped"));
    int64_t left = later(5000);
    struct updating u = {rule->rule_id, PL_STR("ACS::ECS::Disk")};
    if (write_in_test(update_work, &u, sizeof u) != 0)
        fail_msg("%s: %s", error.code, error.message);
    later(5000);
    act(rule, ENGINE_DELETE);
    struct asked t = whole();
    assert_int_equal(t.count, 2);
    assert_node(t.nodes, left, "\"ConfigRuleList\":[]", ",{}]");
}

/* Where the second part stands behind the first. */
static void assert_order(pl_str text, const char *first, const char *second) {
    size_t at = pl_str_find(text, pl_str_from(first));
    if (at == PL_NOT_FOUND || pl_str_find(pl_str_skip(text, at), pl_str_from(second)) == PL_NOT_FOUND)
        fail_msg("not %s before %s: %.*s", first, second, PL_FMT(text));
}

static void what_was_said_before_is_told_by_the_change_before(void **state) {
    (void)state;
    make(rule_named("running", RUNNING));
    static const char *const statuses[] = {ONE("Running"), ONE("Stopped"), ONE("Paused"), ONE("Running"),
                                           ONE("Broken")};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        later(5000);
        put(statuses[i]);
    }
    struct asked t = whole();
    assert_int_equal(t.count, 5);
    assert_order(t.nodes[0].configuration_diff, "\"annotation\":\"\"", "Broken");
    assert_order(t.nodes[1].configuration_diff, "Paused", "\"annotation\":\"\"");
    assert_order(t.nodes[2].configuration_diff, "Stopped", "Paused");
    assert_order(t.nodes[3].configuration_diff, "\"annotation\":\"\"", "Stopped");
}

/* Two changes as they were stored before changes were gathered by resource. */
struct single {
    int64_t rule_key, fell, rose;
};

static int single_work(store_session *session, void *argument, pl_error *wrong) {
    const struct single *c = argument;
    return store_run(session, wrong,
                     "INSERT INTO compliance_changes (account_id, resource_key, changed, rule_key, "
                     "compliance_from, compliance_to, annotation_from, annotation_to, message_type) SELECT "
                     "account_id, resource_key, CAST($3 AS BIGINT), CAST($2 AS BIGINT), 0, 1, '', 'once', 0 "
                     "FROM resources WHERE account_id = $1 UNION ALL SELECT account_id, resource_key, "
                     "CAST($4 AS BIGINT), CAST($2 AS BIGINT), 1, 0, 'once', '', 0 FROM resources WHERE "
                     "account_id = $1",
                     "tiii", owner, c->rule_key, c->fell, c->rose);
}

static void what_was_stored_one_by_one_is_told_along(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    int64_t joined = later(5000);
    put(ONE("Running"));
    struct single c = {rule->rule_key, joined + 5000, joined + 10000};
    assert_int_equal(store_write(db, single_work, &c, &error), 0);
    int64_t fell = later(15000);
    put(ONE("Stopped"));
    int64_t rose = later(5000);
    put(ONE("Running"));
    struct asked t = whole();
    assert_int_equal(t.count, 5);
    assert_node(t.nodes, rose, CLASS("COMPLIANT", "1"), "Stopped");
    assert_node(t.nodes + 1, fell, CLASS("NON_COMPLIANT", "1"), "Stopped");
    assert_node(t.nodes + 2, c.rose, CLASS("COMPLIANT", "1"), "once");
    assert_node(t.nodes + 3, c.fell, CLASS("NON_COMPLIANT", "1"), "\"annotation\":\"once\"");
    assert_node(t.nodes + 4, joined, CLASS("COMPLIANT", "1"), "\"running\":[{},{");
}

/* --- Rules that have still to run -------------------------------------------------------------------------
 */

static int setup_queued(void **state) {
    run_inside = 1;
    found_group(1);
    int status = setup_history(state, 0, 5);
    run_inside = 0;
    return status;
}

static void a_rule_joins_with_its_first_run(void **state) {
    (void)state;
    put("[" INSTANCE("i-1", "Running") "," INSTANCE("i-2", "Running") "]");
    later(5000);
    make(rule_named("running", RUNNING));
    assert_int_equal(whole().count, 0);
    int64_t made = now;
    later(5000);
    drain();
    struct asked t = whole();
    assert_int_equal(t.count, 1);
    assert_node(t.nodes, made, CLASS("COMPLIANT", "1"), "\"running\":[{},{");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_groups, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_resource_joins_falls_recovers_and_goes),
        TEST(what_was_never_wrong_goes_as_well),
        TEST(what_went_while_it_was_wrong_is_told_once),
        TEST(a_deleted_rule_is_remembered),
        TEST(a_rule_that_turns_to_other_types_leaves),
        TEST(rules_of_one_name_are_told_apart),
        TEST(changes_within_a_second_share_a_node_once_for_each_rule),
        TEST(a_rule_made_later_joins_then),
        TEST(an_account_leaves_its_group_and_comes_back),
        TEST(what_comes_back_compliant_without_a_change_came_at_once),
        TEST(rules_that_do_not_concern_the_account_say_nothing),
        TEST(a_resource_leaves_a_scope_and_comes_back),
        TEST(a_rule_is_not_there_before_it_was_made),
        TEST(a_rule_that_goes_as_it_speaks_goes_next),
        TEST(a_rule_that_had_left_does_not_go_again),
        TEST(what_was_said_before_is_told_by_the_change_before),
        TEST(what_was_stored_one_by_one_is_told_along),
        cmocka_unit_test_setup_teardown(a_rule_joins_with_its_first_run, setup_queued, teardown),
    };
    return run_on_both(tests);
}
