/*
 * How readers read values of many pages: in few calls when they are told the length, wherever the pages lie,
 * and always what is stored, whatever they are told. The program stands between SQLite and the system, to
 * count what is read of the database and to refuse it.
 */
#include "store/cases.h"

#include <errno.h>
#include <sqlite3.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"

enum { PAGE = 4096, LARGE = 40 * PAGE, HUGE = 2 << 20, VALUES = 12 };

static test_case test;
static char bytes[HUGE];
static _Thread_local long reads; /* of the database, not of its log */
static _Thread_local size_t read_bytes,
    refused; /* reading this much at once, or more, fails; 0: nothing does */

static bool is_database(int fd) {
    char link[64], name[600];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name);
    return n > 3 && memcmp(name + n - 3, ".db", 3) == 0;
}

ssize_t pread64(int fd, void *to, size_t n, off_t at) {
    if (is_database(fd)) {
        reads++;
        read_bytes += n;
        if (refused && n >= refused) {
            errno = EIO;
            return -1;
        }
    }
    return (ssize_t)syscall(SYS_pread64, fd, to, n, at);
}

/* No two values have a page alike, nor has a value two pages that are. */
static pl_str make_value(int64_t id, size_t size) {
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)((size_t)id * 31 + i / 7 + i / PAGE * 13);
    return pl_str_of(bytes, size);
}

struct value {
    int64_t id;
    size_t size;
    int64_t told;  /* 0: nothing */
    int64_t other; /* a value that is read in between, untold; 0: none */
    bool same;     /* as it was made by `made` */
    int64_t made;
};

static int make_table(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, "CREATE TABLE things(id BIGINT NOT NULL PRIMARY KEY, body BYTEA)", "");
}

static int put(store_session *session, void *argument, pl_error *e) {
    const struct value *value = argument;
    if (store_run(session, e, "DELETE FROM things WHERE id = $1", "i", value->id) != 0)
        return -1;
    return store_run(session, e, "INSERT INTO things VALUES($1, $2)", "ib", value->id,
                     make_value(value->made, value->size));
}

static int drop_even(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, "DELETE FROM things WHERE id % 2 = 0", "");
}

static int compare(store_session *session, struct value *value, pl_error *e) {
    store_statement *st = store_prepare(session, "SELECT body FROM things WHERE id = $1", e);
    store_bind_i64(st, 1, value->id);
    if (store_step(st, e) != 1)
        return -1;
    value->same = pl_str_eq(store_column_blob(st, 0), make_value(value->made, value->size));
    store_reset(st);
    return 0;
}

/* The way to the value is read before, as who knows its length has done. */
static int get(store_session *session, void *argument, pl_error *e) {
    struct value *value = argument, other = {.id = value->other, .size = value->size, .made = value->other};
    int64_t length;
    store_statement *st = store_prepare(session, "SELECT length(body) FROM things WHERE id = $1", e);
    store_bind_i64(st, 1, value->id);
    if (store_number(st, &length, e) != 0)
        return -1;
    reads = 0;
    read_bytes = 0;
    store_expect(session, value->told);
    if (value->other && (compare(session, &other, e) != 0 || !other.same))
        return -1;
    int status = compare(session, value, e);
    store_expect(session, 0);
    return status;
}

static void assert_read(int64_t id, int64_t made, size_t size, int64_t told) {
    struct value value = {.id = id, .made = made, .size = size, .told = told};
    assert_done(store_read(test.store, get, &value, &error));
    assert_true(value.same);
}

static void put_value(int64_t id, int64_t made, size_t size) {
    struct value value = {.id = id, .made = made, .size = size};
    assert_done(store_write(test.store, put, &value, &error));
}

/* Everything leaves the log for the database. */
static void copy_log(void) {
    sqlite3 *connection;
    assert_int_equal(sqlite3_open(test.database.url + strlen("sqlite:"), &connection), SQLITE_OK);
    assert_int_equal(sqlite3_exec(connection, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(connection);
}

static int setup(void **state) {
    (void)state;
    refused = 0;
    if (new_case(&test) != 0)
        return -1;
    open_case(&test, NULL);
    if (store_write(test.store, make_table, NULL, &error) != 0)
        return -1;
    for (int64_t id = 1; id <= VALUES; id++)
        put_value(id, id, LARGE);
    copy_log();
    return 0;
}

static int teardown(void **state) {
    (void)state;
    refused = 0;
    drop_case(&test);
    test.store = NULL;
    return 0;
}

static void a_value_is_read_at_once(void **state) {
    (void)state;
    assert_read(3, 3, LARGE, LARGE);
    assert_in_range(reads, 1, 3); /* pieces below 128 KiB */
    assert_in_range(read_bytes, LARGE - PAGE, LARGE + 4 * PAGE);
    assert_read(3, 3, LARGE, 0); /* the pages are kept by SQLite, as ever */
    assert_read(4, 4, LARGE, 0);
    assert_true(reads > 30);
}

/* Pages that were given back are taken highest first, here and there with others in between. */
static void a_value_may_lie_the_other_way_round_or_in_pieces(void **state) {
    (void)state;
    long most = 0, all = 0;
    assert_done(store_write(test.store, drop_even, NULL, &error));
    for (int64_t id = 2; id <= VALUES; id += 2)
        put_value(id, id + 100, LARGE);
    copy_log();
    for (int64_t id = 1; id <= VALUES; id++) {
        assert_read(id, id % 2 ? id : id + 100, LARGE, LARGE);
        most = reads > most ? reads : most;
        all += reads;
    }
    assert_true(most < 20);
    assert_true(all < 8L * VALUES);
}

static void what_is_told_changes_nothing_but_the_calls(void **state) {
    (void)state;
    static const int64_t told[] = {1, PAGE, 2 * PAGE, LARGE / 2, 2 * LARGE, HUGE, INT64_MAX, -1, INT64_MIN};
    put_value(VALUES + 1, 7, 100);
    put_value(VALUES + 2, 7, HUGE);
    copy_log();
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        assert_read(2, 2, LARGE, told[i]);
        assert_read(VALUES, VALUES, LARGE, told[i]);
        assert_read(VALUES + 1, 7, 100, told[i]);
        assert_read(VALUES + 2, 7, HUGE, told[i]);
    }
    struct value between = {.id = 5, .made = 5, .size = LARGE, .told = LARGE, .other = 9};
    assert_done(store_read(test.store, get, &between, &error));
    assert_true(between.same);
}

/* Also the last of the file, behind which nothing can be read. */
static void a_value_longer_than_what_is_read_at_once_is_read_in_parts(void **state) {
    (void)state;
    put_value(VALUES + 1, 5, HUGE);
    copy_log();
    assert_read(VALUES + 1, 5, HUGE, HUGE);
    assert_in_range(reads, HUGE / (124 << 10), HUGE / (124 << 10) + 6);
}

/* What was read ahead is of no use to the next transaction. */
static void a_changed_value_is_read_anew(void **state) {
    (void)state;
    for (int64_t made = 20; made < 25; made++) {
        put_value(6, made, LARGE);
        if (made % 2)
            copy_log();
        assert_read(6, made, LARGE, LARGE);
    }
}

/* Where reading at once fails, the value is read page by page, and fails only with that. */
static void what_hinders_reading_ahead_hinders_nothing(void **state) {
    (void)state;
    refused = 2 * PAGE;
    assert_read(7, 7, LARGE, LARGE);
    assert_true(reads > 30);
    refused = 0;
    struct value value = {.id = 8, .made = 8, .size = LARGE, .told = LARGE};
    bool failed = true;
    for (long successes = 0; failed; successes++) {
        value.id = value.made = 1 + successes % VALUES;
        pl_memory_fail_once(successes);
        int status = store_read(test.store, get, &value, &error);
        failed = pl_memory_fail_end();
        assert_true(status != 0 || value.same);
    }
    refused = 1;
    value.id = value.made = 10;
    assert_fails(store_read(test.store, get, &value, &error), "ServiceUnavailable");
    refused = 0;
    assert_read(10, 10, LARGE, LARGE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest cases[] = {
        CASE(a_value_is_read_at_once),
        CASE(a_value_may_lie_the_other_way_round_or_in_pieces),
        CASE(what_is_told_changes_nothing_but_the_calls),
        CASE(a_value_longer_than_what_is_read_at_once_is_read_in_parts),
        CASE(a_changed_value_is_read_anew),
        CASE(what_hinders_reading_ahead_hinders_nothing),
    };
    return cmocka_run_group_tests_name("Reading ahead", cases, use_sqlite, NULL);
}
