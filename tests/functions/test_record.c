/*
 * Rows of functions, their code, versions, aliases and asynchronous invocations. On both databases.
 */
#include "support/testing.h"

#include "functions/later.h"
#include "functions/record.h"
#include "support/records.h"

static const pl_str account = PL_STR_INIT("100");

static int setup(void **state) {
    (void)state;
    return open_records();
}

static int teardown(void **state) {
    (void)state;
    return close_records();
}

static function_record record_of(const char *name, const char *version) {
    return (function_record){.account_id = account,
                             .name = pl_str_from(name),
                             .version = pl_str_from(version),
                             .function_id = PL_STR("id"),
                             .runtime = PL_STR("python3.10"),
                             .handler = PL_STR("index.handler"),
                             .description = PL_STR(""),
                             .environment = PL_STR("{\"A\":\"1\"}"),
                             .timeout_seconds = 3,
                             .memory_mb = 512,
                             .disk_mb = 512,
                             .role = PL_STR(""),
                             .runtime_config = PL_STR(""),
                             .endpoint = PL_STR(""),
                             .members = PL_STR("{\"cpu\":0.5}"),
                             .code_checksum = PL_STR("sum-1"),
                             .code_size = 7,
                             .revision = PL_STR("r1"),
                             .created = 1,
                             .modified = 2};
}

/* --- One call in a transaction each ----------------------------------------------------------------------
 */

struct asking {
    function_record record, found_record, *records;
    function_alias alias;
    pl_str name, qualifier, text;
    bool found;
    size_t count;
    int64_t number, now, lease;
    later item, items[4];
};

static struct asking run(int (*work)(store_session *, void *, pl_error *), struct asking a) {
    if (store_write(db, work, &a, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return a;
}

static int put_work(store_session *session, void *argument, pl_error *wrong) {
    return function_put(session, &((struct asking *)argument)->record, wrong);
}

static int find_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return function_find(session, &arena, account, a->name, a->qualifier, &a->found_record, &a->found, wrong);
}

static int code_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return function_put_code(session, account, a->name, a->text, wrong);
}

static int get_code_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return function_get_code(session, &arena, account, a->name, &a->text, wrong);
}

static int alias_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return function_put_alias(session, account, a->name, &a->alias, wrong);
}

static int delete_work(store_session *session, void *argument, pl_error *wrong) {
    return function_delete(session, account, ((struct asking *)argument)->name, wrong);
}

static int unpublish_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return function_delete_version(session, account, a->name, a->qualifier, &a->found, wrong);
}

static int list_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return function_list(session, &arena, account, a->name, a->text, 2, &a->records, &a->count, wrong);
}

static int versions_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return function_list_versions(session, &arena, account, a->name, &a->records, &a->count, wrong);
}

static void put(function_record record) {
    run(put_work, (struct asking){.record = record});
}

static struct asking find(const char *name, const char *qualifier) {
    return run(find_work, (struct asking){.name = pl_str_from(name), .qualifier = pl_str_from(qualifier)});
}

static bool has_code(const char *checksum) {
    return run(get_code_work, (struct asking){.name = pl_str_from(checksum)}).text.p != NULL;
}

/* --- Functions --------------------------------------------------------------------------------------------
 */

static void a_function_is_read_as_it_was_written(void **state) {
    (void)state;
    put(record_of("f", "LATEST"));
    struct asking a = find("f", "");
    assert_true(a.found);
    const function_record *r = &a.found_record;
    assert_true(pl_str_is(r->handler, "index.handler"));
    assert_true(pl_str_is(r->environment, "{\"A\":\"1\"}"));
    assert_true(pl_str_is(r->members, "{\"cpu\":0.5}"));
    assert_true(pl_str_is(r->revision, "r1"));
    assert_int_equal(r->memory_mb, 512);
    assert_int_equal(r->code_size, 7);
    function_record changed = *r;
    changed.members = PL_STR("{}");
    changed.timeout_seconds = 9;
    put(changed);
    a = find("f", "LATEST");
    assert_true(pl_str_is(a.found_record.members, "{}"));
    assert_int_equal(a.found_record.timeout_seconds, 9);
    assert_false(find("g", "").found);
}

static void aliases_lead_to_versions(void **state) {
    (void)state;
    put(record_of("f", "LATEST"));
    put(record_of("f", "1"));
    function_alias live = {PL_STR("live"), PL_STR("1"), PL_STR(""), 1, 1};
    run(alias_work, (struct asking){.name = PL_STR("f"), .alias = live});
    assert_true(pl_str_is(find("f", "live").found_record.version, "1"));
    assert_true(pl_str_is(find("f", "1").found_record.version, "1"));
    assert_false(find("f", "2").found);
    assert_false(find("f", "dead").found);
    put(record_of("f", "10"));
    put(record_of("f", "9"));
    struct asking a = run(versions_work, (struct asking){.name = PL_STR("f")});
    assert_int_equal(a.count, 3);
    assert_true(pl_str_is(a.records[0].version, "10"));
    assert_true(pl_str_is(a.records[2].version, "1"));
}

static void code_goes_with_the_last_version_that_needs_it(void **state) {
    function_record older = record_of("f", "1");
    (void)state;
    older.code_checksum = PL_STR("sum-2");
    run(code_work, (struct asking){.name = PL_STR("sum-1"), .text = pl_str_of("a\0b", 3)});
    run(code_work, (struct asking){.name = PL_STR("sum-2"), .text = PL_STR("two")});
    put(record_of("f", "LATEST"));
    put(record_of("g", "LATEST"));
    put(older);
    assert_int_equal(run(get_code_work, (struct asking){.name = PL_STR("sum-1")}).text.n, 3);
    assert_true(run(unpublish_work, (struct asking){.name = PL_STR("f"), .qualifier = PL_STR("1")}).found);
    assert_false(has_code("sum-2"));
    run(delete_work, (struct asking){.name = PL_STR("f")});
    assert_true(has_code("sum-1"));
    run(delete_work, (struct asking){.name = PL_STR("g")});
    assert_false(has_code("sum-1"));
}

static void functions_are_listed_page_by_page(void **state) {
    (void)state;
    static const char *const names[] = {"check-c", "check-a", "other", "check-b"};
    for (size_t i = 0; i < 4; i++)
        put(record_of(names[i], "LATEST"));
    struct asking a = run(list_work, (struct asking){.name = PL_STR("check"), .text = PL_STR("")});
    assert_int_equal(a.count, 2);
    assert_true(pl_str_is(a.records[0].name, "check-a"));
    a = run(list_work, (struct asking){.name = PL_STR("check"), .text = PL_STR("check-b")});
    assert_int_equal(a.count, 1);
    assert_true(pl_str_is(a.records[0].name, "check-c"));
}

static void an_initializer_is_read_from_the_members(void **state) {
    function_initializer initializer;
    function_record r = record_of("f", "LATEST");
    (void)state;
    assert_int_equal(function_initializer_of(&arena, &r, &initializer, &error), 0);
    assert_int_equal(initializer.handler.n, 0);
    r.members =
        PL_STR("{\"instanceLifecycleConfig\":{\"initializer\":{\"handler\":\"index.begin\",\"timeout\":7}}}");
    assert_int_equal(function_initializer_of(&arena, &r, &initializer, &error), 0);
    assert_true(pl_str_is(initializer.handler, "index.begin"));
    assert_int_equal(initializer.timeout_seconds, 7);
}

/* --- Asynchronous invocations -----------------------------------------------------------------------------
 */

static int later_put_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return later_put(session, &a->item, a->now, wrong);
}

static int later_claim_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return later_claim(session, &arena, a->name, a->now, a->lease, 4, a->items, &a->count, wrong);
}

static int later_renew_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return later_renew(session, a->name, a->lease, wrong);
}

static int later_end_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return later_end(session, &a->item, a->number, wrong);
}

static struct asking claim(const char *node, int64_t now) {
    return run(later_claim_work, (struct asking){.name = pl_str_from(node), .now = now, .lease = now + 100});
}

static void an_invocation_waits_is_claimed_retried_and_ends(void **state) {
    later item = {.account_id = account,
                  .id = PL_STR("task"),
                  .name = PL_STR("f"),
                  .version = PL_STR("LATEST"),
                  .payload = PL_STR("{}")};
    (void)state;
    run(later_put_work, (struct asking){.item = item});
    run(later_put_work, (struct asking){.item = item}); /* the same task twice is one */
    struct asking first = claim("one", 1000);
    assert_int_equal(first.count, 1);
    assert_int_equal(first.items[0].attempts, 0);
    assert_int_equal(claim("two", 1099).count, 0);
    run(later_renew_work, (struct asking){.name = PL_STR("one"), .lease = 1200});
    assert_int_equal(claim("two", 1199).count, 0);
    assert_int_equal(claim("two", 1200).count, 1);
    run(later_end_work, (struct asking){.item = item, .number = 1500});
    assert_int_equal(claim("two", 1499).count, 0);
    struct asking again = claim("two", 1500);
    assert_int_equal(again.count, 1);
    assert_int_equal(again.items[0].attempts, 1);
    run(later_end_work, (struct asking){.item = item});
    assert_int_equal(claim("two", 9000).count, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_function_is_read_as_it_was_written),
        CASE(aliases_lead_to_versions),
        CASE(code_goes_with_the_last_version_that_needs_it),
        CASE(functions_are_listed_page_by_page),
        CASE(an_initializer_is_read_from_the_members),
        CASE(an_invocation_waits_is_claimed_retried_and_ends),
    };
    return run_on_both(tests);
}
