/* New results of small changes are listed later: lists and counts tell of them meanwhile all the same. */
#include "support/testing.h"

#include "engine/histories.h"
#include "engine/listed.h"
#include "engine/summary.h"

#include <stdlib.h>

enum { MOST = 64 };

static int count_work(store_session *session, void *argument, pl_error *wrong) {
    store_statement *st = store_prepare(session, "SELECT COUNT(*) FROM results WHERE listed = 0", wrong);
    if (store_step(st, wrong) != 1)
        return -1;
    *(int64_t *)argument = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

/* Results that wait to be listed. */
static int64_t waiting(void) {
    int64_t count = -1;
    assert_int_equal(store_read(db, count_work, &count, &error), 0);
    return count;
}

/* What is NON_COMPLIANT, page by page; `oldest` in the order of age. */
struct asked {
    const engine_rule *rule;
    bool oldest;
    pl_str after, next;
    engine_result *results;
    size_t count;
};

static int ask_work(store_session *session, void *argument, pl_error *wrong) {
    struct asked *a = argument;
    engine_rule current;
    bool found;
    const engine_rule *rules[] = {&current};
    engine_result_filter filter = {.rules = rules,
                                   .rule_count = 1,
                                   .accounts = &owner,
                                   .account_count = 1,
                                   .has_compliance = true,
                                   .compliance = ENGINE_NON_COMPLIANT,
                                   .oldest_non_compliant_first = a->oldest};
    if (engine_rule_find_key(session, &arena, owner, a->rule->rule_key, &current, &found, wrong) != 0)
        return -1;
    return engine_list_results(e, session, &arena, &filter, a->after, 2, &a->results, &a->count, &a->next,
                               wrong);
}

/* The ids of all pages, separated by blanks. */
static const char *deviating(const engine_rule *rule, bool oldest) {
    static char text[MOST * 16];
    size_t n = 0;
    struct asked a = {.rule = rule, .oldest = oldest, .after = PL_STR_NONE};
    text[0] = '\0';
    do {
        if (store_read(db, ask_work, &a, &error) != 0)
            fail_msg("%s: %s", error.code, error.message);
        for (size_t i = 0; i < a.count && n + 32 < sizeof text; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", n ? " " : "",
                                  PL_FMT(a.results[i].resource.resource_id));
        a.after = a.next;
    } while (a.next.p);
    return text;
}

static void list_all(void) {
    assert_int_equal(engine_list_waiting(e, &error), 0);
    assert_int_equal(waiting(), 0);
}

static int64_t on_sqlite(int64_t count) {
    return on_postgres ? 0 : count;
}

static void what_waits_is_listed_in_its_place(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "]");
    now += 10;
    put("[" INSTANCE("i-3", "Stopped") "]");
    assert_int_equal(waiting(), on_sqlite(2));
    list_all();
    now += 10;
    put("[" INSTANCE("i-4", "Stopped") "]");
    now += 10;
    put("[" INSTANCE("i-5", "Stopped") "," INSTANCE("i-2", "Stopped") "]");
    assert_int_equal(waiting(), on_sqlite(3));
    for (int round = 0; round < 2; round++) {
        assert_string_equal(deviating(rule, false), "i-1 i-3 i-4 i-2 i-5");
        assert_string_equal(deviating(rule, true), "i-1 i-3 i-4 i-2 i-5");
        assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 5);
        list_all();
    }
}

static void what_changes_while_it_waits_is_listed_as_it_is(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Stopped") "]");
    now += 10;
    put("[" INSTANCE("i-1", "Running") "]");
    assert_string_equal(deviating(rule, false), "i-2");
    now += 10;
    put("[" INSTANCE("i-1", "Stopped") "]");
    assert_string_equal(deviating(rule, false), "i-2 i-1");
    list_all();
    assert_string_equal(deviating(rule, false), "i-2 i-1");
    now += 10;
    put("[" INSTANCE("i-2", "Running") "]");
    assert_string_equal(deviating(rule, false), "i-1");
}

struct regions {
    const engine_rule *rule;
    engine_group_counts *groups;
    size_t count;
};

static int regions_work(store_session *session, void *argument, pl_error *wrong) {
    struct regions *r = argument;
    engine_rule current;
    bool found;
    if (engine_rule_find_key(session, &arena, owner, r->rule->rule_key, &current, &found, wrong) != 0)
        return -1;
    engine_summary_input in = {.rules = &current, .rule_count = 1, .accounts = &owner, .account_count = 1};
    return engine_count_grouped(e, session, &arena, &in, ENGINE_BY_REGION, &r->groups, &r->count, wrong);
}

static void counts_by_region_know_what_waits(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    put("[" INSTANCE("i-1", "Stopped") "]");
    list_all();
    put("[" INSTANCE("i-2", "Stopped") "," INSTANCE("i-3", "Running") "]");
    struct regions r = {.rule = rule};
    assert_int_equal(store_read(db, regions_work, &r, &error), 0);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.groups[0].counts.by[ENGINE_NON_COMPLIANT], 2);
    assert_int_equal(r.groups[0].counts.by[ENGINE_COMPLIANT], 1);
}

static void a_rule_that_goes_takes_what_waits_with_it(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING)), *other = make(rule_named("other", RUNNING));
    put("[" INSTANCE("i-1", "Stopped") "]");
    assert_int_equal(waiting(), on_sqlite(2));
    act(rule, ENGINE_DELETE);
    assert_int_equal(waiting(), 0);
    assert_string_equal(deviating(other, false), "i-1");
    act(other, ENGINE_DELETE);
    assert_int_equal(list(other).count, 0);
}

/* Many new results share the pages of the lists anyway, and where many wait lists would cost too much. */
static void many_results_are_listed_at_once(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    put_many(10 * ENGINE_LATER_ROWS);
    assert_int_equal(waiting(), on_sqlite(ENGINE_LATER_ROWS));
    list_all();
    put_many(10 * ENGINE_LATER_ROWS + 1); /* the same and one more */
    assert_int_equal(waiting(), on_sqlite(1));
    e->unlisted = ENGINE_UNLISTED_MAX;
    put("[" INSTANCE("i-1", "Stopped") "]");
    assert_int_equal(waiting(), on_sqlite(1));
    list_all();
    put("[" INSTANCE("i-2", "Stopped") "]");
    assert_int_equal(waiting(), on_sqlite(1));
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], ENGINE_LATER_ROWS + 3);
}

static void an_engine_that_begins_finds_what_waits(void **state) {
    (void)state;
    make(rule_named("running", RUNNING));
    put("[" INSTANCE("i-1", "Stopped") "]");
    engine_close(e);
    assert_int_equal(open_engine(), 0);
    assert_int_equal(waiting(), on_sqlite(1));
    list_all();
    assert_true(e->unlisted <= 0); /* counted anew when it is needed */
}

enum { KINDS = 4, ROUNDS = 24 };

static int setup_random(void **state) {
    return setup_history(state, 0, 41);
}

/* Whichever engine records, lists, runs or deletes, and whatever waits meanwhile. */
static void counts_are_those_of_a_recount(void **state) {
    (void)state;
    static const unsigned kinds[KINDS] = {0, 1, 4, RULES - 1};
    engine *servers[2] = {e, NULL};
    engine_rule *rules[KINDS];
    int64_t most = 0;
    assert_int_equal(open_engine(), 0);
    servers[1] = e;
    for (unsigned i = 0; i < KINDS; i++)
        rules[i] = make_rule(kinds[i]);
    for (unsigned round = 0; round < ROUNDS; round++) {
        e = servers[round % 2];
        now += 10;
        put_random(1 + pick(12), false);
        most = waiting() > most ? waiting() : most;
        if (pick(4) == 0)
            list_all();
        if (pick(5) == 0)
            start_rules(rules, KINDS);
        if (round % 10 == 9) {
            act(rules[round % KINDS], ENGINE_DELETE);
            counts_are_exact(rules, round % KINDS);
            rules[round % KINDS] = make_rule(kinds[round % KINDS]);
        }
        drain();
        counts_are_exact(rules, KINDS);
    }
    assert_int_equal(most > 0, !on_postgres);
    engine_close(servers[0]);
    engine_close(servers[1]);
    assert_int_equal(open_engine(), 0);
    counts_are_exact(rules, KINDS);
    list_all();
    counts_are_exact(rules, KINDS);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(what_waits_is_listed_in_its_place),
        CASE(what_changes_while_it_waits_is_listed_as_it_is),
        CASE(counts_by_region_know_what_waits),
        CASE(a_rule_that_goes_takes_what_waits_with_it),
        CASE(many_results_are_listed_at_once),
        CASE(an_engine_that_begins_finds_what_waits),
        cmocka_unit_test_setup_teardown(counts_are_those_of_a_recount, setup_random, teardown),
    };
    return run_on_both(tests);
}
