/* What a user notices of recording: what counts as a change, what history tells, what is refused. */
#include "support/testing.h"

#include "support/records.h"

static const pl_str owner = PL_STR_INIT("100000000000001");

static int setup(void **state) {
    (void)state;
    return open_records();
}

static int teardown(void **state) {
    (void)state;
    return close_records();
}

struct applying {
    const char *json;
    int64_t now;
    inventory_change changes[8];
    size_t count;
};

static int apply_work(store_session *session, void *argument, pl_error *e) {
    struct applying *a = argument;
    inventory_item *items;
    inventory_defaults defaults = {.account_id = owner};
    if (inventory_parse(&arena, parsed(a->json), &defaults, &items, &a->count, e) != 0)
        return -1;
    return inventory_apply(session, &arena, items, a->count, a->now, a->changes, e);
}

static struct applying applied;

static inventory_change apply(const char *json, int64_t now) {
    applied = (struct applying){.json = json, .now = now};
    if (store_write(db, apply_work, &applied, &error) != 0)
        fail_msg("%s", error.message);
    return applied.changes[0];
}

#define ITEM(configuration)                                                                                  \
    "[{\"resourceType\":\"ACS::OSS::Bucket\",\"resourceId\":\"b\",\"regionId\":\"cn-beijing\","              \
    "\"configuration\":" configuration "}]"

static void a_new_item_is_discovered_and_the_same_again_is_not(void **state) {
    (void)state;
    inventory_change change = apply(ITEM("{\"A\":1}"), 1000);
    assert_int_equal(change.event, INVENTORY_DISCOVERED);
    assert_int_equal(change.capture_time, 1000);
    assert_int_equal(apply(ITEM("{\"A\":1}"), 2000).event, INVENTORY_UNCHANGED);
}

static void member_order_and_json_text_make_no_difference(void **state) {
    (void)state;
    apply(ITEM("{\"A\":1,\"B\":{\"x\":1,\"y\":2}}"), 1000);
    assert_int_equal(apply(ITEM("{\"B\":{\"y\":2,\"x\":1},\"A\":1}"), 2000).event, INVENTORY_UNCHANGED);
    assert_int_equal(apply(ITEM("\"{\\\"A\\\":1,\\\"B\\\":{\\\"x\\\":1,\\\"y\\\":2}}\""), 2000).event,
                     INVENTORY_UNCHANGED);
}

static void a_number_and_its_text_differ(void **state) {
    (void)state;
    apply(ITEM("{\"A\":1}"), 1000);
    inventory_change change = apply(ITEM("{\"A\":\"1\"}"), 2000);
    assert_int_equal(change.event, INVENTORY_MODIFY);
    assert_str(change.diff, "{\"A\":[1,\"1\"]}");
}

static void tags_in_any_form_are_equal(void **state) {
    (void)state;
    static const char head[] = "[{\"resourceType\":\"T\",\"resourceId\":\"b\",\"tags\":";
    char text[256];
    const char *const forms[] = {"{\"env\":\"prod\"}", "{\"env\":[\"prod\"]}",
                                 "\"{\\\"env\\\":[\\\"prod\\\"]}\"",
                                 "[{\"TagKey\":\"env\",\"TagValue\":\"prod\"}]"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "%s%s}]", head, forms[i]);
        assert_int_equal(apply(text, 1000).event, i == 0 ? INVENTORY_DISCOVERED : INVENTORY_UNCHANGED);
        assert_str(applied.changes[0].item->tags, "{\"env\":[\"prod\"]}");
    }
}

static void captures_of_a_resource_never_go_back(void **state) {
    (void)state;
    apply(ITEM("{\"A\":1}"), 5000);
    assert_int_equal(apply(ITEM("{\"A\":2}"), 3000).capture_time, 5001);
}

/* --- Reading ----------------------------------------------------------------------------------------------
 */

struct reading {
    int64_t at;
    pl_str configuration;
    inventory_node *nodes;
    size_t count;
    inventory_resource resource;
    bool found;
    int64_t live, first;
    bool existed;
    pl_str name; /* at that time */
};

static int read_work(store_session *session, void *argument, pl_error *e) {
    struct reading *r = argument;
    if (inventory_find(session, &arena, owner, PL_STR("ACS::OSS::Bucket"), PL_STR_NONE, PL_STR("b"),
                       &r->resource, &r->found, e) != 0)
        return -1;
    if (!r->found)
        return 0;
    if (inventory_timeline(session, &arena, &r->resource, 0, INT64_MAX, 100, &r->nodes, &r->count, e) != 0 ||
        inventory_count_type(session, owner, PL_STR_NONE, &r->live, e) != 0 ||
        inventory_first_capture(session, &r->resource, &r->first, e) != 0)
        return -1;
    inventory_resource then = r->resource;
    if (inventory_resource_at(session, &arena, &then, r->at, &r->existed, e) != 0)
        return -1;
    r->name = then.name;
    return inventory_configuration_at(session, &arena, &r->resource, r->at, &r->configuration, e);
}

static struct reading read_at(int64_t at) {
    struct reading r = {.at = at};
    if (store_read(db, read_work, &r, &error) != 0)
        fail_msg("%s", error.message);
    return r;
}

static void history_leads_back_to_every_configuration(void **state) {
    (void)state;
    apply(ITEM("{\"A\":1,\"B\":[1,2]}"), 1000);
    apply(ITEM("{\"A\":2,\"B\":[1,2],\"C\":\"new\"}"), 2000);
    apply(ITEM("{\"B\":[2,1],\"C\":\"new\"}"), 3000);
    assert_null(read_at(999).configuration.p);
    assert_str(read_at(1000).configuration, "{\"B\":[1,2],\"A\":1}"); /* the order is not kept */
    assert_str(read_at(2999).configuration, "{\"B\":[1,2],\"C\":\"new\",\"A\":2}");
    struct reading now = read_at(3000);
    assert_str(now.configuration, "{\"B\":[2,1],\"C\":\"new\"}");
    assert_int_equal(now.count, 3);
    assert_str(now.nodes[0].diff, "{\"A\":[2,null],\"B\":[[1,2],[2,1]]}");
    assert_str(now.nodes[1].diff, "{\"A\":[1,2],\"C\":[null,\"new\"]}");
    assert_str(now.nodes[2].diff, "{\"B\":[null,[1,2]],\"A\":[null,1]}");
}

#define NAMED(name, configuration)                                                                           \
    "{\"resourceType\":\"ACS::OSS::Bucket\",\"resourceId\":\"b\",\"regionId\":\"cn-beijing\","               \
    "\"resourceName\":\"" name "\",\"configuration\":" configuration "}"
#define GONE                                                                                                 \
    "{\"resourceType\":\"ACS::OSS::Bucket\",\"resourceId\":\"b\",\"regionId\":\"cn-beijing\","               \
    "\"resourceEventType\":\"REMOVE\"}"

static void a_discovery_is_told_alike_before_and_after_changes(void **state) {
    (void)state;
    apply("[" NAMED("first", "{\"A\":1}") "]", 1000);
    for (int changes = 0; changes < 3; changes++) {
        struct reading r = read_at(1500);
        assert_int_equal(r.count, changes + 1);
        assert_int_equal(r.nodes[changes].capture_time, 1000);
        assert_int_equal(r.nodes[changes].event, INVENTORY_DISCOVERED);
        assert_str(r.nodes[changes].name, "first");
        assert_str(r.nodes[changes].diff, "{\"A\":[null,1]}");
        assert_str(r.configuration, "{\"A\":1}");
        assert_str(r.name, "first");
        assert_true(r.existed);
        assert_int_equal(r.first, 1000);
        assert_false(read_at(999).existed);
        apply(changes ? "[" GONE "]" : "[" NAMED("second", "{\"A\":2}") "]", 2000 + 1000 * changes);
    }
}

static void changes_of_one_call_are_told_one_by_one(void **state) {
    (void)state;
    apply("[" NAMED("first", "{\"A\":1}") "," NAMED("second",
                                                    "{\"A\":2}") "," GONE "," NAMED("third", "{\"A\":3}") "]",
          1000);
    struct reading r = read_at(1000);
    assert_int_equal(r.count, 4);
    assert_int_equal(r.nodes[3].event, INVENTORY_DISCOVERED);
    assert_str(r.nodes[3].name, "first");
    assert_str(r.nodes[2].diff, "{\"A\":[1,2]}");
    assert_int_equal(r.nodes[1].event, INVENTORY_REMOVE);
    assert_str(r.nodes[0].diff, "{\"A\":[null,3]}");
    assert_str(r.configuration, "{\"A\":1}");
    assert_int_equal(r.first, 1000);
}

static void a_removed_resource_may_come_back(void **state) {
    (void)state;
    apply(ITEM("{\"A\":1}"), 1000);
    inventory_change gone = apply("[{\"resourceType\":\"ACS::OSS::Bucket\",\"resourceId\":\"b\",\"regionId\":"
                                  "\"cn-beijing\",\"resourceEventType\":\"REMOVE\"}]",
                                  2000);
    assert_int_equal(gone.event, INVENTORY_REMOVE);
    assert_int_equal(read_at(0).live, 0);
    assert_true(read_at(0).resource.deleted);
    assert_int_equal(apply(ITEM("{\"A\":3}"), 3000).event, INVENTORY_DISCOVERED);
    struct reading r = read_at(1500);
    assert_int_equal(r.live, 1);
    assert_str(r.configuration, "{\"A\":1}");
    assert_null(read_at(2500).configuration.p);
    assert_str(read_at(3000).configuration, "{\"A\":3}");
    assert_int_equal(r.count, 3);
    assert_str(r.nodes[1].diff, "{\"A\":[1,null]}");
    assert_int_equal(r.nodes[1].event, INVENTORY_REMOVE);
}

static void a_bad_item_is_named_with_index_and_member(void **state) {
    (void)state;
    inventory_item *items;
    size_t count;
    inventory_defaults defaults = {.account_id = owner};
    assert_int_equal(
        inventory_parse(&arena,
                        parsed("[{\"resourceType\":\"T\",\"resourceId\":\"a\"},"
                               "{\"resourceType\":\"T\",\"resourceId\":\"b\",\"configuration\":\"{\"}]"),
                        &defaults, &items, &count, &error),
        -1);
    assert_string_equal(error.code, "Invalid.ConfigurationItems.Value");
    assert_non_null(strstr(error.message, "[1].configuration"));
    assert_int_equal(
        inventory_parse(&arena, parsed("[{\"resourceType\":\"T\"}]"), &defaults, &items, &count, &error), -1);
    assert_non_null(strstr(error.message, "[0].resourceId"));
}

static void items_of_strange_accounts_are_refused(void **state) {
    (void)state;
    inventory_item *items;
    size_t count;
    inventory_defaults defaults = {.account_id = owner};
    assert_int_equal(
        inventory_parse(&arena, parsed("[{\"accountId\":7,\"resourceType\":\"T\",\"resourceId\":\"a\"}]"),
                        &defaults, &items, &count, &error),
        -1);
    assert_string_equal(error.code, "Invalid.AccountId.Value");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_item_is_discovered_and_the_same_again_is_not, setup, teardown),
        cmocka_unit_test_setup_teardown(member_order_and_json_text_make_no_difference, setup, teardown),
        cmocka_unit_test_setup_teardown(a_number_and_its_text_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(tags_in_any_form_are_equal, setup, teardown),
        cmocka_unit_test_setup_teardown(captures_of_a_resource_never_go_back, setup, teardown),
        cmocka_unit_test_setup_teardown(history_leads_back_to_every_configuration, setup, teardown),
        cmocka_unit_test_setup_teardown(a_discovery_is_told_alike_before_and_after_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_of_one_call_are_told_one_by_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_removed_resource_may_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_item_is_named_with_index_and_member, setup, teardown),
        cmocka_unit_test_setup_teardown(items_of_strange_accounts_are_refused, setup, teardown),
    };
    return run_on_both(tests);
}
