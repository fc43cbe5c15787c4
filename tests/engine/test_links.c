/* Related resources by key: links are gathered by the first run that asks for them, and follow every change.
 */
#include "support/testing.h"

#include "engine/world.h"

enum { GROUPS = 510 }; /* more than are linked together */

static int setup_by_hand(void **state) {
    workers = 0;
    group_answers = (engine_groups){0};
    return setup(state);
}

static void drain(void) {
    bool worked;
    do
        if (engine_work(e, &worked, &error) != 0)
            fail_msg("%s", error.message);
    while (worked);
}

/* No instance of the group may be stopped: the path to the group lies on the instance. */
#define NONE_STOPPED                                                                                         \
    CONDITION("{\"operator\":\"NotContains\",\"featurePath\":\"$[*].Status\",\"featureSource\":"             \
              "\"RELATED:ACS::ECS::Instance\",\"desired\":\"Stopped\"}")

static engine_rule *make_group_rule(void) {
    engine_rule rule = rule_named("none-stopped", NONE_STOPPED);
    assert_int_equal(
        engine_list_parse(&arena, PL_STR("ACS::ECS::SecurityGroup"), &rule.scope.resource_types, &error), 0);
    return make(rule);
}

static void put_groups(void) {
    pl_buf text;
    pl_buf_init(&text, 16 << 20);
    for (int i = 0; i < GROUPS; i++)
        pl_buf_printf(&text,
                      "%s{\"resourceType\":\"ACS::ECS::SecurityGroup\",\"resourceId\":\"sg-%d\",\"regionId\":"
                      "\"r\",\"configuration\":{}},{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":"
                      "\"i-%d\",\"regionId\":\"r\",\"configuration\":{\"Status\":\"%s\",\"SecurityGroupIds\":"
                      "{\"SecurityGroupId\":[\"sg-%d\",\"sg-0\"]}}}",
                      i ? "," : "[", i, i, i % 10 == 3 ? "Stopped" : "Running", i);
    pl_buf_add_char(&text, ']');
    pl_buf_add_char(&text, 0);
    put(text.p);
    pl_buf_free(&text);
}

static void put_instance(const char *status, const char *group) {
    now++;
    put(pl_arena_printf(&arena,
                        "[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\",\"regionId\":\"r\","
                        "\"configuration\":{\"Status\":\"%s\",\"SecurityGroupIds\":{\"SecurityGroupId\":"
                        "[\"%s\"]}}}]",
                        status, group)
            .p);
}

static int64_t answer;

static int count_work(store_session *session, void *argument, pl_error *wrong) {
    store_statement *st = store_prepare(session, argument, wrong);
    if (store_step(st, wrong) != 1)
        return -1;
    answer = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

static int64_t number_of(const char *sql) {
    if (store_read(db, count_work, (void *)(uintptr_t)sql, &error) != 0)
        fail_msg("%s", error.message);
    return answer;
}

#define TO_GROUPS "SELECT COUNT(*) FROM resource_links WHERE to_type = 'ACS::ECS::SecurityGroup'"

static void a_run_gathers_the_links_that_it_needs(void **state) {
    (void)state;
    put_groups();
    assert_int_equal(number_of(TO_GROUPS), 0);
    engine_rule *rule = make_group_rule();
    drain();
    assert_int_equal(number_of("SELECT COUNT(*) FROM linked_types WHERE complete = 1 AND from_type = "
                               "'ACS::ECS::Instance'"),
                     1);
    assert_int_equal(number_of(TO_GROUPS), 2 * GROUPS - 1);
    /* Every tenth instance is stopped; all of them are in sg-0, too. */
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], GROUPS / 10 + 1);
}

static int begin_to_link(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong,
                     "INSERT INTO linked_types (account_id, from_type, complete) VALUES ($1, "
                     "'ACS::ECS::Instance', 0)",
                     "t", owner);
}

/* As a node leaves it that ends between two of its transactions. */
static void what_was_begun_is_completed(void **state) {
    (void)state;
    assert_int_equal(store_write(db, begin_to_link, NULL, &error), 0);
    put_groups();
    assert_int_equal(number_of(TO_GROUPS), 2 * GROUPS - 1);
    engine_rule *rule = make_group_rule();
    drain();
    assert_int_equal(number_of("SELECT complete FROM linked_types"), 1);
    assert_int_equal(number_of(TO_GROUPS), 2 * GROUPS - 1);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], GROUPS / 10 + 1);
}

static void links_follow_changes(void **state) {
    (void)state;
    put_groups();
    engine_rule *rule = make_group_rule();
    drain();
    int64_t before = number_of(TO_GROUPS);
    put_instance("Stopped", "sg-5");
    assert_int_equal(number_of(TO_GROUPS), before - 1);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], GROUPS / 10 + 2);
    put_instance("Running", "sg-5");
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], GROUPS / 10 + 1);
    now++;
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\",\"regionId\":\"r\","
        "\"resourceEventType\":\"REMOVE\"}]");
    assert_int_equal(number_of(TO_GROUPS), before - 2);
    put_instance("Stopped", "sg-7");
    assert_int_equal(number_of(TO_GROUPS), before - 1);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], GROUPS / 10 + 2);
}

static void nothing_is_linked_where_no_rule_asks(void **state) {
    (void)state;
    put_groups();
    make(rule_named("running", RUNNING));
    drain();
    assert_int_equal(number_of("SELECT COUNT(*) FROM linked_types"), 0);
    assert_int_equal(number_of("SELECT COUNT(*) FROM resource_links"), 0);
}

/* --- Resources that name another one ---------------------------------------------------------------------
 */

struct naming {
    const char *path;
    size_t count;
    bool all_running;
};

static int count_naming(void *context, const inventory_resource *r, pl_error *wrong) {
    struct naming *n = context;
    (void)wrong;
    n->count++;
    n->all_running = n->all_running && pl_str_find(r->configuration, PL_STR("Running")) != PL_NOT_FOUND;
    return 0;
}

static int visit_work(store_session *session, void *argument, pl_error *wrong) {
    struct naming *n = argument;
    inventory_resource group = {.account_id = owner,
                                .resource_type = PL_STR("ACS::ECS::SecurityGroup"),
                                .region_id = PL_STR("r"),
                                .resource_id = PL_STR("sg-7")};
    engine_relating of = {.e = e, .session = session, .arena = &arena, .resource = &group};
    return engine_visit_naming(&of, PL_STR("ACS::ECS::Instance"), pl_str_from(n->path), count_naming, n,
                               wrong);
}

static struct naming names_at(const char *path) {
    struct naming n = {path, 0, true};
    if (store_read(db, visit_work, &n, &error) != 0)
        fail_msg("%s", error.message);
    return n;
}

#define GROUP_PATH "$.SecurityGroupIds.SecurityGroupId[*]"

static void who_names_a_resource_is_the_same_with_links_and_without(void **state) {
    (void)state;
    put_groups();
    assert_int_equal(names_at(GROUP_PATH).count, 1);
    make_group_rule();
    drain();
    assert_int_equal(number_of(TO_GROUPS), 2 * GROUPS - 1);
    assert_int_equal(names_at(GROUP_PATH).count, 1);
    assert_true(names_at(GROUP_PATH).all_running);
    assert_int_equal(names_at("$.ImageId").count, 0); /* a link does not tell at which path */
    put_instance("Running", "sg-7");
    assert_int_equal(names_at(GROUP_PATH).count, 2);
}

static int forget_links_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong, "DELETE FROM resource_links WHERE to_id = 'sg-7'", "");
}

/* Proves that kept links are what is read: without the row the resource is not found. */
static void kept_links_are_read_instead_of_resources(void **state) {
    (void)state;
    put_groups();
    make_group_rule();
    drain();
    assert_int_equal(store_write(db, forget_links_work, NULL, &error), 0);
    assert_int_equal(names_at(GROUP_PATH).count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_run_gathers_the_links_that_it_needs, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(what_was_begun_is_completed, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(links_follow_changes, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_linked_where_no_rule_asks, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(who_names_a_resource_is_the_same_with_links_and_without,
                                        setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(kept_links_are_read_instead_of_resources, setup_by_hand, teardown),
    };
    return run_on_both(tests);
}
