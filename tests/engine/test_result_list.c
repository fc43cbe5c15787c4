/*
 * Lists of results: every result exactly once in pages of any size and under every filter, also while
 * evaluations go on between the pages, and at a cost that does not grow with what is not on the page.
 */
#include "support/testing.h"

#include "engine/histories.h"
#include "engine/listed.h"

#include <dlfcn.h>
#include <sqlite3.h>

/* MANY rows are more than a page looks at. */
enum { LISTED_MAX = 40000, FEW = 1000, MORE = 4000, MANY = 9000, OFTEN = 20 };

/* --- Cost: instructions of SQLite's machine, which are the same on every machine ---------------------------
 */

static _Thread_local int64_t steps;

int sqlite3_step(sqlite3_stmt *statement) {
    static int (*real)(sqlite3_stmt *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "sqlite3_step");
    int result = real(statement);
    steps += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);
    return result;
}

/* --- Listing ----------------------------------------------------------------------------------------------
 */

struct asking {
    const engine_result_filter *filter; /* without rules */
    engine_rule **rules;
    size_t rule_count, limit;
    pl_str after, next;
    engine_result *results;
    size_t count;
    int64_t steps;
};

static int ask_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    engine_result_filter filter = *a->filter;
    const engine_rule *rules[OFTEN];
    for (size_t i = 0; i < a->rule_count; i++) {
        engine_rule *current = pl_new(&arena, engine_rule, 1);
        bool found;
        if (engine_rule_find_key(session, &arena, owner, a->rules[i]->rule_key, current, &found, wrong) != 0)
            return -1;
        rules[i] = current;
    }
    filter.rules = rules;
    filter.rule_count = a->rule_count;
    filter.accounts = &owner;
    filter.account_count = 1;
    steps = 0;
    int status = engine_list_results(e, session, &arena, &filter, a->after, a->limit, &a->results, &a->count,
                                     &a->next, wrong);
    a->steps = steps;
    return status;
}

static void ask(struct asking *a) {
    if (store_read(db, ask_work, a, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
}

/* What a list told of a result. */
struct listed {
    int64_t rule_key, resource_key;
    engine_compliance compliance;
    int64_t last_non_compliant, capture_time;
};

static struct listed list_of[LISTED_MAX], other_list[LISTED_MAX];

/* All pages; `between` runs after each, unless NULL. */
static size_t read_pages(struct asking *a, struct listed *to, void (*between)(unsigned page)) {
    size_t n = 0;
    unsigned pages = 0;
    for (a->after = PL_STR_NONE;; a->after = a->next) {
        ask(a);
        assert_true(a->count <= a->limit);
        for (size_t i = 0; i < a->count; i++) {
            assert_true(n < LISTED_MAX);
            to[n++] = (struct listed){a->results[i].rule->rule_key, a->results[i].resource.resource_key,
                                      a->results[i].compliance, a->results[i].last_non_compliant,
                                      a->results[i].resource.capture_time};
        }
        if (!a->next.p)
            return n;
        if (between)
            between(pages++);
    }
}

static int by_identity(const void *left, const void *right) {
    const struct listed *a = left, *b = right;
    if (a->rule_key != b->rule_key)
        return a->rule_key < b->rule_key ? -1 : 1;
    return a->resource_key < b->resource_key ? -1 : a->resource_key > b->resource_key;
}

static void sort(struct listed *all, size_t n) {
    qsort(all, n, sizeof *all, by_identity);
}

/* But what was changed after `since`: it may have left the list and come back behind the page. */
static void none_is_twice(const struct listed *sorted, size_t n, int64_t since) {
    for (size_t i = 1; i < n; i++)
        if (by_identity(sorted + i - 1, sorted + i) == 0 && sorted[i - 1].capture_time <= since &&
            sorted[i].capture_time <= since)
            fail_msg("resource %lld is listed twice", (long long)sorted[i].resource_key);
}

/* --- Filters ----------------------------------------------------------------------------------------------
 */

static const pl_str disks = PL_STR_INIT("ACS::ECS::Disk"), beijing = PL_STR_INIT("cn-beijing"),
                    nowhere = PL_STR_INIT("cn-nowhere"), name = PL_STR_INIT("i-00003");

static const engine_result_filter filters[] = {
    {.type_count = 0},
    {.has_compliance = true, .compliance = ENGINE_COMPLIANT},
    {.has_compliance = true, .compliance = ENGINE_NON_COMPLIANT},
    {.has_compliance = true, .compliance = ENGINE_NON_COMPLIANT, .oldest_non_compliant_first = true},
    {.has_compliance = true, .compliance = ENGINE_INSUFFICIENT_DATA},
    {.has_compliance = true, .compliance = ENGINE_IGNORED},
    {.types = &disks, .type_count = 1},
    {.types = &disks, .type_count = 1, .has_compliance = true, .compliance = ENGINE_NON_COMPLIANT},
    {.regions = &beijing, .region_count = 1},
    {.regions = &beijing, .region_count = 1, .has_compliance = true, .compliance = ENGINE_COMPLIANT},
    {.regions = &nowhere, .region_count = 1},
    {.resource_id = PL_STR_INIT("i-00003")},
    {.resource_id = PL_STR_INIT("i-00003"),
     .has_compliance = true,
     .compliance = ENGINE_NON_COMPLIANT,
     .oldest_non_compliant_first = true},
};

enum { FILTERS = sizeof filters / sizeof *filters };

struct counting_filter {
    const engine_result_filter *filter;
    engine_rule **rules;
    size_t rule_count, expected;
};

/* Every rule is asked about every resource. */
static int expect_work(store_session *session, void *argument, pl_error *wrong) {
    struct counting_filter *c = argument;
    const engine_result_filter *f = c->filter;
    int64_t next;
    if (inventory_next_key(session, owner, &next, wrong) != 0)
        return -1;
    for (int64_t key = 1; key < next; key++)
        for (size_t i = 0; i < c->rule_count; i++) {
            inventory_resource r;
            engine_explanation told;
            engine_row row;
            bool found, stored;
            if (inventory_find_key(session, &arena, owner, key, &r, &found, wrong) != 0)
                return -1;
            if (!found || r.deleted || (f->type_count && !pl_str_eq(r.resource_type, disks)) ||
                (f->region_count && !pl_str_eq(r.region_id, f->regions[0])) ||
                (f->resource_id.n && !pl_str_eq(r.resource_id, name)))
                continue;
            if (engine_explain(e, session, &arena, c->rules[i], &r, now, &told, wrong) != 0 ||
                engine_row_of(session, &arena, owner, c->rules[i]->rule_key, key, &row, &stored, wrong) != 0)
                return -1;
            engine_compliance shown = stored ? row.shown : ENGINE_COMPLIANT;
            c->expected += told.covered && (!f->has_compliance || shown == f->compliance);
        }
    return 0;
}

static void every_filter_lists_every_result_once(void **state) {
    (void)state;
    static const size_t limits[] = {7, 64, 1000};
    engine_rule *rules[] = {NULL, NULL, NULL, NULL};
    put_random(90, true);
    for (unsigned i = 0; i < 2; i++)
        rules[i] = make_rule(i);
    rules[2] = make_rule(RULES - 2);
    rules[3] = make_rule(RULES - 1);
    drain();
    put_random(10, false);
    for (size_t f = 0; f < FILTERS; f++) {
        struct counting_filter expected = {filters + f, rules, 4, 0};
        if (store_read(db, expect_work, &expected, &error) != 0)
            fail_msg("%s", error.message);
        for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
            struct asking a = {.filter = filters + f, .rules = rules, .rule_count = 4, .limit = limits[i]};
            size_t n = read_pages(&a, list_of, NULL);
            for (size_t at = 1; filters[f].oldest_non_compliant_first && at < n; at++)
                assert_true(list_of[at - 1].last_non_compliant <= list_of[at].last_non_compliant);
            sort(list_of, n);
            none_is_twice(list_of, n, INT64_MAX);
            assert_int_equal(n, expected.expected);
        }
    }
}

/* --- Meanwhile --------------------------------------------------------------------------------------------
 */

static engine_rule *listed_rules[2];

/* Changes, a run and its batches come between the pages. */
static void disturb(unsigned page) {
    bool worked;
    now += 7000;
    recorded_at = now;
    if (page % 4 == 0)
        start_rules(listed_rules, 2);
    if (engine_work(e, &worked, &error) != 0)
        fail_msg("%s", error.message);
    if (page < 24)
        put_random(10, false);
}

/* Of resources that nothing touched, all that is listed before is met by the pages in between, once. */
static void lists_stand_still_while_rules_run(void **state) {
    (void)state;
    static const size_t disturbed[] = {0, 1, 2, 3, 8};
    put_random(RESOURCES, true);
    for (unsigned i = 0; i < 2; i++)
        listed_rules[i] = make_rule(i);
    drain();
    size_t tried = on_postgres ? 2 : sizeof disturbed / sizeof *disturbed;
    for (size_t f = 0; f < tried; f++) {
        const engine_result_filter *filter = filters + disturbed[f];
        struct asking a = {.filter = filter, .rules = listed_rules, .rule_count = 2, .limit = 90};
        struct asking whole = {.filter = filter, .rules = listed_rules, .rule_count = 2, .limit = 1000};
        int64_t begun = recorded_at;
        size_t stayed = 0, n = read_pages(&a, list_of, disturb);
        sort(list_of, n);
        none_is_twice(list_of, n, begun);
        size_t all = read_pages(&whole, other_list, NULL);
        for (size_t i = 0; i < all; i++) {
            if (other_list[i].capture_time > begun)
                continue;
            stayed++;
            if (!bsearch(other_list + i, list_of, n, sizeof *list_of, by_identity))
                fail_msg("filter %zu: resource %lld is hidden", disturbed[f],
                         (long long)other_list[i].resource_key);
        }
        assert_true(stayed > 100);
        drain();
    }
}

static void touch_all(unsigned page) {
    if (page % 8 == 3) {
        now += 1000;
        start_rules(listed_rules, 1);
        drain();
    }
}

/* Runs that find the same again move every time of evaluation and nothing in the list. */
static void runs_between_the_pages_hide_nothing(void **state) {
    (void)state;
    static const size_t shown[] = {0, 1, 2, 3};
    put_many(700);
    listed_rules[0] = make(rule_named("running", RUNNING));
    drain();
    for (size_t f = 0; f < sizeof shown / sizeof *shown; f++) {
        struct asking a = {
            .filter = filters + shown[f], .rules = listed_rules, .rule_count = 1, .limit = 1000};
        size_t all = read_pages(&a, other_list, NULL);
        assert_true(all >= 70);
        a.limit = 9;
        assert_int_equal(read_pages(&a, list_of, touch_all), all);
        sort(list_of, all);
        none_is_twice(list_of, all, INT64_MAX);
    }
}

/* --- Cost of a page ---------------------------------------------------------------------------------------
 */

/* Instances: every fifth stopped and so deviating, every thousandth in another region or without data. */
static void put_instances(size_t from, size_t until) {
    pl_buf text;
    pl_buf_init(&text, 16 << 20);
    for (size_t i = from; i < until; i++)
        pl_buf_printf(&text,
                      "%s{\"resourceType\":\"%s\",\"resourceId\":\"i-%05zu\",\"regionId\":\"%s\","
                      "\"configuration\":{\"Status\":\"%s\"}}",
                      i == from ? "[" : ",", i % 49 ? "ACS::ECS::Instance" : "ACS::ECS::Disk", i,
                      i % 4 ? "cn-hangzhou" : "cn-beijing", i % 5 ? "Running" : "Stopped");
    pl_buf_add(&text, PL_STR("]"));
    pl_buf_add_char(&text, 0);
    put(text.p);
    pl_buf_free(&text);
}

/* Filters whose pages must not grow, and how deep in the list the second page lies. */
static const size_t costed[] = {0, 1, 2, 3, 4, 5, 6, 8, 10};
enum { COSTED = sizeof costed / sizeof *costed, PAGE = 20 };

/* The dearest of the first page and of the one at a fraction of the list. */
static int64_t cost_of_pages(const engine_result_filter *filter, engine_rule **rules, size_t count,
                             size_t deep) {
    struct asking a = {.filter = filter, .rules = rules, .rule_count = count, .limit = PAGE};
    ask(&a);
    int64_t most = a.steps;
    struct asking far = a;
    far.limit = 1000;
    for (size_t seen = 0; seen < deep && far.next.p; seen += far.count) {
        far.after = far.next;
        ask(&far);
    }
    if (!far.next.p)
        return most;
    a.after = far.next;
    ask(&a);
    return a.steps > most ? a.steps : most;
}

static void a_page_costs_the_same_however_long_the_list(void **state) {
    (void)state;
    int64_t few[COSTED], many[COSTED];
    if (on_postgres) /* whose cost cannot be counted from here */
        return;
    engine_rule *rules[] = {make_rule(0), make_rule(1)};
    put_instances(0, FEW);
    for (size_t i = 0; i < COSTED; i++)
        few[i] = cost_of_pages(filters + costed[i], rules, 2, FEW / 2);
    for (size_t from = FEW; from < MORE; from += 1000)
        put_instances(from, from + 1000);
    for (size_t i = 0; i < COSTED; i++)
        many[i] = cost_of_pages(filters + costed[i], rules, 2, MORE / 2);
    for (size_t i = 0; i < COSTED; i++)
        if (many[i] > few[i] + few[i] / 4 + 200)
            fail_msg("filter %zu: a page took %lld steps of %d resources and %lld of %d", costed[i],
                     (long long)few[i], FEW, (long long)many[i], MORE);
}

static int count_work(store_session *session, void *argument, pl_error *wrong) {
    engine_counts counts;
    return engine_count_rule(e, session, argument, &owner, 1, &counts, wrong);
}

/* Counting and then listing what waits after a small change. */
static int64_t cost_of_what_waits(engine_rule *rule, const char *change) {
    assert_int_equal(engine_list_waiting(e, &error), 0);
    put(change);
    steps = 0;
    assert_int_equal(store_read(db, count_work, rule, &error), 0);
    assert_int_equal(engine_list_waiting(e, &error), 0);
    return steps;
}

static void what_waits_costs_the_same_however_much_is_listed(void **state) {
    (void)state;
    if (on_postgres)
        return;
    engine_rule *rules[] = {make_rule(0), make_rule(1)};
    put_instances(0, FEW);
    int64_t few =
        cost_of_what_waits(rules[0], "[" INSTANCE("w-1", "Stopped") "," INSTANCE("w-2", "Stopped") "]");
    for (size_t from = FEW; from < MORE; from += 1000)
        put_instances(from, from + 1000);
    int64_t many =
        cost_of_what_waits(rules[1], "[" INSTANCE("w-3", "Stopped") "," INSTANCE("w-4", "Stopped") "]");
    if (many > few + few / 4)
        fail_msg("%lld steps beside %d resources and %lld beside %d", (long long)few, FEW, (long long)many,
                 MORE);
}

/* The first result among many rows lies on the first page; past a bound pages end early, the list is whole.
 */
static void a_page_ends_early_rather_than_looking_long(void **state) {
    (void)state;
    static const pl_str group = PL_STR_INIT("rg-none"), nothing = PL_STR_INIT("rg-empty");
    engine_result_filter needle = {.group_ids = &group, .group_id_count = 1};
    engine_result_filter none = {.group_ids = &nothing, .group_id_count = 1};
    if (on_postgres) /* the walks are the same */
        return;
    engine_rule *rules[OFTEN] = {make_rule(0)};
    for (size_t from = 0; from < MANY; from += 1000)
        put_instances(from, from + 1000);
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"needle\",\"regionId\":\"r\","
        "\"resourceGroupId\":\"rg-none\",\"configuration\":{\"Status\":\"Stopped\"}}]");
    struct asking a = {.filter = &needle, .rules = rules, .rule_count = 1, .limit = 10};
    ask(&a);
    assert_int_equal(a.count, 1);
    assert_int_equal(read_pages(&a, list_of, NULL), 1);
    needle.has_compliance = true;
    needle.compliance = ENGINE_NON_COMPLIANT;
    assert_int_equal(read_pages(&a, list_of, NULL), 1);
    needle.oldest_non_compliant_first = true;
    assert_int_equal(read_pages(&a, list_of, NULL), 1);
    for (size_t i = 1; i < OFTEN; i++)
        rules[i] = rules[0];
    struct asking empty = {.filter = &none, .rules = rules, .rule_count = OFTEN, .limit = 10};
    ask(&empty);
    assert_int_equal(empty.count, 0);
    assert_true(empty.next.p != NULL);
    assert_int_equal(read_pages(&empty, list_of, NULL), 0);
}

/* --- Several rules by age, each with more rows than a page looks at ----------------------------------------
 */

static void put_stopped(size_t from, size_t until) {
    pl_buf text;
    pl_buf_init(&text, 16 << 20);
    for (size_t i = from; i < until; i++)
        pl_buf_printf(&text,
                      "%s{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-%05zu\",\"regionId\":"
                      "\"r\",\"resourceGroupId\":\"%s\",\"configuration\":{\"Status\":\"Stopped\"}}",
                      i == from ? "[" : ",", i, i % 1500 == 700 ? "rg-needle" : "rg-hay");
    pl_buf_add(&text, PL_STR("]"));
    pl_buf_add_char(&text, 0);
    put(text.p);
    pl_buf_free(&text);
}

static int change_work(store_session *session, void *argument, pl_error *wrong) {
    engine_context context = context_of_test();
    return engine_rule_update(&context, session, argument, wrong);
}

/* All resources deviate from the rule, from now on. */
static void deviate_now(engine_rule *rule) {
    now += 1000;
    rule->conditions = pl_str_from(conditions[0]);
    if (store_write(db, change_work, rule, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
    drain();
}

/* The second rule has the oldest rows, the first and the third have them all from one time later on. */
static void the_oldest_of_several_rules_come_first(void **state) {
    (void)state;
    static const pl_str group = PL_STR_INIT("rg-needle");
    engine_result_filter needles = {.group_ids = &group,
                                    .group_id_count = 1,
                                    .has_compliance = true,
                                    .compliance = ENGINE_NON_COMPLIANT,
                                    .oldest_non_compliant_first = true};
    if (on_postgres) /* the walks are the same */
        return;
    engine_rule late = rule_named("first", CONDITION(CLAUSE("$.Status", "StringEquals", "Stopped")));
    engine_rule *rules[3];
    rules[0] = make(late);
    rules[1] = make_rule(0);
    late.name = PL_STR("third");
    rules[2] = make(late);
    for (size_t from = 0; from < MANY; from += 1000, now += 1000)
        put_stopped(from, from + 1000);
    deviate_now(rules[0]);
    deviate_now(rules[2]);
    struct asking a = {.filter = &needles, .rules = rules, .rule_count = 3, .limit = 4};
    size_t n = read_pages(&a, list_of, NULL);
    assert_int_equal(n, 3 * MANY / 1500);
    for (size_t i = 0; i < n; i++) {
        static const size_t order[] = {1, 0, 2};
        assert_int_equal(list_of[i].rule_key, rules[order[i / (MANY / 1500)]]->rule_key);
        assert_true(i == 0 || list_of[i - 1].last_non_compliant <= list_of[i].last_non_compliant);
    }
    sort(list_of, n);
    none_is_twice(list_of, n, INT64_MAX);
}

static int setup_by_hand(void **state) {
    return setup_history(state, 0, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_filter_lists_every_result_once, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(lists_stand_still_while_rules_run, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(runs_between_the_pages_hide_nothing, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_page_costs_the_same_however_long_the_list, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(what_waits_costs_the_same_however_much_is_listed, setup_by_hand,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_page_ends_early_rather_than_looking_long, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(the_oldest_of_several_rules_come_first, setup_by_hand, teardown),
    };
    return run_on_both(tests);
}
