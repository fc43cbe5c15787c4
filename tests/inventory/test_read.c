/* Look-ups of single resources: what they find, and that their cost has nothing to do with how many there
 * are. */
#include "support/testing.h"

#include "support/records.h"

#include <dlfcn.h>
#include <sqlite3.h>

enum { MANY = 3000, STEPS_MAX = 200, TWINS = 3 };

static const pl_str owner = PL_STR_INIT("100000000000001");
static _Thread_local int64_t steps; /* instructions of SQLite's machine */

int sqlite3_step(sqlite3_stmt *statement) {
    static int (*real)(sqlite3_stmt *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "sqlite3_step");
    int result = real(statement);
    steps += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);
    return result;
}

struct applying {
    pl_json items;
};

static int apply_work(store_session *session, void *argument, pl_error *wrong) {
    struct applying *a = argument;
    inventory_item *items;
    size_t count;
    inventory_defaults defaults = {.account_id = owner};
    inventory_change *changes = pl_new(&arena, inventory_change, pl_json_count(a->items) + 1);
    if (inventory_parse(&arena, a->items, &defaults, &items, &count, wrong) != 0)
        return -1;
    return inventory_apply(session, &arena, items, count, 1000, changes, wrong);
}

/* MANY resources of one type, and TWINS others that share an id. */
static void put(void) {
    pl_buf text;
    pl_buf_init(&text, 4 << 20);
    for (int i = 0; i < MANY; i++)
        pl_buf_printf(&text,
                      "%s{\"resourceType\":\"T\",\"resourceId\":\"t-%d\",\"regionId\":\"r\","
                      "\"configuration\":{}}",
                      i ? "," : "[", i);
    for (int i = 0; i < TWINS; i++)
        pl_buf_printf(&text,
                      ",{\"resourceType\":\"U%d\",\"resourceId\":\"twin\",\"regionId\":\"r\","
                      "\"configuration\":{\"n\":%d}}",
                      i, i);
    pl_buf_add(&text, PL_STR("]"));
    pl_buf_add_char(&text, '\0');
    struct applying a = {parsed(text.p)};
    if (store_write(db, apply_work, &a, &error) != 0)
        fail_msg("%s", error.message);
    pl_buf_free(&text);
}

struct finding {
    pl_str id;
    inventory_resource found[4];
    size_t capacity, count;
};

static int find_work(store_session *session, void *argument, pl_error *wrong) {
    struct finding *f = argument;
    steps = 0;
    return inventory_find_id(session, &arena, owner, f->id, f->found, f->capacity, &f->count, wrong);
}

static struct finding find(const char *id, size_t capacity) {
    struct finding f = {.id = pl_str_from(id), .capacity = capacity};
    if (store_read(db, find_work, &f, &error) != 0)
        fail_msg("%s", error.message);
    if (!on_postgres && steps > STEPS_MAX)
        fail_msg("%s: %lld steps", id, (long long)steps);
    return f;
}

static void an_id_is_found_without_looking_at_others(void **state) {
    (void)state;
    put();
    assert_int_equal(find("none", 4).count, 0);
    struct finding one = find("t-2999", 4);
    assert_int_equal(one.count, 1);
    assert_true(pl_str_is(one.found[0].resource_type, "T"));
    struct finding twins = find("twin", 4);
    assert_int_equal(twins.count, TWINS);
    for (size_t i = 1; i < TWINS; i++)
        assert_true(twins.found[i - 1].resource_key < twins.found[i].resource_key);
    assert_true(pl_str_is(twins.found[2].configuration, "{\"n\":2}"));
    assert_int_equal(find("twin", 2).count, 2);
}

static int setup(void **state) {
    (void)state;
    return open_records();
}

static int teardown(void **state) {
    (void)state;
    return close_records();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_id_is_found_without_looking_at_others, setup, teardown),
    };
    return run_on_both(tests);
}
