/*
 * Results that leave: nobody sees them from the moment on, timelines tell the same until the last piece is
 * taken away and afterwards, and a rule that comes back meets nothing of what it left.
 */
#include "support/testing.h"

#include "engine/leaving.h"
#include "engine/summary.h"

#include "engine/group.h"

enum { STOPPED = 2 * ENGINE_LEAVING_PIECE + 90, DISKS = 3, NODES = 20 };

static bool is_away; /* the owner is in no group */

static int groups_now(void *context, store_session *session, pl_arena *a, pl_str account_id,
                      engine_group **groups, size_t *count, pl_error *wrong) {
    int status = groups_of(context, session, a, account_id, groups, count, wrong);
    *count = is_away ? 0 : *count;
    return status;
}

static int setup_by_hand(void **state) {
    workers = 0;
    is_away = false;
    found_group(1);
    group_answers.groups_of = groups_now;
    return setup(state);
}

static void put_stopped(void) {
    pl_buf text;
    pl_buf_init(&text, 16 << 20);
    for (unsigned i = 0; i < STOPPED + DISKS; i++)
        pl_buf_printf(&text,
                      "%c{\"resourceType\":\"ACS::ECS::%s\",\"resourceId\":\"i-%04u\",\"regionId\":\"r\","
                      "\"configuration\":{\"Status\":\"Stopped\"}}",
                      i ? ',' : '[', i < STOPPED ? "Instance" : "Disk", i);
    pl_buf_add(&text, PL_STR("]"));
    pl_buf_add_char(&text, 0);
    put(text.p);
    pl_buf_free(&text);
}

static void drain(void) {
    for (bool worked = true; worked;)
        if (engine_work(e, &worked, &error) != 0)
            fail_msg("%s", error.message);
}

static engine_list types_of(const char *names) {
    engine_list types = {0};
    assert_int_equal(engine_list_parse(&arena, pl_str_from(names), &types, &error), 0);
    return types;
}

#define INSTANCES "ACS::ECS::Instance"
#define BOTH "ACS::ECS::Instance,ACS::ECS::Disk"

static engine_rule *make_for(const char *name, const char *types, bool of_group) {
    engine_rule rule = rule_named(name, RUNNING);
    rule.scope.resource_types = types_of(types);
    if (of_group)
        rule.aggregator_id = PL_STR("ca-1");
    engine_rule *made = make(rule);
    drain();
    return made;
}

/* --- What is stored ---------------------------------------------------------------------------------------
 */

struct stored {
    int64_t rule_key, rows, leaving, counts;
};

static int stored_work(store_session *session, void *argument, pl_error *wrong) {
    struct stored *s = argument;
    store_statement *st =
        store_prepare(session,
                      "SELECT (SELECT COUNT(*) FROM results WHERE rule_key = $1), (SELECT COUNT(*) FROM "
                      "results_leaving), (SELECT COUNT(*) FROM rule_counts WHERE rule_key = $1)",
                      wrong);
    store_bind_i64(st, 1, s->rule_key);
    if (store_step(st, wrong) != 1)
        return -1;
    s->rows = store_column_i64(st, 0);
    s->leaving = store_column_i64(st, 1);
    s->counts = store_column_i64(st, 2);
    store_reset(st);
    return 0;
}

static struct stored stored_of(const engine_rule *rule) {
    struct stored s = {.rule_key = rule->rule_key};
    assert_int_equal(store_read(db, stored_work, &s, &error), 0);
    return s;
}

/* --- What is seen -----------------------------------------------------------------------------------------
 */

static int timeline_work(store_session *session, void *argument, pl_error *wrong) {
    pl_str *out = argument;
    inventory_resource r;
    engine_node *nodes;
    size_t count;
    bool found;
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    if (inventory_find(session, &arena, owner, PL_STR(INSTANCES), PL_STR("r"), *out, &r, &found, wrong) !=
            0 ||
        engine_compliance_timeline(e, session, &arena, &r, 0, INT64_MAX, NODES, &nodes, &count, wrong) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        pl_buf_printf(&text, "%lld %.*s %.*s\n", (long long)nodes[i].capture_time,
                      PL_FMT(nodes[i].configuration), PL_FMT(nodes[i].configuration_diff));
    *out = pl_arena_copy(&arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return 0;
}

static pl_str timeline(const char *resource_id) {
    pl_str out = pl_str_from(resource_id);
    if (store_read(db, timeline_work, &out, &error) != 0)
        fail_msg("%s", error.message);
    return out;
}

struct seeing {
    const engine_rule *rule;
    engine_counts counts;
    size_t listed;
    int64_t grouped, deviating;
};

static int see_work(store_session *session, void *argument, pl_error *wrong) {
    struct seeing *s = argument;
    engine_rule current;
    engine_group_counts *groups;
    engine_result *results;
    size_t count;
    pl_str next;
    bool found;
    if (engine_rule_find_key(session, &arena, owner, s->rule->rule_key, &current, &found, wrong) != 0)
        return -1;
    const engine_rule *rules[] = {&current};
    engine_result_filter bad = {.rules = rules,
                                .rule_count = 1,
                                .accounts = &owner,
                                .account_count = 1,
                                .has_compliance = true,
                                .compliance = ENGINE_NON_COMPLIANT};
    engine_summary_input in = {
        .rules = &current, .rule_count = 1, .accounts = (pl_str *)(uintptr_t)&owner, .account_count = 1};
    if (engine_count_rule(e, session, &current, &owner, 1, &s->counts, wrong) != 0 ||
        engine_list_results(e, session, &arena, &bad, PL_STR_NONE, 1000, &results, &count, &next, wrong) != 0)
        return -1;
    s->listed = count;
    if (engine_count_grouped(e, session, &arena, &in, ENGINE_BY_REGION, &groups, &count, wrong) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        s->grouped += groups[i].counts.total;
        s->deviating += groups[i].counts.by[ENGINE_NON_COMPLIANT];
    }
    return 0;
}

/* Counts, lists and groups agree. */
static void is_seen(const engine_rule *rule, int64_t total, int64_t bad) {
    struct seeing s = {.rule = rule};
    if (store_read(db, see_work, &s, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(s.counts.total, total);
    assert_int_equal(s.counts.by[ENGINE_NON_COMPLIANT], bad);
    assert_int_equal(s.listed, bad);
    assert_int_equal(s.grouped, total);
    assert_int_equal(s.deviating, bad);
}

/* --- Deleted rules ----------------------------------------------------------------------------------------
 */

static void a_deleted_rule_leaves_in_pieces(void **state) {
    (void)state;
    put_stopped();
    engine_rule *gone = make_for("same", BOTH, false), *stays = make_for("stays", BOTH, false);
    now += 5000;
    act(gone, ENGINE_DELETE);
    struct stored s = stored_of(gone);
    assert_int_equal(s.rows, STOPPED + DISKS);
    assert_int_equal(s.leaving, 1);
    assert_int_equal(s.counts, 0);
    now += 5000;
    engine_rule *again = make(rule_named("same", RUNNING));
    pl_str with_both = timeline("i-0007");
    bool worked;
    for (int64_t left = s.rows; left > 0; left = s.rows) {
        worked = false;
        assert_int_equal(engine_leave_work(e, &worked, &error), 0);
        assert_true(worked);
        s = stored_of(gone);
        assert_true(s.rows < left && left - s.rows <= ENGINE_LEAVING_PIECE);
        is_seen(stays, STOPPED + DISKS, STOPPED + DISKS);
        assert_true(pl_str_eq(timeline("i-0007"), with_both));
        engine_close(e); /* another process goes on */
        assert_int_equal(open_engine(), 0);
    }
    drain();
    assert_int_equal(stored_of(gone).leaving, 0);
    is_seen(again, STOPPED, STOPPED);
    is_seen(stays, STOPPED + DISKS, STOPPED + DISKS);
}

/* What is recorded of a resource meanwhile touches nothing of what leaves. */
static void a_resource_changes_while_results_leave(void **state) {
    (void)state;
    put_stopped();
    engine_rule *gone = make_for("gone", INSTANCES, false), *stays = make_for("stays", INSTANCES, false);
    now += 5000;
    act(gone, ENGINE_DELETE);
    now += 5000;
    put_plainly(owner, "[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-0001\",\"regionId\":"
                       "\"r\",\"configuration\":{\"Status\":\"Running\"}},{\"resourceType\":"
                       "\"ACS::ECS::Instance\",\"resourceId\":\"i-0002\",\"regionId\":\"r\","
                       "\"resourceEventType\":\"REMOVE\"}]");
    pl_str changed = timeline("i-0001"), removed = timeline("i-0002");
    is_seen(stays, STOPPED - 1, STOPPED - 2);
    drain();
    is_seen(stays, STOPPED - 1, STOPPED - 2);
    assert_int_equal(stored_of(gone).rows + stored_of(gone).leaving + stored_of(gone).counts, 0);
    assert_true(pl_str_eq(timeline("i-0001"), changed));
    assert_true(pl_str_eq(timeline("i-0002"), removed));
}

struct marking {
    const engine_rule *rule;
    pl_str date;
};

static int mark_work(store_session *session, void *argument, pl_error *wrong) {
    const struct marking *m = argument;
    engine_resource_name name = {owner, PL_STR(INSTANCES), PL_STR("r"), PL_STR("i-0003")};
    return engine_ignore_results(e, session, m->rule, &name, 1, m->date, PL_STR("because"), now, wrong);
}

/* A mark whose day has come while its result leaves is nobody's to lift. */
static void a_mark_ends_while_its_result_leaves(void **state) {
    (void)state;
    put_stopped();
    engine_rule *gone = make_for("gone", INSTANCES, false);
    struct marking m = {gone, PL_STR("2023-11-20")};
    assert_int_equal(store_write(db, mark_work, &m, &error), 0);
    act(gone, ENGINE_DELETE);
    now += (int64_t)30 * 86400000;
    bool worked = false;
    assert_int_equal(engine_work(e, &worked, &error), 0);
    assert_int_equal(stored_of(gone).counts, 0);
    assert_true(stored_of(gone).rows > 0);
    drain();
    assert_int_equal(stored_of(gone).rows, 0);
}

/* --- Accounts ---------------------------------------------------------------------------------------------
 */

static int change_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return engine_account_changed(e, session, owner, now, wrong);
}

static void move_account(bool away) {
    is_away = away;
    group_size = !away;
    now += 5000;
    if (store_write(db, change_work, NULL, &error) != 0)
        fail_msg("%s", error.message);
    engine_after_commit(e);
}

static void an_account_leaves_a_group_and_comes_back(void **state) {
    (void)state;
    put_stopped();
    engine_rule *rule = make_for("everywhere", INSTANCES, true);
    is_seen(rule, STOPPED, STOPPED);
    move_account(true);
    pl_str left = timeline("i-0007");
    assert_int_equal(stored_of(rule).rows, STOPPED);
    drain();
    assert_int_equal(stored_of(rule).rows + stored_of(rule).leaving, 0);
    assert_true(pl_str_eq(timeline("i-0007"), left));
    move_account(false);
    drain();
    is_seen(rule, STOPPED, STOPPED);
    move_account(true);
    left = timeline("i-0007");
    bool worked = false;
    assert_int_equal(engine_leave_work(e, &worked, &error), 0);
    assert_true(pl_str_eq(timeline("i-0007"), left));
    move_account(false); /* while most of it is there */
    drain();
    assert_int_equal(stored_of(rule).leaving, 0);
    is_seen(rule, STOPPED, STOPPED);
}

/* --- Types ------------------------------------------------------------------------------------------------
 */

struct retyping {
    pl_str rule_id;
    engine_list types;
};

static int retype_work(store_session *session, void *argument, pl_error *wrong) {
    const struct retyping *r = argument;
    engine_context context = context_of_test();
    engine_group own = {owner, PL_STR_NONE};
    engine_rule rule;
    bool found;
    if (engine_rule_find(session, &arena, &own, r->rule_id, &rule, &found, wrong) != 0)
        return -1;
    rule.scope.resource_types = r->types;
    return engine_rule_update(&context, session, &rule, wrong);
}

static void retype(const engine_rule *rule, const char *types) {
    struct retyping r = {rule->rule_id, types_of(types)};
    now += 5000;
    if (store_write(db, retype_work, &r, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
}

/* A rule that evaluates and one that does not. */
static void types_leave(bool disabled) {
    put_stopped();
    engine_rule *rule = make_for("typed", BOTH, false);
    if (disabled)
        act(rule, ENGINE_DEACTIVATE);
    retype(rule, "ACS::ECS::Disk");
    assert_int_equal(stored_of(rule).rows, STOPPED + DISKS);
    is_seen(rule, DISKS, DISKS);
    struct marking m = {rule, PL_STR_NONE};
    assert_int_equal(store_write(db, mark_work, &m, &error), -1);
    assert_string_equal(error.code, "Invalid.Resources.Value");
    pl_str left = timeline("i-0007");
    bool worked = false;
    assert_int_equal(engine_leave_work(e, &worked, &error), 0);
    is_seen(rule, DISKS, DISKS);
    drain();
    is_seen(rule, DISKS, DISKS);
    assert_int_equal(stored_of(rule).rows, DISKS);
    assert_int_equal(stored_of(rule).leaving, 0);
    assert_true(pl_str_eq(timeline("i-0007"), left));
    retype(rule, BOTH);
    drain();
    is_seen(rule, STOPPED + DISKS, disabled ? DISKS : STOPPED + DISKS);
    retype(rule, "ACS::ECS::Disk");
    retype(rule, BOTH); /* before anything was taken away */
    assert_int_equal(stored_of(rule).leaving, 0);
    drain();
    is_seen(rule, STOPPED + DISKS, disabled ? DISKS : STOPPED + DISKS);
}

static void a_type_leaves_a_rule(void **state) {
    (void)state;
    types_leave(false);
}

static void a_type_leaves_a_disabled_rule(void **state) {
    (void)state;
    types_leave(true);
}

static int record_work(store_session *session, void *argument, pl_error *wrong) {
    const engine_list *types = argument;
    inventory_recorder recorder = {PL_STR("REGISTERED"), false, types->items, types->count};
    return engine_recorder_put(e, session, owner, &recorder, now, wrong);
}

static void record_types(const char *types) {
    engine_list list = types_of(types);
    now += 5000;
    if (store_write(db, record_work, &list, &error) != 0)
        fail_msg("%s", error.message);
    engine_after_commit(e);
}

static void a_type_is_recorded_no_more(void **state) {
    (void)state;
    put_stopped();
    engine_rule *rule = make_for("typed", BOTH, false);
    record_types("ACS::ECS::Disk");
    assert_int_equal(stored_of(rule).rows, STOPPED + DISKS);
    is_seen(rule, DISKS, DISKS);
    pl_str left = timeline("i-0007");
    drain();
    assert_int_equal(stored_of(rule).rows, DISKS);
    assert_true(pl_str_eq(timeline("i-0007"), left));
    is_seen(rule, DISKS, DISKS);
    record_types("ACS::ECS::Disk,ACS::ECS::Instance");
    drain();
    is_seen(rule, STOPPED + DISKS, STOPPED + DISKS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_by_hand, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_deleted_rule_leaves_in_pieces),
        TEST(a_resource_changes_while_results_leave),
        TEST(a_mark_ends_while_its_result_leaves),
        TEST(an_account_leaves_a_group_and_comes_back),
        TEST(a_type_leaves_a_rule),
        TEST(a_type_leaves_a_disabled_rule),
        TEST(a_type_is_recorded_no_more),
    };
    return run_on_both(tests);
}
