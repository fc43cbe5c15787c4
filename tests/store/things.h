/* A table of things on a fresh database of each driver, and how to fill and count it: for tests of the store.
 */
#ifndef PL_TESTS_STORE_THINGS_H
#define PL_TESTS_STORE_THINGS_H

#include "store/cases.h"

static test_case test;

static inline int make_table(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(
        session, e,
        "CREATE TABLE things(account_id TEXT NOT NULL, id BIGINT NOT NULL, name TEXT, body BYTEA,"
        "size BIGINT CHECK (size < 1000), PRIMARY KEY (account_id, id))",
        "");
}

static inline int setup(void **state) {
    (void)state;
    if (new_case(&test) != 0)
        return -1;
    open_case(&test, NULL);
    return store_write(test.store, make_table, NULL, &error);
}

static inline int teardown(void **state) {
    (void)state;
    drop_case(&test);
    return 0;
}

static const char insert_thing[] = "INSERT INTO things(account_id, id, name, body, size) "
                                   "VALUES($1, $2, $3, $4, $5)";

static inline int put(store_session *session, int64_t id, const char *name, pl_error *e) {
    return store_run(session, e, insert_thing, "titbi", PL_STR("a"), id, pl_str_from(name), PL_STR_NONE,
                     (int64_t)1);
}

static inline int put_three(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return put(session, 1, "one", e) || put(session, 2, "two", e) || put(session, 3, "three", e) ? -1 : 0;
}

static inline int count_into(store_session *session, void *argument, pl_error *e) {
    store_statement *st = store_prepare(session, "SELECT count(*) FROM things", e);
    if (store_step(st, e) != 1)
        return -1;
    *(int64_t *)argument = store_column_i64(st, 0);
    return 0;
}

static inline int64_t stored(void) {
    int64_t count = -1;
    assert_done(store_read(test.store, count_into, &count, &error));
    return count;
}
static inline int put_one(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return put(session, 1, "one", e);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
