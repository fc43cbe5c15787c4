/*
 * Copying the log into the database: a thread does it beside the commits and flushes what it copied, the
 * writer has little left to do, and the log begins anew. The program stands between SQLite and the system, to
 * see who writes what.
 */
#include "store/cases.h"

#include "base/clock.h"

#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, LARGE = 60000, ROWS_OVER_LIMIT = 300, REST = 500, PATIENCE_SECONDS = 60 };

static test_case test;
static char bytes[LARGE];
static atomic_long copied_beside, flushed_beside; /* pages that other threads wrote into the database */
static _Thread_local bool commits;                /* the thread of the test */
static long copied_between, log_place; /* the same of the test's thread; where it wrote the log last */

static bool names_end(int fd, const char *end) {
    char link[64], name[600];
    size_t length = strlen(end);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name);
    return n > (ssize_t)length && memcmp(name + n - length, end, length) == 0;
}

ssize_t pwrite64(int fd, const void *from, size_t n, off_t at) {
    if (names_end(fd, ".db") && commits)
        copied_between += (long)n / PAGE;
    else if (names_end(fd, ".db"))
        copied_beside += (long)n / PAGE;
    else if (names_end(fd, "-wal") && commits)
        log_place = at;
    return (ssize_t)syscall(SYS_pwrite64, fd, from, n, at);
}

int fdatasync(int fd) {
    if (!commits && names_end(fd, ".db"))
        flushed_beside = copied_beside;
    return (int)syscall(SYS_fdatasync, fd);
}

static int make_table(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, "CREATE TABLE things(id BIGINT NOT NULL PRIMARY KEY, body TEXT)", "");
}

static int setup(void **state) {
    (void)state;
    memset(bytes, 'x', sizeof bytes);
    if (new_case(&test) != 0)
        return -1;
    open_case(&test, NULL);
    int result = store_write(test.store, make_table, NULL, &error);
    commits = true;
    copied_between = log_place = 0;
    copied_beside = flushed_beside = 0;
    return result;
}

static int teardown(void **state) {
    (void)state;
    commits = false;
    drop_case(&test);
    test.store = NULL;
    return 0;
}

static int add(store_session *session, void *argument, pl_error *e) {
    int64_t *next = argument;
    return store_run(session, e, "INSERT INTO things VALUES($1, $2)", "it", (*next)++,
                     pl_str_of(bytes, LARGE));
}

static void commit_rows(int64_t *next, int count) {
    for (int i = 0; i < count; i++)
        assert_int_equal(store_write(test.store, add, next, &error), 0);
}

/* Until the thread has written and flushed most of what was committed. */
static void wait_for_thread(void) {
    int64_t end = pl_monotonic_ns() + PATIENCE_SECONDS * INT64_C(1000000000);
    long most = ROWS_OVER_LIMIT * LARGE / PAGE / 2;
    while (flushed_beside < most && pl_monotonic_ns() < end)
        sched_yield();
    assert_true(flushed_beside >= most);
}

static void a_thread_copies_the_log_and_flushes(void **state) {
    (void)state;
    int64_t next = 1;
    commit_rows(&next, ROWS_OVER_LIMIT);
    wait_for_thread();
    assert_in_range(copied_between, 0, REST);
}

static void the_writer_copies_the_rest_and_the_log_begins_anew(void **state) {
    (void)state;
    int64_t next = 1;
    long before = 0;
    commit_rows(&next, ROWS_OVER_LIMIT);
    wait_for_thread();
    for (int i = 0; log_place >= before && i < 3 * ROWS_OVER_LIMIT; i++) {
        before = log_place;
        commit_rows(&next, 1);
    }
    assert_true(log_place < before);
    assert_in_range(copied_between, 0, REST);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest cases[] = {
        CASE(a_thread_copies_the_log_and_flushes),
        CASE(the_writer_copies_the_rest_and_the_log_begins_anew),
    };
    return cmocka_run_group_tests_name("Copying the log of SQLite", cases, use_sqlite, NULL);
}
