/*
 * How the writer's connection writes the log: a commit in one call, a commit that cannot be written fails
 * alone, works that are larger than SQLite's cache are whole or nothing. The program stands between SQLite
 * and the system, to count and to refuse writes to the log.
 */
#include "store/cases.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SMALL = 3000, LARGE = 60000, MANY = 400 };

static test_case test;
static char bytes[LARGE];
static _Thread_local long writes, refused = -1; /* writes to a log; how many more succeed, negative: all */

static bool is_log(int fd) {
    char link[64], name[600];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name);
    return n > 4 && memcmp(name + n - 4, "-wal", 4) == 0;
}

ssize_t pwrite64(int fd, const void *from, size_t n, off_t at) {
    if (is_log(fd)) {
        writes++;
        if (refused == 0) {
            errno = ENOSPC;
            return -1;
        }
        refused -= refused > 0;
    }
    return (ssize_t)syscall(SYS_pwrite64, fd, from, n, at);
}

static int make_table(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, "CREATE TABLE things(id BIGINT NOT NULL PRIMARY KEY, body TEXT)", "");
}

static int setup(void **state) {
    (void)state;
    memset(bytes, 'x', sizeof bytes);
    refused = -1;
    if (new_case(&test) != 0)
        return -1;
    open_case(&test, NULL);
    return store_write(test.store, make_table, NULL, &error);
}

static int teardown(void **state) {
    (void)state;
    refused = -1;
    drop_case(&test);
    test.store = NULL;
    return 0;
}

/* Rows to add, from a number on. */
struct rows {
    int64_t from, count;
    size_t size;
    bool fails; /* at the end */
};

static int add(store_session *session, void *argument, pl_error *e) {
    const struct rows *rows = argument;
    for (int64_t i = 0; i < rows->count; i++)
        if (store_run(session, e, "INSERT INTO things VALUES($1, $2)", "it", rows->from + i,
                      pl_str_of(bytes, rows->size)) != 0)
            return -1;
    return rows->fails ? pl_fail(e, PL_E_InvalidParameter) : 0;
}

static int count_into(store_session *session, void *argument, pl_error *e) {
    store_statement *st = store_prepare(session, "SELECT count(*), sum(length(body)) FROM things", e);
    if (store_step(st, e) != 1)
        return -1;
    ((int64_t *)argument)[0] = store_column_i64(st, 0);
    ((int64_t *)argument)[1] = store_column_i64(st, 1);
    return 0;
}

static void assert_stored(int64_t count, int64_t size) {
    int64_t found[2];
    assert_done(store_read(test.store, count_into, found, &error));
    assert_int_equal(found[0], count);
    assert_int_equal(found[1], size);
}

static void reopen(void) {
    store_close(test.store);
    test.store = NULL;
    open_case(&test, NULL);
}

static void a_commit_of_many_pages_is_written_in_one_call(void **state) {
    (void)state;
    struct rows rows = {0, 20, SMALL, false};
    assert_done(store_write(test.store, add, &rows, &error)); /* the log has its head now */
    rows.from = 20;
    writes = 0;
    assert_done(store_write(test.store, add, &rows, &error));
    assert_int_equal(writes, 1);
    assert_stored(40, 40 * SMALL);
}

static void a_commit_that_cannot_be_written_fails_alone(void **state) {
    (void)state;
    struct rows rows = {0, 20, SMALL, false};
    assert_done(store_write(test.store, add, &rows, &error));
    rows.from = 20;
    refused = 0;
    assert_int_equal(store_write(test.store, add, &rows, &error), -1);
    assert_string_equal(error.code, "ServiceUnavailable");
    assert_non_null(strstr(error.message, "full"));
    assert_stored(20, 20 * SMALL);
    refused = -1;
    rows.from = 40;
    assert_done(store_write(test.store, add, &rows, &error));
    assert_stored(40, 40 * SMALL);
    reopen();
    assert_stored(40, 40 * SMALL);
}

/* Pages leave SQLite's cache for the log before the commit, and are read from there again. */
static void a_work_larger_than_the_cache_is_whole_or_nothing(void **state) {
    (void)state;
    struct rows rows = {0, MANY, LARGE, true};
    assert_int_equal(store_write(test.store, add, &rows, &error), -1);
    assert_stored(0, 0);
    rows.fails = false;
    assert_done(store_write(test.store, add, &rows, &error));
    assert_stored(MANY, (int64_t)MANY * LARGE);
    rows = (struct rows){MANY, 1, SMALL, false};
    assert_done(store_write(test.store, add, &rows, &error));
    reopen();
    assert_stored(MANY + 1, (int64_t)MANY * LARGE + SMALL);
}

/* Whatever write of a large work is the one that fails. */
static void a_large_work_that_cannot_be_written_leaves_nothing(void **state) {
    (void)state;
    struct rows rows = {0, MANY, LARGE, false};
    int64_t failures = 0;
    bool failed = true;
    for (long succeed = 0; failed; succeed = 2 * succeed + 7) {
        refused = succeed;
        failed = store_write(test.store, add, &rows, &error) != 0;
        refused = -1;
        failures += failed;
        if (failed)
            assert_stored(0, 0);
    }
    assert_true(failures > 3);
    assert_stored(MANY, (int64_t)MANY * LARGE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest cases[] = {
        CASE(a_commit_of_many_pages_is_written_in_one_call),
        CASE(a_commit_that_cannot_be_written_fails_alone),
        CASE(a_work_larger_than_the_cache_is_whole_or_nothing),
        CASE(a_large_work_that_cannot_be_written_leaves_nothing),
    };
    return cmocka_run_group_tests_name("The log of SQLite", cases, use_sqlite, NULL);
}
