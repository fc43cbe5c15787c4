/* Bulk loads: every row or none, large values, conflicts, and wrong use; both drivers. */
#include "store/things.h"

static const char *const thing_columns[] = {"account_id", "id", "name", "size"};

static void add_thing(store_bulk *bulk, int64_t id, pl_str name) {
    store_bulk_text(bulk, PL_STR("a"));
    store_bulk_i64(bulk, id);
    store_bulk_text(bulk, name);
    if (id % 3)
        store_bulk_i64(bulk, id % 1000);
    else
        store_bulk_null(bulk);
}

static int load(store_session *session, void *argument, pl_error *e) {
    int64_t rows = *(int64_t *)argument;
    store_bulk *bulk = store_bulk_begin(session, "things", thing_columns, 4, e);
    for (int64_t id = 1; id <= rows; id++) {
        char name[32];
        int n = snprintf(name, sizeof name, "thing\t%lld\\", (long long)id);
        add_thing(bulk, id, pl_str_of(name, (size_t)n));
        memset(name, 'x', sizeof name);
        if (store_bulk_row(bulk, e) != 0)
            break;
    }
    return store_bulk_end(bulk, e);
}

static int check_load(store_session *session, void *argument, pl_error *e) {
    int64_t rows = *(int64_t *)argument;
    store_statement *st = store_prepare(session, "SELECT id, name, size FROM things ORDER BY id", e);
    for (int64_t id = 1; id <= rows; id++) {
        char name[32];
        snprintf(name, sizeof name, "thing\t%lld\\", (long long)id);
        assert_int_equal(store_step(st, e), 1);
        assert_int_equal(store_column_i64(st, 0), id);
        assert_str(store_column_text(st, 1), name);
        assert_true(store_column_null(st, 2) == (id % 3 == 0));
        assert_int_equal(store_column_i64(st, 2), id % 3 ? id % 1000 : 0);
    }
    assert_int_equal(store_step(st, e), 0);
    return 0;
}

static void a_bulk_load_stores_every_row(void **state) {
    (void)state;
    int64_t none = 0, rows = 1003;
    assert_done(store_write(test.store, load, &none, &error));
    assert_done(store_write(test.store, load, &rows, &error));
    assert_done(store_read(test.store, check_load, &rows, &error));
}

static int load_large(store_session *session, void *argument, pl_error *e) {
    store_bulk *bulk = store_bulk_begin(session, "things", thing_columns, 4, e);
    for (int64_t id = 1; id <= 3; id++) {
        add_thing(bulk, id, *(pl_str *)argument);
        if (store_bulk_row(bulk, e) != 0)
            break;
    }
    return store_bulk_end(bulk, e);
}

static int sum_lengths(store_session *session, void *argument, pl_error *e) {
    store_statement *st = store_prepare(session, "SELECT sum(length(name)) FROM things", e);
    int result = store_step(st, e);
    *(int64_t *)argument = store_column_i64(st, 0);
    return result == 1 ? 0 : -1;
}

static void a_bulk_load_of_large_values_stores_them(void **state) {
    (void)state;
    static char large[700000];
    memset(large, 'x', sizeof large);
    pl_str text = pl_str_of(large, sizeof large);
    int64_t length = 0;
    assert_done(store_write(test.store, load_large, &text, &error));
    assert_done(store_read(test.store, sum_lengths, &length, &error));
    assert_int_equal(length, 3 * sizeof large);
}

static void a_conflict_in_a_bulk_load_is_told(void **state) {
    (void)state;
    int64_t rows = 50;
    assert_done(store_write(test.store, put_one, NULL, &error));
    assert_int_equal(store_write(test.store, load, &rows, &error), -1);
    assert_true(store_is_conflict(&error));
    assert_int_equal(stored(), 1);
}

static int load_wrongly(store_session *session, void *argument, pl_error *e) {
    int how = *(int *)argument;
    store_bulk *bulk = store_bulk_begin(session, how == 4 ? "nothing" : "things", thing_columns, 4, e);
    add_thing(bulk, 1, how == 3 ? pl_str_of("\0", 1) : PL_STR("x"));
    if (how == 0)
        store_bulk_null(bulk);
    if (how != 1)
        store_bulk_row(bulk, e);
    if (how == 2)
        store_bulk_i64(bulk, 7);
    if (how == 5)
        return 0;
    if (how == 6 && put(session, 5, "five", e) == 0)
        return 0;
    return store_bulk_end(bulk, e);
}

static void wrong_use_of_a_bulk_load_is_an_error(void **state) {
    (void)state;
    static const char *const wanted[] = {"InternalError",    "InternalError", "InternalError",
                                         "InvalidParameter", "InternalError", "InternalError",
                                         "InternalError"};
    for (int how = 0; how < 7; how++) {
        assert_fails(store_write(test.store, load_wrongly, &how, &error), wanted[how]);
        assert_int_equal(stored(), 0);
    }
    assert_done(store_write(test.store, put_three, NULL, &error));
}

int main(void) {
    const struct CMUnitTest cases[] = {
        CASE(a_bulk_load_stores_every_row),
        CASE(a_bulk_load_of_large_values_stores_them),
        CASE(a_conflict_in_a_bulk_load_is_told),
        CASE(wrong_use_of_a_bulk_load_is_an_error),
    };
    return run_on_both(cases);
}
