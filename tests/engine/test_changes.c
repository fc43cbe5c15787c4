/*
 * Changes of results gathered by resource: what is read is what was stored, whatever the annotations say, the
 * newest first; a second work of the same millisecond adds to the first. On both databases.
 */
#include "support/testing.h"

#include "engine/changes.h"
#include "engine/world.h"

#define ODD "{\"reason\":\"4 1 1 0 12 0 two\nlines, \xc3\xbc\"}"

enum { RECORDED = 5000 };

struct batch {
    int64_t resource_key, recorded;
    engine_change changes[3];
    size_t count;
};

static int gather_work(store_session *session, void *argument, pl_error *wrong) {
    const struct batch *b = argument;
    engine_changes changes;
    int status = 0;
    engine_changes_init(&changes);
    for (size_t i = 0; status == 0 && i < b->count; i++)
        status =
            engine_changes_add(&changes, session, b->recorded, owner, b->resource_key, b->changes + i, wrong);
    if (status == 0)
        status = engine_changes_store(&changes, session, b->recorded, wrong);
    engine_changes_free(&changes);
    return status;
}

static void store_batch(struct batch b) {
    assert_int_equal(write_in_test(gather_work, &b, sizeof b), 0);
}

struct found {
    inventory_resource resource;
    size_t limit, count;
    engine_change changes[8];
};

static int take(void *context, const engine_change *change) {
    struct found *f = context;
    assert_in_range(f->count, 0, 7);
    f->changes[f->count++] = *change;
    return 0;
}

static int read_work(store_session *session, void *argument, pl_error *wrong) {
    struct found *f = argument;
    f->count = 0;
    return engine_changes_read(session, &arena, &f->resource, f->limit, take, f, wrong);
}

static struct found read_changes(int64_t resource_key, size_t limit) {
    struct found f = {.resource = {.account_id = owner, .resource_key = resource_key}, .limit = limit};
    assert_int_equal(read_in_test(read_work, &f, sizeof f), 0);
    return f;
}

static engine_change fall(int64_t at, int64_t rule_key, const char *annotation) {
    return (engine_change){
        at, rule_key, ENGINE_COMPLIANT, ENGINE_NON_COMPLIANT, ENGINE_BY_CHANGE, pl_str_from(annotation)};
}

static engine_change leave(int64_t at, int64_t rule_key) {
    return (engine_change){at,        rule_key, ENGINE_NON_COMPLIANT, ENGINE_COMPLIANCE_COUNT, ENGINE_BY_HAND,
                           PL_STR("")};
}

static void assert_change(const engine_change *found, engine_change wanted) {
    assert_int_equal(found->at, wanted.at);
    assert_int_equal(found->rule_key, wanted.rule_key);
    assert_int_equal(found->from, wanted.from);
    assert_int_equal(found->to, wanted.to);
    assert_int_equal(found->message_type, wanted.message_type);
    assert_true(pl_str_eq(found->annotation, wanted.annotation));
}

static void what_is_read_is_what_was_stored(void **state) {
    (void)state;
    store_batch((struct batch){7, RECORDED, {fall(4000, 1, ODD), leave(4500, 2), fall(-1, 3, "")}, 3});
    struct found f = read_changes(7, 100);
    assert_int_equal(f.count, 3);
    assert_change(f.changes, fall(-1, 3, ""));
    assert_change(f.changes + 1, leave(4500, 2));
    assert_change(f.changes + 2, fall(4000, 1, ODD));
    assert_int_equal(read_changes(8, 100).count, 0);
}

static void a_second_work_of_the_millisecond_adds(void **state) {
    (void)state;
    store_batch((struct batch){7, RECORDED, {fall(1, 1, ODD)}, 1});
    store_batch((struct batch){7, RECORDED, {leave(2, 1)}, 1});
    store_batch((struct batch){7, RECORDED + 1, {fall(3, 1, "later")}, 1});
    struct found f = read_changes(7, 100);
    assert_int_equal(f.count, 3);
    assert_change(f.changes, fall(3, 1, "later"));
    assert_change(f.changes + 1, leave(2, 1));
    assert_change(f.changes + 2, fall(1, 1, ODD));
    f = read_changes(7, 1);
    assert_int_equal(f.count, 1);
    assert_change(f.changes, fall(3, 1, "later"));
}

static int two_resources_work(store_session *session, void *argument, pl_error *wrong) {
    const engine_change first = fall(1, 1, ODD), second = *(const engine_change *)argument;
    engine_changes changes;
    engine_changes_init(&changes);
    int status = engine_changes_add(&changes, session, RECORDED, owner, 7, &first, wrong);
    if (status == 0)
        status = engine_changes_add(&changes, session, RECORDED, owner, 8, &second, wrong);
    if (status == 0)
        status = engine_changes_add(&changes, session, RECORDED, owner, 7, &second, wrong);
    if (status == 0)
        status = engine_changes_store(&changes, session, RECORDED, wrong);
    engine_changes_free(&changes);
    return status;
}

static void resources_keep_their_own(void **state) {
    (void)state;
    engine_change second = leave(2, 2);
    assert_int_equal(write_in_test(two_resources_work, &second, sizeof second), 0);
    struct found seven = read_changes(7, 100), eight = read_changes(8, 100);
    assert_int_equal(seven.count, 2);
    assert_change(seven.changes, leave(2, 2));
    assert_change(seven.changes + 1, fall(1, 1, ODD));
    assert_int_equal(eight.count, 1);
    assert_change(eight.changes, leave(2, 2));
}

static int spoil_work(store_session *session, void *argument, pl_error *wrong) {
    return store_run(
        session, wrong,
        "INSERT INTO compliance_history (account_id, resource_key, recorded, changes) VALUES ($1, 7, "
        "5000, $2)",
        "tt", owner, *(pl_str *)argument);
}

static int unspoil_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong, "DELETE FROM compliance_history", "");
}

static void what_is_no_history_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"1",
                                        "1 2 0 1 0 9 short",
                                        "1 2 0 99 0 0 ",
                                        "1 2 -1 1 0 0 ",
                                        "1 2 x 1 0 0 ",
                                        "1 2 0 1 0 -1 ",
                                        "1 2 0 1 99 0 ",
                                        "1 2 0 1 0 0 trailing"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        pl_str text = pl_str_from(texts[i]);
        struct found f = {.resource = {.account_id = owner, .resource_key = 7}, .limit = 10};
        assert_int_equal(store_write(db, spoil_work, &text, &error), 0);
        if (store_read(db, read_work, &f, &error) == 0)
            fail_msg("\"%s\" was taken for history", texts[i]);
        assert_string_equal(error.code, "ServiceUnavailable");
        assert_int_equal(store_write(db, unspoil_work, NULL, &error), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_is_read_is_what_was_stored),
        TEST(a_second_work_of_the_millisecond_adds),
        TEST(resources_keep_their_own),
        TEST(what_is_no_history_is_refused),
    };
    return run_on_both(tests);
}
